use proptest::prelude::*;

use super::*;

fn participant() -> impl Strategy<Value = Option<ParticipantId>> {
    // A ULID's first character holds three bits: all 128-bit numbers are ULIDs.
    proptest::option::of(any::<u128>().prop_map(ParticipantId::from_u128))
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        (any::<u64>(), proptest::collection::vec(any::<i16>(), DEVICE_BLOCK))
            .prop_map(|(at, pcm)| Message::Audio(AudioBlock::new(SampleTime(at), &pcm).unwrap())),
        (participant(), ".{0,80}").prop_map(|(participant, name)| Message::Joined { participant, name }),
        (participant(), proptest::option::of(".{0,80}"))
            .prop_map(|(participant, why)| Message::Left { participant, why }),
        (participant(), any::<bool>())
            .prop_map(|(participant, raised)| Message::Hand { participant, raised }),
        ".{0,200}".prop_map(|text| Message::Banner { text }),
        (any::<u128>(), ".{0,200}")
            .prop_map(|(n, text)| Message::Notice { participant: ParticipantId::from_u128(n), text }),
        (any::<u128>(), any::<bool>())
            .prop_map(|(n, agrees)| Message::Consent { participant: ParticipantId::from_u128(n), agrees }),
    ]
}

proptest! {
    #[test]
    fn what_was_written_is_read_back_however_the_stream_is_cut(
        messages in proptest::collection::vec(message(), 1..8),
        piece in 1_usize..700,
    ) {
        let bytes: Vec<u8> = messages.iter().flat_map(Message::encode).collect();
        let mut decoder = Decoder::default();
        let mut read = Vec::new();
        for chunk in bytes.chunks(piece) {
            decoder.push(chunk);
            while let Some(message) = decoder.next().unwrap() {
                read.push(message);
            }
        }
        prop_assert_eq!(read, messages);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic_or_hold_more_than_a_frame(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..20),
    ) {
        let mut decoder = Decoder::default();
        for chunk in chunks {
            decoder.push(&chunk);
            while let Ok(Some(_)) = decoder.next() {}
        }
    }

    #[test]
    fn damaged_frames_are_refused_or_read_but_never_panic(
        message in message(), place in any::<prop::sample::Index>(), flipped in 1_u8..,
    ) {
        let mut bytes = message.encode();
        let place = place.index(bytes.len());
        bytes[place] ^= flipped;
        let mut decoder = Decoder::default();
        decoder.push(&bytes);
        while let Ok(Some(_)) = decoder.next() {}
    }
}

#[test]
fn the_bytes_are_those_of_the_agreement() {
    let hand = Message::Hand { participant: None, raised: true }.encode();
    let json = br#"{"participant":null,"raised":true}"#;
    assert_eq!(hand[0], b'H');
    assert_eq!(hand[1..5], (json.len() as u32).to_le_bytes());
    assert_eq!(&hand[5..], json);

    let block = AudioBlock::new(SampleTime(0x0102), &[-2; DEVICE_BLOCK]).unwrap();
    let audio = Message::Audio(block).encode();
    assert_eq!(audio.len(), 5 + 8 + 960);
    assert_eq!(audio[..5], [b'A', 0xC8, 0x03, 0, 0]);
    assert_eq!(audio[5..15], [2, 1, 0, 0, 0, 0, 0, 0, 0xFE, 0xFF]);
}

fn refused(bytes: &[u8]) -> FrameError {
    let mut decoder = Decoder::default();
    decoder.push(bytes);
    decoder.next().unwrap_err()
}

#[test]
fn each_kind_of_wrong_frame_is_named() {
    assert_eq!(refused(b"X\0\0\0\0"), FrameError::UnknownKind(b'X'));
    assert_eq!(refused(b"B\x01\0\x01\0"), FrameError::TooLong(65_537));
    assert_eq!(refused(b"A\x01\0\0\0z"), FrameError::WrongAudioLength(1));
    assert_eq!(refused(b"B\x01\0\0\0\xFF"), FrameError::NotText);
    assert!(refused(b"H\x02\0\0\0{}").to_string().contains("raised"));
    assert!(refused(b"J\x02\0\0\0[]").to_string().contains("JSON object"));
}

#[test]
fn a_text_too_long_for_a_frame_is_cut_at_a_character() {
    let bytes = Message::Banner { text: "ü".repeat(MAX_PAYLOAD) }.encode();
    assert!(bytes.len() <= HEADER + MAX_PAYLOAD);
    let mut decoder = Decoder::default();
    decoder.push(&bytes);
    assert!(matches!(decoder.next(), Ok(Some(Message::Banner { .. }))));
}

#[test]
fn names_and_texts_are_not_printed() {
    let message = Message::Joined { participant: None, name: "Marguerite".into() };
    assert!(!format!("{message:?}").contains("Marguerite"));
}
