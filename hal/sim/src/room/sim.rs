//! The room, ten milliseconds at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use prim_audio::{DEVICE_BLOCK, Decibels, Frames, SampleTime};
use prim_hal::Board;

use super::convolver::Convolver;
use super::images::{DelayKernel, ImpulseResponse, SOUND_M_S, images, reflection_for, response};
use super::noise::Noise;
use super::spec::{Point, RoomSpec, TALKER_DBFS};

/// Lines that may wait to be spoken by one person; a script has far fewer at a time.
const LINES: usize = 64;

/// Why a room could not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("build the room: {why}")]
pub struct BuildRoomError {
    why: String,
}

#[derive(Debug)]
struct Talker {
    convolver: Convolver,
    lines: VecDeque<(SampleTime, Arc<[f32]>)>,
}

/// A room with people, a device and its loudspeaker. The clock is turned by [`step`](Self::step); the same spec, board
/// and calls give the same samples.
#[derive(Debug)]
pub struct RoomSim {
    now: SampleTime,
    talkers: Vec<Talker>,
    loudspeaker: Option<Convolver>,
    noise: Vec<Noise>,
    muted: bool,
    mixed: Vec<Vec<f32>>,
    out: Vec<i16>,
    clipped: u64,
    talker_responses: Vec<Vec<ImpulseResponse>>,
    loudspeaker_responses: Vec<ImpulseResponse>,
    distance_m: f64,
}

impl RoomSim {
    /// Computes the room's responses (a fraction of a second) and starts its clock at frame 0.
    ///
    /// # Errors
    /// Somebody or something would sit outside the walls.
    pub fn new(spec: &RoomSpec, board: &Board) -> Result<Self, BuildRoomError> {
        let places = spec.places();
        let seconds = spec.rt60_s * 1.1;
        let from_array =
            |mm: &[f64; 3]| -> Point { std::array::from_fn(|i| places.array[i] + mm[i] / 1000.0) };
        let mics: Vec<Point> = board.mic.positions_mm.iter().map(from_array).collect();
        let inside = |p: &Point| p.iter().zip(places.size).all(|(v, size)| (0.05..=size - 0.05).contains(v));
        for (what, place) in
            mics.iter().map(|p| ("a microphone", p)).chain(places.talkers.iter().map(|p| ("a person", p)))
        {
            if !inside(place) {
                return Err(BuildRoomError {
                    why: format!("{what} at {place:.2?} m is not inside {:?} m", places.size),
                });
            }
        }
        let reference = places.talkers.first().copied().unwrap_or([1.0, 1.0, 1.2]);
        let reflection = reflection_for(places.size, reference, places.array, spec.rt60_s, spec.seed);
        let kernel = DelayKernel::new();
        let responses = |source: Point, seed: u64| -> Vec<ImpulseResponse> {
            let images = images(places.size, source, places.array, seconds, seed);
            mics.iter().map(|&mic| response(&images, mic, reflection, seconds, &kernel)).collect()
        };
        let talker_responses: Vec<_> =
            places.talkers.iter().zip(1_u64..).map(|(&p, i)| responses(p, spec.seed ^ (i << 40))).collect();
        let loudspeaker_responses = match &board.speaker {
            None => Vec::new(),
            Some(speaker) => {
                let place = from_array(&speaker.position_mm);
                if !inside(&place) {
                    return Err(BuildRoomError {
                        why: format!("the loudspeaker at {place:.2?} m is outside"),
                    });
                }
                let gain = Decibels(spec.echo_db).as_amplitude();
                let mut all = responses(place, spec.seed ^ (0xEC << 40));
                all.iter_mut().flat_map(|r| &mut r.taps).for_each(|t| *t *= gain);
                all
            }
        };
        // White up to 24 kHz with the asked level below 8 kHz.
        let noise_rms = Decibels(TALKER_DBFS - spec.noise_down_db).as_amplitude() * 3.0_f32.sqrt();
        let taps = |all: &[ImpulseResponse]| all.iter().map(|r| r.taps.clone()).collect::<Vec<_>>();
        Ok(Self {
            now: SampleTime(0),
            talkers: talker_responses
                .iter()
                .map(|r| Talker { convolver: Convolver::new(&taps(r)), lines: VecDeque::new() })
                .collect(),
            loudspeaker: board.speaker.as_ref().map(|_| Convolver::new(&taps(&loudspeaker_responses))),
            noise: (0..mics.len() as u64).map(|i| Noise::new(spec.seed ^ (i << 48), noise_rms)).collect(),
            muted: false,
            mixed: vec![vec![0.0; DEVICE_BLOCK]; mics.len()],
            out: vec![0; DEVICE_BLOCK * mics.len()],
            clipped: 0,
            talker_responses,
            loudspeaker_responses,
            distance_m: spec.distance_m,
        })
    }

