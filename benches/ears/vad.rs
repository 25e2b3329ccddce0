//! Voice activity on far speech (RT60 0.4 s, 2 m) with a babble of six other voices 10 dB below, and with noise: all
//! detectors hear the front end's `near`.
use prim_dsp::Reframer;
use prim_models::Vad;
use prim_models_earshot::Earshot;
use prim_models_flite::Voice;
use prim_models_onnx::{Runtime, Silero, find_runtime};
use prim_models_webrtc_vad::WebRtc;
use serde_json::json;

use crate::cpu;
use crate::material::{
    BLOCK, RATE, SENTENCES, add, add_noise, config, hear, level, place, ring, room, say, talk,
};
use crate::peers::Peers;
use crate::score::{auc, db, mean, power, quantile};
use crate::table::Table;

const LEVEL: f32 = 0.03;

pub(crate) fn run(table: &mut Table, peers: &Peers) {
    let bearings: Vec<f32> = (0..7).map(|i| 20.0 + 50.0 * i as f32).collect();
    let room = room(0.4, 2.0, &bearings, &ring(4, 35.0), 7);
    let mut dry = vec![0.0; RATE];
    for (i, text) in SENTENCES.iter().enumerate().take(12) {
        dry.extend(say([Voice::Slt, Voice::Rms, Voice::Awb][i % 3], text));
        dry.extend(vec![0.0; RATE * (6 + 3 * (i % 4)) / 10]);
    }
    let seconds = dry.len() as f64 / 48e3;
    let mut speech = place(&dry, room.talker_responses(0));
    level(&mut speech, LEVEL);
    let mut babble = vec![vec![0.0; dry.len()]; 4];
    for k in 0..6 {
        let voice = [Voice::Rms, Voice::Slt, Voice::Kal16][k % 3];
        let mut other = place(&talk(voice, 3 + 2 * k, 0.05, seconds), room.talker_responses(k + 1));
        other.iter_mut().for_each(|m| m.resize(dry.len(), 0.0));
        add(&mut babble, &other);
    }
    level(&mut babble, LEVEL * 10_f32.powf(-10.0 / 20.0));
    let mut noise = vec![vec![0.0; dry.len()]; 4];
    add_noise(&mut noise, LEVEL * 10_f32.powf(-10.0 / 20.0), 8);
    let (mut webrtc, mut webrtc_cost) = (Vec::new(), Vec::new());
    let (mut aucs, mut energies, mut onsets, mut cost) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
    let mut silero = Vec::new();
    let mut silero_cost = Vec::new();
    let mut others = others();
    let mut blocks = 0.0;
    for (kind, disturbance) in [("babble", &babble), ("noise", &noise)] {
        let mut mics = speech.clone();
        add(&mut mics, disturbance);
        let heard = hear(&config(&ring(4, 35.0)), &mics, &[]);
        let labels = labels(&dry, heard.delay);
        let mut vad = Earshot::new();
        let mut cut = Reframer::new(vad.frame_len());
        let (scores, spent) = cpu::of(|| {
            heard
                .near
                .chunks_exact(BLOCK)
                .map(|b| {
                    let block: [f32; BLOCK] = b.try_into().unwrap_or([0.0; BLOCK]);
                    cut.push(&block, |f| vad.probability(f).unwrap_or(0.0))
                })
                .collect::<Vec<f32>>()
        });
        cost += spent;
        blocks += heard.near.len() as f64 / BLOCK as f64;
        let energy: Vec<f32> = heard.near.chunks_exact(BLOCK).map(|b| db(power(b)) as f32).collect();
        let own = auc(&scores, &labels);
        let plain = auc(&energy, &labels);
        aucs.push(own);
        energies.push(plain);
        onsets.extend(onset_ms(&scores, &labels));
        let theirs = |name: &str, frame: usize| {
            let a = peers.ask(name, std::slice::from_ref(&heard.near), json!({}))?;
            let value = auc(a.out.first()?, &labels);
            Some((value, a.number("us_per_frame").unwrap_or(f64::NAN) * BLOCK as f64 / frame as f64))
        };
        let w = theirs("webrtcvad", BLOCK);
        let s = theirs("silero", 512);
        webrtc.extend(w.map(|v| v.0));
        webrtc_cost.extend(w.map(|v| v.1));
        silero.extend(s.map(|v| v.0));
        silero_cost.extend(s.map(|v| v.1));
        for other in &mut others {
            other.listen(&heard.near, &labels);
        }
        let id = format!("vad_auc_{kind}");
        table.row(
            &id,
            &format!("area under the curve, {kind} at 10 dB, earshot"),
            "of 1",
            own,
            w.map(|v| ("webrtcvad", v.0)),
        );
    }
    table.row(
        "vad_auc",
        "area under the curve, mean of both",
        "of 1",
        mean(&aucs),
        (!webrtc.is_empty()).then(|| ("webrtcvad", mean(&webrtc))),
    );
    table.row(
        "vad_auc_beside_energy",
        "the same beside the block's level",
        "of 1",
        mean(&aucs),
        Some(("energy", mean(&energies))),
    );
    if !silero.is_empty() {
        table.row(
            "vad_auc_beside_silero",
            "the same beside Silero v6",
            "of 1",
            mean(&aucs),
            Some(("Silero", mean(&silero))),
        );
    }
    for other in &mut others {
        let (theirs, cost) = match other.name {
            "silero" => (&silero, &silero_cost),
            _ => (&webrtc, &webrtc_cost),
        };
        let beside = |x: &[f64]| (!x.is_empty()).then(|| (other.peer, mean(x)));
        let name = other.name;
        let id = |what: &str| format!("vad_{what}_{name}");
        let auc = format!("area under the curve, mean of both, our {name}");
        table.row(&id("auc"), &auc, "of 1", mean(&other.aucs), beside(theirs));
        let per_block = other.cost * 1e6 / other.blocks;
        let label = format!("cost of 10 ms, our {name}");
        table.row(&id("cpu"), &label, "µs", per_block, beside(cost));
        let onset = quantile(&mut other.onsets, 0.5);
        table.row(&id("onset"), &format!("from speech to half, median, our {name}"), "ms", onset, None);
    }
    table.row("vad_onset", "from speech to half, median", "ms", quantile(&mut onsets, 0.5), None);
    let peer = (!webrtc_cost.is_empty()).then(|| ("webrtcvad", mean(&webrtc_cost)));
    table.row("vad_cpu", "cost of 10 ms, earshot", "µs", cost * 1e6 / blocks, peer);
}

