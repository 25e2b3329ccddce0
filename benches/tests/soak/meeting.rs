//! Who sounds when, and what the microphones get of it: placed clips, mixed block by block, nothing allocated on the way.
use prim_audio::DEVICE_BLOCK;
use prim_dsp::ding;
use prim_hal_sim::RoomSim;
use prim_models_flite::Voice;

use crate::material::{RATE, SENTENCES, late, level, place, ring, room, say, scale, to_i16};

pub(crate) const MICS: usize = 4;
const PERSON: f32 = 0.03;
const PRIM_OVER_DB: f32 = 10.0;
const HISS: f32 = 0.0006;
const LATENCY_MS: usize = 35;
/// How far apart the clocks of microphones and loudspeaker run swings within half an hour.
const SWING_S: f64 = 1_800.0;
const TAIL_S: f64 = 0.35;
const PEOPLE: [Voice; 3] = [Voice::Rms, Voice::Slt, Voice::Awb];
/// Blocks after Prim's last sound in which the loudspeaker still counts as heard.
const LATELY: u64 = 50;

/// One sound at every microphone, planar, and dry where Prim played it.
struct Clip {
    mics: Vec<Vec<f32>>,
    played: Vec<f32>,
    /// Blocks of the voice itself, without the room's tail.
    voice: usize,
    blocks: usize,
}

impl Clip {
    fn new(mics: Vec<Vec<f32>>, played: Vec<f32>, voice: usize) -> Self {
        let blocks = mics[0].len() / DEVICE_BLOCK;
        Self { mics, played, voice: voice / DEVICE_BLOCK, blocks }
    }
}

/// Everything that can be heard with the device in one place.
struct Place {
    people: Vec<Clip>,
    prim: Vec<Clip>,
    ding: Clip,
}

impl Place {
    fn new(bearings: [f32; 3], seed: u64) -> Self {
        let room = room(0.3, 1.2, &bearings, &ring(MICS, 35.0), seed);
        let tail = |dry: Vec<f32>| {
            let voice = dry.len();
            ([dry, vec![0.0; (TAIL_S * RATE as f64) as usize]].concat(), voice)
        };
        let mut people = Vec::new();
        for (person, voice) in PEOPLE.into_iter().enumerate() {
            for text in SENTENCES.iter().skip(person).step_by(5) {
                let (dry, voice) = tail(say(voice, text));
                let mut mics = place(&dry, room.talker_responses(person));
                level(&mut mics, PERSON);
                people.push(Clip::new(mics, Vec::new(), voice));
            }
        }
        let mut gain = None;
        let prim = [4, 8, 13].map(|n| echo(&room, tail(say(Voice::Kal16, SENTENCES[n])), &mut gain)).into();
        let ding = echo(&room, tail(ding()), &mut gain);
        Self { people, prim, ding }
    }
}

fn echo(room: &RoomSim, (dry, voice): (Vec<f32>, usize), gain: &mut Option<f32>) -> Clip {
    let mut played = vec![dry];
    if gain.is_none() {
        level(&mut played, 0.1);
    }
    let mut mics = place(&played[0], room.loudspeaker_responses());
    match *gain {
        Some(gain) => scale(&mut mics, gain),
        None => *gain = Some(level(&mut mics, PERSON * 10_f32.powf(PRIM_OVER_DB / 20.0))),
    }
    mics.iter_mut().for_each(|m| *m = late(m, LATENCY_MS));
    Clip::new(mics, played.swap_remove(0), voice)
}

/// One of the clips, and where it is.
#[derive(Debug, Clone, Copy)]
struct Playing {
    which: usize,
    at: usize,
}

/// What is next, in blocks.
#[derive(Debug, Clone, Copy)]
enum Act {
    Silence(u64),
    Person,
    /// Ding, speech, and perhaps a person into it, so many blocks after its beginning.
    Ding {
        then_over: Option<u64>,
    },
    Prim {
        over: Option<u64>,
    },
}

/// How the clocks of microphones and loudspeaker differ.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Apart {
    /// One way, then the other.
    Swinging,
    /// The same way all the time.
    Steady,
}

/// Of the present block.
#[derive(Debug, Default)]
pub(crate) struct Now {
    pub(crate) person: bool,
    pub(crate) person_begins: bool,
    /// Prim speaks or dings.
    pub(crate) prim: bool,
    pub(crate) prim_begins: bool,
    /// Prim sounded within the last half second.
    pub(crate) prim_lately: bool,
}

impl Now {
    /// As the device's mouth has it: what it gave the loudspeaker can still be heard.
    pub(crate) fn sounding(&self) -> bool {
        self.prim_lately
    }
}

pub(crate) struct Meeting {
    places: [Place; 2],
    moved: usize,
    seed: u64,
    act: Act,
    person: Option<Playing>,
    prim: Option<Playing>,
    dinging: bool,
    quiet: u64,
    /// Blocks given.
    given: u64,
    /// Microphones and loudspeaker run so far apart at most.
    speaker_ppm: f64,
    apart: Apart,
}

impl Meeting {
    pub(crate) fn new(seed: u64, speaker_ppm: f64, apart: Apart) -> Self {
        let places = [Place::new([20.0, 140.0, 260.0], 1), Place::new([65.0, 185.0, 305.0], 2)];
        let act = Act::Silence(100);
        Self {
            places,
            moved: 0,
            seed,
            act,
            person: None,
            prim: None,
            dinging: false,
            quiet: LATELY,
            given: 0,
            speaker_ppm,
            apart,
        }
    }

    /// Everybody is somewhere else now, as the device has it, and its echo takes other ways.
    pub(crate) fn move_the_device(&mut self) {
        self.moved = 1;
    }

