//! How a wave file says that its sound is stored.

use crate::WaveError;

/// How one sample is stored, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 8 bits, unsigned.
    U8,
    /// 16 bits.
    I16,
    /// 24 bits.
    I24,
    /// 32 bits; also 24 bits in four bytes.
    I32,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// G.711 as in European telephones.
    ALaw,
    /// G.711 as in American and Japanese telephones.
    MuLaw,
}

impl Encoding {
    /// How many bytes a sample has.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::ALaw | Self::MuLaw => 1,
            Self::I16 => 2,
            Self::I24 => 3,
            Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "8 bits",
            Self::I16 => "16 bits",
            Self::I24 => "24 bits",
            Self::I32 => "32 bits",
            Self::F32 => "32-bit float",
            Self::F64 => "64-bit float",
            Self::ALaw => "A-law",
            Self::MuLaw => "µ-law",
        }
    }
}

/// What the header says of the sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// How a sample is stored.
    pub encoding: Encoding,
    /// 1 to 64.
    pub channels: u16,
    /// 1000 to 768000.
    pub rate_hz: u32,
}

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const EXTENSIBLE: u16 = 0xfffe;
/// What follows the tag in the subformat of a plain encoding (Microsoft's `KSDATAFORMAT_SUBTYPE_…`).
const PLAIN: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
/// More than any array of microphones has; a larger number is a broken header.
const MOST_CHANNELS: u16 = 64;

impl Format {
    /// From the body of a `fmt ` chunk, or as much of it as there is.
    pub(crate) fn read(body: &[u8]) -> Result<Self, WaveError> {
        let u16_at = |at: usize| {
            let two = body.get(at..at + 2).and_then(|two| <[u8; 2]>::try_from(two).ok());
            two.map(u16::from_le_bytes).ok_or(WaveError::HeaderCut)
        };
        let rate_hz = u32::from(u16_at(4)?) | u32::from(u16_at(6)?) << 16;
        let (mut tag, channels, frame, bits) = (u16_at(0)?, u16_at(2)?, u16_at(12)?, u16_at(14)?);
        if tag == EXTENSIBLE {
            let guid = body.get(24..40).ok_or(WaveError::HeaderCut)?;
            if guid[2..] == PLAIN {
                tag = u16_at(24)?;
            }
        }
        let kind = match tag {
            PCM => "whole numbers",
            FLOAT => "floats",
            A_LAW => "A-law",
            MU_LAW => "µ-law",
            other => return Err(WaveError::Codec(other)),
        };
        if channels == 0 || channels > MOST_CHANNELS {
            return Err(WaveError::Channels(channels));
        }
        if !(1_000..=768_000).contains(&rate_hz) {
            return Err(WaveError::Rate(rate_hz));
        }
        // A sample may have more room than bits; where the header leaves out the room, the bits tell.
        let bytes = if frame == 0 { bits.div_ceil(8) } else { frame / channels };
        let unfit = WaveError::Depth { kind, bits, bytes };
        if (frame != 0 && frame % channels != 0) || bits == 0 || u32::from(bits) > u32::from(bytes) * 8 {
            return Err(unfit);
        }
        let encoding = match (tag, bytes) {
            (PCM, 1) => Encoding::U8,
            (PCM, 2) => Encoding::I16,
            (PCM, 3) => Encoding::I24,
            (PCM, 4) => Encoding::I32,
            (FLOAT, 4) if bits == 32 => Encoding::F32,
            (FLOAT, 8) if bits == 64 => Encoding::F64,
            (A_LAW, 1) => Encoding::ALaw,
            (MU_LAW, 1) => Encoding::MuLaw,
            _ => return Err(unfit),
        };
        Ok(Self { encoding, channels, rate_hz })
    }

    /// How many bytes a frame has: at most 512.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        self.encoding.bytes() * usize::from(self.channels)
    }
}