/// Another detector of ours behind the same trait.
struct Other {
    name: &'static str,
    peer: &'static str,
    vad: Box<dyn Vad>,
    aucs: Vec<f64>,
    onsets: Vec<f64>,
    cost: f64,
    blocks: f64,
}

/// WebRTC's, and Silero's where its network and the runtime are.
fn others() -> Vec<Other> {
    let other = |name, peer, vad| Other {
        name,
        peer,
        vad,
        aucs: Vec::new(),
        onsets: Vec::new(),
        cost: 0.0,
        blocks: 0.0,
    };
    let mut all = vec![other("webrtc", "webrtcvad", open_webrtc())];
    all.extend(open_silero().map(|silero| other("silero", "Silero", silero)));
    all
}

pub(crate) fn open_webrtc() -> Box<dyn Vad> {
    Box::new(WebRtc::new())
}

pub(crate) fn open_silero() -> Option<Box<dyn Vad>> {
    let network = std::env::var_os("PRIM_SILERO")?;
    let runtime = Runtime::load(&find_runtime().ok()?).ok()?;
    Some(Box::new(Silero::open(&runtime, network.as_ref()).ok()?))
}

impl Other {
    fn listen(&mut self, voice: &[f32], labels: &[Option<bool>]) {
        self.vad.reset();
        let mut cut = Reframer::new(self.vad.frame_len());
        let vad = &mut self.vad;
        let (scores, spent) = cpu::of(|| {
            voice
                .chunks_exact(BLOCK)
                .map(|b| {
                    let block: [f32; BLOCK] = b.try_into().unwrap_or([0.0; BLOCK]);
                    cut.push(&block, |f| vad.probability(f).unwrap_or(0.0))
                })
                .collect::<Vec<f32>>()
        });
        self.cost += spent;
        self.blocks += voice.len() as f64 / BLOCK as f64;
        self.aucs.push(auc(&scores, labels));
        self.onsets.extend(onset_ms(&scores, labels));
    }
}

/// Per block of the output: speech, no speech, or too close to an edge to be judged (room's tail, breath).
fn labels(dry: &[f32], delay: usize) -> Vec<Option<bool>> {
    let levels: Vec<f64> = dry.chunks_exact(480).map(|b| db(power(b) + 1e-12)).collect();
    let top = levels.iter().copied().fold(f64::MIN, f64::max);
    let loud: Vec<bool> = levels.iter().map(|l| *l > top - 35.0).collect();
    // Speech between two loud blocks up to 200 ms apart is speech.
    let mut speech = loud.clone();
    let mut last = None;
    for (i, l) in loud.iter().enumerate() {
        if *l {
            if let Some(from) = last.filter(|from| i - from < 20) {
                speech[from..i].fill(true);
            }
            last = Some(i);
        }
    }
    let late = delay / BLOCK;
    (0..speech.len())
        .map(|i| {
            let at = i.checked_sub(late)?;
            let recent = (at.saturating_sub(30)..at).any(|k| speech[k]);
            match speech[at] {
                true => Some(true),
                // The room's tail is neither.
                false if recent => None,
                false => Some(false),
            }
        })
        .collect()
}

fn onset_ms(scores: &[f32], labels: &[Option<bool>]) -> Vec<f64> {
    (1..labels.len())
        .filter(|i| labels[*i] == Some(true) && labels[i - 1] == Some(false))
        .map(|i| (i..scores.len()).find(|k| scores[*k] > 0.5).map_or(1e3, |k| 10.0 * (k + 1 - i) as f64))
        .collect()
}
