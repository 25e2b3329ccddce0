//! The chain itself.

use std::time::Duration;

use prim_audio::{DEVICE_BLOCK, DEVICE_RATE, Frames, SPEECH_BLOCK, SPEECH_RATE};
use thiserror::Error;

use crate::beam::Beam;
use crate::bearing::{Bearing, SAME_DEG, Track, difference};
use crate::dereverb::Dereverb;
use crate::echo::{EchoCanceller, EchoFrame};
use crate::health::HealthWatch;
use crate::highpass::HighPass;
use crate::locate::Locator;
use crate::outgoing::Outgoing;
use crate::scene::Scene;
use crate::seats::Seats;
use crate::stft::{self, Analysis, BINS, Spectrum, Synthesis, ZERO};
use crate::suppress::{Residual, Suppressor};
use crate::{ChannelHealth, ChannelLevel, FrontendConfig, FrontendConfigError, MAX_CHANNELS, Resampler};

/// What the echo canceller knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EchoState {
    /// Prim was heard within the echo's tail: the canceller runs.
    pub active: bool,
    /// Reference to microphone, as found by the canceller, ms; `None` before it knows.
    pub delay_ms: Option<f32>,
    /// Echo return loss enhancement of the linear stage over the last second of echo, dB.
    pub erle_db: f32,
    /// How far the near sound of this block stands above what the echo alone would leave, dB; high when
    /// nobody but a person speaks, about 0 while only Prim does.
    pub near_over_echo_db: f32,
    /// Share of the speech band (250 Hz to 4 kHz) that stands at least 11 dB above what the echo alone would leave,
    /// 0..=1: a person talking over Prim; 0 while the canceller does not run.
    pub near_share: f32,
    /// The same, averaged over 100 ms.
    pub near_share_mean: f32,
    /// `voice` is held down: Prim is heard, and nobody else.
    pub gated: bool,
}

impl Default for EchoState {
    fn default() -> Self {
        Self {
            active: false,
            delay_ms: None,
            erle_db: 0.0,
            near_over_echo_db: 0.0,
            near_share: 0.0,
            near_share_mean: 0.0,
            gated: false,
        }
    }
}

/// 10 ms of the room.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrontendBlock {
    /// Mono 16 kHz, −1.0..=1.0: linear echo stage, near talker untouched; dereverberated. For recognisers.
    pub recogniser: [f32; SPEECH_BLOCK],
    /// Mono 16 kHz, −1.0..=1.0, for remote people: residual echo suppressed, noise reduced, held down while nobody but
    /// Prim is heard, and every talker brought to about the same level. Thresholds on level belong to `near`.
    pub voice: [f32; SPEECH_BLOCK],
    /// Residual echo suppressed, nothing else: level and noise are the room's, which speech detectors and their thresholds
    /// count on, and an interruption is heard in it at once. It hears traces of Prim
    /// too, so its word counts only beside `echo.near_share`, as [`BargeIn`](crate::BargeIn) has it, or while
    /// `echo.gated` is false.
    pub near: [f32; SPEECH_BLOCK],
    /// Where the present (or last) voice comes from; frozen in silence and while Prim speaks.
    pub bearing: Option<Bearing>,
    /// A new estimate, made with this block and sure enough for a name: at most ten a second while one person speaks,
    /// fewer in noise and while two do. `bearing` follows less sure ones too.
    pub fresh_bearing: Option<Bearing>,
    /// Whoever talked within the last seconds, the clearest first, told anew with each tenth block of voice: two
    /// people who talk at once are both here. A person alone may have an echo beside them.
    pub talkers: [Option<Bearing>; 2],
    /// Per microphone; entries beyond the board's channels stay at their default.
    pub levels: [ChannelLevel; MAX_CHANNELS],
    /// Echo canceller.
    pub echo: EchoState,
}

impl Default for FrontendBlock {
    fn default() -> Self {
        Self {
            recogniser: [0.0; SPEECH_BLOCK],
            voice: [0.0; SPEECH_BLOCK],
            near: [0.0; SPEECH_BLOCK],
            bearing: None,
            fresh_bearing: None,
            talkers: [None; 2],
            levels: [ChannelLevel::default(); MAX_CHANNELS],
            echo: EchoState::default(),
        }
    }
}

/// A block that does not fit the board.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("process a block of {got} samples: the board's {channels} channels need {want}")]
pub struct BlockShapeError {
    /// Samples given.
    pub got: usize,
    /// Samples wanted.
    pub want: usize,
    /// Channels of the board.
    pub channels: usize,
}

