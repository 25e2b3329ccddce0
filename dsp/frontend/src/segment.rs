//! From speech probability per block to "somebody started" and "somebody stopped".

mod slam;
mod tones;

use prim_audio::{BLOCK_MS, Frames, SPEECH_BLOCK, SampleTime};

use self::slam::{Slam, VOICE_BLOCKS};
use self::tones::Tones;

/// How eager and how patient the segmenter is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SegmenterConfig {
    /// Probability at which a block counts as speech before a segment.
    pub onset_probability: f32,
    /// Probability below which a block counts as silence inside a segment.
    pub release_probability: f32,
    /// Speech blocks needed within `onset_window_blocks` to start.
    pub onset_blocks: u32,
    /// Blocks over which onset is judged.
    pub onset_window_blocks: u32,
    /// Silence that ends a segment, ms.
    pub hangover_ms: u64,
    /// Blocks quieter than this are silence whatever the probability, dB below full scale.
    pub min_rms_dbfs: f32,
    /// Blocks must also be this far above the tracked noise floor to start a segment, dB.
    pub min_snr_db: f32,
    /// A sound that rises by so much within 20 ms may be a slammed door: it starts a segment once a voice is in it, it
    /// grows, or 0.8 s have passed, dB. Infinity where sound begins suddenly by nature, as on a line that is silenced
    /// between words.
    pub slam_rise_db: f32,
    /// Where more than this share of the last half second's sound stood still in pitch, it is music and starts no segment,
    /// 0 to 1; 0.3 more where the detector is sure. Above 1 nothing is taken for music.
    pub music_share: f32,
    /// Sound from before the onset that belongs to the segment, ms (at most 640).
    pub preroll_ms: u64,
    /// A segment longer than this ends at the next dip, ms; 0 never.
    pub long_segment_ms: u64,
}

impl Default for SegmenterConfig {
    fn default() -> Self {
        Self {
            onset_probability: 0.6,
            release_probability: 0.35,
            onset_blocks: 4,
            onset_window_blocks: 7,
            hangover_ms: 550,
            min_rms_dbfs: -65.0,
            min_snr_db: 4.0,
            slam_rise_db: 24.0,
            music_share: 0.08,
            preroll_ms: 300,
            long_segment_ms: 20_000,
        }
    }
}

/// What the segmenter noticed with a block. Times are frame numbers at 16 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentEvent {
    /// Somebody started. Feed [`Segmenter::preroll`] to the recogniser, then every block.
    SpeechStarted {
        /// First frame of the segment, pre-roll included.
        from: SampleTime,
        /// First frame of the block that was the first of the onset.
        onset: SampleTime,
    },
    /// Nobody speaks any more.
    SpeechEnded {
        /// First frame of the segment, pre-roll included.
        from: SampleTime,
        /// End of the last block of speech: the hangover is not part of what was said.
        speech_end: SampleTime,
        /// End of the segment as fed to the recogniser.
        to: SampleTime,
    },
}

const MAX_PREROLL: usize = 64;

/// A detector is sure of speech when it gave this probability, which music seldom has, in so many of the last ten blocks.
const SURE: f32 = 0.85;
const SURE_BLOCKS: u32 = 4;
const SURE_WINDOW: u32 = (1 << 10) - 1;
/// Then so much more of the sound must stand still.
const SURE_SHARE: f32 = 0.3;

/// One per ear. Bounded memory, nothing allocated after construction.
#[derive(Debug, Clone)]
pub struct Segmenter {
    config: SegmenterConfig,
    ring: Box<[[f32; SPEECH_BLOCK]]>,
    ring_at: usize,
    ring_held: usize,
    history: u32,
    floor_dbfs: f32,
    slam: Slam,
    tones: Tones,
    /// Blocks of which the detector was sure, a bit each, the newest last.
    sure: u32,
    /// The onset of what would have started, had it not been taken for a slam or music.
    held_back: Option<SampleTime>,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    from: SampleTime,
    speech_end: SampleTime,
    silent_blocks: u64,
    blocks: u64,
    hangover_ms: u64,
}

impl Segmenter {
    /// With `config`.
    #[must_use]
    pub fn new(config: SegmenterConfig) -> Self {
        Self {
            config,
            ring: vec![[0.0; SPEECH_BLOCK]; MAX_PREROLL].into_boxed_slice(),
            ring_at: 0,
            ring_held: 0,
            history: 0,
            floor_dbfs: -70.0,
            slam: Slam::new(config.slam_rise_db, config.min_rms_dbfs - 10.0),
            tones: Tones::new(),
            sure: 0,
            held_back: None,
            open: None,
        }
    }

