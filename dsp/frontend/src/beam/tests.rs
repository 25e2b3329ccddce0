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
    let mut b = Beam::new(&RING, 0.05);
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
    let mut b = Beam::new(&RING, 0.05);
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

fn seat(seat: usize, anew: bool) -> Taken {
    Taken { seat, anew }
}

#[test]
fn a_voice_without_pauses_is_not_taken_for_noise_and_noise_from_nowhere_goes() {
    let (mut b, mut seed) = (Beam::new(&RING, 10.0), 1);
    b.hear(seat(0, true), 30.0);
    let noise_before: f32 = b.weights.iter().map(|w| w[64].norm_sqr()).sum();
    for _ in 0..300 {
        b.learn(&frame(&mut seed, &[(30.0, 10.0)]));
    }
    for bin in [32, 64, 128] {
        assert!(response(&b, 30.0, bin) > 0.7, "{bin}: {}", response(&b, 30.0, bin));
    }
    let noise: f32 = b.weights.iter().map(|w| w[64].norm_sqr()).sum();
    assert!(noise < 1.05 * noise_before, "{noise} {noise_before}");
}

#[test]
fn a_rival_is_lowered_while_the_first_voice_goes_on() {
    let (mut b, mut seed) = (Beam::new(&RING, 10.0), 2);
    b.hear(seat(0, true), 30.0);
    for _ in 0..100 {
        b.learn(&frame(&mut seed, &[(30.0, 100.0)]));
    }
    b.hear(seat(1, true), 150.0);
    // Each bin is one voice's at a time, as bins of speech are.
    for n in 0..300 {
        let who = if n / 6 % 2 == 0 { 30.0 } else { 150.0 };
        b.learn(&frame(&mut seed, &[(who, 100.0)]));
    }
    assert_eq!(b.present, Some(0));
    for bin in [32, 64, 128] {
        let (hers, his) = (response(&b, 30.0, bin), response(&b, 150.0, bin));
        assert!(hers > 0.45 && his < 0.5 * hers, "{bin}: {hers} {his}");
    }
}

#[test]
fn who_goes_on_alone_is_followed_after_a_second_and_who_begins_after_a_pause_at_once() {
    let (mut b, mut seed) = (Beam::new(&RING, 10.0), 3);
    b.hear(seat(0, true), 30.0);
    for _ in 0..100 {
        b.learn(&frame(&mut seed, &[(30.0, 100.0)]));
    }
    let mut waited = 0;
    while b.present == Some(0) {
        b.hear(seat(1, waited == 0), 150.0);
        b.learn(&frame(&mut seed, &[(150.0, 100.0)]));
        waited += 1;
        assert!(waited < 150, "blocks waited for");
    }
    b.pause();
    b.hear(seat(2, true), 270.0);
    assert_eq!(b.present, Some(2));
}

#[test]
fn microphone_noise_is_not_amplified_beyond_the_bound() {
    let mut b = Beam::new(&RING, 0.05);
    b.aim(10.0);
    let power = |f: usize| b.weights.iter().map(|w| w[f].norm_sqr()).sum::<f32>();
    let worst = (0..BINS).map(power).fold(0.0, f32::max);
    assert!(10.0 * worst.log10() < 6.0, "{}", 10.0 * worst.log10());
}
