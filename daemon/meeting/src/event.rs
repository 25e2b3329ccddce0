//! The vocabulary of audit and notes: what the core writes down. Closed, so that the wire format can cover it.

use prim_ids::{
    ActionId, AgendaItemId, Day, DecisionId, MeetingId, MonoTime, NoteId, ParticipantId, RequestId,
    UtteranceId,
};

use crate::{
    Actor, Audience, Command, ConsentRule, DingPlace, DingSetting, Ear, Mode, Peripheral, PeripheralState,
    Place, SayId, SilenceCause, SpeakerLabel, Verdict,
};

/// One thing to write down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it happened.
    pub at: MonoTime,
    /// What happened.
    pub event: Event,
}

/// Which of the device's streams an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// What Prim did and why; kept in any case, people by id only.
    Audit,
    /// What people said; only with consent.
    Utterance,
    /// Notes, decisions, actions; only with consent.
    Note,
    /// Who came and went, the agenda, peripherals.
    Event,
}

/// Why somebody wants the floor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskReason {
    /// The running item has used its time.
    TimeboxOver {
        /// Which item.
        item: AgendaItemId,
    },
    /// The talk has left the item.
    Drift {
        /// Which item.
        item: AgendaItemId,
    },
    /// Somebody asked Prim with a known command.
    Asked {
        /// Which.
        command: Command,
    },
    /// Somebody asked Prim a free question.
    Question,
    /// A panel gave Prim words to say.
    SayNext,
    /// Prim asks people whether it may write down what they say.
    Consent,
    /// The room's button: a person in the room wants to speak.
    RoomHand,
    /// A remote person raised a hand.
    RemoteHand {
        /// Who.
        who: ParticipantId,
    },
}

/// What somebody answered about being written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentAnswer {
    /// Write it down.
    Yes,
    /// Do not.
    No,
    /// An earlier no was taken back; this is no yes.
    TakenBack,
}

/// How Prim knows an answer about being written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentWay {
    /// They agreed beforehand, by the meeting's plan.
    Invitation,
    /// The platform or a panel said who answered.
    Platform,
    /// By their own voice, and the ear knows whose it is.
    OwnVoice,
    /// By a voice that cannot be told, and nobody else is listed on that side.
    OnlyOneThere,
    /// Somebody in the room spoke for everybody in it.
    ForTheRoom,
    /// By a voice that cannot be told.
    UnnamedVoice,
    /// Everybody who was there has agreed by name since.
    EveryoneByName,
}

/// What a request rests on, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// Planned and spent time.
    Clock {
        /// Planned.
        planned_ms: u64,
        /// Spent.
        spent_ms: u64,
    },
    /// These utterances (empty while nothing may be recorded).
    Utterances {
        /// Which.
        ids: Vec<UtteranceId>,
    },
    /// A person did it.
    Person {
        /// Who.
        by: Actor,
        /// The utterance that asked for it, if it may be written down.
        utterance: Option<UtteranceId>,
    },
    /// These people have not answered whether they may be written down; empty: the room, in which nobody is listed.
    Unanswered {
        /// Who.
        people: Vec<ParticipantId>,
    },
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// Said to its end, or cut at a clause by the cap.
    Spoken,
    /// The person whose hand it was speaks.
    Served {
        /// Who speaks, as far as the ear can tell.
        by: Actor,
    },
    /// Shown as a card instead.
    Carded {
        /// Why not spoken.
        why: CardReason,
    },
    /// Taken back.
    Withdrawn {
        /// By whom.
        by: Actor,
        /// Why.
        why: WithdrawReason,
    },
    /// Not now.
    Declined {
        /// By whom.
        by: Actor,
    },
    /// Nobody answered in time.
    Expired {
        /// What was waited for.
        why: ExpiryReason,
    },
    /// Cut short while speaking.
    Stopped {
        /// By whom; `Prim` for a limit.
        by: Actor,
        /// Why.
        cause: SilenceCause,
    },
}

/// Why an answer became a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardReason {
    /// The mode does not let Prim speak.
    Policy,
    /// There is no voice, or it did not come in time.
    NoVoice,
    /// Not even the first clause fits into the cap.
    TooLong,
    /// People did not leave a gap in time.
    NoGap,
    /// A newer question took its place.
    Superseded,
    /// Muted, or unable to hear whether someone speaks.
    CannotHear,
}

/// A voice that Prim waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitedFor {
    /// Which ear heard it.
    pub ear: Ear,
    /// Whose it was, if known.
    pub speaker: Option<ParticipantId>,
}

