//! Levels, ratios, quantiles: one scorer for us and for the peers.

pub(crate) fn power(x: &[f32]) -> f64 {
    x.iter().map(|s| f64::from(*s) * f64::from(*s)).sum::<f64>() / x.len().max(1) as f64
}

pub(crate) fn db(power_ratio: f64) -> f64 {
    10.0 * power_ratio.max(1e-15).log10()
}

/// Level of the parts within 20 dB of the loudest 100 ms, as an amplitude.
pub(crate) fn active_rms(x: &[f32], rate: usize) -> f32 {
    let levels: Vec<f64> = x.chunks(rate / 10).map(power).collect();
    let top = levels.iter().copied().fold(0.0, f64::max);
    let loud: Vec<f64> = levels.into_iter().filter(|l| *l > top / 100.0).collect();
    (loud.iter().sum::<f64>() / loud.len().max(1) as f64).sqrt() as f32
}

/// Scale-invariant signal-to-distortion ratio of `y` against `x` at the best lag of `y` within `lags`, dB.
pub(crate) fn si_sdr(y: &[f32], x: &[f32], lags: std::ops::Range<usize>) -> f64 {
    let n = x.len().min(y.len().saturating_sub(lags.end));
    let xx = power(&x[..n]) * n as f64 + 1e-12;
    lags.map(|lag| {
        let (mut xy, mut yy) = (0.0_f64, 1e-12_f64);
        for (a, b) in x[..n].iter().zip(&y[lag..lag + n]) {
            xy += f64::from(*a) * f64::from(*b);
            yy += f64::from(*b) * f64::from(*b);
        }
        let fit = xy * xy / (xx * yy);
        db(fit / (1.0 - fit).max(1e-12))
    })
    .fold(f64::MIN, f64::max)
}

/// The value below which `share` of `x` lies.
pub(crate) fn quantile(x: &mut [f64], share: f64) -> f64 {
    x.sort_by(f64::total_cmp);
    x.get(((x.len().max(1) - 1) as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

pub(crate) fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len().max(1) as f64
}

/// Degrees between two bearings, 0..=180.
pub(crate) fn apart(a: f64, b: f64) -> f64 {
    ((a - b + 180.0).rem_euclid(360.0) - 180.0).abs()
}

/// Area under the receiver's curve: how often a frame with speech scores above one without.
pub(crate) fn auc(scores: &[f32], speech: &[Option<bool>]) -> f64 {
    let mut all: Vec<(f32, bool)> =
        scores.iter().zip(speech).filter_map(|(s, l)| l.map(|l| (*s, l))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank, mut sum, mut yes) = (0.0, 0.0, 0.0);
    // Equal scores share their middle rank.
    for same in all.chunk_by(|a, b| a.0 == b.0) {
        let middle = rank + (same.len() as f64 + 1.0) / 2.0;
        let here = same.iter().filter(|s| s.1).count() as f64;
        sum += here * middle;
        yes += here;
        rank += same.len() as f64;
    }
    (sum - yes * (yes + 1.0) / 2.0) / (yes * (rank - yes)).max(1.0)
}

/// Words of `said` that are missing, wrong or too many in `heard`.
pub(crate) fn word_errors(said: &str, heard: &str) -> usize {
    let (s, h): (Vec<_>, Vec<_>) = (said.split_whitespace().collect(), heard.split_whitespace().collect());
    let mut row: Vec<usize> = (0..=h.len()).collect();
    for (i, w) in s.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, g) in h.iter().enumerate() {
            let best = (diagonal + usize::from(w != g)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    row[h.len()]
}
