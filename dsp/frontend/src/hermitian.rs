//! Hermitian matrices of all bins, eight bins side by side, so that the processor works on eight at once.
//!
//! A matrix over `n` microphones keeps its lower triangle, row by row: `n (n + 1) / 2` cells a group of bins.

use crate::MAX_CHANNELS;
use crate::stft::BINS;

/// Bins side by side.
pub(crate) const LANES: usize = 8;
/// Groups of bins; the last one is padded.
pub(crate) const GROUPS: usize = BINS.div_ceil(LANES);
/// Cells of the largest triangle.
pub(crate) const CELLS: usize = MAX_CHANNELS * (MAX_CHANNELS + 1) / 2;

/// One real number per bin of a group.
pub(crate) type Lane = [f32; LANES];

/// One complex number per bin of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cell {
    pub(crate) re: Lane,
    pub(crate) im: Lane,
}

pub(crate) const NIL: Cell = Cell { re: [0.0; LANES], im: [0.0; LANES] };

impl Cell {
    /// `self · other`.
    #[inline(always)]
    pub(crate) fn times(self, other: Self) -> Self {
        let mut out = NIL;
        for l in 0..LANES {
            out.re[l] = self.re[l] * other.re[l] - self.im[l] * other.im[l];
            out.im[l] = self.re[l] * other.im[l] + self.im[l] * other.re[l];
        }
        out
    }

    /// `self · conj(other)`.
    #[inline(always)]
    pub(crate) fn times_conj(self, other: Self) -> Self {
        let mut out = NIL;
        for l in 0..LANES {
            out.re[l] = self.re[l] * other.re[l] + self.im[l] * other.im[l];
            out.im[l] = self.im[l] * other.re[l] - self.re[l] * other.im[l];
        }
        out
    }

    #[inline(always)]
    fn conj(self) -> Self {
        Self { re: self.re, im: self.im.map(|x| -x) }
    }

    #[inline(always)]
    pub(crate) fn less(mut self, other: Self) -> Self {
        for l in 0..LANES {
            self.re[l] -= other.re[l];
            self.im[l] -= other.im[l];
        }
        self
    }

    #[inline(always)]
    pub(crate) fn plus(mut self, other: Self) -> Self {
        for l in 0..LANES {
            self.re[l] += other.re[l];
            self.im[l] += other.im[l];
        }
        self
    }

    #[inline(always)]
    pub(crate) fn scaled(mut self, by: &Lane) -> Self {
        for (l, by) in by.iter().enumerate() {
            self.re[l] *= by;
            self.im[l] *= by;
        }
        self
    }

    #[inline(always)]
    pub(crate) fn norm_sqr(self) -> Lane {
        std::array::from_fn(|l| self.re[l] * self.re[l] + self.im[l] * self.im[l])
    }
}

/// Cells of a triangle over `n` microphones.
#[inline(always)]
pub(crate) fn cells(n: usize) -> usize {
    n * (n + 1) / 2
}

/// Where a cell of the lower triangle is.
#[inline(always)]
pub(crate) fn at(row: usize, column: usize) -> usize {
    row * (row + 1) / 2 + column
}

/// `m += rate · (gain · x xᴴ − m)` for one group; `x` has one cell per microphone.
#[inline(always)]
pub(crate) fn follow(m: &mut [Cell], x: &[Cell], rate: &Lane, gain: &Lane) {
    let mut k = 0;
    for (i, row) in x.iter().enumerate() {
        let row = row.scaled(gain);
        for column in &x[..=i] {
            let outer = row.times_conj(*column);
            let cell = &mut m[k];
            for (l, rate) in rate.iter().enumerate() {
                cell.re[l] += rate * (outer.re[l] - cell.re[l]);
                cell.im[l] += rate * (outer.im[l] - cell.im[l]);
            }
            k += 1;
        }
    }
}

/// Mean of the diagonal of an `n × n` matrix.
#[inline(always)]
pub(crate) fn mean_diagonal(m: &[Cell], n: usize) -> Lane {
    let mut sum = [0.0; LANES];
    for i in 0..n {
        for (s, d) in sum.iter_mut().zip(&m[at(i, i)].re) {
            *s += d / n as f32;
        }
    }
    sum
}