/// Where a speech was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Within which clause, from 0.
    pub clause: u32,
    /// How much of this clause was heard.
    pub played_ms: u64,
    /// The whole clause (erasable): it was heard in part.
    pub text: String,
}

/// What a card is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardKind {
    /// Prim listens; for who comes.
    Listening,
    /// May Prim write this down?
    Consent,
    /// The timebox.
    Time,
    /// The talk has left the item.
    Agenda,
    /// An answer.
    Answer,
    /// Words that a panel gave.
    Words,
    /// An answer that was too long to be said whole.
    WholeAnswer,
    /// A speech that was silenced.
    Silenced,
    /// A note.
    Noted,
    /// A decision.
    Decided,
    /// An action item.
    Action,
    /// Nothing was noted, and why.
    NotNoted,
    /// An objection was to be taken back and was not, and why.
    ObjectionStands,
    /// Prim was called and understood nothing.
    NotUnderstood,
}

impl CardKind {
    /// The heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Listening => "Prim is listening",
            Self::Consent => "May Prim write this down?",
            Self::Time => "Time",
            Self::Agenda => "Agenda",
            Self::Answer => "Prim's answer",
            Self::Words | Self::NotUnderstood => "Prim",
            Self::WholeAnswer => "Prim's whole answer",
            Self::Silenced => "Prim was saying",
            Self::Noted => "Noted",
            Self::Decided => "Decided",
            Self::Action => "Action",
            Self::NotNoted => "Not noted",
            Self::ObjectionStands => "Prim writes nothing down",
        }
    }
}

/// Why a request was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithdrawReason {
    /// What it was about is over (next item, more time).
    Moot,
    /// The hand was lowered.
    HandLowered,
    /// The person left.
    Left,
    /// Prim was muted.
    Muted,
    /// The mode was changed to one that does not ask.
    Mode,
    /// The meeting ended.
    MeetingEnded,
    /// The queue was full; the newest of Prim's own wishes gave way.
    QueueFull,
}

/// Why a request expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryReason {
    /// 30 s after the ding.
    Unanswered,
    /// No ding could sound (off, muted, deaf) and 36 s passed.
    UnansweredWithoutDing,
    /// There was no silence to ding in.
    NoSilence,
    /// Allowed, but the person did not begin.
    Unused,
    /// Prim was restarted while it was open.
    Restarted,
}

