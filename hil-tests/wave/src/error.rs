//! What can be wrong with a file, in words that say what to do.

use std::io;
use std::path::PathBuf;

/// How to make a file that can be read.
const CONVERT: &str = "convert it, for example with `ffmpeg -i IN -c:a pcm_s16le OUT.wav`";

/// A file that cannot be played.
#[derive(Debug, thiserror::Error)]
#[error("play {}", path.display())]
pub struct PlayError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong and what to do.
    #[source]
    pub why: WaveError,
}

/// Why.
#[derive(Debug, thiserror::Error)]
pub enum WaveError {
    /// It is not there.
    #[error("there is no such file; check the path")]
    Missing,
    /// It is there and cannot be opened.
    #[error("open it; may this user read it?")]
    Open(#[source] io::Error),
    /// It cannot be read to its end.
    #[error("read it; is the disk in order?")]
    Read(#[source] io::Error),
    /// A folder.
    #[error("it is a folder; name the files in it one by one")]
    Folder,
    /// A pipe, a device, a socket.
    #[error("it is a pipe or a device, no file; write the sound to a file first")]
    NoFile,
    /// Nothing in it.
    #[error("the file is empty; record it again or leave it out")]
    Empty,
    /// Another format, known by how it begins.
    #[error("it is {0}, no wave file; {CONVERT}")]
    Other(&'static str),
    /// Anything else.
    #[error("it is no wave file; {CONVERT}")]
    NoWave,
    /// It ends before its sound begins.
    #[error("it ends inside its header; copy or record it again, or leave it out")]
    HeaderCut,
    /// No `fmt ` chunk before the sound.
    #[error("its header does not say how the sound is stored (no `fmt ` before `data`); {CONVERT}")]
    NoFormat,
    /// No `data` chunk.
    #[error("it has a header and no sound behind it (no `data`); record it again or leave it out")]
    NoData,
    /// A `data` chunk without a whole frame.
    #[error("it has no samples; record it again or leave it out")]
    NoSamples,
    /// Compressed.
    #[error("its sound is {}, which cannot be read; {CONVERT}", codec(*.0))]
    Codec(u16),
    /// A depth that no encoding has.
    #[error("its samples are {kind} of {bits} bits in {bytes} bytes, which cannot be read; {CONVERT}")]
    Depth {
        /// In words.
        kind: &'static str,
        /// As the header says.
        bits: u16,
        /// As the header says.
        bytes: u16,
    },
    /// None, or more than anybody has.
    #[error(
        "its header says {0} channels; 1 to 64 can be played; convert it with `ffmpeg -i IN -ac 1 OUT.wav`"
    )]
    Channels(u16),
    /// No rate of sound.
    #[error(
        "its header says {0} samples a second; 1000 to 768000 can be played; {CONVERT}, with `-ar 48000` when the \
         header is right"
    )]
    Rate(u32),
    /// Longer than a meeting may be.
    #[error("it lasts {}; {} can be played; cut it, for example with `ffmpeg -i IN -t {most_s} OUT.wav`", minutes(*.seconds), minutes(*.most_s))]
    TooLong {
        /// How long it is.
        seconds: u64,
        /// How long it may be.
        most_s: u64,
    },
}

fn minutes(seconds: u64) -> String {
    format!("{}:{:02} minutes", seconds / 60, seconds % 60)
}

/// The usual names of the tags that are met.
fn codec(tag: u16) -> String {
    let name = match tag {
        0x02 => "Microsoft ADPCM",
        0x11 => "IMA ADPCM",
        0x31 => "GSM 6.10",
        0x40 | 0x45 | 0x64 => "G.726",
        0x50 => "MPEG layer 2",
        0x55 => "MP3",
        0x161 | 0x162 => "Windows Media",
        0xff | 0x1610 => "AAC",
        0xfffe => "of a kind of its own (an extensible format with an unknown subformat)",
        _ => return format!("compressed with a method whose number is {tag:#06x}"),
    };
    name.to_owned()
}
