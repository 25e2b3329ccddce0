//! A recogniser that counts how long it works for the speech it gets.

use std::time::Instant;

use metrics::counter;
use prim_audio::{SPEECH_RATE, SampleTime};
use prim_models::{Pressure, SegmentId, Stt, SttContext, SttError, SttEvent};

/// Wraps an engine, on the engine's own thread.
pub(super) struct Timed(pub(super) Box<dyn Stt>);

impl Timed {
    fn time<T>(&mut self, work: impl FnOnce(&mut dyn Stt) -> T) -> T {
        let begun = Instant::now();
        let done = work(self.0.as_mut());
        let spent = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        counter!("prim_recogniser_busy_microseconds_total").increment(spent);
        done
    }
}

impl Stt for Timed {
    fn start(&mut self, context: &SttContext) -> Result<(), SttError> {
        self.0.start(context)
    }

    fn begin_segment(&mut self, segment: SegmentId, at: SampleTime) -> Result<(), SttError> {
        self.time(|stt| stt.begin_segment(segment, at))
    }

    fn accept(&mut self, samples: &[i16], at: SampleTime) -> Result<Pressure, SttError> {
        let speech_ms = samples.len() as u64 * 1000 / u64::from(SPEECH_RATE.hz());
        counter!("prim_recogniser_audio_milliseconds_total").increment(speech_ms);
        self.time(|stt| stt.accept(samples, at))
    }

    fn end_segment(&mut self) -> Result<(), SttError> {
        self.time(|stt| stt.end_segment())
    }

    fn abandon(&mut self) {
        self.0.abandon();
    }

    fn poll(&mut self) -> Option<SttEvent> {
        self.0.poll()
    }

    fn set_effort(&mut self, effort: prim_models::Effort) {
        self.0.set_effort(effort);
    }
}
