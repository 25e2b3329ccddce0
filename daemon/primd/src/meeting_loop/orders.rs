//! Carrying out what the core orders: mouth, light, platform and panels.

use std::sync::atomic::Ordering;

use prim_hal::LightPattern;
use prim_ids::{MeetingId, MonoTime};
use prim_meeting::{
    Audience, BannerAbout, Closing, Entry, Event, FloorState, FloorView, Input, Light, Output, Peripheral,
    PeripheralState,
};
use prim_proto::{self as proto, LiveEvent};

use super::MeetingLoop;
use super::waiting::Later;
use crate::clock;
use crate::ledger::{ask_reason, card_audience, code, code_of, silence};

impl MeetingLoop {
    /// An order of the core's, in its turn: done at once, or as soon as what was recorded is on disk. `recorded`: the
    /// writer has taken the records it follows from; else it is not heard.
    pub(super) fn order(&mut self, output: Output, recorded: bool) {
        self.state.waiting.order(&output);
        match output {
            Output::Record { entry } => {
                self.state.watch.record(&entry);
                if let Event::MeetingStarted { meeting, mode, consent, .. } = &entry.event {
                    self.live.set_meeting(Some(*meeting));
                    let (mode, consent) = (code_of(mode), code_of(consent));
                    tracing::info!(
                        meeting.id = %meeting,
                        meeting.mode = mode.as_str(),
                        meeting.consent = consent.as_str(),
                        "a meeting begins"
                    );
                }
                if let Event::MeetingEnded { meeting } = &entry.event {
                    let reason = self.why_over(*meeting);
                    tracing::info!(meeting.id = %meeting, meeting.reason = reason, "the meeting is over");
                }
                self.then(Later::Tell(Box::new(entry)));
            }
            Output::Ding { .. } | Output::Say { .. } => {
                if recorded {
                    self.then(Later::Order(output));
                }
            }
            Output::Card { .. } | Output::RaiseHand { .. } => self.then(Later::Order(output)),
            Output::ShowBanner { about, ref text } => {
                let text = text.clone();
                self.carry_out(output);
                self.then(Later::Banner { about, text });
            }
            Output::Silence { .. }
            | Output::Show { .. }
            | Output::ShowFloor { .. }
            | Output::ClearBanner { .. }
            | Output::ShowTimebox { .. }
            | Output::Prepare { .. }
            | Output::Discard { .. }
            | Output::LowerHand { .. }
            | Output::Mute { .. }
            | Output::AnswerWanted { .. }
            | Output::OwnWords { .. }
            | Output::Reset => self.carry_out(output),
        }
    }

    pub(super) fn carry_out(&mut self, output: Output) {
        if let Output::Show { light } = output {
            self.show(light);
        }
        self.state.watch.carried_out(clock::mono_now(), &output);
        let at_ms = clock::mono_now();
        match output {
            Output::Record { .. } | Output::Show { .. } => {}
            Output::ShowFloor { floor } => self.show_floor(&floor),
            Output::ShowBanner { about, text } => {
                let (about, text) = (banner_about(about), Some(text));
                self.live.send(&LiveEvent::Banner { at_ms, about, text });
            }
            Output::ClearBanner { about } => {
                self.banner(about, None);
                self.live.send(&LiveEvent::Banner { at_ms, about: banner_about(about), text: None });
            }
            Output::ShowTimebox { timebox } => self.live.send(&timebox_event(at_ms, &timebox)),
            Output::Card { to, title, body } => self.show_card(to, title, body),
            Output::Ding { request, place } => {
                self.mouth.ding(request, place);
                self.live.send(&LiveEvent::Ding { at_ms, request });
            }
            Output::Prepare { say, clauses } => {
                self.state.prepared.insert(say, clauses.clone());
                while self.state.prepared.len() > 32 {
                    self.state.prepared.pop_first();
                }
                self.mouth.prepare(say, clauses);
            }
            Output::Discard { say } => {
                self.state.prepared.remove(&say);
                self.mouth.discard(say);
            }
            Output::Say { say, request, clauses } => {
                self.mouth.say(say, clauses);
                let texts = self.state.prepared.get(&say).cloned().unwrap_or_default();
                for clause in texts.into_iter().take(clauses as usize) {
                    self.live.send(&LiveEvent::Say { at_ms, request: Some(request), clause });
                }
            }
            Output::Silence { say, .. } => self.mouth.silence(say),
            Output::RaiseHand { request } => {
                self.state.shown.raise(request);
                if let Some(platform) = &mut self.platform {
                    platform.raise_hand(true);
                }
            }
            Output::LowerHand { request } => {
                let down = self.state.shown.lower(request);
                if let Some(platform) = self.platform.as_mut().filter(|_| down) {
                    platform.raise_hand(false);
                }
            }
            Output::Mute { on } => {
                self.muted.store(on, Ordering::Release);
                self.live.send(&LiveEvent::Mute { at_ms, on });
            }
            // There is no language model and no knowledge base on this device yet: the core then searches its notes.
            Output::AnswerWanted { request, .. } => {
                self.state.pending.push_back(Input::AnswerReady { request, text: None });
            }
            Output::OwnWords { ear, words } => {
                let ear = format!("{ear:?}").to_lowercase();
                metrics::counter!("prim_own_words_total", "ear" => ear).increment(u64::from(words));
            }
            Output::Reset => tracing::warn!("the button ordered a factory reset"),
        }
    }

