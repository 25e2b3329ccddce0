//! An embedding that hears the person whom the script names.

use std::collections::VecDeque;

use super::Gate;
use crate::{EmbedError, SHORTEST_TURN, SpeakerEmbedding, Voiceprint};

/// Numbers of a scripted print.
const SIZE: usize = 16;

/// What one turn of a [`FakeEmbedding`] sounds like.
#[derive(Debug, Clone)]
pub enum ScriptedTurn {
    /// Person number `0..16`, as clear as can be: unlike everybody else.
    Person(usize),
    /// Something between two persons, as alike to one as to the other.
    Between(usize, usize),
    /// The engine fails.
    Fails,
    /// Waits for the gate, then is this person.
    StallAt(Gate, usize),
}

/// See the module. Behind the script's end every turn fails.
#[derive(Debug, Default)]
pub struct FakeEmbedding {
    script: VecDeque<ScriptedTurn>,
}

impl FakeEmbedding {
    /// Hears `script`, one entry per turn that is asked about.
    #[must_use]
    pub fn new(script: impl IntoIterator<Item = ScriptedTurn>) -> Self {
        Self { script: script.into_iter().collect() }
    }

    /// The print of person `0..16`; of a higher number there is none.
    #[must_use]
    pub fn person(number: usize) -> Option<Voiceprint> {
        Self::between(number, number)
    }

    fn between(one: usize, other: usize) -> Option<Voiceprint> {
        let mut print = [0.0; SIZE];
        *print.get_mut(one)? += 1.0;
        *print.get_mut(other)? += 1.0;
        Voiceprint::new(&print)
    }
}

impl SpeakerEmbedding for FakeEmbedding {
    fn embed(&mut self, turn: &[f32]) -> Result<Voiceprint, EmbedError> {
        if turn.len() < SHORTEST_TURN {
            return Err(EmbedError::TooShort { given: turn.len(), wanted: SHORTEST_TURN });
        }
        let print = match self.script.pop_front() {
            Some(ScriptedTurn::Person(number)) => Self::person(number),
            Some(ScriptedTurn::Between(one, other)) => Self::between(one, other),
            Some(ScriptedTurn::StallAt(gate, number)) => {
                gate.wait();
                Self::person(number)
            }
            Some(ScriptedTurn::Fails) | None => None,
        };
        print.ok_or_else(|| EmbedError::Engine { why: "the script says so".to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_followed_and_behind_its_end_nothing_is_known() {
        let mut fake = FakeEmbedding::new([ScriptedTurn::Person(3), ScriptedTurn::Between(3, 4)]);
        let turn = [0.0; SHORTEST_TURN];
        let heard = fake.embed(&turn).unwrap();
        assert_eq!(Some(&heard), FakeEmbedding::person(3).as_ref());
        assert!((heard.likeness(&fake.embed(&turn).unwrap()) - 0.5_f32.sqrt()).abs() < 1e-6);
        assert!(matches!(fake.embed(&turn), Err(EmbedError::Engine { .. })));
        assert!(matches!(fake.embed(&turn[1..]), Err(EmbedError::TooShort { .. })));
    }
}
