//! The level of the voice for people who listen from afar: everybody about as loud, near or far from the microphones.
//!
//! The gain moves only while somebody speaks, so that it neither pumps in pauses nor lifts the room; a limiter without
//! look-ahead behind it keeps shouts from clipping. No delay.

use prim_audio::SPEECH_BLOCK;

use crate::noise::Presence;
use crate::{dbfs, peak, rms};

/// Active speech leaves at this level, dB below full scale: usual for calls (−26 to −20).
const TARGET_DBFS: f32 = -23.0;
/// Most and least gain.
const MOST_DB: f32 = 24.0;
const LEAST_DB: f32 = -12.0;
/// Gain before anybody was heard.
const START_DB: f32 = 6.0;
/// Change per block of speech: 6 dB a second.
const STEP_DB: f32 = 0.06;
/// No change while the level is this near to the target.
const DEAD_DB: f32 = 0.5;
/// The noise that is left between words may leave at this level at most. It falls within 50 ms and rises within five
/// seconds: a room's tail is no noise.
const NOISE_DBFS: f32 = -55.0;
const ROOM_FALLS: f32 = 0.2;
const ROOM_RISES: f32 = 0.002;
/// A block is speech when it stands this far over the noise (power ratio, 7 dB) ...
const SPEECH_OVER: f32 = 5.0;
/// ... in this share of the speech band ...
const SPEECH_SHARE: f32 = 0.12;
/// ... for this many blocks: a cup on the table is none.
const SPEECH_BLOCKS: u32 = 4;
/// The level of speech is a mean over this many blocks of it, fewer at first: two seconds.
const MEMORY: f32 = 200.0;
/// Blocks of speech before the gain moves: 200 ms.
const KNOWN: f32 = 20.0;
/// The end of a word this far below the mean is not speech at its level.
const TAIL_DB: f32 = 16.0;
/// A talker who is that much quieter than the last counts after half a second all the same.
const ANOTHER: u32 = 50;
/// Limiter: nothing exceeds the ceiling; above the knee samples are bent rather than cut.
const CEILING: f32 = 0.94;
const KNEE: f32 = 0.7;
/// The limiter lets go within about 80 ms.
const RELEASE: f32 = 0.12;

#[derive(Debug, Clone)]
pub(crate) struct Gain {
    /// Mean square of speech, and how many blocks it stands for.
    level: f32,
    heard: f32,
    gain_db: f32,
    /// Mean square of the noise that is left between words.
    room: f32,
    /// Blocks of speech in a row, and blocks of speech too quiet to count.
    run: u32,
    quiet: u32,
    limit: f32,
    /// Factor at the end of the last block.
    factor: f32,
}

impl Gain {
    pub(crate) fn new() -> Self {
        Self {
            level: 0.0,
            heard: 0.0,
            gain_db: START_DB,
            room: 0.0,
            run: 0,
            quiet: 0,
            limit: 1.0,
            factor: factor(START_DB),
        }
    }

    /// One block in place. `presence` is what the noise stage found in it; the level is learnt only where `learn`.
    pub(crate) fn process(&mut self, block: &mut [f32; SPEECH_BLOCK], presence: &Presence, learn: bool) {
        if learn && self.speech(block, presence) {
            let noise_dbfs = dbfs(self.room.sqrt());
            let most = MOST_DB.min(NOISE_DBFS - noise_dbfs).max(0.0);
            let off = TARGET_DBFS - dbfs(self.level.sqrt()) - self.gain_db;
            if off.abs() > DEAD_DB && self.heard >= KNOWN {
                self.gain_db += off.clamp(-STEP_DB, STEP_DB);
            }
            self.gain_db = self.gain_db.clamp(LEAST_DB, most.max(self.gain_db - STEP_DB));
        }
        let wanted = factor(self.gain_db);
        let loudest = peak(block) * wanted.max(self.factor / self.limit.max(1e-3));
        let needed = if loudest > CEILING { CEILING / loudest } else { 1.0 };
        self.limit = if needed < self.limit { needed } else { self.limit + RELEASE * (needed - self.limit) };
        let (from, to) = (self.factor, wanted * self.limit);
        self.factor = to;
        for (n, s) in block.iter_mut().enumerate() {
            let share = ((n + 1) as f32 / RAMP).min(1.0);
            *s = bend(*s * (from + (to - from) * share));
        }
    }

