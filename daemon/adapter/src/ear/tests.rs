use super::*;

const RATE: SampleRate = prim_audio::DEVICE_RATE;

fn block(at: u64) -> AudioBlock {
    AudioBlock::new(SampleTime(at), &[1; DEVICE_BLOCK]).unwrap()
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn drain(ear: &mut Ear) -> Vec<(u64, u64)> {
    std::iter::from_fn(|| ear.hear())
        .map(|heard| match heard {
            Heard::Block(b) => (b.at.0, 0),
            Heard::Gap { from, missing } => (from.0, missing.0),
        })
        .collect()
}

#[test]
fn a_jump_in_the_platforms_time_is_heard_as_a_gap_and_not_as_silence() {
    let (mut ear, mut feed) = ear(EarId(0), RATE, ClockDomain::Remote(0));
    for (n, at) in [0, 480, 1920, 2400].into_iter().enumerate() {
        feed.push(ms(10 * n as u64), &block(at));
    }
    assert_eq!(drain(&mut ear), [(0, 0), (480, 0), (960, 960), (1920, 0), (2400, 0)]);
    assert_eq!(ear.gaps(), 1);
}

#[test]
fn late_and_repeated_blocks_are_dropped_and_counted() {
    let (mut ear, mut feed) = ear(EarId(0), RATE, ClockDomain::Remote(0));
    for at in [0, 960, 480, 960, 1440] {
        feed.push(ms(0), &block(at));
    }
    assert_eq!(drain(&mut ear), [(0, 0), (480, 480), (960, 0), (1440, 0)]);
    assert_eq!(ear.stale_blocks(), 2);
}

#[test]
fn a_full_ear_drops_the_newest_and_the_hole_shows() {
    let (mut ear, mut feed) = ear(EarId(0), RATE, ClockDomain::Remote(0));
    let total = Ear::CAPACITY_BLOCKS as u64 + 5;
    for n in 0..total {
        feed.push(ms(10 * n), &block(480 * n));
    }
    assert_eq!(drain(&mut ear).len(), Ear::CAPACITY_BLOCKS);
    feed.push(ms(10 * total), &block(480 * total));
    assert_eq!(ear.overflowed_blocks(), 5);
    let full = Ear::CAPACITY_BLOCKS as u64 * 480;
    assert_eq!(drain(&mut ear), [(full, 5 * 480), (480 * total, 0)]);
}

#[test]
fn a_stream_that_starts_anew_goes_on_after_a_gap_as_long_as_the_absence() {
    let (mut ear, mut feed) = ear(EarId(0), RATE, ClockDomain::Remote(0));
    feed.push(ms(1000), &block(48_000));
    feed.restart();
    feed.push(ms(1500), &block(0));
    feed.push(ms(1510), &block(480));
    assert_eq!(drain(&mut ear), [(48_000, 0), (48_480, 24_000), (72_480, 0), (72_960, 0)]);
}

#[test]
fn a_sample_time_at_the_end_of_its_range_does_no_harm() {
    let (mut ear, mut feed) = ear(EarId(0), RATE, ClockDomain::Remote(0));
    feed.push(ms(0), &block(u64::MAX - 480));
    feed.restart();
    feed.push(ms(10), &block(5));
    feed.push(ms(20), &block(u64::MAX));
    drain(&mut ear);
    assert!(ear.stale_blocks() >= 1);
}

#[test]
fn floats_are_clipped_and_wrong_shapes_refused() {
    let block = AudioBlock::from_f32(SampleTime(0), &[2.0, -2.0, 0.0]).unwrap();
    assert_eq!(block.samples(), [32_767, -32_767, 0]);
    assert!(AudioBlock::new(SampleTime(0), &[]).is_err());
    assert!(AudioBlock::new(SampleTime(0), &[0; DEVICE_BLOCK + 1]).is_err());
}

#[test]
fn a_block_prints_its_place_and_never_its_sound() {
    let shown = format!("{:?}", AudioBlock::new(SampleTime(7), &[12_345; 480]).unwrap());
    assert!(shown.contains("480") && !shown.contains("12345"), "{shown}");
}
