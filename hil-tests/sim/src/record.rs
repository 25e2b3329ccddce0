//! What is kept of a meeting in the room: waves, what was really said and when, edges, lights, and how late the room
//! itself was. One thread writes; the room's thread only hands over.
//!
//! ```text
//! mic.wav         what the microphones heard, interleaved
//! speaker.wav     what the loudspeaker played
//! truth.wav       one channel per person: their dry voice at the moment it reached the device
//! remote_in.wav   what the platform sent to Prim      remote_out.wav   what Prim sent back
//! truth.jsonl     every line as said: who, where, when, words
//! events.jsonl    edges, lights, hands, dings heard, repeats, cuts
//! room.json       the room, the people, the clock's start, lateness, counts
//! ```
//!
//! Frame `n` of every wave was in the air at `start_ns + n / 48 kHz` of `CLOCK_BOOTTIME`.

mod read;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use prim_audio::DEVICE_BLOCK;
use prim_hal::LightPattern;
use prim_hal_sim::LagHistogram;
use prim_ids::ParticipantId;
use serde::{Deserialize, Serialize};

pub use self::read::{Recording, interleaved, lines};
use crate::script::{Meaning, Noted};

/// The version of the folder's layout that is written and read.
pub const LAYOUT: u32 = 2;

/// Ten seconds may wait for a slow disk; then the room waits for it, which the lag histogram shows.
const QUEUE: usize = 1000;
/// The waves' headers are brought up to date so often, so that a killed run can still be read.
const FLUSH_EVERY: u64 = 500;

/// Why a recording failed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A file cannot be written.
    #[error("record into {path}: is the disk full, and may this account write there?")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file cannot be read back.
    #[error("read the recording's {path}: {why}; was the room program ended before it had finished?")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Another version of the room program recorded it.
    #[error(
        "read the recording's {path}: its layout has version {v}, this program reads {LAYOUT}; hold the meeting again"
    )]
    OtherLayout {
        /// The file.
        path: PathBuf,
        /// Its version.
        v: u32,
    },
}

/// Somebody, as recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seat {
    /// The name.
    pub name: String,
    /// Degrees; `None` for a remote person.
    pub bearing_deg: Option<f32>,
    /// The id under which the daemon knows them.
    pub participant: Option<ParticipantId>,
}

/// `room.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Version of this folder's layout: [`LAYOUT`].
    pub v: u32,
    /// The meeting's title.
    pub title: String,
    /// `CLOCK_BOOTTIME` at frame 0, in ns.
    pub start_ns: u64,
    /// What the room's clock on the wall showed then, in UTC, ms since 1970.
    pub start_unix_ms: i64,
    /// How many minutes that clock was ahead of UTC.
    pub utc_offset_min: i16,
    /// Asked reverberation time, in seconds.
    pub rt60_s: f64,
    /// Asked distance, in metres.
    pub distance_m: f64,
    /// Asked noise below speech, in dB.
    pub noise_down_db: f32,
    /// The loudspeaker's gain, in dB.
    pub echo_db: f32,
    /// The room's seed.
    pub seed: u64,
    /// The people, in the order of the channels of `truth.wav`.
    pub people: Vec<Seat>,
    /// The script came to its end.
    pub complete: bool,
    /// Blocks of 10 ms.
    pub blocks: u64,
    /// Ticks for which no speaker block had arrived.
    pub speaker_late: u64,
    /// Microphone samples beyond 16 bits.
    pub clipped: u64,
    /// How late the room's own ticks were.
    pub lags: LagHistogram,
    /// Acts that people repeated because nothing came of them.
    pub repeats: u32,
    /// Beats whose condition never came.
    pub missed: Vec<String>,
    /// Beats that were ignored to the last attempt.
    pub ignored: Vec<String>,
}

