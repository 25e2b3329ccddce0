//! The room against the conformance suite.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use prim_adapter::conformance::{self, Case, Outcome, Peer, Rig, Spoken};
use prim_adapter::{Adapter, AudioBlock, JoinError, JoinRequest};
use prim_adapter_room::{Room, RoomAdapter, RoomEar, RoomHealth};
use prim_audio::{DEVICE_RATE, SPEECH_BLOCK, SPEECH_RATE};
use prim_ids::ParticipantId;

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
        self.ear.hear(self.began.elapsed(), block);
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
    let Room { adapter, ear, mut mouth, health } =
        prim_adapter_room::room(SPEECH_RATE, DEVICE_RATE).expect("a thread can be made");
    let (sender, played) = channel();
    let over = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&over);
    std::thread::spawn(move || {
        let began = Instant::now();
        let mut blocks = 0_u64;
        while !ended.load(Ordering::Acquire) {
            if let Some(block) = mouth.next_to_play() {
                let _ = sender.send(block.moved_to(prim_audio::SampleTime(blocks * 480)));
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
    let early = AudioBlock::new(prim_audio::SampleTime(0), &[1; SPEECH_BLOCK]).unwrap();
    peer.play(&early);
    let session = adapter.join(&JoinRequest::default()).unwrap();
    assert_eq!(session.take_ears().remove(0).hear(), None);
}
