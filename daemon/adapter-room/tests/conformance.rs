//! The room against the conformance suite.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prim_adapter::conformance::{self, Case, Outcome, Peer, Rig, Spoken};
use prim_adapter::{Adapter, AudioBlock, JoinError, JoinRequest, Scene, Voices};
use prim_adapter_room::{Room, RoomAdapter, RoomEar, RoomHealth, SharedSpeaker};
use prim_audio::{SPEECH_BLOCK, SPEECH_RATE, SampleTime};
use prim_hal::{PlayedBlock, Speaker, WriteSpeakerError};
use prim_ids::ParticipantId;

/// A loudspeaker with room for 20 blocks; a thread takes one every 10 ms.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<VecDeque<Vec<i16>>>>);

impl Shelf {
    fn blocks(&self) -> MutexGuard<'_, VecDeque<Vec<i16>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Speaker for Shelf {
    fn write(&mut self, block: &[i16]) -> Result<(), WriteSpeakerError> {
        let mut queue = self.blocks();
        if queue.len() == 20 {
            return Err(WriteSpeakerError::Full { capacity: 20 });
        }
        queue.push_back(block.to_vec());
        Ok(())
    }
    fn free_blocks(&self) -> usize {
        20 - self.queued_blocks()
    }
    fn queued_blocks(&self) -> usize {
        self.blocks().len()
    }
    fn played(&mut self) -> Option<PlayedBlock> {
        None
    }
    fn flush(&mut self) {
        self.blocks().clear();
    }
    fn latency(&self) -> Duration {
        Duration::ZERO
    }
}

/// The front end by hand, and a speaker that plays in real time.
struct RoomPeer {
    ear: RoomEar,
    health: RoomHealth,
    played: Receiver<AudioBlock>,
    began: Instant,
    over: Arc<AtomicBool>,
}

impl Drop for RoomPeer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
    }
}

fn never(what: &str) -> ! {
    panic!("the manifest denies it, so the suite must not {what}");
}

impl Peer for RoomPeer {
    fn admit(&mut self) {
        self.health.sound_back();
    }
    fn keep_waiting(&mut self) {
        never("use a lobby");
    }
    fn refuse(&mut self, _why: &str) {
        never("refuse");
    }
    fn play(&mut self, block: &AudioBlock) {
        self.ear.hear(self.began.elapsed(), block, &Scene::default());
    }
    fn block_frames(&self) -> usize {
        SPEECH_BLOCK
    }
    fn heard(&mut self, limit: Duration) -> Option<Spoken> {
        self.played.recv_timeout(limit).ok().map(Spoken)
    }
    fn enter(&mut self, _who: ParticipantId, _name: &str) {
        never("let people in");
    }
    fn exit(&mut self, _who: ParticipantId) {
        never("let people go");
    }
    fn move_hand(&mut self, _who: ParticipantId, _raised: bool) {
        never("raise hands");
    }
    fn prims_hand(&mut self) -> bool {
        never("look for a hand");
    }
    fn banner(&mut self) -> String {
        never("look for a banner");
    }
    fn notice(&mut self, _who: ParticipantId) -> String {
        never("look for a notice");
    }
    fn answer(&mut self, _who: ParticipantId, _agrees: bool) {
        never("answer about consent");
    }
    fn sees_prim(&mut self) -> bool {
        self.health.is_joined()
    }
    fn drop_connection(&mut self) {
        self.health.sound_lost();
    }
}

fn rig() -> Rig<RoomAdapter, RoomPeer> {
    let shelf = Shelf::default();
    let speaker: Box<dyn Speaker> = Box::new(shelf.clone());
    let speaker: SharedSpeaker = Arc::new(Mutex::new(speaker));
    let Room { adapter, ear, health } =
        prim_adapter_room::room(SPEECH_RATE, speaker).expect("a thread can be made");
    let (sender, played) = channel();
    let over = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&over);
    std::thread::spawn(move || {
        let began = Instant::now();
        let mut blocks = 0_u64;
        while !ended.load(Ordering::Acquire) {
            let played = shelf.blocks().pop_front();
            if let Some(block) = played.and_then(|b| AudioBlock::new(SampleTime(blocks * 480), &b).ok()) {
                let _ = sender.send(block);
            }
            blocks += 1;
            std::thread::sleep(Duration::from_millis(10 * blocks).saturating_sub(began.elapsed()));
        }
    });
    Rig { adapter, peer: RoomPeer { ear, health, played, began: Instant::now(), over } }
}

#[test]
fn the_room_keeps_every_promise_of_its_manifest() {
    let report = conformance::run(rig);
    if let Err(broken) = report.check(&[]) {
        panic!("{broken}");
    }
    let passed = |case| report.outcomes.contains(&(case, Outcome::Passed));
    for case in
        [Case::FramesArriveInPlace, Case::GapsAreVisible, Case::SpeechIsAudible, Case::DropsAreSurvived]
    {
        assert!(passed(case), "{case} was not run");
    }
}

#[test]
fn one_device_has_one_room() {
    let Rig { adapter, peer: _peer } = rig();
    let _session = adapter.join(&JoinRequest::default()).unwrap();
    let error = adapter.join(&JoinRequest::default()).unwrap_err();
    assert!(matches!(error, JoinError::Refused { .. }), "{error}");
}

#[test]
fn what_was_said_before_anyone_joined_is_not_heard() {
    let Rig { adapter, mut peer } = rig();
    let early = AudioBlock::new(SampleTime(0), &[1; SPEECH_BLOCK]).unwrap();
    peer.play(&early);
    let session = adapter.join(&JoinRequest::default()).unwrap();
    assert_eq!(session.take_ears().remove(0).hear(), None);
}

#[test]
fn what_the_front_end_knows_comes_with_the_block_it_belongs_to() {
    let Rig { adapter, mut peer } = rig();
    let session = adapter.join(&JoinRequest::default()).unwrap();
    let mut ear = session.take_ears().remove(0);
    for (n, voices) in [(0, Voices::People), (2, Voices::BargeIn)] {
        let block = AudioBlock::new(SampleTime(n * SPEECH_BLOCK as u64), &[1; SPEECH_BLOCK]).unwrap();
        peer.ear.hear(Duration::ZERO, &block, &Scene { voices, ..Scene::default() });
    }
    let voices = |ear: &prim_adapter::Ear| ear.scene().map(|scene| scene.voices);
    assert!(matches!(ear.hear(), Some(prim_adapter::Heard::Block(_))));
    assert_eq!(voices(&ear), Some(Voices::People));
    assert!(matches!(ear.hear(), Some(prim_adapter::Heard::Gap { .. })));
    assert!(matches!(ear.hear(), Some(prim_adapter::Heard::Block(_))));
    assert_eq!(voices(&ear), Some(Voices::BargeIn));
}
