//! Who is in the meeting, as far as the platform said.

use std::collections::BTreeMap;

use prim_ids::ParticipantId;

/// One person in the meeting.
#[derive(Clone, PartialEq, Eq)]
pub struct Attendee {
    /// The platform's name for the person.
    pub name: String,
    /// Is the hand up?
    pub hand: bool,
}

impl std::fmt::Debug for Attendee {
    /// Names are private.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attendee").field("hand", &self.hand).finish_non_exhaustive()
    }
}

/// Everyone present. Holds at most [`Roster::CAPACITY`] people; further ones are not listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    people: BTreeMap<ParticipantId, Attendee>,
}

impl Roster {
    /// More than any meeting room; a bound against a platform that invents people.
    pub const CAPACITY: usize = 1_000;

    /// One person.
    #[must_use]
    pub fn get(&self, who: ParticipantId) -> Option<&Attendee> {
        self.people.get(&who)
    }

    /// Everyone, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (ParticipantId, &Attendee)> {
        self.people.iter().map(|(who, attendee)| (*who, attendee))
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Nobody?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Did this change anything?
    pub(crate) fn join(&mut self, who: ParticipantId, name: &str) -> bool {
        let known = self.people.get(&who).is_some_and(|attendee| attendee.name == name);
        if known || (self.people.len() >= Self::CAPACITY && !self.people.contains_key(&who)) {
            return false;
        }
        self.people.entry(who).or_insert_with(|| Attendee { name: String::new(), hand: false }).name =
            name.to_owned();
        true
    }

    pub(crate) fn leave(&mut self, who: ParticipantId) -> bool {
        self.people.remove(&who).is_some()
    }

    pub(crate) fn hand(&mut self, who: ParticipantId, raised: bool) -> bool {
        match self.people.get_mut(&who) {
            Some(attendee) if attendee.hand != raised => {
                attendee.hand = raised;
                true
            }
            Some(_) | None => false,
        }
    }
}
