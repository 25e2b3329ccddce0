//! The voices of one meeting, told apart by their prints: *the same*, *another*, and *nobody can say* in between.
//!
//! Pure, bounded, and online: what was said of an earlier turn is never changed. Only the numbers leave this book; the
//! prints stay in it until they are forgotten.

use std::time::Duration;

use crate::Voiceprint;

/// From which likeness on what is certain. Between the two thresholds nothing is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Certainty {
    /// A turn at least so like a voice is that voice's,
    pub same: f32,
    /// if it is so much less like every other one.
    pub margin: f32,
    /// A turn less like every known voice than this is somebody else's.
    pub different: f32,
    /// A shorter turn says nothing.
    pub shortest: Duration,
    /// A shorter turn founds no voice.
    pub founding: Duration,
}

impl Default for Certainty {
    /// Chosen on read speech in measured rooms (see
    /// `models/decisions/0001-voiceprints.md`); the meetings that are judged were not looked at.
    fn default() -> Self {
        Self {
            same: 0.7,
            margin: 0.15,
            different: 0.3,
            shortest: Duration::from_millis(1_000),
            founding: Duration::from_millis(2_000),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct VoiceBook {
    certainty: Certainty,
    voices: Vec<Voice>,
    next: u32,
}

#[derive(Debug)]
struct Voice {
    number: u32,
    print: Voiceprint,
    turns: u8,
}

impl VoiceBook {
    /// Voices at most; one more is nobody's.
    pub const VOICES: usize = 12;
    /// A voice's print is the mean of as many turns; a later one moves it by its share of these.
    const REMEMBERED: u8 = 20;

    /// Knows nobody.
    #[must_use]
    pub fn new(certainty: Certainty) -> Self {
        Self { certainty, voices: Vec::new(), next: 1 }
    }

    /// Whose voice a turn of this length is, where that is certain: a number of before, or the next one for somebody new.
    pub fn hear(&mut self, print: &Voiceprint, spoke: Duration) -> Option<u32> {
        let Certainty { same, margin, different, shortest, founding } = self.certainty;
        if spoke < shortest {
            return None;
        }
        let likeness = |voice: &Voice| voice.print.likeness(print);
        let nearest = self.voices.iter().map(likeness).enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        match nearest {
            Some((at, alike)) if alike >= same => {
                let others = self.voices.iter().enumerate().filter(|(other, _)| *other != at);
                if others.map(|(_, voice)| likeness(voice)).any(|other| other > alike - margin) {
                    return None;
                }
                let voice = &mut self.voices[at];
                voice.print = voice.print.towards(print, f32::from(voice.turns));
                voice.turns = (voice.turns + 1).min(Self::REMEMBERED);
                Some(voice.number)
            }
            Some((_, alike)) if alike >= different => None,
            Some(_) | None if spoke < founding || self.voices.len() == Self::VOICES => None,
            Some(_) | None => {
                let number = self.next;
                self.next = self.next.wrapping_add(1).max(1);
                self.voices.push(Voice { number, print: print.clone(), turns: 1 });
                Some(number)
            }
        }
    }

    /// Forgets all prints. Numbers go on, so that what was said of a forgotten voice is never taken for another's.
    pub fn forget(&mut self) {
        self.voices.clear();
    }

    /// Whether nobody is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.voices.is_empty()
    }
}

#[cfg(test)]
mod tests;
