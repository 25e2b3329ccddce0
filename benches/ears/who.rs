//! Who spoke: simulated meetings of two to five people, one to two minutes each, through the product's own path (front
//! end, detector, turns, the core's labels). Diarization error rate, overlap scored, collar 0.25 s.
pub(crate) mod meeting;
pub(crate) mod path;
mod voices;

use prim_benches::der::{Der, Span, der};

use crate::peers::Peers;
use crate::table::Table;
use meeting::{Plan, Recording, hold};
use path::{Cut, labelled, turns};

const PLANS: [Plan; 4] = [
    Plan { bearings: &[40.0, 205.0], rt60_s: 0.3, ..PLAN },
    Plan { bearings: &[35.0, 145.0, 260.0], rt60_s: 0.4, seed: 3, ..PLAN },
    Plan { bearings: &[20.0, 65.0, 200.0, 290.0], rt60_s: 0.5, seed: 4, ..PLAN },
    Plan { bearings: &[15.0, 80.0, 150.0, 225.0, 300.0], distance_m: 1.4, seed: 5, ..PLAN },
];
const PLAN: Plan = Plan {
    bearings: &[0.0],
    rt60_s: 0.4,
    distance_m: 1.2,
    noise_db: 25.0,
    seconds: 80.0,
    seed: 2,
    swap: false,
};
/// Two of three change seats halfway: the bearing alone gives each the other's label.
const SWAP: Plan = Plan { bearings: &[40.0, 160.0, 280.0], seconds: 120.0, seed: 6, swap: true, ..PLAN };
/// One person in a room that rings and hums.
const ALONE: Plan = Plan { rt60_s: 0.6, noise_db: 10.0, ..PLAN };
const COLLAR_S: f64 = 0.25;

pub(crate) fn run(table: &mut Table, _: &Peers) {
    let mut network = voices::network();
    let (mut all, mut before) = (Der::default(), Der::default());
    let (mut unknown_s, mut heard_s) = (0.0, 0.0);
    let mut by_voice = Der::default();
    for plan in &PLANS {
        let (recording, overlap) = hold(plan);
        let (score, spans) = score(&recording, Cut::Turns);
        let (whole, _) = self::score(&recording, Cut::Pauses);
        let people = plan.bearings.len();
        let what = format!("{people} people, RT60 {} s, {:.0} % overlap", plan.rt60_s, 100.0 * overlap);
        table.row(&format!("der_{people}"), &what, "% of speech", score.percent(), peer(whole));
        (all, before) = (all.plus(score), before.plus(whole));
        if let Some(network) = &mut network {
            let (heard, certain) = voices::score(&recording, network);
            let what =
                format!("{people} people, by bearing and voice; {:.0} % of turns certain", 100.0 * certain);
            table.row(
                &format!("der_{people}_voice"),
                &what,
                "% of speech",
                heard.percent(),
                bearing_alone(score),
            );
            by_voice = by_voice.plus(heard);
        }
        let length = |known: fn(&Span) -> bool| {
            spans.iter().filter(|s| known(s)).map(|s| s.to_s - s.from_s).sum::<f64>()
        };
        unknown_s += length(|s| s.who.is_none());
        heard_s += length(|_| true);
    }
    table.row("who_der", "all meetings together", "% of speech", all.percent(), peer(before));
    if let Some(network) = &mut network {
        let what = "all meetings together, by bearing and voice";
        table.row("who_der_voice", what, "% of speech", by_voice.percent(), bearing_alone(all));
        let (recording, _) = hold(&SWAP);
        let (bearing, _) = score(&recording, Cut::Turns);
        let (heard, certain) = voices::score(&recording, network);
        let certain = 100.0 * certain;
        let what = format!("3 people, two swap seats, by bearing and voice; {certain:.0} % of turns certain");
        table.row("der_swap_voice", &what, "% of speech", heard.percent(), bearing_alone(bearing));
    }
    let share = |s: f64| 100.0 * s / all.speech_s.max(1e-9);
    table.row(
        "who_missed",
        "of it missed: nobody named, or one of two at once",
        "%",
        share(all.missed_s),
        None,
    );
    table.row("who_false", "of it taken for speech", "%", share(all.false_alarm_s), None);
    table.row("who_confused", "of it given to another", "%", share(all.confused_s), None);
    table.row("who_unknown", "of what was heard, nobody's", "%", 100.0 * unknown_s / heard_s, None);
    let (alone, _) = hold(&ALONE);
    let cuts = |by| turns(&alone.heard.blocks, by).len() as f64;
    let too_many = (cuts(Cut::Turns) - cuts(Cut::Pauses)) * 60.0 / ALONE.seconds;
    table.row(
        "who_cut",
        "one person, RT60 0.6 s, 10 dB of noise: cut without a pause",
        "1/min",
        too_many,
        None,
    );
    if let Some(network) = &mut network {
        voices::real(table, network);
    }
}

fn score(recording: &Recording, by: Cut) -> (Der, Vec<Span>) {
    let spans = labelled(&turns(&recording.heard.blocks, by), recording.heard.delay);
    (der(&recording.spoken, &spans, COLLAR_S), spans)
}

fn bearing_alone(bearing: Der) -> Option<(&'static str, f64)> {
    Some(("bearing alone", bearing.percent()))
}

fn peer(whole: Der) -> Option<(&'static str, f64)> {
    Some(("one speaker between two pauses", whole.percent()))
}
