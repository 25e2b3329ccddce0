//! A whole meeting loop on a real spool, with doubles for the room: a speaker that looks into the spool, a light that
//! remembers, a disk that hangs when told to.

use super::*;

/// For a disk that works: a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

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
pub(super) enum Disk {
    #[default]
    Works,
    /// A commit does not come back.
    Hangs,
    /// The commit that comes next, or hangs now, fails; then it works.
    FailsOnce,
}

#[derive(Clone, Default)]
pub(super) struct Gate(Arc<GateParts>);

#[derive(Default)]
struct GateParts {
    disk: Mutex<Disk>,
    moved: Condvar,
    held: AtomicBool,
}

impl Gate {
    pub(super) fn set(&self, disk: Disk) {
        *lock(&self.0.disk) = disk;
        self.0.moved.notify_all();
    }

    /// Returns when a commit hangs.
    pub(super) fn until_held(&self) {
        while !self.0.held.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
    }

    /// Whether the commit may succeed.
    fn pass(&self) -> bool {
        let mut disk = lock(&self.0.disk);
        while *disk == Disk::Hangs {
            self.0.held.store(true, Ordering::Release);
            disk = self.0.moved.wait(disk).unwrap();
        }
        self.0.held.store(false, Ordering::Release);
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

pub(super) fn state(spool: &Spool) -> Option<String> {
    spool.state().unwrap().map(|state| String::from_utf8(state).unwrap())
}

pub(super) fn intents(spool: &Spool) -> usize {
    let rows = spool.read(prim_ids::Stream::Audit, 1, 1000).unwrap();
    rows.iter().filter(|r| String::from_utf8_lossy(&r.bytes).contains("\"say.intended\"")).count()
}

pub(super) struct Bench {
    pub(super) meeting_loop: MeetingLoop,
    pub(super) facts: crate::inbox::Facts,
    pub(super) spool: Arc<Spool>,
    pub(super) blocks: Arc<AtomicUsize>,
    pub(super) intents_at_first_block: Arc<Mutex<Option<usize>>>,
    pub(super) state_at_first_block: Arc<Mutex<Option<String>>>,
    pub(super) slow: Arc<AtomicBool>,
    pub(super) gate: Gate,
    pub(super) light: Arc<Mutex<Vec<LightPattern>>>,
    pub(super) told: Arc<Mutex<Vec<LiveEvent>>>,
    pub(super) _room: Session<prim_adapter::Mouth>,
    pub(super) _folder: tempfile::TempDir,
}

pub(super) fn bench(limits: Limits) -> Bench {
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
        alive: None,
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
        restarted: false,
        ended: None,
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

/// A meeting that everybody lets record, on a disk that works.
pub(super) fn meeting() -> Bench {
    let mut bench = bench(Limits::default());
    bench.begin();
    bench
}

impl Bench {
    /// A fact, and everything that comes of it on disk.
    pub(super) fn fact(&mut self, at: MonoTime, input: Input) {
        self.meeting_loop.fact(at, input);
        self.written();
    }

    pub(super) fn written(&mut self) {
        self.meeting_loop.writer.flush(PATIENCE).unwrap();
        self.meeting_loop.take_written(clock::mono_now());
    }

    /// As each second: the writer looks at the disk, and what it sees is reported.
    pub(super) fn look_at_disk(&mut self) -> (&'static str, Option<String>) {
        self.meeting_loop.writer.ask_depth();
        self.written();
        self.meeting_loop.settle();
        self.written();
        self.meeting_loop.parts.state(Peripheral::Disk)
    }

    /// How many records of `stream` contain `text`.
    pub(super) fn count(&self, stream: Stream, text: &str) -> usize {
        let rows = self.spool.read(stream, 1, 100_000).unwrap();
        rows.iter().filter(|row| String::from_utf8_lossy(&row.bytes).contains(text)).count()
    }

    pub(super) fn erase(&mut self, meeting: MeetingId) -> Outcome {
        let (answer, outcome) = sync_channel(1);
        self.meeting_loop.erase(meeting, answer);
        outcome.recv().unwrap()
    }

    pub(super) fn begin(&mut self) {
        let now = clock::mono_now();
        for which in [Peripheral::Microphones, Peripheral::Speaker, Peripheral::Tts, Peripheral::Disk] {
            self.meeting_loop.fact(now, Input::PeripheralChanged { which, state: PeripheralState::Up });
        }
        let plan: MeetingPlan = toml::from_str("title = \"Monday\"\nconsent = \"given\"").unwrap();
        self.fact(now, start_of(&plan, 1).0);
    }

    pub(super) fn say(&mut self, text: &str) {
        let by = UserId::from_u128(1);
        let command = PanelCommand::SayNext { text: text.to_owned() };
        self.meeting_loop.fact(clock::mono_now(), Input::Panel { by, command });
    }

    /// Runs the loop by hand until nothing has come for a while.
    pub(super) fn settle_down(&mut self) {
        let mut quiet_since = Instant::now();
        while quiet_since.elapsed() < Duration::from_millis(600) {
            if let Ok(Message::Fact { at, input }) = self.facts.recv_timeout(Duration::from_millis(20)) {
                self.meeting_loop.fact(at, input);
                quiet_since = Instant::now();
            }
            let now = clock::mono_now();
            self.meeting_loop.take_written(now);
            if self.meeting_loop.meeting.poll_timeout().is_some_and(|t| t <= now) {
                self.meeting_loop.meeting.handle_timeout(now);
            }
            self.meeting_loop.settle();
        }
    }
}

pub(super) fn words(text: &str, ended: MonoTime) -> Input {
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
