//! Eight bins of one seat: one inverse covariance each, shared by all microphones' filters.

use crate::MAX_CHANNELS;
use crate::hermitian::{Cell, LANES, Lane, NIL, at, cells, inner, lessen, mean_diagonal, product};

/// Powers below this are zero: keeps silence from being computed in denormals.
const NOTHING: f32 = 1e-20;
/// Power below which a bin is silence (sum over a window of samples in −1..=1): −100 dBFS.
const SILENCE: f32 = 1e-8;
/// An inverse covariance whose diagonal is beyond this at the mean has not been fed for long: single precision ends.
const MAX_MEAN: f32 = 1e7;

#[derive(Debug, Clone)]
pub(super) struct Group {
    /// Inverse covariance of the regressor. Shorter regressors use the first cells.
    pub(super) inverse: Vec<Cell>,
    /// Filters, conjugated: `[channels][k]`.
    pub(super) filters: Vec<Vec<Cell>>,
    /// Power of the voice, smoothed.
    pub(super) power: Lane,
}

/// What a step has to know beside the microphones.
pub(super) struct Frame<'a> {
    /// The regressor, `k` long.
    pub(super) x: &'a [Cell],
    pub(super) usable: &'a [bool; MAX_CHANNELS],
    pub(super) learns: [bool; LANES],
    /// Forgetting per frame, just below 1.
    pub(super) forgetting: f32,
}

impl Group {
    pub(super) fn new(k: usize, channels: usize) -> Self {
        let mut group =
            Self { inverse: vec![NIL; cells(k)], filters: vec![vec![NIL; k]; channels], power: [0.0; LANES] };
        group.forget();
        group
    }

    pub(super) fn forget(&mut self) {
        (0..LANES).for_each(|l| self.forget_bin(l));
    }

    #[cold]
    fn forget_bin(&mut self, l: usize) {
        for cell in self.inverse.iter_mut().chain(self.filters.iter_mut().flatten()) {
            (cell.re[l], cell.im[l]) = (0.0, 0.0);
        }
        for i in 0..self.filters[0].len() {
            self.inverse[at(i, i)].re[l] = 1.0;
        }
    }

    /// Takes the room out of one frame at the `mics`, and learns from it; `p` is scratch as long as the regressor.
    #[inline(always)]
    pub(super) fn step(&mut self, frame: &Frame<'_>, mics: &mut [Cell], p: &mut [Cell]) {
        let mut voice = [NIL; MAX_CHANNELS];
        let mut power = [0.0; LANES];
        let mut count = 0.0_f32;
        for c in (0..mics.len()).filter(|c| frame.usable[*c]) {
            let mut predicted = NIL;
            for (g, x) in self.filters[c].iter().zip(frame.x) {
                predicted = predicted.plus(g.times(*x));
            }
            voice[c] = mics[c].less(predicted);
            for (sum, power) in power.iter_mut().zip(voice[c].norm_sqr()) {
                *sum += power;
            }
            count += 1.0;
        }
        for (smooth, now) in self.power.iter_mut().zip(power) {
            let mean = 0.5 * *smooth + 0.5 * now / count.max(1.0);
            *smooth = if mean > NOTHING { mean } else { 0.0 };
        }
        let teaches: [bool; LANES] = std::array::from_fn(|l| frame.learns[l] && self.power[l] > SILENCE);
        let mut lost = [false; LANES];
        if teaches.contains(&true) {
            lost = self.learn(frame, &teaches, &voice[..mics.len()], p);
        }
        for c in (0..mics.len()).filter(|c| frame.usable[*c]) {
            for l in (0..LANES).filter(|l| !lost[*l]) {
                (mics[c].re[l], mics[c].im[l]) = (voice[c].re[l], voice[c].im[l]);
            }
        }
    }

    /// One step of least squares in the bins it `teaches`, weighted by the power of the voice. Returns which bins had to
    /// begin anew, because nothing could be computed.
    #[inline(always)]
    fn learn(
        &mut self,
        frame: &Frame<'_>,
        teaches: &[bool; LANES],
        voice: &[Cell],
        p: &mut [Cell],
    ) -> [bool; LANES] {
        let k = frame.x.len();
        let inverse = &mut self.inverse[..cells(k)];
        product(inverse, frame.x, p);
        // xᴴ P x is real.
        let energy = inner(frame.x, p);
        let (mut scale, mut keep, mut lost) = ([0.0; LANES], [1.0; LANES], [false; LANES]);
        for l in (0..LANES).filter(|l| teaches[*l]) {
            let denominator = frame.forgetting * self.power[l] + energy[l];
            lost[l] = !(denominator.is_finite() && denominator > 0.0 && energy[l] >= 0.0);
            if !lost[l] {
                (scale[l], keep[l]) = (1.0 / denominator, 1.0 / frame.forgetting);
            }
        }
        for ((filter, voice), _) in
            self.filters.iter_mut().zip(voice).zip(frame.usable).filter(|(_, usable)| **usable)
        {
            // The filter moves by conj(gain) · error, kept conjugated for the prediction.
            let error = voice.scaled(&scale);
            for (g, p) in filter.iter_mut().zip(&*p) {
                *g = g.plus(error.times_conj(*p));
            }
        }
        lessen(inverse, p, &scale, &keep);
        let mean = mean_diagonal(inverse, k);
        for l in 0..LANES {
            let bounded = mean[l].is_finite() && mean[l] < MAX_MEAN;
            if lost[l] || !bounded {
                self.forget_bin(l);
            }
        }
        lost
    }
}
