use super::*;

const SPEECH: [f32; SPEECH_BLOCK] = [0.05; SPEECH_BLOCK];
const QUIET: [f32; SPEECH_BLOCK] = [0.0002; SPEECH_BLOCK];

struct Run {
    s: Segmenter,
    at: u64,
    events: Vec<(u64, SegmentEvent)>,
}

impl Run {
    fn new() -> Self {
        Self { s: Segmenter::new(SegmenterConfig::default()), at: 0, events: Vec::new() }
    }
    fn feed(&mut self, ms: u64, block: &[f32; SPEECH_BLOCK], p: f32) -> &mut Self {
        for _ in 0..ms / BLOCK_MS {
            if let Some(e) = self.s.push(SampleTime(self.at), block, p) {
                self.events.push((self.at / 16, e));
            }
            self.at += SPEECH_BLOCK as u64;
        }
        self
    }
}

#[test]
fn speech_starts_within_60_ms_and_carries_300_ms_of_preroll() {
    let mut r = Run::new();
    r.feed(1000, &QUIET, 0.05).feed(500, &SPEECH, 0.9);
    let [(noticed, SegmentEvent::SpeechStarted { from, onset })] = r.events[..] else {
        panic!("{:?}", r.events)
    };
    assert!(noticed - 1000 <= 60, "{noticed}");
    assert_eq!(onset, SampleTime(16_000));
    assert_eq!(from, SampleTime(16_000 - 300 * 16));
}

#[test]
fn the_preroll_is_the_sound_from_the_first_frame_named() {
    let mut s = Segmenter::new(SegmenterConfig::default());
    let mut started = None;
    for i in 0..200_u64 {
        let block = [if i < 100 { 1e-4 } else { 0.05 } + i as f32 * 1e-7; SPEECH_BLOCK];
        let event = s.push(SampleTime(i * 160), &block, if i < 100 { 0.0 } else { 0.9 });
        if let Some(SegmentEvent::SpeechStarted { from, .. }) = event {
            let pre: Vec<f32> = s.preroll().map(|b| b[0]).collect();
            assert_eq!(from.0 / 160 + pre.len() as u64, i + 1);
            let first = from.0 / 160;
            assert!((pre[0] - (1e-4 + first as f32 * 1e-7)).abs() < 1e-8);
            started = Some(i);
        }
    }
    assert!(started.is_some());
}

#[test]
fn a_pause_shorter_than_the_hangover_does_not_end_a_segment() {
    let mut r = Run::new();
    r.feed(500, &QUIET, 0.0).feed(500, &SPEECH, 0.9).feed(500, &QUIET, 0.0).feed(500, &SPEECH, 0.9);
    assert_eq!(r.events.len(), 1, "{:?}", r.events);
    r.feed(1000, &QUIET, 0.0);
    let (noticed, SegmentEvent::SpeechEnded { speech_end, to, .. }) = r.events[1] else { panic!() };
    assert_eq!(speech_end, SampleTime(2000 * 16));
    assert!((2540..=2550).contains(&noticed), "{noticed}");
    assert_eq!(to, SampleTime(2550 * 16));
}

#[test]
fn neither_a_click_nor_a_likely_but_inaudible_block_starts_one() {
    let mut r = Run::new();
    for _ in 0..50 {
        r.feed(20, &SPEECH, 0.9).feed(200, &QUIET, 0.1);
    }
    r.feed(2000, &[1e-5; SPEECH_BLOCK], 0.99);
    assert!(r.events.is_empty(), "{:?}", r.events);
}

#[test]
fn loud_noise_that_is_not_speech_starts_nothing_and_speech_over_it_does() {
    let mut r = Run::new();
    r.feed(5000, &[0.02; SPEECH_BLOCK], 0.1);
    assert!(r.events.is_empty());
    r.feed(200, &[0.06; SPEECH_BLOCK], 0.9);
    assert_eq!(r.events.len(), 1);
}

#[test]
fn a_talker_who_never_pauses_is_cut_at_a_small_dip_after_20_seconds() {
    let mut r = Run::new();
    r.feed(500, &QUIET, 0.0).feed(10_000, &SPEECH, 0.9).feed(150, &QUIET, 0.0).feed(11_000, &SPEECH, 0.9);
    assert_eq!(r.events.len(), 1);
    r.feed(150, &QUIET, 0.0).feed(300, &SPEECH, 0.9);
    assert_eq!(r.events.len(), 3, "ended and started again: {:?}", r.events);
    let (_, SegmentEvent::SpeechStarted { from, .. }) = r.events[2] else { panic!() };
    let (_, SegmentEvent::SpeechEnded { to, .. }) = r.events[1] else { panic!() };
    assert!(from >= to, "no frame belongs to two segments");
}

