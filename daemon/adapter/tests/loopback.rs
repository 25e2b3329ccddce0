//! The loopback adapter against the conformance suite, and what is special about it.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

use prim_adapter::conformance::{self, Peer, Rig, Spoken};
use prim_adapter::loopback::{FromPrim, LoopbackAdapter, LoopbackPlatform};
use prim_adapter::{
    Adapter, AdapterEvent, AudioBlock, Backoff, CloseReason, JoinError, JoinRequest, SessionState,
};
use prim_ids::ParticipantId;

const SOON: Duration = Duration::from_secs(5);

/// Keeps the socket's folder beside the platform; the platform goes first.
struct LoopbackPeer {
    platform: LoopbackPlatform,
    hand: bool,
    banner: String,
    notices: std::collections::BTreeMap<ParticipantId, String>,
    speech: std::collections::VecDeque<AudioBlock>,
    _folder: tempfile::TempDir,
}

impl LoopbackPeer {
    fn look(&mut self, limit: Duration) {
        match self.platform.next(limit) {
            Some(FromPrim::Hand(raised)) => self.hand = raised,
            Some(FromPrim::Banner(text)) => self.banner = text,
            Some(FromPrim::Notice(who, text)) => drop(self.notices.insert(who, text)),
            Some(FromPrim::Audio(block)) => self.speech.push_back(block),
            Some(FromPrim::Joined | FromPrim::Left | FromPrim::Lost) | None => {}
        }
    }
}

impl Peer for LoopbackPeer {
    fn admit(&mut self) {
        self.platform.admit();
    }
    fn keep_waiting(&mut self) {
        self.platform.keep_in_lobby();
    }
    fn refuse(&mut self, why: &str) {
        self.platform.refuse(why);
    }
    fn play(&mut self, block: &AudioBlock) {
        self.platform.play(block);
    }
    fn block_frames(&self) -> usize {
        480
    }
    fn heard(&mut self, limit: Duration) -> Option<Spoken> {
        let until = std::time::Instant::now() + limit;
        while self.speech.is_empty() && std::time::Instant::now() < until {
            self.look(Duration::from_millis(5));
        }
        self.speech.pop_front().map(Spoken)
    }
    fn enter(&mut self, who: ParticipantId, name: &str) {
        self.platform.enter(who, name);
    }
    fn exit(&mut self, who: ParticipantId) {
        self.platform.exit(who);
    }
    fn move_hand(&mut self, who: ParticipantId, raised: bool) {
        self.platform.hand(who, raised);
    }
    fn prims_hand(&mut self) -> bool {
        self.look(Duration::from_millis(5));
        self.hand
    }
    fn banner(&mut self) -> String {
        self.look(Duration::from_millis(5));
        self.banner.clone()
    }
    fn notice(&mut self, who: ParticipantId) -> String {
        self.look(Duration::from_millis(5));
        self.notices.get(&who).cloned().unwrap_or_default()
    }
    fn answer(&mut self, who: ParticipantId, agrees: bool) {
        self.platform.answer(who, agrees);
    }
    fn sees_prim(&mut self) -> bool {
        self.platform.prim_is_here()
    }
    fn drop_connection(&mut self) {
        self.platform.go_away();
    }
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("platform.sock");
    (folder, socket)
}

fn adapter(socket: &std::path::Path) -> LoopbackAdapter {
    let ms = Duration::from_millis;
    LoopbackAdapter::new(socket).with_backoff(Backoff::new(ms(5), ms(20), ms(50)))
}

fn rig() -> Rig<LoopbackAdapter, LoopbackPeer> {
    let (folder, socket) = folder();
    let platform = LoopbackPlatform::bind(&socket).expect("a socket in our folder");
    let peer = LoopbackPeer {
        platform,
        hand: false,
        banner: String::new(),
        notices: std::collections::BTreeMap::new(),
        speech: std::collections::VecDeque::new(),
        _folder: folder,
    };
    Rig { adapter: adapter(&socket), peer }
}

fn joined(rig: &Rig<LoopbackAdapter, LoopbackPeer>) -> prim_adapter::Session<prim_adapter::Mouth> {
    rig.adapter.join(&JoinRequest { admission_limit: SOON, ..JoinRequest::default() }).expect("an open door")
}

