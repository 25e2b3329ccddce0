//! The spotter for the word "Prim": scans windows of the segment, each normalised by its own mean.
//!
//! A person who addresses Prim says the name first: only a name that begins where speech sets in counts, at the
//! start of a segment or behind a pause inside it. Measured with four flite voices (20 names, 76 other sentences)
//! through a simulated room: 19 names heard, and all false alarms begin 300 ms and more behind an onset. The price:
//! "okay Prim" in one breath is not spotted.

use std::io::Write as _;
use std::ops::Range;

use crate::Model;
use crate::decoder::{Decoder, DecoderError, Settings};
use crate::segment::FRAME;
use crate::vocabulary::{PRIM, PRIM_SOUNDS};

/// The detection threshold: the likelihood ratio against a loop over all phones; smaller is more eager.
const THRESHOLD: &str = "1e-10";

/// A name begins at most this long behind an onset of speech: 200 ms. Those measured begin within 120 ms.
const BEHIND_ONSET: u64 = 20;
/// Or this long before it: a soft "Pr" is below the level that makes an onset.
const BEFORE_ONSET: u64 = 20;

/// A frame is quiet when its level is more than 20 dB below the window's loudest.
const QUIET_RATIO: f32 = 0.1;
/// Quiet frames in a row that make a pause: 150 ms; the gap of a plosive is shorter.
const PAUSE_FRAMES: usize = 15;

/// The first window is complete here: a pre-roll, the onset and the longest name behind it, 1.3 s.
const FIRST_WINDOW: usize = 130 * FRAME as usize;
/// Later windows have this length and overlap by [`OVERLAP`], so that no name is cut.
const WINDOW: usize = 250 * FRAME as usize;
const OVERLAP: usize = 60 * FRAME as usize;

pub(crate) struct Spotter {
    decoder: Decoder,
    /// Samples scanned so far in this segment.
    scanned: usize,
}

/// The name in the segment, in frames of the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spotted {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl Spotter {
    pub(crate) fn open(model: &Model) -> Result<Self, DecoderError> {
        let temporary = |lines: &str| {
            let mut file = tempfile::NamedTempFile::new().map_err(DecoderError::Temporary)?;
            file.write_all(lines.as_bytes()).map_err(DecoderError::Temporary)?;
            Ok::<_, DecoderError>(file)
        };
        let dictionary = temporary(&format!("{PRIM} {PRIM_SOUNDS}\n"))?;
        let phrases = temporary(&format!("{PRIM} /{THRESHOLD}/\n"))?;
        let settings = Settings::default()
            .with("hmm", model.acoustic.display())
            .with("dict", dictionary.path().display())
            .with("remove_noise", "yes")
            .with("remove_silence", "no");
        let mut decoder = Decoder::open(&settings)?;
        decoder.use_keyphrases(phrases.path())?;
        Ok(Self { decoder, scanned: 0 })
    }

    /// A new segment begins.
    pub(crate) fn reset(&mut self) {
        self.scanned = 0;
    }

    /// Scans what is due of the segment's samples; everything when it has `ended`.
    pub(crate) fn scan(&mut self, samples: &[i16], ended: bool) -> Result<Vec<Spotted>, DecoderError> {
        let mut found: Vec<Spotted> = Vec::new();
        while let Some(window) = due(self.scanned, samples.len(), ended) {
            self.scanned = window.end;
            for spotted in self.scan_window(samples, window)? {
                // The overlap shows a name twice.
                if !found.iter().any(|f| f.first <= spotted.last && spotted.first <= f.last) {
                    found.push(spotted);
                }
            }
        }
        found.sort_by_key(|s| s.first);
        Ok(found)
    }

    fn scan_window(&mut self, samples: &[i16], window: Range<usize>) -> Result<Vec<Spotted>, DecoderError> {
        let offset = window.start as u64 / FRAME;
        let sound = samples.get(window).unwrap_or_default();
        self.decoder.begin()?;
        self.decoder.feed(sound, true)?;
        self.decoder.end();
        let onsets = onsets(sound, offset == 0);
        let opens = |first: u64| {
            onsets.iter().any(|onset| first <= onset + BEHIND_ONSET && first + BEFORE_ONSET >= *onset)
        };
        Ok(self
            .decoder
            .hypothesis()
            .into_iter()
            // The library keeps the blank in front of the threshold.
            .filter(|h| h.word.trim() == PRIM && opens(h.first))
            .map(|h| Spotted { first: h.first + offset, last: h.last + offset })
            .collect())
    }
}

/// The frames in which speech sets in: behind a pause, and at the start of a segment (`first_window`).
fn onsets(window: &[i16], first_window: bool) -> Vec<u64> {
    let levels: Vec<f32> = window
        .chunks(FRAME as usize)
        .map(|frame| frame.iter().map(|s| f32::from(*s).powi(2)).sum::<f32>().sqrt())
        .collect();
    let loudest = levels.iter().copied().fold(0.0, f32::max);
    let mut quiet = if first_window { PAUSE_FRAMES } else { 0 };
    let mut found = Vec::new();
    for (level, frame) in levels.iter().zip(0_u64..) {
        if *level < loudest * QUIET_RATIO {
            quiet += 1;
        } else {
            if quiet >= PAUSE_FRAMES {
                found.push(frame);
            }
            quiet = 0;
        }
    }
    found
}

/// The next window to scan.
fn due(scanned: usize, available: usize, ended: bool) -> Option<Range<usize>> {
    let (start, wanted) = if scanned == 0 {
        (0, FIRST_WINDOW)
    } else {
        let start = scanned.saturating_sub(OVERLAP);
        (start, start + WINDOW)
    };
    if available >= wanted {
        Some(start..wanted)
    } else {
        (ended && available > scanned).then_some(start..available)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn speech_sets_in_behind_a_pause() {
        let mut sound = Vec::new();
        for (level, frames) in [(10_i16, 40), (3_000, 40), (10, 5), (3_000, 20), (10, 30), (3_000, 10)] {
            sound.extend(vec![level; frames * FRAME as usize]);
        }
        assert_eq!(onsets(&sound, true), [40, 135]);
        assert_eq!(onsets(&sound[40 * 160..], true), [0, 95]);
        assert_eq!(onsets(&sound[40 * 160..], false), [95]);
        assert!(onsets(&[], true).is_empty());
    }

    proptest! {
        #[test]
        fn windows_cover_the_segment_and_overlap(length in 1_usize..400_000) {
            let (mut scanned, mut windows) = (0, 0);
            for available in (0..=length).step_by(1_600).chain([length]) {
                while let Some(window) = due(scanned, available, available == length) {
                    prop_assert!(window.start == 0 || window.start + OVERLAP <= scanned);
                    prop_assert!(window.end > scanned && window.end <= length);
                    scanned = window.end;
                    windows += 1;
                }
            }
            prop_assert_eq!(scanned, length);
            prop_assert!(windows <= 3 + length / (WINDOW - OVERLAP));
        }
    }
}
