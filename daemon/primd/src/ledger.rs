//! From the core's events to records on disk: sealed, chained, and safe before anything is heard.

mod bodies;
mod memo;
mod words;

use std::collections::BTreeMap;

use prim_ids::{BootId, DeviceName, MeetingId, MonoTime, OrgName, ParticipantId, RequestId};
use prim_meeting::{Actor, Entry, Event};
use prim_proto::{self as proto, Audit, Body, Draft, Erasables, Hash};

pub(crate) use self::memo::Memo;
pub(crate) use self::words::{allowed_by, ask_reason, card_audience, code, code_of, silence};
use crate::alive::Sign;
use crate::clock;

/// Requests whose permission is remembered until they are spoken; the queue holds at most 16.
const REMEMBERED: usize = 64;

/// Who and where this device is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) org: OrgName,
    pub(crate) device: DeviceName,
    pub(crate) boot: BootId,
}

/// A meeting that a death of the daemon has left, and that is ended now.
#[derive(Debug, Clone, Copy)]
struct Unfinished {
    /// How long it ran while the daemon lived.
    ran_ms: u64,
    last_alive: Sign,
    why: &'static str,
}

/// Translates events. Holds what a record needs beyond one event.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    identity: Identity,
    meeting: Option<MeetingId>,
    meeting_began: MonoTime,
    /// How long it ran in earlier boots, whose clocks are not this one's.
    ran_ms: u64,
    /// The meeting of the plan has begun, and may have ended.
    begun: bool,
    plan: Option<Hash>,
    unfinished: Option<Unfinished>,
    hosts: Vec<ParticipantId>,
    items: u32,
    pressed_at: MonoTime,
    soft_mute: bool,
    hard_mute: bool,
    stopped_by: Option<Actor>,
    permissions: BTreeMap<RequestId, &'static str>,
    /// The wall clock is believed; before NTP answered it is stamped but marked.
    wall_synced: bool,
}

impl Ledger {
    pub(crate) fn new(identity: Identity) -> Self {
        Self {
            identity,
            meeting: None,
            meeting_began: MonoTime::ZERO,
            ran_ms: 0,
            begun: false,
            plan: None,
            unfinished: None,
            hosts: Vec::new(),
            items: 0,
            pressed_at: MonoTime::ZERO,
            soft_mute: false,
            hard_mute: false,
            stopped_by: None,
            permissions: BTreeMap::new(),
            wall_synced: clock::wall_is_synchronised(),
        }
    }

    /// Hosts are named with their role when they join.
    pub(crate) fn set_hosts(&mut self, hosts: Vec<ParticipantId>) {
        self.hosts = hosts;
    }

    pub(crate) fn hosts(&self) -> &[ParticipantId] {
        &self.hosts
    }

    /// Which meeting file was given, as its digest.
    pub(crate) fn set_plan(&mut self, plan: Option<Hash>) {
        self.plan = plan;
    }

    pub(crate) fn plan(&self) -> Option<Hash> {
        self.plan
    }

    /// What a restarted daemon must know to go on with the records of this meeting: kept with the core's state.
    pub(crate) fn memo(&self, now: MonoTime) -> String {
        let sign =
            Sign { boot: self.identity.boot, at: now, wall: clock::wall_now(), synced: self.wall_synced };
        let Self { plan, meeting_began, ran_ms, begun, items, soft_mute, hard_mute, hosts, .. } =
            self.clone();
        Memo { sign, plan, meeting_began, ran_ms, begun, items, soft_mute, hard_mute, hosts }.to_string()
    }

    /// The meeting of `memo` goes on. Another boot's clock starts anew; then the time between counts as none.
    pub(crate) fn recall(&mut self, now: &Sign, memo: Memo) {
        let same_boot = memo.sign.boot == now.boot;
        let ran_ms = memo.ran_until(memo.sign.at);
        (self.meeting_began, self.ran_ms) =
            if same_boot { (memo.meeting_began, memo.ran_ms) } else { (now.at, ran_ms) };
        self.items = memo.items;
        self.begun = memo.begun;
        self.soft_mute = memo.soft_mute;
        self.hard_mute = memo.hard_mute;
        self.hosts = memo.hosts;
    }

