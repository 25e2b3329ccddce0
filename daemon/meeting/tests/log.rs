//! The input log's format, frozen: a golden file with every input, which must be readable for ever.

#![expect(
    clippy::disallowed_methods,
    reason = "the golden file lies on the disk; the core's ban does not bind its tests"
)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use prim_ids::{
    ActionId, AgendaItemId, DecisionId, MeetingId, MonoTime, NoteId, ParticipantId, RequestId, UserId,
    UtteranceId, WallTime,
};
use prim_meeting::log::{self, ReadLogError, Step};
use prim_meeting::{
    AgendaItem, Command, ConsentRule, DingSetting, Ear, Input, Meeting, MeetingConfig, Mode, PanelCommand,
    Peripheral, PeripheralState, Person, Place, Role, SayId, TalkerKey,
};

fn every_input() -> Vec<Input> {
    let who = ParticipantId::from_u128(11);
    let other = ParticipantId::from_u128(12);
    let request = RequestId::from_u128(21);
    let by = UserId::from_u128(31);
    let say = SayId(3);
    let emil = ParticipantId::from_u128(13);
    let at = MonoTime::from_millis(12_345);
    let person = |id, name: &str, role, place| Person { id, name: name.to_owned(), role, place };
    let panel = |command| Input::Panel { by, command };
    // Said after everybody agreed, so that the snapshot holds its voice.
    let kept = |utterance, bearing_deg| Input::UtteranceHeard {
        utterance: UtteranceId::from_u128(utterance),
        ear: Ear::Room,
        speaker: None,
        bearing_deg,
        text: "we ship in June".to_owned(),
        started: MonoTime::from_millis(101_100),
        ended: MonoTime::from_millis(101_900),
        addressed: false,
    };
    vec![
        Input::MeetingStarted {
            meeting: MeetingId::from_u128(1),
            wall: WallTime::from_unix_millis(1_700_000_000_000),
            title: "Weekly \"terrace\"\nmeeting".to_owned(),
            agenda: vec![AgendaItem {
                id: AgendaItemId::from_u128(5),
                title: "Café".to_owned(),
                planned_ms: 60_000,
            }],
            people: vec![
                person(who, "Ana", Role::Host, Place::Room),
                person(other, "Dora", Role::Member, Place::Remote),
            ],
            consent: ConsentRule::AskEveryone,
        },
        Input::ParticipantJoined { person: person(emil, "Emil", Role::Member, Place::Remote) },
        Input::ParticipantLeft { who: other },
        Input::ConsentAnswered { who, yes: true },
        Input::ConsentAnswered { who: emil, yes: true },
        Input::SpeechStarted { ear: Ear::Room, talker: TalkerKey(4), speaker: None },
        Input::SpeechEnded { ear: Ear::Remote, talker: TalkerKey(4) },
        Input::PrimHeard { ear: Ear::Room, at },
        Input::CommandHeard {
            ear: Ear::Room,
            speaker: Some(who),
            command: Command::TimeLeft,
            at,
            utterance: Some(UtteranceId::from_u128(41)),
        },
        Input::VoiceMatched { utterance: UtteranceId::from_u128(41), voice: 3 },
        Input::UtteranceHeard {
            utterance: UtteranceId::from_u128(41),
            ear: Ear::Room,
            speaker: Some(who),
            bearing_deg: Some(330),
            text: "back\\slash \u{2028} and [ ] { }".to_owned(),
            started: MonoTime::from_millis(10_000),
            ended: at,
            addressed: false,
        },
        Input::VoiceMatched { utterance: UtteranceId::from_u128(42), voice: 4 },
        kept(42, None),
        kept(43, Some(330)),
        Input::ButtonPressed,
        Input::ButtonReleased,
        Input::MuteSwitchMoved { on: true },
        Input::RemoteHand { who: other, raised: true },
        panel(PanelCommand::Allow { request }),
        panel(PanelCommand::NotNow { request }),
        panel(PanelCommand::Stop),
        panel(PanelCommand::SetMode { mode: Mode::ProactiveTimekeeper }),
        panel(PanelCommand::SetDing { setting: DingSetting::Host }),
        panel(PanelCommand::NextItem),
        panel(PanelCommand::ExtendItem { by_ms: 60_000 }),
        panel(PanelCommand::SayNext { text: String::new() }),
        panel(PanelCommand::Mute { on: false }),
        panel(PanelCommand::AddNote { text: "n".to_owned(), supersedes: Some(NoteId::from_u128(51)) }),
        panel(PanelCommand::AddDecision {
            text: "d".to_owned(),
            supersedes: Some(DecisionId::from_u128(52)),
        }),
        panel(PanelCommand::AddAction {
            title: "a".to_owned(),
            owner: Some(who),
            supersedes: Some(ActionId::from_u128(53)),
        }),
        Input::Prepared { say, clauses_ms: vec![900, 1_200] },
        Input::PrepareFailed { say },
        Input::SpeakingStarted { say },
        Input::ClausePlayed { say, index: 0 },
        Input::SpeakingFinished { say },
        Input::SpeakingSilenced { say, played_ms: 640 },
        Input::DingPlayed { request },
        Input::AnswerReady { request, text: Some("In June.".to_owned()) },
        Input::AnswerReady { request, text: None },
        Input::PeripheralChanged { which: Peripheral::Stt, state: PeripheralState::Up },
        Input::PeripheralChanged {
            which: Peripheral::Tts,
            state: PeripheralState::Degraded { reason: "slow".to_owned() },
        },
        Input::PeripheralChanged {
            which: Peripheral::Light,
            state: PeripheralState::Absent { reason: "unplugged".to_owned() },
        },
        Input::MeetingEnded,
    ]
}

