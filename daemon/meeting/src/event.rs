//! The vocabulary of audit and notes: what the core writes down. Closed, so that the wire format can cover it.

mod button;
mod card;
mod consent;
mod floor;

use prim_ids::{
    ActionId, AgendaItemId, Day, DecisionId, MeetingId, MonoTime, NoteId, ParticipantId, RequestId,
    UtteranceId,
};

use crate::{
    Actor, Audience, Command, ConsentRule, DingPlace, DingSetting, Ear, Mode, Peripheral, PeripheralState,
    Place, SayId, SilenceCause, SpeakerLabel, Verdict,
};

pub use button::ButtonMeaning;
pub use card::{CardKind, CardReason};
pub use consent::{ConsentAnswer, ConsentWay};
pub use floor::{AskReason, Closing, Cut, Evidence, ExpiryReason, WaitedFor, WithdrawReason};

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
