//! Speaker labels: which of the room's voices came from the same direction, and so very likely from the same person. A
//! label is no name: it says "the same voice as before", and nothing when that is not sure.
//!
//! Where the shell compares the voices themselves it says so by a number ([`Input::VoiceMatched`](crate::Input)), and only
//! when it is certain. That number outweighs the direction: who walked to another seat keeps the label, and two people in
//! one direction have two. Without it the direction decides, as long as only one person was ever heard from there. What
//! was said before is never given to somebody else.
//!
//! Directions also judge voices: a number that is heard from two places with no time to walk between them stands for two
//! people who sound alike. It counts no more, and whose label it was keeps the first place only.

use std::time::Duration;

use prim_ids::MonoTime;

/// A voice this close to a known one, in degrees, is the same: the front end's bearings err by less than 5°, and a head
/// moves by ten.
const SAME_DEG: f32 = 18.0;
/// A voice is a new one only this far from all others, in degrees. Between the two nobody can say.
const APART_DEG: f32 = 30.0;
/// Shorter speech founds no label: a cough, a cup, a chair.
const FOUNDING: Duration = Duration::from_millis(700);
/// A label follows its voice by this share of each utterance.
const FOLLOW: f32 = 0.2;
/// Labels at most: 360° hold twelve that are [`APART_DEG`] apart.
const LABELS: usize = 12;
/// Nobody stops speaking, gets up, goes to another seat and speaks again in less.
const WALK: Duration = Duration::from_secs(4);
/// Numbers that are known to stand for two people; the oldest is forgotten.
const DOUBTED: usize = 32;
/// Places that are remembered of one person, the oldest but one is forgotten: a seat, a whiteboard, another seat.
const PLACES: usize = 3;

/// A voice of the room, numbered from 1 in the order of first speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpeakerLabel(u8);

impl SpeakerLabel {
    /// From its number; none for 0.
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        (number > 0).then_some(Self(number))
    }

    /// Its number, from 1.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }
}

/// What is known of where an utterance came from and whose voice it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traits {
    /// 0..360.
    pub(crate) bearing_deg: Option<u16>,
    /// The number of a voice that was compared and is certain.
    pub(crate) voice: Option<u32>,
    pub(crate) started: MonoTime,
    pub(crate) ended: MonoTime,
}

/// The voices of one meeting.
#[derive(Debug, Clone, Default)]
pub(crate) struct Speakers {
    people: Vec<Speaker>,
    /// Voices' numbers that stand for two people.
    doubted: Vec<u32>,
}

#[derive(Debug, Clone, Default)]
struct Speaker {
    /// Unit vectors, roughly: from where this one was heard, in the order in which that was new.
    places: Vec<(f32, f32)>,
    voice: Option<u32>,
    /// From where last, and until when.
    last: Option<((f32, f32), MonoTime)>,
}

fn unit(bearing_deg: u16) -> (f32, f32) {
    let (y, x) = f32::from(bearing_deg).to_radians().sin_cos();
    (x, y)
}

/// Degrees between two directions.
fn between(a: (f32, f32), b: (f32, f32)) -> f32 {
    (a.0 * b.1 - a.1 * b.0).atan2(a.0 * b.0 + a.1 * b.1).to_degrees().abs()
}

impl Speaker {
    /// How far the nearest of the places is from `from`, and which it is.
    fn nearest(&self, from: (f32, f32)) -> Option<(f32, usize)> {
        let all = self.places.iter().enumerate().map(|(i, place)| (between(*place, from), i));
        all.min_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// This one was heard from there.
    fn heard_from(&mut self, from: (f32, f32)) {
        match self.nearest(from) {
            Some((off, i)) if off <= SAME_DEG => {
                let p = &mut self.places[i];
                *p = (p.0 + FOLLOW * (from.0 - p.0), p.1 + FOLLOW * (from.1 - p.1));
            }
            Some(_) | None => {
                if self.places.len() == PLACES {
                    self.places.remove(1);
                }
                self.places.push(from);
            }
        }
    }
}

impl Speakers {
    /// As saved by [`Self::bearings`]. Voices are compared anew: nothing of them is ever saved.
    pub(crate) fn restored(bearings: &[Vec<u16>]) -> Self {
        let places = |bearings: &Vec<u16>| bearings.iter().take(PLACES).map(|b| unit(*b)).collect();
        let speaker = |bearings| Speaker { places: places(bearings), ..Speaker::default() };
        Self { people: bearings.iter().take(LABELS).map(speaker).collect(), doubted: Vec::new() }
    }

    /// From where each one was heard, in whole degrees, in the order of their numbers.
    pub(crate) fn bearings(&self) -> Vec<Vec<u16>> {
        let whole = |(x, y): &(f32, f32)| y.atan2(*x).to_degrees().rem_euclid(360.0).round() as u16 % 360;
        self.people.iter().map(|speaker| speaker.places.iter().map(whole).collect()).collect()
    }