/// `m x` for one group.
#[inline(always)]
pub(crate) fn product(m: &[Cell], x: &[Cell], out: &mut [Cell]) {
    let mut rest = m;
    for (i, x_i) in x.iter().enumerate() {
        let (row, below) = rest.split_at(i + 1);
        rest = below;
        // A cell below the diagonal stands for its mirror image too.
        let mut sum = x_i.scaled(&row[i].re);
        for ((cell, x_j), out) in row[..i].iter().zip(x).zip(&mut *out) {
            sum = sum.plus(cell.times(*x_j));
            *out = out.plus(cell.conj().times(*x_i));
        }
        out[i] = sum;
    }
}

/// `m = keep · (m − scale · x xᴴ)` for one group.
#[inline(always)]
pub(crate) fn lessen(m: &mut [Cell], x: &[Cell], scale: &Lane, keep: &Lane) {
    let mut rest = m;
    for (i, row) in x.iter().enumerate() {
        let (cells, below) = rest.split_at_mut(i + 1);
        rest = below;
        let row = row.scaled(scale);
        for (cell, column) in cells.iter_mut().zip(x) {
            *cell = cell.less(row.times_conj(*column)).scaled(keep);
        }
    }
}

/// The lower Cholesky factor of `m + load · I`, with the diagonal inverted, and half the logarithm of its determinant.
fn factor(m: &[Cell], n: usize, load: &Lane, factor: &mut [Cell; CELLS]) -> Lane {
    let mut half_ln_det = [0.0; LANES];
    for i in 0..n {
        for j in 0..=i {
            let mut sum = m[at(i, j)];
            for k in 0..j {
                sum = sum.less(factor[at(i, k)].times_conj(factor[at(j, k)]));
            }
            if i == j {
                for l in 0..LANES {
                    // Rounding may leave a hair less than nothing of a bin that is one wave and its loading.
                    let least = 1e-5 * m[at(i, i)].re[l] + 1e-2 * load[l] + 1e-30;
                    let pivot = (sum.re[l] + load[l]).max(least).sqrt();
                    half_ln_det[l] += pivot.ln();
                    factor[at(i, i)].re[l] = 1.0 / pivot;
                }
                factor[at(i, i)].im = [0.0; LANES];
            } else {
                factor[at(i, j)] = sum.scaled(&factor[at(j, j)].re);
            }
        }
    }
    half_ln_det
}

/// `out` becomes the inverse of the lower Cholesky factor of `m + load · I`: `|out · x|²` is `xᴴ (m + load I)⁻¹ x`. Returns
/// the logarithm of the determinant.
pub(crate) fn whitener(m: &[Cell], n: usize, load: &Lane, out: &mut [Cell]) -> Lane {
    let mut lower = [NIL; CELLS];
    let half = factor(m, n, load, &mut lower);
    for j in 0..n {
        out[at(j, j)] = lower[at(j, j)];
        for i in j + 1..n {
            let mut sum = NIL;
            for k in j..i {
                sum = sum.less(lower[at(i, k)].times(out[at(k, j)]));
            }
            out[at(i, j)] = sum.scaled(&lower[at(i, i)].re);
        }
    }
    half.map(|h| 2.0 * h)
}

/// `|w x|²` for a lower triangle `w`.
#[inline(always)]
pub(crate) fn whitened_power(w: &[Cell], x: &[Cell]) -> Lane {
    let mut power = [0.0; LANES];
    let mut k = 0;
    for i in 0..x.len() {
        let mut sum = NIL;
        for x in &x[..=i] {
            sum = sum.plus(w[k].times(*x));
            k += 1;
        }
        for (p, s) in power.iter_mut().zip(&sum.norm_sqr()) {
            *p += s;
        }
    }
    power
}

/// `x` becomes `(m + load I)⁻¹ x`.
pub(crate) fn solve(m: &[Cell], load: &Lane, x: &mut [Cell]) {
    let n = x.len();
    let mut lower = [NIL; CELLS];
    factor(m, n, load, &mut lower);
    for i in 0..n {
        let mut sum = x[i];
        for k in 0..i {
            sum = sum.less(lower[at(i, k)].times(x[k]));
        }
        x[i] = sum.scaled(&lower[at(i, i)].re);
    }
    for i in (0..n).rev() {
        let mut sum = x[i];
        for k in i + 1..n {
            sum = sum.less(lower[at(k, i)].conj().times(x[k]));
        }
        x[i] = sum.scaled(&lower[at(i, i)].re);
    }
}

