//! Finding dings and speech on the loudspeaker's recording, to 5 ms.

/// 200 ms at 48 kHz (A7).
const DING_FRAMES: usize = 9_600;
/// A match this good is a ding; a voice reaches 0.3, a ding through a limiter 0.95.
const MATCH: f32 = 0.7;
/// A candidate is looked at every 5 ms, a match refined to the frame.
const GRAIN: usize = 240;
/// Below −60 dBFS nothing counts as sound from the loudspeaker.
const SILENT: f32 = 0.001;
/// Sounds closer than 300 ms belong to one stretch: pauses between clauses are shorter, people's reactions longer.
const JOIN: usize = 14_400;

/// The ding as A7 describes it, written here a second time on purpose: 660 Hz and half as much 990 Hz, gain 0.2, 5 ms
/// attack, 40 ms release.
#[must_use]
pub fn ding_template() -> Vec<f32> {
    (0..DING_FRAMES)
        .map(|n| {
            let t = n as f32 / 48_000.0;
            let envelope = (t / 0.005).min((0.2 - t) / 0.040).clamp(0.0, 1.0);
            let wave = |hz: f32| (std::f32::consts::TAU * hz * t).sin();
            0.2 * envelope * (wave(660.0) + 0.5 * wave(990.0))
        })
        .collect()
}

/// For each tone: its cosine and sine under the ding's envelope, and the envelope's energy.
fn matched_pairs() -> [(Vec<(f32, f32)>, f32); 2] {
    [660.0_f32, 990.0].map(|hz| {
        let envelope = |n: usize| {
            let t = n as f32 / 48_000.0;
            (t / 0.005).min((0.2 - t) / 0.040).clamp(0.0, 1.0)
        };
        let pair = |n: usize| {
            let w = std::f32::consts::TAU * hz * n as f32 / 48_000.0;
            (envelope(n) * w.cos(), envelope(n) * w.sin())
        };
        let energy = (0..DING_FRAMES).map(|n| envelope(n).powi(2)).sum();
        ((0..DING_FRAMES).map(pair).collect(), energy)
    })
}

