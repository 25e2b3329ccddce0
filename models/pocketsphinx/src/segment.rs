//! One stretch of speech while it lasts: its samples and their times.

use prim_audio::SampleTime;
use prim_models::SegmentId;

/// Samples per frame of the decoder: 10 ms at 16 kHz.
pub(crate) const FRAME: u64 = 160;

/// Samples kept for the second pass: 40 s (1.25 MiB). A longer segment keeps its first-pass words.
pub(crate) const MAX_KEPT: usize = 40 * 16_000;

/// Holes remembered; further ones shift the words behind them.
const MAX_HOLES: usize = 256;

#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) id: SegmentId,
    pub(crate) samples: Vec<i16>,
    /// All samples were kept.
    pub(crate) whole: bool,
    times: Times,
}

/// From samples of the segment to the stream's time, across holes.
#[derive(Debug, Clone)]
pub(crate) struct Times {
    /// (samples into the segment, stream time) at the start and behind every hole.
    anchors: Vec<(u64, SampleTime)>,
    given: u64,
}

impl Segment {
    pub(crate) fn new(id: SegmentId, at: SampleTime) -> Self {
        Self { id, samples: Vec::new(), whole: true, times: Times { anchors: vec![(0, at)], given: 0 } }
    }

    /// Takes samples; a jump of `at` is a hole.
    pub(crate) fn push(&mut self, samples: &[i16], at: SampleTime) {
        if at > self.times.end() && self.times.anchors.len() < MAX_HOLES {
            self.times.anchors.push((self.times.given, at));
        }
        self.times.given += samples.len() as u64;
        let room = MAX_KEPT.saturating_sub(self.samples.len());
        self.whole &= samples.len() <= room;
        self.samples.extend(samples.iter().take(room));
    }

    pub(crate) fn times(&self) -> &Times {
        &self.times
    }
}

impl Times {
    /// The stream's time of a sample of the segment.
    pub(crate) fn at(&self, sample: u64) -> SampleTime {
        let (from, time) = self
            .anchors
            .iter()
            .rev()
            .find(|(from, _)| *from <= sample)
            .or_else(|| self.anchors.first())
            .copied()
            .unwrap_or_default();
        SampleTime(time.0 + sample.saturating_sub(from))
    }

    pub(crate) fn start(&self) -> SampleTime {
        self.at(0)
    }

    /// One past the last sample.
    pub(crate) fn end(&self) -> SampleTime {
        match self.given.checked_sub(1) {
            Some(last) => SampleTime(self.at(last).0 + 1),
            None => self.start(),
        }
    }

    /// The first sample of a frame.
    pub(crate) fn of_frame(&self, frame: u64) -> SampleTime {
        self.at((frame * FRAME).min(self.given.saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_shifts_what_follows_it() {
        let mut segment = Segment::new(SegmentId(1), SampleTime(1_000));
        segment.push(&[0; 160], SampleTime(1_000));
        segment.push(&[0; 160], SampleTime(5_000));
        let times = segment.times();
        assert_eq!(times.of_frame(0), SampleTime(1_000));
        assert_eq!(times.of_frame(1), SampleTime(5_000));
        assert_eq!(times.end(), SampleTime(5_160));
    }

    #[test]
    fn time_that_runs_backwards_is_ignored() {
        let mut segment = Segment::new(SegmentId(1), SampleTime(1_000));
        segment.push(&[0; 160], SampleTime(1_000));
        segment.push(&[0; 160], SampleTime(0));
        assert_eq!(segment.times().end(), SampleTime(1_320));
    }

    #[test]
    fn memory_is_bounded_and_the_loss_is_known() {
        let mut segment = Segment::new(SegmentId(1), SampleTime(0));
        segment.push(&vec![0; MAX_KEPT + 5], SampleTime(0));
        assert_eq!(segment.samples.len(), MAX_KEPT);
        assert!(!segment.whole);
        assert_eq!(segment.times().end(), SampleTime(MAX_KEPT as u64 + 5));
    }
}
