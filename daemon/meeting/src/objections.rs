//! Objections to being written down by voices that no person can be named for, and what lifts each of them.
//!
//! One by a voice of the room that is told apart (see [`crate::speakers`]) is lifted by that voice alone. Of any other
//! nobody can say whose it is, and so no voice lifts it: everybody who was there must agree anew, each by name. Without
//! a name there is nobody who can, and it stands until the meeting ends. In doubt an objection stands.

use prim_ids::{MonoTime, ParticipantId};

use crate::seats::Seats;
use crate::{Ear, SpeakerLabel};

/// Objections by voices that cannot be told, kept apart; a further one counts as one with the last. Voices that can be
/// told are twelve at most.
const UNTOLD: usize = 16;

/// Somebody without a name said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Objection {
    pub(crate) ear: Ear,
    /// When, while its text may still come and tell whose voice it was.
    pub(crate) at: Option<MonoTime>,
    pub(crate) label: Option<SpeakerLabel>,
    /// Who was there and has not agreed by name since; none where nobody was listed.
    pub(crate) waits_for: Option<Vec<ParticipantId>>,
}

impl Seats {
    pub(crate) fn object(&mut self, ear: Ear, at: MonoTime, label: Option<SpeakerLabel>) {
        let there: Vec<ParticipantId> = self.present(ear).map(|seat| seat.person.id).collect();
        let there = (!there.is_empty()).then_some(there);
        let untold = self.objections.iter().filter(|old| old.label.is_none()).count();
        let same = match label {
            Some(_) => self.objections.iter_mut().find(|old| old.label == label),
            None if untold >= UNTOLD => {
                self.objections.iter_mut().rfind(|old| old.label.is_none() && old.ear == ear)
            }
            None => None,
        };
        match same {
            Some(old) => {
                old.waits_for = old.waits_for.take().zip(there).map(|(old, new)| [old, new].concat());
            }
            None => self.objections.push(Objection { ear, at: Some(at), label, waits_for: there }),
        }
    }

    /// Somebody without a name objected then, and it is not known yet which voice it was.
    pub(crate) fn objected(&self, then: impl Fn(Ear, MonoTime) -> bool) -> bool {
        self.objections.iter().any(|old| old.label.is_none() && old.at.is_some_and(|at| then(old.ear, at)))
    }

    /// The voice of that objection is known by now.
    pub(crate) fn tell(&mut self, label: SpeakerLabel, then: impl Fn(Ear, MonoTime) -> bool) {
        let untold = |old: &Objection| old.label.is_none() && old.at.is_some_and(|at| then(old.ear, at));
        let Some(at) = self.objections.iter().position(untold) else { return };
        if self.objections.iter().any(|old| old.label == Some(label)) {
            self.objections.remove(at);
        } else {
            self.objections[at].label = Some(label);
        }
    }

    /// This voice takes back its own objection. Whether there was one.
    pub(crate) fn lift(&mut self, ear: Ear, label: Option<SpeakerLabel>) -> bool {
        let before = self.objections.len();
        self.objections.retain(|old| label.is_none() || old.label != label || old.ear != ear);
        self.objections.len() < before
    }

    /// `who` agreed, and it is known that it was they. The sides on which this was the last that was waited for: what
    /// nobody could be named for no longer stands there.
    pub(crate) fn agreed_by_name(&mut self, who: ParticipantId) -> Vec<Ear> {
        let lifts = |ear: &Ear| {
            let (mut waited, mut waits) = (false, false);
            for old in self.objections.iter_mut().filter(|old| old.label.is_none() && old.ear == *ear) {
                waited |= old.waits_for.iter().flatten().any(|other| *other == who);
                if let Some(people) = &mut old.waits_for {
                    people.retain(|other| *other != who);
                }
                waits |= old.waits_for.as_ref().is_none_or(|people| !people.is_empty());
            }
            waited && !waits
        };
        let lifted: Vec<Ear> = [Ear::Room, Ear::Remote].into_iter().filter(lifts).collect();
        self.objections.retain(|old| old.label.is_some() || !lifted.contains(&old.ear));
        lifted
    }
}
