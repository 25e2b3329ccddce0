//! Units as types.

use std::ops::Add;
use std::time::Duration;

/// Frames per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleRate(u32);

impl SampleRate {
    /// `hz` frames per second.
    #[must_use]
    pub const fn new(hz: u32) -> Self {
        Self(hz)
    }
    /// Frames per second.
    #[must_use]
    pub const fn hz(self) -> u32 {
        self.0
    }
}

/// A count of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Frames(pub u64);

/// A count of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channels(pub u16);

/// A level or gain, relative; 0 is unity.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Decibels(pub f32);

impl Decibels {
    /// The amplitude ratio: 20 dB is 10.
    #[must_use]
    pub fn as_amplitude(self) -> f32 {
        10_f32.powf(self.0 / 20.0)
    }
    /// The level of an amplitude ratio; silence is −∞.
    #[must_use]
    pub fn from_amplitude(a: f32) -> Self {
        Self(20.0 * a.abs().log10())
    }
}

/// A bearing in the array's plane: 0 is the board's front, counter-clockwise positive, 0..360.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Degrees(pub f32);

impl Degrees {
    /// The smallest angle between two bearings, 0..=180.
    #[must_use]
    pub fn distance(self, other: Self) -> f32 {
        let d = (self.0 - other.0).rem_euclid(360.0);
        d.min(360.0 - d)
    }
}

/// Frames since a stream began: the clock of sound. A hole (overflow, packet loss) is a jump in it, not silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SampleTime(pub u64);

impl SampleTime {
    /// Time since the stream began at `rate`.
    #[must_use]
    pub fn as_duration(self, rate: SampleRate) -> Duration {
        Duration::from_micros(self.0 * 1_000_000 / u64::from(rate.hz()))
    }
}

impl Add<Frames> for SampleTime {
    type Output = Self;
    fn add(self, n: Frames) -> Self {
        Self(self.0 + n.0)
    }
}