/// Everything that is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The meeting began.
    MeetingStarted {
        /// Which.
        meeting: MeetingId,
        /// What it is called.
        title: String,
        /// The policy mode.
        mode: Mode,
        /// Where dings sound.
        ding: DingSetting,
        /// How consent is reached.
        consent: ConsentRule,
    },
    /// The meeting ended.
    MeetingEnded {
        /// Which.
        meeting: MeetingId,
    },
    /// The core was restored after a restart.
    Restored {
        /// Which meeting, if one was running.
        meeting: Option<MeetingId>,
    },
    /// Somebody is invited. The name is erasable. Whether they are there shows later, and in the room never: Prim
    /// cannot tell who sits in it.
    ParticipantPlanned {
        /// Who.
        who: ParticipantId,
        /// What they are called.
        name: String,
        /// Where they are expected.
        place: Place,
    },
    /// Somebody came, and was told that Prim listens. The name is erasable.
    ParticipantJoined {
        /// Who.
        who: ParticipantId,
        /// What they are called.
        name: String,
        /// Where.
        place: Place,
        /// They were invited.
        planned: bool,
    },
    /// Somebody left.
    ParticipantLeft {
        /// Who.
        who: ParticipantId,
    },
    /// Somebody answered whether what they say may be written down.
    ConsentAnswered {
        /// For whom; none when a voice spoke that nobody can be named for, or the room as a whole.
        who: Option<ParticipantId>,
        /// What.
        answer: ConsentAnswer,
        /// Where it was said; none for a platform or an invitation.
        ear: Option<Ear>,
        /// How Prim knows.
        way: ConsentWay,
        /// Whose act it was.
        by: Actor,
        /// The utterance, if it may be written down.
        utterance: Option<UtteranceId>,
    },
    /// What people say is written down from now on, or no longer.
    RecordingChanged {
        /// What is said in the room.
        room: bool,
        /// What is said on the link.
        remote: bool,
    },
    /// A request was made.
    FloorRequested {
        /// Its id.
        request: RequestId,
        /// Why.
        reason: AskReason,
        /// On what grounds.
        evidence: Evidence,
    },
    /// The policy was asked and answered; refusals too.
    Judged {
        /// About which request.
        request: RequestId,
        /// The answer.
        verdict: Verdict,
    },
    /// A ding is about to sound.
    DingIntended {
        /// Whose.
        request: RequestId,
        /// Where.
        place: DingPlace,
        /// How long nobody had spoken.
        silence_ms: u64,
        /// Who spoke while it asked: it waited for them and for the silence behind them. Empty: for silence alone.
        waited_for: Vec<WaitedFor>,
    },
    /// The ding sounded.
    DingPlayed {
        /// Whose.
        request: RequestId,
    },
    /// A request was allowed.
    Allowed {
        /// Which.
        request: RequestId,
        /// By whom.
        by: Actor,
        /// How long it had asked.
        waited_ms: u64,
    },
    /// A request ended.
    FloorClosed {
        /// Which.
        request: RequestId,
        /// How.
        how: Closing,
    },
    /// A speech is about to be heard.
    SayIntended {
        /// Which.
        say: SayId,
        /// For which request.
        request: RequestId,
        /// The words (erasable).
        text: String,
        /// Their length.
        length_ms: u64,
        /// How long it was ready and waited for people to leave a gap.
        waited_ms: u64,
        /// Who spoke meanwhile.
        waited_for: Vec<WaitedFor>,
    },
    /// Its first sample was heard.
    SayStarted {
        /// Which.
        say: SayId,
    },
    /// It was heard to its end.
    SayFinished {
        /// Which.
        say: SayId,
        /// How long Prim spoke.
        spoke_ms: u64,
    },
    /// It was cut.
    SaySilenced {
        /// Which.
        say: SayId,
        /// Why.
        cause: SilenceCause,
        /// How much was heard, when the mouth reported it.
        played_ms: u64,
        /// The clause within which it was cut; none where the cut fell between two clauses or before the first.
        cut: Option<Cut>,
        /// The words of the clauses of which nothing was heard (erasable).
        unsaid: String,
    },
    /// Something was shown.
    CardShown {
        /// To whom.
        to: Audience,
        /// What it was about.
        kind: CardKind,
        /// Why it was shown instead of said, where it was.
        why: Option<CardReason>,
        /// Words that Prim was about to say and that did not fit (erasable). Other words of a card stand elsewhere, or
        /// are people's.
        unsaid: Option<String>,
    },
    /// Somebody stopped Prim.
    Stopped {
        /// Who.
        by: Actor,
    },
    /// Mute changed.
    MuteChanged {
        /// Software mute.
        soft: bool,
        /// The hardware switch.
        hard: bool,
        /// By whom.
        by: Actor,
    },
    /// The mode changed.
    ModeChanged {
        /// To.
        mode: Mode,
        /// By whom.
        by: Actor,
    },
    /// The ding's place changed.
    DingChanged {
        /// To.
        setting: DingSetting,
        /// By whom.
        by: Actor,
    },
    /// The button was pressed.
    ButtonPressed,
    /// The button was let go, and this is what it meant.
    ButtonMeant {
        /// What.
        meaning: ButtonMeaning,
    },
    /// Somebody asked Prim something by voice.
    Addressed {
        /// The command, or none for free speech.
        command: Option<Command>,
        /// Who.
        speaker: Option<ParticipantId>,
    },
    /// What a person said (erasable; only with consent).
    Utterance {
        /// Its id.
        utterance: UtteranceId,
        /// Which ear.
        ear: Ear,
        /// Who.
        speaker: Option<ParticipantId>,
        /// From where.
        bearing_deg: Option<u16>,
        /// Which of the room's voices, where nobody could be named.
        label: Option<SpeakerLabel>,
        /// The words.
        text: String,
        /// When it began.
        started: MonoTime,
        /// When it ended.
        ended: MonoTime,
        /// During which agenda item.
        item: Option<AgendaItemId>,
    },
    /// A note.
    Note {
        /// Its id.
        note: NoteId,
        /// The words.
        text: String,
        /// By whom.
        by: Actor,
        /// From which utterances.
        utterances: Vec<UtteranceId>,
        /// The note it replaces.
        supersedes: Option<NoteId>,
        /// The agenda item it belongs to: the one that ran when it was said, or that of what it replaces.
        item: Option<AgendaItemId>,
    },
    /// A decision.
    Decision {
        /// Its id.
        decision: DecisionId,
        /// The words.
        text: String,
        /// By whom.
        by: Actor,
        /// From which utterances.
        utterances: Vec<UtteranceId>,
        /// The decision it replaces.
        supersedes: Option<DecisionId>,
        /// The agenda item it belongs to: the one that ran when it was said, or that of what it replaces.
        item: Option<AgendaItemId>,
    },
    /// An action item.
    Action {
        /// Its id.
        action: ActionId,
        /// What is to be done.
        title: String,
        /// Whose it is.
        owner: Option<ParticipantId>,
        /// Until when, in the speaker's words.
        due: Option<String>,
        /// The day that these words name, by the meeting's local date.
        due_on: Option<Day>,
        /// By whom.
        by: Actor,
        /// From which utterances.
        utterances: Vec<UtteranceId>,
        /// The action it replaces.
        supersedes: Option<ActionId>,
        /// The agenda item it belongs to: the one that ran when it was said, or that of what it replaces.
        item: Option<AgendaItemId>,
    },
    /// Something was to be noted and was not.
    NotNoted {
        /// Which command.
        command: Command,
        /// Why.
        why: NotNoted,
    },
    /// An agenda item began.
    ItemStarted {
        /// Which.
        item: AgendaItemId,
        /// Its title.
        title: String,
        /// Planned time.
        planned_ms: u64,
    },
    /// It got more time.
    ItemExtended {
        /// Which.
        item: AgendaItemId,
        /// New planned time.
        planned_ms: u64,
        /// By whom.
        by: Actor,
    },
    /// It passed a nudge point.
    ItemNudged {
        /// Which.
        item: AgendaItemId,
        /// Planned time.
        planned_ms: u64,
        /// Spent time.
        spent_ms: u64,
        /// Time left at the point; negative when over.
        left_ms: i64,
    },
    /// It ended.
    ItemEnded {
        /// Which.
        item: AgendaItemId,
        /// Planned time.
        planned_ms: u64,
        /// Spent time.
        spent_ms: u64,
        /// By whom.
        by: Actor,
    },
    /// The talk left the item.
    DriftNoticed {
        /// The running item.
        item: AgendaItemId,
        /// The item the talk is about instead, if one matches.
        towards: Option<AgendaItemId>,
        /// Which utterances show it.
        utterances: Vec<UtteranceId>,
    },
    /// A part changed its state.
    PeripheralChanged {
        /// Which.
        which: Peripheral,
        /// How it is now.
        state: PeripheralState,
    },
    /// The button ordered a reset.
    ResetOrdered,
}

