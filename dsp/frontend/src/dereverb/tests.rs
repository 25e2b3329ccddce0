use realfft::num_complex::Complex32;

use super::*;
use crate::stft::ZERO;

/// −1..1 each.
fn noise(seed: &mut u32) -> Complex32 {
    let mut part = || {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*seed >> 8) as f32 / 8_388_608.0 - 1.0
    };
    Complex32::new(part(), part())
}

const ALL: [bool; BINS] = [true; BINS];

/// So many frames of what a voice and its room might be: noise, and the same a few frames later.
fn run(dereverb: &mut Dereverb, seed: &mut u32, frames: usize, learns: &[bool; BINS]) -> Vec<Spectrum> {
    let mut past = vec![vec![[ZERO; BINS]; dereverb.channels]; 4];
    let mut out = Vec::new();
    for _ in 0..frames {
        let voice: Spectrum = std::array::from_fn(|_| noise(seed));
        let mut mics = vec![voice; dereverb.channels];
        for (c, mic) in mics.iter_mut().enumerate() {
            for f in 0..BINS {
                mic[f] += past[3][c][f] * 0.7 + noise(seed) * 0.01;
            }
        }
        past.rotate_right(1);
        past[0].clone_from(&mics);
        dereverb.process(&mut mics, learns);
        out = mics;
    }
    out
}

fn new(channels: usize) -> Dereverb {
    Dereverb::new(DereverbConfig { taps: 4, ..DereverbConfig::default() }, channels)
}

/// What a bin has learned: its filters and its inverse.
fn learned(group: &Group, l: usize) -> [Vec<[f32; 2]>; 2] {
    let lane = |cells: &[Cell]| cells.iter().map(|c| [c.re[l], c.im[l]]).collect();
    [lane(&group.filters.concat()), lane(&group.inverse)]
}

#[test]
fn a_bin_that_shall_not_learn_keeps_its_filter_and_the_others_go_on() {
    let (mut d, mut seed) = (new(4), 1);
    run(&mut d, &mut seed, 50, &ALL);
    let before = d.seats[d.seat].clone();
    let learns: [bool; BINS] = std::array::from_fn(|f| f % 3 == 0);
    run(&mut d, &mut seed, 20, &learns);
    for f in d.bins.clone() {
        let was = learned(&before[f / LANES], f % LANES);
        let is = learned(&d.seats[d.seat][f / LANES], f % LANES);
        if learns[f] {
            assert!(was[0] != is[0] && was[1] != is[1], "bin {f} goes on");
        } else {
            assert!(was == is, "bin {f} stands still");
        }
    }
}

#[test]
fn bins_outside_the_voice_are_left_as_they_are() {
    let (mut d, mut seed) = (new(4), 1);
    run(&mut d, &mut seed, 50, &ALL);
    let before: Vec<Spectrum> = (0..4).map(|_| std::array::from_fn(|_| noise(&mut seed))).collect();
    let mut after = before.clone();
    d.process(&mut after, &ALL);
    for (before, after) in before.iter().zip(&after) {
        for f in 0..BINS {
            assert_eq!(before[f] != after[f], d.bins.contains(&f), "bin {f}");
        }
    }
}

#[test]
fn a_bin_that_does_not_learn_still_takes_the_room_away_as_it_had_learned_to() {
    let (mut d, mut seed) = (new(4), 1);
    run(&mut d, &mut seed, 300, &ALL);
    let none = [false; BINS];
    let power = |x: &[Spectrum]| x[0][d_range()].iter().map(|x| x.norm_sqr()).sum::<f32>();
    let mean = |d: &mut Dereverb, seed: &mut u32| {
        (0..20).map(|_| power(&run(d, seed, 8, &none))).sum::<f32>() / 20.0
    };
    let (learned, fresh) = (mean(&mut d, &mut seed), mean(&mut new(4), &mut seed));
    // 0.7 of the frame four before, and of its own: 1 + 0.49 where the voice alone is 1.
    let gain = 10.0 * (fresh / learned).log10();
    assert!(gain > 1.0, "{gain:.2} dB");
}