/// `Re(aᴴ b)` per bin.
#[inline(always)]
pub(crate) fn inner(a: &[Cell], b: &[Cell]) -> Lane {
    let mut sum = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for (l, s) in sum.iter_mut().enumerate() {
            *s += a.re[l] * b.re[l] + a.im[l] * b.im[l];
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors(seed: u32, n: usize) -> Vec<Cell> {
        let mut state = seed;
        let mut part = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..n)
            .map(|_| Cell { re: std::array::from_fn(|_| part()), im: std::array::from_fn(|_| part()) })
            .collect()
    }

    /// Sum of so many outer products.
    fn matrix(n: usize, count: u32) -> Vec<Cell> {
        let mut m = vec![NIL; cells(n)];
        for s in 1..=count {
            follow(&mut m, &vectors(s, n), &[1.0 / s as f32; LANES], &[1.0; LANES]);
        }
        m
    }

    #[test]
    fn a_solved_system_gives_back_its_right_side() {
        for n in 1..=MAX_CHANNELS {
            let (m, b) = (matrix(n, 20), vectors(99, n));
            let mut x = b.clone();
            solve(&m, &[0.1; LANES], &mut x);
            let mut back = vec![NIL; n];
            product(&m, &x, &mut back);
            for ((back, x), b) in back.iter().zip(&x).zip(&b) {
                let loaded = back.plus(x.scaled(&[0.1; LANES]));
                assert!(loaded.less(*b).norm_sqr().iter().all(|e| *e < 1e-6), "{n}");
            }
        }
    }

    #[test]
    fn an_inverse_that_is_lessened_by_what_was_heard_is_the_inverse_of_the_sum() {
        // Sherman and Morrison: (m + x xᴴ)⁻¹ = p − p x xᴴ p / (1 + xᴴ p x) with p = m⁻¹, from the identity on.
        // As long as dereverberation's regressor, and shorter.
        for n in [1, 2, 7, 16, 32] {
            let (mut inverse, mut covariance) = (vec![NIL; cells(n)], vec![NIL; cells(n)]);
            for i in 0..n {
                inverse[at(i, i)].re = [1.0; LANES];
                covariance[at(i, i)].re = [1.0; LANES];
            }
            for s in 1..=3 * n as u32 {
                let x = vectors(s, n);
                let mut p = vec![NIL; n];
                product(&inverse, &x, &mut p);
                let scale = inner(&x, &p).map(|energy| 1.0 / (1.0 + energy));
                lessen(&mut inverse, &p, &scale, &[1.0; LANES]);
                lessen(&mut covariance, &x, &[-1.0; LANES], &[1.0; LANES]);
            }
            let b = vectors(99, n);
            let (mut there, mut back) = (vec![NIL; n], vec![NIL; n]);
            product(&covariance, &b, &mut there);
            product(&inverse, &there, &mut back);
            for (back, b) in back.iter().zip(&b) {
                assert!(back.less(*b).norm_sqr().iter().all(|e| *e < 1e-6), "{n}");
            }
        }
    }

    #[test]
    fn a_whitened_vector_has_the_power_of_the_inverse_form() {
        for n in 1..=MAX_CHANNELS {
            let (m, x) = (matrix(n, 20), vectors(7, n));
            let mut w = vec![NIL; cells(n)];
            let ln_det = whitener(&m, n, &[0.05; LANES], &mut w);
            let mut solved = x.clone();
            solve(&m, &[0.05; LANES], &mut solved);
            let (a, b) = (whitened_power(&w, &x), inner(&x, &solved));
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-3 * b), "{n}: {a:?} {b:?}");
            assert!(ln_det.iter().all(|d| d.is_finite()));
        }
    }

    #[test]
    fn silence_and_a_single_wave_stay_finite() {
        for count in [0, 1] {
            let m = matrix(8, count);
            let (mut w, mut x) = (vec![NIL; cells(8)], vectors(3, 8));
            assert!(whitener(&m, 8, &[1e-12; LANES], &mut w).iter().all(|d| d.is_finite()));
            solve(&m, &[1e-12; LANES], &mut x);
            assert!(x.iter().all(|c| c.re.iter().chain(&c.im).all(|v| v.is_finite())));
        }
    }
}
