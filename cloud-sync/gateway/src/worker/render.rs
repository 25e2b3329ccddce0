//! A meeting's four files. Pure: the same meeting gives the same bytes.
//!
//! What the machine said stands out everywhere: its name is `Prim (AI)`. What it did, and that it was muted, stands
//! as a sentence in the place of words. `ARTIFACTS.md` says what each file holds.

use std::fmt::Write as _;

use serde_json::json;

use super::load::{Line, Meeting, Task, Thing, Voice};
use super::minutes;
use super::voices::{self, talk_times};

/// How long a cue shows at least, and when nobody knows how long it sounded.
const SHORTEST_CUE_MS: i64 = 1000;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its name.
    pub name: &'static str,
    /// Its kind in the table.
    pub kind: &'static str,
    /// Its media type.
    pub mime: &'static str,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// All files of a meeting.
#[must_use]
pub fn render(meeting: &Meeting) -> Vec<Artifact> {
    let file = |name, kind, mime, text: String| Artifact { name, kind, mime, bytes: text.into_bytes() };
    vec![
        file("transcript.md", "transcript", "text/markdown", minutes::markdown(meeting)),
        file("transcript.vtt", "transcript", "text/vtt", vtt(meeting)),
        file("transcript.srt", "transcript", "application/x-subrip", srt(meeting)),
        file("summary.json", "summary", "application/json", summary(meeting)),
    ]
}

/// What is shown of a line: words, or what happened in their place.
pub(super) fn words(line: &Line) -> String {
    match (&line.voice, &line.text) {
        (Voice::Ding, _) => "Prim asked for the floor with a soft ding.".to_owned(),
        (Voice::Muted, _) => {
            let to = line.end_ms.map_or_else(|| "the end".to_owned(), clock);
            format!("Prim was muted until {to} and heard nothing.")
        }
        (Voice::Person(_) | Voice::Prim, None) => "(words erased)".to_owned(),
        (Voice::Person(_), Some(text)) => begun_large(&one_line(text)),
        (Voice::Prim, Some(text)) => {
            let mark = cut_off(line);
            let heard = heard(line, text);
            [heard, mark].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
        }
    }
}

/// The recogniser knows no sentences; a line at least begins like one.
fn begun_large(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The same in a cue, where what happened has no voice before it and must not pass for words.
fn caption(line: &Line) -> String {
    match line.voice {
        Voice::Ding | Voice::Muted => format!("({})", words(line)),
        Voice::Person(_) | Voice::Prim => words(line),
    }
}

/// Of the words that Prim was about to say, the clauses that were heard whole.
fn heard(line: &Line, text: &str) -> String {
    let text = one_line(text);
    let rest = [&line.partly, &line.unsaid].into_iter().flatten().map(|part| one_line(part));
    let rest = rest.collect::<Vec<_>>().join(" ");
    text.strip_suffix(&rest).unwrap_or(&text).trim_end().to_owned()
}

/// Why Prim fell silent early, within which clause, and what nobody heard. Nothing when all of it was heard.
fn cut_off(line: &Line) -> String {
    let Some(cause) = &line.silenced_by else {
        // Its end was never recorded: the device stopped while it spoke.
        return if line.end_ms.is_none() { "(How much of this was heard is not known.)" } else { "" }
            .to_owned();
    };
    let partly = line.partly.iter().map(|partly| format!(" Heard in part: “{}”", one_line(partly)));
    let unsaid = line.unsaid.iter().map(|unsaid| format!(" Not said: “{}”", one_line(unsaid)));
    let missed: String = partly.chain(unsaid).collect();
    if missed.is_empty() { missed } else { format!("({}{missed})", why_silent(cause)) }
}

/// Why Prim fell silent, as a sentence. A cause that a newer device names is told by its own word.
fn why_silent(cause: &str) -> String {
    match cause {
        "barge_in" => "Prim fell silent because somebody began to talk.".to_owned(),
        "spoken_stop" => "Somebody told Prim to stop.".to_owned(),
        "button" => "Somebody stopped Prim with the button.".to_owned(),
        "panel" => "Somebody stopped Prim from the panel.".to_owned(),
        "mute" => "Prim was muted.".to_owned(),
        "cap" => "Prim's seven seconds were over.".to_owned(),
        "fault" => "The microphones or the loudspeaker failed.".to_owned(),
        "meeting_ended" => "The meeting ended.".to_owned(),
        other => format!("Prim fell silent ({}).", other.replace('_', " ")),
    }
}

/// What was said of the day, where that is all that the action's detail holds: the device writes `due: friday`.
pub(super) fn due_said(task: &Task) -> Option<&str> {
    task.thing.detail.as_deref()?.strip_prefix("due: ")
}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn clock(ms: i64) -> String {
    let seconds = ms / 1000;
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m:02}:{s:02}") }
}