#[test]
fn closing_ends_once() {
    let mut r = Run::new();
    r.feed(500, &QUIET, 0.0).feed(500, &SPEECH, 0.9);
    assert!(r.s.close(SampleTime(r.at)).is_some());
    assert!(r.s.close(SampleTime(r.at)).is_none());
}

/// 160 frames of sound `sample(n)`, n at 16 kHz.
fn sound(at: u64, sample: &mut impl FnMut(u64) -> f32) -> [f32; SPEECH_BLOCK] {
    std::array::from_fn(|i| sample(at * SPEECH_BLOCK as u64 + i as u64))
}

/// After a second of silence `sample(n)`, which the detector takes for speech; the events with the ms since then.
fn said(ms: u64, config: SegmenterConfig, mut sample: impl FnMut(u64) -> f32) -> Vec<(u64, SegmentEvent)> {
    let mut r = Run { s: Segmenter::new(config), at: 0, events: Vec::new() };
    r.feed(1000, &QUIET, 0.05);
    for block in 0..ms / BLOCK_MS {
        r.feed(BLOCK_MS, &sound(block, &mut sample), 0.8);
    }
    r.events.iter().map(|(at, e)| (at - 1000, *e)).collect()
}

fn noise() -> impl FnMut() -> f32 {
    let mut x = 7_u64;
    move || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// A vowel of 110 Hz.
fn vowel(n: u64) -> f32 {
    (1..8).map(|k| 0.03 * (std::f32::consts::TAU * (110 * k * n % 16_000) as f32 / 16e3).sin()).sum()
}

#[test]
fn a_slam_that_rings_for_half_a_second_starts_nothing_though_the_detector_takes_it_for_speech() {
    let mut white = noise();
    let slam = |n: u64| 0.3 * white() * (-(n as f32) / 2_400.0).exp();
    assert!(said(500, SegmenterConfig::default(), slam).is_empty());
}

#[test]
fn where_no_slams_are_expected_one_starts_a_segment_at_once() {
    let mut white = noise();
    let config = SegmenterConfig { slam_rise_db: f32::INFINITY, ..SegmenterConfig::default() };
    let events = said(500, config, |n| 0.3 * white() * (-(n as f32) / 2_400.0).exp());
    assert_eq!(events[0].0, 30, "{events:?}");
}

#[test]
fn a_vowel_that_begins_as_suddenly_as_a_slam_is_not_kept_waiting() {
    let events = said(500, SegmenterConfig::default(), vowel);
    assert!(events[0].0 <= 40, "{events:?}");
}

#[test]
fn a_vowel_behind_a_plosive_starts_speech_with_the_plosive_in_its_preroll() {
    let mut white = noise();
    let word = |n: u64| match n {
        0..960 => 0.1 * white() * (-(n as f32) / 500.0).exp(),
        _ => vowel(n),
    };
    let events = said(500, SegmenterConfig::default(), word);
    let (at, SegmentEvent::SpeechStarted { from, onset }) = events[0] else { panic!("{events:?}") };
    assert!(at <= 110, "{at}");
    assert_eq!((onset, from), (SampleTime(16_000), SampleTime(16_000 - 300 * 16)));
}

#[test]
fn somebody_who_speaks_into_a_slam_is_heard() {
    let mut white = noise();
    let both = |n: u64| {
        let voice = if n < 3_200 { 0.0 } else { vowel(n) };
        voice + 0.3 * white() * (-(n as f32) / 1_600.0).exp()
    };
    let events = said(600, SegmenterConfig::default(), both);
    assert!((200..=300).contains(&events[0].0), "{events:?}");
}

#[test]
fn what_begins_suddenly_and_goes_on_without_a_voice_is_speech_when_it_grows_and_after_0_8_s_at_the_latest() {
    let mut white = noise();
    let growing = |n: u64| if n < 2_400 { 0.05 * white() } else { 0.1 * white() };
    let events = said(1_000, SegmenterConfig::default(), growing);
    assert!((150..=200).contains(&events[0].0), "{events:?}");
    let mut white = noise();
    let events = said(1_000, SegmenterConfig::default(), |_| 0.05 * white());
    let (at, SegmentEvent::SpeechStarted { from, .. }) = events[0] else { panic!("{events:?}") };
    assert!((800..=820).contains(&at), "{at}");
    assert_eq!(from, SampleTime((1000 + at + 10 - 640) * 16), "the longest preroll");
}

/// Ten harmonics at a phase of the first, in turns, as loud as a person.
fn harmonics(phase: f32) -> f32 {
    (1..=10).map(|k| 0.02 * (std::f32::consts::TAU * (phase * k as f32).fract()).sin()).sum()
}

/// Sound of a time, s, and the probability of speech that goes with it.
type Source<'a> = &'a dyn Fn(f32) -> f32;

impl Run {
    fn hear(&mut self, ms: u64, source: Source<'_>, p: f32) -> &mut Self {
        for _ in 0..ms / BLOCK_MS {
            let block = std::array::from_fn(|n| source((self.at + n as u64) as f32 / 16_000.0));
            self.feed(BLOCK_MS, &block, p);
        }
        self
    }

    /// When speech started, ms.
    fn started(&self) -> Option<u64> {
        self.events.iter().find(|(_, e)| matches!(e, SegmentEvent::SpeechStarted { .. })).map(|(at, _)| *at)
    }
}

/// A voice whose pitch rises and falls by a fifth, twice a second.
fn voice(t: f32) -> f32 {
    harmonics(140.0 * t - 14.0 * (12.6 * t).cos() / 12.6)
}

/// Three notes, others every half second.
fn chord(t: f32) -> f32 {
    let root = 220.0 * [1.0, 1.125, 1.335, 0.84][(t * 2.0) as usize % 4];
    [1.0, 1.26, 1.498].iter().map(|step| harmonics(root * step * t)).sum()
}

#[test]
fn notes_that_keep_their_pitch_start_nothing_and_a_voice_starts_at_once() {
    let mut music = Run::new();
    music.feed(500, &QUIET, 0.0).hear(300, &chord, 0.3).hear(20_000, &chord, 0.7);
    assert_eq!(music.started(), None);
    let mut person = Run::new();
    person.feed(500, &QUIET, 0.0).hear(1_000, &voice, 0.7);
    assert!(person.started().is_some_and(|at| at <= 560), "{:?}", person.events);
}

#[test]
fn a_stroke_far_louder_than_the_music_it_is_amid_is_music_while_it_can_have_stood_nowhere_yet() {
    let mut tones = Tones::new();
    let mut hear = |from_ms: u64, to_ms: u64, gain: f32| {
        for at in from_ms / BLOCK_MS..to_ms / BLOCK_MS {
            tones.push(&sound(at, &mut |n| gain * chord(n as f32 / 16_000.0)));
        }
        tones.share()
    };
    // A chord begins every half second.
    let before = hear(0, 3_000, 0.03);
    let stroke = hear(3_000, 3_080, 1.0);
    assert!(before > 0.08 && stroke > 0.9 * before, "{before} {stroke}");
}

#[test]
fn a_person_over_music_is_heard_when_the_detector_is_sure() {
    let mut r = Run::new();
    r.feed(500, &QUIET, 0.0).hear(5_000, &|t| 0.1 * chord(t), 0.3);
    r.hear(3_000, &|t| voice(t) + 0.1 * chord(t), 0.9);
    assert!(r.started().is_some_and(|at| at <= 5_700), "{:?}", r.events);
}

#[test]
fn a_hum_that_sounds_all_the_time_holds_nobody_back() {
    let hum = |t: f32| harmonics(50.0 * t);
    let mut r = Run::new();
    r.feed(500, &QUIET, 0.0).hear(6_000, &hum, 0.1);
    r.hear(2_000, &|t| 3.0 * voice(t) + hum(t), 0.7);
    assert!(r.started().is_some_and(|at| at <= 6_600), "{:?}", r.events);
}

#[test]
fn what_began_long_ago_as_music_is_not_the_beginning_of_who_speaks_now() {
    let mut r = Run::new();
    r.feed(500, &QUIET, 0.0).hear(300, &chord, 0.3).hear(5_000, &chord, 0.7).hear(3_000, &voice, 0.9);
    let Some((noticed, SegmentEvent::SpeechStarted { from, onset })) = r.events.first().copied() else {
        panic!("{:?}", r.events)
    };
    assert!(onset.0 / 16 + 640 >= noticed, "{onset:?} at {noticed}");
    assert!(from.0 / 16 + 650 >= noticed, "{from:?} at {noticed}");
}

#[test]
fn that_a_detector_was_sure_of_a_voice_before_a_segment_says_nothing_of_the_music_behind_it() {
    let mut r = Run::new();
    r.feed(500, &QUIET, 0.0).hear(2_000, &voice, 0.95).feed(600, &QUIET, 0.0);
    assert_eq!(r.s.sure, 0);
    assert!(!r.s.is_open());
}