/// One line as said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// The beat's name.
    pub beat: String,
    /// 0 the first time.
    pub attempt: u32,
    /// Who: a channel of `truth.wav`.
    pub person: usize,
    /// From where; `None` for a remote person.
    pub bearing_deg: Option<f32>,
    /// The words; empty for a recording of unknown words.
    pub text: String,
    /// The first frame of the line as it reached the device.
    pub from: u64,
    /// Behind the last.
    pub to: u64,
    /// Not used for tuning.
    pub held_out: bool,
    /// Addressed to Prim.
    pub to_prim: bool,
    /// A question Prim should answer aloud.
    pub question: bool,
    /// Nothing of it may be heard.
    pub unheard: bool,
    /// What Prim should write down of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noted: Option<Noted>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum What {
    /// The room is ready for a device.
    Ready,
    /// A device has connected; its first microphone block follows.
    Connected,
    /// The script begins: Prim listens.
    Started,
    /// The script is over.
    Ended,
    /// The device has gone.
    Gone {
        /// Why.
        why: String,
    },
    /// The light changed.
    Light {
        /// To what.
        pattern: LightPattern,
    },
    /// The button moved.
    Edge {
        /// Down.
        pressed: bool,
        /// To what end.
        means: Meaning,
        /// The beat's name.
        beat: String,
    },
    /// The device asked for silence.
    Flushed {
        /// How many blocks were forgotten.
        blocks: usize,
    },
    /// A person begins to speak (the words stand in `truth.jsonl`).
    Speaks {
        /// Who.
        name: String,
        /// The beat's name.
        beat: String,
    },
    /// Prim's voice began or ended, as a listener noticed.
    PrimVoice {
        /// Began.
        speaks: bool,
    },
    /// A ding, as a listener noticed.
    Ding,
    /// A remote hand.
    Hand {
        /// Whose.
        name: String,
        /// Up.
        raised: bool,
    },
    /// Prim's hand on the platform.
    PrimHand {
        /// Up.
        raised: bool,
    },
    /// Prim came to or left the platform.
    Platform {
        /// Is there.
        joined: bool,
    },
    /// Whoever proxies the broker's link must cut or mend it now.
    Link {
        /// Cut.
        cut: bool,
    },
    /// An act is repeated.
    Repeat {
        /// The beat's name.
        beat: String,
    },
    /// A beat's condition never came.
    Missed {
        /// The beat's name.
        beat: String,
        /// It was left out.
        skipped: bool,
    },
    /// Nothing came of a beat.
    Ignored {
        /// The beat's name.
        beat: String,
    },
}

/// A line of `events.jsonl` and of the room program's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happened {
    /// `CLOCK_BOOTTIME` in milliseconds.
    pub boot_ms: f64,
    /// The frame of that moment.
    pub sample: u64,
    /// What.
    pub what: What,
}

/// Ten milliseconds of everything.
#[derive(Debug)]
pub struct Tick {
    /// Interleaved.
    pub mic: Vec<i16>,
    /// Mono.
    pub speaker: [i16; DEVICE_BLOCK],
    /// Mono.
    pub remote_in: [i16; DEVICE_BLOCK],
    /// Mono.
    pub remote_out: [i16; DEVICE_BLOCK],
    /// Interleaved, one channel per person.
    pub truth: Vec<i16>,
}

enum Message {
    Tick(Box<Tick>),
    Said(Said),
    Happened(Happened),
}

/// The writing end.
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    sender: Option<SyncSender<Message>>,
    writer: Option<JoinHandle<Result<(), RecordError>>>,
}

