//! Is a person talking over Prim?

use crate::FrontendBlock;

/// How sure [`BargeIn`] has to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BargeInConfig {
    /// Speech probability (of `voice`) at which a block counts.
    pub probability: f32,
    /// The near voice must stand this far above what echo would leave, dB.
    pub over_echo_db: f32,
    /// Blocks needed within `window_blocks`.
    pub blocks: u32,
    /// Blocks over which it is judged.
    pub window_blocks: u32,
}

impl Default for BargeInConfig {
    fn default() -> Self {
        Self { probability: 0.5, over_echo_db: 6.0, blocks: 6, window_blocks: 12 }
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

    /// One block, the speech probability of its `voice`. `true` once per interruption: after it the history
    /// starts afresh. Call it only while Prim speaks, and [`Self::reset`] when it begins.
    pub fn push(&mut self, block: &FrontendBlock, probability: f32) -> bool {
        let window = self.config.window_blocks.clamp(1, 31);
        let over = block.echo.near_over_echo_db >= self.config.over_echo_db;
        let hit = over && probability >= self.config.probability;
        self.history = ((self.history << 1) | u32::from(hit)) & ((1 << window) - 1);
        let fired = self.history.count_ones() >= self.config.blocks.min(window);
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