fn wait_for(holds: impl FnMut() -> bool) {
    let mut holds = holds;
    let until = std::time::Instant::now() + SOON;
    while !holds() {
        assert!(std::time::Instant::now() < until, "did not happen in time");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn the_loopback_adapter_keeps_every_promise_of_its_manifest() {
    let report = conformance::run(rig);
    if let Err(broken) = report.check(&[]) {
        panic!("{broken}");
    }
}

#[test]
fn the_suite_notices_a_claim_whose_proof_did_not_run() {
    let mut report = conformance::run(rig);
    report.outcomes.retain(|(case, _)| *case != conformance::Case::BannerIsShown);
    let broken = report.check(&[]).unwrap_err().to_string();
    assert!(broken.contains("banner_is_shown did not pass"), "{broken}");
}

#[test]
fn a_platform_that_is_not_there_is_named_in_the_error() {
    let (_folder, socket) = folder();
    let error = adapter(&socket).join(&JoinRequest::default()).unwrap_err();
    assert!(matches!(error, JoinError::Unreachable { .. }));
    assert!(error.to_string().contains("platform.sock"), "{error}");
}

#[test]
fn a_socket_that_speaks_another_language_is_refused() {
    let (_folder, socket) = folder();
    let listener = UnixListener::bind(&socket).unwrap();
    let other = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap();
        let _ = stream.read(&mut [0; 64]);
        std::thread::sleep(Duration::from_millis(50));
    });
    let error = adapter(&socket).join(&JoinRequest::default()).unwrap_err();
    assert!(matches!(error, JoinError::Garbled { .. }), "{error}");
    other.join().unwrap();
}

#[test]
fn being_put_out_closes_the_session_with_the_platforms_words() {
    let rig = rig();
    let session = joined(&rig);
    rig.peer.platform.put_out("the host ended the meeting");
    wait_for(|| {
        session.state()
            == SessionState::Closed(CloseReason::Removed { why: "the host ended the meeting".into() })
    });
}

#[test]
fn a_hand_raised_before_a_drop_is_up_again_after_it() {
    let mut rig = rig();
    let session = joined(&rig);
    session.raise_hand().unwrap();
    wait_for(|| rig.peer.prims_hand());
    rig.peer.platform.go_away();
    wait_for(|| matches!(session.state(), SessionState::Reconnecting { .. }));
    rig.peer.hand = false;
    rig.peer.platform.admit();
    wait_for(|| rig.peer.prims_hand());
}

#[test]
fn a_refusal_on_the_way_back_ends_the_session() {
    let rig = rig();
    let session = joined(&rig);
    rig.peer.platform.go_away();
    wait_for(|| matches!(session.state(), SessionState::Reconnecting { .. }));
    rig.peer.platform.refuse("the meeting is over");
    wait_for(|| matches!(session.state(), SessionState::Closed(CloseReason::Removed { .. })));
}

#[test]
fn who_left_during_a_drop_is_gone_afterwards() {
    let rig = rig();
    let (stays, goes) = (ParticipantId::from_u128(1), ParticipantId::from_u128(2));
    rig.peer.platform.enter(stays, "Ana");
    rig.peer.platform.enter(goes, "Ben");
    let session = joined(&rig);
    wait_for(|| session.roster().len() == 2);
    rig.peer.platform.go_away();
    wait_for(|| matches!(session.state(), SessionState::Reconnecting { .. }));
    rig.peer.platform.exit(goes);
    rig.peer.platform.admit();
    wait_for(|| session.roster().len() == 1);
    assert!(session.roster().get(stays).is_some());
    let events: Vec<_> = std::iter::from_fn(|| session.next_event(Duration::ZERO)).collect();
    assert!(!events.contains(&AdapterEvent::ParticipantLeft { who: stays }), "{events:?}");
}

#[test]
fn leaving_while_the_platform_is_away_does_not_wait_for_it() {
    let rig = rig();
    let session = joined(&rig);
    rig.peer.platform.go_away();
    wait_for(|| matches!(session.state(), SessionState::Reconnecting { .. }));
    session.leave(Duration::from_secs(1)).unwrap();
    assert_eq!(session.state(), SessionState::Closed(CloseReason::Left));
}
