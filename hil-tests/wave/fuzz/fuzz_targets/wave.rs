//! Any bytes as a wave file: refused, or read to no more sound than there are bytes, every sample of it a number.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prim_wave::Wave;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut wave) = Wave::open(bytes) else { return };
    let mut mono = Vec::new();
    while wave.read_block(&mut mono).is_ok_and(|frames| frames > 0) {}
    assert!(mono.len() <= bytes.len());
    assert!(mono.iter().all(|sample| sample.is_finite()));
    assert_eq!(wave.taken().frames, mono.len() as u64);
});
