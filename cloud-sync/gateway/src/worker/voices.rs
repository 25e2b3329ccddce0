//! What to call whoever spoke, and how long each did. A person is named only when the device said who it was; an
//! unknown voice goes by where it came from, which is a fact, and never by a guess.

use std::collections::BTreeMap;

use super::load::{Line, Meeting, Voice};

/// Unknown voices closer together than this count as one place: a bearing wanders by some degrees, people sit
/// further apart.
const ONE_PLACE_DEG: f64 = 15.0;

/// The directions from which unknown people in the room spoke, in the order in which they were first heard.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<f64>);

impl Places {
    pub(super) fn of(meeting: &Meeting) -> Self {
        let mut places = Self::default();
        for line in &meeting.lines {
            if let (Voice::Person(None), Some(bearing)) = (&line.voice, line.bearing_deg)
                && places.near(bearing).is_none()
            {
                places.0.push(bearing);
            }
        }
        places
    }

    fn near(&self, bearing: f64) -> Option<f64> {
        let apart = |place: &f64| {
            let turn = (place - bearing).rem_euclid(360.0);
            turn.min(360.0 - turn)
        };
        let nearest = self.0.iter().min_by(|a, b| apart(a).total_cmp(&apart(b)));
        nearest.filter(|place| apart(place) <= ONE_PLACE_DEG).copied()
    }

    /// The name beside a line; nothing for what no one says.
    pub(super) fn name(&self, meeting: &Meeting, line: &Line) -> String {
        match &line.voice {
            Voice::Prim | Voice::Ding => "[Prim]".to_owned(),
            Voice::Muted => String::new(),
            Voice::Person(Some(id)) => meeting.name_of(Some(id)),
            Voice::Person(None) => {
                let bearing = line.bearing_deg.and_then(|bearing| self.near(bearing));
                match (line.ear.as_deref(), bearing) {
                    (Some(ear), Some(bearing)) => format!("Unknown ({ear}, {bearing:.0}°)"),
                    (Some(ear), None) => format!("Unknown ({ear})"),
                    (None, _) => "Unknown".to_owned(),
                }
            }
        }
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

/// Each participant, each place of unknown voices, and Prim; who spoke longest comes first.
pub(super) fn talk_times(meeting: &Meeting) -> Vec<Talk> {
    let places = Places::of(meeting);
    let mut spent: BTreeMap<(String, Option<String>), i64> = BTreeMap::new();
    for line in &meeting.lines {
        let who = match &line.voice {
            Voice::Person(id) => (places.name(meeting, line), id.clone()),
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

    fn heard(who: Option<&str>, ear: Option<&str>, bearing_deg: Option<f64>, start_ms: i64) -> Line {
        Line {
            id: "u".into(),
            voice: Voice::Person(who.map(str::to_owned)),
            ear: ear.map(str::to_owned),
            bearing_deg,
            start_ms,
            end_ms: Some(start_ms + 1000),
            text: Some("words".into()),
            unsaid: None,
            silenced_by: None,
        }
    }

    #[test]
    fn unknown_voices_go_by_their_place_and_are_counted_apart() {
        let lines = vec![
            heard(None, Some("room"), Some(358.0), 0),
            heard(None, Some("room"), Some(4.0), 1000),
            heard(None, Some("room"), Some(120.0), 2000),
            heard(None, Some("room"), None, 3000),
            heard(None, Some("remote"), None, 4000),
            heard(None, None, None, 5000),
        ];
        let meeting = Meeting { lines, ..Meeting::default() };
        let all = talk_times(&meeting);
        let ms = |name: &str| all.iter().find(|talk| talk.name == name).map(|talk| talk.ms);
        assert_eq!(ms("Unknown (room, 358°)"), Some(2000), "4° is the same place: {all:?}");
        assert_eq!(ms("Unknown (room, 120°)"), Some(1000));
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
