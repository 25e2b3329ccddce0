//! What happens in the room while a commit hangs, and what does not.

use prim_ids::{ParticipantId, RequestId};
use prim_meeting::{Ear, FloorState, Person, Place, Role, TalkerKey};

use super::*;

impl Bench {
    /// Takes what comes until `done`; what is written is taken where the disk lets it.
    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !done(self) {
            assert!(began.elapsed() < Duration::from_secs(20), "{what} did not come");
            let message = self.facts.recv_timeout(Duration::from_millis(20)).ok();
            let now = clock::mono_now();
            self.meeting_loop.turn(now, message, &mut || None);
        }
    }

    /// Takes what comes until the mouth says that it is silent.
    fn until_silent(&mut self) {
        let began = Instant::now();
        let mut silent = false;
        while !silent {
            assert!(began.elapsed() < Duration::from_secs(20), "silence did not come");
            let message = self.facts.recv_timeout(Duration::from_millis(20)).ok();
            silent = matches!(&message, Some(Message::Fact { input: Input::SpeakingSilenced { .. }, .. }));
            self.turn(clock::mono_now(), message);
        }
    }

    fn floor(&self) -> FloorState {
        self.meeting_loop.meeting.floor().state
    }

    /// A long speech that is being heard.
    fn speaks(&mut self) {
        self.slow.store(true, Ordering::Release);
        self.say(&"two minutes are left for this point. ".repeat(3));
        let begun = |raw: &[u8]| String::from_utf8_lossy(raw).contains("\"say.started\"");
        self.until("the speech", |bench| {
            bench.spool.read(Stream::Audit, 1, 1000).unwrap().iter().any(|row| begun(&row.bytes))
        });
        self.written();
    }

    /// The core has ordered a speech while a commit hangs.
    fn means_to_speak(&mut self) {
        self.gate.set(Disk::Hangs);
        self.say("two minutes left");
        self.until("the intent", |bench| bench.floor() == FloorState::Speaking);
        assert!(self.meeting_loop.state.waiting.since().is_some());
    }

    /// A remote person's hand has waited, the ding is ordered, and its record hangs.
    pub(super) fn means_to_ding(&mut self) -> RequestId {
        let now = clock::mono_now();
        let which = Peripheral::RemoteLink;
        self.fact(now, Input::PeripheralChanged { which, state: PeripheralState::Up });
        let who = ParticipantId::from_u128(3);
        let person = Person { id: who, name: "Rosa".to_owned(), role: Role::Member, place: Place::Remote };
        self.fact(now, Input::ParticipantJoined { person });
        self.fact(now, Input::RemoteHand { who, raised: true });
        self.gate.set(Disk::Hangs);
        for after_s in 1..=8 {
            self.turn(now + Duration::from_secs(after_s), None);
        }
        assert_eq!(self.floor(), FloorState::Dinged);
        self.meeting_loop.meeting.floor().request.unwrap()
    }

    fn turn(&mut self, now: MonoTime, message: Option<Message>) -> Option<Ended> {
        self.meeting_loop.turn(now, message, &mut || None)
    }

    /// The disk works again, and everything that waited for it is done.
    fn disk_comes_back(&mut self) {
        self.gate.set(Disk::Works);
        self.written();
        assert_eq!(self.meeting_loop.state.waiting.since(), None);
    }

    pub(super) fn told_of_ding(&self) -> bool {
        lock(&self.told).iter().any(|event| matches!(event, LiveEvent::Ding { .. }))
    }

    fn told_of_speech(&self) -> bool {
        lock(&self.told).iter().any(|event| matches!(event, LiveEvent::Say { .. }))
    }

    fn blocks(&self) -> usize {
        self.blocks.load(Ordering::Acquire)
    }
}

/// A meeting in which Prim speaks if `speaks`, somebody has just said something, and its commit hangs.
fn hung_meeting(speaks: bool) -> Bench {
    let mut bench = meeting();
    if speaks {
        bench.speaks();
    }
    bench.gate.set(Disk::Hangs);
    let now = clock::mono_now();
    bench.meeting_loop.fact(now, words("somebody said this", now));
    bench
}

fn somebody_begins() -> Input {
    Input::SpeechStarted { ear: Ear::Room, talker: TalkerKey(0), speaker: None }
}

fn words_of(n: u128, at: MonoTime) -> Input {
    Input::UtteranceHeard {
        utterance: UtteranceId::from_u128(n),
        ear: Ear::Room,
        speaker: None,
        bearing_deg: None,
        text: format!("number {n}"),
        started: at,
        ended: at,
        addressed: false,
    }
}

#[test]
fn a_press_gets_its_light_while_a_commit_hangs() {
    let mut bench = hung_meeting(false);
    bench.meeting_loop.fact(clock::mono_now(), Input::ButtonPressed);
    assert_eq!(lock(&bench.light).last(), Some(&LightPattern::Pressed));
    bench.gate.set(Disk::Works);
}

#[test]
fn a_press_silences_prim_while_a_commit_hangs() {
    let mut bench = hung_meeting(true);
    bench.meeting_loop.fact(clock::mono_now(), Input::ButtonPressed);
    bench.until_silent();
    let heard = bench.blocks();
    bench.disk_comes_back();
    bench.settle_down();
    assert_eq!(bench.blocks(), heard, "nothing is heard after silence");
}

#[test]
fn a_person_who_interrupts_silences_prim_while_a_commit_hangs() {
    let mut bench = hung_meeting(true);
    bench.meeting_loop.fact(clock::mono_now(), somebody_begins());
    bench.until_silent();
    let shown = |bench: &Bench| {
        lock(&bench.told)
            .iter()
            .any(|event| matches!(event, LiveEvent::Card { .. } | LiveEvent::Silence { .. }))
    };
    assert!(!shown(&bench), "what is told of a record waits for it");
    bench.disk_comes_back();
    assert!(shown(&bench));
}

