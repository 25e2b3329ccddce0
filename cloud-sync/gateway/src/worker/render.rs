//! A meeting's four files. Pure: the same meeting gives the same bytes.
//!
//! What the machine said stands out everywhere: its name is `[Prim]`. Where it was muted, that stands in the place
//! of the words it could not hear.

use std::fmt::Write as _;

use serde_json::json;

use super::load::{Line, Meeting, Thing, Voice};
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
        file("transcript.md", "transcript", "text/markdown", markdown(meeting)),
        file("transcript.vtt", "transcript", "text/vtt", vtt(meeting)),
        file("transcript.srt", "transcript", "application/x-subrip", srt(meeting)),
        file("summary.json", "summary", "application/json", summary(meeting)),
    ]
}

/// The words as shown: nothing that could end a line, a cue or a tag.
fn words(line: &Line) -> String {
    match (&line.voice, &line.text) {
        (Voice::Ding, _) => "[dings]".to_owned(),
        (Voice::Muted, _) => {
            let to = line.end_ms.map_or_else(|| "the end".to_owned(), clock);
            format!("[muted from {} to {to}]", clock(line.start_ms))
        }
        (Voice::Person(_) | Voice::Prim, None) => "[erased]".to_owned(),
        (Voice::Person(_), Some(text)) => one_line(text),
        (Voice::Prim, Some(text)) => {
            let mark = cut_off(line);
            let heard = heard(line, text);
            [heard, mark].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
        }
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
        return if line.end_ms.is_none() { "[how much of this was heard is not known]" } else { "" }
            .to_owned();
    };
    let partly = line.partly.iter().map(|partly| format!("; heard in part: {}", one_line(partly)));
    let unsaid = line.unsaid.iter().map(|unsaid| format!("; not said: {}", one_line(unsaid)));
    let missed: String = partly.chain(unsaid).collect();
    if missed.is_empty() { missed } else { format!("[interrupted: {}{missed}]", cause.replace('_', " ")) }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn plain_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '<' | '>' | '#' | '|') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn clock(ms: i64) -> String {
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

fn markdown(meeting: &Meeting) -> String {
    let mut out = String::new();
    let title = meeting.title.as_deref().map_or_else(|| "Meeting".to_owned(), one_line);
    let _ = writeln!(out, "# {}\n", plain_markdown(&title));
    if let Some(started) = &meeting.started_at {
        let length = meeting.duration_ms.map(|ms| format!(", {} long", clock(ms))).unwrap_or_default();
        let _ = writeln!(out, "{started}{length}\n");
    }
    for person in &meeting.people {
        let name = plain_markdown(&meeting.name_of(Some(&person.id)));
        let facts: Vec<&str> =
            [&person.role, &person.place].into_iter().flatten().map(String::as_str).collect();
        let _ = writeln!(
            out,
            "- {name}{}",
            if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) }
        );
    }
    let list = |out: &mut String, heading: &str, things: &mut dyn Iterator<Item = String>| {
        let mut things = things.peekable();
        if things.peek().is_some() {
            let _ = writeln!(out, "\n## {heading}\n");
            for thing in things {
                let _ = writeln!(out, "- {thing}");
            }
        }
    };
    let said = |thing: &Thing| {
        let title = thing
            .title
            .as_deref()
            .map_or_else(|| "[erased]".to_owned(), |text| plain_markdown(&one_line(text)));
        match &thing.detail {
            Some(detail) => format!("{title}: {}", plain_markdown(&one_line(detail))),
            None => title,
        }
    };
    list(&mut out, "Decisions", &mut meeting.decisions.iter().map(said));
    list(
        &mut out,
        "Actions",
        &mut meeting.actions.iter().map(|task| {
            let owner = task
                .owner
                .as_deref()
                .map(|owner| format!(" — {}", plain_markdown(&meeting.name_of(Some(owner)))));
            let due = task.due.as_deref().map(|due| format!(" (due {due})"));
            format!(
                "[{}] {}{}{}",
                task.status.as_deref().unwrap_or("open"),
                said(&task.thing),
                owner.unwrap_or_default(),
                due.unwrap_or_default()
            )
        }),
    );
    list(&mut out, "Notes", &mut meeting.notes.iter().map(said));
    out.push_str("\n## Transcript\n\n");
    for line in &meeting.lines {
        let shown = plain_markdown(&words(line));
        let _ = match plain_markdown(&one_line(&voices::name(meeting, line))).as_str() {
            "" => writeln!(out, "{shown}  "),
            name => writeln!(out, "**{name}** ({}) {shown}  ", clock(line.start_ms)),
        };
    }
    out
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
        let _ = write!(out, "\n{}\n{from} --> {to}\n{voice}{}\n", line.id, escape(&words(line)));
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
        let shown = words(line).replace("-->", "→");
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
            "id": task.thing.id, "title": task.thing.title, "detail": task.thing.detail, "owner": task.owner,
            "owner_name": task.owner.as_deref().map(|owner| meeting.name_of(Some(owner))),
            "due": task.due, "status": task.status, "agenda_item": task.thing.item,
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
                thing: thing("Write it down"),
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
        assert!(text.contains("**Ana** (00:01) we ship \\<b\\>on --\\> Friday"), "{text}");
        assert!(text.contains("**[Prim]** (01:00) [dings]"), "{text}");
        assert!(text.contains("\n[muted from 01:40 to 01:42]  \n"), "{text}");
        assert!(
            text.contains(
                "**[Prim]** (01:03) Two minutes are left. [interrupted: barge in; heard in part: Shall we go on \
                 with Hiring?; not said: Or do you need more time?]  \n"
            ),
            "{text}"
        );
        assert!(text.contains("**Unknown** (1:01:40)"), "{text}");
        assert!(text.contains("- [open] Write it down — Ana (due 2026-12-03)\n"), "{text}");
    }

    #[test]
    fn cues_have_times_and_nothing_in_them_can_break_the_file() {
        let vtt = text("transcript.vtt");
        assert!(
            vtt.starts_with(
                "WEBVTT\n\nu1\n00:00:01.200 --> 00:00:03.700\n<v Ana>we ship &lt;b&gt;on --&gt; Friday\n"
            ),
            "{vtt}"
        );
        assert!(
            vtt.contains("<v [Prim]>[dings]\n") && vtt.contains("\n[muted from 01:40 to 01:42]\n"),
            "{vtt}"
        );
        let srt = text("transcript.srt");
        assert!(srt.contains("\n[Prim]: [dings]\n") && srt.contains("\n[muted from 01:40"), "{srt}");
        assert!(
            srt.starts_with("1\n00:00:01,200 --> 00:00:03,700\nAna: we ship <b>on → Friday\n\n2\n"),
            "{srt}"
        );
    }

    #[test]
    fn the_summary_holds_decisions_actions_talk_times_and_prim() {
        let value: serde_json::Value = serde_json::from_str(&text("summary.json")).unwrap();
        assert_eq!(value["decisions"][0]["title"], "Ship on Friday");
        assert_eq!(value["actions"][0]["owner_name"], "Ana");
        assert_eq!(value["actions"][0]["due"], "2026-12-03");
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
        let shown = "Two minutes are left. [interrupted: barge in; heard in part: Shall we go on with Hiring?; \
                     not said: Or do you need more time?]";
        let vtt = text("transcript.vtt");
        assert!(vtt.contains(&format!("00:01:03.000 --> 00:01:03.900\n<v [Prim]>{shown}\n")), "{vtt}");
        let srt = text("transcript.srt");
        assert!(srt.contains(&format!("00:01:03,000 --> 00:01:03,900\n[Prim]: {shown}\n")), "{srt}");
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
        assert_eq!(cut(None, Some("Three four.")), "One two. [interrupted: button; not said: Three four.]");
        assert_eq!(
            cut(Some("One two."), Some("Three four.")),
            "[interrupted: button; heard in part: One two.; not said: Three four.]"
        );
        let mut lost = line("u", Voice::Prim, 0, "One two.");
        lost.end_ms = None;
        assert_eq!(words(&lost), "One two. [how much of this was heard is not known]");
    }

    #[test]
    fn erased_words_are_shown_as_erased() {
        let mut meeting = meeting();
        for line in &mut meeting.lines {
            line.text = None;
        }
        meeting.title = None;
        let text = String::from_utf8(render(&meeting).swap_remove(0).bytes).unwrap();
        assert!(text.contains("[erased]") && !text.contains("we ship"), "{text}");
    }
}