fn stamp(ms: i64, separator: char) -> String {
    let seconds = ms / 1000;
    format!("{:02}:{:02}:{:02}{separator}{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, ms % 1000)
}

/// When the cue goes: short words are shown a little longer than they sounded, a speech that was cut off is not.
fn end_of(line: &Line) -> i64 {
    let least = if line.silenced_by.is_some() { 1 } else { SHORTEST_CUE_MS };
    let end = line.end_ms.unwrap_or(line.start_ms + SHORTEST_CUE_MS);
    end.max(line.start_ms + least)
}

fn vtt(meeting: &Meeting) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut out = String::from("WEBVTT\n");
    for line in &meeting.lines {
        let voice = match escape(&one_line(&voices::name(meeting, line))).replace('.', "").as_str() {
            "" => String::new(),
            name => format!("<v {name}>"),
        };
        let (from, to) = (stamp(line.start_ms, '.'), stamp(end_of(line), '.'));
        let _ = write!(out, "\n{}\n{from} --> {to}\n{voice}{}\n", line.id, escape(&caption(line)));
    }
    out
}

fn srt(meeting: &Meeting) -> String {
    let mut out = String::new();
    for (index, line) in meeting.lines.iter().enumerate() {
        let voice = match one_line(&voices::name(meeting, line)).replace("-->", "→").as_str() {
            "" => String::new(),
            name => format!("{name}: "),
        };
        let (from, to) = (stamp(line.start_ms, ','), stamp(end_of(line), ','));
        let shown = caption(line).replace("-->", "→");
        let _ = write!(out, "{}\n{from} --> {to}\n{voice}{shown}\n\n", index + 1);
    }
    out
}

