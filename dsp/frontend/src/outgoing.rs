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

    /// The suppressed beam, before it is used up.
    pub(crate) fn reduce(&mut self, beam: &Spectrum, learn: bool) {
        let Some(noise) = &mut self.noise else { return };
        self.spectrum.copy_from_slice(beam);
        self.presence = noise.process(&mut self.spectrum, learn);
    }

    /// The block that is now complete; without noise reduction it is `near`.
    pub(crate) fn voice(&mut self, near: &[f32; SPEECH_BLOCK], voice: &mut [f32; SPEECH_BLOCK]) {
        if self.reduced {
            self.synthesis.push(&mut self.spectrum, voice);
        } else {
            *voice = *near;
        }
    }

    /// Behind the gate.
    pub(crate) fn level(&mut self, voice: &mut [f32; SPEECH_BLOCK], learn: bool) {
        if let Some(gain) = &mut self.gain {
            gain.process(voice, &self.presence, learn);
        }
    }
}
