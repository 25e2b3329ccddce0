//! Whose voice of the room a turn is: its sound goes to a network on another thread, and what comes back is compared with
//! the voices of this meeting.
//!
//! **Biometric data.** Prints are taken only while the room's recording is allowed, live in this memory alone, and are
//! forgotten when it stops for any reason: somebody objects, the meeting ends, the daemon stops. Nothing but a number
//! leaves: it goes to the core, and with the core's inputs into the replay log.
//!
//! **When it is late or the queue is full** nothing is told, and the core goes by the direction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics::counter;
use prim_adapter::Voices;
use prim_audio::{SPEECH_BLOCK, SPEECH_RATE, SampleTime};
use prim_ids::MonoTime;
use prim_meeting::Input;
use prim_models::{Asked, Certainty, LONGEST_TURN, SegmentId, VoiceBook, VoiceThread};

use super::{KEPT_BLOCKS, Listener};
use crate::clock;

/// Tells the room's voices apart by their sound.
pub(crate) struct RoomVoices {
    network: VoiceThread,
    /// Told to the health page.
    stall: Arc<AtomicBool>,
    book: VoiceBook,
    /// Since when prints may be taken.
    since: Option<MonoTime>,
    turn: Turn,
    /// Turns whose print is being taken, and how long they were.
    waiting: Vec<(SegmentId, Duration)>,
}

/// The turn that is being spoken.
#[derive(Default)]
struct Turn {
    sound: Vec<f32>,
    /// Prim could be heard in it: it is not one person's voice.
    mixed: bool,
}

impl RoomVoices {
    /// `stall` is set while the network does not answer.
    pub(crate) fn new(network: VoiceThread, stall: Arc<AtomicBool>) -> Self {
        let book = VoiceBook::new(Certainty::default());
        Self { network, stall, book, since: None, turn: Turn::default(), waiting: Vec::new() }
    }

    /// Since when the room may be recorded. With any change everything is forgotten.
    pub(super) fn allow(&mut self, since: Option<MonoTime>) {
        if since != self.since {
            self.since = since;
            self.book.forget();
            self.drop_turns();
        }
    }

    /// What was said lately is nobody's: muted. Voices of before are still known.
    pub(super) fn drop_turns(&mut self) {
        self.network.forget();
        self.waiting.clear();
        self.turn = Turn::default();
    }

    /// A turn begins.
    pub(super) fn begin(&mut self) {
        self.turn.sound.clear();
        self.turn.mixed = false;
    }

    /// 10 ms of the turn.
    pub(super) fn feed(&mut self, sound: &[i16; SPEECH_BLOCK], alone: bool) {
        self.turn.mixed |= !alone;
        if self.since.is_some() && self.turn.sound.len() + SPEECH_BLOCK <= LONGEST_TURN {
            self.turn.sound.extend(sound.iter().map(|s| f32::from(*s) / 32_768.0));
        }
    }

    /// The turn is over; it was spoken from then until then.
    pub(super) fn end(&mut self, turn: SegmentId, started: MonoTime, ended: MonoTime) {
        let Turn { mut sound, mixed } = std::mem::take(&mut self.turn);
        let spoke = ended.since(started);
        let may = self.since.is_some_and(|since| started >= since);
        if !may || mixed || spoke < Certainty::default().shortest {
            return;
        }
        // What follows is silence, or somebody else.
        sound.truncate(usize::try_from(spoke.as_millis()).unwrap_or(usize::MAX).saturating_mul(16));
        let asked = self.network.ask(turn, sound);
        self.stall.store(asked == Asked::Stalled, Ordering::Release);
        let outcome = match asked {
            Asked::Taken => return self.waiting.push((turn, spoke)),
            Asked::Full => "full",
            Asked::Stalled => "stalled",
        };
        counter!("prim_voiceprint_turns_total", "outcome" => outcome).increment(1);
    }

    /// The next turn whose voice is certain, and its number.
    pub(super) fn poll(&mut self) -> Option<(SegmentId, u32)> {
        while let Some((turn, print)) = self.network.poll() {
            let Some(at) = self.waiting.iter().position(|(waiting, _)| *waiting == turn) else { continue };
            let (_, spoke) = self.waiting.remove(at);
            let (outcome, number) = match print {
                Ok(print) => match self.book.hear(&print, spoke) {
                    Some(number) => ("matched", Some(number)),
                    None => ("unsure", None),
                },
                Err(error) => {
                    tracing::debug!(voiceprints.error = %error, "no voiceprint of one turn");
                    ("failed", None)
                }
            };
            counter!("prim_voiceprint_turns_total", "outcome" => outcome).increment(1);
            if let Some(number) = number {
                return Some((turn, number));
            }
        }
        None
    }
}

impl Listener {
    /// Before anything else of a block: what may no longer be known is forgotten, and the turn goes on.
    pub(super) fn compare_voices(&mut self, words: &[i16; SPEECH_BLOCK], heard: Voices) {
        self.forget_voices_unless_allowed();
        if let Some(voices) = self.parts.voices.as_mut().filter(|_| self.open) {
            voices.feed(words, heard == Voices::People);
        }
    }

    pub(super) fn forget_voices_unless_allowed(&mut self) {
        if let Some(voices) = &mut self.parts.voices {
            voices.allow(self.parts.live.room_since());
        }
    }

    /// A turn began at `onset`; the block at `at` is kept already.
    pub(super) fn voice_begins(&mut self, at: SampleTime, onset: SampleTime) {
        let Some(voices) = &mut self.parts.voices else { return };
        voices.begin();
        let blocks = (at.0.saturating_sub(onset.0) as usize / SPEECH_BLOCK + 1).min(self.kept_len);
        for i in 0..blocks {
            voices.feed(&self.kept[(self.kept_at + KEPT_BLOCKS - blocks + i) % KEPT_BLOCKS], true);
        }
    }

    /// Tells whose voice a turn is, as long as its words have not been told.
    pub(super) fn match_voices(&mut self) {
        while let Some((turn, voice)) = self.parts.voices.as_mut().and_then(RoomVoices::poll) {
            match self.segments.iter().find(|segment| segment.id == turn) {
                Some(segment) => {
                    let matched = Input::VoiceMatched { utterance: segment.utterance, voice };
                    self.parts.inbox.report(clock::mono_now(), matched);
                }
                None => counter!("prim_voiceprint_turns_total", "outcome" => "late").increment(1),
            }
        }
    }
}

const _: () = assert!(SPEECH_RATE.hz() == 16_000, "16 samples are a millisecond");

#[cfg(test)]
mod tests;
