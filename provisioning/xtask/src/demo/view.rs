//! What is known of the room from the events it shows, in words for a terminal. Pure: no clock, no terminal.
use std::collections::{BTreeMap, BTreeSet};

use prim_ids::{MonoTime, ParticipantId};
use prim_proto::{CardAudience, Ear, FloorState, Light, LiveEvent, SilenceCause};

use crate::say::{Ink, inked};

mod freed;

use freed::Front;

/// The room as far as the events tell.
#[derive(Debug, Default)]
pub(crate) struct View {
    people: BTreeMap<ParticipantId, String>,
    started: Option<MonoTime>,
    now: Option<MonoTime>,
    light: Option<Light>,
    floor: Option<(FloorState, Option<String>, u32)>,
    front: Front,
    timebox: Option<(String, u32, u32)>,
    talking: BTreeMap<&'static str, String>,
    partial: BTreeMap<&'static str, (String, u32)>,
    queued: u64,
    link_up: bool,
    cut_since: Option<MonoTime>,
    muted: bool,
    worse: BTreeSet<String>,
    ended: bool,
}

impl View {
    pub(crate) fn new(people: BTreeMap<ParticipantId, String>) -> Self {
        Self { people, ..Self::default() }
    }

    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Nothing waits for the gateway any more.
    pub(crate) fn drained(&self) -> bool {
        self.link_up && self.queued == 0
    }

    /// The cable to the broker was cut or mended: that is ours to know, not the device's.
    pub(crate) fn cable(&mut self, cut: bool) {
        self.cut_since = if cut { self.now } else { None };
    }

    /// Take an event in; the answer is the line that stays on the terminal, if it deserves one.
    pub(crate) fn take(&mut self, event: &LiveEvent) -> Option<String> {
        self.now = Some(event.at());
        let freed = self.front.take(event);
        let said = match event {
            LiveEvent::Hello { .. } => None,
            LiveEvent::Talking { ear, speaker, bearing_deg, on, .. } => {
                if *on {
                    self.talking.insert(ear_name(*ear), self.who(*ear, *speaker, None, *bearing_deg));
                } else {
                    self.talking.remove(ear_name(*ear));
                }
                None
            }
            LiveEvent::Partial { ear, text, stable_chars, .. } => {
                self.partial.insert(ear_name(*ear), (text.clone(), *stable_chars));
                None
            }
            LiveEvent::Final { ear, speaker, bearing_deg, speaker_label, text, .. } => {
                self.partial.remove(ear_name(*ear));
                let who = self.who(*ear, *speaker, *speaker_label, *bearing_deg);
                Some(format!("{}  {text}", inked(Ink::Bold, who)))
            }
            LiveEvent::Floor { state, reason, queue, .. } => {
                let reason = reason.as_ref().map(|reason| plain(reason.as_str()));
                self.floor = Some((*state, reason.clone(), *queue));
                let why = reason.as_deref().or(freed);
                let because = why.map(|why| format!(" ({why})")).unwrap_or_default();
                Some(inked(Ink::Dim, format_args!("floor: {}{because}", floor_name(*state))))
            }
            LiveEvent::Light { pattern, .. } => {
                self.light = Some(*pattern);
                None
            }
            LiveEvent::Ding { .. } => Some(inked(Ink::Yellow, "♪ ding")),
            LiveEvent::Say { clause, .. } => {
                Some(format!("{}  {clause}", inked(Ink::Magenta, "Prim says     ")))
            }
            LiveEvent::Silence { cause, .. } => cause
                .map(|cause| inked(Ink::Magenta, format_args!("Prim falls silent: {}", cause_name(cause)))),
            LiveEvent::Banner { text, .. } => {
                text.as_ref().map(|text| format!("{} {text}", inked(Ink::Blue, "▭ banner")))
            }
            LiveEvent::Card { to, title, body, .. } => {
                let card = inked(Ink::Blue, format_args!("▤ card{}", self.addressee(*to)));
                Some(format!("{card} {title}: {body}"))
            }
            LiveEvent::Timebox { title, planned_s, spent_s, .. } => {
                let new = self.timebox.as_ref().is_none_or(|(known, ..)| known != title);
                self.timebox = Some((title.clone(), *planned_s, *spent_s));
                new.then(|| inked(Ink::Cyan, format_args!("agenda: {title}, {}", minutes(*planned_s))))
            }
            LiveEvent::Note { text, .. } => Some(format!("{} {text}", inked(Ink::Green, "✎ note"))),
            LiveEvent::Decision { text, .. } => Some(format!("{} {text}", inked(Ink::Green, "✔ decision"))),
            LiveEvent::Action { text, owner, .. } => {
                let owner = owner.and_then(|owner| self.people.get(&owner));
                let owner = owner.map(|name| format!(" ({name})")).unwrap_or_default();
                Some(format!("{} {text}{owner}", inked(Ink::Green, "➤ action")))
            }
            LiveEvent::Sync { queued, link_up, .. } => {
                let changed = self.link_up != *link_up;
                (self.queued, self.link_up) = (*queued, *link_up);
                changed.then(|| inked(Ink::Dim, if *link_up { "link up" } else { "link down" }))
            }
            LiveEvent::Mute { on, .. } => {
                self.muted = *on;
                Some(inked(Ink::Red, if *on { "muted: Prim hears nothing" } else { "not muted any more" }))
            }
            LiveEvent::Degraded { what, reason, .. } => {
                let what = plain(what.as_str());
                match reason {
                    Some(reason) => {
                        let line = inked(Ink::Yellow, format_args!("! {what}: {reason}"));
                        self.worse.insert(what);
                        Some(line)
                    }
                    // At the start everything reports that it works; only a recovery is news.
                    None => {
                        self.worse.remove(&what).then(|| inked(Ink::Dim, format_args!("{what} works again")))
                    }
                }
            }
            LiveEvent::Meeting { state, .. } => {
                if state.as_str() == "started" {
                    self.started = Some(event.at());
                }
                self.ended |= state.as_str() == "ended";
                Some(inked(Ink::Bold, format_args!("meeting {}", plain(state.as_str()))))
            }
        };
        said.map(|line| format!("{} {line}", inked(Ink::Dim, self.clock(event.at()))))
    }

