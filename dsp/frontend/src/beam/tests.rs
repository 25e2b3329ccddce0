use std::ops::{Deref, DerefMut};

use proptest::prelude::*;

use super::*;

const RING: [[f32; 3]; 4] = [[35.0, 0.0, 0.0], [0.0, 35.0, 0.0], [-35.0, 0.0, 0.0], [0.0, -35.0, 0.0]];

fn response(b: &Beam, from: f32, bin: usize) -> f32 {
    let x: Vec<Spectrum> = RING
        .iter()
        .map(|m| {
            let mut s = [ZERO; BINS];
            s[bin] = arrival(*m, from, bin);
            s
        })
        .collect();
    let mut out = [ZERO; BINS];
    b.apply(&x, &mut out);
    out[bin].norm()
}

#[test]
fn the_beam_passes_its_bearing_untouched_and_lowers_the_others() {
    let mut b = Beam::new(&RING, 0.05, false);
    b.aim(37.0);
    for bin in [10, 32, 64, 128, 200] {
        assert!((response(&b, 37.0, bin) - 1.0).abs() < 1e-3);
    }
    for bin in [32, 48, 64] {
        assert!(response(&b, 217.0, bin) < 0.7, "{bin}: {}", response(&b, 217.0, bin));
    }
}

#[test]
fn a_microphone_left_out_has_no_weight() {
    let mut b = Beam::new(&RING, 0.05, false);
    let mut usable = [true; MAX_CHANNELS];
    usable[1] = false;
    b.believe(&usable);
    b.aim(90.0);
    assert!(b.weights[1].iter().all(|w| w.norm() < 1e-6));
    assert!((response(&b, 90.0, 40) - 1.0).abs() < 1e-3);
}

/// One wave per bearing with this power, and noise from nowhere of power one, on the ring.
fn frame(seed: &mut u32, waves: &[(f32, f32)]) -> Vec<Spectrum> {
    let mut part = || {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*seed >> 8) as f32 / 8_388_608.0 - 1.0
    };
    let mut out = vec![[ZERO; BINS]; RING.len()];
    for bin in 0..BINS {
        for (degrees, power) in waves {
            let wave = Complex32::new(part(), part()) * power.sqrt();
            for (out, mic) in out.iter_mut().zip(RING) {
                out[bin] += wave * arrival(mic, *degrees, bin);
            }
        }
        for out in &mut out {
            out[bin] += Complex32::new(part(), part());
        }
    }
    out
}

/// A beam and the scene that it is told of.
struct Ears {
    beam: Beam,
    scene: Scene,
}

impl Deref for Ears {
    type Target = Beam;
    fn deref(&self) -> &Beam {
        &self.beam
    }
}

impl DerefMut for Ears {
    fn deref_mut(&mut self) -> &mut Beam {
        &mut self.beam
    }
}

/// One block through the beam while somebody talks.
fn hear(ears: &mut Ears, seed: &mut u32, waves: &[(f32, f32)]) {
    let frame = frame(seed, waves);
    ears.scene.push(&frame, &[true; RING.len()]);
    ears.beam.listen(&ears.scene);
    ears.beam.learn(&frame, &ears.scene.mean);
}

/// A beam that has heard the room before anybody talks.
fn beam(seed: &mut u32, noise_is_reduced: bool) -> Ears {
    let mut b = Ears { beam: Beam::new(&RING, 10.0, noise_is_reduced), scene: Scene::new() };
    for _ in 0..50 {
        hear(&mut b, seed, &[]);
    }
    b
}

fn seat(seat: usize, anew: bool) -> Taken {
    Taken { seat, anew }
}

#[test]
fn a_voice_without_pauses_is_not_taken_for_noise_and_noise_from_nowhere_goes() {
    let mut seed = 1;
    let mut b = beam(&mut seed, true);
    b.hear(seat(0, true), 30.0);
    let noise_before: f32 = b.weights.iter().map(|w| w[64].norm_sqr()).sum();
    // Syllables of 120 ms, 80 ms apart: the same power all the time would be a fan's.
    for n in 0..300 {
        hear(&mut b, &mut seed, &[(30.0, if n % 20 < 12 { 10.0 } else { 0.0 })]);
    }
    for bin in [32, 64, 128] {
        assert!(response(&b, 30.0, bin) > 0.7, "{bin}: {}", response(&b, 30.0, bin));
    }
    let noise: f32 = b.weights.iter().map(|w| w[64].norm_sqr()).sum();
    assert!(noise < 1.05 * noise_before, "{noise} {noise_before}");
}

/// A beam that has followed a voice from 30° for a second.
fn after_a_second_of_hers(seed: &mut u32) -> Ears {
    let mut b = beam(seed, false);
    b.hear(seat(0, true), 30.0);
    for _ in 0..100 {
        hear(&mut b, seed, &[(30.0, 100.0)]);
        b.hear(seat(0, false), 30.0);
    }
    b
}

/// The same, and then a rival from 150°, whom it knows by now: each bin is one voice's at a time, as bins of speech are.
fn with_a_rival(seed: &mut u32) -> Ears {
    let mut b = after_a_second_of_hers(seed);
    b.hear(seat(1, true), 150.0);
    for n in 0..300 {
        let who = if n / 6 % 2 == 0 { 30.0 } else { 150.0 };
        hear(&mut b, seed, &[(who, 100.0)]);
    }
    b
}