impl Recorder {
    /// Makes the folder and its files.
    ///
    /// # Errors
    /// A file cannot be made.
    pub fn create(folder: &Path, channels: usize, people: usize) -> Result<Self, RecordError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |source| RecordError::Write { path, source }
        };
        std::fs::create_dir_all(folder).map_err(fail(folder))?;
        let waves =
            [("mic", channels), ("speaker", 1), ("remote_in", 1), ("remote_out", 1), ("truth", people)]
                .into_iter()
                .map(|(name, channels)| wave(&folder.join(format!("{name}.wav")), channels))
                .collect::<Result<Vec<_>, _>>()?;
        let text = |name: &str| {
            let path = folder.join(name);
            File::create(&path).map(BufWriter::new).map_err(fail(&path))
        };
        let files = Files {
            folder: folder.to_owned(),
            waves,
            said: text("truth.jsonl")?,
            happened: text("events.jsonl")?,
        };
        let (sender, inbox) = sync_channel(QUEUE);
        let writer = thread::Builder::new()
            .name("recorder".into())
            .spawn(move || files.write(&inbox))
            .map_err(fail(folder))?;
        Ok(Self { folder: folder.to_owned(), sender: Some(sender), writer: Some(writer) })
    }

    fn send(&self, message: Message) {
        // A writer that gave up says why in `finish`.
        if let Some(sender) = &self.sender {
            let _ = sender.send(message);
        }
    }

    /// Keeps 10 ms.
    pub fn tick(&self, tick: Tick) {
        self.send(Message::Tick(Box::new(tick)));
    }

    /// Keeps a line.
    pub fn said(&self, said: Said) {
        self.send(Message::Said(said));
    }

    /// Keeps an event.
    pub fn happened(&self, happened: Happened) {
        self.send(Message::Happened(happened));
    }

    /// Ends all files and writes the summary.
    ///
    /// # Errors
    /// Something could not be written, now or earlier.
    pub fn finish(mut self, summary: &Summary) -> Result<(), RecordError> {
        self.sender = None;
        let path = self.folder.join("room.json");
        let write = |source| RecordError::Write { path: path.clone(), source };
        if let Some(writer) = self.writer.take() {
            writer.join().map_err(|_| write(io::Error::other("the recording thread panicked")))??;
        }
        let text = serde_json::to_vec_pretty(summary).map_err(|e| write(io::Error::other(e)))?;
        std::fs::write(&path, text).map_err(write)
    }
}

type WaveFile = hound::WavWriter<BufWriter<File>>;

fn wave(path: &Path, channels: usize) -> Result<(PathBuf, WaveFile), RecordError> {
    let spec = hound::WavSpec {
        channels: u16::try_from(channels.max(1)).unwrap_or(1),
        sample_rate: prim_audio::DEVICE_RATE.hz(),
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    match hound::WavWriter::create(path, spec) {
        Ok(writer) => Ok((path.to_owned(), writer)),
        Err(e) => Err(RecordError::Write { path: path.to_owned(), source: io::Error::other(e) }),
    }
}

struct Files {
    folder: PathBuf,
    waves: Vec<(PathBuf, WaveFile)>,
    said: BufWriter<File>,
    happened: BufWriter<File>,
}

impl Files {
    fn write(mut self, inbox: &Receiver<Message>) -> Result<(), RecordError> {
        let mut ticks = 0;
        while let Ok(message) = inbox.recv() {
            match message {
                Message::Tick(t) => {
                    ticks += 1;
                    let parts: [&[i16]; 5] = [&t.mic, &t.speaker, &t.remote_in, &t.remote_out, &t.truth];
                    for ((path, wave), part) in self.waves.iter_mut().zip(parts) {
                        let written = part.iter().try_for_each(|s| wave.write_sample(*s));
                        let flushed = if ticks % FLUSH_EVERY == 0 { wave.flush() } else { Ok(()) };
                        written.and(flushed).map_err(|e| RecordError::Write {
                            path: path.clone(),
                            source: io::Error::other(e),
                        })?;
                    }
                }
                Message::Said(said) => {
                    line(&mut self.said, &said).map_err(|s| self.fail("truth.jsonl", s))?
                }
                Message::Happened(h) => {
                    line(&mut self.happened, &h).map_err(|s| self.fail("events.jsonl", s))?
                }
            }
        }
        for (path, wave) in self.waves {
            wave.finalize().map_err(|e| RecordError::Write { path, source: io::Error::other(e) })?;
        }
        Ok(())
    }

    fn fail(&self, name: &str, source: io::Error) -> RecordError {
        RecordError::Write { path: self.folder.join(name), source }
    }
}

fn line(out: &mut BufWriter<File>, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::other)?;
    out.write_all(b"\n")?;
    out.flush()
}