    /// No voice is compared with one of before any more.
    pub(crate) fn forget_voices(&mut self) {
        self.people.iter_mut().for_each(|speaker| speaker.voice = None);
        self.doubted.clear();
    }

    /// Whose known voice it was. Nothing is learnt of it.
    pub(crate) fn known(&self, traits: Traits) -> Option<SpeakerLabel> {
        self.clone().tell(traits, false)
    }

    /// Whose voice it was; none where that would be a guess.
    pub(crate) fn of(&mut self, traits: Traits) -> Option<SpeakerLabel> {
        self.tell(traits, true)
    }

    /// May somebody be new whose turn is long enough?
    fn tell(&mut self, traits: Traits, founding: bool) -> Option<SpeakerLabel> {
        let from = traits.bearing_deg.map(unit);
        let spoke = traits.ended.since(traits.started);
        let voice = self.trusted(traits, from);
        let who = match (voice, from) {
            (Some(voice), from) => self.by_voice(voice, from)?,
            (None, Some(from)) => self.by_place(from)?,
            (None, None) => return None,
        };
        let who = match who {
            Who::Known(who) => who,
            Who::New if !founding || spoke < FOUNDING || self.people.len() == LABELS => return None,
            Who::New => {
                self.people.push(Speaker::default());
                self.people.len() - 1
            }
        };
        let speaker = &mut self.people[who];
        speaker.voice = voice.or(speaker.voice);
        if let Some(from) = from {
            speaker.heard_from(from);
            speaker.last = Some((from, traits.ended));
        }
        numbered(who)
    }

    /// The number of the voice, unless it stands for two people; whether it does may show just now.
    fn trusted(&mut self, traits: Traits, from: Option<(f32, f32)>) -> Option<u32> {
        let voice = traits.voice.filter(|voice| !self.doubted.contains(voice))?;
        let (Some(speaker), Some(from)) =
            (self.people.iter_mut().find(|speaker| speaker.voice == Some(voice)), from)
        else {
            return Some(voice);
        };
        let elsewhere = |(place, until): ((f32, f32), MonoTime)| {
            between(place, from) >= APART_DEG && traits.started < until + WALK
        };
        if !speaker.last.is_some_and(elsewhere) {
            return Some(voice);
        }
        (speaker.voice, speaker.last) = (None, None);
        speaker.places.truncate(1);
        if self.doubted.len() == DOUBTED {
            self.doubted.remove(0);
        }
        self.doubted.push(voice);
        None
    }

    /// Who was ever heard from about there, the nearest first.
    fn around(&self, from: (f32, f32)) -> Vec<(f32, usize)> {
        let off = |(who, speaker): (usize, &Speaker)| Some((speaker.nearest(from)?.0, who));
        let mut all: Vec<_> =
            self.people.iter().enumerate().filter_map(off).filter(|(off, _)| *off < APART_DEG).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all
    }

    fn by_place(&self, from: (f32, f32)) -> Option<Who> {
        let around = self.around(from);
        match around[..] {
            [] => Some(Who::New),
            [(off, _), ..] if off > SAME_DEG => None,
            // Two people were heard from there.
            [(_, who), (_, other), ..] if self.share_a_place(who, other, from) => None,
            [(_, who), ..] => Some(Who::Known(who)),
        }
    }

    fn share_a_place(&self, one: usize, other: usize, from: (f32, f32)) -> bool {
        let place = |who: usize| {
            let speaker = &self.people[who];
            speaker.nearest(from).map(|(_, i)| speaker.places[i])
        };
        place(one).zip(place(other)).is_some_and(|(a, b)| between(a, b) <= SAME_DEG)
    }

    fn by_voice(&self, voice: u32, from: Option<(f32, f32)>) -> Option<Who> {
        if let Some(who) = self.people.iter().position(|speaker| speaker.voice == Some(voice)) {
            return Some(Who::Known(who));
        }
        // Nobody's voice so far: a new person's, or that of one whose voice was never certain.
        let unheard = |who: usize| self.people[who].voice.is_none();
        let Some(from) = from else {
            let somebody = self.people.iter().any(|one| one.voice.is_none() && !one.places.is_empty());
            return (!somebody).then_some(Who::New);
        };
        match self.around(from)[..] {
            [] => Some(Who::New),
            [(off, who)] if unheard(who) && off <= SAME_DEG => Some(Who::Known(who)),
            ref all if all.iter().any(|(_, who)| unheard(*who)) => {
                // The nearest is meant if the place is that one's alone; else nobody can say.
                let Some(Who::Known(who)) = self.by_place(from) else { return None };
                unheard(who).then_some(Who::Known(who))
            }
            _ => Some(Who::New),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Known(usize),
    New,
}

fn numbered(index: usize) -> Option<SpeakerLabel> {
    u8::try_from(index + 1).ok().and_then(SpeakerLabel::new)
}

#[cfg(test)]
mod tests;