fn summary(meeting: &Meeting) -> String {
    let thing = |thing: &Thing| {
        json!({
            "id": thing.id, "title": thing.title, "detail": thing.detail, "agenda_item": thing.item,
            "utterances": thing.utterances,
        })
    };
    let prim: Vec<_> = meeting
        .lines
        .iter()
        .filter(|line| matches!(line.voice, Voice::Prim | Voice::Ding))
        .map(|line| {
            json!({
                "id": line.id,
                "kind": if line.voice == Voice::Ding { "ding" } else { "speech" },
                "start_ms": line.start_ms,
                "end_ms": line.end_ms,
                "text": line.text.as_deref().map(|text| heard(line, text)),
                "silenced_by": line.silenced_by,
                "partly": line.partly,
                "unsaid": line.unsaid,
            })
        })
        .collect();
    let all = json!({
        "v": 1,
        "meeting": meeting.id,
        "org": meeting.org,
        "title": meeting.title,
        "started_at": meeting.started_at,
        "duration_ms": meeting.duration_ms,
        "mode": meeting.mode,
        "participants": meeting.people.iter().map(|person| json!({
            "id": person.id, "name": person.name, "role": person.role, "place": person.place,
        })).collect::<Vec<_>>(),
        "agenda": meeting.agenda.iter().map(|item| json!({
            "id": item.id, "title": item.title, "planned_ms": item.planned_ms, "spent_ms": item.spent_ms,
        })).collect::<Vec<_>>(),
        "decisions": meeting.decisions.iter().map(thing).collect::<Vec<_>>(),
        "actions": meeting.actions.iter().map(|task| json!({
            "id": task.thing.id, "title": task.thing.title,
            "detail": task.thing.detail.as_deref().filter(|_| due_said(task).is_none()), "owner": task.owner,
            "owner_name": task.owner.as_deref().map(|owner| meeting.name_of(Some(owner))),
            "due": task.due, "due_said": due_said(task), "status": task.status, "agenda_item": task.thing.item,
            "utterances": task.thing.utterances,
        })).collect::<Vec<_>>(),
        "notes": meeting.notes.iter().map(thing).collect::<Vec<_>>(),
        "talk_times": talk_times(meeting).into_iter().map(|talk| json!({
            "name": talk.name, "participant": talk.participant, "ms": talk.ms,
        })).collect::<Vec<_>>(),
        "muted": meeting.lines.iter().filter(|line| line.voice == Voice::Muted).map(|line| json!({
            "from_ms": line.start_ms, "to_ms": line.end_ms,
        })).collect::<Vec<_>>(),
        "prim": prim,
    });
    let mut text = serde_json::to_string_pretty(&all).expect("a summary is strings and numbers");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::super::load::{Item, Person, Task};
    use super::*;

    fn line(id: &str, voice: Voice, start_ms: i64, text: &str) -> Line {
        let (text, partly, unsaid, silenced_by) = (Some(text.to_owned()), None, None, None);
        let (ear, bearing_deg, speaker_label, end_ms) = (None, None, None, Some(start_ms + 2500));
        Line {
            id: id.to_owned(),
            voice,
            ear,
            bearing_deg,
            speaker_label,
            start_ms,
            end_ms,
            text,
            partly,
            unsaid,
            silenced_by,
        }
    }

    fn meeting() -> Meeting {
        let thing = |title: &str| Thing {
            id: "d".into(),
            title: Some(title.into()),
            detail: None,
            item: Some("i1".into()),
            utterances: vec!["u1".into()],
        };
        let whole = "Two minutes are left. Shall we go on with Hiring? Or do you need more time?";
        let mut prim = line("u2", Voice::Prim, 63_000, whole);
        prim.end_ms = Some(63_900);
        prim.silenced_by = Some("barge_in".into());
        prim.partly = Some("Shall we go on with Hiring?".into());
        prim.unsaid = Some("Or do you need more time?".into());
        Meeting {
            org: "acme".into(),
            id: "m".into(),
            title: Some("Weekly *plan*".into()),
            started_at: Some("2026-11-21T09:00:00Z".into()),
            duration_ms: Some(180_000),
            people: vec![Person {
                id: "p1".into(),
                name: Some("Ana".into()),
                role: Some("host".into()),
                place: None,
            }],
            agenda: vec![Item {
                id: "i1".into(),
                title: Some("Release".into()),
                planned_ms: Some(60_000),
                spent_ms: 61_000,
            }],
            lines: vec![
                line("u1", Voice::Person(Some("p1".into())), 1200, "we ship\n<b>on --> Friday"),
                line("u3", Voice::Ding, 60_000, ""),
                prim,
                line("muted-100000", Voice::Muted, 100_000, ""),
                line("u4", Voice::Person(None), 3_700_000, "who am I"),
            ],
            decisions: vec![thing("Ship on Friday")],
            actions: vec![Task {
                thing: Thing { detail: Some("due: thursday".into()), ..thing("Write it down") },
                owner: Some("p1".into()),
                due: Some("2026-12-03".into()),
                status: Some("open".into()),
            }],
            ..Meeting::default()
        }
    }

    fn text(name: &str) -> String {
        let file = render(&meeting()).into_iter().find(|file| file.name == name).unwrap();
        String::from_utf8(file.bytes).unwrap()
    }

    #[test]
    fn the_markdown_names_people_and_marks_the_machine() {
        let text = text("transcript.md");
        assert!(text.starts_with("# Weekly \\*plan\\*\n"), "{text}");
        assert!(text.contains("**Ana** (00:01) We ship \\<b\\>on --\\> Friday\n"), "{text}");
        assert!(text.contains("\n(01:00) *Prim asked for the floor with a soft ding.*\n"), "{text}");
        assert!(text.contains("\n(01:40) *Prim was muted until 01:42 and heard nothing.*\n"), "{text}");
        assert!(
            text.contains(
                "**Prim (AI)** (01:03) Two minutes are left. (Prim fell silent because somebody began to talk. Heard \
                 in part: “Shall we go on with Hiring?” Not said: “Or do you need more time?”)\n"
            ),
            "{text}"
        );
        assert!(text.contains("**Unknown** (1:01:40)"), "{text}");
        assert!(text.contains("- Write it down — Ana, due 3 December 2026 (“thursday”)\n"), "{text}");
    }

    #[test]
    fn cues_have_times_and_nothing_in_them_can_break_the_file() {
        let vtt = text("transcript.vtt");
        assert!(
            vtt.starts_with(
                "WEBVTT\n\nu1\n00:00:01.200 --> 00:00:03.700\n<v Ana>We ship &lt;b&gt;on --&gt; Friday\n"
            ),
            "{vtt}"
        );
        assert!(
            vtt.contains("\n(Prim asked for the floor with a soft ding.)\n")
                && vtt.contains("\n(Prim was muted until 01:42 and heard nothing.)\n"),
            "{vtt}"
        );
        let srt = text("transcript.srt");
        assert!(srt.contains("\n(Prim asked for the floor with a soft ding.)\n"), "{srt}");
        assert!(
            srt.starts_with("1\n00:00:01,200 --> 00:00:03,700\nAna: We ship <b>on → Friday\n\n2\n"),
            "{srt}"
        );
    }

    #[test]
    fn the_summary_holds_decisions_actions_talk_times_and_prim() {
        let value: serde_json::Value = serde_json::from_str(&text("summary.json")).unwrap();
        assert_eq!(value["decisions"][0]["title"], "Ship on Friday");
        assert_eq!(value["actions"][0]["owner_name"], "Ana");
        assert_eq!(value["actions"][0]["due"], "2026-12-03");
        assert_eq!(value["actions"][0]["due_said"], "thursday");
        assert!(value["actions"][0]["detail"].is_null(), "it says nothing else");
        assert_eq!(value["agenda"][0]["id"], "i1");
        assert_eq!(value["actions"][0]["agenda_item"], "i1");
        assert_eq!(value["decisions"][0]["agenda_item"], "i1");
        assert_eq!(value["talk_times"][0]["ms"], 2500);
        assert_eq!(value["muted"], serde_json::json!([{"from_ms": 100_000, "to_ms": 102_500}]));
        assert_eq!(value["prim"].as_array().unwrap().len(), 2);
        assert_eq!(value["prim"][0]["kind"], "ding");
    }

    #[test]
    fn the_cue_of_a_speech_that_was_cut_off_ends_where_silence_began() {
        let shown = "Two minutes are left. (Prim fell silent because somebody began to talk. Heard in part: “Shall we go \
                     on with Hiring?” Not said: “Or do you need more time?”)";
        let vtt = text("transcript.vtt");
        assert!(vtt.contains(&format!("00:01:03.000 --> 00:01:03.900\n<v Prim (AI)>{shown}\n")), "{vtt}");
        let srt = text("transcript.srt");
        assert!(srt.contains(&format!("00:01:03,000 --> 00:01:03,900\nPrim (AI): {shown}\n")), "{srt}");
        let value: serde_json::Value = serde_json::from_str(&text("summary.json")).unwrap();
        assert_eq!(value["prim"][1]["text"], "Two minutes are left.");
        assert_eq!(value["prim"][1]["partly"], "Shall we go on with Hiring?");
        assert_eq!(value["prim"][1]["unsaid"], "Or do you need more time?");
    }

    #[test]
    fn words_of_prim_stand_whole_only_when_all_of_them_were_heard() {
        let shown = |partly: Option<&str>, unsaid: Option<&str>, end_ms| {
            let mut prim = line("u", Voice::Prim, 0, "One two. Three four.");
            prim.silenced_by = Some("button".into());
            (prim.partly, prim.unsaid) = (partly.map(str::to_owned), unsaid.map(str::to_owned));
            prim.end_ms = end_ms;
            words(&prim)
        };
        let cut = |partly, unsaid| shown(partly, unsaid, Some(900));
        assert_eq!(cut(None, None), "One two. Three four.");
        assert_eq!(
            cut(None, Some("Three four.")),
            "One two. (Somebody stopped Prim with the button. Not said: “Three four.”)"
        );
        assert_eq!(
            cut(Some("One two."), Some("Three four.")),
            "(Somebody stopped Prim with the button. Heard in part: “One two.” Not said: “Three four.”)"
        );
        let mut lost = line("u", Voice::Prim, 0, "One two.");
        lost.end_ms = None;
        assert_eq!(words(&lost), "One two. (How much of this was heard is not known.)");
    }

    #[test]
    fn erased_words_are_shown_as_erased() {
        let mut meeting = meeting();
        for line in &mut meeting.lines {
            line.text = None;
        }
        meeting.title = None;
        let text = String::from_utf8(render(&meeting).swap_remove(0).bytes).unwrap();
        assert!(text.contains("(words erased)") && !text.contains("ship"), "{text}");
    }

    #[test]
    fn the_minutes_begin_with_when_how_long_who_and_what_was_planned() {
        let text = text("transcript.md");
        let head = "# Weekly \\*plan\\*\n\n21 November 2026, 09:00 UTC, 3 minutes\n\n## Present\n\n- Ana (host)\n\n\
                    ## Agenda\n\n- Release: 1 minute planned, 1 minute 1 second spent\n\n## Decisions\n";
        assert!(text.starts_with(head), "{text}");
    }

    #[test]
    fn every_field_of_the_summary_is_documented() {
        fn fields(value: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
            match value {
                serde_json::Value::Object(object) => {
                    for (name, value) in object {
                        found.insert(name.clone());
                        fields(value, found);
                    }
                }
                serde_json::Value::Array(all) => all.iter().for_each(|value| fields(value, found)),
                serde_json::Value::Null
                | serde_json::Value::Bool(_)
                | serde_json::Value::Number(_)
                | serde_json::Value::String(_) => {}
            }
        }
        let mut meeting = meeting();
        meeting.notes = meeting.decisions.clone();
        let bytes = render(&meeting).pop().unwrap().bytes;
        let mut found = std::collections::BTreeSet::new();
        fields(&serde_json::from_slice(&bytes).unwrap(), &mut found);
        let documented = include_str!("../../ARTIFACTS.md");
        let missing: Vec<_> =
            found.iter().filter(|name| !documented.contains(&format!("`{name}`"))).collect();
        assert!(missing.is_empty(), "{missing:?} are not in ARTIFACTS.md");
    }
}