    /// One block of 160 frames at 16 kHz whose first is number `at`, and the probability that it is speech.
    pub fn push(
        &mut self,
        at: SampleTime,
        block: &[f32; SPEECH_BLOCK],
        probability: f32,
    ) -> Option<SegmentEvent> {
        self.remember(block);
        let level = crate::dbfs(crate::rms(block));
        let end = at + Frames(SPEECH_BLOCK as u64);
        let c = self.config;
        self.slam.push(level);
        self.tones.push(block);
        let audible = level >= c.min_rms_dbfs;
        if let Some(open) = &mut self.open {
            let speech = audible && probability >= c.release_probability;
            open.blocks += 1;
            if speech {
                open.silent_blocks = 0;
                open.speech_end = end;
            } else {
                open.silent_blocks += 1;
            }
            // A talker who does not pause is cut at a dip of a quarter of the hangover.
            let long = c.long_segment_ms > 0 && open.blocks * BLOCK_MS >= c.long_segment_ms;
            let patience_ms = if long { c.hangover_ms / 4 } else { open.hangover_ms };
            if open.silent_blocks * BLOCK_MS < patience_ms.max(BLOCK_MS) {
                return None;
            }
            let ended = *open;
            self.open = None;
            self.forget();
            return Some(SegmentEvent::SpeechEnded {
                from: ended.from,
                speech_end: ended.speech_end,
                to: end,
            });
        }
        self.track_floor(level, probability);
        self.sure = ((self.sure << 1) | u32::from(probability >= SURE)) & SURE_WINDOW;
        let speech = audible && probability >= c.onset_probability && level >= self.floor_dbfs + c.min_snr_db;
        let window = c.onset_window_blocks.clamp(1, 31);
        self.history = ((self.history << 1) | u32::from(speech)) & ((1 << window) - 1);
        if self.history == 0 {
            self.held_back = None;
        }
        if !speech || self.history.count_ones() < c.onset_blocks.min(window) {
            return None;
        }
        let first = u64::from(31 - self.history.leading_zeros()) * SPEECH_BLOCK as u64;
        // What would have started before the ring begins was no speech.
        let oldest = SampleTime(at.0.saturating_sub(((MAX_PREROLL - 1) * SPEECH_BLOCK) as u64));
        let onset =
            self.held_back.map_or_else(|| SampleTime(at.0.saturating_sub(first)), |held| held.max(oldest));
        let slammed = self.slam.may_ring() && !slam::voiced(self.newest(VOICE_BLOCKS));
        if slammed || self.music() {
            self.held_back = Some(onset);
            return None;
        }
        let onset_age = at.0.saturating_sub(onset.0) / SPEECH_BLOCK as u64;
        let held = self.preroll_blocks(onset_age);
        let from = SampleTime((at.0 + SPEECH_BLOCK as u64).saturating_sub((held * SPEECH_BLOCK) as u64));
        self.ring_held = held;
        let hangover_ms = c.hangover_ms;
        self.open = Some(Open { from, speech_end: end, silent_blocks: 0, blocks: held as u64, hangover_ms });
        Some(SegmentEvent::SpeechStarted { from, onset })
    }

    /// Right after [`SegmentEvent::SpeechStarted`]: the segment so far, oldest block first, the present
    /// block included.
    pub fn preroll(&self) -> impl Iterator<Item = &[f32; SPEECH_BLOCK]> {
        self.newest(self.ring_held.min(self.ring.len()))
    }

    /// Whether a segment is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// How long it has been silent inside the open segment, ms; `None` when none is open.
    #[must_use]
    pub fn silent_ms(&self) -> Option<u64> {
        self.open.map(|o| o.silent_blocks * BLOCK_MS)
    }

    /// The noise floor, dB below full scale.
    #[must_use]
    pub fn floor_dbfs(&self) -> f32 {
        self.floor_dbfs
    }

    /// The open segment alone ends after so much silence, because what was said in it is known; the next one is
    /// configured again. A long segment is cut at a dip all the same.
    pub fn be_patient(&mut self, hangover_ms: u64) {
        if let Some(open) = &mut self.open {
            open.hangover_ms = hangover_ms;
        }
    }

    /// Somebody else goes on in the open segment: it is as long and as patient as a new one.
    pub(crate) fn passed(&mut self) {
        let hangover_ms = self.config.hangover_ms;
        if let Some(open) = &mut self.open {
            (open.blocks, open.hangover_ms) = (0, hangover_ms);
        }
    }

    /// Ends an open segment now (end of what was said known from the text, mute, end of the meeting).
    pub fn close(&mut self, at: SampleTime) -> Option<SegmentEvent> {
        self.forget();
        let open = self.open.take()?;
        Some(SegmentEvent::SpeechEnded { from: open.from, speech_end: open.speech_end, to: at })
    }

    /// What sounds now is taken for music; a detector that is sure is believed sooner.
    fn music(&self) -> bool {
        let sure = self.sure.count_ones() >= SURE_BLOCKS;
        self.tones.share() > self.config.music_share + if sure { SURE_SHARE } else { 0.0 }
    }

    /// What comes now is another segment's.
    fn forget(&mut self) {
        self.history = 0;
        self.sure = 0;
        self.held_back = None;
        self.ring_held = 0;
    }

    /// The last `n` blocks, the oldest first; silence from before the first.
    fn newest(&self, n: usize) -> impl Iterator<Item = &[f32; SPEECH_BLOCK]> {
        let all = self.ring.len();
        (0..n).map(move |i| &self.ring[(self.ring_at + all - n + i) % all])
    }

    fn remember(&mut self, block: &[f32; SPEECH_BLOCK]) {
        self.ring[self.ring_at].copy_from_slice(block);
        self.ring_at = (self.ring_at + 1) % self.ring.len();
        self.ring_held = (self.ring_held + 1).min(self.ring.len());
    }

    fn preroll_blocks(&self, onset_age: u64) -> usize {
        let wanted = (self.config.preroll_ms / BLOCK_MS) as usize + onset_age as usize + 1;
        wanted.min(self.ring_held).min(self.ring.len())
    }

    /// Follows the quiet between words: down within 100 ms, up by 1.5 dB a second.
    fn track_floor(&mut self, level: f32, probability: f32) {
        if level < self.floor_dbfs {
            self.floor_dbfs += (level - self.floor_dbfs) * 0.2;
        } else if probability < self.config.release_probability {
            self.floor_dbfs += (level - self.floor_dbfs) * 0.02;
        } else {
            self.floor_dbfs += 0.015;
        }
        self.floor_dbfs = self.floor_dbfs.clamp(-100.0, -20.0);
    }
}

#[cfg(test)]
mod tests;
