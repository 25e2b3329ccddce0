//! Any bytes on the loopback socket: refused or read, and what was read is written back to bytes that read the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prim_adapter::loopback::wire::Decoder;

fuzz_target!(|bytes: &[u8]| {
    let mut decoder = Decoder::default();
    decoder.push(bytes);
    while let Ok(Some(message)) = decoder.next() {
        let mut again = Decoder::default();
        again.push(&message.encode());
        assert_eq!(again.next().as_ref(), Ok(&Some(message)));
    }
});
