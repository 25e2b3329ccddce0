//! From heard words to deeds, once per utterance: the keyphrase, the command grammar and the dictation report the same
//! speech separately and in any order.

mod awaited;
mod voices;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use prim_ids::{MonoTime, ParticipantId, UtteranceId};

use self::awaited::Awaited;
pub(crate) use self::voices::Talker;
use crate::asked::Voice;
use crate::intents::{self, Heard, takes_words};
use crate::meeting::Meeting;
use crate::own::OwnVoice;
use crate::speakers::{SpeakerLabel, Speakers};
use crate::{Actor, CardKind, Command, Ear, Event, Output};

/// Reports of one utterance remembered at once; older ones have lost their partner.
const REMEMBERED: usize = 16;

/// A keyphrase or command belongs to an utterance if it lies this close to it: recognisers place word times within a
/// few hundred milliseconds.
const NEAR: Duration = Duration::from_millis(600);

/// One utterance as heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Utterance {
    pub(crate) utterance: UtteranceId,
    pub(crate) ear: Ear,
    pub(crate) speaker: Option<ParticipantId>,
    pub(crate) bearing_deg: Option<u16>,
    /// The number of its voice, where that is certain.
    pub(crate) voice: Option<u32>,
    /// Which of the room's voices; a new one is founded when it is kept, or when it objects.
    pub(crate) label: Option<SpeakerLabel>,
    pub(crate) text: String,
    pub(crate) started: MonoTime,
    pub(crate) ended: MonoTime,
    pub(crate) addressed: bool,
}

impl Utterance {
    fn voice(&self, kept: Option<UtteranceId>) -> Voice {
        let Self { ear, speaker, label, started: at, .. } = *self;
        Voice { ear, speaker, label, at, utterance: kept }
    }

    fn length(&self) -> Duration {
        self.ended.since(self.started)
    }

    fn covers(&self, ear: Ear, at: MonoTime) -> bool {
        ear == self.ear && at + NEAR >= self.started && at <= self.ended + NEAR
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Listening {
    /// Keyphrases whose utterance has not come yet.
    called: VecDeque<(Ear, MonoTime)>,
    /// Commands that were carried out before their utterance came.
    obeyed: VecDeque<(Ear, MonoTime, Command)>,
    /// Utterances whose text was carried out: a late command for them is the same one.
    read: VecDeque<(Ear, MonoTime, MonoTime)>,
    /// "Note that …" whose words have not come yet.
    awaited: Option<Awaited>,
    /// "Prim?" alone: the next utterance on this ear is meant for Prim.
    attentive: Option<(Ear, MonoTime)>,
    /// The light shows that the name was heard.
    attending_until: Option<MonoTime>,
    /// What was said lately, while it may be recorded.
    pub(crate) memory: VecDeque<Utterance>,
    /// The room's voices.
    pub(crate) speakers: Speakers,
    /// Voices that were told before the words they spoke.
    voices: VecDeque<(UtteranceId, u32)>,
    /// How long each of them spoke, ms.
    pub(crate) talked: BTreeMap<Talker, u64>,
    pub(crate) last_said: Option<String>,
    /// What Prim said itself.
    pub(crate) own: OwnVoice,
}

fn remember<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() >= REMEMBERED {
        list.pop_front();
    }
    list.push_back(item);
}

impl Listening {
    /// Whether somebody calls Prim by name in what was heard.
    fn calls(&self, heard: &Utterance) -> bool {
        let called = || self.called.iter().any(|(ear, at)| heard.covers(*ear, *at));
        let first = crate::words::tokens(&heard.text);
        let named = first.first().is_some_and(|first| crate::words::is_prim(&first.word));
        heard.addressed || named || called()
    }

    pub(crate) fn attending(&self) -> bool {
        self.attending_until.is_some()
    }
}

impl Meeting {
    pub(crate) fn forget_attention(&mut self) {
        if let Some(session) = self.session.as_mut() {
            let listening = &mut session.listening;
            listening.called.clear();
            listening.attentive = None;
            listening.attending_until = None;
            listening.awaited = None;
        }
    }

