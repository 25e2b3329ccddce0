//! One ear from clean 16 kHz blocks to facts: somebody started, said this, stopped.
//!
//! The same for the room and for a platform's ear. Runs on the ear's own thread; the recogniser behind it has
//! another one, so a slow engine delays words, never the news that somebody speaks.

mod judge;
mod voices;
mod words;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use prim_adapter::Voices;
use prim_audio::{Frames, SPEECH_BLOCK, SPEECH_RATE, SampleTime};
use prim_dsp::{SegmenterConfig, TurnEvent, Turns};
use prim_ids::{MonoTime, ParticipantId, UtteranceId};
use prim_meeting::{Ear, Input, TalkerKey};
use prim_models::{Partial, SegmentId, Stt};

pub(crate) use self::judge::{DetectorFailure, Judge, STAND_IN, to_i16};
pub(crate) use self::voices::RoomVoices;
use crate::clock;
use crate::inbox::Inbox;
use crate::live::Live;

/// Blocks kept so that a segment can begin before its onset was certain: the segmenter's longest pre-roll.
const KEPT_BLOCKS: usize = 64;
/// A person who was announced by the barge-in detector must turn out to speak within this time.
const ANNOUNCED_LIMIT_MS: u64 = 600;
/// Somebody who has paused this long when Prim begins has finished: what follows is Prim, not them.
const TRAILING_MS: u64 = 200;
/// Segments whose words have not come yet; the oldest is given up beyond it.
const OPEN_SEGMENTS: usize = 32;

/// What one ear needs to report.
pub(crate) struct ListenerParts {
    pub(crate) ear: Ear,
    pub(crate) talker: TalkerKey,
    pub(crate) speaker: Option<ParticipantId>,
    pub(crate) stt: Option<Box<dyn Stt>>,
    /// Tells the room's voices apart; none elsewhere, and where no network for it is named.
    pub(crate) voices: Option<RoomVoices>,
    pub(crate) endpoint_ms: u32,
    pub(crate) muted: Arc<AtomicBool>,
    pub(crate) inbox: Inbox,
    pub(crate) live: Live,
    /// Stretches of speech on all ears whose words have not come yet: a meeting does not end before they have.
    pub(crate) unsettled: Arc<AtomicUsize>,
}

/// 10 ms as the listener takes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clean<'a> {
    /// First frame at 16 kHz.
    pub(crate) at: SampleTime,
    /// When its last frame was heard.
    pub(crate) heard: MonoTime,
    /// For speech detection.
    pub(crate) voice: &'a [f32; SPEECH_BLOCK],
    /// For the recogniser.
    pub(crate) words: &'a [i16; SPEECH_BLOCK],
    /// Where the voice comes from.
    pub(crate) bearing_deg: Option<f32>,
}

struct Segment {
    id: SegmentId,
    utterance: UtteranceId,
    started: MonoTime,
    ended: Option<MonoTime>,
    /// What is said outside belongs to who spoke before or spoke on: the recogniser had heard it already, or hears it again.
    own: Range<SampleTime>,
    bearing_deg: Option<f32>,
    /// Where the name was heard.
    named_at: Option<SampleTime>,
    /// The words so far, as far as they are its own.
    partial: Option<Partial>,
    speaker: Option<ParticipantId>,
}

impl Segment {
    fn addressed(&self) -> bool {
        self.named_at.is_some_and(|at| self.own.contains(&at))
    }
}

pub(crate) struct Listener {
    parts: ListenerParts,
    turns: Turns,
    kept: [[i16; SPEECH_BLOCK]; KEPT_BLOCKS],
    kept_at: usize,
    kept_len: usize,
    segments: Vec<Segment>,
    open: bool,
    next_segment: u64,
    /// Reported as speaking since then.
    announced: Option<MonoTime>,
    anchor: (SampleTime, MonoTime),
    stt_up: bool,
}

