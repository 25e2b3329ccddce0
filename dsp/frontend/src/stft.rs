//! Short-time spectra: 32 ms windows, one every block, so that a block in is a frame and a frame is a block out.

use std::f32::consts::PI;
use std::fmt;
use std::sync::Arc;

use prim_audio::SPEECH_BLOCK;
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// Frames in a window: 32 ms at 16 kHz, long against a room's early echoes, short against a syllable.
pub(crate) const WINDOW: usize = 512;
/// Bins of a spectrum, 31.25 Hz apart.
pub(crate) const BINS: usize = WINDOW / 2 + 1;
/// Frames from the newest input to the newest output.
pub(crate) const DELAY: usize = WINDOW - SPEECH_BLOCK;
/// Hertz between bins.
pub(crate) const BIN_HZ: f32 = 16_000.0 / WINDOW as f32;

/// One spectrum.
pub(crate) type Spectrum = [Complex32; BINS];

/// Silence.
pub(crate) const ZERO: Complex32 = Complex32::new(0.0, 0.0);

/// Hann: its side lobes fall so fast that a bin hears its own neighbourhood only, which is worth 4 dB of echo to the
/// canceller over the sine window.
fn window(n: usize) -> f32 {
    (PI * (n as f32 + 0.5) / WINDOW as f32).sin().powi(2)
}

/// Blocks to spectra, several channels.
pub(crate) struct Analysis {
    fft: Arc<dyn RealToComplex<f32>>,
    window: [f32; WINDOW],
    history: Box<[[f32; WINDOW]]>,
    buffer: Vec<f32>,
    scratch: Vec<Complex32>,
}

impl fmt::Debug for Analysis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Analysis").field("channels", &self.history.len()).finish_non_exhaustive()
    }
}

impl Analysis {
    pub(crate) fn new(channels: usize) -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(WINDOW);
        Self {
            window: std::array::from_fn(window),
            history: vec![[0.0; WINDOW]; channels].into_boxed_slice(),
            buffer: fft.make_input_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
        }
    }

    /// The next block of channel `c`, 160 frames, and the spectrum of the window that it completes.
    pub(crate) fn push(&mut self, c: usize, block: &[f32], out: &mut Spectrum) {
        let history = &mut self.history[c];
        history.copy_within(SPEECH_BLOCK.., 0);
        history[WINDOW - SPEECH_BLOCK..].copy_from_slice(block);
        for ((b, h), w) in self.buffer.iter_mut().zip(history.iter()).zip(&self.window) {
            *b = h * w;
        }
        if self.fft.process_with_scratch(&mut self.buffer, out, &mut self.scratch).is_err() {
            out.fill(ZERO);
        }
    }

    pub(crate) fn forget(&mut self) {
        for h in &mut self.history {
            h.fill(0.0);
        }
    }
}

/// Samples below this are silence: −400 dBFS.
const NOTHING: f32 = 1e-20;

/// Spectra back to blocks, one channel.
pub(crate) struct Synthesis {
    ifft: Arc<dyn ComplexToReal<f32>>,
    window: [f32; WINDOW],
    overlap: [f32; WINDOW],
    buffer: Vec<f32>,
    scratch: Vec<Complex32>,
}

impl fmt::Debug for Synthesis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Synthesis").finish_non_exhaustive()
    }
}

impl Synthesis {
    pub(crate) fn new() -> Self {
        let ifft = RealFftPlanner::new().plan_fft_inverse(WINDOW);
        // The dual of the analysis window: divided by what overlapping windows add up to at each place.
        let sum: [f32; SPEECH_BLOCK] =
            std::array::from_fn(|r| (r..WINDOW).step_by(SPEECH_BLOCK).map(|n| window(n) * window(n)).sum());
        Self {
            window: std::array::from_fn(|n| window(n) / sum[n % SPEECH_BLOCK] / WINDOW as f32),
            overlap: [0.0; WINDOW],
            buffer: ifft.make_output_vec(),
            scratch: ifft.make_scratch_vec(),
            ifft,
        }
    }

    /// Adds the frame `spectrum` (used up) and gives the block that is now complete.
    pub(crate) fn push(&mut self, spectrum: &mut Spectrum, out: &mut [f32; SPEECH_BLOCK]) {
        spectrum[0].im = 0.0;
        spectrum[BINS - 1].im = 0.0;
        if self.ifft.process_with_scratch(spectrum, &mut self.buffer, &mut self.scratch).is_err() {
            self.buffer.fill(0.0);
        }
        self.overlap.copy_within(SPEECH_BLOCK.., 0);
        self.overlap[WINDOW - SPEECH_BLOCK..].fill(0.0);
        for ((o, b), w) in self.overlap.iter_mut().zip(&self.buffer).zip(&self.window) {
            *o += b * w;
        }
        for (out, whole) in out.iter_mut().zip(&self.overlap) {
            // What fades for ever ends in numbers that whoever reads them pays for.
            *out = if whole.abs() < NOTHING { 0.0 } else { *whole };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(x: &[f32]) -> Vec<f32> {
        let (mut a, mut s) = (Analysis::new(1), Synthesis::new());
        let mut y = Vec::new();
        let mut spectrum = [ZERO; BINS];
        let mut block = [0.0; SPEECH_BLOCK];
        for b in x.chunks_exact(SPEECH_BLOCK) {
            a.push(0, b, &mut spectrum);
            s.push(&mut spectrum, &mut block);
            y.extend_from_slice(&block);
        }
        y
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn half_the_sound_in_is_half_the_sound_out(x in prop::collection::vec(-1.0_f32..1.0, 3_200)) {
            let half: Vec<f32> = x.iter().map(|s| 0.5 * s).collect();
            for (w, h) in there_and_back(&x).iter().zip(&there_and_back(&half)) {
                prop_assert!((0.5 * w - h).abs() < 1e-6, "{} {}", w, h);
            }
        }
    }

    #[test]
    fn analysis_and_synthesis_give_the_same_sound_352_frames_later() {
        let x: Vec<f32> = (0..4800).map(|n| (n as f32 * 0.37).sin() + (n as f32 * 1.9).cos() * 0.3).collect();
        let y = there_and_back(&x);
        for n in WINDOW..y.len() {
            assert!((y[n] - x[n - DELAY]).abs() < 1e-5, "{n}: {} {}", y[n], x[n - DELAY]);
        }
    }
}
