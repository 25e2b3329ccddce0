//! The order of disk and sound, with a real spool and a speaker that looks into it.

mod slow_disk;

use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::sync_channel;
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use prim_adapter::{Adapter, JoinRequest, Session};
use prim_adapter_room::Room;
use prim_hal::{LightPattern, PlayedBlock, ShowLightError, Speaker, WriteSpeakerError};
use prim_ids::{BootId, EpochId, MeetingId, Stream, UserId, WallTime};
use prim_meeting::{Event, PanelCommand};
use prim_models::fakes::FakeTts;
use prim_proto::LiveEvent;
use prim_spool::{AppendError, Encoded, Limits, Moment, Slot, Spool};

use super::*;
use crate::agenda::MeetingPlan;
use crate::erase::Outcome;
use crate::inbox::Inbox;
use crate::ledger::Identity;
use crate::mouth::{Route, lock};
use crate::writer::{Batch, Store, Stored, WriterParts, Written};

/// Plays at once; remembers how many blocks came and what was on disk when the first did.
struct WatchingSpeaker {
    spool: Arc<Spool>,
    blocks: Arc<AtomicUsize>,
    intents_at_first_block: Arc<Mutex<Option<usize>>>,
    state_at_first_block: Arc<Mutex<Option<String>>>,
    slow: Arc<AtomicBool>,
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
        if self.slow.load(Ordering::Acquire) { 3 } else { 0 }
    }
    fn played(&mut self) -> Option<PlayedBlock> {
        None
    }
    fn flush(&mut self) {}
    fn latency(&self) -> Duration {
        Duration::ZERO
    }
}

/// Remembers what it was told to show.
#[derive(Default)]
struct SeenLight(Arc<Mutex<Vec<LightPattern>>>);
impl Indicator for SeenLight {
    fn show(&mut self, pattern: LightPattern) -> Result<(), ShowLightError> {
        lock(&self.0).push(pattern);
        Ok(())
    }
}

/// How the disk behind a gate behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Disk {
    #[default]
    Works,
    /// A commit does not come back.
    Hangs,
    /// The commit that comes next, or hangs now, fails; then it works.
    FailsOnce,
}

#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<Disk>, Condvar)>);

impl Gate {
    fn set(&self, disk: Disk) {
        *lock(&self.0.0) = disk;
        self.0.1.notify_all();
    }

    /// Whether the commit may succeed.
    fn pass(&self) -> bool {
        let mut disk = lock(&self.0.0);
        while *disk == Disk::Hangs {
            disk = self.0.1.wait(disk).unwrap();
        }
        std::mem::take(&mut *disk) == Disk::Works
    }
}

struct GatedSpool {
    spool: Arc<Spool>,
    gate: Gate,
}

impl Store for GatedSpool {
    fn append(
        &self,
        now: Moment,
        streams: &[Stream],
        state: Option<&[u8]>,
        make: &mut dyn FnMut(usize, Slot) -> Encoded,
    ) -> Result<(), AppendError> {
        if self.gate.pass() {
            self.spool.append(now, streams, state, make)
        } else {
            Err(AppendError::DiskFull { stream: streams[0], audit_kept: false })
        }
    }

