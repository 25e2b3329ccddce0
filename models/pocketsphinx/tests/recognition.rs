//! The real engine on speech of flite: one engine for all of it, because loading takes longer than listening.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::cell::RefCell;
use std::time::{Duration, Instant};

use prim_audio::SampleTime;
use prim_models::{
    BUILT_IN_MANIFEST, Command, Final, Flow, Keyphrase, Manifest, ModelRegistry, OpenModelError, Partial,
    SegmentId, Stt, SttContext, SttError, SttEvent, Tts, Word,
};
use prim_models_flite::{Flite, Voice};
use prim_models_pocketsphinx::{Model, PocketSphinx, register};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// Where every segment begins in the stream: times must be the stream's.
const BEGAN: SampleTime = SampleTime(1_000_000);

const GRAMMAR: &str = "#JSGF V1.0;\ngrammar prim;\npublic <command> = [ please ] ( how much time is left | next item \
    | what did we decide | note that | what are the open actions | stop ) [ please ];";

#[derive(Default)]
struct Heard {
    partials: Vec<(usize, Partial)>,
    names: Vec<Keyphrase>,
    commands: Vec<Command>,
    done: Option<Final>,
}

impl Heard {
    fn take(&mut self, at: usize, event: SttEvent) {
        match event {
            SttEvent::Partial(partial) => self.partials.push((at, partial)),
            SttEvent::Keyphrase(name) => self.names.push(name),
            SttEvent::Command(command) => self.commands.push(command),
            SttEvent::Final(done) => self.done = Some(done),
            SttEvent::Behind { .. } | SttEvent::CaughtUp => {}
            SttEvent::Failed { why, .. } => panic!("{why}"),
        }
    }

    fn text(&self) -> &str {
        self.done.as_ref().map_or("", |d| &d.text)
    }
}

fn speech(voice: Voice, text: &str) -> Vec<i16> {
    let mut samples = vec![0; 2_400];
    Flite::open(voice)
        .unwrap()
        .synthesise(text, &mut |chunk| {
            samples.extend_from_slice(chunk);
            Flow::Continue
        })
        .unwrap();
    samples.extend([0; 2_400]);
    // A noise floor 66 dB below full scale, as every microphone has.
    let mut noise = 1_u32;
    for sample in &mut samples {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *sample = sample.saturating_add((noise >> 28) as i16 - 8);
    }
    samples
}

