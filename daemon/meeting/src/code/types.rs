//! The text forms of all inputs, outputs and events. The field lists repeat the types on purpose: the order here is the
//! order in the log, and a field that is missing here does not compile.

use super::parts::{coded_enum, coded_struct};
use super::{Coded, ReadError, Reader, Writer};
use crate::listen::Talker;
use crate::{
    Actor, AgendaItem, AskReason, Audience, BannerAbout, ButtonMeaning, CardKind, CardReason, Closing,
    Command, ConsentAnswer, ConsentRule, ConsentWay, Cut, DingPlace, DingSetting, Ear, Entry, Event,
    Evidence, ExpiryReason, FloorState, FloorView, Input, Light, MeetingConfig, Mode, NotNoted, Output,
    PanelCommand, Peripheral, PeripheralState, Person, Place, Reason, Role, Ruling, SilenceCause, Stream,
    TimeboxView, Verdict, WaitedFor, WithdrawReason,
};

coded_enum!(Input {
    MeetingStarted { meeting, wall, title, agenda, people, consent },
    MeetingEnded,
    ParticipantJoined { person },
    ParticipantLeft { who },
    ConsentAnswered { who, yes },
    SpeechStarted { ear, talker, speaker },
    SpeechEnded { ear, talker },
    PrimHeard { ear, at },
    CommandHeard { ear, speaker, command, at, utterance },
    VoiceMatched { utterance, voice },
    UtteranceHeard { utterance, ear, speaker, bearing_deg, text, started, ended, addressed },
    ButtonPressed,
    ButtonReleased,
    MuteSwitchMoved { on },
    RemoteHand { who, raised },
    Panel { by, command },
    Prepared { say, clauses_ms },
    PrepareFailed { say },
    SpeakingStarted { say },
    ClausePlayed { say, index },
    SpeakingFinished { say },
    SpeakingSilenced { say, played_ms },
    DingPlayed { request },
    AnswerReady { request, text },
    PeripheralChanged { which, state },
});
coded_enum!(Output {
    Show { light },
    ShowFloor { floor },
    ShowBanner { about, text },
    ClearBanner { about },
    ShowTimebox { timebox },
    Card { to, title, body },
    Ding { request, place },
    Prepare { say, clauses },
    Discard { say },
    Say { say, request, clauses },
    Silence { say, cause },
    RaiseHand { request },
    LowerHand { request },
    Mute { on },
    AnswerWanted { request, question },
    OwnWords { ear, words },
    Record { entry },
    Reset,
});
coded_enum!(Ear { Room, Remote });
coded_struct!(AgendaItem { id, title, planned_ms });
coded_struct!(Person { id, name, role, place });
coded_enum!(Role { Host, Member });
coded_enum!(Place { Room, Remote });
coded_enum!(ConsentRule { Given, AskEveryone, Never });
coded_enum!(Command {
    TimeLeft,
    NextItem,
    MoreTime,
    Decisions,
    Actions,
    SpeakingTime,
    Repeat,
    Note,
    Decision,
    Action,
    Stop,
    Allow,
    NotNow,
    Mute,
    Agree,
    AgreeForAll,
    Refuse,
    TakeBack,
});
coded_enum!(PanelCommand {
    Allow { request },
    NotNow { request },
    Stop,
    SetMode { mode },
    SetDing { setting },
    NextItem,
    ExtendItem { by_ms },
    SayNext { text },
    Mute { on },
    AddNote { text, supersedes },
    AddDecision { text, supersedes },
    AddAction { title, owner, supersedes },
});
coded_enum!(Peripheral {
    Microphones,
    RemoteLink,
    Speaker,
    Light,
    Button,
    Stt,
    Tts,
    LanguageModel,
    Uplink,
    Disk,
});
coded_enum!(PeripheralState {
    Up,
    Degraded { reason },
    Absent { reason },
});
coded_enum!(Light {
    Resetting,
    ResetWarning,
    Pressed,
    HardMuted,
    Muted,
    Speaking,
    Allowed,
    Attending,
    Dinged,
    Asking,
    RemoteHand,
    RoomHand,
    Fault,
    Listening,
    Idle,
});
coded_enum!(DingPlace { Room, Host });
coded_enum!(DingSetting { Room, Host, Off });
coded_enum!(Audience {
    Everyone,
    Host,
    Person { who },
});
coded_enum!(BannerAbout {
    Request { request },
    Timebox,
    Drift,
    Consent,
    Mute,
});
coded_enum!(SilenceCause { BargeIn, Stop, Muted, Deaf, CoachOnly, TooLong, NotStarted, MeetingEnded });
coded_enum!(Actor {
    Prim,
    Policy,
    Button,
    MuteSwitch,
    Voice { speaker },
    Participant { who },
    Panel { user },
});
coded_enum!(FloorState { Idle, Asking, Dinged, Allowed, Speaking });
coded_struct!(FloorView { state, request, reason, queue });
coded_struct!(TimeboxView { item, title, planned_ms, spent_ms, running });
coded_struct!(Entry { at, event });
coded_enum!(Stream { Audit, Utterance, Note, Event });
coded_enum!(AskReason {
    TimeboxOver { item },
    Drift { item },
    Asked { command },
    Question,
    SayNext,
    Consent,
    RoomHand,
    RemoteHand { who },
});
coded_enum!(Talker {
    Person { who },
    Voice { label },
    Unknown,
});