fn written() -> String {
    let config = MeetingConfig { seed: u128::MAX, ..MeetingConfig::default() };
    let mut meeting = Meeting::new(config.clone());
    let mut text = log::head(&config) + "\n";
    let mut now = MonoTime::from_millis(100_000);
    for input in every_input() {
        let step = Step::Input { input: input.clone() };
        text += &(log::line(now, &step) + "\n");
        meeting.handle_input(now, input);
        if meeting.meeting().is_some() {
            let step = Step::Restore { snapshot: Box::new(meeting.snapshot()) };
            text += &(log::line(now, &step) + "\n");
            text += &(log::line(now, &Step::Timeout) + "\n");
        }
        now = now + Duration::from_millis(250);
    }
    text
}

#[test]
fn the_golden_log_reads_as_it_was_written() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/log-2.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, written()).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    let mut lines = golden.lines();
    let config = log::read_head(lines.next().unwrap()).unwrap();
    assert_eq!(config, MeetingConfig { seed: u128::MAX, ..MeetingConfig::default() });
    let mut inputs = Vec::new();
    for line in lines {
        let (now, step) = log::read_line(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(log::line(now, &step), line);
        if let Step::Input { input } = step {
            inputs.push(input);
        }
    }
    assert_eq!(inputs, every_input());
    // Of one voice the direction was never known.
    assert!(golden.contains(" speakers_deg= [ - + 330 ] talked= [ {"));
    log::replay(&golden).unwrap();
}

#[test]
fn a_log_says_which_core_wrote_it_and_another_cores_log_is_read() {
    let head = log::head(&MeetingConfig::default());
    assert_eq!(log::written_by(&head), Some(log::CORE));
    let (this, other) = (format!(" core {} ", log::CORE), format!(" core {} ", log::CORE + 1));
    let newer = head.replace(&this, &other);
    assert_eq!(log::written_by(&newer), Some(log::CORE + 1));
    assert_eq!(log::read_head(&newer), Ok(MeetingConfig::default()));
    assert_eq!(log::written_by("milk, bread"), None);
}

#[test]
fn a_cut_log_says_where_it_was_cut() {
    let text = written();
    let third = text.lines().take(2).map(|line| line.len() + 1).sum::<usize>();
    let error = log::replay(&text[..third + 30]).unwrap_err();
    assert!(matches!(error, ReadLogError::Line { line: 3, .. }), "{error}");
    assert!(log::replay("").is_err_and(|error| error.to_string().contains("no prim-meeting-log-2")));
    assert!(matches!(log::replay("prim-meeting-log-2 core 1 {"), Err(ReadLogError::Config { .. })));
    assert!(matches!(log::replay("prim-meeting-log-2 {"), Err(ReadLogError::Head)));
}
