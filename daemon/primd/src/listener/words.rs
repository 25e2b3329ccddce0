//! What the recogniser says of a stretch of speech, as facts and live text.

use prim_audio::SampleTime;
use prim_meeting::{Input, Peripheral, PeripheralState};
use prim_models::SttEvent;

use super::Listener;
use crate::clock;
use crate::vitals::seconds;

impl Listener {
    pub(super) fn poll(&mut self) {
        self.match_voices();
        while let Some(event) = self.parts.stt.as_mut().and_then(|stt| stt.poll()) {
            self.heard(event);
        }
    }

    /// The voice was passed on a while ago: what was shown beyond that is shown no more.
    pub(super) fn show_again(&mut self) {
        let ear = self.parts.ear;
        let Some(segment) = self.segments.last_mut() else { return };
        let Some(shown) = segment.partial.take() else { return };
        let (id, started, words) = (segment.utterance, segment.started, shown.words.len());
        let own = segment.partial.insert(shown.within(segment.own.clone()));
        if own.words.len() < words {
            self.parts.live.partial(id, ear, own.text.clone(), own.stable_chars, started);
        }
    }

    fn heard(&mut self, event: SttEvent) {
        let ear = self.parts.ear;
        match event {
            SttEvent::Partial(partial) => {
                if let Some(segment) = self.segments.iter_mut().find(|s| s.id == partial.segment) {
                    let partial = partial.within(segment.own.clone());
                    if partial.text.is_empty() && segment.partial.is_none() {
                        // All of it so far was said before the voice was passed on.
                        return;
                    }
                    if segment.partial.replace(partial.clone()).is_none() {
                        seconds("prim_first_partial_seconds", Some(segment.started), clock::mono_now());
                    }
                    let (id, started) = (segment.utterance, segment.started);
                    let present = segment.ended.is_none();
                    if self.open && present {
                        // Whoever has said all is not waited for, whoever wants to go on is.
                        let said = prim_meeting::completeness(&partial.text);
                        self.turns.be_patient(said.patience_ms(u64::from(self.parts.endpoint_ms)));
                    }
                    self.parts.live.partial(id, ear, partial.text, partial.stable_chars, started);
                }
            }
            SttEvent::Keyphrase(key) => {
                if let Some(segment) = self.segments.iter_mut().find(|s| s.id == key.segment) {
                    // As a word: `Final::within`.
                    let middle = SampleTime(key.start.0.midpoint(key.end.0));
                    if !segment.own.contains(&middle) {
                        return;
                    }
                    segment.named_at.get_or_insert(middle);
                }
                let at = self.mono_of(key.start);
                self.parts.inbox.report(clock::mono_now(), Input::PrimHeard { ear, at });
            }
            SttEvent::Command(command) => {
                let segment = self.segments.iter().find(|s| s.id == command.segment);
                // A command belongs to whom its name belongs.
                if segment.is_some_and(|s| !s.own.contains(&s.named_at.unwrap_or(command.at))) {
                    return;
                }
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
                let utterance = segment.map(|segment| segment.utterance);
                let heard = Input::CommandHeard { ear, speaker, command: known, at, utterance };
                self.parts.inbox.report(clock::mono_now(), heard);
            }
            SttEvent::Final(done) => {
                let Some(i) = self.segments.iter().position(|s| s.id == done.segment) else { return };
                let segment = self.segments.remove(i);
                let done = done.within(segment.own.clone());
                if done.text.is_empty() {
                    return self.settled(1);
                }
                metrics::counter!("prim_utterances_total", "ear" => format!("{ear:?}").to_lowercase())
                    .increment(1);
                let ended = segment.ended.unwrap_or_else(|| self.mono_of(done.ended));
                let bearing_deg = segment.bearing_deg.map(|deg| deg.rem_euclid(360.0).round() as u16 % 360);
                self.parts.inbox.report(
                    clock::mono_now(),
                    Input::UtteranceHeard {
                        utterance: segment.utterance,
                        ear,
                        speaker: segment.speaker,
                        bearing_deg,
                        text: done.text,
                        started: segment.started,
                        ended,
                        addressed: segment.addressed(),
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
                metrics::counter!("prim_recogniser_errors_total").increment(1);
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

    pub(super) fn note_stt(&mut self, ok: bool) {
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
