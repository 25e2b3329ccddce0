//! Seats: places in the room that stages keep something about, so that who speaks again finds what was learned of her.

/// Places that are remembered: a huddle room's table.
pub(crate) const SEATS: usize = 4;
/// A voice within this of a seat comes from it: half of what parts two neighbours at a table.
const SEAT_DEG: f32 = 15.0;

#[derive(Debug, Clone, Copy, Default)]
struct Seat {
    degrees: Option<f32>,
    last_used: u32,
}

/// Who sits where, by bearing.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    seats: [Seat; SEATS],
    present: usize,
    turn: u32,
}

/// The seat that a voice comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) seat: usize,
    /// Somebody new: what was kept of this seat is another's.
    pub(crate) anew: bool,
}

impl Seats {
    /// Whoever speaks now sits at `degrees`: her seat is taken up, or one is made for her.
    pub(crate) fn take(&mut self, degrees: f32) -> Taken {
        let from = |d: f32| (degrees - d + 180.0).rem_euclid(360.0) - 180.0;
        let nearest = (0..SEATS)
            .filter_map(|i| self.seats[i].degrees.map(|d| (from(d).abs(), i)))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(off, _)| *off <= SEAT_DEG);
        if let Some((_, seat)) = nearest {
            // First bearings are the least sure ones.
            let degrees = &mut self.seats[seat].degrees;
            *degrees = degrees.map(|d| (d + 0.1 * from(d)).rem_euclid(360.0));
            return self.sit(seat, false);
        }
        // Nobody has had a seat yet: what was learned so far is hers.
        if self.seats.iter().all(|s| s.degrees.is_none()) {
            self.seats[self.present].degrees = Some(degrees);
            return self.sit(self.present, false);
        }
        let oldest = (0..SEATS)
            .filter(|i| *i != self.present)
            .min_by_key(|i| (self.seats[*i].degrees.is_some(), self.seats[*i].last_used))
            .unwrap_or(0);
        self.seats[oldest].degrees = Some(degrees);
        self.sit(oldest, true)
    }

    fn sit(&mut self, seat: usize, anew: bool) -> Taken {
        if seat != self.present {
            self.turn += 1;
            self.seats[self.present].last_used = self.turn;
            self.present = seat;
        }
        Taken { seat, anew }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_voice_keeps_what_was_learned_before_her_bearing_was_known() {
        assert_eq!(Seats::default().take(40.0), Taken { seat: 0, anew: false });
    }

    #[test]
    fn who_speaks_again_finds_her_seat_also_across_north() {
        let mut s = Seats::default();
        let first = s.take(355.0).seat;
        assert!(s.take(100.0).anew);
        assert_eq!(s.take(4.0), Taken { seat: first, anew: false });
    }

    #[test]
    fn a_fifth_voice_gets_the_seat_that_was_silent_for_longest() {
        let mut s = Seats::default();
        let seats: Vec<usize> = [0.0, 60.0, 120.0, 180.0].iter().map(|d| s.take(*d).seat).collect();
        s.take(0.0);
        assert_eq!(s.take(240.0), Taken { seat: seats[1], anew: true });
    }
}
