//! What to call whoever spoke, and how long each did. A person is named only when the device said who it was; a voice of
//! the room goes by the number the device gave it, an unknown one by the ear that heard it, and never by a guess.

use std::collections::BTreeMap;

use super::load::{Line, Meeting, Voice};

/// The name beside a line; nothing for what happened without a word.
pub(super) fn name(meeting: &Meeting, line: &Line) -> String {
    match &line.voice {
        Voice::Prim => "Prim (AI)".to_owned(),
        Voice::Ding | Voice::Muted => String::new(),
        Voice::Person(Some(id)) => meeting.name_of(Some(id)),
        Voice::Person(None) => match (line.speaker_label, line.ear.as_deref()) {
            (Some(label), _) => format!("Speaker {label}"),
            (None, Some(ear)) => format!("Unknown ({ear})"),
            (None, None) => "Unknown".to_owned(),
        },
    }
}

/// How long one voice spoke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Talk {
    pub(super) name: String,
    /// The participant's id, where it is known.
    pub(super) participant: Option<String>,
    pub(super) ms: i64,
}

/// Each participant, each voice of the room, and Prim; who spoke longest comes first.
pub(super) fn talk_times(meeting: &Meeting) -> Vec<Talk> {
    let mut spent: BTreeMap<(String, Option<String>), i64> = BTreeMap::new();
    for line in &meeting.lines {
        let who = match &line.voice {
            Voice::Person(id) => (name(meeting, line), id.clone()),
            Voice::Prim => ("Prim".to_owned(), None),
            Voice::Ding | Voice::Muted => continue,
        };
        *spent.entry(who).or_default() += line.end_ms.map_or(0, |end| end - line.start_ms);
    }
    let mut all: Vec<Talk> =
        spent.into_iter().map(|((name, participant), ms)| Talk { name, participant, ms }).collect();
    all.sort_by_key(|talk| std::cmp::Reverse(talk.ms));
    all
}

/// When Prim was muted, from each move of the two mutes: at what time, whether it is the soft one, whether it is on
/// now. The last stretch may have no end.
pub(super) fn muted(moves: impl IntoIterator<Item = (i64, bool, bool)>) -> Vec<(i64, Option<i64>)> {
    let (mut soft, mut hard, mut spans) = (false, false, Vec::<(i64, Option<i64>)>::new());
    for (at, is_soft, on) in moves {
        let before = soft || hard;
        if is_soft {
            soft = on
        } else {
            hard = on
        }
        match (before, soft || hard) {
            (false, true) => spans.push((at, None)),
            (true, false) => spans.last_mut().into_iter().for_each(|span| span.1 = Some(at.max(span.0))),
            (false, false) | (true, true) => {}
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(who: Option<&str>, ear: Option<&str>, speaker_label: Option<i16>, start_ms: i64) -> Line {
        Line {
            id: "u".into(),
            voice: Voice::Person(who.map(str::to_owned)),
            ear: ear.map(str::to_owned),
            bearing_deg: None,
            speaker_label,
            start_ms,
            end_ms: Some(start_ms + 1000),
            text: Some("words".into()),
            partly: None,
            unsaid: None,
            silenced_by: None,
        }
    }

    #[test]
    fn voices_of_the_room_go_by_their_number_and_are_counted_apart() {
        let lines = vec![
            heard(None, Some("room"), Some(1), 0),
            heard(None, Some("room"), Some(1), 1000),
            heard(None, Some("room"), Some(2), 2000),
            heard(None, Some("room"), None, 3000),
            heard(None, Some("remote"), None, 4000),
            heard(None, None, None, 5000),
        ];
        let meeting = Meeting { lines, ..Meeting::default() };
        let all = talk_times(&meeting);
        let ms = |name: &str| all.iter().find(|talk| talk.name == name).map(|talk| talk.ms);
        assert_eq!(ms("Speaker 1"), Some(2000), "{all:?}");
        assert_eq!(ms("Speaker 2"), Some(1000));
        assert_eq!(ms("Unknown (room)"), Some(1000));
        assert_eq!(ms("Unknown (remote)"), Some(1000));
        assert_eq!(ms("Unknown"), Some(1000));
    }

    #[test]
    fn two_people_of_one_name_are_two() {
        let person = |id: &str| super::super::load::Person {
            id: id.into(),
            name: Some("Ana".into()),
            role: None,
            place: None,
        };
        let meeting = Meeting {
            people: vec![person("p1"), person("p2")],
            lines: vec![heard(Some("p1"), None, None, 0), heard(Some("p2"), None, None, 0)],
            ..Meeting::default()
        };
        assert_eq!(talk_times(&meeting).len(), 2);
    }

    #[test]
    fn a_mute_lasts_until_both_switches_are_off() {
        let moves =
            [(10, true, true), (20, false, true), (30, true, false), (40, false, false), (50, true, true)];
        assert_eq!(muted(moves), [(10, Some(40)), (50, None)]);
        assert_eq!(muted([(5, true, false)]), []);
    }
}
