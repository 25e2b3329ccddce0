//! Frames on the loopback socket: `[u8 kind][u32 LE length][payload]`, payload at most 64 KiB.
//!
//! | kind | payload |
//! |---|---|
//! | `A` | u64 LE sample time, then 480 × i16 LE: 10 ms at 48 kHz |
//! | `J` | JSON `{"participant":"<ulid>" or null,"name":".."}` somebody is there; null is Prim |
//! | `L` | JSON `{"participant":"<ulid>" or null}`, for Prim with an optional `"why"` |
//! | `H` | JSON `{"participant":"<ulid>" or null,"raised":bool}` |
//! | `B` | UTF-8 text for everyone; empty takes it away |
//! | `N` | JSON `{"participant":"<ulid>","text":".."}` from Prim: text for this person alone |
//! | `C` | JSON `{"participant":"<ulid>","agrees":bool}` to Prim: this person's answer whether they may be written down |
//!
//! Unknown JSON fields are ignored, unknown kinds are an error: the two ends are released together.
//!
//! ```
//! use prim_adapter::loopback::wire::{Decoder, Message};
//! let bytes = Message::Hand { participant: None, raised: true }.encode();
//! let mut decoder = Decoder::default();
//! decoder.push(&bytes[..4]);
//! assert_eq!(decoder.next().unwrap(), None);
//! decoder.push(&bytes[4..]);
//! assert_eq!(decoder.next().unwrap(), Some(Message::Hand { participant: None, raised: true }));
//! ```

use std::io::{self, Read, Write};

use prim_audio::{DEVICE_BLOCK, SampleTime};
use prim_ids::ParticipantId;
use serde_json::{Value, json};

use crate::AudioBlock;

/// The longest payload: far above any message here, far below anything that hurts.
pub const MAX_PAYLOAD: usize = 64 * 1024;
const HEADER: usize = 5;
const AUDIO_PAYLOAD: usize = 8 + 2 * DEVICE_BLOCK;

/// One frame's meaning.
#[expect(clippy::large_enum_variant, reason = "nearly every message is a block of sound")]
#[derive(Clone, PartialEq, Eq)]
pub enum Message {
    /// 10 ms of sound, always 480 frames.
    Audio(AudioBlock),
    /// Somebody is there; `None` is Prim (from Prim: asks for admission; from the platform: admitted).
    Joined {
        /// Who; `None` is Prim.
        participant: Option<ParticipantId>,
        /// The name to show.
        name: String,
    },
    /// Somebody is gone; `None` is Prim.
    Left {
        /// Who; `None` is Prim.
        participant: Option<ParticipantId>,
        /// Only for Prim: why it was refused or put out.
        why: Option<String>,
    },
    /// A hand moved; `None` is Prim's.
    Hand {
        /// Whose; `None` is Prim's.
        participant: Option<ParticipantId>,
        /// Up?
        raised: bool,
    },
    /// A line of text for everyone.
    Banner {
        /// The text; empty takes it away.
        text: String,
    },
    /// Text for one person alone.
    Notice {
        /// Who.
        participant: ParticipantId,
        /// The text.
        text: String,
    },
    /// Somebody answered whether what they say may be written down.
    Consent {
        /// Who.
        participant: ParticipantId,
        /// Yes or no.
        agrees: bool,
    },
}

impl std::fmt::Debug for Message {
    /// Names and texts are private.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Audio(block) => f.debug_tuple("Audio").field(block).finish(),
            Self::Joined { participant, .. } => write!(f, "Joined({participant:?})"),
            Self::Left { participant, .. } => write!(f, "Left({participant:?})"),
            Self::Hand { participant, raised } => write!(f, "Hand({participant:?}, {raised})"),
            Self::Banner { text } => write!(f, "Banner({} bytes)", text.len()),
            Self::Notice { participant, text } => write!(f, "Notice({participant:?}, {} bytes)", text.len()),
            Self::Consent { participant, agrees } => write!(f, "Consent({participant:?}, {agrees})"),
        }
    }
}

