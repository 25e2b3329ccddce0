//! Speaker labels: which of the room's voices came from the same direction, and so very likely from the same person. A
//! label is no name: it says "the same voice as before", and nothing when that is not sure.
//!
//! Where the shell compares the voices themselves it says so by a number ([`Input::VoiceMatched`](crate::Input)), and only
//! when it is certain. That number outweighs the direction: who walked to another seat keeps the label, and two people in
//! one direction have two. Without it the direction decides, as long as only one person was ever heard from there. What
//! was said before is never given to somebody else.
//!
//! Directions also judge voices: a number that is heard from two places with no time to walk between them is in doubt.
//! Either two people sound alike, or one bearing or one comparison was wrong. The number counts no more, and whose label
//! it was keeps the first place only. One error is healed: when the number is heard from one place and no other several
//! times in a row, it counts again, as the voice of whoever that place says. Two people who sound alike rarely leave each
//! other so many turns; each further contradiction doubles how many there must be.
//!
//! What voices taught is forgotten with them: of the seats that they tied to one label, the last one stays.

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
/// Numbers that were in doubt, the oldest is forgotten: more than the shell compares at once.
const DOUBTED: usize = 32;
/// Turns in a row from one place that end a first doubt.
const HEALING: u8 = 5;
/// From this contradiction on no more turns are needed: 80.
const CONTRADICTIONS: u8 = 5;
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
    doubted: Vec<Doubt>,
}

/// A voice's number that direction and voice contradicted each other about.
#[derive(Debug, Clone)]
struct Doubt {
    voice: u32,
    contradictions: u8,
    /// It counts again.
    healed: bool,
    /// From where it was heard since, and how often in a row.
    agreed: Option<((f32, f32), u8)>,
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

    /// The place from which this one was heard last.
    fn seat(&self) -> Option<(f32, f32)> {
        let last = self.last.and_then(|(from, _)| self.nearest(from)).map(|(_, i)| self.places[i]);
        last.or_else(|| self.places.first().copied())
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

impl Doubt {
    /// The voice was heard from there: once more from the same place, or everything begins anew. Between the two it says
    /// nothing.
    fn heard_from(&mut self, from: (f32, f32)) {
        let (place, times) = match self.agreed {
            Some((place, times)) if between(place, from) <= SAME_DEG => {
                ((place.0 + FOLLOW * (from.0 - place.0), place.1 + FOLLOW * (from.1 - place.1)), times + 1)
            }
            Some((place, _)) if between(place, from) < APART_DEG => return,
            Some(_) | None => (from, 1),
        };
        self.agreed = Some((place, times));
        self.healed = times >= HEALING << (self.contradictions - 1);
    }
}

impl Speakers {
    /// As saved by [`Self::bearings`]. Voices are compared anew: nothing of them is ever saved.
    pub(crate) fn restored(bearings: &[Option<u16>]) -> Self {
        let speaker = |seat: &Option<u16>| Speaker {
            places: seat.map(unit).into_iter().collect(),
            ..Speaker::default()
        };
        Self { people: bearings.iter().take(LABELS).map(speaker).collect(), doubted: Vec::new() }
    }

    /// From where each one was heard last, in whole degrees, in the order of their numbers; none where that was never
    /// known. Only voices tie several seats to one person, so no more is saved.
    pub(crate) fn bearings(&self) -> Vec<Option<u16>> {
        let whole = |(x, y): (f32, f32)| y.atan2(x).to_degrees().rem_euclid(360.0).round() as u16 % 360;
        self.people.iter().map(|speaker| speaker.seat().map(whole)).collect()
    }

    /// No voice is compared with one of before any more, and of the seats they tied together each label keeps the last.
    pub(crate) fn forget_voices(&mut self) {
        for speaker in &mut self.people {
            speaker.places = speaker.seat().into_iter().collect();
            speaker.voice = None;
        }
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

    /// The number of the voice, unless it is in doubt; whether it is may show just now.
    fn trusted(&mut self, traits: Traits, from: Option<(f32, f32)>) -> Option<u32> {
        let voice = traits.voice?;
        if let Some(doubt) = self.doubted.iter_mut().find(|doubt| doubt.voice == voice && !doubt.healed) {
            doubt.heard_from(from?);
            return doubt.healed.then_some(voice);
        }
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
        self.doubt(voice);
        None
    }

    fn doubt(&mut self, voice: u32) {
        let known = self.doubted.iter().position(|doubt| doubt.voice == voice);
        let before = known.map_or(0, |at| self.doubted.remove(at).contradictions);
        if self.doubted.len() == DOUBTED {
            self.doubted.remove(0);
        }
        let contradictions = (before + 1).min(CONTRADICTIONS);
        self.doubted.push(Doubt { voice, contradictions, healed: false, agreed: None });
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