    /// Whether a block is speech whose level counts; it is counted then.
    fn speech(&mut self, block: &[f32; SPEECH_BLOCK], presence: &Presence) -> bool {
        let speech = presence.over_noise > SPEECH_OVER && presence.share > SPEECH_SHARE;
        self.run = if speech { self.run + 1 } else { 0 };
        if !speech {
            let share = if presence.noise_left < self.room { ROOM_FALLS } else { ROOM_RISES };
            self.room += share * (presence.noise_left - self.room);
        }
        if self.run < SPEECH_BLOCKS {
            return false;
        }
        let power = rms(block).powi(2);
        if self.heard > 0.0 && dbfs(power.sqrt()) < dbfs(self.level.sqrt()) - TAIL_DB {
            self.quiet += 1;
            if self.quiet < ANOTHER {
                return false;
            }
            self.heard = 0.0;
        }
        self.quiet = 0;
        self.heard = (self.heard + 1.0).min(MEMORY);
        self.level += (power - self.level) / self.heard;
        true
    }
}

/// Samples over which the factor moves: 2 ms.
const RAMP: f32 = 32.0;

fn factor(db: f32) -> f32 {
    10.0_f32.powf(db / 20.0)
}

/// Above the knee a sample nears the ceiling and never reaches it.
fn bend(x: f32) -> f32 {
    let (a, room) = (x.abs(), CEILING - KNEE);
    if a <= KNEE { x } else { (KNEE + room * ((a - KNEE) / room).tanh()).copysign(x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEECH: Presence = Presence { over_noise: 100.0, share: 0.6, noise_left: 1e-9 };
    const NONE: Presence = Presence { over_noise: 1.0, share: 0.02, noise_left: 1e-9 };

    fn tone(amplitude: f32, block: usize) -> [f32; SPEECH_BLOCK] {
        std::array::from_fn(|n| amplitude * ((block * SPEECH_BLOCK + n) as f32 * 0.3).sin())
    }

    /// The output's level after `blocks` of a tone.
    fn run(gain: &mut Gain, amplitude: f32, blocks: usize, presence: &Presence) -> f32 {
        let mut last = 0.0;
        for b in 0..blocks {
            let mut x = tone(amplitude, b);
            gain.process(&mut x, presence, true);
            assert!(x.iter().all(|s| s.abs() <= CEILING));
            last = dbfs(rms(&x));
        }
        last
    }

    #[test]
    fn near_and_far_voices_leave_equally_loud() {
        for amplitude in [0.01, 0.05, 0.25] {
            let level = run(&mut Gain::new(), amplitude, 600, &SPEECH);
            assert!((level - TARGET_DBFS).abs() < 1.0, "{amplitude}: {level}");
        }
    }

    #[test]
    fn in_silence_the_gain_stands_still() {
        let mut gain = Gain::new();
        run(&mut gain, 0.02, 600, &SPEECH);
        let before = gain.gain_db;
        run(&mut gain, 0.001, 3_000, &NONE);
        assert!((gain.gain_db - before).abs() < 1e-6);
    }

    #[test]
    fn a_noisy_room_is_not_lifted_beyond_the_bound() {
        let mut gain = Gain::new();
        run(&mut gain, 0.003, 3_000, &Presence { noise_left: 1e-6, ..NONE });
        run(&mut gain, 0.003, 1_000, &SPEECH);
        assert!(gain.gain_db <= NOISE_DBFS + 60.0 + 0.2, "{}", gain.gain_db);
    }

    #[test]
    fn a_shout_after_a_whisper_never_clips() {
        let mut gain = Gain::new();
        run(&mut gain, 0.004, 1_000, &SPEECH);
        run(&mut gain, 0.9, 100, &SPEECH);
    }
}
