//! One ear from clean 16 kHz blocks to facts: somebody started, said this, stopped.
//!
//! The same for the room and for a platform's ear. Runs on the ear's own thread; the recogniser behind it has
//! another one, so a slow engine delays words, never the news that somebody speaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use prim_audio::{Frames, SPEECH_BLOCK, SPEECH_RATE, SampleTime};
use prim_dsp::{SegmentEvent, Segmenter, SegmenterConfig};
use prim_ids::{MonoTime, ParticipantId, UtteranceId};
use prim_meeting::{Ear, Input, Peripheral, PeripheralState, TalkerKey};
use prim_models::{SegmentId, Stt, SttEvent, Vad};

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
    pub(crate) vad: Box<dyn Vad>,
    pub(crate) stt: Option<Box<dyn Stt>>,
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
    pub(crate) words: &'a [f32; SPEECH_BLOCK],
    /// Where the voice comes from.
    pub(crate) bearing_deg: Option<f32>,
}

/// What the ear knows beyond the sound itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Nobody but people can be heard.
    Open,
    /// Prim speaks and nobody talks over it: what is heard is Prim.
    PrimSpeaks,
    /// Prim speaks and a person began to talk over it.
    BargeIn,
}

struct Segment {
    id: SegmentId,
    utterance: UtteranceId,
    started: MonoTime,
    ended: Option<MonoTime>,
    bearing: BearingMean,
    addressed: bool,
    named: Option<ParticipantId>,
}