/// The first frames of all dings in `sound` (48 kHz), by a matched filter whose output is normalised by the sound's own
/// power, so that loudness does not matter.
#[must_use]
pub fn dings(sound: &[f32]) -> Vec<usize> {
    let template = ding_template();
    // The power in 5 ms grains says where it makes sense to look: the filter costs 10 000 products a place.
    let loud: Vec<bool> = sound
        .chunks(GRAIN)
        .map(|g| g.iter().map(|s| s * s).sum::<f32>() / g.len() as f32 > SILENT * SILENT)
        .collect();
    // The tones' phases may be turned by a filter on the way, so each tone is matched by its envelope and both phases.
    let matched = matched_pairs();
    let score = |from: usize| -> f32 {
        let Some(part) = sound.get(from..from + DING_FRAMES) else { return 0.0 };
        let power: f32 = part.iter().map(|s| s * s).sum();
        let in_tones: f32 = matched
            .iter()
            .map(|(pairs, energy)| {
                let (c, s) =
                    part.iter().zip(pairs).fold((0.0, 0.0), |(c, s), (v, p)| (c + v * p.0, s + v * p.1));
                2.0 * (c * c + s * s) / energy
            })
            .sum();
        if power <= 0.0 { 0.0 } else { in_tones / power }
    };
    let mut found = Vec::new();
    let mut from = 0;
    while from + DING_FRAMES <= sound.len() {
        // A ding is loud throughout but for its release.
        let grains = from / GRAIN..(from + 6_000) / GRAIN;
        if !loud[grains].iter().all(|l| *l) || score(from) < MATCH {
            from += GRAIN;
            continue;
        }
        // The first good place may lie before the best: go on for as long as it gets better.
        let best = (from..(from + DING_FRAMES / 2).min(sound.len() - DING_FRAMES + 1))
            .step_by(GRAIN / 4)
            .map(|f| (f, score(f)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap_or((from, 0.0));
        let first = template.iter().position(|s| s.abs() > 0.0).unwrap_or(0);
        found.push(best.0 + first);
        from = best.0 + DING_FRAMES;
    }
    found
}

/// A stretch of Prim's voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// Its first audible frame.
    pub from: usize,
    /// Behind its last audible frame.
    pub to: usize,
}

/// Every stretch of sound that is no ding.
#[must_use]
pub fn bursts(sound: &[f32], dings: &[usize]) -> Vec<Burst> {
    let mut found: Vec<Burst> = Vec::new();
    for (g, grain) in sound.chunks(GRAIN).enumerate() {
        let from = g * GRAIN;
        let peak = grain.iter().fold(0.0_f32, |m, s| m.max(s.abs()));
        // 10 ms around a ding belong to it.
        let dinging =
            dings.iter().any(|&d| from + GRAIN > d.saturating_sub(480) && from < d + DING_FRAMES + 480);
        if peak < SILENT || dinging {
            continue;
        }
        let first = from + grain.iter().position(|s| s.abs() >= SILENT).unwrap_or(0);
        let last = from + grain.iter().rposition(|s| s.abs() >= SILENT).unwrap_or(0) + 1;
        match found.last_mut() {
            Some(burst) if first < burst.to + JOIN => burst.to = last,
            Some(_) | None => found.push(Burst { from: first, to: last }),
        }
    }
    // A click of a few samples is no speech.
    found.retain(|b| b.to - b.from >= 2 * GRAIN);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(frames: usize) -> Vec<f32> {
        (0..frames)
            .map(|n| {
                let t = n as f32 / 48_000.0;
                let hz = 110.0 + 30.0 * (t * 3.0).sin();
                (1..24).map(|h| (std::f32::consts::TAU * hz * h as f32 * t).sin() / h as f32).sum::<f32>()
                    * 0.1
            })
            .collect()
    }

    #[test]
    fn dings_are_found_to_five_milliseconds_whatever_their_loudness_and_voices_are_none() {
        let mut sound = vec![0.0; 100_000];
        for (at, gain) in [(10_123, 1.0), (50_777, 0.3)] {
            sound[at..at + DING_FRAMES].iter_mut().zip(ding_template()).for_each(|(s, d)| *s += gain * d);
        }
        sound.extend(voice(96_000));
        let found = dings(&sound);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].abs_diff(10_123) <= 240 && found[1].abs_diff(50_777) <= 240, "{found:?}");
    }

    #[test]
    fn a_ding_that_was_cut_short_or_bent_by_a_filter_is_judged_as_heard() {
        // A one-pole low-pass turns phases and tilts levels, as a loudspeaker's equaliser does.
        let mut y = 0.0;
        let bent: Vec<f32> = ding_template()
            .into_iter()
            .map(|x| {
                y += 0.15 * (x - y);
                y
            })
            .collect();
        let mut sound = vec![0.0; 20_000];
        sound[5_000..5_000 + DING_FRAMES].copy_from_slice(&bent);
        assert_eq!(dings(&sound).len(), 1);
        let cut: Vec<f32> = ding_template().into_iter().take(2_400).chain(vec![0.0; 20_000]).collect();
        assert!(dings(&cut).is_empty(), "50 ms are no ding");
    }

    #[test]
    fn stretches_of_speech_are_found_to_ten_milliseconds_and_pauses_do_not_split_them() {
        let mut sound = vec![0.0; 30_000];
        sound.extend(voice(48_000));
        sound.extend(vec![0.0; 9_600]);
        sound.extend(voice(24_000));
        sound.extend(vec![0.0; 48_000]);
        let ding_at = sound.len();
        sound.extend(ding_template());
        sound.extend(vec![0.0; 20_000]);
        let second = sound.len();
        sound.extend(voice(10_000));
        sound.extend(vec![0.0; 20_000]);
        let d = dings(&sound);
        assert_eq!(d.len(), 1);
        assert!(d[0].abs_diff(ding_at) <= 240);
        let found = bursts(&sound, &d);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].from.abs_diff(30_000) <= 480 && found[0].to.abs_diff(111_600) <= 480, "{found:?}");
        assert!(found[1].from.abs_diff(second) <= 480, "{found:?}");
    }
}
