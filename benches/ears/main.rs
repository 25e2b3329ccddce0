//! The ears beside their peers: quality and cost of each stage of `prim-dsp`, on one seeded material, in one run.
//!
//! `cargo xtask bench ears [STAGE…] [--json FILE] [--table FILE]`. Rooms are image sources of `prim-hal-sim`, voices are flite's, the
//! recogniser is the embedded one. Peers in Rust are linked; peers in Python and C run in `peers.py`, which gets the
//! same waves as files and gives its own back, so that one scorer judges all. Without them (`PRIM_PEERS` names their
//! Python) our column is measured alone. Costs are CPU time of the thread that works, never of the wall.
mod alarms;
mod beam;
mod bearing;
mod chain;
mod cpu;
mod dereverb;
mod echo;
mod gain;
mod hard;
mod listen;
mod material;
mod noise;
mod over_prim;
mod peers;
mod real;
mod resample;
mod score;
mod shared;
mod sounds;
mod spectrogram;
mod table;
mod vad;
mod who;
mod words;

use peers::Peers;
use table::Table;

type Stage = fn(&mut Table, &Peers);

const STAGES: [(&str, Stage); 13] = [
    ("resample", resample::run),
    ("echo", echo::run),
    ("bearing", bearing::run),
    ("beam", beam::run),
    ("dereverb", dereverb::run),
    ("noise", noise::run),
    ("vad", vad::run),
    ("alarms", alarms::run),
    ("chain", chain::run),
    ("words", words::run),
    ("hard", hard::run),
    ("real", real::run),
    ("who", who::run),
];

fn main() {
    let (mut wanted, mut json, mut page) = (Vec::new(), None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json = arguments.next(),
            "--table" => page = arguments.next(),
            "--listen" => {
                let folder = arguments.next().expect("--listen names a folder");
                return listen::write(folder.as_ref(), &Peers::find());
            }
            // What cargo adds of itself.
            "--bench" => {}
            _ => wanted.push(argument),
        }
    }
    let known = |name: &String| STAGES.iter().any(|(stage, _)| stage == name);
    if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
        let names: Vec<&str> = STAGES.iter().map(|(name, _)| *name).collect();
        panic!("measure {unknown}: the stages are {}", names.join(", "));
    }
    let peers = Peers::find();
    let mut table = Table::default();
    for (name, stage) in STAGES {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            table.begin(name);
            stage(&mut table, &peers);
        }
    }
    table.write(json.as_deref(), page.as_deref(), &STAGES.map(|(name, _)| name));
}
