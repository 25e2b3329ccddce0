//! A meeting for the tests of the figures.

use prim_hal_sim::LagHistogram;
use serde_json::Value;

use super::super::rows::{AuditRow, Rows, Utterance};
use super::super::sound::ding_template;
use super::inputs::{Answer, Inputs};
use super::{Figures, measure};
use crate::record::{Happened, LAYOUT, Recording, Said, Seat, Summary, What};
use crate::script::Meaning;

/// A made-up meeting of 20 s whose every moment is known.
pub(super) struct Made {
    pub(super) recording: Recording,
    pub(super) rows: Rows,
}

/// 27 November 2026, 10:00 UTC.
const FRIDAY_MS: i64 = 1_795_773_600_000;
pub(super) const START_NS: u64 = 7_000_000_000;

fn voice(frames: usize) -> Vec<f32> {
    (0..frames)
        .map(|n| {
            let t = n as f32 / 48_000.0;
            (1..20).map(|h| (std::f32::consts::TAU * 118.0 * h as f32 * t).sin() / h as f32).sum::<f32>()
                * 0.1
        })
        .collect()
}

fn put(track: &mut [f32], at_ms: usize, sound: &[f32]) {
    track[at_ms * 48..][..sound.len()].copy_from_slice(sound);
}

impl Made {
    pub(super) fn new() -> Self {
        let seat = |name: &str, bearing_deg| Seat { name: name.into(), bearing_deg, participant: None };
        let summary = Summary {
            v: LAYOUT,
            title: "made".into(),
            start_ns: START_NS,
            start_unix_ms: FRIDAY_MS,
            utc_offset_min: 0,
            rt60_s: 0.25,
            distance_m: 1.0,
            noise_down_db: 30.0,
            echo_db: -9.0,
            seed: 1,
            people: vec![seat("Ann", Some(35.0)), seat("Zoe", None)],
            complete: true,
            blocks: 2000,
            speaker_late: 0,
            clipped: 0,
            lags: LagHistogram::default(),
            repeats: 2,
            missed: Vec::new(),
            ignored: Vec::new(),
        };
        let frames = 20_000 * 48;
        Self {
            recording: Recording {
                summary,
                said: Vec::new(),
                happened: Vec::new(),
                speaker: vec![0.0; frames],
                truth: vec![vec![0.0; frames]; 2],
            },
            rows: Rows {
                meeting: "M".into(),
                utterances: Vec::new(),
                audit: Vec::new(),
                noted: Vec::new(),
                notes: 1,
                artifacts: ["transcript.md", "transcript.vtt", "transcript.srt", "summary.json"]
                    .map(String::from)
                    .to_vec(),
                chains: Vec::new(),
                quarantined: 0,
                rejected: 0,
            },
        }
    }

    pub(super) fn says(&mut self, person: usize, at_ms: usize, length_ms: usize, text: &str) -> &mut Said {
        put(&mut self.recording.truth[person], at_ms, &voice(length_ms * 48));
        self.recording.said.push(Said {
            beat: format!("line {at_ms}"),
            attempt: 0,
            person,
            bearing_deg: self.recording.summary.people[person].bearing_deg,
            text: text.into(),
            from: at_ms as u64 * 48 - 2400,
            to: (at_ms + length_ms) as u64 * 48 + 2400,
            held_out: false,
            to_prim: false,
            question: false,
            unheard: false,
            noted: None,
        });
        self.recording.said.last_mut().unwrap()
    }

    pub(super) fn prim_speaks(&mut self, at_ms: usize, length_ms: usize) {
        put(&mut self.recording.speaker, at_ms, &voice(length_ms * 48));
    }

    pub(super) fn dings(&mut self, at_ms: usize) {
        put(&mut self.recording.speaker, at_ms, &ding_template());
    }

    pub(super) fn happens(&mut self, at_ms: f64, what: What) {
        let boot_ms = START_NS as f64 / 1e6 + at_ms;
        self.recording.happened.push(Happened { boot_ms, sample: (at_ms * 48.0) as u64, what });
    }

    pub(super) fn edge(&mut self, at_ms: f64, pressed: bool, means: Meaning) {
        self.happens(at_ms, What::Edge { pressed, means, beat: "b".into() });
    }

    pub(super) fn stored(&mut self, at_ms: f64, length_ms: f64, bearing_deg: Option<f32>, text: &str) {
        let started_ms = START_NS as f64 / 1e6 + at_ms;
        self.rows.utterances.push(Utterance {
            id: format!("utterance {at_ms}"),
            remote: bearing_deg.is_none(),
            bearing_deg,
            participant: None,
            label: None,
            text: text.into(),
            started_ms,
            ended_ms: started_ms + length_ms,
        });
    }

    pub(super) fn audit(&mut self, kind: &str, body: Value) {
        self.rows.audit.push(AuditRow { kind: kind.into(), at_ms: 0.0, body });
    }

    pub(super) fn figures(&self, partials: &[Answer]) -> Figures {
        measure(&Inputs { recording: &self.recording, partials, rows: Some(&self.rows), tips: None })
    }
}

pub(super) fn number(f: &Figures, key: &str) -> f64 {
    f.json.get(key).and_then(Value::as_f64).unwrap_or_else(|| panic!("{key} in {:?}", f.json))
}

pub(super) fn near(f: &Figures, key: &str, want: f64, within: f64) {
    let got = number(f, key);
    assert!((got - want).abs() <= within, "{key}: {got}, expected {want} ± {within}");
}
