//! Bearings over time: one talker's estimates smoothed, a new talker believed at the second estimate.

use crate::FrontendBlock;

/// Where a voice comes from in the array's plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bearing {
    /// 0 is the board's front, counter-clockwise, 0..360.
    pub degrees: f32,
    /// 0..=1: how far what is heard from there stands above what is heard from elsewhere; of `talkers` the share of the talk.
    pub confidence: f32,
    /// A linear array cannot tell front from back: the mirror image of `degrees`, when there is one.
    pub mirror_degrees: Option<f32>,
}

/// −180..180.
pub(crate) fn difference(a: f32, b: f32) -> f32 {
    (a - b + 180.0).rem_euclid(360.0) - 180.0
}

/// Estimates within this belong to the same talker: half of the closest seats at a table.
pub(crate) const SAME_DEG: f32 = 20.0;
/// Share of a new estimate in the smoothed bearing.
const FOLLOW: f32 = 0.4;

#[derive(Debug, Clone, Default)]
pub(crate) struct Track {
    current: Option<Bearing>,
    other: Option<f32>,
}

impl Track {
    pub(crate) fn current(&self) -> Option<Bearing> {
        self.current
    }

    pub(crate) fn push(&mut self, new: Bearing) {
        let Some(old) = self.current else {
            self.current = Some(new);
            return;
        };
        let d = difference(new.degrees, old.degrees);
        if d.abs() <= SAME_DEG {
            self.other = None;
            self.current = Some(Bearing { degrees: (old.degrees + FOLLOW * d).rem_euclid(360.0), ..new });
        } else if self.other.is_some_and(|o| difference(o, new.degrees).abs() <= SAME_DEG) {
            self.other = None;
            self.current = Some(new);
        } else {
            self.other = Some(new.degrees);
        }
    }
}

/// Estimates a segment remembers: a minute of voice, one every 100 ms.
const REMEMBERED: usize = 600;

/// The bearing of one segment: feed it every block while somebody speaks, take it at the end.
///
/// It answers the estimate that the others lie closest around (a circular median weighted by confidence), so a
/// few estimates of an echo or of the previous talker do not pull it away.
#[derive(Debug, Clone)]
pub struct SegmentBearing {
    seen: Vec<(f32, f32)>,
    mirror: Option<f32>,
}

impl Default for SegmentBearing {
    fn default() -> Self {
        Self { seen: Vec::with_capacity(REMEMBERED), mirror: None }
    }
}

impl SegmentBearing {
    /// Counts `block` if it carries a fresh estimate.
    pub fn push(&mut self, block: &FrontendBlock) {
        if let Some(b) = block.fresh_bearing.filter(|_| self.seen.len() < REMEMBERED) {
            self.seen.push((b.degrees, b.confidence));
            self.mirror = b.mirror_degrees.map(|m| m + b.degrees);
        }
    }

    /// The segment's bearing, and starts anew. `None` when nothing fresh came.
    pub fn take(&mut self) -> Option<Bearing> {
        let cost = |at: f32| self.seen.iter().map(|(d, w)| w * difference(*d, at).abs()).sum::<f32>();
        let best = self.seen.iter().min_by(|a, b| cost(a.0).total_cmp(&cost(b.0))).map(|s| s.0);
        let weight: f32 = self.seen.iter().map(|s| s.1).sum();
        let answer = best.map(|degrees| Bearing {
            degrees,
            confidence: (weight / self.seen.len() as f32).min(1.0),
            mirror_degrees: self.mirror.map(|sum| (sum - degrees).rem_euclid(360.0)),
        });
        self.seen.clear();
        self.mirror = None;
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(degrees: f32) -> Bearing {
        Bearing { degrees, confidence: 0.5, mirror_degrees: None }
    }

    #[test]
    fn one_stray_estimate_does_not_move_the_track_two_do() {
        let mut t = Track::default();
        t.push(at(10.0));
        t.push(at(120.0));
        assert_eq!(t.current().map(|b| b.degrees), Some(10.0));
        t.push(at(125.0));
        assert_eq!(t.current().map(|b| b.degrees), Some(125.0));
    }

    #[test]
    fn the_track_crosses_north_the_short_way() {
        let mut t = Track::default();
        t.push(at(355.0));
        t.push(at(5.0));
        let d = t.current().map_or(0.0, |b| b.degrees);
        assert!((d - 359.0).abs() < 0.01, "{d}");
    }

    #[test]
    fn a_segment_answers_its_median_and_starts_anew() {
        let mut s = SegmentBearing::default();
        for d in [350.0, 2.0, 359.0, 1.0, 180.0, 0.0] {
            s.push(&FrontendBlock { fresh_bearing: Some(at(d)), ..FrontendBlock::default() });
        }
        let b = s.take().unwrap();
        assert!(difference(b.degrees, 0.0).abs() <= 2.0, "{b:?}");
        assert_eq!(s.take(), None);
    }
}
