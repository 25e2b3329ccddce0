//! Silence: ordered first, written down afterwards, the unsaid rest included.

use std::time::Duration;

use crate::meeting::Meeting;
use crate::turn::Stage;
use crate::{Actor, Closing, Event, Output, SayId, SilenceCause};

/// The mouth answers `Silence` within this time; after it the speech counts as ended. Ten times the promise of 100 ms.
const SILENCE_LIMIT: Duration = Duration::from_secs(1);

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

    /// Silence took effect: what was not heard is written down as unsaid.
    pub(crate) fn silenced(&mut self, played_ms: u64) {
        self.remember_said();
        let Some(turn) = self.floor.turn.clone() else { return };
        let Stage::Silencing { cause, by, fit, played, .. } = turn.stage else { return };
        let Some(speech) = turn.speech else { return };
        let unsaid = speech.clauses.get(played..fit).unwrap_or_default().join(" ");
        self.record(Event::SaySilenced { say: speech.say, cause, played_ms, unsaid: unsaid.clone() });
        // Who says stop has had enough of it; in all other cases the words are not lost.
        let kept = match cause {
            SilenceCause::BargeIn | SilenceCause::TooLong | SilenceCause::NotStarted | SilenceCause::Deaf => {
                true
            }
            SilenceCause::Stop | SilenceCause::Muted | SilenceCause::MeetingEnded => false,
        };
        if kept && !unsaid.is_empty() {
            self.card(self.audience(), "Prim was saying", speech.text());
        }
        self.end_turn(turn.request, Closing::Stopped { by, cause });
    }
}