fn d_range() -> std::ops::Range<usize> {
    let d = new(1);
    d.bins
}

#[test]
fn the_microphones_heard_are_spread_over_the_board_and_a_dead_one_is_replaced_by_its_neighbour() {
    let heard = |channels: usize, dead: &[usize]| {
        let usable = std::array::from_fn(|c| c < channels && !dead.contains(&c));
        Ears::among(channels, &usable).mics().to_vec()
    };
    assert_eq!(heard(8, &[]), [0, 2, 4, 6]);
    assert_eq!(heard(8, &[4]), [0, 2, 5, 6]);
    assert_eq!(heard(8, &[3]), [0, 2, 4, 6], "who is not heard changes nothing");
    assert_eq!(heard(8, &[0, 1, 6, 7]), [3, 2, 4, 5]);
    assert_eq!(heard(8, &[0, 1, 2, 3, 4, 5, 6]), [7]);
    assert_eq!(heard(4, &[]), [0, 1, 2, 3]);
    assert_eq!(heard(4, &[1]), [0, 2, 3]);
    assert_eq!(heard(1, &[]), [0]);
}

#[test]
fn other_microphones_make_every_seat_s_filters_void_and_the_same_ones_keep_them() {
    let (mut d, mut seed) = (new(8), 1);
    run(&mut d, &mut seed, 20, &ALL);
    d.take(Taken { seat: 2, anew: true });
    run(&mut d, &mut seed, 20, &ALL);
    let mut usable = [true; MAX_CHANNELS];
    usable[3] = false;
    d.believe(&usable);
    let all_learned = |seat: &Vec<Group>| {
        d.bins.clone().all(|f| seat[f / LANES].filters[0].iter().all(|g| g.re[f % LANES] != 0.0))
    };
    assert!([0, 2].iter().all(|s| all_learned(&d.seats[*s])), "3 is not heard");
    usable[4] = false;
    d.believe(&usable);
    for group in d.seats.iter().flatten() {
        assert!(group.filters.iter().flatten().all(|g| *g == NIL));
    }
}

#[test]
fn a_microphone_that_cannot_be_believed_is_neither_heard_nor_changed() {
    let learn = |spoil: f32| {
        let (mut d, mut seed) = (new(4), 1);
        let mut usable = [true; MAX_CHANNELS];
        usable[2] = false;
        d.believe(&usable);
        let (mut others, mut own) = (7, 9);
        for _ in 0..50 {
            let mut mics: Vec<Spectrum> =
                (0..4).map(|_| std::array::from_fn(|_| noise(&mut others))).collect();
            mics[2].iter_mut().for_each(|x| *x = noise(&mut own) * spoil);
            let before = mics[2];
            d.process(&mut mics, &ALL);
            assert_eq!(before, mics[2]);
        }
        run(&mut d, &mut seed, 1, &ALL).swap_remove(0)
    };
    assert_eq!(learn(0.0), learn(1_000.0));
}

#[test]
fn behind_a_hole_in_time_nothing_is_predicted_from_before_it() {
    let (mut d, mut seed) = (new(4), 1);
    run(&mut d, &mut seed, 100, &ALL);
    d.forget_past();
    let before: Vec<Spectrum> = (0..4).map(|_| std::array::from_fn(|_| noise(&mut seed))).collect();
    let mut after = before.clone();
    d.process(&mut after, &[false; BINS]);
    let power = |x: &[Spectrum]| x.iter().flatten().map(|x| x.norm_sqr()).sum::<f32>();
    let changed: Vec<Spectrum> = before
        .iter()
        .zip(&after)
        .map(|(before, after)| std::array::from_fn(|f| after[f] - before[f]))
        .collect();
    // The murmur alone is left to predict from.
    assert!(power(&changed) < 1e-3 * power(&before), "{} of {}", power(&changed), power(&before));
}
