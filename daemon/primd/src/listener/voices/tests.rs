//! Turns of a scripted room: the network is a fake, everything else is the daemon's.

use std::time::Instant;

use prim_meeting::{Ear, TalkerKey};
use prim_models::VoiceLimits;
use prim_models::fakes::{FakeEmbedding, FakeStt, Gate, ScriptedTurn};

use super::*;
use crate::inbox::{Facts, Inbox, Message};
use crate::listener::{Clean, ListenerParts};
use crate::live::Live;

/// A room whose listener is fed by hand. Its recogniser finishes a sentence only when it is asked again, so that a voice
/// has its chance before the words.
struct Room {
    listener: Listener,
    facts: Facts,
    live: Live,
    block: u64,
}

const LONG: Duration = Duration::from_secs(600);

fn room(script: impl IntoIterator<Item = ScriptedTurn>, limits: VoiceLimits) -> Room {
    let network = VoiceThread::spawn(Box::new(FakeEmbedding::new(script)), limits).unwrap();
    let (inbox, facts) = Inbox::new();
    let live = Live::new();
    live.let_words_leave(Some(MonoTime::ZERO), None);
    let listener = Listener::new(ListenerParts {
        ear: Ear::Room,
        talker: TalkerKey(0),
        speaker: None,
        stt: Some(Box::new(FakeStt::new().with_fault(prim_models::fakes::SttFault::NoFinal))),
        voices: Some(RoomVoices::new(network, Arc::default())),
        endpoint_ms: 500,
        muted: std::sync::Arc::default(),
        inbox,
        live: live.clone(),
        unsettled: std::sync::Arc::default(),
    });
    Room { listener, facts, live, block: 0 }
}

fn people(script: impl IntoIterator<Item = usize>) -> Room {
    let script: Vec<ScriptedTurn> = script.into_iter().map(ScriptedTurn::Person).collect();
    room(script, VoiceLimits { waiting: 4, answer: LONG })
}

impl Room {
    fn hears(&mut self, ms: u64, speech: bool, voices: Voices) {
        for _ in 0..ms / 10 {
            let level = if speech { 0.1 } else { 0.0001 };
            let block = Clean {
                at: SampleTime(self.block * SPEECH_BLOCK as u64),
                heard: MonoTime::from_millis(10 * (self.block + 1)),
                voice: &[level; SPEECH_BLOCK],
                words: &[1_000; SPEECH_BLOCK],
                bearing_deg: None,
            };
            self.block += 1;
            self.listener.block(&block, if speech { 0.9 } else { 0.05 }, voices);
        }
    }

    fn waiting(&self) -> usize {
        self.listener.parts.voices.as_ref().map_or(0, |voices| voices.waiting.len())
    }

    /// Somebody speaks for so long and is silent; what was told of the voice.
    fn turn(&mut self, ms: u64) -> Option<u32> {
        self.turn_over(ms, Voices::People)
    }

    fn turn_over(&mut self, ms: u64, voices: Voices) -> Option<u32> {
        self.hears(ms, true, voices);
        self.hears(1_500, false, Voices::People);
        self.settle();
        self.told()
    }

    /// Until no print is outstanding.
    fn settle(&mut self) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.waiting() > 0 {
            assert!(Instant::now() < until, "the network has not answered");
            self.listener.poll();
            std::thread::yield_now();
        }
    }

    fn told(&mut self) -> Option<u32> {
        let mut told = None;
        while let Ok(message) = self.facts.try_recv() {
            if let Message::Fact { input: Input::VoiceMatched { voice, .. }, .. } = message {
                told = Some(voice);
            }
        }
        told
    }
}

#[test]
fn two_people_are_told_apart_and_known_again() {
    let mut room = people([0, 1, 0, 1]);
    let told: Vec<_> = (0..4).map(|_| room.turn(3_000)).collect();
    assert_eq!(told, [Some(1), Some(2), Some(1), Some(2)]);
}

#[test]
fn a_turn_of_less_than_a_second_is_not_even_asked_about() {
    let mut room = people([0]);
    assert_eq!(room.turn(700), None);
    assert_eq!(room.turn(3_000), Some(1), "the script's first voice is still to come");
}

#[test]
fn a_turn_between_two_voices_and_a_network_that_fails_say_nothing() {
    use ScriptedTurn::{Between, Fails, Person};
    let script = [Person(0), Person(1), Between(0, 1), Fails, Person(0)];
    let mut room = room(script, VoiceLimits { waiting: 4, answer: LONG });
    let told: Vec<_> = (0..5).map(|_| room.turn(3_000)).collect();
    assert_eq!(told, [Some(1), Some(2), None, None, Some(1)]);
}

#[test]
fn nobodys_voice_is_taken_while_the_room_may_not_be_recorded_and_what_was_known_is_forgotten() {
    let mut room = people([0, 0, 0]);
    assert_eq!(room.turn(3_000), Some(1));
    room.live.let_words_leave(None, None);
    assert_eq!(room.turn(3_000), None);
    assert!(room.listener.parts.voices.as_ref().is_some_and(|voices| voices.book.is_empty()));
    let again = MonoTime::from_millis(10 * room.block);
    room.live.let_words_leave(Some(again), None);
    assert_eq!(room.turn(3_000), Some(2), "a number that nobody had");
}

#[test]
fn another_meeting_that_begins_at_once_knows_nobody_of_the_last_one() {
    let mut room = people([0, 0]);
    assert_eq!(room.turn(3_000), Some(1));
    room.live.let_words_leave(Some(MonoTime::from_millis(10 * room.block)), None);
    assert_eq!(room.turn(3_000), Some(2));
}

#[test]
fn voices_are_forgotten_also_where_no_sound_comes_any_more() {
    let mut room = people([0]);
    room.turn(3_000);
    room.live.let_words_leave(None, None);
    room.listener.dry(MonoTime::from_millis(1_000_000));
    assert!(room.listener.parts.voices.as_ref().is_some_and(|voices| voices.book.is_empty()));
}

#[test]
fn a_turn_over_prims_own_voice_is_no_ones() {
    let mut room = people([0]);
    assert_eq!(room.turn_over(3_000, Voices::BargeIn), None);
    assert_eq!(room.turn(3_000), Some(1));
}

#[test]
fn a_muted_turn_is_dropped_while_it_is_looked_at() {
    let gate = Gate::closed();
    let script = [ScriptedTurn::StallAt(gate.clone(), 0), ScriptedTurn::Person(1)];
    let mut room = room(script, VoiceLimits { waiting: 4, answer: LONG });
    room.hears(3_000, true, Voices::People);
    room.hears(1_500, false, Voices::People);
    gate.wait_for_arrival();
    room.listener.parts.muted.store(true, std::sync::atomic::Ordering::Release);
    room.hears(100, false, Voices::People);
    gate.open();
    assert_eq!((room.waiting(), room.told()), (0, None));
    room.listener.parts.muted.store(false, std::sync::atomic::Ordering::Release);
    assert_eq!(room.turn(3_000), Some(1), "the dropped turn founded no voice");
}

#[test]
fn a_stalled_network_delays_nothing_and_takes_no_further_turn() {
    let gate = Gate::closed();
    let script = [ScriptedTurn::StallAt(gate.clone(), 0)];
    let mut room = room(script, VoiceLimits { waiting: 4, answer: Duration::ZERO });
    room.hears(3_000, true, Voices::People);
    room.hears(1_500, false, Voices::People);
    gate.wait_for_arrival();
    room.hears(3_000, true, Voices::People);
    room.hears(1_500, false, Voices::People);
    assert_eq!((room.waiting(), room.told()), (1, None));
    gate.open();
}