coded_enum!(Evidence {
    Clock { planned_ms, spent_ms },
    Utterances { ids },
    Person { by, utterance },
    Unanswered { people },
});
coded_enum!(Closing {
    Spoken,
    Served { by },
    Carded { why },
    Withdrawn { by, why },
    Declined { by },
    Expired { why },
    Stopped { by, cause },
});
coded_struct!(WaitedFor { ear, speaker });
coded_struct!(Cut { clause, played_ms, text });
coded_enum!(CardKind {
    Listening,
    Consent,
    Time,
    Agenda,
    Answer,
    Words,
    WholeAnswer,
    Silenced,
    Noted,
    Decided,
    Action,
    NotNoted,
    ObjectionStands,
    NotUnderstood,
});
coded_enum!(CardReason { Policy, NoVoice, TooLong, NoGap, Superseded, Stopped, CannotHear });
coded_enum!(WithdrawReason { Moot, HandLowered, Left, Muted, Mode, MeetingEnded, QueueFull });
coded_enum!(ExpiryReason { Unanswered, UnansweredWithoutDing, NoSilence, Unused, Restarted });
coded_enum!(Event {
    MeetingStarted { meeting, title, mode, ding, consent },
    MeetingEnded { meeting },
    Restored { meeting },
    ParticipantPlanned { who, name, place },
    ParticipantJoined { who, name, place, planned },
    ParticipantLeft { who },
    ConsentAnswered { who, answer, ear, way, by, utterance },
    RecordingChanged { room, remote },
    FloorRequested { request, reason, evidence },
    Judged { request, verdict },
    DingIntended { request, place, silence_ms, waited_for },
    DingPlayed { request },
    Allowed { request, by, waited_ms },
    FloorClosed { request, how },
    SayIntended { say, request, text, length_ms, waited_ms, waited_for },
    SayStarted { say },
    SayFinished { say, spoke_ms },
    SaySilenced { say, cause, played_ms, cut, unsaid },
    CardShown { to, kind, why, unsaid },
    Stopped { by },
    MuteChanged { soft, hard, by },
    ModeChanged { mode, by },
    DingChanged { setting, by },
    ButtonPressed,
    ButtonMeant { meaning },
    Addressed { command, speaker },
    Utterance { utterance, ear, speaker, bearing_deg, label, text, started, ended, item },
    Note { note, text, by, utterances, supersedes, item },
    Decision { decision, text, by, utterances, supersedes, item },
    Action { action, title, owner, due, due_on, by, utterances, supersedes, item },
    NotNoted { command, why },
    ItemStarted { item, title, planned_ms },
    ItemExtended { item, planned_ms, by },
    ItemNudged { item, planned_ms, spent_ms, left_ms },
    ItemEnded { item, planned_ms, spent_ms, by },
    DriftNoticed { item, towards, utterances },
    PeripheralChanged { which, state },
    ResetOrdered,
});
coded_enum!(ConsentAnswer { Yes, No, TakenBack });
coded_enum!(ConsentWay {
    Invitation,
    Platform,
    OwnVoice,
    OnlyOneThere,
    ForTheRoom,
    UnnamedVoice,
    EveryoneByName
});
coded_enum!(ButtonMeaning {
    Hand,
    HandDown,
    Allow,
    NotNow,
    SoftMute,
    Stop,
    ResetWarned,
    ResetCancelled,
    Reset,
    Nothing,
});
coded_enum!(NotNoted { NoConsent, NoWords });
coded_enum!(Mode { CoachOnly, AnswerOnAsk, ProactiveTimekeeper });
coded_struct!(Verdict { ruling, reason });
coded_enum!(Ruling { Speak, Ask, Card, Refuse });
coded_enum!(Reason {
    DirectQuestion,
    Ordered,
    Granted,
    MustAsk,
    PersonsHand,
    CoachOnly,
    NotAsked,
    Muted,
    CannotHear,
    NoVoice,
    QueueFull,
});
coded_struct!(MeetingConfig {
    seed,
    mode,
    ding,
    nudges_granted,
    drift_may_ask,
    ask_outside,
    ask_before_ding,
    silence_window,
    ding_interval,
    expire_after_ding,
    expire_without_silence,
    speech_cap,
    gap_patience,
    gap,
    prepare_limit,
    start_limit,
    answer_limit,
    hand_limit,
    hold,
    press_guard,
    reset_warning,
    reset,
    nudge_left,
    overtime_every,
    more_time,
    drift_window,
    drift_utterances,
    drift_interval,
    attention,
    words_limit,
    queue_limit,
    memory_utterances,
    consent_ask_after,
    utc_offset_min
});