    pub(crate) fn prim_heard(&mut self, ear: Ear, at: MonoTime) {
        if self.muting.muted() {
            return;
        }
        let until = self.now + self.config.attention;
        if let Some(session) = self.session.as_mut() {
            remember(&mut session.listening.called, (ear, at));
            session.listening.attending_until = Some(until);
        }
    }

    pub(crate) fn command_heard(&mut self, voice: Voice, command: Command) {
        let Voice { ear, speaker, at, .. } = voice;
        if self.muting.muted() {
            return;
        }
        let Some(session) = self.session.as_mut() else { return };
        let listening = &mut session.listening;
        let near = |other: MonoTime| at <= other + NEAR && other <= at + NEAR;
        let read = listening
            .read
            .iter()
            .any(|(of, started, ended)| *of == ear && at + NEAR >= *started && at <= *ended + NEAR);
        let again =
            listening.obeyed.iter().any(|(of, when, same)| *of == ear && *same == command && near(*when));
        // Stop is obeyed however often it is heard.
        if command != Command::Stop && (read || again) {
            return;
        }
        listening.attending_until = None;
        listening.called.retain(|(of, _)| *of != ear);
        remember(&mut listening.obeyed, (ear, at, command));
        self.record(Event::Addressed { command: Some(command), speaker });
        // Only its own voice takes an objection back, and where it spoke comes with the text.
        let unnamed = command == Command::TakeBack && speaker.is_none() && ear == Ear::Room;
        if takes_words(command) || unnamed {
            self.await_words(Awaited { command, ear, speaker, at, next: false });
        } else {
            self.obey(command, voice);
        }
    }

    pub(crate) fn utterance_heard(&mut self, mut heard: Utterance) {
        if self.muting.muted() {
            return;
        }
        heard.voice = self.voice_of(heard.utterance);
        let refuses = self.refuses(&heard);
        heard.label = self.label_of(&heard, refuses);
        if refuses {
            self.refused_by(&heard);
            return;
        }
        if !self.without_own_words(&mut heard) {
            return;
        }
        let from = self.keep_utterance(&heard);
        self.understand(&heard, from);
        if from.is_some() {
            self.look_for_drift();
        }
    }

    /// Takes Prim's own words out of what was heard while it spoke; `false` when they were all.
    fn without_own_words(&mut self, heard: &mut Utterance) -> bool {
        let Some(session) = self.session.as_mut() else { return true };
        let listening = &mut session.listening;
        // Whoever answers with the name means Prim, also in the words of Prim's question ("Prim, we all agree").
        if listening.calls(heard)
            && matches!(intents::read(&heard.text), Heard::Command(_))
            && !listening.own.says_its_name(heard.ear, heard.started, heard.ended)
        {
            return true;
        }
        let sifted = listening.own.sift(heard.ear, heard.started, heard.ended, &heard.text);
        if sifted.own == 0 {
            return true;
        }
        let all = sifted.text.is_empty();
        if all {
            listening.called.retain(|(ear, at)| !heard.covers(*ear, *at));
            listening.attending_until = None;
        }
        heard.text = sifted.text;
        self.push(Output::OwnWords { ear: heard.ear, words: sifted.own });
        !all
    }

    /// Somebody asks not to be written down. In doubt it is heard: before any command that the grammar made of the same
    /// words, with the name or without it.
    fn refuses(&self, heard: &Utterance) -> bool {
        let Some(listening) = self.session.as_ref().map(|session| &session.listening) else { return false };
        let attentive =
            listening.attentive.is_some_and(|(ear, until)| ear == heard.ear && heard.started <= until);
        let noted = listening.awaited.is_some_and(|awaited| awaited.belongs(heard));
        intents::refuses(&heard.text, !noted && (attentive || listening.calls(heard)))
    }

