//! Is a person talking over Prim?
//!
//! Two witnesses have to agree for several blocks: the speech detector on the suppressed voice before the gate, and the
//! echo stage, which says how much of the speech band stands far above what Prim's echo leaves. Either alone errs: a detector
//! hears speech in the residue of Prim's own voice, and the residue of a syllable's onset stands out for a block.

use crate::FrontendBlock;

/// How sure [`BargeIn`] has to be.
///
/// The defaults gave one alarm of Prim's own in 24 minutes of it, with Prim 16 dB louder at the microphones than a person.
/// People at 1 m and RT60 0.25 s waited 120 to 160 ms at the median and up to 240 ms (Prim up to 11 dB louder); at 1.5 m and
/// RT60 0.4 s 180 to 240 ms (0.8 s at 16 dB), and several were not noticed within a second (`examples/interrupt.rs`, flite voices).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BargeInConfig {
    /// Speech probability (of `near`) at which a block counts.
    pub probability: f32,
    /// Share of the speech band that has to stand out of the echo, in the block and on average, 0..=1. Either alone errs:
    /// a consonant of Prim's stands out for a block or two, and its average outlasts it.
    pub near_share: f32,
    /// Blocks needed within `window_blocks`.
    pub blocks: u32,
    /// Blocks over which it is judged, at most 31.
    pub window_blocks: u32,
}

impl Default for BargeInConfig {
    fn default() -> Self {
        Self { probability: 0.75, near_share: 0.025, blocks: 3, window_blocks: 12 }
    }
}

/// Decides while Prim speaks. Prim's own voice must never trigger it: Prim would silence itself.
#[derive(Debug, Clone)]
pub struct BargeIn {
    config: BargeInConfig,
    history: u32,
}

impl BargeIn {
    /// With `config`.
    #[must_use]
    pub fn new(config: BargeInConfig) -> Self {
        Self { config, history: 0 }
    }

    /// One block and the speech probability of its `near`. `true` once per interruption: after it the history
    /// starts afresh. Call it while Prim speaks, and [`Self::reset`] when Prim begins; blocks in which nothing of Prim
    /// can be heard (`echo.active` is false) count nothing: then a [`Segmenter`](crate::Segmenter) answers.
    pub fn push(&mut self, block: &FrontendBlock, probability: f32) -> bool {
        let window = self.config.window_blocks.clamp(1, 31);
        let hit = block.echo.active
            && block.echo.near_share.min(block.echo.near_share_mean) >= self.config.near_share
            && probability >= self.config.probability;
        self.history = ((self.history << 1) | u32::from(hit)) & ((1 << window) - 1);
        let fired = self.history.count_ones() >= self.config.blocks.clamp(1, window);
        if fired {
            self.history = 0;
        }
        fired
    }

    /// Prim begins to speak.
    pub fn reset(&mut self) {
        self.history = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EchoState;

    fn block(active: bool, near_share: f32) -> FrontendBlock {
        FrontendBlock {
            echo: EchoState { active, near_share, near_share_mean: near_share, ..EchoState::default() },
            ..FrontendBlock::default()
        }
    }

    #[test]
    fn three_blocks_of_two_witnesses_fire_once() {
        let mut b = BargeIn::new(BargeInConfig::default());
        let fired: Vec<bool> = (0..5).map(|_| b.push(&block(true, 0.3), 0.9)).collect();
        assert_eq!(fired, [false, false, true, false, false]);
    }

    #[test]
    fn one_witness_alone_never_fires() {
        let mut b = BargeIn::new(BargeInConfig::default());
        for _ in 0..100 {
            assert!(!b.push(&block(true, 0.02), 0.99));
            assert!(!b.push(&block(true, 0.9), 0.3));
            assert!(!b.push(&block(false, 0.9), 0.99));
        }
    }
}
