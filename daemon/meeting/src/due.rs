//! "By Friday", "tomorrow", "by the third of December": the day that the words of an action item name, if they name one
//! for certain. From the local date as an argument; no clock is read.

use prim_ids::Day;

use crate::words::tokens;

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const ORDINALS: [&str; 20] = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
];

/// The day that `text` names when it is said on `today`. A weekday is the next one after today, "next" one that of the
/// coming week (Monday to Sunday); a date without a year is the next such date, today included.
pub(crate) fn day(text: &str, today: Day) -> Option<Day> {
    let all = tokens(text);
    let words: Vec<&str> = all.iter().map(|token| token.word.as_str()).collect();
    let words = match words[..] {
        ["by" | "before" | "until" | "on", ref rest @ ..] => rest,
        _ => &words[..],
    };
    match *words {
        ["today" | "tonight"] => Some(today),
        ["tomorrow"] | ["tomorrow", "morning" | "noon" | "evening"] => today.plus(1),
        ["the", "day", "after", "tomorrow"] => today.plus(2),
        ["next", weekday] => {
            let monday = today.plus(7 - i32::from(today.weekday()))?;
            monday.plus(index(&WEEKDAYS, weekday)?)
        }
        [weekday] | ["this", weekday] if WEEKDAYS.contains(&weekday) => {
            let ahead = (index(&WEEKDAYS, weekday)? - i32::from(today.weekday())).rem_euclid(7);
            today.plus(if ahead == 0 { 7 } else { ahead })
        }
        ["end", "of", "month"] | ["the", "end", "of", "month"] | ["the", "end", "of", "the", "month"] => {
            let (year, month, _) = today.ymd();
            last_of(year, month)
        }
        [year, month, day] if is_year(year) && month.bytes().all(|b| b.is_ascii_digit()) => {
            Day::from_ymd(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
        }
        _ => date(words, today),
    }
}

fn index(list: &[&str], word: &str) -> Option<i32> {
    list.iter().position(|one| *one == word).and_then(|at| i32::try_from(at).ok())
}

fn is_year(word: &str) -> bool {
    word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit())
}

fn last_of(year: i32, month: u8) -> Option<Day> {
    (28..=31).rev().find_map(|day| Day::from_ymd(year, month, day))
}

/// "3 December", "the third of December", "December 3rd", "December twenty first", each with or without a year.
fn date(words: &[&str], today: Day) -> Option<Day> {
    let (words, year) = match words {
        [rest @ .., year] if is_year(year) => (rest, Some(year.parse::<i32>().ok()?)),
        _ => (words, None),
    };
    let (month, number): (&str, Vec<&str>) = match words {
        [month, number @ ..] if MONTHS.contains(month) => (month, number.to_vec()),
        [number @ .., month] => (month, number.to_vec()),
        [] => return None,
    };
    let number: Vec<&str> = number.into_iter().filter(|word| !matches!(*word, "the" | "of")).collect();
    let month = u8::try_from(index(&MONTHS, month)? + 1).ok()?;
    let day = day_of_month(&number)?;
    match year {
        Some(year) => Day::from_ymd(year, month, day),
        // The 29th of February comes every eighth year at the latest.
        None => {
            let (this_year, ..) = today.ymd();
            (this_year..=this_year + 8)
                .find_map(|year| Day::from_ymd(year, month, day).filter(|day| *day >= today))
        }
    }
}

fn day_of_month(words: &[&str]) -> Option<u8> {
    let ordinal = |word: &str| index(&ORDINALS, word).and_then(|at| u8::try_from(at + 1).ok());
    match words {
        ["twenty", unit] => ordinal(unit).filter(|unit| *unit < 10).map(|unit| 20 + unit),
        ["thirty", "first"] => Some(31),
        ["thirtieth"] => Some(30),
        [word] => ordinal(word).or_else(|| {
            let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            let ending = &word[digits.len()..];
            let day = digits.parse().ok()?;
            matches!(ending, "" | "st" | "nd" | "rd" | "th").then_some(day)
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A Thursday.
    fn thursday() -> Day {
        "2026-11-26".parse().unwrap()
    }

    #[test]
    fn days_are_named_as_people_name_them() {
        for (said, expected) in [
            ("tomorrow", "2026-11-27"),
            ("by tomorrow", "2026-11-27"),
            ("Friday.", "2026-11-27"),
            ("Thursday", "2026-12-03"),
            ("next Friday", "2026-12-04"),
            ("by Monday", "2026-11-30"),
            ("3 December", "2026-12-03"),
            ("by the third of December", "2026-12-03"),
            ("December 3rd", "2026-12-03"),
            ("the twenty first of May", "2027-05-21"),
            ("december thirty first", "2026-12-31"),
            ("26 November", "2026-11-26"),
            ("25 November", "2027-11-25"),
            ("1 March 2028", "2028-03-01"),
            ("29 February", "2028-02-29"),
            ("2027-01-15", "2027-01-15"),
            ("the end of the month", "2026-11-30"),
        ] {
            assert_eq!(day(said, thursday()).map(|day| day.to_string()).as_deref(), Some(expected), "{said}");
        }
        for said in
            ["soon", "next week", "the summer", "31 November", "32 May", "Ana", "", "the day of reckoning"]
        {
            assert_eq!(day(said, thursday()), None, "{said}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_named_weekday_is_one_of_the_coming_seven_days(days in 0_i32..40_000, weekday in 0_usize..7) {
            let today = Day::from_ymd(1990, 1, 1).unwrap().plus(days).unwrap();
            let due = day(WEEKDAYS[weekday], today).unwrap();
            prop_assert_eq!(usize::from(due.weekday()), weekday);
            prop_assert!(due > today && due <= today.plus(7).unwrap());
        }

        #[test]
        fn every_date_is_read_in_each_way_of_saying_it(days in 0_i32..40_000, ahead in 0_i32..365) {
            let today = Day::from_ymd(1990, 1, 1).unwrap().plus(days).unwrap();
            let due = today.plus(ahead).unwrap();
            let (year, month, number) = due.ymd();
            let month = MONTHS[usize::from(month) - 1];
            for said in [
                format!("{number} {month}"),
                format!("by the {number}th of {month}"),
                format!("{month} {number}, {year}"),
                format!("{due}"),
            ] {
                prop_assert_eq!(day(&said, today), Some(due), "{}", said);
            }
        }

        #[test]
        fn any_words_give_a_day_that_is_not_past_or_none(text in ".{0,60}", days in 0_i32..40_000) {
            let today = Day::from_ymd(1990, 1, 1).unwrap().plus(days).unwrap();
            let with_year = text.bytes().filter(u8::is_ascii_digit).count() >= 4;
            prop_assert!(with_year || day(&text, today).is_none_or(|due| due >= today));
        }
    }
}
