//! What people who listen from afar get on top: less noise, and every talker about as loud.

use prim_audio::SPEECH_BLOCK;

use crate::FrontendConfig;
use crate::gain::Gain;
use crate::noise::{Noise, Presence};
use crate::stft::{BINS, Spectrum, Synthesis, ZERO};

/// What `voice` gets and `near` does not.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The estimate runs for the gain's sake too.
    noise: Option<Noise>,
    reduced: bool,
    gain: Option<Gain>,
    presence: Presence,
    spectrum: Box<Spectrum>,
    synthesis: Synthesis,
}

impl Outgoing {
    pub(crate) fn new(config: &FrontendConfig) -> Self {
        Self {
            noise: (config.noise || config.gain).then(Noise::new),
            reduced: config.noise,
            gain: config.gain.then(Gain::new),
            presence: Presence::default(),
            spectrum: Box::new([ZERO; BINS]),
            synthesis: Synthesis::new(),
        }
    }

    /// The beam for people; `learn` while Prim is silent.
    pub(crate) fn reduce(&mut self, beam: &Spectrum, learn: bool) {
        self.spectrum.copy_from_slice(beam);
        if let Some(noise) = &mut self.noise {
            self.presence = noise.process(&mut self.spectrum, learn);
        }
        if !self.reduced {
            self.spectrum.copy_from_slice(beam);
        }
    }

    /// The block that is now complete.
    pub(crate) fn voice(&mut self, voice: &mut [f32; SPEECH_BLOCK]) {
        self.synthesis.push(&mut self.spectrum, voice);
    }

    /// Behind the gate.
    pub(crate) fn level(&mut self, voice: &mut [f32; SPEECH_BLOCK], learn: bool) {
        if let Some(gain) = &mut self.gain {
            gain.process(voice, &self.presence, learn);
        }
    }
}
