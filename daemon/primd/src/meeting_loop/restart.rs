//! What a restarted daemon makes of the meeting that ran when it died: it goes on, or it is ended.
//!
//! Consent is given to a meeting, by those who are there. So only the meeting of the same plan goes on, and only after a
//! gap so short that nobody else sits there: as a service manager leaves it, or somebody who starts primd again. In all
//! other cases the old meeting is ended on record, and the one that was given begins under its own consent.

use std::time::Duration;

use prim_ids::MeetingId;
use prim_meeting::{Meeting, MeetingConfig, Snapshot};

use super::MeetingLoop;
use super::waiting::Later;
use crate::alive::Sign;
use crate::ledger::{Ledger, Memo};

/// A service manager starts a daemon again within seconds, people within minutes. After that those who agreed may have
/// left the room to others.
const LONGEST_AWAY: Duration = Duration::from_secs(5 * 60);
/// A time server may move the clock back by so much without anybody having set it.
const SLACK_MS: i64 = 1000;

/// Why a meeting does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Another meeting was given, or none.
    AnotherPlan,
    /// The daemon was away for too long.
    TooLong,
    /// The device was started again, and no trusted clock tells for how long it was off.
    AnotherBoot,
    /// A clock went backwards: nobody knows how long it was.
    ClockSetBack,
}

impl Why {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::AnotherPlan => "another_plan",
            Self::TooLong => "away_too_long",
            Self::AnotherBoot => "another_boot",
            Self::ClockSetBack => "clock_set_back",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::AnotherPlan => "primd was started with another meeting file than then, or without one",
            Self::TooLong => "primd was away for longer than five minutes",
            Self::AnotherBoot => {
                "the device was started again, and no trusted clock tells how long it was off"
            }
            Self::ClockSetBack => "a clock was set back, so nobody knows how long primd was away",
        }
    }
}

/// The core of before.
#[derive(Debug)]
pub(crate) struct Resumed {
    pub(crate) meeting: Meeting,
    /// The meeting that was ended by it.
    pub(crate) ended: Option<MeetingId>,
    /// The given meeting is to begin.
    pub(crate) begin: bool,
}

/// For how long it was away, if the meeting may go on.
fn judge(then: &Sign, now: &Sign, same_plan: bool) -> Result<Duration, Why> {
    let wall_ms = now.wall.unix_millis().saturating_sub(then.wall.unix_millis());
    let trusted = then.synced && now.synced;
    let by_wall = Duration::from_millis(u64::try_from(wall_ms).unwrap_or(0));
    let away = if !same_plan {
        return Err(Why::AnotherPlan);
    } else if wall_ms < -SLACK_MS {
        return Err(Why::ClockSetBack);
    } else if now.boot == then.boot {
        if now.at < then.at {
            return Err(Why::ClockSetBack);
        }
        let by_boot = now.at.since(then.at);
        // A machine that was frozen counts nothing meanwhile.
        if trusted { by_boot.max(by_wall) } else { by_boot }
    } else if trusted {
        by_wall
    } else {
        return Err(Why::AnotherBoot);
    };
    if away > LONGEST_AWAY { Err(Why::TooLong) } else { Ok(away) }
}

/// From what was saved, and the last sign of life; `None` when it is nothing of ours.
pub(crate) fn resume(
    saved: &str,
    alive: Option<Sign>,
    now: &Sign,
    ledger: &mut Ledger,
    config: MeetingConfig,
) -> Option<Resumed> {
    let (memo, snapshot) = saved.split_once('\n')?;
    let memo = Memo::read(memo)?;
    let snapshot = Snapshot::from_text(snapshot).ok()?;
    let then = memo.sign.or_later(alive);
    let ran = snapshot.meeting();
    let snapshot = if then.boot == now.boot { snapshot } else { snapshot.moved(now.at, now.wall) };
    match judge(&then, now, memo.plan == ledger.plan()) {
        Ok(away) => {
            let begin = ran.is_none() && !memo.begun;
            if ran.is_some() {
                tracing::warn!(
                    restart.away_ms = u64::try_from(away.as_millis()).unwrap_or(u64::MAX),
                    "a meeting was running when primd stopped; the plan is the same and the gap short, so it goes on under \
                     its consent, and open requests are expired"
                );
            } else if begin {
                tracing::warn!("primd stopped unasked before its meeting had begun; it begins now");
            } else {
                tracing::warn!(
                    "primd stopped unasked after its meeting had ended; the meeting does not begin again"
                );
            }
            ledger.recall(now, memo);
            Some(Resumed { meeting: Meeting::restore(config, snapshot, now.at), ended: None, begin })
        }
        Err(why) => {
            let next = if ledger.plan().is_some() {
                "the given one begins under its own consent"
            } else {
                "none begins"
            };
            if ran.is_some() {
                tracing::warn!(
                    restart.why = why.code(),
                    "a meeting was running when primd stopped; it is ended, because {}. Its consent ends with it; {next}",
                    why.words()
                );
            } else {
                tracing::warn!("primd stopped unasked while no meeting was running; {next}");
            }
            ledger.recall_unfinished(memo, ran.map(|_| (then, why.code())));
            let meeting = Meeting::end_after_restart(config, snapshot, now.at);
            Some(Resumed { meeting, ended: ran, begin: true })
        }
    }
}

impl MeetingLoop {
    /// What the core of before has to say comes before anything new: a meeting that it ended is over for panels too.
    pub(super) fn settle_the_past(&mut self) {
        if let Some(meeting) = self.meeting.meeting() {
            self.live.set_meeting(Some(meeting));
            self.replay.restarted(meeting, self.meeting.may_record());
        } else if self.restarted {
            // It began with a mute or a ding of before, which no log of its own would repeat.
            self.replay.no_log();
        }
        if let Some(ended) = self.ended {
            self.live.set_meeting(Some(ended));
            self.settle();
            self.then(Later::MeetingOver(ended));
        }
    }
}