    /// The refusal itself is not written down either.
    fn refused_by(&mut self, heard: &Utterance) {
        let Some(session) = self.session.as_mut() else { return };
        let listening = &mut session.listening;
        let of_this = |(ear, at, command): &(Ear, MonoTime, Command)| {
            heard.covers(*ear, *at) && *command == Command::Refuse
        };
        let done = listening.obeyed.iter().any(of_this);
        listening.called.retain(|(ear, at)| !heard.covers(*ear, *at));
        listening.obeyed.retain(|(ear, at, _)| !heard.covers(*ear, *at));
        listening.attentive = listening.attentive.filter(|(ear, _)| *ear != heard.ear);
        listening.attending_until = None;
        remember(&mut listening.read, (heard.ear, heard.started, heard.ended));
        if !done {
            self.record(Event::Addressed { command: Some(Command::Refuse), speaker: heard.speaker });
            self.obey(Command::Refuse, heard.voice(None));
        }
    }

    /// Writes the utterance down if that is allowed and all of it was said after it was; its id if so.
    fn keep_utterance(&mut self, heard: &Utterance) -> Option<UtteranceId> {
        let limit = self.config.memory_utterances;
        let session = self.session.as_mut()?;
        session.seats.recording_since(heard.ear).filter(|since| heard.started >= *since)?;
        let item = session.agenda.item_at(heard.started);
        let listening = &mut session.listening;
        let person = heard.speaker.filter(|who| session.seats.name(*who).is_some());
        let label = listening.voice_spoke(heard, person);
        listening.memory.push_back(Utterance { label, ..heard.clone() });
        while listening.memory.len() > limit {
            listening.memory.pop_front();
        }
        let Utterance { utterance, ear, speaker, bearing_deg, text, started, ended, .. } = heard.clone();
        self.record(Event::Utterance {
            utterance,
            ear,
            speaker,
            bearing_deg,
            label,
            text,
            started,
            ended,
            item,
        });
        Some(utterance)
    }

    /// What was said to Prim is neither the meeting's topic nor an answer to a later question.
    fn said_to_prim(&mut self, heard: &Utterance) {
        let memory = self.session.as_mut().and_then(|session| session.listening.memory.back_mut());
        if let Some(last) = memory.filter(|last| last.utterance == heard.utterance) {
            last.addressed = true;
        }
    }

    /// Somebody talked over Prim with hardly more than "stop", whether or not the name was understood in its own voice.
    fn stops_prim(&self, heard: &Utterance) -> bool {
        let over = self.hearing.interrupted.is_some_and(|(ear, at)| heard.covers(ear, at));
        over && intents::says_stop(&heard.text)
    }

