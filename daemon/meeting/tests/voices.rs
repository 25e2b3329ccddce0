//! Whose voice an utterance of the room was, by what the shell says of voices it compared: labels follow people, and
//! nothing is known of anybody's voice where nobody may be recorded.

use std::time::Duration;

use prim_ids::{MeetingId, MonoTime, UtteranceId, WallTime};
use prim_meeting::{ConsentRule, Ear, Event, Input, Meeting, MeetingConfig, Output, Snapshot, SpeakerLabel};

struct Room {
    meeting: Meeting,
    now: MonoTime,
    utterances: u128,
}

impl Room {
    fn new() -> Self {
        let meeting = Meeting::new(MeetingConfig::default());
        let mut room = Self { meeting, now: MonoTime::from_millis(1_000), utterances: 0 };
        room.begin();
        room
    }

    fn begin(&mut self) {
        let begin = Input::MeetingStarted {
            meeting: MeetingId::from_u128(self.utterances + 1),
            wall: WallTime::default(),
            title: String::new(),
            agenda: Vec::new(),
            people: Vec::new(),
            consent: ConsentRule::Given,
        };
        self.input(begin);
    }

    fn input(&mut self, input: Input) -> Vec<Event> {
        self.now = self.now + Duration::from_millis(100);
        self.meeting.handle_input(self.now, input);
        let mut events = Vec::new();
        while let Some(output) = self.meeting.poll_output() {
            if let Output::Record { entry } = output {
                events.push(entry.event);
            }
        }
        events
    }

    /// The label of what is said; `None` also where nothing is written down.
    fn says(&mut self, bearing_deg: Option<u16>, voice: Option<u32>, text: &str) -> Option<u8> {
        self.utterances += 1;
        let utterance = UtteranceId::from_u128(self.utterances);
        // Time enough to walk to another seat.
        let started = self.now + Duration::from_secs(5);
        self.now = started + Duration::from_secs(3);
        if let Some(voice) = voice {
            self.input(Input::VoiceMatched { utterance, voice });
        }
        let heard = Input::UtteranceHeard {
            utterance,
            ear: Ear::Room,
            speaker: None,
            bearing_deg,
            text: text.to_owned(),
            started,
            ended: self.now,
            addressed: false,
        };
        let label = |event| {
            if let Event::Utterance { label, .. } = event { label.map(SpeakerLabel::number) } else { None }
        };
        self.input(heard).into_iter().find_map(label)
    }

    fn talks(&mut self, bearing_deg: u16, voice: Option<u32>) -> Option<u8> {
        self.says(Some(bearing_deg), voice, "the harbour is nice at this time of the year")
    }
}

#[test]
fn who_walks_to_another_seat_keeps_the_label_where_the_shell_knows_the_voice() {
    let mut room = Room::new();
    assert_eq!([room.talks(40, Some(1)), room.talks(200, Some(2))], [Some(1), Some(2)]);
    assert_eq!(room.talks(120, Some(1)), Some(1));
    assert_eq!(room.talks(290, None), Some(3), "without the voice it is somebody new");
}

#[test]
fn a_voice_told_for_one_utterance_says_nothing_of_the_next() {
    let mut room = Room::new();
    room.talks(40, Some(1));
    room.input(Input::VoiceMatched { utterance: UtteranceId::from_u128(99), voice: 1 });
    assert_eq!(room.talks(200, None), Some(2));
}

#[test]
fn one_microphone_has_labels_by_voice_and_none_without() {
    let mut room = Room::new();
    let talk = "we move the launch to june";
    let heard = [Some(4), None, Some(6), Some(4)].map(|voice| room.says(None, voice, talk));
    assert_eq!(heard, [Some(1), None, Some(2), Some(1)]);
}

#[test]
fn an_objection_ends_every_comparison_and_what_is_told_meanwhile_counts_for_nothing() {
    let mut room = Room::new();
    room.talks(40, Some(1));
    room.talks(200, Some(2));
    room.says(Some(200), Some(2), "prim do not record");
    assert_eq!(room.talks(120, Some(1)), None, "nothing is written down");
    room.says(Some(200), None, "prim i take my objection back");
    room.says(Some(40), None, "prim we all agree");
    assert_eq!(room.talks(120, Some(1)), Some(3), "a number of before is nobody's");
    assert_eq!(room.talks(40, None), Some(1), "the places are still known");
}

#[test]
fn another_meeting_and_a_restart_know_no_voice_of_before() {
    let mut room = Room::new();
    room.talks(40, Some(1));
    let saved = room.meeting.snapshot().to_text();
    room.input(Input::MeetingEnded);
    room.begin();
    room.talks(200, None);
    assert_eq!(room.talks(290, Some(1)), Some(2));

    let saved = Snapshot::from_text(&saved).unwrap();
    room.meeting = Meeting::restore(MeetingConfig { seed: 7, ..MeetingConfig::default() }, saved, room.now);
    while room.meeting.poll_output().is_some() {}
    assert_eq!(room.talks(40, None), Some(1));
    assert_eq!(room.talks(200, Some(1)), Some(2));
}
