//! Each microphone by itself: how loud, and whether it can be believed.

use crate::{MAX_CHANNELS, dbfs};

/// Whether a microphone can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChannelHealth {
    /// It sounds like a microphone.
    #[default]
    Good,
    /// Exactly zero, or one constant value, for a second: unplugged or stuck.
    Dead,
    /// Far quieter than the others for seconds: covered, or losing contact.
    Quiet,
    /// Far louder than the others for seconds: humming or broken.
    Noisy,
    /// Clipping in most blocks of the last second.
    Clipping,
}

/// One microphone, one block.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ChannelLevel {
    /// Root mean square of this block without its constant part, dB below full scale.
    pub rms_dbfs: f32,
    /// Largest magnitude of this block, dB below full scale.
    pub peak_dbfs: f32,
    /// Samples at the rails in this block.
    pub clipped: u16,
    /// What the last seconds say.
    pub health: ChannelHealth,
}

/// Blocks of 10 ms in a second.
const SECOND: u32 = 100;
/// A channel this far from the median of the others for [`PATIENCE`] is left out (amplitude ratio, 12 dB: microphones
/// of one board differ by 1 to 3 dB, a talker's position by under 1 dB over a few centimetres).
const APART: f32 = 4.0;
const PATIENCE: u32 = 3 * SECOND;

#[derive(Debug, Clone, Copy, Default)]
struct Channel {
    constant_blocks: u32,
    clipping: f32,
    smooth_rms: f32,
    apart_blocks: u32,
    last: f32,
}

/// What one block of one channel adds up to.
struct Sums {
    sum: f32,
    squares: f32,
    peak: f32,
    clipped: u16,
    /// Some sample differs from the last one of the block before.
    changed: bool,
}

impl Sums {
    fn of(block: &[f32], last: f32) -> Self {
        /// Samples taken at a time: as many as a vector of the processor takes.
        const LANES: usize = 8;
        /// The upper rail of 16 bits.
        const RAIL: f32 = 32_767.0 / 32_768.0;
        let [mut sum, mut squares, mut peak, mut clipped, mut moved] = [[0.0_f32; LANES]; 5];
        let mut add = |lane: usize, x: f32| {
            sum[lane] += x;
            squares[lane] += x * x;
            peak[lane] = peak[lane].max(x.abs());
            clipped[lane] += if (x >= RAIL) | (x <= -1.0) { 1.0 } else { 0.0 };
            moved[lane] = moved[lane].max((x - last).abs());
        };
        let (eights, rest) = block.as_chunks::<LANES>();
        for eight in eights {
            (0..LANES).for_each(|lane| add(lane, eight[lane]));
        }
        rest.iter().for_each(|x| add(0, *x));
        let highest = |lanes: [f32; LANES]| lanes.into_iter().fold(0.0, f32::max);
        Self {
            sum: sum.iter().sum(),
            squares: squares.iter().sum(),
            peak: highest(peak),
            clipped: clipped.iter().sum::<f32>() as u16,
            changed: highest(moved) > 0.0,
        }
    }
}

/// Watches all channels of a board.
#[derive(Debug, Clone)]
pub(crate) struct HealthWatch {
    channels: [Channel; MAX_CHANNELS],
    n: usize,
}

impl HealthWatch {
    pub(crate) fn new(n: usize) -> Self {
        Self { channels: [Channel::default(); MAX_CHANNELS], n }
    }

