//! The order of disk and sound, with a real spool and a speaker that looks into it.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use prim_adapter::{Adapter, JoinRequest, Session};
use prim_adapter_room::Room;
use prim_hal::{LightPattern, PlayedBlock, ShowLightError, Speaker, WriteSpeakerError};
use prim_ids::{BootId, EpochId, UserId, WallTime};
use prim_meeting::{Event, PanelCommand};
use prim_models::fakes::FakeTts;
use prim_spool::Limits;

use super::*;
use crate::agenda::MeetingPlan;
use crate::inbox::Inbox;
use crate::ledger::Identity;
use crate::mouth::Route;

/// Plays at once; remembers how many blocks came and what was on disk when the first did.
struct WatchingSpeaker {
    spool: Arc<Spool>,
    blocks: Arc<AtomicUsize>,
    intents_at_first_block: Arc<Mutex<Option<usize>>>,
    state_at_first_block: Arc<Mutex<Option<String>>>,
}

impl Speaker for WatchingSpeaker {
    fn write(&mut self, _: &[i16]) -> Result<(), WriteSpeakerError> {
        if self.blocks.fetch_add(1, Ordering::AcqRel) == 0 {
            *crate::mouth::lock(&self.intents_at_first_block) = Some(intents(&self.spool));
            *crate::mouth::lock(&self.state_at_first_block) = state(&self.spool);
        }
        Ok(())
    }
    fn free_blocks(&self) -> usize {
        8
    }
    fn queued_blocks(&self) -> usize {
        0
    }
    fn played(&mut self) -> Option<PlayedBlock> {
        None
    }
    fn flush(&mut self) {}
    fn latency(&self) -> Duration {
        Duration::ZERO
    }
}

struct DarkLight;
impl Indicator for DarkLight {
    fn show(&mut self, _: LightPattern) -> Result<(), ShowLightError> {
        Ok(())
    }
}

fn state(spool: &Spool) -> Option<String> {
    spool.state().unwrap().map(|state| String::from_utf8(state).unwrap())
}

fn intents(spool: &Spool) -> usize {
    let rows = spool.read(prim_ids::Stream::Audit, 1, 1000).unwrap();
    rows.iter().filter(|r| String::from_utf8_lossy(&r.bytes).contains("\"say.intended\"")).count()
}

struct Bench {
    meeting_loop: MeetingLoop,
    facts: Receiver<Message>,
    spool: Arc<Spool>,
    blocks: Arc<AtomicUsize>,
    intents_at_first_block: Arc<Mutex<Option<usize>>>,
    state_at_first_block: Arc<Mutex<Option<String>>>,
    _room: Session<prim_adapter::Mouth>,
    _folder: tempfile::TempDir,
}

fn bench(limits: Limits) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let boot = BootId::from_u128(7);
    let identity = Identity { org: "acme".parse().unwrap(), device: "huddle".parse().unwrap(), boot };
    let fresh = EpochId::from_parts(WallTime::from_unix_millis(1), 1);
    let write_loss = crate::losses::writer(identity.clone(), None);
    let spool =
        Arc::new(Spool::open(&folder.path().join("spool.sqlite"), limits, fresh, write_loss).unwrap());
    let (inbox, facts) = Inbox::new();
    let (blocks, intents_at_first_block) = (Arc::default(), Arc::default());
    let state_at_first_block: Arc<Mutex<Option<String>>> = Arc::default();
    let speaker = WatchingSpeaker {
        spool: Arc::clone(&spool),
        blocks: Arc::clone(&blocks),
        intents_at_first_block: Arc::clone(&intents_at_first_block),
        state_at_first_block: Arc::clone(&state_at_first_block),
    };
    let speaker: Box<dyn Speaker> = Box::new(speaker);
    let Room { adapter, .. } =
        prim_adapter_room::room(prim_audio::SPEECH_RATE, Arc::new(Mutex::new(speaker))).unwrap();
    let room = adapter.join(&JoinRequest::default()).unwrap();
    let mouth = Mouth::start(
        Some(Box::new(FakeTts::new())),
        room.lease_mouth().unwrap(),
        Arc::default(),
        Route::choose(false, false),
        &inbox,
    )
    .unwrap();
    let config = config_for(None, 1);
    let meeting_loop = MeetingLoop {
        meeting: Meeting::new(config.clone()),
        ledger: Ledger::new(identity),
        spool: Arc::clone(&spool),
        spool_grew: Box::new(|_| {}),
        witness: None,
        mouth,
        light: Box::new(DarkLight),
        platform: None,
        live: Live::new(),
        unsettled: Arc::default(),
        muted: Arc::default(),
        link_up: Arc::default(),
        boot,
        replay: ReplayLog::new(&folder.path().join("replay"), &config),
        state: LoopState::new(),
    };
    Bench {
        meeting_loop,
        facts,
        spool,
        blocks,
        intents_at_first_block,
        state_at_first_block,
        _room: room,
        _folder: folder,
    }
}

impl Bench {
    fn begin(&mut self) {
        let now = clock::mono_now();
        for which in [Peripheral::Microphones, Peripheral::Speaker, Peripheral::Tts, Peripheral::Disk] {
            self.meeting_loop.fact(now, Input::PeripheralChanged { which, state: PeripheralState::Up });
        }
        let plan: MeetingPlan = toml::from_str("title = \"Monday\"\nconsent = \"given\"").unwrap();
        self.meeting_loop.fact(now, start_of(&plan, 1).0);
    }

