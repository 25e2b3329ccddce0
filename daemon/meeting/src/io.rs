//! Everything that goes in and comes out. Both enums are closed: a new fact is a new variant and the compiler
//! shows every place that must think about it.

mod asked;
mod parts;
mod people;
mod shown;

use prim_ids::{MeetingId, MonoTime, ParticipantId, RequestId, UserId, UtteranceId, WallTime};

use crate::Entry;

pub use asked::{Command, PanelCommand};
pub use parts::{AgendaItem, Peripheral, PeripheralState, SayId, SilenceCause};
pub use people::{Actor, Audience, ConsentRule, Ear, Person, Place, Role, TalkerKey};
pub use shown::{BannerAbout, DingPlace, DingSetting, FloorState, FloorView, Light, TimeboxView};

/// Something that happened. The shell reports it with the time at which it happened, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A meeting began. Its first agenda item starts at once.
    MeetingStarted {
        /// The meeting.
        meeting: MeetingId,
        /// What the wall clock said at this moment. Only stamps ids; no deadline depends on it.
        wall: WallTime,
        /// What the meeting is called.
        title: String,
        /// The agenda, in order; may be empty.
        agenda: Vec<AgendaItem>,
        /// Who is invited. Those in the room are taken to be there; remote people are there when the platform says so.
        people: Vec<Person>,
        /// How consent to recording stands at the start.
        consent: ConsentRule,
    },
    /// The meeting is over: speech stops, open requests are withdrawn.
    MeetingEnded,
    /// Somebody came in, in the room or by the link.
    ParticipantJoined {
        /// Who.
        person: Person,
    },
    /// Somebody left.
    ParticipantLeft {
        /// Who.
        who: ParticipantId,
    },
    /// Somebody answered whether what they say may be recorded.
    ConsentAnswered {
        /// Who.
        who: ParticipantId,
        /// `true`: yes. A no stands until the same person says yes.
        yes: bool,
    },
    /// The voice detector heard a person begin to speak (before any text). Never Prim's own voice.
    SpeechStarted {
        /// Which ear.
        ear: Ear,
        /// Whose voice, as far as the ear can tell apart.
        talker: TalkerKey,
        /// Who that is, when known at once (a remote ear knows).
        speaker: Option<ParticipantId>,
    },
    /// That voice fell silent.
    SpeechEnded {
        /// Which ear.
        ear: Ear,
        /// Whose voice.
        talker: TalkerKey,
    },
    /// The keyphrase "Prim" was spotted, before any text.
    PrimHeard {
        /// Which ear.
        ear: Ear,
        /// Where in time the keyphrase stood.
        at: MonoTime,
    },
    /// The command grammar behind the keyphrase recognised a command. May come before or after the dictated text of
    /// the same utterance; the core acts once.
    CommandHeard {
        /// Which ear.
        ear: Ear,
        /// Who said it, unknown rather than a guess.
        speaker: Option<ParticipantId>,
        /// What it was.
        command: Command,
        /// When its keyphrase began; lies within the utterance it belongs to.
        at: MonoTime,
        /// That utterance, if the shell knows it.
        utterance: Option<UtteranceId>,
    },
    /// Whose voice of the room an utterance is, by its sound, where that is certain. Comes before the utterance's text, or
    /// not at all. The voice itself stays in the shell: what is said here is no more than "the same as before".
    VoiceMatched {
        /// Which utterance.
        utterance: UtteranceId,
        /// The voice's number, which is nobody else's in this run of the shell.
        voice: u32,
    },
    /// The final text of one stretch of speech.
    UtteranceHeard {
        /// Its id, made by the shell with the first partial.
        utterance: UtteranceId,
        /// Which ear.
        ear: Ear,
        /// Who spoke, unknown rather than a guess.
        speaker: Option<ParticipantId>,
        /// From where, whole degrees 0..360; remote speech has none.
        bearing_deg: Option<u16>,
        /// The words.
        text: String,
        /// When it began.
        started: MonoTime,
        /// When it ended.
        ended: MonoTime,
        /// The keyphrase was spotted in it.
        addressed: bool,
    },
    /// The button went down; `now` is the kernel's edge time.
    ButtonPressed,
    /// The button came up; `now` is the kernel's edge time.
    ButtonReleased,
    /// The hardware mute switch moved. Software can never lift it.
    MuteSwitchMoved {
        /// `true`: the microphones are cut.
        on: bool,
    },
    /// A remote person's hand on the platform.
    RemoteHand {
        /// Whose.
        who: ParticipantId,
        /// Up or down.
        raised: bool,
    },
    /// Somebody used a panel, the Command Center or the local page. The shell has checked that they may.
    Panel {
        /// Who.
        by: UserId,
        /// What they asked for.
        command: PanelCommand,
    },
    /// Synthesis of a [`Output::Prepare`] is done (or came from the cache): how long each clause is.
    Prepared {
        /// Which speech.
        say: SayId,
        /// Length of each clause of `Prepare`, in order.
        clauses_ms: Vec<u32>,
    },
    /// Synthesis of a [`Output::Prepare`] failed.
    PrepareFailed {
        /// Which speech.
        say: SayId,
    },
    /// The first sample of a [`Output::Say`] left the mouth.
    SpeakingStarted {
        /// Which speech.
        say: SayId,
    },
    /// One clause was played to its end.
    ClausePlayed {
        /// Which speech.
        say: SayId,
        /// Which clause of `Say`, from 0.
        index: u32,
    },
    /// The last sample was played.
    SpeakingFinished {
        /// Which speech.
        say: SayId,
    },
    /// A [`Output::Silence`] took effect.
    SpeakingSilenced {
        /// Which speech.
        say: SayId,
        /// How much of it had been heard.
        played_ms: u32,
    },
    /// A ding was heard to its end.
    DingPlayed {
        /// Whose ding.
        request: RequestId,
    },
    /// The answer to an [`Output::AnswerWanted`]; `None` when there is none.
    AnswerReady {
        /// Which request.
        request: RequestId,
        /// The words to say.
        text: Option<String>,
    },
    /// A part of the device or its surroundings changed its state. Every part is absent until reported, so the shell
    /// reports all of them when it starts: an unreported microphone means that no silence can be proven.
    PeripheralChanged {
        /// Which.
        which: Peripheral,
        /// How it is now.
        state: PeripheralState,
    },
}