    fn spool(&self) -> &Spool {
        &self.spool
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
    facts: crate::inbox::Facts,
    spool: Arc<Spool>,
    blocks: Arc<AtomicUsize>,
    intents_at_first_block: Arc<Mutex<Option<usize>>>,
    state_at_first_block: Arc<Mutex<Option<String>>>,
    slow: Arc<AtomicBool>,
    gate: Gate,
    light: Arc<Mutex<Vec<LightPattern>>>,
    told: Arc<Mutex<Vec<LiveEvent>>>,
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
    let slow: Arc<AtomicBool> = Arc::default();
    let state_at_first_block: Arc<Mutex<Option<String>>> = Arc::default();
    let speaker = WatchingSpeaker {
        spool: Arc::clone(&spool),
        blocks: Arc::clone(&blocks),
        intents_at_first_block: Arc::clone(&intents_at_first_block),
        state_at_first_block: Arc::clone(&state_at_first_block),
        slow: Arc::clone(&slow),
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
    let gate = Gate::default();
    let writer = Writer::start(WriterParts {
        store: Box::new(GatedSpool { spool: Arc::clone(&spool), gate: gate.clone() }),
        grew: Box::new(|_| {}),
        witness: None,
        boot,
        inbox: inbox.clone(),
    })
    .unwrap();
    let light = SeenLight::default();
    let seen = Arc::clone(&light.0);
    let live = Live::new();
    let told: Arc<Mutex<Vec<LiveEvent>>> = Arc::default();
    let sink = Arc::clone(&told);
    live.forward_to(Box::new(move |_, event| lock(&sink).push(event.clone())));
    let meeting_loop = MeetingLoop {
        meeting: Meeting::new(config.clone()),
        ledger: Ledger::new(identity),
        writer,
        mouth,
        light: Box::new(light),
        platform: None,
        live,
        unsettled: Arc::default(),
        muted: Arc::default(),
        link_up: Arc::default(),
        replay: ReplayLog::new(&folder.path().join("replay"), &config),
        parts: crate::vitals::Parts::default(),
        state: LoopState::new(),
    };
    Bench {
        meeting_loop,
        facts,
        spool,
        blocks,
        intents_at_first_block,
        state_at_first_block,
        slow,
        gate,
        light: seen,
        told,
        _room: room,
        _folder: folder,
    }
}

impl Bench {
    /// A fact, and everything that comes of it on disk.
    fn fact(&mut self, at: MonoTime, input: Input) {
        self.meeting_loop.fact(at, input);
        self.written();
    }

    fn written(&mut self) {
        self.meeting_loop.writer.flush();
        self.meeting_loop.take_written();
    }

    fn erase(&mut self, meeting: MeetingId) -> Outcome {
        let (answer, outcome) = sync_channel(1);
        self.meeting_loop.erase(meeting, answer);
        outcome.recv().unwrap()
    }

    fn begin(&mut self) {
        let now = clock::mono_now();
        for which in [Peripheral::Microphones, Peripheral::Speaker, Peripheral::Tts, Peripheral::Disk] {
            self.meeting_loop.fact(now, Input::PeripheralChanged { which, state: PeripheralState::Up });
        }
        let plan: MeetingPlan = toml::from_str("title = \"Monday\"\nconsent = \"given\"").unwrap();
        self.fact(now, start_of(&plan, 1).0);
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
            self.meeting_loop.take_written();
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
        bench.written();
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
            bench.fact(at, input);
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

/// Speech whose words never come: `NoFinal` is a recogniser that hangs.
fn somebody_speaks(bench: &Bench) -> crate::listener::Listener {
    use crate::listener::{Clean, Listener, ListenerParts};
    use prim_adapter::Voices;
    use prim_audio::{SPEECH_BLOCK, SampleTime};
    use prim_models::fakes::{FakeStt, SttFault};
    use prim_models::{Stt, SttContext};

    let mut stt = FakeStt::new().saying("never heard").with_fault(SttFault::NoFinal);
    stt.start(&SttContext::new(Vec::<String>::new(), Vec::<String>::new()).unwrap()).unwrap();
    let mut listener = Listener::new(ListenerParts {
        ear: prim_meeting::Ear::Room,
        talker: prim_meeting::TalkerKey(0),
        speaker: None,
        stt: Some(Box::new(stt)),
        endpoint_ms: 500,
        muted: Arc::default(),
        inbox: Inbox::new().0,
        live: Live::new(),
        unsettled: Arc::clone(&bench.meeting_loop.unsettled),
    });
    for n in 0..200_u64 {
        let speech = if n < 100 { 1.0 } else { 0.0 };
        let level = if n < 100 { 0.3 } else { 0.0 };
        let clean = Clean {
            at: SampleTime(n * SPEECH_BLOCK as u64),
            heard: MonoTime::from_millis(n * 10),
            voice: &[level; SPEECH_BLOCK],
            words: &[1; SPEECH_BLOCK],
            bearing_deg: None,
        };
        listener.block(&clean, speech, Voices::People);
    }
    listener
}

#[test]
fn a_meeting_ends_three_seconds_after_it_was_told_to_when_the_recogniser_hangs() {
    let mut bench = bench(Limits::default());
    bench.begin();
    let listener = somebody_speaks(&bench);
    assert_eq!(bench.meeting_loop.unsettled.load(Ordering::Acquire), 1, "its words have not come");
    let told = clock::mono_now() + Duration::from_secs(3600);
    let mut turn = |after_ms, message| {
        bench.meeting_loop.turn(told + Duration::from_millis(after_ms), message, &mut || None)
    };
    assert_eq!(turn(0, Some(Message::Stop)), None);
    assert_eq!(turn(1000, Some(Message::EndMeeting)), None, "being told again gives no more time");
    assert_eq!(turn(2999, None), None);
    assert_eq!(turn(3000, None), Some(Ended::Stopped));
    assert_eq!(bench.meeting_loop.meeting.meeting(), None);
    drop(listener);
}

#[test]
fn a_meeting_ends_as_soon_as_its_last_words_have_come_and_with_them() {
    let mut bench = bench(Limits::default());
    bench.begin();
    bench.meeting_loop.unsettled.store(1, Ordering::Release);
    let told = clock::mono_now() + Duration::from_secs(3600);
    assert_eq!(bench.meeting_loop.turn(told, Some(Message::EndMeeting), &mut || None), None);
    assert!(bench.meeting_loop.nap(told) <= Duration::from_millis(20), "nobody wakes the loop for that");
    assert!(bench.meeting_loop.meeting.meeting().is_some());
    bench.meeting_loop.unsettled.store(0, Ordering::Release);
    let mut last = Some(Message::Fact { at: told, input: words("the last words", told) });
    let later = told + Duration::from_millis(700);
    assert_eq!(bench.meeting_loop.turn(later, None, &mut || last.take()), None);
    assert_eq!(bench.meeting_loop.meeting.meeting(), None);
    assert!(last.is_none(), "what waited in the inbox was taken");
    bench.written();
    assert_eq!(bench.spool.read(prim_ids::Stream::Utterance, 1, 10).unwrap().len(), 1);
}

fn words(text: &str, ended: MonoTime) -> Input {
    Input::UtteranceHeard {
        utterance: prim_ids::UtteranceId::from_u128(9),
        ear: prim_meeting::Ear::Room,
        speaker: None,
        bearing_deg: None,
        text: text.to_owned(),
        started: ended,
        ended,
        addressed: false,
    }
}

#[test]
fn an_erased_meeting_leaves_no_word_on_the_device_and_a_chain_that_holds() {
    let mut bench = bench(Limits::default());
    bench.begin();
    let meeting = bench.meeting_loop.meeting.meeting().unwrap();
    let now = clock::mono_now();
    bench.fact(now, words("marmalade sunrise", now));
    let holds_words = |folder: &std::path::Path| {
        let mut folders = vec![folder.to_owned()];
        let mut found = false;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    let bytes = std::fs::read(entry.path()).unwrap();
                    found |= bytes.windows(9).any(|w| w == b"marmalade");
                }
            }
        }
        found
    };
    assert!(holds_words(bench._folder.path()));
    let running = bench.erase(meeting);
    assert!(matches!(running, Outcome::Refused { .. }), "{running:?}");

    bench.fact(now, Input::MeetingEnded);
    let Outcome::Erased { records, replay_log: true } = bench.erase(meeting) else {
        panic!("it was refused, or there was no replay log");
    };
    assert!(records > 1, "title and words at least");
    assert!(!holds_words(bench._folder.path()), "a word is left");
    for stream in prim_ids::Stream::ALL {
        let mut prev = proto::Hash([0; 32]);
        for row in bench.spool.read(stream, 1, 1000).unwrap() {
            assert_eq!(row.prev, prev.0, "{stream} {}", row.seq);
            prev = prim_proto::link(prev, &row.bytes);
            assert_eq!(row.hash, prev.0, "{stream} {}", row.seq);
        }
    }
    let audit = bench.spool.read(prim_ids::Stream::Audit, 1, 1000).unwrap();
    let last = String::from_utf8_lossy(&audit.last().unwrap().bytes).into_owned();
    assert!(last.contains("meeting.erased") && last.contains(&meeting.to_string()), "{last}");
    assert!(matches!(bench.erase(meeting), Outcome::Erased { records: 0, replay_log: false }));
}

#[test]
fn a_wall_clock_that_jumps_in_a_meeting_is_recorded_and_nothing_is_lost() {
    let mut bench = bench(Limits::default());
    bench.begin();
    let mono = clock::mono_now();
    let wall = clock::wall_now();
    let kinds = |bench: &Bench| {
        let rows = bench.spool.read(prim_ids::Stream::Audit, 1, 1000).unwrap();
        rows.iter().filter(|r| String::from_utf8_lossy(&r.bytes).contains("\"clock.offset\"")).count()
    };
    let at = |ms: i64| WallTime::from_unix_millis(wall.unix_millis() + ms);
    bench.meeting_loop.look_at_wall(mono, wall, false);
    bench.written();
    assert_eq!(kinds(&bench), 0);
    bench.meeting_loop.look_at_wall(mono + Duration::from_secs(1), at(-7_200_000), false);
    bench.written();
    assert_eq!(kinds(&bench), 1, "set back by two hours");
    bench.meeting_loop.look_at_wall(mono + Duration::from_secs(2), at(-7_199_000), true);
    bench.written();
    assert_eq!(kinds(&bench), 2, "and trusted a second later");
    bench.fact(mono, words("still here", mono));
    assert_eq!(bench.spool.read(prim_ids::Stream::Utterance, 1, 10).unwrap().len(), 1);
}

#[test]
fn losing_the_platform_in_a_meeting_ends_nothing_and_both_ways_are_on_record() {
    let mut bench = bench(Limits::default());
    bench.begin();
    let now = clock::mono_now();
    let link = |state| Input::PeripheralChanged { which: Peripheral::RemoteLink, state };
    bench.fact(now, link(PeripheralState::Up));
    let away = PeripheralState::Absent { reason: "the platform hung up".to_owned() };
    bench.fact(now, link(away));
    bench.fact(now, words("still here", now));
    bench.fact(now, link(PeripheralState::Up));
    assert!(bench.meeting_loop.meeting.meeting().is_some());
    assert_eq!(bench.spool.read(prim_ids::Stream::Utterance, 1, 10).unwrap().len(), 1);
    let rows = bench.spool.read(prim_ids::Stream::Audit, 1, 1000).unwrap();
    let states: Vec<&str> = rows
        .iter()
        .map(|row| std::str::from_utf8(&row.bytes).unwrap())
        .filter(|raw| raw.contains("\"platform\""))
        .map(|raw| if raw.contains("\"absent\"") { "absent" } else { "up" })
        .collect();
    assert!(states.ends_with(&["absent", "up"]), "{states:?}");
    assert_eq!(bench.meeting_loop.parts.state(Peripheral::RemoteLink), ("up", None));
}

#[test]
fn over_quota_the_audit_beside_a_refused_utterance_is_kept_and_proves_what_it_says() {
    let mut bench = bench(Limits { max_bytes: 20_000, reserve_bytes: 4096, ..Limits::default() });
    bench.begin();
    let now = clock::mono_now();
    let audit = || proto::Body::Audit(proto::Audit::Daemon { state: "filling".parse().unwrap() });
    while bench.spool.depth().unwrap().bytes <= 20_000 {
        bench.meeting_loop.note(now, audit());
        bench.written();
    }
    let before = bench.spool.tip(prim_ids::Stream::Audit).seq;
    bench.fact(now, words("nobody has room for this", now));
    assert_eq!(bench.spool.depth().unwrap().refused, 1);
    let ledger = &mut bench.meeting_loop.ledger;
    let mut draft = ledger.draft(now, audit(), proto::Erasables::default());
    let beside = vec![ledger.draft(now, audit(), proto::Erasables::default()), {
        draft.stream = prim_ids::Stream::Note;
        draft
    }];
    bench.meeting_loop.settle();
    bench.written();
    let state_of_it = Some("a state".to_owned());
    bench.meeting_loop.writer.give(Batch { drafts: beside, state: state_of_it, ..Batch::default() });
    bench.meeting_loop.writer.flush();
    let written = std::iter::from_fn(|| bench.meeting_loop.writer.next_written()).last();
    assert!(
        matches!(written, Some(Written::Batch { stored: Stored::AuditAlone { .. }, .. })),
        "the audit is on disk, it may be heard: {written:?}"
    );
    assert_eq!(state(&bench.spool).as_deref(), Some("a state"));
    assert!(bench.spool.tip(prim_ids::Stream::Audit).seq > before);
    assert_eq!(bench.spool.depth().unwrap().refused, 2);
    bench.meeting_loop.settle();
    bench.written();
    assert!(matches!(bench.meeting_loop.parts.state(Peripheral::Disk), ("absent", Some(_))));
    let told = |bench: &Bench| {
        let rows = bench.spool.read(prim_ids::Stream::Audit, before, 1000).unwrap();
        rows.iter().filter(|row| String::from_utf8_lossy(&row.bytes).contains("\"disk\"")).count()
    };
    assert_eq!(told(&bench), 1, "the fault is on record once, not once for each that is refused");
    let audit_tip = bench.spool.tip(prim_ids::Stream::Audit).seq;
    bench.spool.acknowledge(prim_ids::Stream::Audit, bench.spool.epoch(), audit_tip).unwrap();
    bench.fact(now, words("now there is", now));
    bench.meeting_loop.settle();
    assert_eq!(bench.meeting_loop.parts.state(Peripheral::Disk), ("up", None));
}
