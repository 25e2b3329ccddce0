//! Verifying an export never panics, and nothing verifies without a trusted key.
#![no_main]

use prim_proto::{KeySet, export};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    assert!(export::verify(bytes, &KeySet::default()).is_err());
});
