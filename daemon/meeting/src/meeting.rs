//! The five verbs.

use std::collections::VecDeque;

use prim_ids::MonoTime;

use crate::{FloorState, FloorView, Input, Light, MeetingConfig, Output, TimeboxView};

/// One device's meeting logic.
#[derive(Debug, Clone)]
pub struct Meeting {
    config: MeetingConfig,
    outputs: VecDeque<Output>,
}

/// What survives a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    text: String,
}

impl Snapshot {
    /// As text for the disk.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.text.clone()
    }
}

impl Meeting {
    /// No meeting yet.
    #[must_use]
    pub fn new(config: MeetingConfig) -> Self {
        Self { config, outputs: VecDeque::new() }
    }

    /// Something happened at `now`. A `now` before the last one is taken as the last one: time never runs backwards.
    pub fn handle_input(&mut self, now: MonoTime, input: Input) {
        let _ = (now, input, &self.config);
    }

    /// Time passed; call it at [`Self::poll_timeout`]. Early and superfluous calls do no harm.
    pub fn handle_timeout(&mut self, now: MonoTime) {
        let _ = now;
    }

    /// The next order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Self::handle_timeout`] at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<MonoTime> {
        None
    }

    /// What must survive a restart.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { text: String::new() }
    }

    /// After a restart. Open requests are recorded as expired; nothing dings again. `config.seed` must be new.
    #[must_use]
    pub fn restore(config: MeetingConfig, snapshot: Snapshot, now: MonoTime) -> Self {
        let _ = (snapshot, now);
        Self::new(config)
    }

    /// The floor, for panels.
    #[must_use]
    pub fn floor(&self) -> FloorView {
        FloorView { state: FloorState::Idle, request: None, reason: None, queue: Vec::new() }
    }

    /// The agenda clock at `now`.
    #[must_use]
    pub fn timebox(&self, now: MonoTime) -> Option<TimeboxView> {
        let _ = now;
        None
    }

    /// The light as last shown.
    #[must_use]
    pub fn light(&self) -> Light {
        Light::Idle
    }

    /// What people say may be written down now (also the input log).
    #[must_use]
    pub fn may_record(&self) -> bool {
        false
    }
}

/// The command grammar for the recogniser, in JSGF, from the same table that reads dictated text.
#[must_use]
pub fn grammar_jsgf() -> String {
    String::new()
}
