//! `cargo xtask listen`: waves before and after each stage for a few rooms, a picture of each, and what can be said of
//! them without ears: level, peak, clipped samples, clicks, words wrong of the person's, DNSMOS where it is here.
use std::io::Write as _;
use std::path::Path;

use prim_dsp::FrontendConfig;
use prim_models_flite::Voice;

use crate::material::{
    RATE, SENTENCES, add, add_noise, config, hear, late, level, place, ring, room, say, talk, to_i16, to16,
};
use crate::peers::Peers;
use crate::score::{db, power};
use crate::shared::Judge;
use crate::spectrogram;
use crate::words::{Listener, Script, errors};

const SECONDS: f64 = 12.0;
const GAP_S: f64 = 0.3;
/// A sample that leaves the line between its neighbours by this much more than the 10 ms around it do on average.
const CLICK: f32 = 25.0;

/// What waves are judged with.
struct Desk<'a> {
    folder: &'a Path,
    judge: Judge<'a>,
    listener: Listener,
    script: Script,
}

/// One sentence after another as [`talk`] says them, with what is said whole.
fn script() -> Script {
    let (mut at, mut cuts) = (0, Vec::new());
    for text in SENTENCES {
        let end = at + say(Voice::Slt, text).len();
        if end as f64 > SECONDS * RATE as f64 {
            break;
        }
        cuts.push((at, end, text.to_owned()));
        at = end + (GAP_S * RATE as f64) as usize;
    }
    Script { dry: talk(Voice::Slt, 0, GAP_S, SECONDS), cuts }
}

/// The folder for the waves, before anything is heard.
pub(crate) fn make(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder).map(drop)).map_err(|why| {
        format!("write waves to {}: {why}; name a folder that can be written", folder.display())
    })
}

pub(crate) fn write(folder: &Path, peers: &Peers) {
    let mut desk = Desk { folder, judge: Judge::new(peers), listener: Listener::new(), script: script() };
    let mics_mm = ring(4, 35.0);
    for (rt60, distance) in [(0.25, 1.0), (0.3, 1.5), (0.4, 1.5), (0.6, 2.0)] {
        let room = room(rt60, distance, &[20.0, 140.0], &mics_mm, 1);
        let dry = desk.script.dry.clone();
        let mut mics = place(&dry, room.talker_responses(0));
        level(&mut mics, 0.05);
        add_noise(&mut mics, 0.002, 3);
        let board = config(&mics_mm);
        let beam = hear(&FrontendConfig { dereverb: None, ..board.clone() }, &mics, &[]);
        let whole = hear(&board, &mics, &[]);
        let name = |what: &str| format!("rt{:.0}-{distance}m-{what}", rt60 * 100.0);
        desk.wave(&name("1-dry"), &to16(&dry), 0);
        desk.wave(&name("2-microphone"), &to16(&mics[0]), 0);
        desk.wave(&name("3-beam"), &beam.recogniser, beam.delay);
        desk.wave(&name("4-dereverberated"), &whole.recogniser, whole.delay);
        // Prim over the same person.
        let prim = talk(Voice::Rms, 5, 0.3, SECONDS);
        let mut over = place(&prim, room.loudspeaker_responses());
        level(&mut over, 0.12);
        let mut both: Vec<Vec<f32>> = over.iter().map(|m| late(m, 35)).collect();
        add(&mut both, &mics);
        let reference: Vec<f32> = prim.iter().map(|s| s * 0.7).collect();
        let heard = hear(&board, &both, &reference);
        desk.wave(&name("5-with-prim"), &to16(&both[0]), 0);
        desk.wave(&name("6-with-prim-recogniser"), &heard.recogniser, heard.delay);
        desk.wave(&name("7-with-prim-suppressed"), &heard.voice, heard.delay);
    }
}

impl Desk<'_> {
    /// Writes `x`, which is `late` samples late, as a wave and as a picture, and says what can be said of it.
    fn wave(&mut self, name: &str, x: &[f32], late: usize) {
        let file = std::fs::File::create(self.folder.join(name).with_added_extension("wav"));
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 16_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let file = std::io::BufWriter::new(file.expect("the folder takes a wave"));
        let mut out = hound::WavWriter::new(file, spec).expect("the folder takes a wave");
        x.iter().for_each(|s| out.write_sample(to_i16(*s)).expect("the folder takes a wave"));
        out.finalize().expect("the folder takes a wave");
        spectrogram::write(&self.folder.join(name).with_added_extension("png"), x);
        let peak = x.iter().fold(0.0_f32, |m, s| m.max(s.abs()));
        let clipped = x.iter().filter(|s| s.abs() >= 1.0).count();
        let (wrong, said) = errors(&mut self.listener, x, &self.script, late);
        let opinion = self.judge.speech(x).map_or_else(String::new, |v| {
            format!(", DNSMOS speech {:.2} background {:.2} overall {:.2}", v.speech, v.background, v.overall)
        });
        let _ = writeln!(
            std::io::stdout(),
            "{name:34} level {:6.1} dBFS, peak {:6.1} dBFS, {clipped} clipped, {} clicks, {wrong} of {said} words wrong{opinion}",
            db(power(x)),
            db(f64::from(peak * peak)),
            clicks(x)
        );
    }
}

/// Samples that jump out of their neighbourhood.
fn clicks(x: &[f32]) -> usize {
    let bend: Vec<f32> = x.windows(3).map(|w| (w[1] - 0.5 * (w[0] + w[2])).abs()).collect();
    bend.chunks(160)
        .map(|block| {
            let mean = block.iter().sum::<f32>() / block.len() as f32 + 1e-4;
            block.iter().filter(|b| **b > CLICK * mean).count()
        })
        .sum()
}

const _: () = assert!(RATE == 48_000, "waves are written at a third of it");