    /// The meeting of `memo` does not go on: when the daemon was last alive in it, and why it is ended, if one ran.
    pub(crate) fn recall_unfinished(&mut self, memo: Memo, ran: Option<(Sign, &'static str)>) {
        self.soft_mute = memo.soft_mute;
        self.hard_mute = memo.hard_mute;
        self.unfinished = ran.map(|(last_alive, why)| {
            let until = if last_alive.boot == memo.sign.boot { last_alive.at } else { memo.sign.at };
            Unfinished { ran_ms: memo.ran_until(until), last_alive, why }
        });
    }

    /// The drafts of one event, in order; mostly one, none where nothing of it is kept.
    pub(crate) fn drafts(&mut self, entry: &Entry) -> Vec<Draft> {
        if let Event::MeetingStarted { meeting, .. } = &entry.event {
            self.meeting = Some(*meeting);
            self.meeting_began = entry.at;
            self.ran_ms = 0;
            self.begun = true;
            self.items = 0;
        }
        let drafts = self.bodies(entry).into_iter().map(|(b, e)| self.draft(entry.at, b, e)).collect();
        if matches!(entry.event, Event::MeetingEnded { .. }) {
            self.meeting = None;
        }
        drafts
    }

    /// A record that does not come from the core.
    pub(crate) fn draft(&mut self, at: MonoTime, body: Body, erasables: Erasables) -> Draft {
        let stream = body.stream().unwrap_or(prim_ids::Stream::Audit);
        Draft {
            org: self.identity.org.clone(),
            device: self.identity.device.clone(),
            boot: self.identity.boot,
            stream,
            at,
            wall: Some(clock::wall_now()),
            wall_synced: self.wall_synced,
            meeting: self.meeting,
            body,
            erasables,
        }
    }

    /// What is to be recorded of the wall clock: that it was set (by how much, on what was stamped before), and that it
    /// is trusted from now on. That trust was lost again is marked on each record.
    pub(crate) fn watch_wall(
        &mut self,
        at: MonoTime,
        jump_ms: Option<i64>,
        synchronised: bool,
    ) -> Vec<Draft> {
        let trusted_before = std::mem::replace(&mut self.wall_synced, synchronised);
        let trusted_now = synchronised && !trusted_before;
        if let Some(by_ms) = jump_ms {
            tracing::warn!(
                clock.jump_ms = by_ms,
                "the wall clock was set; deadlines follow the monotonic clock and are not touched"
            );
        }
        if trusted_now {
            tracing::info!("the wall clock follows a time server from now on");
        }
        let told = jump_ms.map(|by_ms| (by_ms, "jump")).into_iter().chain(trusted_now.then_some((0, "ntp")));
        told.map(|(offset_ms, source)| {
            let body = Body::Audit(Audit::ClockOffset { offset_ms, source: code(source) });
            self.draft(at, body, Erasables::default())
        })
        .collect()
    }

    fn role_of(&self, who: ParticipantId) -> proto::Role {
        if self.hosts.contains(&who) { proto::Role::Host } else { proto::Role::Member }
    }

    fn permit(&mut self, request: RequestId, by: &'static str) {
        if self.permissions.len() >= REMEMBERED {
            self.permissions.pop_first();
        }
        self.permissions.insert(request, by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prim_meeting::Actor;
    use prim_proto as proto;

    fn ledger(boot: u128) -> Ledger {
        let (org, device) = ("acme".parse().unwrap(), "huddle".parse().unwrap());
        Ledger::new(Identity { org, device, boot: BootId::from_u128(boot) })
    }

    fn bodies(ledger: &mut Ledger, at_ms: u64, event: Event) -> Vec<Body> {
        let entry = Entry { at: MonoTime::from_millis(at_ms), event };
        ledger.drafts(&entry).into_iter().map(|draft| draft.body).collect()
    }

    /// A muted meeting at its second item, three seconds old, as its daemon dies.
    fn memo(boot: u128) -> String {
        let mut ledger = ledger(boot);
        ledger.set_hosts(vec![ParticipantId::from_u128(4), ParticipantId::from_u128(5)]);
        ledger.meeting_began = MonoTime::from_millis(50_000);
        ledger.items = 2;
        bodies(&mut ledger, 52_000, Event::MuteChanged { soft: true, hard: false, by: Actor::Button });
        ledger.memo(MonoTime::from_millis(53_000))
    }

    fn recalled(boot: u128, now_ms: u64) -> Ledger {
        let mut ledger = ledger(boot);
        let (boot, at) = (BootId::from_u128(boot), MonoTime::from_millis(now_ms));
        let now = Sign { boot, at, wall: clock::wall_now(), synced: true };
        ledger.recall(&now, Memo::read(&memo(1)).unwrap());
        ledger
    }

    #[test]
    fn after_a_restart_unmuting_is_on_record_and_the_meeting_has_its_true_length() {
        let mut ledger = recalled(1, 60_000);
        assert_eq!((ledger.items, ledger.hosts.len()), (2, 2));
        let unmuted = Event::MuteChanged { soft: false, hard: false, by: Actor::Button };
        let said = bodies(&mut ledger, 61_000, unmuted);
        assert!(
            matches!(said[..], [Body::Audit(Audit::Mute { which: proto::MuteKind::Soft, on: false, .. })]),
            "{said:?}"
        );
        let ended = bodies(&mut ledger, 70_000, Event::MeetingEnded { meeting: MeetingId::from_u128(1) });
        assert_eq!(ended, [Body::Audit(Audit::MeetingEnded { duration_ms: 20_000 })]);
    }

    #[test]
    fn after_a_reboot_the_time_between_counts_as_none_however_young_or_old_the_boot_is() {
        for now_ms in [500, 8000, 900_000] {
            let mut ledger = recalled(2, now_ms);
            let ended = Event::MeetingEnded { meeting: MeetingId::from_u128(1) };
            let ended = bodies(&mut ledger, now_ms + 1000, ended);
            assert_eq!(ended, [Body::Audit(Audit::MeetingEnded { duration_ms: 4000 })], "{now_ms}");
        }
        assert_eq!(Memo::read("something else"), None);
    }

    #[test]
    fn a_decision_is_recorded_with_its_agenda_item() {
        let item = Some(prim_ids::AgendaItemId::from_u128(50));
        let decided = Event::Decision {
            decision: prim_ids::DecisionId::from_u128(1),
            text: "Ship it".to_owned(),
            by: Actor::Prim,
            utterances: Vec::new(),
            supersedes: None,
            item,
        };
        let recorded = bodies(&mut ledger(1), 1000, decided);
        let [Body::Note(proto::Note::Decided { item: of, .. })] = recorded[..] else {
            panic!("{recorded:?}")
        };
        assert_eq!(of, item);
    }

    #[test]
    fn a_set_clock_and_late_trust_are_recorded_once_each() {
        let mut ledger = ledger(1);
        ledger.wall_synced = false;
        let mut watch = |at, jump, synced| {
            let drafts = ledger.watch_wall(MonoTime::from_millis(at), jump, synced);
            drafts.into_iter().map(|draft| (draft.body, draft.wall_synced)).collect::<Vec<_>>()
        };
        let offset = |offset_ms, source: &str, synced| {
            (Body::Audit(Audit::ClockOffset { offset_ms, source: source.parse().unwrap() }), synced)
        };
        assert_eq!(watch(1000, None, false), []);
        assert_eq!(watch(2000, Some(3_600_000), false), [offset(3_600_000, "jump", false)]);
        assert_eq!(watch(3000, Some(-200), true), [offset(-200, "jump", true), offset(0, "ntp", true)]);
        assert_eq!(watch(4000, None, true), []);
        assert_eq!(watch(5000, None, false), [], "each record is marked; there is nothing to add");
        assert_eq!(watch(6000, None, true), [offset(0, "ntp", true)]);
    }
}
