//! The room does what its numbers say.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::sync::Arc;

use prim_audio::{DEVICE_BLOCK, SampleTime};
use prim_hal::Board;
use prim_hal_sim::{RoomSim, RoomSpec, measured_rt60_s};

fn board() -> Board {
    Board::builtin("sim-huddle").unwrap()
}

fn silent(spec: RoomSpec) -> RoomSpec {
    RoomSpec { noise_down_db: 90.0, ..spec }
}

/// A short broadband sound, the same each time.
fn burst(frames: usize) -> Arc<[f32]> {
    let mut state = 1_u32;
    (0..frames)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            0.1 * ((state >> 16) as f32 / 32_768.0 - 1.0)
        })
        .collect()
}

/// All microphones, one vector per channel.
fn listen(
    room: &mut RoomSim,
    blocks: usize,
    mut speaker: impl FnMut(usize) -> [i16; DEVICE_BLOCK],
) -> Vec<Vec<f64>> {
    let channels = room.channels();
    let mut heard = vec![Vec::new(); channels];
    for b in 0..blocks {
        for frame in room.step(&speaker(b)).chunks_exact(channels) {
            for (h, s) in heard.iter_mut().zip(frame) {
                h.push(f64::from(*s));
            }
        }
    }
    heard
}

/// The delay of `b` after `a` in frames, by the peak of their plain correlation, refined by a parabola.
fn delay(a: &[f64], b: &[f64]) -> f64 {
    let reach = 12_i64;
    let at = |lag: i64| -> f64 {
        (reach..a.len() as i64 - reach).map(|n| a[n as usize] * b[(n + lag) as usize]).sum()
    };
    let best = (1 - reach..reach).max_by(|x, y| at(*x).total_cmp(&at(*y))).unwrap();
    let (l, m, r) = (at(best - 1), at(best), at(best + 1));
    best as f64 + 0.5 * (l - r) / (l - 2.0 * m + r)
}

#[test]
fn the_measured_reverberation_time_is_the_asked_one_within_ten_percent() {
    for rt60_s in [0.25, 0.4] {
        let room = RoomSim::new(&RoomSpec { rt60_s, ..RoomSpec::default() }, &board()).unwrap();
        for talker in 0..3 {
            let measured: f64 =
                room.talker_responses(talker).iter().map(|r| measured_rt60_s(r).unwrap()).sum::<f64>() / 4.0;
            assert!(
                (measured / rt60_s - 1.0).abs() < 0.1,
                "talker {talker}: asked {rt60_s}, measured {measured:.3}"
            );
        }
    }
}

#[test]
fn a_talker_at_ninety_degrees_arrives_from_ninety_degrees() {
    let spec = silent(RoomSpec { rt60_s: 0.1, bearings_deg: vec![90.0], ..RoomSpec::default() });
    let mut room = RoomSim::new(&spec, &board()).unwrap();
    assert!(room.say(0, SampleTime(0), burst(4800)));
    let heard = listen(&mut room, 12, |_| [0; DEVICE_BLOCK]);
    // Microphones 0 and 2 lie on the x axis, 1 and 3 on the y axis, 7 cm apart.
    let (x, y) = (delay(&heard[0], &heard[2]), delay(&heard[1], &heard[3]));
    let bearing = y.atan2(x).to_degrees();
    assert!((bearing - 90.0).abs() < 5.0, "{bearing:.1} degrees from delays {x:.2} and {y:.2}");
    // 7 cm at the speed of sound, less the cosine of the mouth's height.
    let want = 0.07 / 343.0 * 48_000.0 * (1.0_f64 - 0.25 * 0.25).sqrt();
    assert!((y - want).abs() < 0.5, "{y:.2} frames, geometry says {want:.2}");
}