/// All stages for one board.
#[derive(Debug)]
pub struct Frontend {
    channels: usize,
    health: HealthWatch,
    resampler: Resampler,
    high_pass: HighPass,
    echo: Option<EchoCanceller>,
    analysis: Analysis,
    suppressor: Suppressor,
    scene: Scene,
    locator: Locator,
    talkers: [Option<Bearing>; 2],
    seats: Seats,
    /// The beam's seats: it also knows who is not tracked yet.
    places: Seats,
    track: Track,
    dereverb: Option<Dereverb>,
    beam: Beam,
    synthesis: Synthesis,
    synthesis_near: Synthesis,
    outgoing: Outgoing,
    buffers: Buffers,
    echo_watch: EchoWatch,
    gate: f32,
    voiced_blocks: u32,
    silent_blocks: u32,
    clipped_for: u32,
}

/// Scratch, taken once.
#[derive(Debug)]
struct Buffers {
    /// Planar, the reference last.
    device: Box<[f32]>,
    speech: Box<[f32]>,
    spectra: Box<[Spectrum]>,
    reference: Box<Spectrum>,
    echo: Box<[Spectrum]>,
    echo_beam: Box<Spectrum>,
    recogniser: Box<Spectrum>,
    voice: Box<Spectrum>,
    /// What is left of `voice` without rivals and noise.
    parted: Box<Spectrum>,
}

impl Buffers {
    fn new(channels: usize) -> Self {
        let zeros = |n: usize| vec![0.0; n].into_boxed_slice();
        Self {
            device: zeros((channels + 1) * DEVICE_BLOCK),
            speech: zeros((channels + 1) * SPEECH_BLOCK),
            spectra: vec![[ZERO; BINS]; channels].into_boxed_slice(),
            reference: Box::new([ZERO; BINS]),
            echo: vec![[ZERO; BINS]; channels].into_boxed_slice(),
            echo_beam: Box::new([ZERO; BINS]),
            recogniser: Box::new([ZERO; BINS]),
            voice: Box::new([ZERO; BINS]),
            parted: Box::new([ZERO; BINS]),
        }
    }
}

/// Blocks of voice between two bearing estimates: 100 ms.
const ESTIMATE_EVERY: u32 = 10;
/// Blocks of silence after which the next voice may be somebody else: 300 ms.
const NEW_VOICE_AFTER: u32 = 30;
/// Estimates less sure than this are not believed: in noise as loud as the voice, and while two talk, they are this sure.
const LIKELY: f32 = 0.1;
/// Estimates less sure than this steer the beam and choose the room's filters, but nobody's name hangs on them.
const SURE: f32 = 0.5;

impl Frontend {
    /// Builds every stage and takes all memory.
    ///
    /// # Errors
    /// A board that cannot be built, with the reason.
    pub fn new(config: &FrontendConfig) -> Result<Self, FrontendConfigError> {
        config.check()?;
        let channels = config.channels();
        Ok(Self {
            channels,
            health: HealthWatch::new(channels),
            // The reference goes through the same filter, so that it stays aligned.
            resampler: Resampler::new(DEVICE_RATE, SPEECH_RATE, channels + 1)?,
            high_pass: HighPass::new(),
            echo: config.echo.then(|| EchoCanceller::new(channels)),
            // The reference is the last channel.
            analysis: Analysis::new(channels + 1),
            suppressor: Suppressor::new(),
            scene: Scene::new(),
            locator: Locator::new(&config.mics_mm),
            talkers: [None; 2],
            seats: Seats::default(),
            places: Seats::default(),
            track: Track::default(),
            dereverb: config.dereverb.map(|d| Dereverb::new(d, channels)),
            beam: Beam::new(&config.mics_mm, config.beam_loading, config.noise),
            synthesis: Synthesis::new(),
            synthesis_near: Synthesis::new(),
            outgoing: Outgoing::new(config),
            buffers: Buffers::new(channels),
            echo_watch: EchoWatch::default(),
            gate: 1.0,
            voiced_blocks: 0,
            silent_blocks: 0,
            clipped_for: 0,
        })
    }

