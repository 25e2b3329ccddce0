//! From the core's events to records on disk: sealed, chained, and safe before anything is heard.

use std::collections::BTreeMap;

use prim_ids::{BootId, DeviceName, MeetingId, MonoTime, OrgName, ParticipantId, RequestId};
use prim_meeting::{
    Actor, AskReason, Closing, Command, Entry, Event, Evidence, Mode, Peripheral, PeripheralState, Place,
    Ruling, SilenceCause,
};
use prim_proto::{self as proto, Audit, Body, Code, Draft, Erasables, Note, Sealed, Sealer, Utterance};

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

/// Translates events. Holds what a record needs beyond one event.
#[derive(Debug)]
pub(crate) struct Ledger {
    identity: Identity,
    meeting: Option<MeetingId>,
    meeting_began: MonoTime,
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

    /// What a restarted daemon must know to go on with the records of this meeting: kept with the core's state.
    pub(crate) fn memo(&self, now: MonoTime) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(ToString::to_string).collect();
        let (now, began) = (now.as_millis(), self.meeting_began.as_millis());
        let Self { identity, items, soft_mute, hard_mute, .. } = self;
        format!("{} {now} {began} {items} {soft_mute} {hard_mute} {}", identity.boot, hosts.join(","))
    }

    /// From [`memo`](Self::memo). Another boot's clock starts anew; then the time between is unknown and counts as none.
    pub(crate) fn recall(&mut self, now: MonoTime, memo: &str) -> Option<()> {
        let [boot, saved, began, items, soft, hard, hosts] = memo.split(' ').collect::<Vec<_>>()[..] else {
            return None;
        };
        let (saved, began): (u64, u64) = (saved.parse().ok()?, began.parse().ok()?);
        let same_boot = boot.parse::<BootId>().ok()? == self.identity.boot;
        let ran_ms = saved.saturating_sub(began);
        let began = if same_boot { began } else { now.as_millis().saturating_sub(ran_ms) };
        let hosts = hosts.split(',').filter(|host| !host.is_empty()).map(str::parse);
        self.meeting_began = MonoTime::from_millis(began);
        self.items = items.parse().ok()?;
        self.soft_mute = soft.parse().ok()?;
        self.hard_mute = hard.parse().ok()?;
        self.hosts = hosts.collect::<Result<_, _>>().ok()?;
        Some(())
    }

    /// The drafts of one event, in order; mostly one, none where nothing of it is kept.
    pub(crate) fn drafts(&mut self, entry: &Entry) -> Vec<Draft> {
        if let Event::MeetingStarted { meeting, .. } = &entry.event {
            self.meeting = Some(*meeting);
            self.meeting_began = entry.at;
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

    /// The wall clock was set.
    pub(crate) fn clock_jumped(&mut self, at: MonoTime, by_ms: i64) -> Draft {
        self.wall_synced = clock::wall_is_synchronised();
        let offset_ms = clock::wall_now().unix_millis() - i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
        tracing::warn!(
            clock.jump_ms = by_ms,
            "the wall clock was set; deadlines follow the monotonic clock and are not touched"
        );
        self.draft(
            at,
            Body::Audit(Audit::ClockOffset { offset_ms, source: code("jump") }),
            Erasables::default(),
        )
    }

    fn bodies(&mut self, entry: &Entry) -> Vec<(Body, Erasables)> {
        let mut seal = Seals::default();
        let audit = |audit: Audit, seal: Seals| vec![(Body::Audit(audit), seal.finish())];
        let at = entry.at;
        match &entry.event {
            Event::MeetingStarted { title, mode, ding, .. } => {
                let title = seal.put("title", title);
                audit(Audit::MeetingStarted { title, mode: mode_of(*mode), ding: ding_setting(*ding) }, seal)
            }
            Event::MeetingEnded { .. } => {
                audit(Audit::MeetingEnded { duration_ms: millis(at, self.meeting_began) }, seal)
            }
            Event::Restored { meeting } => {
                self.meeting = *meeting;
                audit(Audit::Daemon { state: code("restarted_after_crash") }, seal)
            }
            Event::ParticipantPlanned { who, name, place } => {
                let (name, place, role) = (seal.put("name", name), where_of(*place), self.role_of(*who));
                audit(Audit::ParticipantPlanned { participant: *who, name, place, role }, seal)
            }
            Event::ParticipantJoined { who, name, place, .. } => {
                let (name, place, role) = (seal.put("name", name), where_of(*place), self.role_of(*who));
                audit(Audit::ParticipantJoined { participant: *who, name, place, role }, seal)
            }
            Event::ParticipantLeft { who } => audit(Audit::ParticipantLeft { participant: *who }, seal),
            Event::ConsentAnswered { who, answer, ear, way, by, utterance } => audit(
                Audit::ConsentAnswered {
                    participant: *who,
                    answer: match answer {
                        prim_meeting::ConsentAnswer::Yes => proto::ConsentAnswer::Yes,
                        prim_meeting::ConsentAnswer::No => proto::ConsentAnswer::No,
                        prim_meeting::ConsentAnswer::TakenBack => proto::ConsentAnswer::TakenBack,
                    },
                    ear: ear.map(crate::listener::ear_name),
                    way: code_of(way),
                    by: actor(*by),
                    utterance: *utterance,
                },
                seal,
            ),
            Event::RecordingChanged { room, remote } => {
                let (room, remote) = (*room, *remote);
                audit(Audit::ConsentChanged { storing: room || remote, room, remote }, seal)
            }
            Event::FloorRequested { request, reason, evidence } => {
                let (by, utterance, grounds) = match evidence {
                    Evidence::Clock { planned_ms, spent_ms } => (
                        proto::Actor::Prim,
                        None,
                        Some(format!("planned_ms={planned_ms} spent_ms={spent_ms}")),
                    ),
                    Evidence::Utterances { ids } => (proto::Actor::Prim, ids.first().copied(), None),
                    Evidence::Person { by, utterance } => (actor(*by), *utterance, None),
                    Evidence::Unanswered { people } => {
                        let people: Vec<String> = people.iter().map(ToString::to_string).collect();
                        (proto::Actor::Prim, None, Some(format!("unanswered={}", people.join(","))))
                    }
                };
                let evidence = grounds.map(|g| seal.put("evidence", &g));
                let reason = code(ask_reason(reason));
                audit(Audit::FloorRequested { request: *request, reason, evidence, utterance, by }, seal)
            }
            Event::Judged { request, verdict } => {
                let (ruling, permission) = match verdict.ruling {
                    Ruling::Speak => (proto::Verdict::Grant, Some("policy")),
                    Ruling::Ask => (proto::Verdict::Ask, None),
                    Ruling::Card => (proto::Verdict::Card, None),
                    Ruling::Refuse => (proto::Verdict::Refuse, None),
                };
                if let Some(permission) = permission {
                    self.permit(*request, permission);
                }
                let reason = code_of(&verdict.reason);
                audit(Audit::FloorVerdict { request: *request, verdict: ruling, reason }, seal)
            }
            Event::DingIntended { request, place, silence_ms, waited_for } => {
                let place = match place {
                    prim_meeting::DingPlace::Room => proto::DingPlace::Room,
                    prim_meeting::DingPlace::Host => proto::DingPlace::Host,
                };
                let (silence_ms, waited_for) = (*silence_ms, waited(waited_for));
                audit(Audit::FloorDingIntended { request: *request, place, silence_ms, waited_for }, seal)
            }
            Event::DingPlayed { request } => audit(Audit::FloorDinged { request: *request }, seal),
            Event::Allowed { request, by, waited_ms } => {
                self.permit(*request, allowed_by(*by));
                audit(Audit::FloorAllowed { request: *request, by: actor(*by), waited_ms: *waited_ms }, seal)
            }
            Event::FloorClosed { request, how } => {
                let request = *request;
                audit(
                    match how {
                        Closing::Spoken => Audit::FloorServed { request, by: proto::Actor::Prim },
                        Closing::Served { by } => Audit::FloorServed { request, by: actor(*by) },
                        Closing::Carded { why } => Audit::FloorCarded { request, reason: code_of(why) },
                        Closing::Withdrawn { why, .. } => {
                            Audit::FloorWithdrawn { request, reason: code_of(why) }
                        }
                        Closing::Declined { by } => Audit::FloorDeclined { request, by: actor(*by) },
                        Closing::Expired { why } => Audit::FloorExpired { request, reason: code_of(why) },
                        Closing::Stopped { by, .. } => {
                            Audit::FloorStopped { request: Some(request), by: actor(*by) }
                        }
                    },
                    seal,
                )
            }
            Event::SayIntended { say, request, text, length_ms, waited_ms, waited_for } => {
                let permission = code(self.permissions.get(request).copied().unwrap_or("none"));
                let text = seal.put("text", text);
                let request = Some(*request);
                audit(
                    Audit::SayIntended {
                        say: u64::from(say.0),
                        request,
                        permission,
                        planned_ms: *length_ms,
                        waited_ms: *waited_ms,
                        waited_for: waited(waited_for),
                        text,
                    },
                    seal,
                )
            }
            Event::SayStarted { say } => audit(Audit::SayStarted { say: u64::from(say.0) }, seal),
            Event::SayFinished { say, spoke_ms } => {
                audit(Audit::SayFinished { say: u64::from(say.0), spoken_ms: *spoke_ms }, seal)
            }
            Event::SaySilenced { say, cause, played_ms, cut, unsaid } => {
                let partly = cut.as_ref().map(|cut| seal.put("partly", &cut.text));
                let unsaid = (!unsaid.is_empty()).then(|| seal.put("unsaid", unsaid));
                let cause = silence(*cause, self.stopped_by.take());
                audit(
                    Audit::SaySilenced {
                        say: u64::from(say.0),
                        cause,
                        spoken_ms: *played_ms,
                        cut_clause: cut.as_ref().map(|cut| cut.clause),
                        cut_played_ms: cut.as_ref().map(|cut| cut.played_ms),
                        partly,
                        unsaid,
                    },
                    seal,
                )
            }
            Event::CardShown { to, kind, why, unsaid } => {
                let unsaid = unsaid.as_ref().map(|unsaid| seal.put("unsaid", unsaid));
                let (to, what, reason) = (card_audience(*to), code_of(kind), why.as_ref().map(code_of));
                audit(Audit::CardShown { to, what, reason, unsaid }, seal)
            }
            Event::Stopped { by } => {
                self.stopped_by = Some(*by);
                audit(Audit::FloorStopped { request: None, by: actor(*by) }, seal)
            }
            Event::MuteChanged { soft, hard, by } => {
                let by = actor(*by);
                let mut out = Vec::new();
                for (which, was, is) in [
                    (proto::MuteKind::Soft, std::mem::replace(&mut self.soft_mute, *soft), *soft),
                    (proto::MuteKind::Hardware, std::mem::replace(&mut self.hard_mute, *hard), *hard),
                ] {
                    if was != is {
                        out.push((Body::Audit(Audit::Mute { which, on: is, by }), Erasables::default()));
                    }
                }
                out
            }
            Event::ModeChanged { mode, by } => {
                audit(Audit::ModeChanged { mode: mode_of(*mode), by: actor(*by) }, seal)
            }
            Event::DingChanged { setting, by } => {
                audit(Audit::DingChanged { place: ding_setting(*setting), by: actor(*by) }, seal)
            }
            Event::ButtonPressed => {
                self.pressed_at = at;
                audit(Audit::Button { gesture: code("pressed"), effect: code("seen"), held_ms: 0 }, seal)
            }
            Event::ButtonMeant { meaning } => {
                let held_ms = millis(at, self.pressed_at);
                audit(Audit::Button { gesture: code("meant"), effect: code_of(meaning), held_ms }, seal)
            }
            Event::Addressed { command, speaker } => audit(
                Audit::Addressed { command: command.as_ref().map(code_of::<Command>), participant: *speaker },
                seal,
            ),
            Event::Utterance { utterance, ear, speaker, bearing_deg, text, started, ended, .. } => {
                let text = seal.put("text", text);
                let heard = Utterance::Heard {
                    id: *utterance,
                    participant: *speaker,
                    ear: crate::listener::ear_name(*ear),
                    bearing_centideg: bearing_deg.map(|d| i32::from(d) * 100),
                    started_ms: *started,
                    ended_ms: *ended,
                    text,
                    confidence_permille: None,
                    policy: None,
                };
                vec![(Body::Utterance(heard), seal.finish())]
            }
            Event::Note { note, text, by, utterances, supersedes } => {
                let text = seal.put("text", text);
                let noted = Note::Noted {
                    id: *note,
                    supersedes: *supersedes,
                    item: None,
                    utterances: utterances.clone(),
                    text,
                    by: actor(*by),
                };
                vec![(Body::Note(noted), seal.finish())]
            }
            Event::Decision { decision, text, by, utterances, supersedes } => {
                let title = seal.put("title", text);
                let decided = Note::Decided {
                    id: *decision,
                    supersedes: *supersedes,
                    item: None,
                    utterances: utterances.clone(),
                    title,
                    text: None,
                    by: actor(*by),
                };
                vec![(Body::Note(decided), seal.finish())]
            }
            Event::Action { action, title, owner, due, due_on, by, utterances, supersedes } => {
                let title = seal.put("title", title);
                let text = due.as_ref().map(|d| seal.put("text", &format!("due: {d}")));
                let taken = Note::ActionTaken {
                    id: *action,
                    supersedes: *supersedes,
                    item: None,
                    utterances: utterances.clone(),
                    title,
                    text,
                    owner: *owner,
                    due: *due_on,
                    status: proto::ActionStatus::Open,
                    by: actor(*by),
                };
                vec![(Body::Note(taken), seal.finish())]
            }
            Event::NotNoted { command, why } => {
                audit(Audit::NotNoted { what: code_of(command), reason: code_of(why) }, seal)
            }
            Event::ItemStarted { item, title, planned_ms } => {
                self.items += 1;
                let title = seal.put("title", title);
                let (item, planned_ms) = (*item, *planned_ms);
                let mut out =
                    audit(Audit::AgendaItem { item, position: self.items, title, planned_ms }, seal);
                out.push(timebox(item, "started", (planned_ms, 0), None, proto::Actor::Prim));
                out
            }
            Event::ItemExtended { item, planned_ms, by } => {
                vec![timebox(*item, "extended", (*planned_ms, 0), None, actor(*by))]
            }
            Event::ItemNudged { item, planned_ms, spent_ms, left_ms } => {
                let moved = if *left_ms > 0 { "nudged" } else { "over" };
                let times = (*planned_ms, *spent_ms);
                vec![timebox(*item, moved, times, Some(*left_ms), proto::Actor::Prim)]
            }
            Event::ItemEnded { item, planned_ms, spent_ms, by } => {
                vec![timebox(*item, "ended", (*planned_ms, *spent_ms), None, actor(*by))]
            }
            Event::DriftNoticed { item, towards, utterances } => audit(
                Audit::Drift { item: *item, away: true, towards: *towards, utterances: utterances.clone() },
                seal,
            ),
            Event::PeripheralChanged { which, state } => {
                let (state, reason) = match state {
                    PeripheralState::Up => (proto::PeripheralState::Up, None),
                    PeripheralState::Degraded { reason } => {
                        (proto::PeripheralState::Degraded, Some(slug(reason)))
                    }
                    PeripheralState::Absent { reason } => {
                        (proto::PeripheralState::Absent, Some(slug(reason)))
                    }
                };
                audit(Audit::PeripheralChanged { which: peripheral(*which), state, reason }, seal)
            }
            Event::ResetOrdered => audit(Audit::ResetOrdered { by: proto::Actor::Button }, seal),
        }
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

/// Collects erasable values with a fresh 128-bit salt each.
#[derive(Default)]
struct Seals(Sealer);

impl Seals {
    fn put(&mut self, field: &str, value: &str) -> Sealed {
        self.0.seal(field, proto::Salt(rand::random()), value)
    }

    fn finish(self) -> Erasables {
        self.0.finish()
    }
}

fn timebox(
    item: prim_ids::AgendaItemId,
    moved: &str,
    (planned_ms, spent_ms): (u64, u64),
    left_ms: Option<i64>,
    by: proto::Actor,
) -> (Body, Erasables) {
    let moved = code(moved);
    (Body::Audit(Audit::Timebox { item, moved, planned_ms, spent_ms, left_ms, by }), Erasables::default())
}

fn millis(at: MonoTime, since: MonoTime) -> u64 {
    at.as_millis().saturating_sub(since.as_millis())
}

/// A code from a word of this file.
pub(crate) fn code(word: &str) -> Code {
    word.parse().unwrap_or_else(|_| slug(word))
}

/// A code from a fieldless variant's name: `NoGap` is `no_gap`. Only for closed enums without private data.
pub(crate) fn code_of<T: std::fmt::Debug>(variant: &T) -> Code {
    let mut out = String::new();
    for c in format!("{variant:?}").chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    slug(&out)
}

/// A reason for people as a code: lower case, the rest of the alphabet as `_`, at most 64.
pub(crate) fn slug(text: &str) -> Code {
    let mut out: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .take(64)
        .collect();
    if out.is_empty() {
        out.push_str("unknown");
    }
    out.parse().expect("only a-z, 0-9 and '_', 1 to 64 of them")
}

fn mode_of(mode: Mode) -> proto::PolicyMode {
    match mode {
        Mode::CoachOnly => proto::PolicyMode::CoachOnly,
        Mode::AnswerOnAsk => proto::PolicyMode::AnswerOnAsk,
        Mode::ProactiveTimekeeper => proto::PolicyMode::ProactiveTimekeeper,
    }
}

fn waited(voices: &[prim_meeting::WaitedFor]) -> Vec<proto::WaitedFor> {
    let voice = |voice: &prim_meeting::WaitedFor| proto::WaitedFor {
        ear: crate::listener::ear_name(voice.ear),
        participant: voice.speaker,
    };
    voices.iter().map(voice).collect()
}

pub(crate) fn card_audience(to: prim_meeting::Audience) -> proto::CardAudience {
    match to {
        prim_meeting::Audience::Everyone => proto::CardAudience::Everyone,
        prim_meeting::Audience::Host => proto::CardAudience::Hosts,
        prim_meeting::Audience::Person { who } => proto::CardAudience::Person { id: who },
    }
}

fn where_of(place: Place) -> proto::Where {
    match place {
        Place::Room => proto::Where::Room,
        Place::Remote => proto::Where::Remote,
    }
}

fn ding_setting(setting: prim_meeting::DingSetting) -> proto::DingPlace {
    match setting {
        prim_meeting::DingSetting::Room => proto::DingPlace::Room,
        prim_meeting::DingSetting::Host => proto::DingPlace::Host,
        prim_meeting::DingSetting::Off => proto::DingPlace::Off,
    }
}

pub(crate) fn ask_reason(reason: &AskReason) -> &'static str {
    match reason {
        AskReason::TimeboxOver { .. } => "timebox_over",
        AskReason::Drift { .. } => "drift",
        AskReason::Asked { .. } => "asked",
        AskReason::Question => "question",
        AskReason::SayNext => "say_next",
        AskReason::Consent => "consent",
        AskReason::RoomHand => "room_hand",
        AskReason::RemoteHand { .. } => "remote_hand",
    }
}

fn allowed_by(actor: Actor) -> &'static str {
    match actor {
        Actor::Prim => "prim",
        Actor::Policy => "policy",
        Actor::Button => "button",
        Actor::MuteSwitch => "mute_switch",
        Actor::Voice { .. } => "voice",
        Actor::Participant { .. } => "participant",
        Actor::Panel { .. } => "panel",
    }
}

fn actor(actor: Actor) -> proto::Actor {
    match actor {
        Actor::Prim => proto::Actor::Prim,
        Actor::Policy => proto::Actor::Policy,
        Actor::Button | Actor::MuteSwitch => proto::Actor::Button,
        Actor::Voice { speaker: Some(id) } | Actor::Participant { who: id } => proto::Actor::Person { id },
        Actor::Voice { speaker: None } => proto::Actor::UnknownVoice,
        Actor::Panel { user } => proto::Actor::Panel { id: Some(ParticipantId::from_u128(user.as_u128())) },
    }
}

fn silence(cause: SilenceCause, stopped_by: Option<Actor>) -> proto::SilenceCause {
    match cause {
        SilenceCause::BargeIn => proto::SilenceCause::BargeIn,
        SilenceCause::Stop => match stopped_by {
            Some(Actor::Button) => proto::SilenceCause::Button,
            Some(Actor::Panel { .. }) => proto::SilenceCause::Panel,
            Some(
                Actor::Prim
                | Actor::Policy
                | Actor::MuteSwitch
                | Actor::Voice { .. }
                | Actor::Participant { .. },
            )
            | None => proto::SilenceCause::SpokenStop,
        },
        SilenceCause::Muted => proto::SilenceCause::Mute,
        SilenceCause::TooLong => proto::SilenceCause::Cap,
        SilenceCause::Deaf | SilenceCause::NotStarted => proto::SilenceCause::Fault,
        SilenceCause::MeetingEnded => proto::SilenceCause::MeetingEnded,
    }
}

pub(crate) fn live_silence(cause: SilenceCause) -> proto::SilenceCause {
    silence(cause, None)
}

fn peripheral(which: Peripheral) -> proto::Peripheral {
    match which {
        Peripheral::Microphones => proto::Peripheral::Mic,
        Peripheral::RemoteLink => proto::Peripheral::Platform,
        Peripheral::Speaker => proto::Peripheral::Speaker,
        Peripheral::Light => proto::Peripheral::Light,
        Peripheral::Button => proto::Peripheral::Button,
        Peripheral::Stt => proto::Peripheral::Stt,
        Peripheral::Tts => proto::Peripheral::Tts,
        Peripheral::LanguageModel => proto::Peripheral::Llm,
        Peripheral::Uplink => proto::Peripheral::Link,
        Peripheral::Disk => proto::Peripheral::Disk,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn after_a_restart_unmuting_is_on_record_and_the_meeting_has_its_true_length() {
        let mut ledger = ledger(1);
        ledger.recall(MonoTime::from_millis(60_000), &memo(1)).unwrap();
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
    fn after_a_reboot_the_time_between_counts_as_none() {
        let mut ledger = ledger(2);
        ledger.recall(MonoTime::from_millis(8000), &memo(1)).unwrap();
        let ended = bodies(&mut ledger, 9000, Event::MeetingEnded { meeting: MeetingId::from_u128(1) });
        assert_eq!(ended, [Body::Audit(Audit::MeetingEnded { duration_ms: 4000 })]);
        assert_eq!(ledger.recall(MonoTime::ZERO, "something else"), None);
    }

    #[test]
    fn variants_and_reasons_become_codes() {
        assert_eq!(code_of(&prim_meeting::CardReason::NoGap).as_str(), "no_gap");
        assert_eq!(slug("the recogniser, it fell behind!").as_str(), "the_recogniser__it_fell_behind_");
        assert_eq!(slug("").as_str(), "unknown");
    }
}
