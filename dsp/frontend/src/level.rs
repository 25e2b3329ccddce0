//! Levels of a block.

/// Root mean square of `block`, 0.0..=1.0 for samples in −1.0..=1.0; 0 for an empty one.
#[must_use]
pub fn rms(block: &[f32]) -> f32 {
    if block.is_empty() {
        return 0.0;
    }
    (block.iter().map(|s| s * s).sum::<f32>() / block.len() as f32).sqrt()
}

/// Largest magnitude of `block`.
#[must_use]
pub fn peak(block: &[f32]) -> f32 {
    block.iter().fold(0.0, |m, s| m.max(s.abs()))
}

/// `amplitude` in decibels below full scale, never under −120.
#[must_use]
pub fn dbfs(amplitude: f32) -> f32 {
    20.0 * amplitude.max(1e-6).log10()
}
