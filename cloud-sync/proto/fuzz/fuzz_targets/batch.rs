//! Reading a batch never panics, and what was read reads back from its own bytes.
#![no_main]

use prim_proto::Batch;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(batch) = Batch::read(bytes) {
        assert_eq!(Batch::read(&batch.encode()).ok().as_ref(), Some(&batch));
    }
});