    /// What stands below the scrolling lines: light and floor, timebox, who talks and the words so far, the queue.
    pub(crate) fn status(&self) -> Vec<String> {
        vec![self.floor_line(), self.timebox_line(), self.voice_line(), self.sync_line()]
    }

    fn floor_line(&self) -> String {
        let (ink, light) = self.light.map_or((Ink::Dim, "dark"), light_words);
        let floor = self.floor.as_ref().map_or_else(String::new, |(state, reason, queue)| {
            let reason = reason.as_ref().map(|reason| format!(" · {reason}")).unwrap_or_default();
            let queue = if *queue > 0 { format!(" · {queue} waiting") } else { String::new() };
            format!(" · floor {}{reason}{queue}", floor_name(*state))
        });
        format!("{} {light}{floor}", inked(ink, "●"))
    }

    fn timebox_line(&self) -> String {
        let Some((title, planned, spent)) = &self.timebox else { return "⏱ no agenda yet".to_owned() };
        let full = if *planned == 0 { 20 } else { (spent * 20 / planned).min(20) };
        let bar: String = (0..20).map(|at| if at < full { '█' } else { '░' }).collect();
        let over = spent.saturating_sub(*planned);
        let over = if over > 0 {
            inked(Ink::Red, format_args!(" over by {}", minutes(over)))
        } else {
            String::new()
        };
        format!("⏱ {title} {bar} {} of {}{over}", minutes(*spent), minutes(*planned))
    }

    fn voice_line(&self) -> String {
        if self.muted {
            return inked(Ink::Red, "⊘ muted");
        }
        let mut parts = Vec::new();
        for ear in [Ear::Room, Ear::Remote].map(ear_name) {
            let who = self.talking.get(ear);
            let words = self.partial.get(ear);
            if who.is_some() || words.is_some() {
                let who = who.map_or(ear, String::as_str);
                let (text, stable) = words.map_or(("", 0), |(text, stable)| (text.as_str(), *stable));
                let firm: String = text.chars().take(stable as usize).collect();
                let loose: String = text.chars().skip(stable as usize).collect();
                parts.push(format!("{who} {firm}{}…", inked(Ink::Dim, loose)));
            }
        }
        if parts.is_empty() { inked(Ink::Dim, "(silence)") } else { parts.join("   ") }
    }

