//! `transcript.md`: the meeting as minutes, for somebody who was not there. Pure.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::load::{Item, Meeting, Person, Task, Thing, Voice};
use super::render::{clock, due_said, one_line, words};
use super::voices;

/// The whole file.
pub(super) fn markdown(meeting: &Meeting) -> String {
    let mut out = String::new();
    let title = meeting.title.as_deref().map_or_else(|| "Meeting".to_owned(), plain);
    let _ = writeln!(out, "# {title}");
    let facts = [meeting.started_at.as_deref().map(moment), meeting.duration_ms.map(length)];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    if !facts.is_empty() {
        let _ = writeln!(out, "\n{}", facts.join(", "));
    }
    list(&mut out, "Present", meeting.people.iter().map(|person| present(meeting, person)));
    list(&mut out, "Agenda", meeting.agenda.iter().map(item));
    list(&mut out, "Decisions", meeting.decisions.iter().map(thing));
    list(&mut out, "Actions", meeting.actions.iter().map(|task| action(meeting, task)));
    list(&mut out, "Notes", meeting.notes.iter().map(thing));
    out.push_str("\n## Transcript\n");
    let unnamed = |voice: &Voice| matches!(voice, Voice::Person(None));
    if meeting.lines.iter().any(|line| unnamed(&line.voice) && line.speaker_label.is_some()) {
        out.push_str(
            "\n*A number stands for a voice in the room: where it spoke from tells it from the others, who it is is not \
             known.*\n",
        );
    }
    for line in &meeting.lines {
        let (at, shown) = (clock(line.start_ms), plain(&words(line)));
        let _ = match plain(&voices::name(meeting, line)).as_str() {
            "" => writeln!(out, "\n({at}) *{shown}*"),
            name => writeln!(out, "\n**{name}** ({at}) {shown}"),
        };
    }
    out
}

fn list(out: &mut String, heading: &str, things: impl Iterator<Item = String>) {
    let mut things = things.peekable();
    if things.peek().is_some() {
        let _ = writeln!(out, "\n## {heading}\n");
        for thing in things {
            let _ = writeln!(out, "- {thing}");
        }
    }
}

fn present(meeting: &Meeting, person: &Person) -> String {
    let name = plain(&meeting.name_of(Some(&person.id)));
    let place = match person.place.as_deref() {
        Some("room") => ", in the room".to_owned(),
        Some(other) => format!(", {}", plain(other)),
        None => String::new(),
    };
    // Everybody is a member; what somebody is besides is worth a word.
    let role = person.role.as_deref().filter(|role| *role != "member");
    format!("{name}{place}{}", role.map(|role| format!(" ({})", plain(role))).unwrap_or_default())
}

fn item(item: &Item) -> String {
    let title = item.title.as_deref().map_or_else(erased, plain);
    match item.planned_ms {
        Some(planned) => format!("{title}: {} planned, {} spent", length(planned), length(item.spent_ms)),
        None => format!("{title}: {} spent", length(item.spent_ms)),
    }
}

fn erased() -> String {
    "(words erased)".to_owned()
}

fn thing(thing: &Thing) -> String {
    let title = thing.title.as_deref().map_or_else(erased, plain);
    match &thing.detail {
        Some(detail) => format!("{title}: {}", plain(detail)),
        None => title,
    }
}

fn action(meeting: &Meeting, task: &Task) -> String {
    let said = due_said(task);
    let title = match said {
        Some(_) => task.thing.title.as_deref().map_or_else(erased, plain),
        None => thing(&task.thing),
    };
    let owner = task.owner.as_deref().map(|owner| plain(&meeting.name_of(Some(owner))));
    let due = match (task.due.as_deref(), said) {
        (Some(due), Some(said)) => Some(format!("due {} (“{}”)", day(due), plain(said))),
        (Some(due), None) => Some(format!("due {}", day(due))),
        (None, Some(said)) => Some(format!("due “{}”", plain(said))),
        (None, None) => None,
    };
    let status = task.status.as_deref().filter(|status| *status != "open").map(plain);
    let facts: Vec<String> = [owner, due, status].into_iter().flatten().collect();
    if facts.is_empty() { title } else { format!("{title} — {}", facts.join(", ")) }
}

/// On one line, and nothing in it that Markdown would take for a mark.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '<' | '>' | '#' | '|' | '[' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// `2026-11-21T09:00:00Z` as a person says it.
fn moment(iso: &str) -> String {
    iso.parse::<Timestamp>().map_or_else(
        |_| plain(iso),
        |time| time.to_zoned(TimeZone::UTC).strftime("%-d %B %Y, %H:%M UTC").to_string(),
    )
}

fn day(iso: &str) -> String {
    iso.parse::<Date>().map_or_else(|_| plain(iso), |date| date.strftime("%-d %B %Y").to_string())
}

/// A length in at most two units: nobody minds the seconds of an hour.
fn length(ms: i64) -> String {
    let seconds = (ms.max(0) + 500) / 1000;
    let count = |n: i64, unit: &str| match n {
        0 => None,
        1 => Some(format!("1 {unit}")),
        n => Some(format!("{n} {unit}s")),
    };
    let parts = if seconds >= 3600 {
        let minutes = (seconds + 30) / 60;
        [count(minutes / 60, "hour"), count(minutes % 60, "minute")]
    } else {
        [count(seconds / 60, "minute"), count(seconds % 60, "second")]
    };
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "no time".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_days_are_said_as_people_say_them() {
        assert_eq!(
            [0, 36_000, 60_400, 180_436, 3_600_000, 5_430_000].map(length),
            ["no time", "36 seconds", "1 minute", "3 minutes", "1 hour", "1 hour 31 minutes"]
        );
        assert_eq!(day("2026-12-03"), "3 December 2026");
        assert_eq!(moment("2026-11-21T09:00:00Z"), "21 November 2026, 09:00 UTC");
        assert_eq!((day("soon").as_str(), moment("once").as_str()), ("soon", "once"));
    }
}