#[test]
fn a_ding_waits_for_its_record() {
    let mut bench = meeting();
    bench.means_to_ding();
    assert!(!bench.told_of_ding());
    assert_eq!(bench.blocks(), 0);
    assert_eq!(lock(&bench.light).last(), Some(&LightPattern::Dinged), "the light does not wait");
    bench.disk_comes_back();
    assert!(bench.told_of_ding());
    bench.until("the ding", |bench| bench.blocks() > 0);
}

#[test]
fn a_ding_that_waits_does_not_sound_after_its_request_was_answered() {
    let mut bench = meeting();
    let request = bench.means_to_ding();
    let command = PanelCommand::Allow { request };
    let now = clock::mono_now() + Duration::from_secs(9);
    bench.meeting_loop.fact(now, Input::Panel { by: UserId::from_u128(1), command });
    bench.disk_comes_back();
    bench.settle_down();
    assert!(!bench.told_of_ding());
    assert_eq!(bench.blocks(), 0);
}

#[test]
fn a_ding_that_waits_does_not_sound_into_a_voice_that_began_meanwhile() {
    let mut bench = meeting();
    bench.means_to_ding();
    bench.meeting_loop.fact(clock::mono_now() + Duration::from_secs(9), somebody_begins());
    bench.disk_comes_back();
    bench.settle_down();
    assert!(!bench.told_of_ding());
    assert_eq!(bench.blocks(), 0);
}

#[test]
fn a_speech_waits_for_its_record_and_then_is_heard() {
    let mut bench = meeting();
    bench.means_to_speak();
    assert!(!bench.told_of_speech());
    assert_eq!(bench.blocks(), 0);
    bench.disk_comes_back();
    assert!(bench.told_of_speech());
    bench.until("the speech", |bench| bench.blocks() > 0);
    assert_eq!(*lock(&bench.intents_at_first_block), Some(1));
}

#[test]
fn a_speech_whose_silence_came_first_never_begins() {
    let mut bench = meeting();
    bench.means_to_speak();
    bench.meeting_loop.fact(clock::mono_now(), somebody_begins());
    bench.until_silent();
    bench.disk_comes_back();
    bench.settle_down();
    assert!(!bench.told_of_speech());
    assert_eq!(bench.blocks(), 0);
}

#[test]
fn after_a_failed_commit_nothing_that_follows_is_heard_not_even_what_later_records_prove() {
    let mut bench = meeting();
    bench.gate.set(Disk::Hangs);
    let now = clock::mono_now();
    bench.meeting_loop.fact(now, words("this will not be stored", now));
    bench.say("two minutes left");
    bench.until("the intent", |bench| bench.floor() == FloorState::Speaking);
    bench.gate.set(Disk::FailsOnce);
    bench.written();
    assert_eq!(intents(&bench.spool), 1, "its own record is on disk");
    bench.settle_down();
    assert!(!bench.told_of_speech());
    assert_eq!(bench.blocks(), 0);
    let rows = bench.spool.read(Stream::Audit, 1, 1000).unwrap();
    let told = rows.iter().filter(|row| String::from_utf8_lossy(&row.bytes).contains("\"disk\"")).count();
    assert_eq!(told, 3, "up at the start, the fault and its end");
}

#[test]
fn when_the_queue_is_full_the_light_still_answers_and_nothing_is_lost() {
    const MANY: u128 = 300;
    let mut bench = meeting();
    bench.gate.set(Disk::Hangs);
    let now = clock::mono_now();
    (1..=MANY).for_each(|n| bench.meeting_loop.fact(now, words_of(n, now)));
    bench.meeting_loop.fact(clock::mono_now(), Input::ButtonPressed);
    assert_eq!(lock(&bench.light).last(), Some(&LightPattern::Pressed));
    bench.disk_comes_back();
    let rows = bench.spool.read(Stream::Utterance, 1, 1000).unwrap();
    let in_order = (1..=MANY).zip(&rows).all(|(n, row)| {
        let id = UtteranceId::from_u128(n).to_string();
        String::from_utf8_lossy(&row.bytes).contains(&id)
    });
    assert!(in_order && rows.len() as u128 == MANY, "{} of {MANY}", rows.len());
    let on_disk = state(&bench.spool).unwrap();
    let in_memory = bench.meeting_loop.meeting.snapshot().to_text();
    assert!(on_disk.ends_with(&in_memory), "the state is that of the last record");
}

#[test]
fn a_stop_writes_down_everything_first() {
    let mut bench = meeting();
    bench.gate.set(Disk::Hangs);
    let now = clock::mono_now();
    bench.meeting_loop.fact(now, words("the last words", now));
    assert_eq!(bench.turn(now, Some(Message::Stop)), Some(Ended::Stopped));
    assert!(bench.spool.read(Stream::Utterance, 1, 10).unwrap().is_empty());
    let gate = bench.gate.clone();
    let mended = std::thread::spawn(move || gate.set(Disk::Works));
    bench.meeting_loop.finish(Duration::from_secs(60)).unwrap();
    mended.join().unwrap();
    assert_eq!(bench.spool.read(Stream::Utterance, 1, 10).unwrap().len(), 1);
    let audit = bench.spool.read(Stream::Audit, 1, 1000).unwrap();
    assert!(audit.iter().any(|row| String::from_utf8_lossy(&row.bytes).contains("\"meeting.ended\"")));
    let ended =
        |event: &LiveEvent| matches!(event, LiveEvent::Meeting { state, .. } if state.as_str() == "ended");
    assert!(lock(&bench.told).iter().any(ended), "panels are told, in the meeting's own topic");
}
