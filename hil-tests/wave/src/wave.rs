//! From bytes to blocks of sound, one after the other and only as much as is there.

use std::io::{self, ErrorKind, Read};

use crate::samples::decode;
use crate::{Format, WaveError};

/// A header may claim any length; of what is no sound this much is looked at.
const FORMAT_BYTES: usize = 40;
/// A block of sound in bytes; the largest frame has 512.
const BLOCK_BYTES: usize = 1 << 16;
/// Programs that write to a pipe cannot come back to fill in the length: sox leaves 0x7fff_f000 and the like, others
/// 0x8000_0000 or 0xffff_ffff. From here on a length says nothing.
const UNKNOWN_LENGTH: u64 = 0x7fff_0000;
/// What a float file that was scaled to whole numbers may hold; beyond it is no sound.
const FULL_SCALE: f32 = 4.0;

/// What was met in the samples.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Taken {
    /// Frames so far.
    pub frames: u64,
    /// Samples that are no numbers, or no finite ones: read as silence.
    pub not_numbers: u64,
    /// Frames beyond ±4, as in a float file that was scaled to whole numbers.
    pub beyond: u64,
    /// The largest of the rest, without its sign.
    pub peak: f32,
}

/// A wave being read.
#[derive(Debug)]
pub struct Wave<R> {
    reader: R,
    format: Format,
    /// Bytes of sound that the header promises; `None` when it cannot be believed.
    promised: Option<u64>,
    left: u64,
    taken: Taken,
    bytes: Vec<u8>,
}

impl<R: Read> Wave<R> {
    /// Reads the header: the sound comes next.
    ///
    /// # Errors
    /// It is no wave, or one of a kind that cannot be read.
    pub fn open(mut reader: R) -> Result<Self, WaveError> {
        let mut head = [0; 12];
        let got = fill(&mut reader, &mut head).map_err(WaveError::Read)?;
        let long = match &head[..got] {
            [] => return Err(WaveError::Empty),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E'] => false,
            [b'R', b'F', b'6', b'4', .., b'W', b'A', b'V', b'E']
            | [b'B', b'W', b'6', b'4', .., b'W', b'A', b'V', b'E'] => true,
            begin => return Err(begins_as(begin)),
        };
        let riff = u64::from(u32_at(&head, 4));
        let (mut format, mut long_data, mut at) = (None, None, 12_u64);
        loop {
            let mut chunk = [0; 8];
            match fill(&mut reader, &mut chunk).map_err(WaveError::Read)? {
                8 => {}
                0 if format.is_some() => return Err(WaveError::NoData),
                _ => return Err(WaveError::HeaderCut),
            }
            let length = u64::from(u32_at(&chunk, 4));
            at = at.saturating_add(8);
            match &chunk[..4] {
                b"data" => {
                    let format = format.ok_or(WaveError::NoFormat)?;
                    let promised = match (length, long_data) {
                        (0xffff_ffff, Some(length)) if long => Some(length),
                        // Nothing yet, and the whole file not yet longer either: its writer was stopped.
                        (0, _) if riff == 0 || riff.saturating_add(8) <= at => None,
                        (length, _) if length >= UNKNOWN_LENGTH && !long => None,
                        (length, _) => Some(length),
                    };
                    let left = promised.unwrap_or(u64::MAX);
                    return Ok(Self {
                        reader,
                        format,
                        promised,
                        left,
                        taken: Taken::default(),
                        bytes: Vec::new(),
                    });
                }
                b"fmt " => {
                    let body = part(&mut reader, length)?;
                    format = Some(Format::read(&body)?);
                }
                b"ds64" => {
                    let body = part(&mut reader, length)?;
                    let low = body.get(8..16).and_then(|eight| <[u8; 8]>::try_from(eight).ok());
                    long_data = low.map(u64::from_le_bytes);
                }
                _ => skip(&mut reader, length)?,
            }
            // Chunks begin at even places.
            skip(&mut reader, length % 2)?;
            at = at.saturating_add(length).saturating_add(length % 2);
        }
    }

    /// What the header says.
    #[must_use]
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// The frames that the header promises; `None` when its writer never filled that in.
    #[must_use]
    pub fn promised_frames(&self) -> Option<u64> {
        self.promised.map(|bytes| bytes / self.format.frame_bytes() as u64)
    }

