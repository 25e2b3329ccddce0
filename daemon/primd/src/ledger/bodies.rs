//! Each event of the core as bodies of records.

use prim_ids::MonoTime;
use prim_meeting::{Closing, Command, Entry, Event, Evidence, PeripheralState, Ruling};
use prim_proto::{self as proto, Audit, Body, Erasables, Note, Sealed, Sealer, Utterance};

use super::Ledger;
use super::words::{
    actor, allowed_by, ask_reason, card_audience, code, code_of, consent, ding_setting, mode_of, peripheral,
    silence, slug, waited, where_of,
};

impl Ledger {
    pub(super) fn bodies(&mut self, entry: &Entry) -> Vec<(Body, Erasables)> {
        let mut seal = Seals::default();
        let audit = |audit: Audit, seal: Seals| vec![(Body::Audit(audit), seal.finish())];
        let at = entry.at;
        match &entry.event {
            Event::MeetingStarted { title, mode, ding, .. } => {
                let title = seal.put("title", title);
                audit(Audit::MeetingStarted { title, mode: mode_of(*mode), ding: ding_setting(*ding) }, seal)
            }
            Event::MeetingEnded { .. } => {
                let ran_ms = millis(at, self.meeting_began).saturating_add(self.ran_ms);
                let duration_ms = self.unfinished.take().map_or(ran_ms, |left| left.ran_ms);
                audit(Audit::MeetingEnded { duration_ms }, seal)
            }
            Event::Restored { meeting } => {
                self.meeting = *meeting;
                let told =
                    |state: &str| (Body::Audit(Audit::Daemon { state: code(state) }), Erasables::default());
                let mut out = vec![told("restarted_after_crash")];
                if let Some(left) = self.unfinished {
                    out.push(told(&format!("meeting_ended_after_unclean_stop_{}", left.why)));
                    out.push(told(&format!(
                        "last_alive_unix_ms_{}",
                        left.last_alive.wall.unix_millis().max(0)
                    )));
                }
                out
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
                    answer: consent(*answer),
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
            Event::Utterance {
                utterance, ear, speaker, bearing_deg, label, text, started, ended, ..
            } => {
                let text = seal.put("text", text);
                let heard = Utterance::Heard {
                    id: *utterance,
                    participant: *speaker,
                    ear: crate::listener::ear_name(*ear),
                    bearing_centideg: bearing_deg.map(|d| i32::from(d) * 100),
                    speaker_label: label.map(prim_meeting::SpeakerLabel::number),
                    started_ms: *started,
                    ended_ms: *ended,
                    text,
                    confidence_permille: None,
                    policy: None,
                };
                vec![(Body::Utterance(heard), seal.finish())]
            }
            Event::Note { note, text, by, utterances, supersedes, item } => {
                let text = seal.put("text", text);
                let noted = Note::Noted {
                    id: *note,
                    supersedes: *supersedes,
                    item: *item,
                    utterances: utterances.clone(),
                    text,
                    by: actor(*by),
                };
                vec![(Body::Note(noted), seal.finish())]
            }
            Event::Decision { decision, text, by, utterances, supersedes, item } => {
                let title = seal.put("title", text);
                let decided = Note::Decided {
                    id: *decision,
                    supersedes: *supersedes,
                    item: *item,
                    utterances: utterances.clone(),
                    title,
                    text: None,
                    by: actor(*by),
                };
                vec![(Body::Note(decided), seal.finish())]
            }
            Event::Action { action, title, owner, due, due_on, by, utterances, supersedes, item } => {
                let title = seal.put("title", title);
                let text = due.as_ref().map(|d| seal.put("text", &format!("due: {d}")));
                let taken = Note::ActionTaken {
                    id: *action,
                    supersedes: *supersedes,
                    item: *item,
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
