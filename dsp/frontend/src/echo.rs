//! Echo cancellation: WebRTC's AEC3 in its Rust port (`sonora-aec3`), driven block by block so that its linear
//! stage can be had beside its suppressed output.
//!
//! One canceller serves all microphones, each with an adaptive filter of its own, so that beam and bearing
//! work on sound that is already free of Prim and may move without the echo path moving with them. When the
//! speaker has been silent for longer than the tail the canceller is not run at all: the microphones pass
//! untouched (and idle rooms cost nothing).

use std::fmt;

use prim_audio::SPEECH_BLOCK;
use sonora_aec3::block::Block;
use sonora_aec3::block_processor::BlockProcessor;
use sonora_aec3::common::BLOCK_SIZE;
use sonora_aec3::config::EchoCanceller3Config;

/// Blocks of 160 are cut into AEC3's 64: what is complete lags by up to half a block of 64.
pub(crate) const DELAY: usize = 32;
/// AEC3 counts in 16-bit steps.
const SCALE: f32 = 32_768.0;
/// The canceller runs for this many frames after the last sound of the speaker: 300 ms of device latency and
/// 300 ms of room.
const TAIL: usize = 9_600;
/// Below this (−78 dBFS) the speaker is silent: it plays exact zeros, or a dither of a bit or two.
const SILENCE: f32 = 4.0;
/// Microphone samples from here on count as saturated.
const RAIL: f32 = 32_000.0;
const QUEUE: usize = SPEECH_BLOCK + BLOCK_SIZE;

/// Energies of 10 ms (sum of squares, 16-bit steps), mean over the microphones.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EchoBlock {
    pub(crate) active: bool,
    /// Microphones.
    pub(crate) mic: f32,
    /// After the linear stage.
    pub(crate) linear: f32,
    /// What the linear stage took away.
    pub(crate) echo: f32,
    /// After suppression.
    pub(crate) suppressed: f32,
}

pub(crate) struct EchoCanceller {
    aec: BlockProcessor,
    channels: usize,
    render: Block,
    capture: Block,
    linear: Block,
    input: Box<[Queue]>,
    reference: Queue,
    out_linear: Box<[Queue]>,
    out_suppressed: Box<[Queue]>,
    silent_for: usize,
    ever: bool,
}

impl fmt::Debug for EchoCanceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EchoCanceller").field("channels", &self.channels).finish_non_exhaustive()
    }
}

/// A first-in first-out of samples, never longer than a block of each size.
#[derive(Debug, Clone)]
struct Queue {
    samples: [f32; QUEUE + DELAY],
    len: usize,
}

impl Queue {
    fn with_silence(len: usize) -> Self {
        Self { samples: [0.0; QUEUE + DELAY], len }
    }
    fn push(&mut self, from: &[f32]) {
        self.samples[self.len..self.len + from.len()].copy_from_slice(from);
        self.len += from.len();
    }
    fn pop(&mut self, to: &mut [f32]) {
        to.copy_from_slice(&self.samples[..to.len()]);
        self.samples.copy_within(to.len()..self.len, 0);
        self.len -= to.len();
    }
}

fn energy(x: &[f32]) -> f32 {
    x.iter().map(|s| s * s).sum()
}

impl EchoCanceller {
    pub(crate) fn new(channels: usize) -> Self {
        let mut config = EchoCanceller3Config::default();
        // 80 ms instead of 52: at RT60 0.25 s the rest of the tail is then 19 dB down before suppression.
        config.filter.refined.length_blocks = 20;
        config.filter.coarse.length_blocks = 20;
        Self {
            aec: BlockProcessor::new(&config, 16_000, 1, channels),
            channels,
            render: Block::new(1, 1),
            capture: Block::new(1, channels),
            linear: Block::new(1, channels),
            input: vec![Queue::with_silence(0); channels].into_boxed_slice(),
            reference: Queue::with_silence(0),
            out_linear: vec![Queue::with_silence(DELAY); channels].into_boxed_slice(),
            out_suppressed: vec![Queue::with_silence(DELAY); channels].into_boxed_slice(),
            silent_for: TAIL,
            ever: false,
        }
    }

    /// `mics`, `linear`, `suppressed`: planar `[channels × 160]`, −1.0..=1.0.
    pub(crate) fn process(
        &mut self,
        mics: &[f32],
        reference: &[f32; SPEECH_BLOCK],
        linear: &mut [f32],
        suppressed: &mut [f32],
    ) -> EchoBlock {
        for (q, m) in self.input.iter_mut().zip(mics.chunks_exact(SPEECH_BLOCK)) {
            q.push(m);
        }
        self.reference.push(reference);
        let mut sums = EchoBlock::default();
        while self.reference.len >= BLOCK_SIZE {
            self.step(&mut sums);
        }
        for c in 0..self.channels {
            let at = c * SPEECH_BLOCK..(c + 1) * SPEECH_BLOCK;
            self.out_linear[c].pop(&mut linear[at.clone()]);
            self.out_suppressed[c].pop(&mut suppressed[at]);
        }
        sums
    }

    fn step(&mut self, sums: &mut EchoBlock) {
        let render = self.render.view_mut(0, 0);
        self.reference.pop(render);
        render.iter_mut().for_each(|s| *s *= SCALE);
        let heard = render.iter().any(|s| s.abs() > SILENCE);
        self.silent_for = if heard { 0 } else { (self.silent_for + BLOCK_SIZE).min(TAIL) };
        let active = self.silent_for < TAIL;
        let mut saturated = false;
        for (c, q) in self.input.iter_mut().enumerate() {
            let capture = self.capture.view_mut(0, c);
            q.pop(capture);
            if active {
                capture.iter_mut().for_each(|s| *s = if s.is_finite() { *s * SCALE } else { 0.0 });
                saturated |= capture.iter().any(|s| s.abs() >= RAIL);
                self.linear.view_mut(0, c).copy_from_slice(capture);
                sums.mic += energy(capture) / self.channels as f32;
            }
        }
        if !active {
            for c in 0..self.channels {
                self.out_linear[c].push(self.capture.view(0, c));
                self.out_suppressed[c].push(self.capture.view(0, c));
            }
            return;
        }
        self.ever = true;
        sums.active = true;
        let before: [f32; BLOCK_SIZE] = std::array::from_fn(|i| self.linear.view(0, 0)[i]);
        self.aec.buffer_render(&self.render);
        self.aec.process_capture(false, saturated, Some(&mut self.linear), &mut self.capture);
        let n = self.channels as f32;
        for c in 0..self.channels {
            let (l, s) = (self.linear.view_mut(0, c), self.capture.view_mut(0, c));
            sums.linear += energy(l) / n;
            sums.suppressed += energy(s) / n;
            if c == 0 {
                sums.echo += before.iter().zip(l.iter()).map(|(b, e)| (b - e) * (b - e)).sum::<f32>();
            }
            l.iter_mut().chain(s.iter_mut()).for_each(|x| *x = if x.is_finite() { *x / SCALE } else { 0.0 });
        }
        for c in 0..self.channels {
            self.out_linear[c].push(self.linear.view(0, c));
            self.out_suppressed[c].push(self.capture.view(0, c));
        }
    }

    /// Reference to microphone as AEC3 aligned it, ms; `None` before Prim was ever heard.
    pub(crate) fn delay_ms(&self) -> Option<f32> {
        self.ever.then(|| self.aec.get_metrics().delay_ms as f32)
    }
}
