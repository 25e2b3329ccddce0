//! Everything that goes in and comes out. Both enums are closed: a new fact is a new variant and the compiler
//! shows every place that must think about it.

use prim_ids::{
    ActionId, AgendaItemId, DecisionId, MeetingId, MonoTime, NoteId, ParticipantId, RequestId, UserId,
    UtteranceId, WallTime,
};

use crate::{Entry, Mode};

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
        /// When it was said; lies within the utterance it belongs to.
        at: MonoTime,
        /// That utterance, if the shell knows it.
        utterance: Option<UtteranceId>,
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
    /// Write this down.
    Record {
        /// What happened, and when.
        entry: Entry,
    },
    /// Reset the device to the factory's state: the button was held for 22 s.
    Reset,
}

/// Where a voice comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ear {
    /// The microphones.
    Room,
    /// The platform's link.
    Remote,
}

/// A voice that an ear can tell from others, for as long as it speaks. The shell numbers them as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TalkerKey(pub u32);

/// One speech of Prim in this meeting, numbered from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SayId(pub u32);

/// One line of the agenda as planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgendaItem {
    /// Its id.
    pub id: AgendaItemId,
    /// What it is called; also the source of the drift keywords.
    pub title: String,
    /// How long it may take; 0 means no limit.
    pub planned_ms: u64,
}

/// Somebody in the meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Their id in this meeting.
    pub id: ParticipantId,
    /// What they are called.
    pub name: String,
    /// What they may decide.
    pub role: Role,
    /// Where they sit.
    pub place: Place,
}

/// What a person may decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Leads the meeting.
    Host,
    /// Takes part.
    Member,
}

/// Where a person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the room.
    Room,
    /// On the other end of the link.
    Remote,
}

/// How consent to recording is reached in this meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentRule {
    /// Everybody invited agreed beforehand; who comes without an invitation is asked, and until they agree nothing of
    /// their side is written down; a no still wins.
    Given,
    /// Prim asks; recording waits until each person present has said yes.
    AskEveryone,
    /// Nothing is recorded in this meeting.
    Never,
}

/// What people can ask of Prim by voice. See [`crate::grammar_jsgf`] for the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// How much time is left on this item?
    TimeLeft,
    /// Go on to the next item.
    NextItem,
    /// Give this item more time (the configured step).
    MoreTime,
    /// What did we decide?
    Decisions,
    /// Which actions are open?
    Actions,
    /// Who spoke how long?
    SpeakingTime,
    /// Say that again.
    Repeat,
    /// Note that …; the words come as the utterance's text.
    Note,
    /// Decision: …
    Decision,
    /// Action: …
    Action,
    /// Be silent.
    Stop,
    /// Go ahead.
    Allow,
    /// Not now.
    NotNow,
    /// Stop listening.
    Mute,
    /// I agree that what I say is written down.
    Agree,
    /// Everybody in this room agrees.
    AgreeForAll,
    /// Write nothing down.
    Refuse,
    /// I take my no back.
    TakeBack,
}

/// What a panel can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PanelCommand {
    /// Let this request have the floor.
    Allow {
        /// Which.
        request: RequestId,
    },
    /// Refuse this request for now.
    NotNow {
        /// Which.
        request: RequestId,
    },
    /// Be silent.
    Stop,
    /// Change the policy mode.
    SetMode {
        /// To.
        mode: Mode,
    },
    /// Change where dings sound.
    SetDing {
        /// To.
        setting: DingSetting,
    },
    /// Go on to the next item.
    NextItem,
    /// Give the running item more time.
    ExtendItem {
        /// How much.
        by_ms: u64,
    },
    /// Say this as soon as nobody speaks; the command is its own Allow.
    SayNext {
        /// The words.
        text: String,
    },
    /// Soft mute on or off.
    Mute {
        /// `true`: do not listen.
        on: bool,
    },
    /// Write a note.
    AddNote {
        /// The words.
        text: String,
        /// The note it replaces.
        supersedes: Option<NoteId>,
    },
    /// Write a decision.
    AddDecision {
        /// The words.
        text: String,
        /// The decision it replaces.
        supersedes: Option<DecisionId>,
    },
    /// Write an action item.
    AddAction {
        /// The words.
        title: String,
        /// Whose it is.
        owner: Option<ParticipantId>,
        /// The action it replaces.
        supersedes: Option<ActionId>,
    },
}

