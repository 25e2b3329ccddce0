//! Whether it pays: word errors of the embedded recogniser on one raw microphone and behind the front end. Three
//! people, each says five sentences in a row, four microphones on 3.5 cm; what the recogniser makes of the dry voice
//! is the floor. Its final pass counts, on cuts that the script knows.
use std::time::Duration;

use prim_audio::SampleTime;
use prim_hal_sim::RoomSim;
use prim_models::{SegmentId, Stt, SttContext, SttEvent};
use prim_models_flite::Voice;
use prim_models_pocketsphinx::{Model, PocketSphinx};
use serde_json::json;

use crate::material::{
    RATE, SENTENCES, add_noise, config, hear, level, place, ring, room, say, to_i16, to16,
};
use crate::peers::Peers;
use crate::score::word_errors;
use crate::table::{Peer, Table};

pub(crate) const VOICES: [Voice; 3] = [Voice::Rms, Voice::Slt, Voice::Awb];
pub(crate) const BEARINGS: [f32; 3] = [20.0, 140.0, 260.0];
pub(crate) const LEVEL: f32 = 0.05;

/// The recogniser, asked sentence by sentence.
pub(crate) struct Listener {
    engine: PocketSphinx,
    number: u64,
}

impl Listener {
    pub(crate) fn new() -> Self {
        let mut engine = PocketSphinx::open(&Model::debian()).expect("Debian's model is installed");
        let none: [&str; 0] = [];
        engine.start(&SttContext::new(none, none).expect("nothing is always allowed")).expect("it starts");
        Self { engine, number: 0 }
    }

    pub(crate) fn words(&mut self, x: &[f32]) -> String {
        self.number += 1;
        let samples: Vec<i16> = x.iter().map(|s| to_i16(*s)).collect();
        self.engine.begin_segment(SegmentId(self.number), SampleTime(0)).expect("a segment begins");
        for (block, at) in samples.chunks(160).zip((0..).step_by(160)) {
            self.engine.accept(block, SampleTime(at)).expect("a block is taken");
            while self.engine.poll().is_some() {}
        }
        self.engine.end_segment().expect("a segment ends");
        // In a meeting the first pass stands when the second takes too long. A busy machine must not change what is
        // measured: nobody asks before the second pass has come to its end.
        let mut rests = 0;
        while rests < 3 {
            std::thread::sleep(Duration::from_millis(2));
            rests = if second_pass_rests() { rests + 1 } else { 0 };
        }
        loop {
            match self.engine.poll() {
                Some(SttEvent::Final(done)) => return done.text.to_lowercase(),
                Some(_) => {}
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }
}

/// Whether the thread of the second pass waits for work.
fn second_pass_rests() -> bool {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux lists our threads");
    tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("stat")).ok()).all(|stat| {
        let state = stat.rsplit(") ").next().unwrap_or_default();
        !stat.contains("(prim-stt-final)") || state.starts_with('S')
    })
}

/// One person's sentences in a row: dry sound, cuts in frames at 48 kHz, words.
pub(crate) struct Script {
    pub(crate) dry: Vec<f32>,
    pub(crate) cuts: Vec<(usize, usize, String)>,
}

pub(crate) fn script(person: usize) -> Script {
    say_all(VOICES[person], SENTENCES.iter().skip(person).step_by(3))
}

/// Sentences with 0.7 s between them.
pub(crate) fn say_all<'a>(voice: Voice, sentences: impl Iterator<Item = &'a &'static str>) -> Script {
    let (mut dry, mut cuts) = (vec![0.0; RATE / 2], Vec::new());
    for text in sentences {
        let x = say(voice, text);
        cuts.push((dry.len(), dry.len() + x.len(), (*text).to_owned()));
        dry.extend(x);
        dry.extend(vec![0.0; RATE * 7 / 10]);
    }
    Script { dry, cuts }
}

/// Word errors and words of each script.
pub(crate) type Sums = Vec<(usize, usize)>;