impl Listener {
    pub(crate) fn new(parts: ListenerParts) -> Self {
        let turns = Turns::new(SegmenterConfig {
            hangover_ms: u64::from(parts.endpoint_ms),
            // A call's sound is cut between words and begins suddenly; its doors were muted where they are.
            slam_rise_db: match parts.ear {
                Ear::Room => SegmenterConfig::default().slam_rise_db,
                Ear::Remote => f32::INFINITY,
            },
            ..SegmenterConfig::default()
        });
        let stt_up = parts.stt.is_some();
        Self {
            parts,
            turns,
            kept: [[0; SPEECH_BLOCK]; KEPT_BLOCKS],
            kept_at: 0,
            kept_len: 0,
            segments: Vec::with_capacity(OPEN_SEGMENTS),
            open: false,
            next_segment: 1,
            announced: None,
            anchor: (SampleTime(0), MonoTime::ZERO),
            stt_up,
        }
    }

    /// Who speaks on this ear from now on, where the platform says so.
    pub(crate) fn set_speaker(&mut self, speaker: Option<ParticipantId>) {
        self.parts.speaker = speaker;
    }

    /// One block, whose `probability` of speech was [judged](Judge) before.
    pub(crate) fn block(&mut self, block: &Clean<'_>, probability: f32, voices: Voices) {
        self.anchor = (block.at + Frames(SPEECH_BLOCK as u64), block.heard);
        if self.parts.muted.load(Ordering::Acquire) {
            self.forget(block.heard);
            return;
        }
        self.keep(block.words);
        self.compare_voices(block.words, voices);
        if voices == Voices::Prim
            && self.open
            && self.turns.silent_ms().is_some_and(|ms| ms >= TRAILING_MS)
            && let Some(TurnEvent::Ended { speech_end, bearing_deg }) = self.turns.close(block.at)
        {
            self.end(block.heard, self.mono_of(speech_end), bearing_deg);
        }
        let probability = match voices {
            Voices::People => probability,
            Voices::Prim if self.open => probability,
            Voices::Prim => 0.0,
            Voices::BargeIn => {
                self.announce(block.heard, block.bearing_deg);
                probability
            }
        };
        match self.turns.push(block.at, block.voice, probability, block.bearing_deg) {
            Some(TurnEvent::Started { from, onset }) => self.begin(block, from, from, onset),
            // Somebody speaks all the while: only the words and whose they are begin anew.
            Some(TurnEvent::Passed { from, onset, bearing_deg }) => {
                if let Some(segment) = self.segments.last_mut() {
                    segment.own.end = onset;
                }
                self.show_again();
                self.finish(self.mono_of(onset), bearing_deg);
                self.begin(block, from, onset, onset);
            }
            Some(TurnEvent::Ended { speech_end, bearing_deg }) => {
                self.feed(block);
                self.end(block.heard, self.mono_of(speech_end), bearing_deg);
            }
            None if self.open => self.feed(block),
            None => {
                if self
                    .announced
                    .is_some_and(|at| block.heard.since(at).as_millis() as u64 > ANNOUNCED_LIMIT_MS)
                {
                    self.hush(block.heard);
                }
            }
        }
        self.poll();
    }

    /// Frames are missing: what was remembered does not join what comes.
    pub(crate) fn hole(&mut self) {
        self.kept_len = 0;
    }

    /// No sound comes any more: who was speaking has stopped, as far as anyone can tell, and their words are wanted.
    pub(crate) fn dry(&mut self, now: MonoTime) {
        match self.turns.close(self.anchor.0) {
            Some(TurnEvent::Ended { speech_end, bearing_deg }) if self.open => {
                self.end(now, self.mono_of(speech_end), bearing_deg);
            }
            Some(_) | None => self.hush(now),
        }
        self.forget_voices_unless_allowed();
        self.poll();
    }

    fn mono_of(&self, at: SampleTime) -> MonoTime {
        let (anchor, mono) = self.anchor;
        mono - SampleTime(anchor.0.saturating_sub(at.0)).as_duration(SPEECH_RATE)
    }

    fn keep(&mut self, words: &[i16; SPEECH_BLOCK]) {
        self.kept[self.kept_at] = *words;
        self.kept_at = (self.kept_at + 1) % KEPT_BLOCKS;
        self.kept_len = (self.kept_len + 1).min(KEPT_BLOCKS);
    }

