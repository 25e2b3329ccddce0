//! The room's own ears: every ding that left the loudspeaker, and every piece of one.

use prim_audio::{BLOCK_MS, DEVICE_BLOCK};
use prim_hil_sim::hear::{audible, rings};

/// A ding lasts 200 ms without a pause: after so many blocks without its tones the next tones are another one.
const PAUSE_BLOCKS: u64 = 5;
/// One block of 10 ms may look tonal by chance in a voice; two in a row do not.
const LEAST_BLOCKS: u32 = 2;

/// A ding, or as much of it as sounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ring {
    /// `CLOCK_BOOTTIME` in milliseconds when it began.
    pub at_ms: u64,
    /// Blocks of 10 ms with its tones.
    pub blocks: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Ears {
    now: Option<(Ring, u64)>,
    rings: Vec<Ring>,
    /// Blocks in which something other than a ding was heard.
    voiced: u64,
}

impl Ears {
    /// Hears the 10 ms that began at `at_ms`.
    pub(crate) fn hear(&mut self, at_ms: u64, block: &[i16; DEVICE_BLOCK]) {
        self.now = match (rings(block), self.now.take()) {
            (true, None) => Some((Ring { at_ms, blocks: 1 }, at_ms)),
            (true, Some((ring, _))) => Some((Ring { blocks: ring.blocks + 1, ..ring }, at_ms)),
            (false, Some((ring, last))) if at_ms < last + PAUSE_BLOCKS * BLOCK_MS => Some((ring, last)),
            (false, Some((ring, _))) => {
                self.keep(ring);
                None
            }
            (false, None) => None,
        };
        self.voiced += u64::from(self.now.is_none() && audible(block));
    }

    fn keep(&mut self, ring: Ring) {
        if ring.blocks >= LEAST_BLOCKS {
            self.rings.push(ring);
        }
    }

    /// When the last ding began, also while it sounds.
    pub(crate) fn last_ring(&self) -> Option<u64> {
        let now = self.now.map(|(ring, _)| ring).filter(|ring| ring.blocks >= LEAST_BLOCKS);
        now.or_else(|| self.rings.last().copied()).map(|ring| ring.at_ms)
    }

    /// How many there were.
    pub(crate) fn rings(&self) -> u64 {
        let now = self.now.is_some_and(|(ring, _)| ring.blocks >= LEAST_BLOCKS);
        self.rings.len() as u64 + u64::from(now)
    }

    /// Everything heard.
    pub(crate) fn finish(mut self) -> (Vec<Ring>, u64) {
        if let Some((ring, _)) = self.now.take() {
            self.keep(ring);
        }
        (self.rings, self.voiced)
    }
}

#[cfg(test)]
mod tests {
    use prim_hil_sim::measure::ding_template;

    use super::*;

    fn heard(sound: &[f32]) -> Vec<Ring> {
        let mut ears = Ears::default();
        for (n, chunk) in (0..).zip(sound.chunks(DEVICE_BLOCK)) {
            let mut block = [0; DEVICE_BLOCK];
            block.iter_mut().zip(chunk).for_each(|(b, s)| *b = (s * 32_768.0) as i16);
            ears.hear(n * BLOCK_MS, &block);
        }
        ears.finish().0
    }

    #[test]
    fn each_ding_is_heard_once_and_a_piece_of_one_too() {
        let mut sound = vec![0.0; 4800];
        sound.extend(ding_template());
        sound.extend(vec![0.0; 4800]);
        sound.extend(&ding_template()[..1920]);
        sound.extend(vec![0.0; 480]);
        let rings = heard(&sound);
        assert_eq!(rings.len(), 2, "{rings:?}");
        assert_eq!(rings[0].at_ms, 100);
        assert!(rings[0].blocks >= 10, "{rings:?}");
        assert!((2..=4).contains(&rings[1].blocks), "{rings:?}");
    }
}
