//! What happens in a random meeting: who says what, presses, comes and goes, and when.

use prim_meeting::{Command, ConsentRule, DingSetting, MeetingConfig, Mode, PanelCommand, Peripheral};
use proptest::prelude::*;

/// What a random meeting is made of.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) config: MeetingConfig,
    pub(super) consent: ConsentRule,
    pub(super) planned: Vec<u64>,
    pub(super) moves: Vec<(u64, Move)>,
    /// Seeds the shell's lateness and faults.
    pub(super) luck: u64,
    /// Faults happen.
    pub(super) faulty: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Move {
    Speak {
        who: u8,
        long: u64,
    },
    /// `told`: the ear knows whose voice it is.
    Say {
        who: u8,
        text: &'static str,
        addressed: bool,
        told: bool,
    },
    Command {
        who: u8,
        command: Command,
    },
    Called {
        who: u8,
    },
    Press {
        long: u64,
    },
    Switch {
        on: bool,
    },
    Hand {
        who: u8,
        raised: bool,
    },
    Join {
        who: u8,
    },
    Leave {
        who: u8,
    },
    Consent {
        who: u8,
        yes: bool,
    },
    Panel(PanelMove),
    Part {
        which: Peripheral,
        works: Works,
    },
    Wait,
    End,
    Start,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Works {
    Well,
    Badly,
    Not,
}

#[derive(Debug, Clone)]
pub(super) enum PanelMove {
    Allow,
    NotNow,
    Other(PanelCommand),
}

const TEXTS: &[&str] = &[
    "prim how much time is left",
    "prim note that the door is narrow",
    "prim decision we ship on friday",
    "prim action ana will call the landlord by monday",
    "prim stop",
    "prim what did we decide",
    "prim when does the lease end",
    "yes prim go ahead",
    "prim",
    "the harbour is nice at this time of the year",
    "we need to look at the numbers again",
];

/// What is said about being written down.
const CONSENT: &[&str] = &[
    "prim i agree",
    "yes prim we all agree",
    "prim you may record",
    "prim do not record",
    "please do not record me",
    "prim i don't agree",
    "prim i take my objection back",
];

fn command() -> impl Strategy<Value = Command> {
    prop::sample::select(vec![
        Command::TimeLeft,
        Command::NextItem,
        Command::MoreTime,
        Command::Decisions,
        Command::Actions,
        Command::SpeakingTime,
        Command::Repeat,
        Command::Note,
        Command::Decision,
        Command::Action,
        Command::Stop,
        Command::Allow,
        Command::NotNow,
        Command::Mute,
        Command::Refuse,
    ])
}

fn panel() -> impl Strategy<Value = PanelMove> {
    let mode = prop::sample::select(vec![Mode::CoachOnly, Mode::AnswerOnAsk, Mode::ProactiveTimekeeper]);
    let ding = prop::sample::select(vec![DingSetting::Room, DingSetting::Host, DingSetting::Off]);
    prop_oneof![
        4 => Just(PanelMove::Allow),
        2 => Just(PanelMove::NotNow),
        1 => Just(PanelMove::Other(PanelCommand::Stop)),
        1 => mode.prop_map(|mode| PanelMove::Other(PanelCommand::SetMode { mode })),
        1 => ding.prop_map(|setting| PanelMove::Other(PanelCommand::SetDing { setting })),
        1 => Just(PanelMove::Other(PanelCommand::NextItem)),
        1 => (0_u64..100_000).prop_map(|by_ms| PanelMove::Other(PanelCommand::ExtendItem { by_ms })),
        2 => Just(PanelMove::Other(PanelCommand::SayNext { text: "one two three, four five. six seven!".to_owned() })),
        1 => Just(PanelMove::Other(PanelCommand::SayNext { text: "word ".repeat(90) })),
        2 => prop::bool::weighted(0.3).prop_map(|on| PanelMove::Other(PanelCommand::Mute { on })),
        1 => Just(PanelMove::Other(PanelCommand::AddNote { text: "typed".to_owned(), supersedes: None })),
    ]
}

fn a_move() -> impl Strategy<Value = Move> {
    let part = prop::sample::select(vec![
        Peripheral::Microphones,
        Peripheral::RemoteLink,
        Peripheral::Speaker,
        Peripheral::Tts,
        Peripheral::Stt,
    ]);
    prop_oneof![
        8 => (0_u8..5, 50_u64..12_000).prop_map(|(who, long)| Move::Speak { who, long }),
        6 => (0_u8..5, prop::sample::select(TEXTS), any::<bool>())
            .prop_map(|(who, text, addressed)| Move::Say { who, text, addressed, told: true }),
        5 => (0_u8..5, prop::sample::select(CONSENT), any::<bool>())
            .prop_map(|(who, text, told)| Move::Say { who, text, addressed: false, told }),
        6 => (0_u8..5, command()).prop_map(|(who, command)| Move::Command { who, command }),
        1 => (0_u8..5).prop_map(|who| Move::Called { who }),
        8 => prop_oneof![6 => 30_u64..990, 1 => 1_000_u64..1_400, 1 => 1_000_u64..25_000].prop_map(|long| Move::Press { long }),
        1 => prop::bool::weighted(0.3).prop_map(|on| Move::Switch { on }),
        4 => (0_u8..5, any::<bool>()).prop_map(|(who, raised)| Move::Hand { who, raised }),
        1 => (0_u8..5).prop_map(|who| Move::Join { who }),
        1 => (0_u8..5).prop_map(|who| Move::Leave { who }),
        2 => (0_u8..5, prop::bool::weighted(0.8)).prop_map(|(who, yes)| Move::Consent { who, yes }),
        6 => panel().prop_map(Move::Panel),
        2 => (part, prop_oneof![4 => Just(Works::Well), 1 => Just(Works::Badly), 1 => Just(Works::Not)]).prop_map(|(which, works)| Move::Part { which, works }),
        10 => Just(Move::Wait),
        1 => prop_oneof![Just(Move::End), Just(Move::Start)],
    ]
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let mode = prop_oneof![
        1 => Just(Mode::CoachOnly),
        2 => Just(Mode::AnswerOnAsk),
        5 => Just(Mode::ProactiveTimekeeper),
    ];
    let ding =
        prop_oneof![4 => Just(DingSetting::Room), 1 => Just(DingSetting::Host), 1 => Just(DingSetting::Off)];
    let consent = prop_oneof![
        3 => Just(ConsentRule::Given),
        2 => Just(ConsentRule::AskEveryone),
        1 => Just(ConsentRule::Never),
    ];
    let gap = prop_oneof![3 => 0_u64..3_000, 2 => 3_000_u64..15_000, 1 => 15_000_u64..70_000];
    (
        (mode, ding, consent, prop::bool::weighted(0.2), any::<u64>(), prop::bool::weighted(0.3)),
        prop::collection::vec(prop_oneof![1 => Just(0_u64), 4 => 5_000_u64..90_000], 0..5),
        prop::collection::vec((gap, a_move()), 1..60),
        1_usize..6,
    )
        .prop_map(
            |((mode, ding, consent, nudges_granted, luck, faulty), planned, moves, queue_limit)| Plan {
                config: MeetingConfig {
                    seed: u128::from(luck),
                    mode,
                    ding,
                    nudges_granted,
                    drift_may_ask: nudges_granted,
                    queue_limit,
                    ..MeetingConfig::default()
                },
                consent,
                planned,
                moves,
                luck,
                faulty,
            },
        )
}
