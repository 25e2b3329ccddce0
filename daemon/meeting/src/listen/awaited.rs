//! Commands whose words are still to come: "note that …", and an objection taken back by a voice that its text will tell.

use std::time::Duration;

use prim_ids::{MonoTime, ParticipantId, UtteranceId};

use super::{NEAR, Utterance};
use crate::asked::Voice;
use crate::meeting::Meeting;
use crate::notes::Origin;
use crate::{Actor, Command, Ear, NotNoted};

/// Dictated text may come this long after the speech ended (a second pass of a slow recogniser).
const TEXT_LAG: Duration = Duration::from_secs(4);

/// However long somebody speaks after "note that": then the command is given up.
const WORDS_AT_MOST: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Awaited {
    pub(super) command: Command,
    pub(super) ear: Ear,
    pub(super) speaker: Option<ParticipantId>,
    pub(super) at: MonoTime,
    /// The words are in the next utterance, not in the one that held the command.
    pub(super) next: bool,
}

impl Awaited {
    pub(super) fn belongs(&self, heard: &Utterance) -> bool {
        if self.next {
            self.ear == heard.ear && heard.started + NEAR >= self.at
        } else {
            heard.covers(self.ear, self.at)
        }
    }
}

impl Meeting {
    pub(super) fn await_words(&mut self, awaited: Awaited) {
        let Some(session) = self.session.as_mut() else { return };
        if let Some(given_up) = session.listening.awaited.replace(awaited) {
            self.give_up(given_up);
        }
    }

    /// The words did not come.
    pub(super) fn give_up(&mut self, awaited: Awaited) {
        let Awaited { command, ear, speaker, at, .. } = awaited;
        if command == Command::TakeBack {
            self.obey(command, Voice { ear, speaker, label: None, at, utterance: None });
        } else {
            self.not_noted(command, NotNoted::NoWords);
        }
    }

    pub(super) fn note_heard(
        &mut self,
        command: Command,
        words: &str,
        by: Actor,
        heard: &Utterance,
        from: Option<UtteranceId>,
    ) {
        // What was said before everyone agreed is not kept, in whatever form.
        if let Some(from) = from {
            let item = self.session.as_ref().and_then(|session| session.agenda.item_at(heard.started));
            self.note_spoken(command, words, Origin { by, utterances: vec![from], item });
        } else {
            self.not_noted(command, NotNoted::NoConsent);
        }
    }

    pub(super) fn words_due(&self) -> Option<MonoTime> {
        let listening = &self.session.as_ref()?.listening;
        let awaited = listening.awaited?;
        let at_most = awaited.at + WORDS_AT_MOST;
        if self.hearing.ear_active(awaited.ear) {
            return Some(at_most);
        }
        let spoken = self.hearing.ear_ended(awaited.ear) + TEXT_LAG;
        Some((awaited.at + self.config.words_limit).max(spoken).min(at_most))
    }
}
