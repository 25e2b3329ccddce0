//! Rate changes. Microphones go from 48 to 16 kHz through a filter of our own, which is flat to 7.2 kHz and 4 ms late;
//! everything else through thin shapes around `rubato`'s FFT resampler, which at 10 ms blocks has 138 dB of signal to
//! noise but loses 2 dB at 7.2 kHz and is 5 ms late (DEPENDENCIES, "Audio and speech"; decision 0005).

use std::fmt;

use audioadapter_buffers::direct::SequentialSlice;
use prim_audio::SampleRate;
use rubato::{Fft, FixedSync, Resampler as _};
use thiserror::Error;

mod third;

use third::Third;

/// A rate change that cannot be built.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("resample from {from} Hz to {to} Hz: {why}; use a rate between 4000 and 384000 Hz")]
pub struct ResamplerError {
    /// Input rate.
    pub from: u32,
    /// Output rate.
    pub to: u32,
    /// What was wrong.
    pub why: String,
}

fn build(
    from: SampleRate,
    to: SampleRate,
    chunk: usize,
    channels: usize,
    fixed: FixedSync,
) -> Result<Fft<f32>, ResamplerError> {
    let refuse = |why: String| ResamplerError { from: from.hz(), to: to.hz(), why };
    if !(4_000..=384_000).contains(&from.hz()) || !(4_000..=384_000).contains(&to.hz()) {
        return Err(refuse("rate out of range".to_owned()));
    }
    Fft::new_custom(
        from.hz() as usize,
        to.hz() as usize,
        chunk,
        1,
        channels,
        rubato::WindowFunction::BlackmanHarris2,
        fixed,
    )
    .map_err(|e| refuse(e.to_string()))
}

/// Blocks of 10 ms in, blocks of 10 ms out, any number of channels, planar. Both rates must be multiples of 100.
pub struct Resampler {
    inner: Inner,
    channels: usize,
    block_in: usize,
    block_out: usize,
}

enum Inner {
    Third(Third),
    Any(Box<Fft<f32>>),
}

impl fmt::Debug for Resampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resampler")
            .field("channels", &self.channels)
            .field("block_in", &self.block_in)
            .field("block_out", &self.block_out)
            .finish_non_exhaustive()
    }
}

impl Resampler {
    /// From `from` to `to`.
    ///
    /// # Errors
    /// A rate out of range, or one whose 10 ms are not a whole number of frames.
    pub fn new(from: SampleRate, to: SampleRate, channels: usize) -> Result<Self, ResamplerError> {
        let refuse = |why: &str| ResamplerError { from: from.hz(), to: to.hz(), why: why.to_owned() };
        if !from.hz().is_multiple_of(100) || !to.hz().is_multiple_of(100) {
            return Err(refuse("10 ms are not a whole number of frames"));
        }
        let (block_in, block_out) = (from.hz() as usize / 100, to.hz() as usize / 100);
        if from.hz() == 48_000 && to.hz() == 16_000 {
            return Ok(Self { inner: Inner::Third(Third::new(channels)), channels, block_in, block_out });
        }
        let inner = build(from, to, block_in, channels, FixedSync::Both)?;
        if inner.input_frames_next() != block_in || inner.output_frames_next() != block_out {
            return Err(refuse("the blocks do not come out even"));
        }
        Ok(Self { inner: Inner::Any(Box::new(inner)), channels, block_in, block_out })
    }

    /// One block. `input`: planar `[channels × block_in]`; `output`: planar `[channels × block_out]`.
    /// Slices of another length leave `output` silent.
    pub fn process(&mut self, input: &[f32], output: &mut [f32]) {
        let fits =
            input.len() == self.channels * self.block_in && output.len() == self.channels * self.block_out;
        let shaped = fits
            && match &mut self.inner {
                Inner::Third(third) => {
                    third.process(input, output);
                    true
                }
                Inner::Any(fft) => SequentialSlice::new(input, self.channels, self.block_in)
                    .ok()
                    .zip(SequentialSlice::new_mut(&mut *output, self.channels, self.block_out).ok())
                    .is_some_and(|(i, mut o)| fft.process_into_buffer(&i, &mut o, None).is_ok()),
            };
        if !shaped {
            output.fill(0.0);
        }
    }