    /// What was met so far.
    #[must_use]
    pub fn taken(&self) -> &Taken {
        &self.taken
    }

    /// Appends the next block, its channels averaged, at the file's own rate; says how many frames. 0 is the end.
    ///
    /// # Errors
    /// The reader's.
    pub fn read_block(&mut self, mono: &mut Vec<f32>) -> Result<usize, WaveError> {
        let Format { encoding, channels, .. } = self.format;
        let frame = self.format.frame_bytes();
        let whole = (BLOCK_BYTES / frame * frame) as u64;
        let wanted = usize::try_from(self.left.min(whole)).unwrap_or(0);
        self.bytes.resize(wanted, 0);
        let got = fill(&mut self.reader, &mut self.bytes).map_err(WaveError::Read)?;
        self.left = if got < wanted { 0 } else { self.left - got as u64 };
        let frames = got / frame;
        mono.reserve(frames);
        for frame in self.bytes[..got].chunks_exact(frame) {
            let mut sum = 0.0;
            for sample in frame.chunks_exact(encoding.bytes()) {
                let value = decode(encoding, sample);
                if value.is_finite() {
                    sum += value / f32::from(channels);
                } else {
                    self.taken.not_numbers += 1;
                }
            }
            let mean = if sum.is_finite() { sum } else { 0.0 };
            if mean.abs() > FULL_SCALE {
                self.taken.beyond += 1;
            } else {
                self.taken.peak = self.taken.peak.max(mean.abs());
            }
            mono.push(mean);
        }
        self.taken.frames += frames as u64;
        Ok(frames)
    }
}

impl Taken {
    /// More than one frame in a hundred lies beyond ±4: the file was scaled otherwise, and its level says nothing.
    #[must_use]
    pub fn scaled_otherwise(&self) -> bool {
        self.beyond > self.frames / 100
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| <[u8; 4]>::try_from(four).ok());
    four.map_or(0, u32::from_le_bytes)
}

/// Reads until the buffer is full or nothing more comes; says how much came.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match reader.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

/// The beginning of a chunk that must be whole; the rest of it is passed over.
fn part(reader: &mut impl Read, length: u64) -> Result<Vec<u8>, WaveError> {
    let wanted = usize::try_from(length).unwrap_or(FORMAT_BYTES).min(FORMAT_BYTES);
    let mut body = vec![0; wanted];
    if fill(reader, &mut body).map_err(WaveError::Read)? < wanted {
        return Err(WaveError::HeaderCut);
    }
    skip(reader, length - wanted as u64)?;
    Ok(body)
}

/// Passes over bytes; that the file ends meanwhile shows at the next chunk.
fn skip(reader: &mut impl Read, length: u64) -> Result<(), WaveError> {
    io::copy(&mut reader.take(length), &mut io::sink()).map_err(WaveError::Read).map(drop)
}

/// What a file without a wave's head is, by how it begins.
fn begins_as(begin: &[u8]) -> WaveError {
    let known: [(usize, &[u8], &'static str); 11] = [
        (0, b"fLaC", "FLAC"),
        (0, b"OggS", "Ogg (Vorbis or Opus)"),
        (0, b"ID3", "MP3"),
        (0, b"\xff\xfb", "MP3"),
        (0, b"\xff\xf3", "MP3"),
        (4, b"ftyp", "MPEG-4 (m4a, mp4)"),
        (0, b"FORM", "AIFF"),
        (0, b"caff", "Apple CAF"),
        (0, b".snd", "Sun AU"),
        (0, b"RIFX", "a wave with its bytes the other way round (RIFX)"),
        (0, b"\x1aE\xdf\xa3", "Matroska or WebM"),
    ];
    let found = known.iter().find(|(at, magic, _)| begin.get(*at..).is_some_and(|b| b.starts_with(magic)));
    match found {
        Some((_, _, name)) => WaveError::Other(name),
        None if b"RIFF".starts_with(&begin[..begin.len().min(4)]) && begin.len() < 12 => WaveError::HeaderCut,
        None if begin.starts_with(b"RIFF") && begin.ends_with(b"AVI ") => WaveError::Other("a video (AVI)"),
        None => WaveError::NoWave,
    }
}

#[cfg(test)]
mod tests;