/// Bytes that are no frame of this language. After it the stream cannot be trusted: close it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A kind that does not exist.
    #[error("read a loopback frame: kind {0:#04x} does not exist; is this another program's socket?")]
    UnknownKind(u8),
    /// A length above [`MAX_PAYLOAD`].
    #[error("read a loopback frame: {0} bytes announced, at most {MAX_PAYLOAD} allowed")]
    TooLong(u32),
    /// An audio frame of the wrong size.
    #[error("read a loopback frame: {0} bytes of audio, expected {AUDIO_PAYLOAD} (10 ms at 48 kHz mono)")]
    WrongAudioLength(usize),
    /// A text payload that is not UTF-8.
    #[error("read a loopback frame: the text is not UTF-8")]
    NotText,
    /// A JSON payload without the expected fields.
    #[error("read a loopback frame of kind '{kind}': {wrong}")]
    WrongFields {
        /// The frame's kind.
        kind: char,
        /// What is wrong.
        wrong: &'static str,
    },
}

impl Message {
    /// The whole frame. Texts too long for a frame are cut at a character.
    ///
    /// An audio block shorter than 480 frames is filled up with zeros.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Audio(block) => {
                let mut payload = Vec::with_capacity(AUDIO_PAYLOAD);
                payload.extend_from_slice(&block.at.0.to_le_bytes());
                payload.extend(block.samples().iter().flat_map(|sample| sample.to_le_bytes()));
                payload.resize(AUDIO_PAYLOAD, 0);
                frame(b'A', &payload)
            }
            Self::Joined { participant, name } => {
                json_frame(b'J', &json!({"participant": participant, "name": cut(name)}))
            }
            Self::Left { participant, why: None } => json_frame(b'L', &json!({"participant": participant})),
            Self::Left { participant, why: Some(why) } => {
                json_frame(b'L', &json!({"participant": participant, "why": cut(why)}))
            }
            Self::Hand { participant, raised } => {
                json_frame(b'H', &json!({"participant": participant, "raised": raised}))
            }
            Self::Banner { text } => frame(b'B', cut(text).as_bytes()),
            Self::Notice { participant, text } => {
                json_frame(b'N', &json!({"participant": participant, "text": cut(text)}))
            }
            Self::Consent { participant, agrees } => {
                json_frame(b'C', &json!({"participant": participant, "agrees": agrees}))
            }
        }
    }

    fn decode(kind: u8, payload: &[u8]) -> Result<Self, FrameError> {
        match kind {
            b'A' => decode_audio(payload),
            b'J' => {
                let fields = Fields::parse('J', payload)?;
                Ok(Self::Joined { participant: fields.participant()?, name: fields.text("name")?.to_owned() })
            }
            b'L' => {
                let fields = Fields::parse('L', payload)?;
                let why = fields.optional_text("why")?.map(str::to_owned);
                Ok(Self::Left { participant: fields.participant()?, why })
            }
            b'H' => {
                let fields = Fields::parse('H', payload)?;
                let raised = fields.json.get("raised").and_then(Value::as_bool);
                let raised = raised.ok_or_else(|| fields.wrong("\"raised\" is not true or false"))?;
                Ok(Self::Hand { participant: fields.participant()?, raised })
            }
            b'B' => {
                let text = std::str::from_utf8(payload).map_err(|_| FrameError::NotText)?;
                Ok(Self::Banner { text: text.to_owned() })
            }
            b'N' => {
                let fields = Fields::parse('N', payload)?;
                Ok(Self::Notice { participant: fields.person()?, text: fields.text("text")?.to_owned() })
            }
            b'C' => {
                let fields = Fields::parse('C', payload)?;
                let agrees = fields.json.get("agrees").and_then(Value::as_bool);
                let agrees = agrees.ok_or_else(|| fields.wrong("\"agrees\" is not true or false"))?;
                Ok(Self::Consent { participant: fields.person()?, agrees })
            }
            other => Err(FrameError::UnknownKind(other)),
        }
    }
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.push(kind);
    bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn json_frame(kind: u8, json: &Value) -> Vec<u8> {
    frame(kind, json.to_string().as_bytes())
}

/// JSON may write one byte as six (`\u0000`): what fits after that always fits.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_PAYLOAD / 8)]
}

fn decode_audio(payload: &[u8]) -> Result<Message, FrameError> {
    let wrong = || FrameError::WrongAudioLength(payload.len());
    if payload.len() != AUDIO_PAYLOAD {
        return Err(wrong());
    }
    let (at, sound) = payload.split_first_chunk::<8>().ok_or_else(wrong)?;
    let mut samples = [0_i16; DEVICE_BLOCK];
    for (sample, bytes) in samples.iter_mut().zip(sound.chunks_exact(2)) {
        *sample = i16::from_le_bytes([bytes[0], bytes[1]]);
    }
    let at = SampleTime(u64::from_le_bytes(*at));
    AudioBlock::new(at, &samples).map(Message::Audio).map_err(|_| wrong())
}

