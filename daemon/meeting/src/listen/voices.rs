//! Whose voice an utterance is, and how long each of them spoke.

use prim_ids::{MonoTime, ParticipantId, UtteranceId};

use super::{Listening, Utterance, remember};
use crate::Ear;
use crate::meeting::Meeting;
use crate::speakers::{SpeakerLabel, Traits};

/// Who spoke, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Talker {
    Person { who: ParticipantId },
    Voice { label: SpeakerLabel },
    Unknown,
}

impl Utterance {
    /// What tells whose voice of the room it is.
    pub(super) fn traits(&self) -> Traits {
        let Self { bearing_deg, voice, started, ended, .. } = *self;
        Traits { bearing_deg, voice, started, ended }
    }
}

impl Listening {
    /// What is kept was spoken by `person`, where that is known, else by a voice of the room: its label, which it gets now
    /// if it is new. How long it was counts for whoever it was.
    pub(super) fn voice_spoke(
        &mut self,
        heard: &Utterance,
        person: Option<ParticipantId>,
    ) -> Option<SpeakerLabel> {
        let label = match (heard.ear, heard.speaker) {
            (Ear::Room, None) => self.speakers.of(heard.traits()),
            (Ear::Room | Ear::Remote, _) => None,
        };
        let talker = match (person, label) {
            (Some(who), _) => Talker::Person { who },
            (None, Some(label)) => Talker::Voice { label },
            (None, None) => Talker::Unknown,
        };
        let length = u64::try_from(heard.length().as_millis()).unwrap_or(u64::MAX);
        let talked = self.talked.entry(talker).or_default();
        *talked = talked.saturating_add(length);
        label
    }
}

impl Meeting {
    /// Whose voice an utterance is whose words are still to come. Counts only while the room may be recorded: nobody's voice
    /// is compared without that.
    pub(crate) fn voice_matched(&mut self, utterance: UtteranceId, voice: u32) {
        let may = self.recording_since(Ear::Room).is_some() && !self.muting.muted();
        if let Some(session) = self.session.as_mut().filter(|_| may) {
            remember(&mut session.listening.voices, (utterance, voice));
        }
    }

    pub(super) fn voice_of(&mut self, utterance: UtteranceId) -> Option<u32> {
        let voices = &mut self.session.as_mut()?.listening.voices;
        let at = voices.iter().position(|(of, _)| *of == utterance)?;
        voices.remove(at).map(|(_, voice)| voice)
    }

    /// The room is not recorded any more: voices that come later are nobody's of before.
    pub(crate) fn forget_voices(&mut self) {
        if let Some(session) = self.session.as_mut() {
            session.listening.voices.clear();
            session.listening.speakers.forget_voices();
        }
    }

    /// Which of the room's voices it is. Who objects, now or by a command that was heard before its text, is one of them
    /// from then on.
    pub(super) fn label_of(&mut self, heard: &Utterance, refuses: bool) -> Option<SpeakerLabel> {
        let session = self.session.as_mut()?;
        if heard.ear != Ear::Room {
            return None;
        }
        let of_this = |ear: Ear, at: MonoTime| heard.covers(ear, at);
        let told_late = session.seats.objected(of_this);
        if !(refuses || told_late) {
            return session.listening.speakers.known(heard.traits());
        }
        let label = session.listening.speakers.of(heard.traits())?;
        session.seats.tell(label, of_this);
        Some(label)
    }
}
