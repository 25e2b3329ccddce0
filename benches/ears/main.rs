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

use std::io::Write as _;
use std::process::ExitCode;

use peers::Peers;
use prim_benches::ears::Stage;
use prim_benches::ears::request::Request;
use table::Table;

fn run(stage: Stage) -> fn(&mut Table, &Peers) {
    match stage {
        Stage::Resample => resample::run,
        Stage::Echo => echo::run,
        Stage::Bearing => bearing::run,
        Stage::Beam => beam::run,
        Stage::Dereverb => dereverb::run,
        Stage::Noise => noise::run,
        Stage::Vad => vad::run,
        Stage::Alarms => alarms::run,
        Stage::Chain => chain::run,
        Stage::Words => words::run,
        Stage::Hard => hard::run,
        Stage::Real => real::run,
        Stage::Who => who::run,
    }
}

/// What was asked for cannot be done: said before anything is measured.
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    let refuse = |why: &dyn std::fmt::Display| {
        let _ = writeln!(std::io::stderr(), "{why}");
        ExitCode::from(BAD_INPUT)
    };
    let (stages, mut table) = match Request::read(std::env::args_os().skip(1)) {
        Err(error) => return refuse(&error),
        Ok(Request::Listen(folder)) => {
            return match listen::make(&folder) {
                Err(error) => refuse(&error),
                Ok(()) => {
                    listen::write(&folder, &Peers::find());
                    ExitCode::SUCCESS
                }
            };
        }
        Ok(Request::Measure { stages, json, page }) => match Table::open(json.as_deref(), page.as_deref()) {
            Err(error) => return refuse(&error),
            Ok(table) => (stages, table),
        },
    };
    let peers = Peers::find();
    let measured = stages.into_iter().try_for_each(|stage| {
        table.begin(stage);
        run(stage)(&mut table, &peers);
        table.end()
    });
    match measured.map_err(|error| error.to_string()).and_then(|()| table.tell()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}
