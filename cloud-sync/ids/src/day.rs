//! A day of the calendar, as people name one. It has no time of day and no zone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::WallTime;

/// A day of the Gregorian calendar, from year 1 to year 9999.
///
/// ```
/// use prim_ids::Day;
/// let day: Day = "2026-12-03".parse().unwrap();
/// assert_eq!((day.ymd(), day.weekday()), ((2026, 12, 3), 3));
/// assert_eq!(day.plus(29).unwrap().to_string(), "2027-01-01");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Day(i32);

/// Why a text is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("read a day: expected year-month-day such as 2026-12-03, between the years 1 and 9999")]
pub struct ParseDayError;

impl Day {
    /// The day on which this moment falls where clocks are `offset_min` minutes ahead of UTC.
    #[must_use]
    pub fn at(wall: WallTime, offset_min: i16) -> Option<Self> {
        let local_ms = wall.unix_millis().saturating_add(i64::from(offset_min) * 60_000);
        i32::try_from(local_ms.div_euclid(86_400_000)).ok().map(Self).filter(|day| day.in_range())
    }

    /// That day, if the calendar has it.
    #[must_use]
    pub fn from_ymd(year: i32, month: u8, day: u8) -> Option<Self> {
        if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day == 0 {
            return None;
        }
        // Days from civil: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", with March as the first month.
        let year_from_march = if month <= 2 { year - 1 } else { year };
        let era = year_from_march.div_euclid(400);
        let year_of_era = year_from_march - era * 400;
        let month_from_march = (i32::from(month) + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + i32::from(day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let made = Self(era * 146_097 + day_of_era - 719_468);
        (made.ymd() == (year, month, day)).then_some(made)
    }

    /// Year, month from 1, day from 1.
    #[must_use]
    pub fn ymd(self) -> (i32, u8, u8) {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days - era * 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i32::from(month <= 2);
        // The arithmetic keeps both between 1 and 31.
        (year, u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
    }

    /// 0 is Monday, 6 is Sunday.
    #[must_use]
    pub fn weekday(self) -> u8 {
        // 1 January 1970 was a Thursday.
        u8::try_from((self.0 + 3).rem_euclid(7)).unwrap_or(0)
    }

    /// So many days later, within the calendar.
    #[must_use]
    pub fn plus(self, days: i32) -> Option<Self> {
        self.0.checked_add(days).map(Self).filter(|day| day.in_range())
    }

    fn in_range(self) -> bool {
        // From 0001-01-01 to 9999-12-31.
        (-719_162..=2_932_896).contains(&self.0)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Day {
    type Err = ParseDayError;
    fn from_str(text: &str) -> Result<Self, ParseDayError> {
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts[..] else { return Err(ParseDayError) };
        let digits = |part: &str, len: usize| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
        if !(digits(year, 4) && digits(month, 2) && digits(day, 2)) {
            return Err(ParseDayError);
        }
        let number = |part: &str| part.parse::<u8>().map_err(|_| ParseDayError);
        let year = year.parse().map_err(|_| ParseDayError)?;
        Self::from_ymd(year, number(month)?, number(day)?).ok_or(ParseDayError)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_eight_centuries_reads_back_and_follows_the_day_before() {
        let mut day = Day::from_ymd(1600, 1, 1).unwrap();
        for _ in 0..292_194 {
            let next = day.plus(1).unwrap();
            assert_eq!(next.weekday(), (day.weekday() + 1) % 7);
            assert_eq!(next.to_string().parse(), Ok(next));
            assert!(next.ymd() > day.ymd());
            day = next;
        }
        assert_eq!(day.to_string(), "2400-01-01");
    }

    #[test]
    fn what_the_calendar_does_not_have_is_no_day() {
        for text in
            ["2026-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-4-31", "0000-01-01", "26-12-03"]
        {
            assert_eq!(text.parse::<Day>(), Err(ParseDayError), "{text}");
        }
        assert!("2028-02-29".parse::<Day>().is_ok() && "2000-02-29".parse::<Day>().is_ok());
        let last: Day = "9999-12-31".parse().unwrap();
        assert_eq!((last.plus(1), "0001-01-01".parse::<Day>().unwrap().plus(-1)), (None, None));
    }

    #[test]
    fn the_same_moment_is_another_day_elsewhere() {
        let wall = WallTime::from_unix_millis(1_795_737_600_000 - 1);
        let day = |offset| Day::at(wall, offset).unwrap().to_string();
        assert_eq!((day(0), day(60)), ("2026-11-26".to_owned(), "2026-11-27".to_owned()));
    }
}