    /// One block: `mic` interleaved `[480 × channels]` at 48 kHz, `reference` the 480 frames the speaker really
    /// played at the same time by the device's clock (silence when it played nothing; a constant offset of up to
    /// 300 ms is found by itself).
    ///
    /// # Errors
    /// `mic` has another length; `out` is untouched then.
    pub fn process(
        &mut self,
        mic: &[i16],
        reference: &[i16; DEVICE_BLOCK],
        out: &mut FrontendBlock,
    ) -> Result<(), BlockShapeError> {
        let want = self.channels * DEVICE_BLOCK;
        if mic.len() != want {
            return Err(BlockShapeError { got: mic.len(), want, channels: self.channels });
        }
        self.bring_to_speech_rate(mic, reference);
        let planes = &self.buffers.device[..self.channels * DEVICE_BLOCK];
        self.health.update(planes, DEVICE_BLOCK, &mut out.levels);
        self.clipped_for = if clips(mic) { CLIP_REACH } else { self.clipped_for.saturating_sub(1) };
        let usable = usable(&out.levels, self.channels);
        let echo = self.cancel(&usable);
        self.beam.believe(&usable);
        let heard = self.locate(&usable, echo.active);
        out.fresh_bearing = heard.filter(|b| b.confidence >= SURE);
        out.bearing = self.track.current();
        out.talkers = self.talkers;
        if let (Some(now), Some(heard)) = (out.bearing, heard) {
            if let Some(d) = &mut self.dereverb {
                d.take(self.seats.take(now.degrees));
            }
            // The first estimate of another voice is not the tracked one yet.
            if difference(heard.degrees, now.degrees).abs() <= SAME_DEG {
                let taken = self.places.take(now.degrees);
                if self.locator.is_voice(now.degrees) {
                    self.beam.hear(taken, now.degrees);
                } else {
                    self.beam.doubt(taken, now.degrees);
                }
            }
        }
        if let Some(now) = out.bearing {
            self.beam.aim(now.degrees);
        }
        let b = &mut self.buffers;
        self.beam.apply_fixed(&b.spectra, &mut b.voice);
        self.beam.apply(&b.spectra, &mut b.parted);
        let mut residual = Residual::default();
        if echo.active {
            self.beam.apply_fixed(&b.echo, &mut b.echo_beam);
            let clipped = self.clipped_for > 0;
            residual = self.suppressor.process(&mut b.voice, &b.echo_beam, echo, clipped);
            b.parted.copy_from_slice(&b.voice[..]);
        } else {
            self.suppressor.listen(&b.voice);
        }
        if let Some(d) = &mut self.dereverb {
            // While Prim speaks the room's tail is learned from a person only: decision 0001 has what it is worth.
            let learns = if echo.active { self.suppressor.hers() } else { [true; BINS] };
            d.believe(&usable);
            d.process(&mut b.spectra, &learns);
        }
        self.beam.apply_fixed(&b.spectra, &mut b.recogniser);
        let delay_ms = self.echo.as_ref().and_then(EchoCanceller::delay_ms);
        out.echo = self.echo_watch.update(echo.active, &residual, delay_ms);
        self.synthesis.push(&mut b.recogniser, &mut out.recogniser);
        self.outgoing.reduce(&b.parted, !echo.active);
        self.synthesis_near.push(&mut b.voice, &mut out.near);
        self.outgoing.voice(&mut out.voice);
        self.hold_down(out);
        self.outgoing.level(&mut out.voice, !echo.active);
        Ok(())
    }

    /// The gate's gain moves over the block of `voice`.
    fn hold_down(&mut self, out: &mut FrontendBlock) {
        let (from, to) = (self.gate, self.suppressor.gate());
        self.gate = to;
        out.echo.gated = to < 1.0;
        for (n, voice) in out.voice.iter_mut().enumerate() {
            *voice *= from + (to - from) * (n + 1) as f32 / SPEECH_BLOCK as f32;
        }
    }

    fn bring_to_speech_rate(&mut self, mic: &[i16], reference: &[i16; DEVICE_BLOCK]) {
        let b = &mut self.buffers;
        let (mics, speaker) = b.device.split_at_mut(self.channels * DEVICE_BLOCK);
        for (c, plane) in mics.chunks_exact_mut(DEVICE_BLOCK).enumerate() {
            for (s, frame) in plane.iter_mut().zip(mic.chunks_exact(self.channels)) {
                *s = f32::from(frame[c]) / 32_768.0;
            }
        }
        for (s, &r) in speaker.iter_mut().zip(reference) {
            *s = f32::from(r) / 32_768.0;
        }
        self.resampler.process(&b.device, &mut b.speech);
        self.high_pass.process(&mut b.speech[..self.channels * SPEECH_BLOCK], SPEECH_BLOCK);
    }