    fn why_over(&self, meeting: MeetingId) -> &'static str {
        if self.ended == Some(meeting) {
            "primd had died in it"
        } else if self.state.stopping {
            "primd stops"
        } else {
            "somebody ended it"
        }
    }

    /// The platform has one banner: it shows what comes first of all there is to show.
    pub(super) fn banner(&mut self, about: BannerAbout, text: Option<&str>) {
        let news = self.state.shown.banner(about, text);
        if let (Some(platform), Some(show)) = (&mut self.platform, news) {
            platform.banner(show);
        }
    }

    pub(super) fn show(&mut self, light: Light) {
        let shown = self.light.show(pattern(light));
        let up = shown.is_ok();
        if let Err(error) = shown {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the light cannot be set; panels still show the floor"
            );
        }
        if up != self.state.light_up {
            self.state.light_up = up;
            let state = if up {
                PeripheralState::Up
            } else {
                PeripheralState::Absent { reason: "the light does not answer".to_owned() }
            };
            self.degraded("light", &state);
            self.state.pending.push_back(Input::PeripheralChanged { which: Peripheral::Light, state });
        }
        self.live.send(&LiveEvent::Light { at_ms: clock::mono_now(), pattern: live_light(light) });
    }

    /// A card reaches whom it is for: what is not for everyone is neither published nor shown to the whole platform.
    fn show_card(&mut self, to: Audience, title: String, body: String) {
        if let Some(platform) = &mut self.platform {
            let text = format!("{title}: {body}");
            match to {
                Audience::Everyone => platform.card(&text),
                Audience::Host => self.ledger.hosts().iter().for_each(|host| platform.notice(*host, &text)),
                Audience::Person { who } => platform.notice(who, &text),
            }
        }
        let to = card_audience(to);
        let event = LiveEvent::Card { at_ms: clock::mono_now(), to, title, body };
        if to == proto::CardAudience::Everyone {
            self.live.send(&event);
        } else {
            self.live.send_here(&event);
        }
    }

    fn show_floor(&mut self, floor: &FloorView) {
        self.live.send(&LiveEvent::Floor {
            at_ms: clock::mono_now(),
            state: match floor.state {
                FloorState::Idle => proto::FloorState::Idle,
                FloorState::Asking => proto::FloorState::Asking,
                FloorState::Dinged => proto::FloorState::Dinged,
                FloorState::Allowed => proto::FloorState::Allowed,
                FloorState::Speaking => proto::FloorState::Speaking,
            },
            request: floor.request,
            reason: floor.reason.as_ref().map(|r| code(ask_reason(r))),
            queue: u32::try_from(floor.queue.len()).unwrap_or(u32::MAX),
        });
    }

    /// What panels see of a record.
    pub(super) fn tell(&self, entry: &Entry) {
        let at_ms = entry.at;
        match &entry.event {
            Event::Note { note, text, .. } => {
                self.live.send(&LiveEvent::Note { at_ms, id: *note, text: text.clone() });
            }
            Event::Decision { decision, text, .. } => {
                self.live.send(&LiveEvent::Decision { at_ms, id: *decision, text: text.clone() });
            }
            Event::Action { action, title, owner, .. } => {
                self.live.send(&LiveEvent::Action { at_ms, id: *action, text: title.clone(), owner: *owner });
            }
            Event::MeetingStarted { meeting, .. } => {
                self.live.send(&LiveEvent::Meeting { at_ms, meeting: *meeting, state: code("started") });
            }
            Event::MeetingEnded { meeting } => {
                self.live.send(&LiveEvent::Meeting { at_ms, meeting: *meeting, state: code("ended") });
            }
            // A speech that was cut is told when it has fallen silent: only then it is known who did it, and that it worked.
            Event::FloorClosed { how: Closing::Stopped { by, cause }, .. } => {
                self.live.send(&LiveEvent::Silence { at_ms, cause: Some(silence(*cause, Some(*by))) });
            }
            Event::PeripheralChanged { which, state } => self.degraded(&format!("{which:?}"), state),
            Event::Restored { .. }
            | Event::ParticipantPlanned { .. }
            | Event::ParticipantJoined { .. }
            | Event::ParticipantLeft { .. }
            | Event::ConsentAnswered { .. }
            | Event::RecordingChanged { .. }
            | Event::FloorRequested { .. }
            | Event::Judged { .. }
            | Event::DingIntended { .. }
            | Event::DingPlayed { .. }
            | Event::Allowed { .. }
            | Event::FloorClosed { .. }
            | Event::SayIntended { .. }
            | Event::SayStarted { .. }
            | Event::SayFinished { .. }
            | Event::SaySilenced { .. }
            | Event::CardShown { .. }
            | Event::Stopped { .. }
            | Event::MuteChanged { .. }
            | Event::ModeChanged { .. }
            | Event::DingChanged { .. }
            | Event::ButtonPressed
            | Event::ButtonMeant { .. }
            | Event::Addressed { .. }
            | Event::Utterance { .. }
            | Event::NotNoted { .. }
            | Event::ItemStarted { .. }
            | Event::ItemExtended { .. }
            | Event::ItemNudged { .. }
            | Event::ItemEnded { .. }
            | Event::DriftNoticed { .. }
            | Event::ResetOrdered => {}
        }
    }

    pub(super) fn degraded(&self, what: &str, state: &PeripheralState) {
        let reason = match state {
            PeripheralState::Up => None,
            PeripheralState::Degraded { reason } | PeripheralState::Absent { reason } => Some(reason.clone()),
        };
        self.live.send(&LiveEvent::Degraded { at_ms: clock::mono_now(), what: code(what), reason });
    }
}

