//! Real speech and real echo. Three people of public recordings, four sentences each, played into a simulated room and
//! through one measured in a real one; microphones and loudspeakers of real devices through the echo canceller.
//!
//! The measured response has eight microphones whose places nobody wrote down, and ends after 0.1 s: the front end
//! hears its first channel alone, without a beam, and the room's late sound is not in it.
use prim_dsp::FrontendConfig;

use crate::material::{RATE, add_noise, config, convolve, hear, level, ring, to16};
use crate::peers::Peers;
use crate::score::mean;
use crate::shared::{self, Judge, Verdict, file, flac, to48};
use crate::table::Table;
use crate::words::{LEVEL, Listener, Script, errors, rate, recording};

const PEOPLE: [[&str; 4]; 3] = [
    [
        "speechbrain/spk1_snt1.flac",
        "speechbrain/spk1_snt2.flac",
        "speechbrain/spk1_snt3.flac",
        "speechbrain/spk1_snt5.flac",
    ],
    [
        "librispeech/1688-142285-0002.flac",
        "librispeech/1688-142285-0003.flac",
        "librispeech/1688-142285-0004.flac",
        "librispeech/1688-142285-0008.flac",
    ],
    [
        "librispeech/3331-159605-0001.flac",
        "librispeech/3331-159605-0002.flac",
        "librispeech/3331-159605-0003.flac",
        "librispeech/3331-159605-0006.flac",
    ],
];
const RESPONSE: &str = "audio/rir/lhotse_real_8ch.wav";

/// Device, and who talks, in AECMOS's words.
const DEVICES: [(&str, &str); 3] = [
    ("9mkQhVtzTEy2hDk-6u2Sww_farend_singletalk", "st"),
    ("DMTgmZwtgUilp4omPK7-OQ_doubletalk", "dt"),
    ("DLhjtuwiEkS-68TsUVvW5g_nearend_singletalk", "nst"),
];

pub(crate) fn run(table: &mut Table, peers: &Peers) {
    let judge = Judge::new(peers);
    devices(table, &judge);
    if let Some(scripts) = scripts() {
        speech(table, &judge, &scripts);
    }
}

fn scripts() -> Option<Vec<Script>> {
    let said = shared::transcripts(&file("audio/dev/transcripts.jsonl", "real speech")?);
    PEOPLE
        .iter()
        .map(|files| {
            let (mut dry, mut cuts) = (vec![0.0; RATE / 2], Vec::new());
            for name in files {
                let x = to48(&flac(&file(&format!("audio/dev/{name}"), "real speech")?));
                let text = said.get(*name).expect("every recording chosen has its words");
                cuts.push((dry.len(), dry.len() + x.len(), text.clone()));
                dry.extend(x);
                dry.extend(vec![0.0; RATE * 7 / 10]);
            }
            Some(Script { dry, cuts })
        })
        .collect()
}

fn speech(table: &mut Table, judge: &Judge<'_>, scripts: &[Script]) {
    let mut listener = Listener::new();
    let dry: Vec<_> = scripts.iter().map(|s| errors(&mut listener, &to16(&s.dry), s, 0)).collect();
    table.row("real_dry", "words wrong, real people as recorded", "of 1", rate(&dry), None);
    let (mut raw, mut ours) = (Vec::new(), Vec::new());
    let mut verdicts: [Vec<Verdict>; 3] = Default::default();
    for (person, script) in scripts.iter().enumerate() {
        let mics = recording(script, person, 0.3, 1.5, 25.0);
        let mic = to16(&mics[0]);
        raw.push(errors(&mut listener, &mic, script, 0));
        let heard = hear(&config(&ring(4, 35.0)), &mics, &[]);
        ours.push(errors(&mut listener, &heard.recogniser, script, heard.delay));
        for (verdicts, wave) in verdicts.iter_mut().zip([&heard.recogniser, &heard.voice, &mic]) {
            verdicts.extend(judge.speech(wave));
        }
    }
    let one = |rate: f64| Some(("one microphone", rate));
    table.row("real_30_15", "the same in RT60 0.3 s, 1.5 m, 25 dB", "of 1", rate(&ours), one(rate(&raw)));
    if !verdicts[2].is_empty() {
        moss(table, &verdicts);
    }
    if let Some(path) = file(RESPONSE, "the measured response") {
        measured(table, &mut listener, scripts, &to48(&shared::response(&path)));
    }
}

