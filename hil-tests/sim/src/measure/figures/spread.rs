//! Values of one kind, and their percentiles.

/// Measured values of one kind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spread(Vec<f64>);

impl Spread {
    /// Of these values.
    #[must_use]
    pub fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// How many.
    #[must_use]
    pub fn n(&self) -> usize {
        self.0.len()
    }

    /// The value that a share of them does not exceed (nearest rank).
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(rank.max(1) - 1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let s = Spread::new((1..=20).map(f64::from).rev().collect());
        assert_eq!(
            (s.quantile(0.5), s.quantile(0.95), s.quantile(1.0), s.n()),
            (Some(10.0), Some(19.0), Some(20.0), 20)
        );
        assert_eq!(Spread::default().quantile(0.95), None);
    }
}