struct Fields {
    kind: char,
    json: Value,
}

impl Fields {
    fn parse(kind: char, payload: &[u8]) -> Result<Self, FrameError> {
        let json: Value = serde_json::from_slice(payload)
            .map_err(|_| FrameError::WrongFields { kind, wrong: "the payload is not JSON" })?;
        if json.is_object() {
            Ok(Self { kind, json })
        } else {
            Err(FrameError::WrongFields { kind, wrong: "the payload is not a JSON object" })
        }
    }

    fn wrong(&self, wrong: &'static str) -> FrameError {
        FrameError::WrongFields { kind: self.kind, wrong }
    }

    fn participant(&self) -> Result<Option<ParticipantId>, FrameError> {
        match self.json.get("participant") {
            Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => {
                text.parse().map(Some).map_err(|_| self.wrong("\"participant\" is not a ULID"))
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) | None => {
                Err(self.wrong("\"participant\" is neither a ULID nor null"))
            }
        }
    }

    /// A participant who is not Prim.
    fn person(&self) -> Result<ParticipantId, FrameError> {
        self.participant()?.ok_or_else(|| self.wrong("\"participant\" is Prim, who is no person"))
    }

    fn text(&self, field: &'static str) -> Result<&str, FrameError> {
        self.optional_text(field)?.ok_or_else(|| self.wrong("a text field is missing"))
    }

    fn optional_text(&self, field: &'static str) -> Result<Option<&str>, FrameError> {
        match self.json.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(self.wrong("a text field is not text"))
            }
        }
    }
}

/// Turns pieces of a byte stream into messages. Holds at most one frame and one piece.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    read: usize,
}

impl Decoder {
    /// More bytes came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message; `None` when more bytes are needed.
    ///
    /// # Errors
    /// When the bytes are no frame of this language. Every further call gives the same error.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot be both fallible and resumable")]
    pub fn next(&mut self) -> Result<Option<Message>, FrameError> {
        let rest = &self.bytes[self.read..];
        let Some((header, rest)) = rest.split_first_chunk::<HEADER>() else { return Ok(None) };
        let [kind, length @ ..] = *header;
        if !b"AJLHBNC".contains(&kind) {
            return Err(FrameError::UnknownKind(kind));
        }
        let announced = u32::from_le_bytes(length);
        let length = usize::try_from(announced).unwrap_or(usize::MAX);
        if length > MAX_PAYLOAD {
            return Err(FrameError::TooLong(announced));
        }
        let Some(payload) = rest.get(..length) else { return Ok(None) };
        let message = Message::decode(kind, payload)?;
        self.read += HEADER + length;
        Ok(Some(message))
    }
}

/// Why a message could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadMessageError {
    /// The other end closed.
    #[error("read from the loopback socket: the other end closed it")]
    Ended,
    /// The socket failed. A read time limit shows here as `WouldBlock` or `TimedOut`; just read again.
    #[error("read from the loopback socket")]
    Io(#[source] io::Error),
    /// The bytes are not this language.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Reads messages from a stream. A read time limit of the stream loses nothing: call again.
#[derive(Debug)]
pub struct MessageReader<R> {
    stream: R,
    decoder: Decoder,
}

impl<R: Read> MessageReader<R> {
    /// A reader at the beginning of a frame.
    #[must_use]
    pub fn new(stream: R) -> Self {
        Self { stream, decoder: Decoder::default() }
    }

    /// Blocks until a whole message came.
    ///
    /// # Errors
    /// When the other end closed, the socket failed or its time limit passed, or the bytes are no frame.
    pub fn read(&mut self) -> Result<Message, ReadMessageError> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(message) = self.decoder.next()? {
                return Ok(message);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(ReadMessageError::Ended),
                Ok(n) => self.decoder.push(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ReadMessageError::Io(error)),
            }
        }
    }
}

/// Writes one message.
///
/// # Errors
/// When the socket fails or its write time limit passes; the stream is then cut in the middle of a frame: close it.
pub fn write_message(stream: &mut impl Write, message: &Message) -> io::Result<()> {
    stream.write_all(&message.encode())
}

#[cfg(test)]
mod tests;