fn hear(stt: &mut PocketSphinx, samples: &[i16]) -> Heard {
    let mut heard = Heard::default();
    stt.begin_segment(SegmentId(7), BEGAN).unwrap();
    for (block, at) in samples.chunks(160).zip((0..).step_by(160)) {
        stt.accept(block, SampleTime(BEGAN.0 + at as u64)).unwrap();
        while let Some(event) = stt.poll() {
            heard.take(at, event);
        }
    }
    stt.end_segment().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while heard.done.is_none() {
        assert!(Instant::now() < until, "no final within twenty seconds");
        match stt.poll() {
            Some(event) => heard.take(samples.len(), event),
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
    heard
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(String::from)
        .collect()
}

fn errors(want: &[String], got: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=got.len()).collect();
    for (i, w) in want.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, g) in got.iter().enumerate() {
            let best = (diagonal + usize::from(w != g)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    row[got.len()]
}

fn check_times(heard: &Heard, samples: usize) {
    let done = heard.done.as_ref().unwrap();
    assert_eq!((done.started, done.ended), (BEGAN, SampleTime(BEGAN.0 + samples as u64)));
    let all = heard.partials.iter().map(|(_, p)| (&p.text, &p.words)).chain([(&done.text, &done.words)]);
    for (text, words) in all {
        let mut before = BEGAN;
        for Word { text: word, start, end, confidence, chars } in words {
            assert!(before <= *start && start < end && *end <= done.ended, "{word}: {start:?} {end:?}");
            assert!((0.0..=1.0).contains(confidence));
            let slice: String = text.chars().skip(chars.start).take(chars.len()).collect();
            assert_eq!(&slice, word);
            before = *end;
        }
    }
    let stable = |p: &Partial| p.text.chars().take(p.stable_chars).collect::<String>();
    for pair in heard.partials.windows(2) {
        assert!(pair[1].1.text.starts_with(&stable(&pair[0].1)), "a stable word changed");
    }
}

/// Ordinary sentences: (voice, text).
const ORDINARY: [(Voice, &str); 4] = [
    (Voice::Rms, "I think we should move the launch to the second half of October."),
    (Voice::Kal16, "The marketing team wants a final answer before Friday afternoon."),
    (Voice::Awb, "Please keep in mind that the train does not run on Sundays."),
    (Voice::Slt, "That would cost about four thousand dollars more than we planned."),
];

/// Commands: (voice, text, what the grammar should hear).
const COMMANDS: [(Voice, &str, &str); 5] = [
    (Voice::Rms, "Prim, how much time is left?", "how much time is left"),
    (Voice::Kal16, "Prim, what did we decide?", "what did we decide"),
    (Voice::Awb, "Prim, next item please.", "next item"),
    (Voice::Rms, "Prim, what are the open actions?", "what are the open actions"),
    (Voice::Kal16, "Prim, note that the venue contract ends in March.", "note that"),
];

#[test]
fn real_speech_becomes_words_names_and_commands() {
    let mut stt = PocketSphinx::open(&Model::debian()).unwrap();
    stt.start(
        &SttContext::new(["Budget review", "Summer conference"], ["Zorica", "Ben"])
            .unwrap()
            .with_commands(GRAMMAR),
    )
    .unwrap();

    let (mut wrong, mut of, mut firsts) = (0, 0, Vec::new());
    for (voice, text) in ORDINARY {
        let samples = speech(voice, text);
        let heard = hear(&mut stt, &samples);
        check_times(&heard, samples.len());
        let want = words(text);
        wrong += errors(&want, &words(heard.text()));
        of += want.len();
        firsts.push(heard.partials.first().expect("a partial comes before the end").0 / 16);
        assert!(heard.names.is_empty(), "the name was heard in an ordinary sentence of {voice:?}");
        assert!(heard.commands.is_empty());
    }
    // Measured dry: 1 word in 10 wrong; the bound leaves room for other releases of the library.
    assert!(wrong * 4 <= of, "{wrong} of {of} words wrong");
    // Speech sets in about 350 ms into each recording; DESIGN section 9 promises 500 ms from there.
    firsts.sort_unstable();
    assert!(firsts[firsts.len() / 2] <= 850, "first partials at {firsts:?} ms");

    let (mut names, mut commands) = (0, 0);
    for (voice, text, command) in COMMANDS {
        let samples = speech(voice, text);
        let heard = hear(&mut stt, &samples);
        check_times(&heard, samples.len());
        names += usize::from(!heard.names.is_empty());
        commands += usize::from(heard.commands.iter().any(|c| c.text.starts_with(command)));
        assert!(heard.commands.len() <= 1, "one command per name");
        if !heard.names.is_empty() {
            assert!(heard.text().starts_with("Prim"), "the name was spotted but is not in the text");
        }
    }
    assert!(names >= 4, "the name was heard in {names} of {}", COMMANDS.len());
    assert!(commands >= 4, "{commands} of {} commands understood", COMMANDS.len());

    a_name_that_no_dictionary_has_is_recognised(&mut stt);
    what_is_abandoned_is_never_told(&mut stt);
    a_bad_grammar_is_refused_and_the_old_context_stays(&mut stt);
    any_samples_are_taken(&mut stt);
}

fn a_name_that_no_dictionary_has_is_recognised(stt: &mut PocketSphinx) {
    let heard = hear(stt, &speech(Voice::Kal16, "I will ask Zorica about the summer conference."));
    assert!(heard.text().contains("Zorica"), "the name from the context is missing");
    assert!(heard.text().contains("summer conference"));
}

fn what_is_abandoned_is_never_told(stt: &mut PocketSphinx) {
    stt.begin_segment(SegmentId(1), BEGAN).unwrap();
    stt.accept(&speech(Voice::Rms, "Nobody may know this."), BEGAN).unwrap();
    stt.abandon();
    assert_eq!(stt.poll(), None);
    assert!(matches!(stt.end_segment(), Err(SttError::OutOfOrder { .. })));
}

fn a_bad_grammar_is_refused_and_the_old_context_stays(stt: &mut PocketSphinx) {
    let bad = SttContext::default().with_commands("public <a> = b;");
    let error = stt.start(&bad).unwrap_err();
    assert!(error.to_string().contains("does not begin with #JSGF"), "{error}");
    let heard = hear(stt, &speech(Voice::Rms, "Prim, how much time is left?"));
    assert_eq!(heard.commands.first().map(|c| c.text.as_str()), Some("how much time is left"));
}

fn any_samples_are_taken(stt: &mut PocketSphinx) {
    let block = prop_oneof![
        prop::collection::vec(any::<i16>(), 0..300),
        (any::<i16>(), 0_usize..1_500).prop_map(|(level, n)| vec![level; n]),
        (0_usize..1_500).prop_map(|n| (0..n).map(|i| if i % 2 == 0 { i16::MIN } else { i16::MAX }).collect()),
    ];
    let segment = prop::collection::vec((block, 0_u64..100_000), 0..5);
    // The runner wants a closure that can be called again.
    let stt = RefCell::new(stt);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(8));
    runner
        .run(&segment, |blocks| {
            let mut stt = stt.borrow_mut();
            stt.begin_segment(SegmentId(1), BEGAN).unwrap();
            for (samples, at) in &blocks {
                stt.accept(samples, SampleTime(BEGAN.0 + at)).unwrap();
            }
            stt.end_segment().unwrap();
            while let Some(event) = stt.poll() {
                if let SttEvent::Final(done) = event {
                    prop_assert!(done.started <= done.ended);
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_missing_model_is_named_with_the_package_to_install() {
    let text = BUILT_IN_MANIFEST
        .replace("/usr/share/pocketsphinx/model/en-us/en-us.lm.bin", "/nowhere/en-us.lm.bin");
    let mut registry = ModelRegistry::new(Manifest::parse(&text).unwrap());
    register(&mut registry);
    let error = registry.open_stt("pocketsphinx-en-us").err().unwrap();
    assert!(matches!(error, OpenModelError::MissingPackage { .. }));
    assert!(error.to_string().ends_with("apt-get install pocketsphinx-en-us"), "{error}");
}

#[test]
fn a_folder_without_a_model_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let model = Model { acoustic: folder.path().to_owned(), ..Model::debian() };
    let error = PocketSphinx::open(&model).unwrap_err().to_string();
    assert!(error.contains(&folder.path().display().to_string()), "{error}");
}

#[test]
fn a_word_of_commands_alone_is_heard_where_the_name_stands_first_and_nowhere_else() {
    let mut stt = PocketSphinx::open(&Model::debian()).unwrap();
    let grammar = "#JSGF V1.0;\ngrammar prim;\npublic <command> = blandomat now;";
    let none: [&str; 0] = [];
    for _ in 0..2 {
        // Another meeting replaces what the first one has taught.
        stt.start(&SttContext::new(none, none).unwrap().with_commands(grammar.to_owned())).unwrap();
        let to_prim = hear(&mut stt, &speech(Voice::Rms, "Prim, blandomat now."));
        assert!(to_prim.text().contains("blandomat"), "{}", to_prim.text());
        let to_people = hear(&mut stt, &speech(Voice::Rms, "We bought a blandomat on Sunday."));
        assert!(!to_people.text().contains("blandomat"), "{}", to_people.text());
    }
}
