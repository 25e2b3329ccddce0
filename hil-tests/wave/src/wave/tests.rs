use proptest::prelude::*;

use super::*;

/// The body of a `fmt ` chunk.
fn fmt(tag: u16, channels: u16, rate: u32, frame: u16, bits: u16) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(tag.to_le_bytes());
    body.extend(channels.to_le_bytes());
    body.extend(rate.to_le_bytes());
    body.extend((rate.saturating_mul(u32::from(frame))).to_le_bytes());
    body.extend(frame.to_le_bytes());
    body.extend(bits.to_le_bytes());
    body
}

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = [&name[..], &(body.len() as u32).to_le_bytes()[..], body].concat();
    if body.len() % 2 == 1 {
        out.push(0);
    }
    out
}

fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    [b"RIFF", &(body.len() as u32 + 4).to_le_bytes()[..], b"WAVE", &body].concat()
}

fn plain(data: &[u8]) -> Vec<u8> {
    riff(&[chunk(b"fmt ", &fmt(1, 1, 16_000, 2, 16)), chunk(b"data", data)])
}

fn mono(bytes: &[u8]) -> Result<(Vec<f32>, Taken), WaveError> {
    let mut wave = Wave::open(bytes)?;
    let mut out = Vec::new();
    while wave.read_block(&mut out)? > 0 {}
    Ok((out, *wave.taken()))
}

fn refused(bytes: &[u8]) -> String {
    Wave::open(bytes).unwrap_err().to_string()
}

#[test]
fn every_encoding_is_read_and_its_channels_are_averaged() {
    let half = 0.5_f32;
    let cases: [(u16, u16, Vec<u8>); 8] = [
        (1, 8, vec![192, 128]),
        (1, 16, [0x4000_i16.to_le_bytes(), [0, 0]].concat()),
        (1, 24, vec![0, 0, 0x40, 0, 0, 0]),
        (1, 32, [0x4000_0000_i32.to_le_bytes(), [0; 4]].concat()),
        (3, 32, [half.to_le_bytes(), [0; 4]].concat()),
        (3, 64, [0.5_f64.to_le_bytes(), [0; 8]].concat()),
        // 0.5 lies between two steps of both laws, zero is half a step in A-law.
        (6, 8, vec![0x80 ^ 0x70 ^ 0x55, 0xd5]),
        (7, 8, vec![0x8f, 0xff]),
    ];
    for (tag, bits, data) in cases {
        let bytes = riff(&[chunk(b"fmt ", &fmt(tag, 2, 44_100, bits / 4, bits)), chunk(b"data", &data)]);
        let (sound, taken) = mono(&bytes).unwrap();
        assert_eq!((sound.len(), taken.frames), (1, 1), "{tag} {bits}");
        assert!((sound[0] - 0.25).abs() < 0.02, "{tag} {bits}: {}", sound[0]);
    }
}

#[test]
fn an_extensible_header_says_the_same_in_more_words() {
    let mut body = fmt(EXTENSIBLE, 1, 48_000, 4, 32);
    body.extend([22, 0, 24, 0, 4, 0, 0, 0]);
    let with = |guid: &[u8]| {
        riff(&[chunk(b"fmt ", &[&body[..], guid].concat()), chunk(b"data", &0.5_f32.to_le_bytes())])
    };
    let plain = [&[3, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71][..]].concat();
    assert_eq!(mono(&with(&plain)).unwrap().0, [0.5]);
    assert!(refused(&with(&[7; 16])).contains("of a kind of its own"));
    assert!(matches!(Wave::open(&with(&plain[..4])[..]), Err(WaveError::HeaderCut)));
}
const EXTENSIBLE: u16 = 0xfffe;

#[test]
fn other_chunks_also_of_odd_length_are_passed_over() {
    let bytes = riff(&[
        chunk(b"LIST", b"odd"),
        chunk(b"fmt ", &[fmt(1, 1, 16_000, 2, 16), vec![0, 0]].concat()),
        chunk(b"fact", &[0; 4]),
        chunk(b"data", &[0, 0x40]),
        chunk(b"LIST", b"trailer"),
    ]);
    assert_eq!(mono(&bytes).unwrap().0, [0.5]);
}

#[test]
fn a_long_wave_keeps_its_length_elsewhere() {
    let mut ds64 = vec![0; 28];
    ds64[8] = 4;
    let mut bytes = [&b"RF64\xff\xff\xff\xffWAVE"[..], &chunk(b"ds64", &ds64)].concat();
    bytes.extend(chunk(b"fmt ", &fmt(1, 1, 16_000, 2, 16)));
    bytes.extend(b"data\xff\xff\xff\xff");
    bytes.extend([0, 0x40, 0, 0xc0, 1, 1, 1, 1]);
    assert_eq!(mono(&bytes).unwrap().0, [0.5, -0.5]);
}

