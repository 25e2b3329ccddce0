//! Recordings of real people and rooms, and the networks that judge: in `shared` beside the checkout, never in it. What
//! is missing is named, and its rows are left out.
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use prim_audio::{DEVICE_RATE, SPEECH_RATE};
use prim_dsp::resample_all;
use serde_json::{Value, json};

use crate::peers::Peers;

/// The file `name` of `shared`, or a word that it is not here.
pub(crate) fn file(name: &str, without: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name);
    if path.is_file() {
        return Some(path);
    }
    let _ = writeln!(std::io::stdout(), "  skipped {without}: not here: shared/{name} beside the checkout");
    None
}

/// One channel at 16 kHz.
pub(crate) fn flac(path: &Path) -> Vec<f32> {
    let mut reader = claxon::FlacReader::open(path).expect("the recording is FLAC");
    let info = reader.streaminfo();
    assert!(
        info.sample_rate == 16_000 && info.channels == 1 && info.bits_per_sample == 16,
        "{}: 16 kHz, one channel, 16 bits are wanted",
        path.display()
    );
    reader.samples().map(|s| s.expect("the recording is whole") as f32 / 32_768.0).collect()
}

/// The first channel of a measured response at 16 kHz.
pub(crate) fn response(path: &Path) -> Vec<f32> {
    let mut reader = hound::WavReader::open(path).expect("the response is a wave");
    let step = usize::from(reader.spec().channels);
    let samples: Vec<i16> = reader.samples().map(|s| s.expect("16 bits each")).collect();
    samples.iter().step_by(step).map(|s| f32::from(*s) / 32_768.0).collect()
}

pub(crate) fn to48(x: &[f32]) -> Vec<f32> {
    resample_all(x, SPEECH_RATE, DEVICE_RATE).expect("both rates are usual")
}

/// What was said in each recording of `dev`.
pub(crate) fn transcripts(path: &Path) -> BTreeMap<String, String> {
    let lines = std::fs::read_to_string(path).expect("the transcripts can be read");
    lines
        .lines()
        .filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            Some((line.get("file")?.as_str()?.to_owned(), line.get("text")?.as_str()?.to_owned()))
        })
        .collect()
}

/// How a network that heard many people's verdicts would have them judge: 1 is bad, 5 excellent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Verdict {
    pub(crate) speech: f64,
    pub(crate) background: f64,
    pub(crate) overall: f64,
}

const DNSMOS: &str = "models/quality/dnsmos_sig_bak_ovr.onnx";
const AECMOS: &str = "models/quality/aecmos_v4_16k_Run_1663915512.onnx";

/// DNSMOS of waves at 16 kHz; `None` without the network or the peers' Python.
pub(crate) struct Judge<'a> {
    peers: &'a Peers,
    dnsmos: Option<PathBuf>,
    aecmos: Option<PathBuf>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(peers: &'a Peers) -> Self {
        Self { peers, dnsmos: file(DNSMOS, "DNSMOS"), aecmos: file(AECMOS, "AECMOS") }
    }

    pub(crate) fn speech(&self, wave: &[f32]) -> Option<Verdict> {
        let a = self.peers.ask("dnsmos", &[wave.to_vec()], json!({"model": self.dnsmos.as_ref()?}))?;
        Some(Verdict { speech: a.number("sig")?, background: a.number("bak")?, overall: a.number("ovr")? })
    }

    /// Echo and other harm, in that order, of `wave` made of `mic` while `speaker` played. `talk`: who talks, `st` the
    /// far end, `nst` the near end, `dt` both.
    pub(crate) fn echo(&self, talk: &str, speaker: &[f32], mic: &[f32], wave: &[f32]) -> Option<[f64; 2]> {
        let n = speaker.len().min(mic.len()).min(wave.len());
        let parts = [&speaker[..n], &mic[..n], &wave[..n]].map(<[f32]>::to_vec);
        let a = self.peers.ask("aecmos", &parts, json!({"model": self.aecmos.as_ref()?, "talk": talk}))?;
        Some([a.number("echo")?, a.number("other")?])
    }
}
