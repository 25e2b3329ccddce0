//! Who speaks right now, and since when nobody does. Unknown is not silent.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use prim_ids::{MonoTime, ParticipantId};

use crate::meeting::Meeting;
use crate::{Ear, Event, Peripheral, PeripheralState, SilenceCause, TalkerKey, WaitedFor};

/// At most this many voices at once; a shell that reports more is broken, and the newest is dropped. 64 is more than
/// any room's ears can tell apart.
const TALKERS: usize = 64;

/// Voices remembered after they ended: more than speak within the two minutes that a request may ask.
const RECENT: usize = 64;

#[derive(Debug, Clone, Default)]
pub(crate) struct Hearing {
    active: BTreeMap<(Ear, TalkerKey), Option<ParticipantId>>,
    /// Voices that ended lately, and when.
    recent: VecDeque<(WaitedFor, MonoTime)>,
    /// When the last voice ended, or when listening (re)began.
    quiet_since: MonoTime,
    ended_room: MonoTime,
    ended_remote: MonoTime,
    /// Somebody last began to talk over Prim: on which ear, and when.
    pub(crate) interrupted: Option<(Ear, MonoTime)>,
}

impl Hearing {
    fn started(&mut self, ear: Ear, talker: TalkerKey, speaker: Option<ParticipantId>) {
        if self.active.len() < TALKERS {
            self.active.insert((ear, talker), speaker);
        }
    }

    /// Each voice that was heard after `from`, once.
    pub(crate) fn heard_since(&self, from: MonoTime) -> Vec<WaitedFor> {
        let ended = self.recent.iter().filter(|(_, ended)| *ended > from).map(|(voice, _)| *voice);
        let active = self.active.iter().map(|((ear, _), speaker)| WaitedFor { ear: *ear, speaker: *speaker });
        let mut voices: Vec<WaitedFor> = Vec::new();
        for voice in ended.chain(active) {
            if !voices.contains(&voice) {
                voices.push(voice);
            }
        }
        voices
    }

    pub(crate) fn ended(&mut self, ear: Ear, talker: TalkerKey, now: MonoTime) {
        if let Some(speaker) = self.active.remove(&(ear, talker)) {
            if self.recent.len() >= RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back((WaitedFor { ear, speaker }, now));
            self.quiet_since = now;
            match ear {
                Ear::Room => self.ended_room = now,
                Ear::Remote => self.ended_remote = now,
            }
        }
    }

    /// Listening begins anew: nothing is known about the moments before.
    pub(crate) fn restart(&mut self, ear: Option<Ear>, now: MonoTime) {
        self.active.retain(|(active, _), _| ear.is_some_and(|ear| ear != *active));
        self.quiet_since = now;
    }

    pub(crate) fn somebody_speaks(&self) -> bool {
        !self.active.is_empty()
    }

    pub(crate) fn ear_active(&self, ear: Ear) -> bool {
        self.active.keys().any(|(active, _)| *active == ear)
    }

    pub(crate) fn ear_ended(&self, ear: Ear) -> MonoTime {
        match ear {
            Ear::Room => self.ended_room,
            Ear::Remote => self.ended_remote,
        }
    }

    /// When the quiet will have lasted for `long`; `None` while somebody speaks.
    pub(crate) fn quiet_for(&self, long: Duration) -> Option<MonoTime> {
        if self.somebody_speaks() { None } else { Some(self.quiet_since + long) }
    }
}

impl Meeting {
    pub(crate) fn speech_started(&mut self, ear: Ear, talker: TalkerKey, speaker: Option<ParticipantId>) {
        if self.muting.muted() {
            return;
        }
        self.hearing.started(ear, talker, speaker);
        if self.speaking() {
            self.hearing.interrupted = Some((ear, self.now));
        }
        self.silence_speech(SilenceCause::BargeIn, crate::Actor::Voice { speaker });
        self.hand_served_by_speech(ear, speaker);
    }

    pub(crate) fn part_works(&self, which: Peripheral) -> bool {
        match self.parts.get(&which) {
            Some(PeripheralState::Up | PeripheralState::Degraded { .. }) => true,
            Some(PeripheralState::Absent { .. }) | None => false,
        }
    }

    /// This ear proves a silence: one that works badly may miss a voice, and over a link that is being restored nobody
    /// is heard at all.
    fn proves_silence(&self, ear: Ear) -> bool {
        let which = match ear {
            Ear::Room => Peripheral::Microphones,
            Ear::Remote => Peripheral::RemoteLink,
        };
        self.parts.get(&which) == Some(&PeripheralState::Up)
    }

    /// The room's microphones work and listen.
    pub(crate) fn room_ear(&self) -> bool {
        !self.muting.muted() && self.part_works(Peripheral::Microphones)
    }

    /// Every ear through which somebody could speak works well and listens.
    pub(crate) fn hears(&self) -> bool {
        let remote_people = self.session.as_ref().is_some_and(|session| session.seats.anyone_remote());
        let room = self.room_ear() && self.proves_silence(Ear::Room);
        room && (!remote_people || self.proves_silence(Ear::Remote))
    }

    pub(crate) fn peripheral_changed(&mut self, which: Peripheral, state: PeripheralState) {
        if self.parts.get(&which) == Some(&state) {
            return;
        }
        let (worked, joined) = (self.part_works(which), self.proves_silence(Ear::Remote));
        self.record(Event::PeripheralChanged { which, state: state.clone() });
        self.parts.insert(which, state);
        let works = self.part_works(which);
        match which {
            Peripheral::Microphones if worked != works => {
                self.hearing.restart(Some(Ear::Room), self.now);
                if !works {
                    self.silence_speech(SilenceCause::Deaf, crate::Actor::Prim);
                }
            }
            Peripheral::RemoteLink if joined != self.proves_silence(Ear::Remote) => {
                let broke_off = joined && self.hearing.ear_active(Ear::Remote);
                self.hearing.restart(Some(Ear::Remote), self.now);
                if broke_off {
                    self.show_what_waited_for_the_link();
                }
            }
            Peripheral::Microphones
            | Peripheral::RemoteLink
            | Peripheral::Speaker
            | Peripheral::Light
            | Peripheral::Button
            | Peripheral::Stt
            | Peripheral::Tts
            | Peripheral::LanguageModel
            | Peripheral::Uplink
            | Peripheral::Disk => {}
        }
    }
}