#[test]
fn a_rival_is_lowered_while_the_first_voice_goes_on() {
    let mut seed = 2;
    let b = with_a_rival(&mut seed);
    assert_eq!(b.present, Some(0));
    for bin in [32, 64, 128] {
        let (hers, his) = (response(&b, 30.0, bin), response(&b, 150.0, bin));
        assert!(hers > 0.45 && his < 0.5 * hers, "{bin}: {hers} {his}");
    }
}

#[test]
fn a_rival_stays_down_between_two_words_of_hers_and_is_heard_in_her_pauses() {
    let mut seed = 5;
    let mut b = with_a_rival(&mut seed);
    for n in 1..=40 {
        hear(&mut b, &mut seed, &[(150.0, 100.0)]);
        assert!(n > 20 || !b.open, "{n}");
        assert!(n < 36 || b.open, "{n}");
    }
}

#[test]
fn who_goes_on_alone_is_followed_after_a_second_and_who_begins_after_a_pause_at_once() {
    let mut seed = 3;
    let mut b = after_a_second_of_hers(&mut seed);
    let mut waited = 0;
    while b.present == Some(0) {
        b.hear(seat(1, waited == 0), 150.0);
        hear(&mut b, &mut seed, &[(150.0, 100.0)]);
        waited += 1;
        assert!(waited < 150, "blocks waited for");
    }
    b.pause();
    b.hear(seat(2, true), 270.0);
    assert_eq!(b.present, Some(2));
}

#[test]
fn microphone_noise_is_not_amplified_beyond_the_bound() {
    let mut b = Beam::new(&RING, 0.05, false);
    b.aim(10.0);
    let power = |f: usize| b.weights.iter().map(|w| w[f].norm_sqr()).sum::<f32>();
    let worst = (0..BINS).map(power).fold(0.0, f32::max);
    assert!(10.0 * worst.log10() < 6.0, "{}", 10.0 * worst.log10());
}

#[test]
fn who_stands_out_of_voices_in_the_background_is_followed_within_a_second_and_they_are_no_rivals() {
    let mut seed = 4;
    let mut b = beam(&mut seed, false);
    for _ in 0..100 {
        hear(&mut b, &mut seed, &[(150.0, 10.0)]);
        b.hear(seat(1, false), 150.0);
    }
    assert_eq!(b.present, Some(1));
    for _ in 0..100 {
        hear(&mut b, &mut seed, &[(30.0, 200.0), (150.0, 10.0)]);
        b.hear(seat(0, false), 30.0);
    }
    assert_eq!(b.present, Some(0));
    for _ in 0..200 {
        hear(&mut b, &mut seed, &[(150.0, 10.0)]);
    }
    b.hear(seat(1, false), 150.0);
    assert_eq!((b.present, b.rival), (Some(0), None));
}

#[test]
fn a_fan_with_a_place_is_no_rival_of_a_voice_and_a_voice_beside_it_is_followed_at_once() {
    let mut seed = 6;
    let mut b = after_a_second_of_hers(&mut seed);
    b.doubt(seat(1, true), 150.0);
    assert_eq!((b.present, b.rival, b.parting.has_rival()), (Some(0), None, false));
    let mut b = beam(&mut seed, false);
    b.doubt(seat(1, true), 150.0);
    assert_eq!(b.present, Some(1), "nobody else is there");
    b.hear(seat(0, true), 30.0);
    assert_eq!((b.present, b.rival, b.parting.has_rival()), (Some(0), None, false));
}

#[test]
fn a_rival_who_is_expected_goes_down_before_he_was_ever_heard_on_his_own() {
    let mut seed = 7;
    let mut b = after_a_second_of_hers(&mut seed);
    b.expect(seat(1, true), 150.0);
    for n in 0..100 {
        let who = if n / 6 % 2 == 0 { 30.0 } else { 150.0 };
        hear(&mut b, &mut seed, &[(who, 100.0)]);
    }
    assert_eq!((b.present, b.rival), (Some(0), None));
    for bin in [32, 64, 128] {
        let (hers, his) = (response(&b, 30.0, bin), response(&b, 150.0, bin));
        assert!(his < 0.5 * hers, "{bin}: {hers} {his}");
    }
}

#[test]
fn her_voice_loses_no_more_than_6_db_at_any_moment_from_a_rivals_first_word_on() {
    let mut seed = 8;
    for noise_is_reduced in [false, true] {
        let mut b = beam(&mut seed, noise_is_reduced);
        b.hear(seat(0, true), 30.0);
        for _ in 0..100 {
            hear(&mut b, &mut seed, &[(30.0, 100.0)]);
        }
        b.expect(seat(1, true), 150.0);
        for n in 0..100 {
            let who = if n / 6 % 2 == 0 { 30.0 } else { 150.0 };
            hear(&mut b, &mut seed, &[(who, 100.0)]);
            for bin in [32, 64, 128] {
                let hers = response(&b, 30.0, bin);
                assert!(hers > 0.45, "{n} {bin}: {hers}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn half_the_sound_into_the_fixed_beam_is_half_the_sound_out(degrees in 0.0_f32..360.0, seed in any::<u32>()) {
        let mut b = Beam::new(&RING, 1.0, true);
        b.aim(degrees);
        let mut seed = seed;
        let whole = frame(&mut seed, &[(degrees, 10.0)]);
        let half: Vec<Spectrum> = whole.iter().map(|s| s.map(|x| x * 0.5)).collect();
        let through = |x: &[Spectrum]| {
            let mut out = [ZERO; BINS];
            b.apply_fixed(x, &mut out);
            out
        };
        for (w, h) in through(&whole).iter().zip(&through(&half)) {
            prop_assert!((w * 0.5 - h).norm() <= 1e-5 * w.norm());
        }
    }
}