pub(crate) struct Listener {
    parts: ListenerParts,
    segmenter: Segmenter,
    frame: Vec<f32>,
    probability: f32,
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
        let segmenter = Segmenter::new(SegmenterConfig {
            hangover_ms: u64::from(parts.endpoint_ms),
            ..SegmenterConfig::default()
        });
        let frame = Vec::with_capacity(parts.vad.frame_len().max(SPEECH_BLOCK) + SPEECH_BLOCK);
        let stt_up = parts.stt.is_some();
        Self {
            parts,
            segmenter,
            frame,
            probability: 0.0,
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

    /// The probability of speech in `voice`, from the last whole frame of the detector.
    pub(crate) fn judge(&mut self, voice: &[f32; SPEECH_BLOCK]) -> f32 {
        self.frame.extend_from_slice(voice);
        let len = self.parts.vad.frame_len();
        while self.frame.len() >= len {
            if let Ok(p) = self.parts.vad.probability(&self.frame[..len]) {
                self.probability = p;
            }
            self.frame.drain(..len);
        }
        self.probability
    }

    /// One block, judged before by [`Self::judge`].
    pub(crate) fn block(&mut self, block: &Clean<'_>, probability: f32, gate: Gate) {
        self.anchor = (block.at + Frames(SPEECH_BLOCK as u64), block.heard);
        if self.parts.muted.load(Ordering::Acquire) {
            self.forget(block.heard);
            return;
        }
        self.keep(block.words);
        if gate == Gate::PrimSpeaks
            && self.open
            && self.segmenter.silent_ms().is_some_and(|ms| ms >= TRAILING_MS)
            && let Some(SegmentEvent::SpeechEnded { speech_end, .. }) = self.segmenter.close(block.at)
        {
            self.end(block.heard, self.mono_of(speech_end));
        }
        let probability = match gate {
            Gate::Open => probability,
            Gate::PrimSpeaks if self.open => probability,
            Gate::PrimSpeaks => 0.0,
            Gate::BargeIn => {
                self.announce(block.heard, block.bearing_deg);
                probability
            }
        };
        match self.segmenter.push(block.at, block.voice, probability) {
            Some(SegmentEvent::SpeechStarted { from, onset }) => self.begin(block, from, onset),
            Some(SegmentEvent::SpeechEnded { speech_end, .. }) => {
                self.feed(block);
                self.end(block.heard, self.mono_of(speech_end));
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
        self.parts.vad.reset();
        self.frame.clear();
        self.kept_len = 0;
    }

    fn mono_of(&self, at: SampleTime) -> MonoTime {
        let (anchor, mono) = self.anchor;
        mono - SampleTime(anchor.0.saturating_sub(at.0)).as_duration(SPEECH_RATE)
    }

    fn keep(&mut self, words: &[f32; SPEECH_BLOCK]) {
        for (to, from) in self.kept[self.kept_at].iter_mut().zip(words) {
            *to = (from.clamp(-1.0, 1.0) * 32_767.0) as i16;
        }
        self.kept_at = (self.kept_at + 1) % KEPT_BLOCKS;
        self.kept_len = (self.kept_len + 1).min(KEPT_BLOCKS);
    }

    fn begin(&mut self, block: &Clean<'_>, from: SampleTime, onset: SampleTime) {
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
            bearing: BearingMean::default(),
            addressed: false,
            named: self.parts.speaker,
        });
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
        if let Some(segment) = self.segments.last_mut() {
            segment.bearing.add(block.bearing_deg);
        }
        let last = (self.kept_at + KEPT_BLOCKS - 1) % KEPT_BLOCKS;
        if let Some(stt) = &mut self.parts.stt {
            let ok = stt.accept(&self.kept[last], block.at).is_ok();
            self.note_stt(ok);
        }
    }

    fn end(&mut self, now: MonoTime, speech_end: MonoTime) {
        self.open = false;
        if let Some(segment) = self.segments.last_mut() {
            segment.ended = Some(speech_end);
        }
        if let Some(stt) = &mut self.parts.stt {
            let ok = stt.end_segment().is_ok();
            self.note_stt(ok);
        }
        self.hush(now);
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
        let _ = self.segmenter.close(self.anchor.0);
        self.kept_len = 0;
        self.hush(now);
    }

    /// So many stretches need no more waiting for.
    fn settled(&self, count: usize) {
        if self.parts.stt.is_some() {
            self.parts.unsettled.fetch_sub(count, Ordering::AcqRel);
        }
    }

    fn poll(&mut self) {
        while let Some(event) = self.parts.stt.as_mut().and_then(|stt| stt.poll()) {
            self.heard(event);
        }
    }

    fn heard(&mut self, event: SttEvent) {
        let ear = self.parts.ear;
        match event {
            SttEvent::Partial(partial) => {
                if let Some(segment) = self.segments.iter().find(|s| s.id == partial.segment) {
                    let (id, started) = (segment.utterance, segment.started);
                    self.parts.live.partial(id, ear, partial.text, partial.stable_chars, started);
                }
            }
            SttEvent::Keyphrase(key) => {
                let at = self.mono_of(key.start);
                if let Some(segment) = self.segments.iter_mut().find(|s| s.id == key.segment) {
                    segment.addressed = true;
                }
                self.parts.inbox.report(clock::mono_now(), Input::PrimHeard { ear, at });
            }
            SttEvent::Command(command) => {
                let at = self.mono_of(command.at);
                let Some(known) = prim_meeting::command_for(&command.text) else { return };
                let believed = prim_meeting::believable(known, command.confidence, command.followed);
                tracing::debug!(
                    command.kind = ?known,
                    command.confidence = command.confidence,
                    command.followed = command.followed,
                    command.believed = believed,
                    "the grammar heard a command"
                );
                if !believed {
                    return;
                }
                let speaker = self.parts.speaker;
                let segment = self.segments.iter().find(|s| s.id == command.segment);
                let utterance = segment.map(|segment| segment.utterance);
                let heard = Input::CommandHeard { ear, speaker, command: known, at, utterance };
                self.parts.inbox.report(clock::mono_now(), heard);
            }
            SttEvent::Final(done) => {
                let Some(i) = self.segments.iter().position(|s| s.id == done.segment) else { return };
                let segment = self.segments.remove(i);
                if done.text.is_empty() {
                    return self.settled(1);
                }
                let ended = segment.ended.unwrap_or_else(|| self.mono_of(done.ended));
                let bearing_deg = segment.bearing.degrees();
                self.parts.live.words(
                    segment.utterance,
                    ear,
                    segment.named,
                    bearing_deg,
                    done.text.clone(),
                    segment.started,
                    ended,
                );
                self.parts.inbox.report(
                    clock::mono_now(),
                    Input::UtteranceHeard {
                        utterance: segment.utterance,
                        ear,
                        speaker: segment.named,
                        bearing_deg,
                        text: done.text,
                        started: segment.started,
                        ended,
                        addressed: segment.addressed,
                    },
                );
                // Only now: its words wait in the inbox, before whatever ends the meeting.
                self.settled(1);
            }
            SttEvent::Behind { backlog } => {
                tracing::warn!(
                    stt.backlog_ms = backlog.as_millis() as u64,
                    "recogniser falls behind; partials come late"
                );
                self.stt_state(PeripheralState::Degraded {
                    reason: "the recogniser is slower than speech".to_owned(),
                });
            }
            SttEvent::CaughtUp => self.stt_state(PeripheralState::Up),
            SttEvent::Failed { segment, why } => {
                tracing::error!(
                    stt.error = why,
                    "recogniser failed for one stretch of speech; the next one may work"
                );
                let before = self.segments.len();
                self.segments.retain(|s| s.id != segment);
                self.settled(before - self.segments.len());
            }
        }
    }

    fn note_stt(&mut self, ok: bool) {
        if ok == self.stt_up {
            return;
        }
        self.stt_up = ok;
        self.stt_state(if ok {
            PeripheralState::Up
        } else {
            PeripheralState::Absent { reason: "the recogniser does not answer".to_owned() }
        });
    }

    fn stt_state(&self, state: PeripheralState) {
        self.parts
            .inbox
            .report(clock::mono_now(), Input::PeripheralChanged { which: Peripheral::Stt, state });
    }
}

/// An ear's name on the wire.
pub(crate) fn ear_name(ear: Ear) -> prim_proto::Ear {
    match ear {
        Ear::Room => prim_proto::Ear::Room,
        Ear::Remote => prim_proto::Ear::Remote,
    }
}

/// The circular mean of bearings while one person speaks.
#[derive(Debug, Clone, Copy, Default)]
struct BearingMean {
    x: f32,
    y: f32,
}

impl BearingMean {
    fn add(&mut self, deg: Option<f32>) {
        if let Some(deg) = deg {
            let (s, c) = deg.to_radians().sin_cos();
            self.x += c;
            self.y += s;
        }
    }

    /// Whole degrees 0..360, unless nothing was measured or it came from everywhere.
    fn degrees(&self) -> Option<u16> {
        (self.x.hypot(self.y) > 0.5)
            .then(|| (self.y.atan2(self.x).to_degrees().rem_euclid(360.0).round() as u16) % 360)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_bearings_around_the_front_is_the_front() {
        let mut mean = BearingMean::default();
        for deg in [350.0, 10.0, 0.0] {
            mean.add(Some(deg));
        }
        assert_eq!(mean.degrees(), Some(0));
        assert_eq!(BearingMean::default().degrees(), None);
    }
}