/// Words wrong of words said in one wave at 16 kHz that is `late` samples late.
pub(crate) fn errors(listener: &mut Listener, wave: &[f32], script: &Script, late: usize) -> (usize, usize) {
    let mut sum = (0, 0);
    for (from, to, text) in &script.cuts {
        let at = (from / 3 + late).saturating_sub(4_800)..(to / 3 + late + 6_400).min(wave.len());
        sum.0 += word_errors(text, &listener.words(&wave[at]));
        sum.1 += text.split(' ').count();
    }
    sum
}

/// What the microphones hear of one person in a room.
pub(crate) fn recording(
    script: &Script,
    person: usize,
    rt60: f64,
    distance: f64,
    snr_db: f32,
) -> Vec<Vec<f32>> {
    let room = room(rt60, distance, &BEARINGS, &ring(4, 35.0), 1);
    recording_in(&room, script, person, snr_db, 0)
}

/// The same in a given room, with noise of a given draw.
pub(crate) fn recording_in(
    room: &RoomSim,
    script: &Script,
    person: usize,
    snr_db: f32,
    draw: u64,
) -> Vec<Vec<f32>> {
    let mut mics = place(&script.dry, room.talker_responses(person));
    level(&mut mics, LEVEL);
    add_noise(&mut mics, LEVEL * 10_f32.powf(-snr_db / 20.0), 5 + person as u64 + draw);
    mics
}

/// Rooms: RT60, distance, SNR.
const ROOMS: [(f64, f64, f32); 3] = [(0.25, 1.0, 30.0), (0.3, 1.5, 25.0), (0.4, 1.5, 25.0)];

/// What nara-wpe makes of a whole recording, off line, then delay-and-sum toward the true bearing.
pub(crate) fn offline(peers: &Peers, mics16: &[Vec<f32>], person: usize) -> Option<Vec<f32>> {
    let with = json!({"mics_mm": ring(4, 35.0), "bearing": BEARINGS[person], "taps": 10, "delay": 3});
    peers.ask("wpe", mics16, with).and_then(|a| a.out.into_iter().next())
}

/// Words wrong of words said.
pub(crate) fn rate(sums: &[(usize, usize)]) -> f64 {
    sums.iter().map(|s| s.0).sum::<usize>() as f64 / sums.iter().map(|s| s.1).sum::<usize>().max(1) as f64
}

pub(crate) fn run(table: &mut Table, peers: &Peers) {
    let mut listener = Listener::new();
    let scripts: Vec<Script> = (0..3).map(script).collect();
    let close: Vec<_> = scripts.iter().map(|s| errors(&mut listener, &to16(&s.dry), s, 0)).collect();
    table.row("words_close", "words wrong, dry", "of 1", rate(&close), None);
    for (rt60, distance, snr) in ROOMS {
        let (mut raw, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        for (person, script) in scripts.iter().enumerate() {
            let mics = recording(script, person, rt60, distance, snr);
            raw.push(errors(&mut listener, &to16(&mics[0]), script, 0));
            let heard = hear(&config(&ring(4, 35.0)), &mics, &[]);
            ours.push(errors(&mut listener, &heard.recogniser, script, heard.delay));
            if rt60 == 0.3 {
                let mics16: Vec<Vec<f32>> = mics.iter().map(|m| to16(m)).collect();
                let offline = offline(peers, &mics16, person);
                theirs.extend(offline.map(|y| errors(&mut listener, &y, script, 0)));
            }
        }
        let id = format!("words_{}_{}", (rt60 * 100.0).round(), (distance * 10.0).round());
        let what = format!("words wrong, RT60 {rt60} s, {distance} m, {snr} dB");
        table.row(&id, &what, "of 1", rate(&ours), one_microphone(&raw));
        if !theirs.is_empty() {
            let peer = Some(("nara-wpe off line, true bearing", rate(&theirs)));
            table.row(
                &format!("{id}_beside_wpe"),
                "the same beside dereverberation off line",
                "of 1",
                rate(&ours),
                peer,
            );
        }
    }
}

pub(crate) fn one_microphone(raw: &[(usize, usize)]) -> Peer<'static> {
    Some(("one microphone", rate(raw)))
}
