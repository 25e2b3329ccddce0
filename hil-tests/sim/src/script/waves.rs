//! A script for recordings that the user has brought.

use super::{Act, Beat, Item, Person, Script, When};

/// Beats that play recordings are named so, with a number counted from 1: whoever reads the room's events knows them by it.
const RECORDING: &str = "recording";
/// A question at the end of one recording is answered within 1.2 s: then the next one waits for the answer's end.
const BETWEEN_RECORDINGS_MS: u64 = 2_500;
/// The last words are recognised, and a last question is answered.
const AFTER_RECORDINGS_MS: u64 = 5_000;

impl Script {
    /// A script that plays recordings one after the other, each from the next place in the room. Who speaks in them, and
    /// how many, nobody here can know: a place is all that the people's names say.
    #[must_use]
    pub fn for_waves(seconds: &[f64], bearings: &[f32]) -> Self {
        let people = bearings
            .iter()
            .take(seconds.len().max(1))
            .enumerate()
            .map(|(i, &b)| Person {
                name: format!("place {}", i + 1),
                voice: String::new(),
                pitch_hz: None,
                bearing_deg: Some(b),
                host: false,
            })
            .collect::<Vec<_>>();
        let beat = |name: String, who, act, silence_ms, within_ms| Beat {
            name,
            who,
            act,
            when: When { silence_ms: Some(silence_ms), within_ms, ..When::default() },
            expect: None,
            held_out: false,
            to_prim: false,
            question: false,
            unheard: false,
            noted: None,
        };
        // Each waits until Prim has answered what was asked at the end of the one before.
        let mut beats: Vec<Beat> = (0..seconds.len())
            .map(|wave| {
                let name = format!("{RECORDING} {}", wave + 1);
                beat(name, wave % people.len(), Act::Play { wave }, BETWEEN_RECORDINGS_MS, 30_000)
            })
            .collect();
        beats.push(beat("the last words".into(), 0, Act::Wait, AFTER_RECORDINGS_MS, 30_000));
        let total = seconds.iter().sum::<f64>().ceil().clamp(5.0, 86_400.0);
        Self {
            title: "Your recordings".into(),
            mode: "answer-on-ask".into(),
            ding: "room".into(),
            agenda: vec![Item { title: "Your recordings".into(), planned_s: total as u32 }],
            people,
            beats,
        }
    }
}