    fn cancel(&mut self, usable: &[bool; MAX_CHANNELS]) -> EchoFrame {
        let b = &mut self.buffers;
        let blocks = b.speech.chunks_exact(SPEECH_BLOCK);
        for (c, (block, spectrum)) in blocks.zip(&mut b.spectra).enumerate() {
            self.analysis.push(c, block, spectrum);
        }
        let Some(echo) = &mut self.echo else {
            return EchoFrame::default();
        };
        let mut reference = [0.0; SPEECH_BLOCK];
        reference.copy_from_slice(&b.speech[self.channels * SPEECH_BLOCK..]);
        echo.hold_back(&mut reference);
        self.analysis.push(self.channels, &reference, &mut b.reference);
        let (peak, clipped) = (crate::peak(&reference), self.clipped_for > 0);
        echo.process(&mut b.spectra, &b.reference, peak, clipped, usable, &mut b.echo)
    }

    fn locate(&mut self, usable: &[bool; MAX_CHANNELS], echo: bool) -> Option<Bearing> {
        let spectra = &self.buffers.spectra;
        let voiced = !echo && {
            self.scene.push(spectra, usable);
            self.beam.listen(&self.scene);
            self.locator.push(spectra, usable, &self.scene)
        };
        if !voiced {
            self.silent_blocks += 1;
            if self.silent_blocks == NEW_VOICE_AFTER {
                self.locator.fade(0.1);
                self.beam.pause();
                self.voiced_blocks = 0;
            }
            return None;
        }
        self.beam.learn(spectra, &self.scene.mean);
        self.silent_blocks = 0;
        self.voiced_blocks += 1;
        if !self.voiced_blocks.is_multiple_of(ESTIMATE_EVERY) {
            return None;
        }
        self.talkers = self.locator.talkers();
        if let Some(other) = self.beam.followed().and_then(|d| self.locator.beside(d)) {
            self.beam.expect(self.places.take(other), other);
        }
        let fresh = self.locator.estimate().filter(|b| b.confidence >= LIKELY)?;
        self.track.push(fresh);
        Some(fresh)
    }

    /// `missing` frames at 48 kHz never came (a jump in sample time): what was gathered across the hole would be
    /// wrong, so bearings start afresh and the spectra begin with silence.
    pub fn hole(&mut self, missing: Frames) {
        if missing > Frames(0) {
            self.locator.fade(0.0);
            self.analysis.forget();
            if let Some(e) = &mut self.echo {
                e.forget_past();
            }
            if let Some(d) = &mut self.dereverb {
                d.forget_past();
            }
        }
    }

    /// From a sound at the microphone to the same sound in the output, besides the block itself: 4 ms of rate
    /// change, 22 ms of spectra. Subtract it from sample times.
    #[must_use]
    pub fn delay(&self) -> Duration {
        let frames = self.resampler.delay_frames() + stft::DELAY;
        Duration::from_micros(frames as u64 * 1_000_000 / u64::from(SPEECH_RATE.hz()))
    }
}

/// Blocks that a clipped sample stays in the spectra's window.
const CLIP_REACH: u32 = 4;

/// Whether a block of 16-bit samples touches the rails.
fn clips(mic: &[i16]) -> bool {
    mic.iter().any(|s| !(-32_700..=32_700).contains(s))
}

/// Microphones that can be believed; all of them when none can.
fn usable(levels: &[ChannelLevel; MAX_CHANNELS], channels: usize) -> [bool; MAX_CHANNELS] {
    let mut usable = [false; MAX_CHANNELS];
    for (u, l) in usable.iter_mut().zip(levels).take(channels) {
        *u = matches!(l.health, ChannelHealth::Good | ChannelHealth::Clipping);
    }
    if usable.iter().any(|u| *u) { usable } else { [true; MAX_CHANNELS] }
}

/// Turns the suppressor's powers into what [`EchoState`] says.
#[derive(Debug, Clone, Copy, Default)]
struct EchoWatch {
    before: f32,
    after: f32,
}

/// Power below which nothing is compared, window sums over the speech band: −95 dBFS.
const NOTHING: f32 = 1e-6;
/// Blocks with a person in them say nothing about the canceller, dB.
const NEAR_DB: f32 = 6.0;

impl EchoWatch {
    fn update(&mut self, active: bool, r: &Residual, delay_ms: Option<f32>) -> EchoState {
        let ratio_db = |a: f32, b: f32| 10.0 * ((a + NOTHING) / (b + NOTHING)).log10();
        let near_over_echo_db = if active { ratio_db(r.left, r.expected) } else { 0.0 };
        if active && near_over_echo_db < NEAR_DB {
            self.before += (r.echo - self.before) * 0.01;
            self.after += (r.left - self.after) * 0.01;
        }
        EchoState {
            active,
            delay_ms,
            erle_db: ratio_db(self.before, self.after),
            near_over_echo_db,
            near_share: r.near_share,
            near_share_mean: r.near_share_mean,
            gated: false,
        }
    }
}
