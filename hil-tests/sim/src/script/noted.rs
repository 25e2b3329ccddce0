//! What a line asks Prim to write down, and how it should then read.

use prim_ids::Day;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::read::Fault;
use super::{Act, Item, Person};
use crate::measure::normalise;

/// A decision or an action as it should stand in the minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noted {
    /// Which of the two.
    pub kind: NotedKind,
    /// The words: those of the line, in its order, without the command and the owner.
    pub title: String,
    /// Whose it is: an index into the people; `None` when the line names nobody.
    pub owner: Option<usize>,
    /// Until when; `None` when the line does not say.
    pub due: Option<Due>,
    /// The title of the agenda item that runs then; `None` when the script does not say.
    pub item: Option<String>,
}

/// What can be written down and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotedKind {
    /// What was decided.
    Decision,
    /// What somebody will do.
    Action,
}

impl NotedKind {
    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Action => "action",
        }
    }
}

/// The day that a line names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// The day of the meeting.
    Today,
    /// The day after it.
    Tomorrow,
    /// The next one, as all that follow: never the day of the meeting itself.
    Monday,
    /// See Monday.
    Tuesday,
    /// See Monday.
    Wednesday,
    /// See Monday.
    Thursday,
    /// See Monday.
    Friday,
    /// See Monday.
    Saturday,
    /// See Monday.
    Sunday,
}

impl Due {
    /// The day that is meant by who says it on `today`.
    #[must_use]
    pub fn day(self, today: Day) -> Option<Day> {
        let next = |weekday: i32| today.plus((weekday - i32::from(today.weekday()) - 1).rem_euclid(7) + 1);
        match self {
            Self::Today => Some(today),
            Self::Tomorrow => today.plus(1),
            Self::Monday => next(0),
            Self::Tuesday => next(1),
            Self::Wednesday => next(2),
            Self::Thursday => next(3),
            Self::Friday => next(4),
            Self::Saturday => next(5),
            Self::Sunday => next(6),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNoted {
    decision: Option<String>,
    action: Option<String>,
    owner: Option<Spanned<String>>,
    due: Option<Due>,
    item: Option<Spanned<String>>,
}

pub(super) fn read_noted(
    raw: Spanned<RawNoted>,
    act: &Act,
    people: &[Person],
    agenda: &[Item],
) -> Result<Noted, Fault> {
    let at = raw.span().start;
    let raw = raw.into_inner();
    let fault = |why: &str| (at, "noted", why.to_owned());
    let Act::Say { text } = act else { return Err(fault("only what is said can be written down")) };
    let (kind, title) = match (raw.decision, raw.action) {
        (Some(title), None) => (NotedKind::Decision, title),
        (None, Some(title)) => (NotedKind::Action, title),
        (Some(_), Some(_)) | (None, None) => return Err(fault("it has either a decision or an action")),
    };
    if kind == NotedKind::Decision && (raw.owner.is_some() || raw.due.is_some()) {
        return Err(fault("only an action has an owner and a due day"));
    }
    let words = normalise(&title);
    let mut said = normalise(text).into_iter();
    if words.is_empty() || !words.iter().all(|word| said.any(|other| other == *word)) {
        return Err(fault("its words are some of those that are said, in their order"));
    }
    let owner = raw.owner.map(|name| {
        people.iter().position(|p| p.name == *name.get_ref()).ok_or_else(|| {
            let known = people.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ");
            (name.span().start, "owner", format!("{:?} is none of {known}", name.get_ref()))
        })
    });
    let item = raw.item.map(|title| match agenda.iter().any(|item| item.title == *title.get_ref()) {
        true => Ok(title.get_ref().clone()),
        false => {
            let why = format!("{:?} does not stand on the agenda", title.get_ref());
            Err((title.span().start, "item", why))
        }
    });
    Ok(Noted { kind, title, owner: owner.transpose()?, due: raw.due, item: item.transpose()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weekday_is_the_next_one_and_never_today() {
        let friday: Day = "2026-11-27".parse().unwrap();
        let day = |due: Due| due.day(friday).unwrap().to_string();
        assert_eq!(day(Due::Friday), "2026-12-04");
        assert_eq!(day(Due::Saturday), "2026-11-28");
        assert_eq!(day(Due::Thursday), "2026-12-03");
        assert_eq!(day(Due::Monday), "2026-11-30");
        assert_eq!((day(Due::Today), day(Due::Tomorrow)), ("2026-11-27".into(), "2026-11-28".into()));
    }
}
