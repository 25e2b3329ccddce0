//! What people hear of Prim: its voice and its ding, told apart from the loudspeaker's samples alone.

use prim_audio::DEVICE_BLOCK;

/// Anything quieter than −55 dBFS on the loudspeaker is not noticed by a person at a metre.
const AUDIBLE: f32 = 0.001_8;
/// The ding's two tones (A7), in Hz.
const TONES: [f32; 2] = [660.0, 990.0];
/// A block belongs to a ding when so much of its power lies in the two tones.
const TONAL: f32 = 0.8;
/// 80 ms of tones are a ding (it lasts 200 ms); 30 ms of anything else a voice.
const DING_BLOCKS: u32 = 8;
const VOICE_BLOCKS: u32 = 3;
/// After 400 ms without a sound a person takes it that Prim has finished; pauses between clauses are shorter.
const OVER_BLOCKS: u32 = 40;

/// What one block of the loudspeaker meant to a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Noticed {
    /// Prim began to speak.
    pub voice_began: bool,
    /// Prim has finished speaking.
    pub voice_ended: bool,
    /// A ding was heard.
    pub ding: bool,
}

/// A listener.
#[derive(Debug, Clone, Default)]
pub struct Listener {
    tonal: u32,
    voiced: u32,
    silent: u32,
    speaking: bool,
    rung: bool,
}

/// A listener would notice this block at all.
#[must_use]
pub fn audible(block: &[i16; DEVICE_BLOCK]) -> bool {
    tones_and_rms(block).1 >= AUDIBLE
}

/// This block belongs to a ding, be it a piece of one.
#[must_use]
pub fn rings(block: &[i16; DEVICE_BLOCK]) -> bool {
    let (tonal, rms) = tones_and_rms(block);
    rms >= AUDIBLE && tonal >= TONAL
}

/// How much of the power of `block` lies in the ding's tones, and its RMS; both 0..=1.
fn tones_and_rms(block: &[i16; DEVICE_BLOCK]) -> (f32, f32) {
    let n = DEVICE_BLOCK as f32;
    let total: f32 = block.iter().map(|&s| (f32::from(s) / 32_768.0).powi(2)).sum();
    if total <= 0.0 {
        return (0.0, 0.0);
    }
    let in_tones: f32 = TONES
        .iter()
        .map(|hz| {
            let (mut c, mut s) = (0.0, 0.0);
            for (i, &v) in block.iter().enumerate() {
                let w = std::f32::consts::TAU * hz * i as f32 / 48_000.0;
                c += f32::from(v) / 32_768.0 * w.cos();
                s += f32::from(v) / 32_768.0 * w.sin();
            }
            2.0 * (c * c + s * s) / n
        })
        .sum();
    ((in_tones / total).min(1.0), (total / n).sqrt())
}

impl Listener {
    /// Hears 10 ms of the loudspeaker.
    pub fn hear(&mut self, block: &[i16; DEVICE_BLOCK]) -> Noticed {
        let (tonal, rms) = tones_and_rms(block);
        let mut noticed = Noticed::default();
        if rms < AUDIBLE {
            self.tonal = 0;
            self.voiced = self.voiced.saturating_sub(1);
            self.rung = false;
            self.silent = self.silent.saturating_add(1);
        } else if tonal >= TONAL {
            self.tonal += 1;
            if self.tonal >= DING_BLOCKS && !self.rung {
                self.rung = true;
                noticed.ding = true;
            }
        } else {
            self.tonal = 0;
            self.voiced = (self.voiced + 1).min(VOICE_BLOCKS);
            self.silent = 0;
        }
        if !self.speaking && self.voiced == VOICE_BLOCKS {
            self.speaking = true;
            noticed.voice_began = true;
        }
        if self.speaking && self.silent >= OVER_BLOCKS {
            self.speaking = false;
            self.voiced = 0;
            noticed.voice_ended = true;
        }
        noticed
    }

    /// Prim speaks now, as far as a person can tell.
    #[must_use]
    pub fn speaking(&self) -> bool {
        self.speaking
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::ding_template;

    fn hear(listener: &mut Listener, sound: &[f32]) -> Vec<(usize, Noticed)> {
        sound
            .chunks(DEVICE_BLOCK)
            .enumerate()
            .map(|(i, chunk)| {
                let mut block = [0; DEVICE_BLOCK];
                block.iter_mut().zip(chunk).for_each(|(b, s)| *b = (s * 32_768.0) as i16);
                (i, listener.hear(&block))
            })
            .filter(|(_, n)| *n != Noticed::default())
            .collect()
    }

    /// Something like a voice: a buzz with a moving formant.
    fn voice(frames: usize) -> Vec<f32> {
        (0..frames)
            .map(|n| {
                let t = n as f32 / 48_000.0;
                (1..20).map(|h| (std::f32::consts::TAU * 118.0 * h as f32 * t).sin() / h as f32).sum::<f32>()
                    * 0.1
            })
            .collect()
    }

    #[test]
    fn a_ding_is_a_ding_and_not_a_voice() {
        let mut sound = vec![0.0; 4800 + 133];
        sound.extend(ding_template());
        sound.extend(vec![0.0; 48_000]);
        let noticed = hear(&mut Listener::default(), &sound);
        assert_eq!(noticed.len(), 1, "{noticed:?}");
        assert!(noticed[0].1.ding);
    }

    #[test]
    fn a_voice_begins_at_once_and_ends_after_its_pause() {
        let mut sound = vec![0.0; 9600];
        sound.extend(voice(48_000));
        sound.extend(vec![0.0; 9600]);
        sound.extend(voice(24_000));
        sound.extend(vec![0.0; 48_000]);
        let noticed = hear(&mut Listener::default(), &sound);
        assert_eq!(noticed.len(), 2, "a pause of 200 ms does not end it: {noticed:?}");
        assert!(noticed[0].1.voice_began && noticed[0].0 <= 20 + 4);
        assert!(noticed[1].1.voice_ended && noticed[1].0 >= 20 + 100 + 20 + 50 + 39);
    }
}