fn moss(table: &mut Table, [recogniser, voice, mic]: &[Vec<Verdict>; 3]) {
    type Part = fn(&Verdict) -> f64;
    let parts: [(&str, Part); 3] =
        [("speech", |v| v.speech), ("background", |v| v.background), ("overall", |v| v.overall)];
    for (name, part) in parts {
        let of = |verdicts: &[Verdict]| mean(&verdicts.iter().map(part).collect::<Vec<_>>());
        let peer = Some(("one microphone", of(mic)));
        let id = format!("real_dnsmos_{name}");
        table.row(
            &id,
            &format!("DNSMOS {name} in that room, recogniser's output"),
            "of 5",
            of(recogniser),
            peer,
        );
        table.row(&format!("{id}_voice"), "the same, output for people", "of 5", of(voice), peer);
    }
}

/// One microphone of a real room, the front end with that one only.
fn measured(table: &mut Table, listener: &mut Listener, scripts: &[Script], response: &[f32]) {
    let (mut raw, mut ours) = (Vec::new(), Vec::new());
    for (script, seed) in scripts.iter().zip(21..) {
        let mut mics = vec![convolve(&script.dry, response)];
        level(&mut mics, LEVEL);
        add_noise(&mut mics, LEVEL * 10_f32.powf(-25.0 / 20.0), seed);
        raw.push(errors(listener, &to16(&mics[0]), script, 0));
        let heard = hear(&config(&[[0.0; 3]]), &mics, &[]);
        ours.push(errors(listener, &heard.recogniser, script, heard.delay));
    }
    let peer = Some(("the same microphone, raw", rate(&raw)));
    let what =
        "words wrong through a measured response, 25 dB, front end with one microphone (geometry unknown)";
    table.row("real_measured", what, "of 1", rate(&ours), peer);
}

/// One channel of real devices: what people would say of the echo that is left, and of the harm done to the voice.
fn devices(table: &mut Table, judge: &Judge<'_>) {
    for (device, talk) in DEVICES {
        let read =
            |what: &str| file(&format!("audio/aec/{device}_{what}.flac"), "a real device").map(|p| flac(&p));
        let (Some(speaker), Some(mic)) = (read("lpb"), read("mic")) else { return };
        let board = FrontendConfig { dereverb: None, ..config(&[[0.0; 3]]) };
        let heard = hear(&board, &[to48(&mic)], &to48(&speaker));
        let verdict = |wave: &[f32]| judge.echo(talk, &speaker, &mic, wave);
        let Some(raw) = verdict(&mic) else { return };
        let dtln = read("processed").and_then(|x| verdict(&x));
        let outputs = [("", &heard.voice), ("_linear", &heard.recogniser)];
        for (suffix, wave) in outputs {
            let Some(ours) = verdict(&wave[heard.delay.min(wave.len())..]) else { return };
            for (k, kind) in ["echo", "other"].into_iter().enumerate() {
                // Who does not talk leaves nothing to judge.
                if (talk, kind) == ("st", "other") || (talk, kind) == ("nst", "echo") {
                    continue;
                }
                let peer = match (suffix, dtln) {
                    ("", Some(dtln)) => ("DTLN-aec", dtln[k]),
                    _ => ("the microphone", raw[k]),
                };
                let who = match talk {
                    "st" => "only the loudspeaker",
                    "nst" => "only a person",
                    _ => "both",
                };
                table.row(
                    &format!("real_aecmos_{talk}_{kind}{suffix}"),
                    &format!("AECMOS {kind}, {who} talking into a real device, one channel"),
                    "of 5",
                    ours[k],
                    Some(peer),
                );
            }
        }
    }
}
