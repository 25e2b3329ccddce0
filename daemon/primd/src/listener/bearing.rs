//! The bearing of one stretch of speech.

/// The circular mean of bearings while one person speaks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BearingMean {
    x: f32,
    y: f32,
}

impl BearingMean {
    pub(super) fn add(&mut self, deg: Option<f32>) {
        if let Some(deg) = deg {
            let (s, c) = deg.to_radians().sin_cos();
            self.x += c;
            self.y += s;
        }
    }

    /// Whole degrees 0..360, unless nothing was measured or it came from everywhere.
    pub(super) fn degrees(&self) -> Option<u16> {
        (self.x.hypot(self.y) > 0.5)
            .then(|| (self.y.atan2(self.x).to_degrees().rem_euclid(360.0).round() as u16) % 360)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_bearings_around_the_front_is_the_front() {
        let mut mean = BearingMean::default();
        for deg in [350.0, 10.0, 0.0] {
            mean.add(Some(deg));
        }
        assert_eq!(mean.degrees(), Some(0));
        assert_eq!(BearingMean::default().degrees(), None);
    }
}
