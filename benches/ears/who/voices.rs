//! Whose voice it was by its sound: the product's own speaker network, book and labels, on simulated meetings beside the
//! bearing alone, and on excerpts of real meetings (AMI, one channel) that have no bearing. Reported as it is: the network
//! is a small one for tests. Its thresholds were chosen on other recordings (`models/decisions/0001-voiceprints.md`).
use std::path::{Path, PathBuf};

use prim_benches::der::{Der, Span, der};
use prim_dsp::FrontendBlock;
use prim_models_onnx::{Runtime, Voiceprints, find_runtime};

use super::meeting::Recording;
use super::path::{Cut, compare, labelled, turns};
use crate::material::BLOCK;
use crate::score::active_rms;
use crate::shared::{file, flac};
use crate::table::Table;

/// The network for tests, or a word that it is not here.
pub(crate) fn network() -> Option<Voiceprints> {
    let path = file("models/speaker/prim-spk-tiny.onnx", "voices by their sound")?;
    let runtime = Runtime::load(&find_runtime().ok()?).ok()?;
    Some(Voiceprints::open(&runtime, &path).expect("the network for tests fits"))
}

/// A simulated meeting by bearing and voice, and the share of its turns whose voice was certain.
pub(crate) fn score(recording: &Recording, network: &mut Voiceprints) -> (Der, f64) {
    let mut turns = turns(&recording.heard.blocks, Cut::Turns);
    compare(&mut turns, &recording.heard.recogniser, network);
    let certain = turns.iter().filter(|turn| turn.voice.is_some()).count() as f64;
    let spans = labelled(&turns, recording.heard.delay);
    (der(&recording.spoken, &spans, super::COLLAR_S), certain / turns.len().max(1) as f64)
}

/// The excerpts of real meetings.
pub(crate) fn real(table: &mut Table, network: &mut Voiceprints) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/audio/dev/meeting_ami");
    let mut excerpts: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map(|files| files.filter_map(|file| Some(file.ok()?.path())).collect())
        .unwrap_or_default();
    excerpts.retain(|path| path.extension().is_some_and(|end| end == "rttm"));
    excerpts.sort();
    if excerpts.is_empty() {
        let _ = file("audio/dev/meeting_ami/dev00.rttm", "der_ami");
        return;
    }
    let (mut all, mut one) = (Der::default(), Der::default());
    let (mut known_s, mut heard_s) = (0.0, 0.0);
    for path in &excerpts {
        let spoken = rttm(&std::fs::read_to_string(path).expect("an excerpt's turns can be read"));
        let heard = listen(&flac(&path.with_extension("flac")), network);
        all = all.plus(der(&spoken, &heard, super::COLLAR_S));
        let same: Vec<Span> = heard.iter().map(|span| Span { who: Some(0), ..*span }).collect();
        one = one.plus(der(&spoken, &same, super::COLLAR_S));
        for span in &heard {
            heard_s += span.to_s - span.from_s;
            known_s += if span.who.is_some() { span.to_s - span.from_s } else { 0.0 };
        }
    }
    let peer = Some(("one voice for all", one.percent()));
    table.row("der_ami", "AMI, one channel, by voice alone", "% of speech", all.percent(), peer);
    let share = |s: f64| 100.0 * s / all.speech_s.max(1e-9);
    table.row(
        "der_ami_missed",
        "of it missed, overlap and *unknown* included",
        "%",
        share(all.missed_s),
        None,
    );
    table.row("der_ami_false", "of it taken for speech", "%", share(all.false_alarm_s), None);
    table.row("der_ami_confused", "of it given to another", "%", share(all.confused_s), None);
    let unknown = 100.0 * (1.0 - known_s / heard_s.max(1e-9));
    table.row("der_ami_unknown", "of what was heard, nobody's", "%", unknown, None);
}

/// Turns as NIST writes them: `SPEAKER file 1 from length <NA> <NA> name …`.
fn rttm(text: &str) -> Vec<Span> {
    let mut names: Vec<&str> = Vec::new();
    let turn = |line| -> Option<Span> {
        let part: Vec<&str> = str::split_whitespace(line).collect();
        let (from_s, length_s): (f64, f64) = (part.get(3)?.parse().ok()?, part.get(4)?.parse().ok()?);
        let name = part.get(7)?;
        let who = names.iter().position(|known| known == name).unwrap_or(names.len());
        if who == names.len() {
            names.push(name);
        }
        Some(Span { from_s, to_s: from_s + length_s, who: Some(who) })
    };
    text.lines().filter_map(turn).collect()
}

/// Who speaks when in a file, as a device with one microphone has it.
fn listen(sound: &[f32], network: &mut Voiceprints) -> Vec<Span> {
    // The excerpts lie 15 dB below what a device's microphones give.
    let gain = 0.03 / active_rms(sound, 16_000).max(1e-9);
    let sound: Vec<f32> = sound.iter().map(|s| s * gain).collect();
    let block = |near: &[f32]| FrontendBlock {
        near: near.try_into().unwrap_or([0.0; BLOCK]),
        ..FrontendBlock::default()
    };
    let blocks: Vec<FrontendBlock> = sound.chunks_exact(BLOCK).map(block).collect();
    let mut turns = turns(&blocks, Cut::Turns);
    compare(&mut turns, &sound, network);
    labelled(&turns, 0)
}
