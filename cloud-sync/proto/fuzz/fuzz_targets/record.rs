//! Reading a record never panics, and a known one has the chain fields that every version has.
#![no_main]

use prim_proto::{ChainFields, Reading};

libfuzzer_sys::fuzz_target!(|raw: &str| {
    if let Ok(reading) = Reading::of(raw) {
        assert_eq!(ChainFields::of(raw).ok().as_ref(), Some(reading.chain()));
    }
});
