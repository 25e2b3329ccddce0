//! Who may speak, when, how long and why: the meeting as a pure state machine.
//!
//! **What it is.** Facts go in ([`Input`]), orders come out ([`Output`]), and time is an argument. It holds the floor,
//! the button's grammar, the policy, the agenda clock, the intents, the notes and the consent of one meeting.
//!
//! **Who calls it.** `primd`'s meeting task, `prim replay`, the scenario runner, the property tests.
//!
//! **Contract.** *After each input, drain outputs to `None` before the next input.* Carry them out in order; a
//! [`Output::Record`] is on disk before any later output is carried out, so the intent to ding or speak precedes the
//! sound. Call [`Meeting::handle_timeout`] at [`Meeting::poll_timeout`]. Save [`Meeting::snapshot`] with the records.
//!
//! **What it never does.** Read a clock, a file or a random source; hear samples; speak without Allow or a policy that
//! grants it; ding twice for a request; keep what people said without their consent.
//!
//! ```
//! use prim_ids::MonoTime;
//! use prim_meeting::{Input, Meeting, MeetingConfig, Output};
//! let mut meeting = Meeting::new(MeetingConfig::default());
//! let now = MonoTime::from_millis(1_000);
//! meeting.handle_input(now, Input::ButtonPressed);
//! while let Some(output) = meeting.poll_output() {
//!     if let Output::Show { light } = output { assert_eq!(light, prim_meeting::Light::Pressed); }
//! }
//! ```
#![warn(missing_docs)]

mod actions;
mod agenda;
mod answers;
mod asked;
mod button;
mod clauses;
mod code;
mod completeness;
mod config;
mod consent;
mod ding;
mod drift;
mod due;
mod event;
mod floor;
mod hands;
mod hearing;
mod intents;
mod io;
mod listen;
pub mod log;
mod meeting;
mod mute;
mod notes;
mod objections;
mod own;
mod policy;
mod seats;
mod session;
mod silence;
mod snapshot;
mod speakers;
mod turn;
mod view;
mod words;

pub use code::ReadError;
pub use completeness::{Completeness, completeness};
pub use config::MeetingConfig;
pub use event::{
    AskReason, ButtonMeaning, CardKind, CardReason, Closing, ConsentAnswer, ConsentWay, Cut, Entry, Event,
    Evidence, ExpiryReason, NotNoted, Stream, WaitedFor, WithdrawReason,
};
pub use intents::{believable, command_for, grammar_jsgf};
pub use io::{
    Actor, AgendaItem, Audience, BannerAbout, Command, ConsentRule, DingPlace, DingSetting, Ear, FloorState,
    FloorView, Input, Light, Output, PanelCommand, Peripheral, PeripheralState, Person, Place, Role, SayId,
    SilenceCause, TalkerKey, TimeboxView,
};
pub use meeting::Meeting;
pub use policy::{Mode, Reason, Ruling, Verdict, View, decide};
pub use snapshot::Snapshot;
pub use speakers::SpeakerLabel;
