//! Measures the engine on recordings of one's own: `measure INDEX FOLDER [--as-fast-as-possible]`.
//!
//! INDEX holds lines `name<TAB>text`, FOLDER holds `name.raw` (16 kHz mono i16, little endian). Prints what was
//! heard, the words wrong, the spotter's hits and false alarms, commands and the cost.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a tool for the terminal that stops at the first fault"
)]

use std::time::Instant;

use prim_audio::SampleTime;
use prim_models::{SegmentId, Stt, SttContext, SttEvent};
use prim_models_pocketsphinx::{Model, PocketSphinx};

fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
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

fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().filter_map(|i| fields.get(*i)?.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let index = arguments.next().expect("an index file");
    let folder = arguments.next().expect("a folder");
    let context = SttContext::new(
        std::fs::read_to_string(format!("{folder}/titles.txt")).unwrap_or_default().lines(),
        std::fs::read_to_string(format!("{folder}/names.txt")).unwrap_or_default().lines(),
    )
    .expect("a context of reasonable size");
    let context = match std::fs::read_to_string(format!("{folder}/commands.jsgf")) {
        Ok(jsgf) => context.with_commands(jsgf),
        Err(_) => context,
    };
    let began = Instant::now();
    let mut stt = PocketSphinx::open(&Model::debian()).expect("the model loads");
    stt.start(&context).expect("the context is accepted");
    println!("opened in {:?}", began.elapsed());
    let (mut wrong, mut first_wrong, mut of, mut seconds, mut number) = (0, 0, 0, 0.0, 0);
    let (mut hits, mut addressed, mut false_alarms, mut others) = (0, 0, 0, 0);
    let mut first_partials = Vec::new();
    let cost = cpu();
    for line in std::fs::read_to_string(index).expect("the index is readable").lines() {
        let (name, text) = line.split_once('\t').expect("name, tab, text");
        let bytes = std::fs::read(format!("{folder}/{name}.raw")).expect("the recording is readable");
        let samples: Vec<i16> = bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
        number += 1;
        seconds += samples.len() as f64 / 16_000.0;
        stt.begin_segment(SegmentId(number), SampleTime(0)).expect("a segment begins");
        let (mut spotted, mut command, mut partial) = (false, String::new(), Vec::new());
        let mut take = |event: SttEvent, at: usize| match event {
            SttEvent::Keyphrase(_) => spotted = true,
            SttEvent::Command(c) => command = format!("{} {:.2} {}", c.text, c.confidence, c.followed),
            SttEvent::Partial(p) => {
                if partial.is_empty() {
                    first_partials.push(at / 16);
                }
                partial = words(&p.text);
            }
            SttEvent::Final(_) | SttEvent::Behind { .. } | SttEvent::CaughtUp | SttEvent::Failed { .. } => {}
        };
        for (block, at) in samples.chunks(160).zip((0..).step_by(160)) {
            stt.accept(block, SampleTime(at as u64)).expect("a block is taken");
            while let Some(event) = stt.poll() {
                take(event, at);
            }
        }
        stt.end_segment().expect("a segment ends");
        let done = loop {
            match stt.poll() {
                Some(SttEvent::Final(done)) => break done,
                Some(event) => take(event, samples.len()),
                None => std::thread::sleep(std::time::Duration::from_millis(1)),
            }
        };
        let (want, got) = (words(text), words(&done.text));
        let wrong_here = errors(&want, &got);
        wrong += wrong_here;
        first_wrong += errors(&want, &partial);
        of += want.len();
        if want.iter().any(|w| w == "prim") {
            addressed += 1;
            hits += usize::from(spotted);
        } else {
            others += 1;
            false_alarms += usize::from(spotted);
        }
        println!(
            "{name} {wrong_here}/{} | {text} | {} | {command} | {}",
            want.len(),
            done.text,
            if spotted { "PRIM" } else { "" }
        );
    }
    first_partials.sort_unstable();
    println!(
        "words wrong {:.3} (last partial {:.3}) of {of}; name heard {hits} of {addressed}, falsely {false_alarms} of {others}; \
         first partial at {:?} ms of the recording (median); {:.3} of one core",
        wrong as f64 / of as f64,
        first_wrong as f64 / of as f64,
        first_partials.get(first_partials.len() / 2),
        (cpu() - cost) / seconds,
    );
}