    /// The recogniser hears all since `from`; what was said before `own` was another's.
    fn begin(&mut self, block: &Clean<'_>, from: SampleTime, own: SampleTime, onset: SampleTime) {
        self.announce(block.heard, block.bearing_deg);
        let id = SegmentId(self.next_segment);
        self.next_segment += 1;
        self.open = true;
        if self.segments.len() == OPEN_SEGMENTS {
            self.segments.remove(0);
            self.settled(1);
        }
        if self.parts.stt.is_some() {
            self.parts.unsettled.fetch_add(1, Ordering::AcqRel);
        }
        self.segments.push(Segment {
            id,
            utterance: UtteranceId::from_parts(clock::wall_now(), rand::random()),
            started: self.mono_of(onset),
            ended: None,
            own: own..SampleTime(u64::MAX),
            bearing_deg: None,
            named_at: None,
            partial: None,
            speaker: self.parts.speaker,
        });
        self.voice_begins(block.at, onset);
        let end = block.at.0 + SPEECH_BLOCK as u64;
        let wanted = (end.saturating_sub(from.0) as usize / SPEECH_BLOCK).clamp(1, self.kept_len);
        let first = SampleTime(end - (wanted * SPEECH_BLOCK) as u64);
        let Some(stt) = &mut self.parts.stt else { return };
        let mut failed = stt.begin_segment(id, first).is_err();
        for i in 0..wanted {
            let kept = &self.kept[(self.kept_at + KEPT_BLOCKS - wanted + i) % KEPT_BLOCKS];
            failed |= stt.accept(kept, first + Frames((i * SPEECH_BLOCK) as u64)).is_err();
        }
        self.note_stt(!failed);
    }

    fn feed(&mut self, block: &Clean<'_>) {
        let last = (self.kept_at + KEPT_BLOCKS - 1) % KEPT_BLOCKS;
        if let Some(stt) = &mut self.parts.stt {
            let ok = stt.accept(&self.kept[last], block.at).is_ok();
            self.note_stt(ok);
        }
    }

    fn end(&mut self, now: MonoTime, speech_end: MonoTime, bearing_deg: Option<f32>) {
        self.finish(speech_end, bearing_deg);
        self.hush(now);
    }

    /// What was said until `speech_end` is whole.
    fn finish(&mut self, speech_end: MonoTime, bearing_deg: Option<f32>) {
        self.open = false;
        if let Some(segment) = self.segments.last_mut() {
            (segment.ended, segment.bearing_deg) = (Some(speech_end), bearing_deg);
            if let Some(voices) = &mut self.parts.voices {
                voices.end(segment.id, segment.started, speech_end);
            }
        }
        if let Some(stt) = &mut self.parts.stt {
            let ok = stt.end_segment().is_ok();
            self.note_stt(ok);
        }
    }

    fn announce(&mut self, now: MonoTime, bearing_deg: Option<f32>) {
        if self.announced.is_some() {
            return;
        }
        self.announced = Some(now);
        let ListenerParts { ear, talker, speaker, .. } = self.parts;
        self.parts.inbox.report(now, Input::SpeechStarted { ear, talker, speaker });
        self.parts.live.talking(ear, speaker, bearing_deg, true);
    }

    fn hush(&mut self, now: MonoTime) {
        if self.announced.take().is_some() {
            let ListenerParts { ear, talker, speaker, .. } = self.parts;
            self.parts.inbox.report(now, Input::SpeechEnded { ear, talker });
            self.parts.live.talking(ear, speaker, None, false);
        }
    }

    /// Muted: nobody may know what was said since.
    fn forget(&mut self, now: MonoTime) {
        if self.open || !self.segments.is_empty() {
            if let Some(stt) = &mut self.parts.stt {
                stt.abandon();
            }
            self.settled(self.segments.len());
            self.segments.clear();
            self.open = false;
        }
        if let Some(voices) = &mut self.parts.voices {
            voices.drop_turns();
        }
        let _ = self.turns.close(self.anchor.0);
        self.kept_len = 0;
        self.hush(now);
    }

    /// So many stretches need no more waiting for.
    fn settled(&self, count: usize) {
        if self.parts.stt.is_some() {
            self.parts.unsettled.fetch_sub(count, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests;

/// An ear's name on the wire.
pub(crate) fn ear_name(ear: Ear) -> prim_proto::Ear {
    match ear {
        Ear::Room => prim_proto::Ear::Room,
        Ear::Remote => prim_proto::Ear::Remote,
    }
}
