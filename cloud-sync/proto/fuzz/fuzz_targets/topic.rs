//! Whatever reads as a topic is that topic's own text.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(topic) = text.parse::<prim_proto::Topic>() {
        assert_eq!(topic.to_string(), text);
    }
});