/// Something the shell must do, in the order given. **After each input, drain outputs to `None` before the next
/// input.** A [`Output::Record`] is on disk before any later output is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Set the light. Sent only when it changes.
    Show {
        /// The pattern.
        light: Light,
    },
    /// Show who wants the floor and how it stands, on panels. Sent only when it changes.
    ShowFloor {
        /// The floor.
        floor: FloorView,
    },
    /// Show a line to everyone (panel, platform notification).
    ShowBanner {
        /// What it is about.
        about: BannerAbout,
        /// The line.
        text: String,
    },
    /// Take that line away.
    ClearBanner {
        /// Which.
        about: BannerAbout,
    },
    /// Show the agenda clock; sent when an item starts, is extended, passes a nudge point or ends.
    ShowTimebox {
        /// The clock.
        timebox: TimeboxView,
    },
    /// Show text that is not spoken.
    Card {
        /// Who sees it.
        to: Audience,
        /// One line.
        title: String,
        /// The text.
        body: String,
    },
    /// One soft ding, once per request.
    Ding {
        /// Whose.
        request: RequestId,
        /// Where it sounds.
        place: DingPlace,
    },
    /// Synthesise these clauses and answer with [`Input::Prepared`]; nothing is heard yet.
    Prepare {
        /// Name of this speech from now on.
        say: SayId,
        /// The text, cut where it may be cut.
        clauses: Vec<String>,
    },
    /// Forget a prepared speech: it will not be said.
    Discard {
        /// Which.
        say: SayId,
    },
    /// Play the first `clauses` clauses of a prepared speech. At most one speech at a time.
    Say {
        /// Which.
        say: SayId,
        /// For which request.
        request: RequestId,
        /// How many of its clauses fit into the cap.
        clauses: u32,
    },
    /// Be silent at once, in the middle of a word; answer with [`Input::SpeakingSilenced`].
    Silence {
        /// Which.
        say: SayId,
        /// Why.
        cause: SilenceCause,
    },
    /// Raise the room's hand on the platform, where it has one.
    RaiseHand {
        /// For which request.
        request: RequestId,
    },
    /// Lower the room's hand on the platform.
    LowerHand {
        /// For which request.
        request: RequestId,
    },
    /// Soft mute: stop or resume listening on every ear.
    Mute {
        /// `true`: do not listen.
        on: bool,
    },
    /// Find an answer outside (knowledge base, transcript, language model) and send [`Input::AnswerReady`]. A shell
    /// that has nothing to ask answers `None` at once; the core then looks in its own notes.
    AnswerWanted {
        /// For which request.
        request: RequestId,
        /// The question as heard.
        question: String,
    },
    /// Count this: so many words of an utterance were Prim's own and are nobody's speech.
    OwnWords {
        /// Which ear heard Prim.
        ear: Ear,
        /// How many.
        words: u32,
    },
    /// Write this down.
    Record {
        /// What happened, and when.
        entry: Entry,
    },
    /// Reset the device to the factory's state: the button was held for 22 s.
    Reset,
}
