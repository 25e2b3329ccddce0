//! Who of the people in the room is near, who is in the background, and when they are a crowd.

use crate::seats::{SEATS, Taken};

/// A seat that is so much quieter than the loudest (6 dB) is in the background: neither followed nor a rival.
const BACKGROUND: f32 = 0.25;
/// Share of a block in how loud the voices are: half a second. What is shorter than a syllable takes an equal's weak ones
/// for the background.
const LOUDNESS: f32 = 0.02;
/// A seat's level fades from one estimate to the next, ten a second: 20 dB in half a minute of talk.
const LEVEL_FADES: f32 = 0.985;
/// What is left of a seat's last estimates with each new one, and the seats heard that make a crowd.
const RECENT: f32 = 0.95;
const CROWD: usize = 3;

/// How loud and how often each seat is heard.
#[derive(Debug, Default)]
pub(crate) struct Company {
    /// Power of the voices over half a second, and the most it was when a seat was heard.
    loud: f32,
    levels: [f32; SEATS],
    /// How often each seat was heard in the last two seconds.
    recent: [f32; SEATS],
}

impl Company {
    /// The power of what stands above the noise in one block, whether anybody talks or not.
    pub(crate) fn listen(&mut self, voices: f32) {
        self.loud += LOUDNESS * (voices - self.loud);
    }

    /// Somebody else has this seat now.
    pub(crate) fn forget(&mut self, seat: usize) {
        self.levels[seat] = 0.0;
        self.recent[seat] = 0.0;
    }

    /// A voice was heard from this seat.
    pub(crate) fn hear(&mut self, taken: Taken) {
        if taken.anew {
            self.forget(taken.seat);
        }
        self.levels.iter_mut().for_each(|l| *l *= LEVEL_FADES);
        self.recent.iter_mut().for_each(|r| *r *= RECENT);
        self.recent[taken.seat] += 1.0;
        let level = &mut self.levels[taken.seat];
        *level = level.max(self.loud);
    }

    /// Not who was never heard.
    pub(crate) fn background(&self, seat: usize) -> bool {
        let loudest = self.levels.iter().copied().fold(0.0, f32::max);
        self.levels[seat] > 0.0 && self.levels[seat] < BACKGROUND * loudest
    }

    /// So many places at once are nobody's rivals: they are what a voice stands out of.
    pub(crate) fn crowd(&self) -> bool {
        self.recent.iter().filter(|r| **r > 1.0).count() >= CROWD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second of these seats in turn, an estimate each tenth of it, each as loud as it says.
    fn talk(company: &mut Company, seats: &[(usize, f32)]) {
        for (seat, power) in seats.iter().cycle().take(10) {
            (0..10).for_each(|_| company.listen(*power));
            company.hear(Taken { seat: *seat, anew: false });
        }
    }

    fn pause(company: &mut Company) {
        (0..100).for_each(|_| company.listen(0.0));
    }

    #[test]
    fn whoever_is_ten_decibels_down_is_in_the_background_until_the_loud_one_has_long_been_quiet() {
        let mut company = Company::default();
        talk(&mut company, &[(0, 1.0)]);
        pause(&mut company);
        (0..4).for_each(|_| talk(&mut company, &[(1, 0.1)]));
        assert!(company.background(1) && !company.background(0));
        (0..20).for_each(|_| talk(&mut company, &[(1, 0.1)]));
        assert!(!company.background(1));
    }

    #[test]
    fn two_who_talk_at_once_are_no_crowd_three_are_and_one_who_goes_on_alone_ends_it() {
        let mut company = Company::default();
        (0..3).for_each(|_| talk(&mut company, &[(0, 1.0), (1, 1.0)]));
        assert!(!company.crowd());
        talk(&mut company, &[(0, 1.0), (1, 1.0), (2, 1.0)]);
        assert!(company.crowd());
        (0..3).for_each(|_| talk(&mut company, &[(0, 1.0)]));
        assert!(!company.crowd());
    }

    #[test]
    fn a_seat_that_somebody_new_takes_is_as_loud_as_she_is() {
        let mut company = Company::default();
        talk(&mut company, &[(0, 1.0)]);
        pause(&mut company);
        (0..4).for_each(|_| talk(&mut company, &[(1, 0.1)]));
        company.hear(Taken { seat: 0, anew: true });
        assert!(!company.background(1), "the loud one is gone");
    }
}