    fn say(&mut self, text: &str) {
        let by = UserId::from_u128(1);
        let command = PanelCommand::SayNext { text: text.to_owned() };
        self.meeting_loop.fact(clock::mono_now(), Input::Panel { by, command });
    }

    /// Runs the loop by hand until nothing has come for a while.
    fn settle_down(&mut self) {
        let mut quiet_since = Instant::now();
        while quiet_since.elapsed() < Duration::from_millis(600) {
            if let Ok(Message::Fact { at, input }) = self.facts.recv_timeout(Duration::from_millis(20)) {
                self.meeting_loop.fact(at, input);
                quiet_since = Instant::now();
            }
            let now = clock::mono_now();
            if self.meeting_loop.meeting.poll_timeout().is_some_and(|t| t <= now) {
                self.meeting_loop.meeting.handle_timeout(now);
            }
            self.meeting_loop.settle();
        }
    }
}

#[test]
fn the_intent_to_speak_is_on_disk_before_the_first_block_is_played() {
    let mut bench = bench(Limits::default());
    bench.begin();
    bench.say("two minutes left");
    bench.settle_down();
    assert!(bench.blocks.load(Ordering::Acquire) > 0, "it was never heard");
    assert_eq!(*bench.intents_at_first_block.lock().unwrap(), Some(1));
    let records = bench.spool.read(prim_ids::Stream::Audit, 1, 1000).unwrap();
    let kinds: Vec<String> = records.iter().map(|r| String::from_utf8_lossy(&r.bytes).into_owned()).collect();
    assert!(kinds.iter().any(|k| k.contains("say.finished")), "{kinds:#?}");
}

/// The requests that a daemon would expire if it were restarted from `state`.
fn expired_after_restart(state: &str) -> Vec<prim_ids::RequestId> {
    let (org, device) = ("acme".parse().unwrap(), "huddle".parse().unwrap());
    let mut ledger = Ledger::new(Identity { org, device, boot: BootId::from_u128(7) });
    let mut meeting = resume(state, &mut ledger, config_for(None, 2)).unwrap();
    std::iter::from_fn(|| meeting.poll_output())
        .filter_map(|output| {
            if let Output::Record { entry: Entry { event: Event::FloorClosed { request, .. }, .. } } = output
            {
                Some(request)
            } else {
                None
            }
        })
        .collect()
}

#[test]
fn a_crash_at_the_first_block_expires_the_request_that_is_heard() {
    let mut bench = bench(Limits::default());
    bench.begin();
    bench.say("two minutes left");
    bench.settle_down();
    let at_first_block = bench.state_at_first_block.lock().unwrap().clone().expect("a state was kept");
    assert_eq!(expired_after_restart(&at_first_block).len(), 1);
    assert_eq!(expired_after_restart(&state(&bench.spool).expect("a state was kept")), []);
}

#[test]
fn the_state_on_disk_is_that_of_the_last_record() {
    let mut bench = bench(Limits::default());
    bench.begin();
    let mut seen = 0;
    bench.say("two minutes left");
    for _ in 0..40 {
        bench.meeting_loop.settle();
        let tip = bench.spool.tip(prim_ids::Stream::Audit).seq;
        if tip > seen {
            seen = tip;
            let on_disk = state(&bench.spool).expect("a state was kept");
            let rows = bench.spool.read(prim_ids::Stream::Audit, 1, 1000).unwrap();
            let count =
                |kind: &str| rows.iter().filter(|r| String::from_utf8_lossy(&r.bytes).contains(kind)).count();
            let closed = count("\"floor.served\"") + count("\"floor.carded\"");
            assert_eq!(
                expired_after_restart(&on_disk).len(),
                count("\"floor.requested\"") - closed,
                "behind record {tip}"
            );
        }
        if let Ok(Message::Fact { at, input }) = bench.facts.recv_timeout(Duration::from_millis(50)) {
            bench.meeting_loop.fact(at, input);
        }
    }
    assert!(seen > 5, "only {seen} records");
}

/// Files cannot grow any more, as on a full disk. It holds for the whole process, so the test runs in one of its own.
#[expect(unsafe_code, reason = "std has no call for a limit of the process")]
fn fill_the_disk() {
    let limit = libc::rlimit { rlim_cur: 0, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: both calls take plain values; ignoring SIGXFSZ makes the write fail instead of killing the process.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit), 0);
    }
}

#[test]
fn what_cannot_be_written_down_is_not_said() {
    const CHILD: &str = "PRIM_TEST_DISK_IS_FULL";
    if std::env::var_os(CHILD).is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "meeting_loop::tests::what_cannot_be_written_down_is_not_said"])
            .env(CHILD, "1")
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "the child with the full disk failed; run it alone with {CHILD}=1");
        return;
    }
    let mut bench = bench(Limits { reserve_bytes: 0, ..Limits::default() });
    bench.begin();
    fill_the_disk();
    bench.say("two minutes left");
    bench.settle_down();
    assert_eq!(bench.blocks.load(Ordering::Acquire), 0, "it was heard although its intent is not on disk");
}
