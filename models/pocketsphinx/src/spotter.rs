//! The spotter for the word "Prim": scans windows of the segment, each normalised by its own mean.
//!
//! A person who addresses Prim says the name first: near the start of a segment the bar is low, elsewhere it is
//! high. (Measured with four flite voices: all false alarms of the low bar lay behind the first second.)

use std::io::Write as _;
use std::ops::Range;

use crate::Model;
use crate::decoder::{Decoder, DecoderError, Settings};
use crate::segment::FRAME;
use crate::vocabulary::PRIM_SOUNDS;

/// Detection thresholds: the likelihood ratio against a loop over all phones; smaller is more eager. Tuned on 24
/// sentences in 4 voices, dry and in a simulated room.
const EAGER: (&str, &str) = ("prim", "1e-9");
const STRICT: (&str, &str) = ("primm", "1e-3");

/// A name that begins within these frames of the segment passes the low bar: a second, of which the segmenter's
/// pre-roll takes a part.
const OPENING_FRAMES: u64 = 100;

/// The first window is complete here: the opening and the longest name behind it, 1.3 s.
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
        let dictionary = temporary(&format!("{} {PRIM_SOUNDS}\n{} {PRIM_SOUNDS}\n", EAGER.0, STRICT.0))?;
        let phrases = temporary(&format!("{} /{}/\n{} /{}/\n", EAGER.0, EAGER.1, STRICT.0, STRICT.1))?;
        let settings = Settings::default()
            .with("hmm", model.acoustic.display())
            .with("dict", dictionary.path().display())
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
        self.decoder.begin()?;
        self.decoder.feed(samples.get(window).unwrap_or_default(), true)?;
        self.decoder.end();
        let opening = |first: u64| first + offset <= OPENING_FRAMES;
        Ok(self
            .decoder
            .hypothesis()
            .into_iter()
            .filter(|h| h.word == STRICT.0 || (h.word == EAGER.0 && opening(h.first)))
            .map(|h| Spotted { first: h.first + offset, last: h.last + offset })
            .collect())
    }
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
