//! What the frames mean. Room to device: `W` welcome, `M` microphones, `B` button, `X` mute switch.
//! Device to room: `S` one loudspeaker block, `F` flush, `L` light.

use prim_audio::{DEVICE_BLOCK, SampleTime};
use prim_hal::LightPattern;
use serde::{Deserialize, Serialize};

/// The one version of this protocol.
const VERSION: u32 = 1;
/// More channels than any board has, and one block still fits a frame.
const MAX_CHANNELS: u16 = 16;

/// Why a payload is none of the messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeMessageError {
    /// The kind byte is not used in this direction.
    #[error("decode a simulator message: kind {0:#04x} is unknown in this direction")]
    Kind(u8),
    /// The payload is too short, too long or not what its kind promises.
    #[error("decode a simulator message of kind {kind:?}: {why}")]
    Payload {
        /// The kind, as a letter.
        kind: char,
        /// What is wrong.
        why: String,
    },
}

fn bad<T>(kind: u8, why: impl Into<String>) -> Result<T, DecodeMessageError> {
    Err(DecodeMessageError::Payload { kind: char::from(kind), why: why.into() })
}

/// The room's first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Welcome {
    /// The protocol's version.
    pub v: u32,
    /// Microphones.
    pub channels: u16,
    /// Frames per second.
    pub rate_hz: u32,
    /// A speaker block sent in answer to the microphone block of tick `t` plays in tick `t + ahead`.
    pub ahead: u16,
}

impl Welcome {
    /// The welcome of this version.
    #[must_use]
    pub fn new(channels: u16, ahead: u16) -> Self {
        Self { v: VERSION, channels, rate_hz: prim_audio::DEVICE_RATE.hz(), ahead }
    }
}

/// What became of the speaker block that the device sent for a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeakerFate {
    /// It was played.
    Played,
    /// It had not arrived: silence was played.
    Late,
    /// It was forgotten on request: silence was played.
    Flushed,
}

/// Room to device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToDevice {
    /// The shape of what follows.
    Welcome(Welcome),
    /// 10 ms of all microphones.
    Mic {
        /// The first frame.
        at: SampleTime,
        /// `CLOCK_BOOTTIME` in ns when the last frame was captured.
        captured_ns: u64,
        /// What became of the speaker block for this tick.
        fate: SpeakerFate,
        /// Interleaved `[480 × channels]`.
        samples: Vec<i16>,
    },
    /// An edge of the button.
    Button {
        /// Went down.
        pressed: bool,
        /// `CLOCK_BOOTTIME` in ns.
        at_ns: u64,
    },
    /// The mute switch moved.
    Mute {
        /// The microphones are cut.
        muted: bool,
        /// `CLOCK_BOOTTIME` in ns.
        at_ns: u64,
    },
}

/// Device to room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromDevice {
    /// What the loudspeaker plays in one tick.
    Speaker {
        /// The first frame, a multiple of 480.
        at: SampleTime,
        /// Mono.
        samples: Box<[i16; DEVICE_BLOCK]>,
    },
    /// Forget every block that has not begun to play.
    Flush,
    /// What the light shows now.
    Light(LightPattern),
}