    /// `planes`: one block of `frames` per channel, −1.0..=1.0 in steps of 16 bits.
    pub(crate) fn update(&mut self, planes: &[f32], frames: usize, out: &mut [ChannelLevel; MAX_CHANNELS]) {
        let blocks = planes.chunks_exact(frames);
        for ((ch, level), block) in self.channels.iter_mut().zip(out.iter_mut()).zip(blocks).take(self.n) {
            let Sums { sum, squares, peak, clipped, changed } = Sums::of(block, ch.last);
            ch.last = block.last().copied().unwrap_or(ch.last);
            let mean = sum / frames as f32;
            let rms = (squares / frames as f32 - mean * mean).max(0.0).sqrt();
            ch.constant_blocks = if changed { 0 } else { (ch.constant_blocks + 1).min(10 * SECOND) };
            ch.clipping += (f32::from(u8::from(clipped > 1)) - ch.clipping) * 0.02;
            ch.smooth_rms += (rms - ch.smooth_rms) * 0.02;
            // Silence is not computed in denormals.
            if ch.smooth_rms < 1e-12 {
                ch.smooth_rms = 0.0;
            }
            if ch.clipping < 1e-6 {
                ch.clipping = 0.0;
            }
            level.rms_dbfs = dbfs(rms);
            level.peak_dbfs = dbfs(peak);
            level.clipped = clipped;
        }
        let median = self.median_rms();
        for (ch, level) in self.channels.iter_mut().zip(out.iter_mut()).take(self.n) {
            // Below −80 dBFS levels say nothing: a silent room is no fault.
            let far = median > 1e-4 && (ch.smooth_rms > median * APART || ch.smooth_rms < median / APART);
            ch.apart_blocks = if far { (ch.apart_blocks + 1).min(2 * PATIENCE) } else { ch.apart_blocks / 2 };
            level.health = if ch.constant_blocks >= SECOND {
                ChannelHealth::Dead
            } else if ch.clipping > 0.5 {
                ChannelHealth::Clipping
            } else if self.n > 2 && ch.apart_blocks >= PATIENCE {
                if ch.smooth_rms > median { ChannelHealth::Noisy } else { ChannelHealth::Quiet }
            } else {
                ChannelHealth::Good
            };
        }
    }

    fn median_rms(&self) -> f32 {
        let mut sorted = [0.0_f32; MAX_CHANNELS];
        for (s, c) in sorted.iter_mut().zip(&self.channels).take(self.n) {
            *s = c.smooth_rms;
        }
        sorted[..self.n].sort_unstable_by(f32::total_cmp);
        sorted[self.n / 2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seconds: u32, mut f: impl FnMut(usize, u64) -> i16) -> [ChannelLevel; MAX_CHANNELS] {
        let mut w = HealthWatch::new(4);
        let mut out = [ChannelLevel::default(); MAX_CHANNELS];
        let mut t = 0;
        for _ in 0..seconds * SECOND {
            let planes: Vec<f32> =
                (0..4 * 480).map(|i| f32::from(f(i / 480, t + i as u64 % 480)) / 32_768.0).collect();
            t += 480;
            w.update(&planes, 480, &mut out);
        }
        out
    }

    fn noise(c: usize, t: u64, amplitude: i64) -> i16 {
        let x = (t * 4 + c as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let x = (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((x >> 40) as i64 % (2 * amplitude + 1) - amplitude) as i16
    }

    #[test]
    fn a_dead_a_stuck_a_noisy_and_a_covered_microphone_are_named() {
        let health = |f: fn(u64) -> i16| {
            run(8, |c, t| if c == 2 { f(t) } else { noise(c, t, 1000) }).map(|l| l.health)
        };
        assert_eq!(health(|_| 0)[2], ChannelHealth::Dead);
        assert_eq!(health(|_| 1234)[2], ChannelHealth::Dead);
        assert_eq!(health(|t| noise(2, t, 20_000))[2], ChannelHealth::Noisy);
        assert_eq!(health(|t| noise(2, t, 50))[2], ChannelHealth::Quiet);
        assert_eq!(health(|t| if t % 48 < 24 { i16::MAX } else { i16::MIN })[2], ChannelHealth::Clipping);
        assert_eq!(health(|t| noise(2, t, 1200))[..4], [ChannelHealth::Good; 4]);
        assert_eq!(health(|_| 0)[3], ChannelHealth::Good);
    }

    #[test]
    fn levels_are_in_decibels_below_full_scale_and_ignore_a_constant_offset() {
        let l = run(1, |_, t| 8_000 + if t % 48 < 24 { 3_277 } else { -3_277 });
        assert!((l[0].rms_dbfs + 20.0).abs() < 0.1, "{}", l[0].rms_dbfs);
        assert_eq!(l[0].clipped, 0);
    }
}
