//! Any bytes as a wave file: refused, or read to no more sound than there are bytes, every sample of it a number. The
//! first byte says how much of a good beginning stands before the rest, so that each layer is reached.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prim_wave::Wave;

const RIFF: &[u8] = b"RIFF\xff\xff\xff\xffWAVE";
const FORMAT: &[u8] = b"RIFF\xff\xff\xff\xffWAVEfmt \x28\0\0\0";

fuzz_target!(|bytes: &[u8]| {
    let Some((layer, rest)) = bytes.split_first() else { return };
    let file = match layer % 4 {
        0 => rest.to_vec(),
        1 => [RIFF, rest].concat(),
        2 => [FORMAT, rest].concat(),
        _ => {
            let (format, sound) = rest.split_at(rest.len().min(40));
            [FORMAT, format, b"data\xff\xff\xff\xff", sound].concat()
        }
    };
    let Ok(mut wave) = Wave::open(&file[..]) else { return };
    let mut mono = Vec::new();
    while wave.read_block(&mut mono).is_ok_and(|frames| frames > 0) {}
    assert!(mono.len() <= file.len());
    assert!(mono.iter().all(|sample| sample.is_finite()));
    assert_eq!(wave.taken().frames, mono.len() as u64);
});
