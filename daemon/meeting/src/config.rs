//! Every number the meeting obeys, with its source.

use std::time::Duration;

use crate::{DingSetting, Mode};

/// What can be set for a meeting. The defaults are the product's promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeetingConfig {
    /// Seed of all ids; from the operating system in the daemon, from the log in a replay.
    pub seed: u128,
    /// Policy mode at the start. Default: answer-on-ask (A10).
    pub mode: Mode,
    /// Where dings sound at the start. Default: room (A8).
    pub ding: DingSetting,
    /// A timebox nudge may speak without Allow in proactive mode. Default: no (A4).
    pub nudges_granted: bool,
    /// Drift may ask for the floor in proactive mode; else it is a banner. Default: no (a weak recogniser misses
    /// keywords, and a false alarm costs more than a late one).
    pub drift_may_ask: bool,
    /// Free questions go out as [`crate::Output::AnswerWanted`] before the core's own notes are searched. Default: yes.
    pub ask_outside: bool,
    /// Asking lasts this long before a ding. 6 s (A3).
    pub ask_before_ding: Duration,
    /// A silence window: nobody, room or remote, spoke for this long. 700 ms (DESIGN 4).
    pub silence_window: Duration,
    /// At most one ding in this time over all requests. 60 s (DESIGN 4).
    pub ding_interval: Duration,
    /// A request expires this long after its ding. 30 s (DESIGN 4).
    pub expire_after_ding: Duration,
    /// A request whose ding may sound but finds no silence, or is held back by the rate limit, expires this long after
    /// it began to ask. 120 s: two ding intervals, so that a second request is not lost to the first one's ding.
    pub expire_without_silence: Duration,
    /// Longest speech. 7 s (A6).
    pub speech_cap: Duration,
    /// An allowed request waits this long for people to leave a gap, then becomes a card. 10 s: longer than most
    /// turns, and the allower still remembers why.
    pub gap_patience: Duration,
    /// A gap: nobody spoke for this long, on top of the voice detector's own hangover. 200 ms (the shortest pause that
    /// people use to hand over a turn).
    pub gap: Duration,
    /// Synthesis must be done within this time, else a card. 3 s (five times the slowest engine's first answer).
    pub prepare_limit: Duration,
    /// The first sample must be heard within this time after `Say`. 2 s.
    pub start_limit: Duration,
    /// An outside answer must come within this time. 4 s.
    pub answer_limit: Duration,
    /// A person whose hand was allowed begins within this time. 30 s (as after a ding).
    pub hand_limit: Duration,
    /// Presses shorter than this are short, longer ones are held. 1 s (DESIGN 4).
    pub hold: Duration,
    /// A press, or a spoken Allow, that began within this time after people could see that somebody asks never allows.
    /// 400 ms (DESIGN 4).
    pub press_guard: Duration,
    /// Held this long: warn of the reset. 10 s (DESIGN 4).
    pub reset_warning: Duration,
    /// Held this long: reset. 22 s (DESIGN 4).
    pub reset: Duration,
    /// Time left at which the running item is nudged by banner; a point not below the planned time is skipped.
    /// 60 s and 10 s.
    pub nudge_left: Vec<Duration>,
    /// Once an item is over, it may be nudged again each time this much more has passed. 300 s; zero: never.
    pub overtime_every: Duration,
    /// What "more time" by voice adds. 120 s.
    pub more_time: Duration,
    /// Drift looks at utterances of this much time. 90 s.
    pub drift_window: Duration,
    /// and needs at least this many of them. 6.
    pub drift_utterances: usize,
    /// Drift is noticed at most once in this time. 180 s.
    pub drift_interval: Duration,
    /// After "Prim?" alone the next utterance on that ear is taken as addressed if it begins within this time. 5 s.
    pub attention: Duration,
    /// The words of "note that …" must arrive within this time after the command. 6 s (a long sentence).
    pub words_limit: Duration,
    /// At most this many open requests; the newest wish of Prim gives way, then the newest hand is refused. 16.
    pub queue_limit: usize,
    /// Utterances kept in memory for drift and extractive answers. 400 (about an hour).
    pub memory_utterances: usize,
    /// Prim begins to ask for consent this long after somebody came who has not answered. 3 s: people who come together
    /// are asked together.
    pub consent_ask_after: Duration,
    /// Local clocks are this many minutes ahead of UTC; only for the days that action items name. 0.
    pub utc_offset_min: i16,
}

impl Default for MeetingConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            mode: Mode::default(),
            ding: DingSetting::Room,
            nudges_granted: false,
            drift_may_ask: false,
            ask_outside: true,
            ask_before_ding: Duration::from_secs(6),
            silence_window: Duration::from_millis(700),
            ding_interval: Duration::from_secs(60),
            expire_after_ding: Duration::from_secs(30),
            expire_without_silence: Duration::from_secs(120),
            speech_cap: Duration::from_secs(7),
            gap_patience: Duration::from_secs(10),
            gap: Duration::from_millis(200),
            prepare_limit: Duration::from_secs(3),
            start_limit: Duration::from_secs(2),
            answer_limit: Duration::from_secs(4),
            hand_limit: Duration::from_secs(30),
            hold: Duration::from_secs(1),
            press_guard: Duration::from_millis(400),
            reset_warning: Duration::from_secs(10),
            reset: Duration::from_secs(22),
            nudge_left: vec![Duration::from_secs(60), Duration::from_secs(10)],
            overtime_every: Duration::from_secs(300),
            more_time: Duration::from_secs(120),
            drift_window: Duration::from_secs(90),
            drift_utterances: 6,
            drift_interval: Duration::from_secs(180),
            attention: Duration::from_secs(5),
            words_limit: Duration::from_secs(6),
            queue_limit: 16,
            memory_utterances: 400,
            consent_ask_after: Duration::from_secs(3),
            utc_offset_min: 0,
        }
    }
}