    fn sync_line(&self) -> String {
        let link = match (self.cut_since, self.now) {
            (Some(since), Some(now)) => {
                let seconds = now.as_millis().saturating_sub(since.as_millis()) / 1000;
                inked(Ink::Red, format_args!("cable cut for {seconds} s"))
            }
            _ if self.link_up => inked(Ink::Green, "link up"),
            _ => inked(Ink::Yellow, "link down"),
        };
        format!("⇅ {} records wait · {link}", self.queued)
    }

    fn who(
        &self,
        ear: Ear,
        speaker: Option<ParticipantId>,
        label: Option<u8>,
        bearing: Option<f32>,
    ) -> String {
        let known = speaker.and_then(|id| self.people.get(&id)).cloned();
        let name = known
            .or_else(|| label.map(|label| format!("Speaker {label}")))
            .unwrap_or_else(|| "unknown".to_owned());
        let place = match ear {
            Ear::Remote => "remote".to_owned(),
            Ear::Room => bearing.map_or_else(|| "room".to_owned(), |deg| format!("{} {deg:.0}°", arrow(deg))),
        };
        format!("{name:<7} {place:<6}")
    }

    /// Whom a card is for, where it is not for everyone.
    fn addressee(&self, to: CardAudience) -> String {
        match to {
            CardAudience::Everyone => String::new(),
            CardAudience::Hosts => " to the host".to_owned(),
            CardAudience::Person { id } => {
                format!(" to {}", self.people.get(&id).map_or("one person", String::as_str))
            }
        }
    }

    fn clock(&self, at: MonoTime) -> String {
        let since = self.started.map_or(0, |start| at.as_millis().saturating_sub(start.as_millis()));
        format!("{:>2}:{:02}", since / 60_000, since / 1000 % 60)
    }
}

fn ear_name(ear: Ear) -> &'static str {
    match ear {
        Ear::Room => "room",
        Ear::Remote => "remote",
    }
}

fn floor_name(state: FloorState) -> &'static str {
    match state {
        FloorState::Idle => "free",
        FloorState::Asking => "asked for",
        FloorState::Dinged => "asked for, dinged",
        FloorState::Allowed => "allowed",
        FloorState::Speaking => "Prim speaks",
    }
}

fn cause_name(cause: SilenceCause) -> &'static str {
    match cause {
        SilenceCause::BargeIn => "a person began to talk",
        SilenceCause::SpokenStop => "a person said stop",
        SilenceCause::Button => "the button",
        SilenceCause::Panel => "the panel",
        SilenceCause::Mute => "muted",
        SilenceCause::Cap => "its seven seconds are over",
        SilenceCause::Fault => "a fault",
        SilenceCause::MeetingEnded => "the meeting is over",
    }
}

fn light_words(light: Light) -> (Ink, &'static str) {
    match light {
        Light::Idle => (Ink::Dim, "idle"),
        Light::Listening => (Ink::Green, "listening"),
        Light::Muted => (Ink::Red, "muted"),
        Light::Asking => (Ink::Yellow, "asking"),
        Light::Dinged => (Ink::Yellow, "asking, dinged"),
        Light::Allowed => (Ink::Blue, "allowed"),
        Light::Speaking => (Ink::Magenta, "speaking"),
        Light::Waiting => (Ink::Cyan, "a person waits"),
        Light::RemoteHand => (Ink::Cyan, "a remote hand is up"),
        Light::Pressed => (Ink::White, "pressed"),
        Light::Attending => (Ink::Blue, "attending"),
        Light::ResetWarning => (Ink::Red, "holding on resets"),
        Light::Resetting => (Ink::Red, "resetting"),
        Light::HardMuted => (Ink::Red, "microphones cut"),
        Light::Fault => (Ink::Red, "fault"),
    }
}

/// `timebox_overrun` reads as `timebox overrun`.
fn plain(code: &str) -> String {
    code.replace(['_', '.'], " ")
}

fn minutes(seconds: u32) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Seen from above, 0° ahead, turning left (counter-clockwise).
fn arrow(degrees: f32) -> char {
    const ARROWS: [char; 8] = ['↑', '↖', '←', '↙', '↓', '↘', '→', '↗'];
    let sector = (degrees.rem_euclid(360.0) / 45.0).round() as usize;
    ARROWS[sector % ARROWS.len()]
}

#[cfg(test)]
mod tests;
