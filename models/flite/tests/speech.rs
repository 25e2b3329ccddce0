//! flite behind the seam: it speaks, streams, stops and is remembered.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::time::{Duration, Instant};

use prim_models::{BUILT_IN_MANIFEST, Cached, Flow, Manifest, ModelRegistry, OpenModelError, Tts, TtsError};
use prim_models_flite::{Flite, Voice, register};
use proptest::prelude::*;

const NUDGE: &str = "Two minutes left for the budget review.";

fn collect(tts: &mut dyn Tts, clause: &str) -> Vec<i16> {
    let mut samples = Vec::new();
    tts.synthesise(clause, &mut |chunk| {
        samples.extend_from_slice(chunk);
        Flow::Continue
    })
    .unwrap();
    samples
}

fn level(samples: &[i16]) -> f64 {
    (samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
}

#[test]
fn every_voice_speaks_for_about_as_long_as_a_person_would() {
    for voice in Voice::ALL {
        let samples = collect(&mut Flite::open(voice).unwrap(), NUDGE);
        let seconds = samples.len() as f64 / 16_000.0;
        assert!((1.5..5.0).contains(&seconds), "{voice:?}: {seconds} s");
        assert!(level(&samples) > 300.0, "{voice:?} is silent");
    }
}

#[test]
fn a_clause_sounds_the_same_whatever_was_said_before_it() {
    for voice in Voice::ALL {
        let mut tts = Flite::open(voice).unwrap();
        let first = collect(&mut tts, NUDGE);
        collect(&mut Flite::open(Voice::Slt).unwrap(), "Something else.");
        assert!(collect(&mut tts, NUDGE) == first, "{voice:?} says it differently");
    }
}

#[test]
fn the_first_chunk_comes_before_200_ms_and_long_before_the_end() {
    // DESIGN section 9: first chunk of synthesis within 200 ms.
    let mut tts = Flite::open(Voice::Slt).unwrap();
    collect(&mut tts, "warm");
    let began = Instant::now();
    let (mut first, mut chunks) = (None, 0);
    tts.synthesise(NUDGE, &mut |chunk| {
        assert!(chunk.len() <= 2_000, "{}", chunk.len());
        first.get_or_insert_with(|| began.elapsed());
        chunks += 1;
        Flow::Continue
    })
    .unwrap();
    assert!(first.unwrap() <= Duration::from_millis(200), "{first:?}");
    assert!(chunks > 10, "{chunks}");
}

#[test]
fn a_stop_in_the_middle_ends_the_synthesis_at_once() {
    for voice in Voice::ALL {
        let mut tts = Flite::open(voice).unwrap();
        let whole = collect(&mut tts, NUDGE).len() as u64;
        let mut calls = 0;
        let spoken = tts
            .synthesise(NUDGE, &mut |_| {
                calls += 1;
                if calls == 5 { Flow::Stop } else { Flow::Continue }
            })
            .unwrap();
        assert_eq!(calls, 5);
        assert!(!spoken.complete && spoken.frames.0 < whole / 2, "{voice:?}: {spoken:?}");
        assert_eq!(collect(&mut tts, NUDGE).len() as u64, whole, "{voice:?} speaks on after a stop");
    }
}

#[test]
fn a_prepared_phrase_is_ready_within_20_ms() {
    // DESIGN section 9: cached phrase within 20 ms.
    let mut tts = Cached::new(Flite::open(Voice::Slt).unwrap(), 1 << 22);
    let length = tts.prepare(NUDGE).unwrap();
    let began = Instant::now();
    let mut first = None;
    let spoken = tts
        .synthesise(NUDGE, &mut |_| {
            first.get_or_insert_with(|| began.elapsed());
            Flow::Continue
        })
        .unwrap();
    assert!(spoken.cached && spoken.frames == length.frames);
    assert!(first.unwrap() <= Duration::from_millis(20), "{first:?}");
    assert!(spoken.duration(tts.rate()) > Duration::from_secs(1));
}

#[test]
fn the_registry_opens_a_voice_and_refuses_an_unknown_one() {
    let mut registry = ModelRegistry::new(Manifest::parse(BUILT_IN_MANIFEST).unwrap());
    register(&mut registry);
    let mut tts = registry.open_tts("flite-slt").unwrap();
    assert!(!tts.prepare("hello").unwrap().cached);
    assert!(tts.prepare("hello").unwrap().cached);

    let text = BUILT_IN_MANIFEST.replace("voice = \"slt\"", "voice = \"bob\"");
    let mut registry = ModelRegistry::new(Manifest::parse(&text).unwrap());
    register(&mut registry);
    let error = registry.open_tts("flite-slt").err().unwrap();
    assert!(matches!(error, OpenModelError::Option { .. }));
    assert!(error.to_string().contains("bob is none of slt, rms, awb, kal16"), "{error}");
}

#[test]
fn nothing_to_say_and_too_much_are_errors() {
    let mut tts = Flite::open(Voice::Slt).unwrap();
    assert!(matches!(tts.prepare("…"), Err(TtsError::NothingToSay)));
    assert!(matches!(tts.prepare(&"word ".repeat(400)), Err(TtsError::TooLong { .. })));
}

#[test]
#[should_panic(expected = "the sink's own")]
fn a_panic_of_the_sink_reaches_its_caller() {
    let _ = Flite::open(Voice::Slt).unwrap().synthesise(NUDGE, &mut |_| panic!("the sink's own"));
}

#[test]
fn two_threads_take_turns() {
    let say = |voice| std::thread::spawn(move || collect(&mut Flite::open(voice).unwrap(), NUDGE));
    // The excitation is random, the length is not.
    let alone = collect(&mut Flite::open(Voice::Slt).unwrap(), NUDGE).len();
    let (a, b) = (say(Voice::Slt), say(Voice::Slt));
    assert_eq!(a.join().unwrap().len(), alone);
    assert_eq!(b.join().unwrap().len(), alone);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_text_is_spoken_or_refused(text in "\\PC{0,40}") {
        let mut tts = Flite::open(Voice::Kal16).unwrap();
        match tts.prepare(&text) {
            Ok(spoken) => prop_assert!(spoken.complete),
            Err(TtsError::NothingToSay) => {}
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
    }
}