    fn understand(&mut self, heard: &Utterance, from: Option<UtteranceId>) {
        let now = self.now;
        let stops_prim = self.stops_prim(heard);
        let Some(session) = self.session.as_mut() else { return };
        let listening = &mut session.listening;
        let by = |speaker: Option<ParticipantId>| Actor::Voice { speaker };
        let key =
            listening.called.iter().filter(|(ear, at)| heard.covers(*ear, *at)).map(|(_, at)| *at).max();
        let called = key.is_some();
        listening.called.retain(|(ear, at)| !heard.covers(*ear, *at));
        let attentive =
            listening.attentive.is_some_and(|(ear, until)| ear == heard.ear && heard.started <= until);
        if listening.attentive.is_some_and(|(ear, _)| ear == heard.ear) {
            listening.attentive = None;
        }
        if called || attentive || heard.addressed {
            listening.attending_until = None;
        }
        if let Some(awaited) = listening.awaited.filter(|awaited| awaited.belongs(heard)) {
            listening.awaited = None;
            listening.obeyed.retain(|(ear, at, _)| !heard.covers(*ear, *at));
            remember(&mut listening.read, (heard.ear, heard.started, heard.ended));
            self.said_to_prim(heard);
            if awaited.command == Command::TakeBack {
                self.obey(awaited.command, heard.voice(from));
                return;
            }
            let words = if awaited.next {
                heard.text.clone()
            } else {
                intents::words_of(awaited.command, &heard.text)
            };
            if words.chars().any(char::is_alphanumeric) {
                self.note_heard(awaited.command, &words, by(awaited.speaker.or(heard.speaker)), heard, from);
            } else {
                self.await_words(Awaited { at: heard.ended, next: true, ..awaited });
            }
            return;
        }
        if listening.obeyed.iter().any(|(ear, at, _)| heard.covers(*ear, *at)) {
            listening.obeyed.retain(|(ear, at, _)| !heard.covers(*ear, *at));
            remember(&mut listening.read, (heard.ear, heard.started, heard.ended));
            self.said_to_prim(heard);
            return;
        }
        if stops_prim {
            remember(&mut listening.read, (heard.ear, heard.started, heard.ended));
            self.said_to_prim(heard);
            self.record(Event::Addressed { command: Some(Command::Stop), speaker: heard.speaker });
            self.obey(Command::Stop, heard.voice(from));
            return;
        }
        let words = crate::words::tokens(&heard.text);
        let named = words.first().is_some_and(|first| crate::words::is_prim(&first.word));
        if !(called || attentive || heard.addressed || named) {
            return;
        }
        remember(&mut listening.read, (heard.ear, heard.started, heard.ended));
        self.said_to_prim(heard);
        match intents::read(&heard.text) {
            Heard::NameOnly => {
                let until = now.max(heard.ended) + self.config.attention;
                let Some(session) = self.session.as_mut() else { return };
                let listening = &mut session.listening;
                listening.attentive = Some((heard.ear, until));
                listening.attending_until = Some(until);
                // A command may still follow the bare name.
                listening.read.pop_back();
            }
            Heard::Command(command) => {
                self.record(Event::Addressed { command: Some(command), speaker: heard.speaker });
                // The order began with the name, however long somebody had talked before it.
                let at = key.map_or(heard.started, |key| key.clamp(heard.started, heard.ended));
                self.obey(command, Voice { at, ..heard.voice(from) });
            }
            Heard::Content(command, words) => {
                self.record(Event::Addressed { command: Some(command), speaker: heard.speaker });
                if words.chars().any(char::is_alphanumeric) {
                    self.note_heard(command, &words, by(heard.speaker), heard, from);
                } else {
                    let (ear, speaker, at) = (heard.ear, heard.speaker, heard.ended);
                    self.await_words(Awaited { command, ear, speaker, at, next: true });
                }
            }
            // Spotters are wrong now and then: where the words do not hold the name, Prim was not asked anything, and
            // a sentence that asks nothing must begin with it.
            Heard::Question
                if !(attentive || words.iter().any(|token| crate::words::is_prim(&token.word))) => {}
            Heard::Unclear if !(named || attentive) => {}
            Heard::Question => {
                self.record(Event::Addressed { command: None, speaker: heard.speaker });
                self.free_question(heard.text.clone(), heard.voice(from));
            }
            Heard::Unclear => {
                self.record(Event::Addressed { command: None, speaker: heard.speaker });
                let body = "I heard my name but understood no question.".to_owned();
                self.card(self.audience(), CardKind::NotUnderstood, None, body);
            }
        }
    }

    pub(crate) fn listening_step(&mut self) {
        let now = self.now;
        let words_due = self.words_due();
        let Some(session) = self.session.as_mut() else { return };
        let listening = &mut session.listening;
        if listening.attending_until.is_some_and(|until| now >= until) {
            listening.attending_until = None;
        }
        if words_due.is_some_and(|due| now >= due)
            && let Some(awaited) = listening.awaited.take()
        {
            self.give_up(awaited);
        }
    }

    pub(crate) fn listening_due(&self) -> Option<MonoTime> {
        let attending = self.session.as_ref().and_then(|session| session.listening.attending_until);
        [attending, self.words_due()].into_iter().flatten().min()
    }
}