/// What a press came to mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ButtonMeaning {
    /// Raise the room's hand.
    Hand,
    /// Lower the room's hand.
    HandDown,
    /// Allow the request that the light asked for.
    Allow,
    /// Not now.
    NotNow,
    /// Soft mute on or off.
    SoftMute,
    /// Stop speaking.
    Stop,
    /// Held for 10 s.
    ResetWarned,
    /// Let go between 10 s and 22 s.
    ResetCancelled,
    /// Held for 22 s.
    Reset,
    /// It had nothing left to act on.
    Nothing,
}

/// Why nothing was noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNoted {
    /// Nobody, or not everybody, has consented.
    NoConsent,
    /// The words did not arrive.
    NoWords,
}

impl Event {
    /// The stream it belongs to.
    #[must_use]
    pub fn stream(&self) -> Stream {
        match self {
            Self::Utterance { .. } => Stream::Utterance,
            Self::Note { .. } | Self::Decision { .. } | Self::Action { .. } => Stream::Note,
            Self::ParticipantPlanned { .. }
            | Self::ParticipantJoined { .. }
            | Self::ParticipantLeft { .. }
            | Self::ItemStarted { .. }
            | Self::ItemExtended { .. }
            | Self::ItemNudged { .. }
            | Self::ItemEnded { .. }
            | Self::DriftNoticed { .. }
            | Self::PeripheralChanged { .. } => Stream::Event,
            Self::MeetingStarted { .. }
            | Self::MeetingEnded { .. }
            | Self::Restored { .. }
            | Self::ConsentAnswered { .. }
            | Self::RecordingChanged { .. }
            | Self::FloorRequested { .. }
            | Self::Judged { .. }
            | Self::DingIntended { .. }
            | Self::DingPlayed { .. }
            | Self::Allowed { .. }
            | Self::FloorClosed { .. }
            | Self::SayIntended { .. }
            | Self::SayStarted { .. }
            | Self::SayFinished { .. }
            | Self::SaySilenced { .. }
            | Self::CardShown { .. }
            | Self::Stopped { .. }
            | Self::MuteChanged { .. }
            | Self::ModeChanged { .. }
            | Self::DingChanged { .. }
            | Self::ButtonPressed
            | Self::ButtonMeant { .. }
            | Self::Addressed { .. }
            | Self::NotNoted { .. }
            | Self::ResetOrdered => Stream::Audit,
        }
    }
}