/// Parts that can fail on their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peripheral {
    /// The microphones with the voice detector behind them.
    Microphones,
    /// The remote people's voices.
    RemoteLink,
    /// The loudspeaker.
    Speaker,
    /// The light.
    Light,
    /// The button.
    Button,
    /// The recogniser.
    Stt,
    /// The voice.
    Tts,
    /// The language model.
    LanguageModel,
    /// The way to the gateway.
    Uplink,
    /// The outbox's disk.
    Disk,
}

/// How a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeripheralState {
    /// Works.
    Up,
    /// Works badly (slow, noisy, backlog, wrong rate).
    Degraded {
        /// Why, for people.
        reason: String,
    },
    /// Does not work.
    Absent {
        /// Why, for people.
        reason: String,
    },
}

/// What the light ring shows, highest in the ladder first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Light {
    /// The reset was ordered.
    Resetting,
    /// Held for 10 s: go on holding to reset, let go to cancel.
    ResetWarning,
    /// The press was seen.
    Pressed,
    /// The hardware switch cut the microphones.
    HardMuted,
    /// Prim does not listen.
    Muted,
    /// Prim speaks.
    Speaking,
    /// Allowed; waits for a gap or for the voice.
    Allowed,
    /// Prim was called by name and attends.
    Attending,
    /// Prim asked and has dinged.
    Dinged,
    /// Prim asks for the floor.
    Asking,
    /// A remote person asks for the floor.
    RemoteHand,
    /// The room asks for the floor.
    RoomHand,
    /// Something is broken; the panel says what.
    Fault,
    /// In a meeting, listening.
    Listening,
    /// No meeting.
    Idle,
}

/// Where a ding sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DingPlace {
    /// On the room's loudspeaker.
    Room,
    /// Only for the host.
    Host,
}

/// Where dings may sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DingSetting {
    /// On the room's loudspeaker.
    Room,
    /// Only for the host.
    Host,
    /// Nowhere.
    Off,
}

/// Who sees a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everyone in the meeting.
    Everyone,
    /// The host.
    Host,
    /// One person.
    Person {
        /// Who.
        who: ParticipantId,
    },
}

/// What a banner is about; one banner per subject at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BannerAbout {
    /// A request for the floor.
    Request {
        /// Which.
        request: RequestId,
    },
    /// The running timebox.
    Timebox,
    /// The talk has left the item.
    Drift,
    /// Consent and recording.
    Consent,
    /// Mute.
    Mute,
}

/// Why Prim fell silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilenceCause {
    /// A person began to speak.
    BargeIn,
    /// Somebody said or pressed stop.
    Stop,
    /// Prim was muted: it could no longer hear whether it talks over someone.
    Muted,
    /// The ears failed while it spoke.
    Deaf,
    /// It took longer than the cap.
    TooLong,
    /// The mouth did not begin in time.
    NotStarted,
    /// The meeting ended.
    MeetingEnded,
}

/// Who did it. People by id only, so that the audit can be kept whatever consent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Prim's own rules.
    Prim,
    /// A policy granted it in advance.
    Policy,
    /// Whoever pressed the button.
    Button,
    /// Whoever moved the mute switch.
    MuteSwitch,
    /// A voice.
    Voice {
        /// Whose, if known.
        speaker: Option<ParticipantId>,
    },
    /// A remote person by the platform.
    Participant {
        /// Who.
        who: ParticipantId,
    },
    /// A signed-in user at a panel.
    Panel {
        /// Who.
        user: UserId,
    },
}

/// Where the floor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloorState {
    /// Nobody asks.
    Idle,
    /// The head of the queue asks by light and banner.
    Asking,
    /// It has dinged.
    Dinged,
    /// It may speak and waits for a gap, or for the person to begin.
    Allowed,
    /// Prim speaks.
    Speaking,
}

/// The floor as panels show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FloorView {
    /// Where it stands.
    pub state: FloorState,
    /// The request it is about.
    pub request: Option<RequestId>,
    /// Why that request was made.
    pub reason: Option<crate::AskReason>,
    /// All open requests, first come first.
    pub queue: Vec<RequestId>,
}

/// The agenda clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeboxView {
    /// Which item.
    pub item: AgendaItemId,
    /// Its title.
    pub title: String,
    /// Planned time with extensions; 0 means no limit.
    pub planned_ms: u64,
    /// Time used so far.
    pub spent_ms: u64,
    /// It is the running one.
    pub running: bool,
}