    /// The level, as an amplitude of full scale, that a talker's active speech must have when handed to
    /// [`say`](Self::say).
    #[must_use]
    pub fn talker_rms() -> f32 {
        Decibels(TALKER_DBFS).as_amplitude()
    }

    /// The first frame of the next block.
    #[must_use]
    pub fn now(&self) -> SampleTime {
        self.now
    }

    /// How long sound needs from a mouth to the array.
    #[must_use]
    pub fn flight(&self) -> Frames {
        Frames((self.distance_m / SOUND_M_S * f64::from(prim_audio::DEVICE_RATE.hz())) as u64)
    }

    /// Microphone channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.mixed.len()
    }

    /// How many people sit in the room.
    #[must_use]
    pub fn talkers(&self) -> usize {
        self.talkers.len()
    }

    /// Lets a person say `line` (mono, 48 kHz, dry, at one metre's level) from frame `at` on; lines may overlap.
    /// Returns false when there is no such person, `at` has passed, or too many lines wait.
    pub fn say(&mut self, talker: usize, at: SampleTime, line: Arc<[f32]>) -> bool {
        let now = self.now;
        match self.talkers.get_mut(talker) {
            Some(t) if at >= now && t.lines.len() < LINES => {
                t.lines.push_back((at, line));
                true
            }
            Some(_) | None => false,
        }
    }

    /// The mute switch: it cuts the microphones before anything else sees them.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Samples that did not fit 16 bits so far.
    #[must_use]
    pub fn clipped(&self) -> u64 {
        self.clipped
    }

    /// From a person to each microphone.
    #[must_use]
    pub fn talker_responses(&self, talker: usize) -> &[ImpulseResponse] {
        self.talker_responses.get(talker).map_or(&[], Vec::as_slice)
    }

    /// From the loudspeaker to each microphone, its gain included.
    #[must_use]
    pub fn loudspeaker_responses(&self) -> &[ImpulseResponse] {
        &self.loudspeaker_responses
    }

    /// Turns the clock by one block: `speaker` is what the loudspeaker plays in it (mono), the answer what the
    /// microphones hear in it, interleaved `[480 × channels]`.
    pub fn step(&mut self, speaker: &[i16; DEVICE_BLOCK]) -> &[i16] {
        self.mixed.iter_mut().for_each(|m| m.fill(0.0));
        let start = self.now.0;
        let end = start + DEVICE_BLOCK as u64;
        for talker in &mut self.talkers {
            let mut dry = [0.0; DEVICE_BLOCK];
            for (at, line) in &talker.lines {
                let (from, skip) = if at.0 >= start { (at.0 - start, 0) } else { (0, start - at.0) };
                if from < DEVICE_BLOCK as u64 {
                    for (d, s) in dry[from as usize..].iter_mut().zip(line.iter().skip(skip as usize)) {
                        *d += s;
                    }
                }
            }
            talker.lines.retain(|(at, line)| at.0 + line.len() as u64 > end);
            talker.convolver.add(&dry, &mut self.mixed);
        }
        if let Some(loudspeaker) = &mut self.loudspeaker {
            loudspeaker.add(&speaker.map(|s| f32::from(s) / 32_768.0), &mut self.mixed);
        }
        let channels = self.mixed.len();
        for (c, (mixed, noise)) in self.mixed.iter().zip(&mut self.noise).enumerate() {
            for (n, m) in mixed.iter().enumerate() {
                let v = (m + noise.next()) * 32_768.0;
                if !(-32_768.0..=32_767.0).contains(&v) {
                    self.clipped += 1;
                }
                // `as` saturates.
                self.out[n * channels + c] = if self.muted { 0 } else { v.round() as i16 };
            }
        }
        self.now = SampleTime(end);
        &self.out
    }
}