    /// Delay through the filter, in output frames: 4 ms from 48 to 16 kHz, 5 ms else.
    #[must_use]
    pub fn delay_frames(&self) -> usize {
        match &self.inner {
            Inner::Third(_) => third::DELAY,
            Inner::Any(fft) => fft.output_delay(),
        }
    }
}

/// A mono stream of any block lengths at any rate to another rate: for voices (TTS) and recordings.
pub struct StreamResampler {
    inner: Option<Fft<f32>>,
    pending: Vec<f32>,
    chunk_out: Vec<f32>,
    trim: usize,
    fed: u64,
    given: u64,
    ratio: (u64, u64),
}

impl fmt::Debug for StreamResampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamResampler").field("ratio", &self.ratio).finish_non_exhaustive()
    }
}

impl StreamResampler {
    /// From `from` to `to`. The filter's delay is trimmed at the start and flushed at the end, so that
    /// `n` frames in give `n × to / from` frames out, in place.
    ///
    /// # Errors
    /// A rate out of range.
    pub fn new(from: SampleRate, to: SampleRate) -> Result<Self, ResamplerError> {
        let ratio = (u64::from(to.hz()), u64::from(from.hz()));
        if from == to {
            return Ok(Self {
                inner: None,
                pending: Vec::new(),
                chunk_out: Vec::new(),
                trim: 0,
                fed: 0,
                given: 0,
                ratio,
            });
        }
        let chunk = (from.hz() as usize / 100).max(1);
        let inner = build(from, to, chunk, 1, FixedSync::Both)?;
        let (pending, chunk_out) =
            (Vec::with_capacity(4 * inner.input_frames_max()), vec![0.0; inner.output_frames_max()]);
        let trim = inner.output_delay();
        Ok(Self { inner: Some(inner), pending, chunk_out, trim, fed: 0, given: 0, ratio })
    }

    /// `input` frames (mono, −1.0..=1.0) go in, whatever is ready is appended to `output`.
    pub fn push(&mut self, input: &[f32], output: &mut Vec<f32>) {
        self.fed += input.len() as u64;
        self.feed(input, output);
    }

    /// The end: what is still inside is appended to `output`, and the resampler is new again.
    pub fn finish(&mut self, output: &mut Vec<f32>) {
        let due = (self.fed * self.ratio.0).div_ceil(self.ratio.1);
        let start = output.len();
        let already = self.given;
        let zeros = [0.0; 256];
        while self.inner.is_some() && self.given < due {
            self.feed(&zeros, output);
        }
        output.truncate(start + (due - already.min(due)) as usize);
        if let Some(inner) = &mut self.inner {
            inner.reset();
            self.trim = inner.output_delay();
        }
        self.pending.clear();
        (self.fed, self.given) = (0, 0);
    }

    fn feed(&mut self, input: &[f32], output: &mut Vec<f32>) {
        let Some(inner) = &mut self.inner else {
            output.extend_from_slice(input);
            self.given += input.len() as u64;
            return;
        };
        let (need, give) = (inner.input_frames_next(), inner.output_frames_next());
        self.pending.extend_from_slice(input);
        let mut used = 0;
        while self.pending.len() - used >= need {
            let ok = SequentialSlice::new(&self.pending[used..used + need], 1, need)
                .ok()
                .zip(SequentialSlice::new_mut(&mut self.chunk_out[..give], 1, give).ok())
                .is_some_and(|(i, mut o)| inner.process_into_buffer(&i, &mut o, None).is_ok());
            if !ok {
                self.chunk_out[..give].fill(0.0);
            }
            used += need;
            let skip = self.trim.min(give);
            self.trim -= skip;
            output.extend_from_slice(&self.chunk_out[skip..give]);
            self.given += (give - skip) as u64;
        }
        self.pending.drain(..used);
    }
}

/// A whole mono recording from one rate to another.
///
/// # Errors
/// A rate out of range.
pub fn resample_all(input: &[f32], from: SampleRate, to: SampleRate) -> Result<Vec<f32>, ResamplerError> {
    let mut out = Vec::with_capacity(input.len() * to.hz() as usize / from.hz().max(1) as usize + 1024);
    let mut r = StreamResampler::new(from, to)?;
    r.push(input, &mut out);
    r.finish(&mut out);
    Ok(out)
}

#[cfg(test)]
mod tests;