#[test]
fn every_bearing_of_the_demo_is_found_again() {
    let spec = silent(RoomSpec { rt60_s: 0.1, ..RoomSpec::default() });
    for (talker, want) in spec.bearings_deg.iter().enumerate() {
        let mut room = RoomSim::new(&spec, &board()).unwrap();
        room.say(talker, SampleTime(0), burst(4800));
        let heard = listen(&mut room, 12, |_| [0; DEVICE_BLOCK]);
        let bearing = delay(&heard[1], &heard[3]).atan2(delay(&heard[0], &heard[2])).to_degrees();
        let off = (bearing - f64::from(*want)).rem_euclid(360.0);
        assert!(off.min(360.0 - off) < 6.0, "asked {want}, arrived {bearing:.1}");
    }
}

#[test]
fn the_same_seed_gives_the_same_samples_and_another_seed_others() {
    let run = |seed| {
        let mut room =
            RoomSim::new(&RoomSpec { seed, rt60_s: 0.15, ..RoomSpec::default() }, &board()).unwrap();
        room.say(1, SampleTime(300), burst(2000));
        listen(&mut room, 20, |b| [(b as i16 % 7) * 900; DEVICE_BLOCK])
    };
    assert_eq!(run(4), run(4));
    assert_ne!(run(4), run(5));
}

#[test]
fn the_loudspeaker_comes_back_at_the_level_its_place_and_gain_ask_for() {
    let mut room = RoomSim::new(&silent(RoomSpec::default()), &board()).unwrap();
    let sound: Vec<i16> = burst(40 * DEVICE_BLOCK).iter().map(|s| (s * 32_768.0) as i16).collect();
    let heard = listen(&mut room, 40, |b| sound[b * DEVICE_BLOCK..][..DEVICE_BLOCK].try_into().unwrap());
    let rms = |x: &mut dyn Iterator<Item = f64>| {
        let (n, sum) = x.fold((0.0, 0.0), |(n, sum), v| (n + 1.0, sum + v * v));
        (sum / n).sqrt()
    };
    let sent = rms(&mut sound.iter().map(|s| f64::from(*s)));
    let back = rms(&mut heard.iter().flat_map(|h| h[9600..].iter().copied()));
    let gain_db = 20.0 * (back / sent).log10();
    // 27 cm away is +11.4 dB over a metre, less the gain of -9 dB; the walls add a little, never 3 dB this close.
    assert!((2.0..5.4).contains(&gain_db), "{gain_db:.1} dB");
    assert_eq!(room.clipped(), 0);
}

#[test]
fn the_noise_lies_as_far_below_a_talker_as_asked() {
    let spec = RoomSpec::default();
    let heard = listen(&mut RoomSim::new(&spec, &board()).unwrap(), 50, |_| [0; DEVICE_BLOCK]);
    let rms = (heard[0].iter().map(|v| v * v).sum::<f64>() / heard[0].len() as f64).sqrt() / 32_768.0;
    // A third of white noise's power lies below 8 kHz.
    let in_band_db = 20.0 * (rms / 3.0_f64.sqrt() / f64::from(RoomSim::talker_rms())).log10();
    assert!((in_band_db + 30.0).abs() < 0.5, "{in_band_db:.2} dB");
}

#[test]
fn the_mute_switch_cuts_the_microphones_and_not_the_room() {
    let mut room = RoomSim::new(&RoomSpec { rt60_s: 0.1, ..RoomSpec::default() }, &board()).unwrap();
    room.say(0, SampleTime(0), burst(9600));
    room.set_muted(true);
    assert!(listen(&mut room, 10, |_| [0; DEVICE_BLOCK]).iter().flatten().all(|v| *v == 0.0));
    room.set_muted(false);
    assert!(listen(&mut room, 10, |_| [0; DEVICE_BLOCK])[0].iter().any(|v| v.abs() > 500.0));
}

#[test]
fn nobody_speaks_in_the_past_or_from_a_place_that_does_not_exist() {
    let mut room = RoomSim::new(&RoomSpec { rt60_s: 0.1, ..RoomSpec::default() }, &board()).unwrap();
    room.step(&[0; DEVICE_BLOCK]);
    assert!(!room.say(0, SampleTime(479), burst(10)));
    assert!(!room.say(3, SampleTime(480), burst(10)));
    assert!(room.say(2, SampleTime(480), burst(10)));
}