fn banner_about(about: BannerAbout) -> proto::Code {
    code(match about {
        BannerAbout::Request { .. } => "request",
        BannerAbout::Timebox => "timebox",
        BannerAbout::Drift => "drift",
        BannerAbout::Consent => "consent",
        BannerAbout::Mute => "mute",
    })
}

pub(super) fn timebox_event(at_ms: MonoTime, t: &prim_meeting::TimeboxView) -> LiveEvent {
    let seconds = |ms: u64| u32::try_from(ms / 1000).unwrap_or(u32::MAX);
    LiveEvent::Timebox {
        at_ms,
        item: t.item,
        title: t.title.clone(),
        planned_s: seconds(t.planned_ms),
        spent_s: seconds(t.spent_ms),
    }
}

fn pattern(light: Light) -> LightPattern {
    match light {
        Light::Resetting => LightPattern::Resetting,
        Light::ResetWarning => LightPattern::ResetWarning,
        Light::Pressed => LightPattern::Pressed,
        Light::HardMuted => LightPattern::HardMuted,
        Light::Muted => LightPattern::Muted,
        Light::Speaking => LightPattern::Speaking,
        Light::Allowed => LightPattern::Allowed,
        Light::Attending => LightPattern::Attending,
        Light::Dinged => LightPattern::Dinged,
        Light::Asking => LightPattern::Asking,
        Light::RemoteHand => LightPattern::RemoteHand,
        Light::RoomHand => LightPattern::Waiting,
        Light::Fault => LightPattern::Fault,
        Light::Listening => LightPattern::Listening,
        Light::Idle => LightPattern::Idle,
    }
}

fn live_light(light: Light) -> proto::Light {
    match light {
        Light::Resetting => proto::Light::Resetting,
        Light::ResetWarning => proto::Light::ResetWarning,
        Light::Pressed => proto::Light::Pressed,
        Light::HardMuted => proto::Light::HardMuted,
        Light::Muted => proto::Light::Muted,
        Light::Speaking => proto::Light::Speaking,
        Light::Allowed => proto::Light::Allowed,
        Light::Attending => proto::Light::Attending,
        Light::Dinged => proto::Light::Dinged,
        Light::Asking => proto::Light::Asking,
        Light::RemoteHand => proto::Light::RemoteHand,
        Light::RoomHand => proto::Light::Waiting,
        Light::Fault => proto::Light::Fault,
        Light::Listening => proto::Light::Listening,
        Light::Idle => proto::Light::Idle,
    }
}
