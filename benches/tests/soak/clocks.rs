//! Sample time beside wall time. The microphones' clock is not the wall's, blocks arrive late by a little and sometimes by
//! much, and nothing may add up over hours.
use std::time::Duration;

use prim_adapter::DriftEstimator;
use prim_audio::{DEVICE_BLOCK, DEVICE_RATE, FrameZero, SPEECH_RATE, SampleRate, SampleTime};
use prim_dsp::StreamResampler;

/// The sound card's clock is so much faster than the wall's.
const PPM: f64 = 80.0;
const SPEECH_22: SampleRate = SampleRate::new(22_050);

pub(crate) struct Clocks {
    seed: u64,
    estimator: DriftEstimator,
    found_ppm: Option<f64>,
    frame_zero: FrameZero,
    worst_ms: f64,
    local: Duration,
    streams: [Stream; 2],
}

/// Prim's voice on its way to the loudspeaker's rate.
struct Stream {
    rate: SampleRate,
    resampler: StreamResampler,
    block: Vec<f32>,
    /// Samples that are due beyond whole ones, in hundredths.
    owed: u64,
    fed: u64,
    given: u64,
    out: Vec<f32>,
    worst_ms: f64,
}

impl Stream {
    fn new(rate: SampleRate) -> Self {
        let resampler = StreamResampler::new(rate, DEVICE_RATE).unwrap();
        let block = (0..=rate.hz() / 100).map(|n| (n as f32 * 0.1).sin() * 0.3).collect();
        Self {
            rate,
            resampler,
            block,
            owed: 0,
            fed: 0,
            given: 0,
            out: Vec::with_capacity(8_192),
            worst_ms: 0.0,
        }
    }

    fn step(&mut self) {
        self.owed += u64::from(self.rate.hz());
        let n = self.owed / 100;
        self.owed %= 100;
        self.out.clear();
        self.resampler.push(&self.block[..n as usize], &mut self.out);
        self.fed += n;
        self.given += self.out.len() as u64;
        let behind =
            self.fed as f64 / f64::from(self.rate.hz()) - self.given as f64 / f64::from(DEVICE_RATE.hz());
        self.worst_ms = self.worst_ms.max(behind.abs() * 1e3);
    }
}

impl Clocks {
    pub(crate) fn new() -> Self {
        Self {
            seed: 3,
            estimator: DriftEstimator::new(DEVICE_RATE),
            found_ppm: None,
            frame_zero: FrameZero::new(DEVICE_RATE),
            worst_ms: 0.0,
            local: Duration::ZERO,
            streams: [SPEECH_RATE, SPEECH_22].map(Stream::new),
        }
    }

    /// Block `b` was captured, and arrives up to 3 ms later, one in a thousand up to 40 ms.
    pub(crate) fn block(&mut self, b: u64) {
        let at = SampleTime(b * DEVICE_BLOCK as u64);
        let end = at.0 + DEVICE_BLOCK as u64;
        let true_ms = 5_000.0 + end as f64 / (48.0 * (1.0 + PPM * 1e-6));
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = (self.seed >> 40) as f64 / (1 << 24) as f64;
        let late_ms = if share > 0.999 { 40.0 * (share - 0.999) * 1e3 } else { 3.0 * share.powi(3) };
        let arrived = Duration::from_secs_f64((true_ms + late_ms) / 1e3);
        self.local = self.local.max(arrived);
        if let Some(drift) = self.estimator.observe(self.local, at) {
            self.found_ppm = Some(drift.ppm);
        }
        let zero = self.frame_zero.captured(SampleTime(end), self.local);
        if b > 500 {
            self.worst_ms = self.worst_ms.max((zero.as_millis() as f64 + end as f64 / 48.0 - true_ms).abs());
        }
        self.streams.iter_mut().for_each(Stream::step);
    }

    pub(crate) fn report(&self) {
        let found = self.found_ppm.map_or_else(|| "nothing".to_owned(), |p| format!("{p:.1} ppm"));
        println!("sample time and wall time at most {:.2} ms apart; {PPM} ppm, found {found}", self.worst_ms);
        for s in &self.streams {
            println!("{} Hz to the loudspeaker's rate: at most {:.2} ms apart", s.rate.hz(), s.worst_ms);
        }
    }

    pub(crate) fn check(&self) {
        assert!(self.worst_ms <= 20.0, "sample time and wall time: {:.1} ms apart", self.worst_ms);
        let found = self.found_ppm.expect("ten seconds are enough for an estimate");
        assert!((found - PPM).abs() < 10.0, "{found} ppm found of {PPM}");
        for s in &self.streams {
            assert!(s.worst_ms <= 20.0, "{} Hz: {:.1} ms apart", s.rate.hz(), s.worst_ms);
        }
    }
}
