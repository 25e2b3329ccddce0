//! Gain: talkers of every level leave at one, the room between their words is not lifted; beside sonora's AGC2.
use prim_dsp::FrontendConfig;
use prim_hal_sim::RoomSim;

use crate::material::{add_noise, config, hear, level, place, ring};
use crate::noise::{active_dbfs, person, sonora};
use crate::score::{db, power};
use crate::table::Table;

/// Where the front end brings speech, dB below full scale.
const TARGET_DBFS: f64 = -23.0;
const HISS: f32 = 0.0002;

pub(crate) fn run(table: &mut Table, room: &RoomSim) {
    let mut dry = person();
    let words = dry.len();
    // A pause of eight seconds, then the first ten seconds again.
    dry.extend(vec![0.0; 8 * 48_000]);
    dry.extend_from_within(..10 * 48_000);
    let placed = place(&dry, room.talker_responses(0));
    let board = FrontendConfig { dereverb: None, echo: false, ..config(&ring(4, 35.0)) };
    let [mut ours, mut theirs] = [Figures::default(), Figures::default()];
    for level_dbfs in [-45.0, -36.0, -27.0, -18.0_f32] {
        let mut mics = placed.clone();
        level(&mut mics, 10_f32.powf(level_dbfs / 20.0));
        add_noise(&mut mics, HISS, 5);
        let heard = hear(&board, &mics, &[]);
        let quiet = hear(&FrontendConfig { gain: false, ..board.clone() }, &mics, &[]).voice;
        ours.push(&heard.voice, words / 3, TARGET_DBFS);
        let agc = sonora::config::GainController2 {
            adaptive_digital: Some(sonora::config::AdaptiveDigital::default()),
            ..Default::default()
        };
        let config = sonora::Config { gain_controller2: Some(agc), ..sonora::Config::default() };
        let (out, _) = sonora(&quiet, config);
        theirs.push(&out, words / 3, f64::NAN);
    }
    // The peer has a target of its own: the middle of what it gives.
    let peer = ("sonora AGC2", theirs.spread());
    table.row(
        "gain_level",
        "worst distance from −23 dBFS, talkers at −45 to −18",
        "dB off",
        ours.worst(),
        None,
    );
    table.row(
        "gain_spread",
        "loudest and quietest talker apart, 27 dB before",
        "dB",
        ours.spread(),
        Some(peer),
    );
    table.row(
        "gain_time",
        "speech until 3 dB from the level it settles at, slowest talker",
        "s",
        ours.time(),
        Some(("sonora AGC2", theirs.time())),
    );
    table.row(
        "gain_pause",
        "how much the room changes in 8 s of pause",
        "dB",
        ours.pause(),
        Some(("sonora AGC2", theirs.pause())),
    );
}

#[derive(Default)]
struct Figures {
    levels: Vec<f64>,
    target: f64,
    times: Vec<f64>,
    pauses: Vec<f64>,
}

impl Figures {
    /// `pause`: frame at 16 kHz where the long pause begins.
    fn push(&mut self, out: &[f32], pause: usize, target: f64) {
        self.target = target;
        let settled = active_dbfs(&out[pause / 2..pause]);
        self.levels.push(settled);
        let time = (1..pause / 16_000)
            .find(|s| (active_dbfs(&out[s * 16_000..(s + 2) * 16_000]) - settled).abs() < 3.0)
            .unwrap_or(pause / 16_000);
        self.times.push((time - 1) as f64);
        // Two seconds after the last word the room's tail is gone.
        let piece = |s: usize| db(power(&out[pause + s * 16_000..pause + (s + 1) * 16_000]));
        let levels: Vec<f64> = (2..8).map(piece).collect();
        let [least, most] = [f64::min, f64::max].map(|f| levels.iter().copied().reduce(f).unwrap_or(0.0));
        self.pauses.push(most - least);
    }

    fn worst(&self) -> f64 {
        self.levels.iter().map(|l| (l - self.target).abs()).fold(0.0, f64::max)
    }

    fn spread(&self) -> f64 {
        let [least, most] =
            [f64::min, f64::max].map(|f| self.levels.iter().copied().reduce(f).unwrap_or(0.0));
        most - least
    }

    fn time(&self) -> f64 {
        self.times.iter().copied().fold(0.0, f64::max)
    }

    fn pause(&self) -> f64 {
        self.pauses.iter().copied().fold(0.0, f64::max)
    }
}