    fn random(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    /// About normal, unit variance.
    fn noise(&mut self) -> f32 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let parts = [40, 24, 8].map(|shift| ((self.seed >> shift) & 0xFFFF) as f32 / 32_768.0 - 1.0);
        parts.iter().sum()
    }

    fn choose(&mut self) -> Act {
        match self.random(100) {
            0..20 => Act::Silence(500 + self.random(2_500)),
            20..75 => Act::Person,
            75..92 => Act::Ding { then_over: None },
            _ => Act::Ding { then_over: Some(70 + self.random(60)) },
        }
    }

    /// The next 10 ms: what the microphones hear, interleaved, and what the loudspeaker plays.
    pub(crate) fn next(
        &mut self,
        mic: &mut [i16; MICS * DEVICE_BLOCK],
        reference: &mut [i16; DEVICE_BLOCK],
    ) -> Now {
        let mut now = Now::default();
        self.direct(&mut now);
        let here = &self.places[self.moved];
        let person = self.person.map(|p| (&here.people[p.which], p.at));
        let prim = self.prim.map(|p| (if self.dinging { &here.ding } else { &here.prim[p.which] }, p.at));
        now.person = person.is_some_and(|(clip, at)| at < clip.voice);
        now.prim = prim.is_some_and(|(clip, at)| at < clip.voice);
        self.quiet = if now.prim { 0 } else { self.quiet.saturating_add(1) };
        now.prim_lately = self.quiet < LATELY;
        let mut sound = [[0.0_f32; DEVICE_BLOCK]; MICS];
        if let Some((clip, at)) = person {
            for (sound, m) in sound.iter_mut().zip(&clip.mics) {
                let from = at * DEVICE_BLOCK;
                sound.iter_mut().zip(&m[from..from + DEVICE_BLOCK]).for_each(|(s, m)| *s += m);
            }
        }
        if let Some((clip, at)) = prim {
            // The loudspeaker's clock is behind by a little more, or a little less, with each sample.
            let ppm = self.speaker_ppm * 1e-6;
            let turn = std::f64::consts::TAU / SWING_S;
            for (sound, m) in sound.iter_mut().zip(&clip.mics) {
                for (i, s) in sound.iter_mut().enumerate() {
                    let t = (self.given * DEVICE_BLOCK as u64 + i as u64) as f64 / RATE as f64;
                    let behind = match self.apart {
                        Apart::Swinging => ppm / turn * (1.0 - (turn * t).cos()),
                        Apart::Steady => ppm * t,
                    };
                    let place = (at * DEVICE_BLOCK + i) as f64 - behind * RATE as f64;
                    let (whole, part) = (place.floor(), (place - place.floor()) as f32);
                    if whole >= 0.0 {
                        let n = whole as usize;
                        let at = |n: usize| m.get(n).copied().unwrap_or(0.0);
                        *s += (1.0 - part) * at(n) + part * at(n + 1);
                    }
                }
            }
        }
        self.given += 1;
        reference.fill(0);
        if let Some((clip, at)) = prim {
            let from = at * DEVICE_BLOCK;
            reference.iter_mut().zip(&clip.played[from..]).for_each(|(r, s)| *r = to_i16(*s));
        }
        let step = |playing: &mut Option<Playing>, clip: Option<usize>| {
            if let (Some(p), Some(blocks)) = (playing.as_mut(), clip) {
                p.at += 1;
                if p.at >= blocks {
                    *playing = None;
                }
            }
        };
        let (a, b) = (person.map(|(c, _)| c.blocks), prim.map(|(c, _)| c.blocks));
        step(&mut self.person, a);
        step(&mut self.prim, b);
        for i in 0..DEVICE_BLOCK {
            for (c, sound) in sound.iter().enumerate() {
                mic[i * MICS + c] = to_i16(sound[i] + HISS * self.noise());
            }
        }
        now
    }

    /// Begins what is to begin with this block.
    fn direct(&mut self, now: &mut Now) {
        match self.act {
            Act::Silence(0) if self.person.is_none() && self.prim.is_none() => {
                self.act = self.choose();
                match self.act {
                    Act::Person => self.begin_person(now),
                    Act::Ding { .. } => {
                        self.dinging = true;
                        self.begin_prim(now);
                    }
                    Act::Silence(_) | Act::Prim { .. } => {}
                }
            }
            Act::Silence(left) => self.act = Act::Silence(left.saturating_sub(1)),
            Act::Person if self.person.is_none() => self.act = Act::Silence(60 + self.random(140)),
            Act::Ding { then_over } if self.prim.is_none() => {
                self.dinging = false;
                self.begin_prim(now);
                self.act = Act::Prim { over: then_over };
            }
            Act::Prim { over: Some(0) } => {
                self.begin_person(now);
                self.act = Act::Prim { over: None };
            }
            Act::Prim { over: Some(left) } => self.act = Act::Prim { over: Some(left - 1) },
            Act::Prim { over: None } if self.prim.is_none() && self.person.is_none() => {
                self.act = Act::Silence(120 + self.random(200));
            }
            Act::Person | Act::Ding { .. } | Act::Prim { .. } => {}
        }
    }

    fn begin_person(&mut self, now: &mut Now) {
        let which = self.random(self.places[0].people.len() as u64) as usize;
        self.person = Some(Playing { which, at: 0 });
        now.person_begins = true;
    }

    fn begin_prim(&mut self, now: &mut Now) {
        let which = self.random(self.places[0].prim.len() as u64) as usize;
        self.prim = Some(Playing { which, at: 0 });
        now.prim_begins = !self.dinging;
    }
}
