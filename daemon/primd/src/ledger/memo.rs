//! What is remembered of a meeting's records over the daemon's own death: one line of text.

use std::fmt;

use prim_ids::{MonoTime, ParticipantId};
use prim_proto::Hash;

use crate::alive::Sign;

/// The line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Memo {
    /// When it was written; the other times are of the same boot.
    pub(crate) sign: Sign,
    /// Which meeting file was given.
    pub(crate) plan: Option<Hash>,
    pub(super) meeting_began: MonoTime,
    pub(super) ran_ms: u64,
    /// The plan's meeting has begun, and may have ended.
    pub(crate) begun: bool,
    pub(super) items: u32,
    pub(super) soft_mute: bool,
    pub(super) hard_mute: bool,
    pub(super) hosts: Vec<ParticipantId>,
}

/// Where no plan was given.
const NO_PLAN: &str = "-";

impl Memo {
    /// From its line; `None` when it is none.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let (sign, rest) = line.split_at_checked(line.match_indices(' ').nth(3)?.0)?;
        let [plan, began, ran_ms, begun, items, soft, hard, hosts] =
            rest.strip_prefix(' ')?.split(' ').collect::<Vec<_>>()[..]
        else {
            return None;
        };
        let hosts = hosts.split(',').filter(|host| !host.is_empty()).map(str::parse);
        Some(Self {
            sign: sign.parse().ok()?,
            plan: if plan == NO_PLAN { None } else { Some(plan.parse().ok()?) },
            meeting_began: MonoTime::from_millis(began.parse().ok()?),
            ran_ms: ran_ms.parse().ok()?,
            begun: begun.parse().ok()?,
            items: items.parse().ok()?,
            soft_mute: soft.parse().ok()?,
            hard_mute: hard.parse().ok()?,
            hosts: hosts.collect::<Result<_, _>>().ok()?,
        })
    }

    /// How long the meeting ran until `at`, a time of the memo's boot.
    pub(super) fn ran_until(&self, at: MonoTime) -> u64 {
        let here = u64::try_from(at.since(self.meeting_began).as_millis()).unwrap_or(u64::MAX);
        here.saturating_add(self.ran_ms)
    }
}

impl fmt::Display for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sign, plan, meeting_began, ran_ms, begun, items, soft_mute, hard_mute, hosts } = self;
        let plan = plan.map_or_else(|| NO_PLAN.to_owned(), |plan| plan.to_string());
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let (began, hosts) = (meeting_began.as_millis(), hosts.join(","));
        write!(f, "{sign} {plan} {began} {ran_ms} {begun} {items} {soft_mute} {hard_mute} {hosts}")
    }
}