#[test]
fn what_is_there_is_read_when_the_header_promises_more_or_nothing_yet() {
    let whole = plain(&[0, 0x40, 0, 0xc0, 0, 0x40]);
    let wave = Wave::open(&whole[..whole.len() - 3]).unwrap();
    assert_eq!(wave.promised_frames(), Some(3));
    assert_eq!(mono(&whole[..whole.len() - 3]).unwrap().0, [0.5], "half a frame is none");
    for (riff, data) in [(0_u32, 0_u32), (36, 0), (u32::MAX, u32::MAX), (0x7fff_f024, 0x7fff_f000)] {
        let mut streamed = whole.clone();
        streamed[4..8].copy_from_slice(&riff.to_le_bytes());
        streamed[40..44].copy_from_slice(&data.to_le_bytes());
        assert_eq!(Wave::open(&streamed[..]).unwrap().promised_frames(), None, "{riff:#x} {data:#x}");
        assert_eq!(mono(&streamed).unwrap().0, [0.5, -0.5, 0.5]);
    }
}

#[test]
fn what_is_no_number_is_silence_and_is_counted() {
    let samples = [f32::NAN, f32::INFINITY, 0.25, -0.5, 32_000.0];
    let data: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    let bytes = riff(&[chunk(b"fmt ", &fmt(3, 1, 16_000, 4, 32)), chunk(b"data", &data)]);
    let (sound, taken) = mono(&bytes).unwrap();
    assert_eq!(sound, [0.0, 0.0, 0.25, -0.5, 32_000.0]);
    assert_eq!((taken.not_numbers, taken.beyond, taken.peak), (2, 1, 0.5));
    assert!(taken.scaled_otherwise());
}

#[test]
fn each_file_that_cannot_be_read_is_told_what_it_is_and_what_to_do() {
    assert!(refused(b"").contains("the file is empty"));
    assert!(refused(b"Dear Prim, I am no wave file.").contains("no wave file; convert it"));
    assert!(refused(b"fLaC and so on and so on").contains("FLAC"));
    assert!(refused(b"\0\0\0\x20ftypM4A and so on").contains("MPEG-4"));
    assert!(refused(b"RIFF\0\0\0\0AVI ").contains("AVI"));
    let good = plain(&[0, 0x40]);
    for end in 1..44 {
        let why = refused(&good[..end]);
        let known = if end == 12 || end > 12 && end < 36 { "ends inside" } else { "" };
        assert!(why.contains(known) && !why.is_empty(), "{end} bytes: {why}");
    }
    assert!(refused(&good[..36]).contains("no sound behind it"));
    let of = |fmt: Vec<u8>| refused(&riff(&[chunk(b"fmt ", &fmt), chunk(b"data", &[0; 8])]));
    assert!(of(fmt(0x55, 1, 16_000, 1, 0)).contains("MP3"));
    assert!(of(fmt(0x1234, 1, 16_000, 1, 0)).contains("0x1234"));
    assert!(of(fmt(1, 0, 16_000, 2, 16)).contains("0 channels"));
    assert!(of(fmt(1, 65, 16_000, 130, 16)).contains("65 channels"));
    assert!(of(fmt(1, 1, 0, 2, 16)).contains("0 samples a second"));
    assert!(of(fmt(1, 1, u32::MAX, 2, 16)).contains("4294967295 samples a second"));
    assert!(of(fmt(1, 1, 16_000, 8, 64)).contains("64 bits in 8 bytes"));
    assert!(of(fmt(1, 1, 16_000, 2, 24)).contains("24 bits in 2 bytes"));
    assert!(of(fmt(1, 2, 16_000, 3, 8)).contains("cannot be read"));
    assert!(of(fmt(3, 1, 16_000, 2, 16)).contains("floats of 16 bits"));
    assert!(refused(&riff(&[chunk(b"data", &[0; 8])])).contains("no `fmt ` before `data`"));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic_or_make_up_sound(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok((sound, _)) = mono(&bytes) {
            prop_assert!(sound.len() <= bytes.len());
        }
    }

    #[test]
    fn no_changed_bytes_make_it_panic_or_make_up_sound(
        changes in proptest::collection::vec((0_usize..80, any::<u8>()), 1..6),
        end in 0_usize..81,
    ) {
        let mut bytes = plain(&[0x11; 36]);
        for (at, byte) in changes {
            let last = bytes.len() - 1;
            bytes[at.min(last)] = byte;
        }
        bytes.truncate(end);
        if let Ok((sound, taken)) = mono(&bytes) {
            prop_assert!(sound.len() <= bytes.len() && taken.frames == sound.len() as u64);
            prop_assert!(sound.iter().all(|s| s.is_finite()));
        }
    }

    #[test]
    fn whole_numbers_of_any_depth_and_channel_count_come_back(
        (channels, bytes) in (1_u16..=64, 2_u16..=4),
        frames in proptest::collection::vec(-1.0_f32..1.0, 0..200),
    ) {
        let mut data = Vec::new();
        for value in &frames {
            let stored = ((f64::from(*value) * 2_147_483_647.0) as i32).to_le_bytes();
            for _ in 0..channels {
                data.extend(&stored[4 - usize::from(bytes)..]);
            }
        }
        let header = fmt(1, channels, 48_000, channels * bytes, bytes * 8);
        let (sound, _) = mono(&riff(&[chunk(b"fmt ", &header), chunk(b"data", &data)])).unwrap();
        prop_assert_eq!(sound.len(), frames.len());
        for (got, want) in sound.iter().zip(&frames) {
            prop_assert!((got - want).abs() < 1e-4, "{} for {}", got, want);
        }
    }
}
