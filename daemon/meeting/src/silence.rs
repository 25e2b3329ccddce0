//! Silence: ordered first, written down afterwards, the unsaid rest included.

use std::time::Duration;

use crate::meeting::Meeting;
use crate::turn::{Speech, Stage, Synthesis};
use crate::{Actor, CardKind, Closing, Cut, Event, Output, SayId, SilenceCause};

/// The mouth answers `Silence` within this time; after it the speech counts as ended. Ten times the promise of 100 ms.
const SILENCE_LIMIT: Duration = Duration::from_secs(1);

impl Speech {
    /// Of the first `fit` clauses: the one that was cut after `played_ms` of the speech, and the words of those that were
    /// not begun. `played` clauses were reported as heard; the last report may have come too late.
    fn left_over(&self, played: usize, fit: usize, played_ms: u64) -> (Option<Cut>, String) {
        let lengths: &[u32] = if let Synthesis::Ready(lengths) = &self.synthesis { lengths } else { &[] };
        let length = |clause: usize| lengths.get(clause).map_or(u64::MAX, |length| u64::from(*length));
        let before = (0..played).fold(0_u64, |sum, clause| sum.saturating_add(length(clause)));
        let mut within = played_ms.saturating_sub(before);
        let mut clause = played;
        while clause < fit && within >= length(clause) {
            within -= length(clause);
            clause += 1;
        }
        let text = self.clauses.get(clause).filter(|_| within > 0 && clause < fit);
        let cut = text.map(|text| Cut {
            clause: u32::try_from(clause).unwrap_or(u32::MAX),
            played_ms: within,
            text: text.clone(),
        });
        let unsaid = self.clauses.get(clause + usize::from(cut.is_some())..fit).unwrap_or_default().join(" ");
        (cut, unsaid)
    }
}

impl Meeting {
    pub(crate) fn speaking_silenced(&mut self, say: SayId, played_ms: u32) {
        if self.turn_of(say).is_some_and(|turn| matches!(turn.stage, Stage::Silencing { .. })) {
            self.silenced(u64::from(played_ms));
        }
    }

    /// Orders silence if a speech is ordered or heard. The order goes out before anything is written.
    pub(crate) fn silence_speech(&mut self, cause: SilenceCause, by: Actor) {
        let until = self.now + SILENCE_LIMIT;
        let Some(turn) = self.floor.turn.as_mut() else { return };
        let (began, fit, played) = match turn.stage {
            Stage::Starting { fit, .. } => (None, fit, 0),
            Stage::Speaking { began, fit, played } => (Some(began), fit, played),
            Stage::Answering { .. }
            | Stage::Preparing { .. }
            | Stage::Waiting { .. }
            | Stage::Silencing { .. } => {
                return;
            }
        };
        let Some(say) = turn.speech.as_ref().map(|speech| speech.say) else { return };
        turn.stage = Stage::Silencing { until, cause, by, began, fit, played };
        self.push(Output::Silence { say, cause });
    }

    /// The meeting ends, and with it here and now what was ordered to be silent. Nobody may be there to hear from the
    /// mouth when it was, so what was heard goes by the clock until the order.
    pub(crate) fn silenced_for_good(&mut self) {
        let Some(Stage::Silencing { began, .. }) = self.floor.turn.as_ref().map(|turn| &turn.stage) else {
            return;
        };
        let played_ms = began.map_or(0, |began| self.now.since(began).as_millis());
        self.silenced(u64::try_from(played_ms).unwrap_or(u64::MAX));
    }

    /// Silence took effect: the clause it cut, and what was not heard at all, are written down.
    pub(crate) fn silenced(&mut self, played_ms: u64) {
        self.remember_said();
        let Some(turn) = self.floor.turn.clone() else { return };
        let Stage::Silencing { cause, by, fit, played, .. } = turn.stage else { return };
        let Some(speech) = turn.speech else { return };
        let (cut, unsaid) = speech.left_over(played, fit, played_ms);
        let now = self.now;
        if let Some(session) = self.session.as_mut() {
            session.listening.own.falls_silent(speech.say, now);
        }
        let heard_whole = cut.is_none() && unsaid.is_empty();
        self.record(Event::SaySilenced { say: speech.say, cause, played_ms, cut, unsaid });
        // Who says stop has had enough of it; in all other cases the words are not lost.
        let kept = match cause {
            SilenceCause::BargeIn
            | SilenceCause::TooLong
            | SilenceCause::NotStarted
            | SilenceCause::Deaf
            | SilenceCause::CoachOnly => true,
            SilenceCause::Stop | SilenceCause::Muted | SilenceCause::MeetingEnded => false,
        };
        if kept && !heard_whole {
            self.card(self.audience(), CardKind::Silenced, None, speech.text());
        }
        self.end_turn(turn.request, Closing::Stopped { by, cause });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speech() -> Speech {
        let clauses = ["One two.", "Three four.", "Five six."].map(str::to_owned).to_vec();
        Speech {
            say: SayId(1),
            clauses,
            rest: String::new(),
            synthesis: Synthesis::Ready(vec![600, 600, 600]),
        }
    }

    #[test]
    fn a_clause_that_was_heard_in_part_is_no_unsaid_clause() {
        let (cut, unsaid) = speech().left_over(1, 3, 800);
        assert_eq!(cut, Some(Cut { clause: 1, played_ms: 200, text: "Three four.".to_owned() }));
        assert_eq!(unsaid, "Five six.");
    }

    #[test]
    fn a_cut_between_two_clauses_is_within_none() {
        assert_eq!(speech().left_over(1, 3, 600), (None, "Three four. Five six.".to_owned()));
        assert_eq!(speech().left_over(0, 2, 0), (None, "One two. Three four.".to_owned()));
        assert_eq!(speech().left_over(3, 3, 1_800), (None, String::new()));
    }

    #[test]
    fn a_report_that_came_too_late_is_made_up_for_by_what_was_played() {
        let (cut, unsaid) = speech().left_over(0, 3, 1_300);
        assert_eq!(cut.map(|cut| (cut.clause, cut.played_ms)), Some((2, 100)));
        assert_eq!(unsaid, "");
    }
}
