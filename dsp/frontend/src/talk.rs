//! What the beam remembers of one seat's talk, or of anybody's.

use crate::hermitian::{Cell, GROUPS, LANES, Lane, NIL, cells, follow};
use crate::wide::widely;

/// Frames of talk that a seat remembers: a second.
const MEMORY: f32 = 100.0;
/// Frames of talk before what was learned counts.
const ENOUGH: f32 = 40.0;

/// What was heard while one seat was followed, or anybody talked.
#[derive(Debug)]
pub(crate) struct Talk {
    /// All of it.
    pub(crate) mixed: Box<[Cell]>,
    /// What of it was the voice.
    pub(crate) voice: Box<[Cell]>,
    frames: f32,
}

impl Talk {
    pub(crate) fn new(n: usize) -> Self {
        let matrices = || vec![NIL; GROUPS * cells(n)].into_boxed_slice();
        Self { mixed: matrices(), voice: matrices(), frames: 0.0 }
    }

    /// `own`: the voice's share of each bin of `frame`, which stands for `frames`.
    pub(crate) fn learn(&mut self, frame: &[Cell], own: &[Lane; GROUPS], frames: f32) {
        self.frames = (self.frames + frames).min(MEMORY);
        let rate = [frames / self.frames.max(1.0); LANES];
        let n = frame.len() / GROUPS;
        let (mixed, voice) = (self.mixed.chunks_exact_mut(cells(n)), self.voice.chunks_exact_mut(cells(n)));
        widely(
            #[inline(always)]
            || {
                for (((mixed, voice), x), own) in mixed.zip(voice).zip(frame.chunks_exact(n)).zip(own) {
                    follow(mixed, x, &rate, &[1.0; LANES]);
                    follow(voice, x, &rate, own);
                }
            },
        );
    }

    pub(crate) fn counts(&self) -> bool {
        self.frames >= ENOUGH
    }

    pub(crate) fn forget(&mut self) {
        self.frames = 0.0;
    }
}