fn samples_of(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

fn push_samples(out: &mut Vec<u8>, samples: &[i16]) {
    for s in samples {
        out.extend_from_slice(&s.to_le_bytes());
    }
}

fn split_u64(kind: u8, bytes: &[u8]) -> Result<(u64, &[u8]), DecodeMessageError> {
    match bytes.split_first_chunk::<8>() {
        Some((n, rest)) => Ok((u64::from_le_bytes(*n), rest)),
        None => bad(kind, format!("{} bytes are too few for a time", bytes.len())),
    }
}

fn edge(kind: u8, payload: &[u8]) -> Result<(bool, u64), DecodeMessageError> {
    let (at_ns, rest) = split_u64(kind, payload)?;
    match rest {
        [0] => Ok((false, at_ns)),
        [1] => Ok((true, at_ns)),
        other => bad(kind, format!("an edge ends in one byte 0 or 1, not in {} bytes", other.len())),
    }
}

impl ToDevice {
    /// Appends kind and payload: hand them to [`push_frame`](crate::push_frame).
    #[must_use]
    pub fn encode(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Welcome(w) => (b'W', serde_json::to_vec(w).unwrap_or_default()),
            Self::Mic { at, captured_ns, fate, samples } => {
                let mut out = Vec::with_capacity(17 + 2 * samples.len());
                out.extend_from_slice(&at.0.to_le_bytes());
                out.extend_from_slice(&captured_ns.to_le_bytes());
                out.push(match fate {
                    SpeakerFate::Played => 0,
                    SpeakerFate::Late => 1,
                    SpeakerFate::Flushed => 2,
                });
                push_samples(&mut out, samples);
                (b'M', out)
            }
            Self::Button { pressed: down, at_ns } | Self::Mute { muted: down, at_ns } => {
                let mut out = at_ns.to_le_bytes().to_vec();
                out.push(u8::from(*down));
                (if matches!(self, Self::Button { .. }) { b'B' } else { b'X' }, out)
            }
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// See [`DecodeMessageError`].
    pub fn decode(kind: u8, payload: &[u8]) -> Result<Self, DecodeMessageError> {
        match kind {
            b'W' => {
                let w: Welcome = match serde_json::from_slice(payload) {
                    Ok(w) => w,
                    Err(e) => return bad(kind, e.to_string()),
                };
                if w.v != VERSION {
                    return bad(
                        kind,
                        format!("the room speaks version {}, this device version {VERSION}", w.v),
                    );
                }
                if !(1..=MAX_CHANNELS).contains(&w.channels) || w.rate_hz != prim_audio::DEVICE_RATE.hz() {
                    return bad(
                        kind,
                        format!("{} channels at {} Hz are not possible", w.channels, w.rate_hz),
                    );
                }
                if !(1..=16).contains(&w.ahead) {
                    return bad(kind, format!("{} blocks ahead are not possible", w.ahead));
                }
                Ok(Self::Welcome(w))
            }
            b'M' => {
                let (at, rest) = split_u64(kind, payload)?;
                let (captured_ns, rest) = split_u64(kind, rest)?;
                let (fate, rest) = match rest.split_first() {
                    Some((0, rest)) => (SpeakerFate::Played, rest),
                    Some((1, rest)) => (SpeakerFate::Late, rest),
                    Some((2, rest)) => (SpeakerFate::Flushed, rest),
                    Some(_) | None => return bad(kind, "the speaker's fate is not 0, 1 or 2"),
                };
                let block = 2 * DEVICE_BLOCK;
                if rest.is_empty()
                    || rest.len() % block != 0
                    || rest.len() / block > usize::from(MAX_CHANNELS)
                {
                    return bad(
                        kind,
                        format!("{} bytes of sound are no 10 ms of 1 to {MAX_CHANNELS} channels", rest.len()),
                    );
                }
                Ok(Self::Mic { at: SampleTime(at), captured_ns, fate, samples: samples_of(rest) })
            }
            b'B' => edge(kind, payload).map(|(pressed, at_ns)| Self::Button { pressed, at_ns }),
            b'X' => edge(kind, payload).map(|(muted, at_ns)| Self::Mute { muted, at_ns }),
            other => Err(DecodeMessageError::Kind(other)),
        }
    }
}

impl FromDevice {
    /// Kind and payload.
    #[must_use]
    pub fn encode(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Speaker { at, samples } => {
                let mut out = Vec::with_capacity(8 + 2 * DEVICE_BLOCK);
                out.extend_from_slice(&at.0.to_le_bytes());
                push_samples(&mut out, samples.as_slice());
                (b'S', out)
            }
            Self::Flush => (b'F', Vec::new()),
            Self::Light(pattern) => (b'L', pattern.as_str().as_bytes().to_vec()),
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// See [`DecodeMessageError`].
    pub fn decode(kind: u8, payload: &[u8]) -> Result<Self, DecodeMessageError> {
        match kind {
            b'S' => {
                let (at, rest) = split_u64(kind, payload)?;
                if at % DEVICE_BLOCK as u64 != 0 {
                    return bad(kind, format!("frame {at} is not the first of a block"));
                }
                match <Box<[i16; DEVICE_BLOCK]>>::try_from(samples_of(rest).into_boxed_slice()) {
                    Ok(samples) if rest.len() == 2 * DEVICE_BLOCK => {
                        Ok(Self::Speaker { at: SampleTime(at), samples })
                    }
                    Ok(_) | Err(_) => bad(kind, format!("{} bytes of sound are no 10 ms", rest.len())),
                }
            }
            b'F' if payload.is_empty() => Ok(Self::Flush),
            b'F' => bad(kind, "a flush has no payload"),
            b'L' => match std::str::from_utf8(payload).ok().and_then(|s| s.parse().ok()) {
                Some(pattern) => Ok(Self::Light(pattern)),
                None => bad(kind, "no such light pattern"),
            },
            other => Err(DecodeMessageError::Kind(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_message_to_the_device_comes_back(
            n in any::<u64>(), t in any::<u64>(), flag in any::<bool>(), fate in 0_u8..3, channels in 1_u16..=16, level in any::<i16>(),
        ) {
            let samples = vec![level; DEVICE_BLOCK * usize::from(channels)];
            let fate = [SpeakerFate::Played, SpeakerFate::Late, SpeakerFate::Flushed][usize::from(fate)];
            for message in [
                ToDevice::Welcome(Welcome::new(channels, 3)),
                ToDevice::Mic { at: SampleTime(n), captured_ns: t, fate, samples },
                ToDevice::Button { pressed: flag, at_ns: t },
                ToDevice::Mute { muted: flag, at_ns: t },
            ] {
                let (kind, payload) = message.encode();
                prop_assert!(payload.len() <= crate::MAX_PAYLOAD_BYTES);
                prop_assert_eq!(ToDevice::decode(kind, &payload).unwrap(), message);
            }
        }

        #[test]
        fn every_message_from_the_device_comes_back(tick in 0_u64..1_000_000, level in any::<i16>(), light in 0_usize..14) {
            for message in [
                FromDevice::Speaker { at: SampleTime(tick * 480), samples: Box::new([level; DEVICE_BLOCK]) },
                FromDevice::Flush,
                FromDevice::Light(LightPattern::ALL[light]),
            ] {
                let (kind, payload) = message.encode();
                prop_assert_eq!(FromDevice::decode(kind, &payload).unwrap(), message);
            }
        }

        #[test]
        fn no_payload_makes_a_decoder_panic(
            kind in prop::sample::select(b"WMBXSFLZ".to_vec()), payload in prop::collection::vec(any::<u8>(), 0..1200),
        ) {
            let _ = ToDevice::decode(kind, &payload);
            let _ = FromDevice::decode(kind, &payload);
        }
    }

    #[test]
    fn a_room_of_another_version_is_refused_with_both_versions() {
        let error = ToDevice::decode(b'W', br#"{"v":2,"channels":4,"rate_hz":48000,"ahead":3}"#)
            .unwrap_err()
            .to_string();
        assert!(error.contains("version 2") && error.contains("version 1"), "{error}");
    }
}
