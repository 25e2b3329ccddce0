//! The only place that names concrete parts: opens them, connects them, and reports each part's state to the core.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail};
use prim_adapter::loopback::LoopbackAdapter;
use prim_adapter::{Adapter, JoinRequest, Mouth as PlatformMouth, Session};
use prim_dsp::{Frontend, FrontendConfig};
use prim_hal::{Board, FloorButton, Indicator, MicArray, MuteSwitch, Speaker};
use prim_hal_sim::SimDevice;
use prim_identity::AuditKey;
use prim_ids::{BootId, EpochId};
use prim_meeting::{Ear, Input, Meeting, Peripheral, PeripheralState, TalkerKey, grammar_jsgf};
use prim_models::{Manifest, ModelRegistry, Stt, SttContext, SttThread, ThreadLimits, Tts};
use prim_proto::{Audit, Body, DeviceAddress};
use prim_spool::{Limits, Spool};
use prim_uplink::{Now, Uplink, UplinkConfig, UplinkEvent, UplinkHandle};

use crate::agenda::{self, MeetingPlan};
use crate::clock;
use crate::config::{HalConfig, PrimConfig};
use crate::ears::{EarCounters, RoomEar};
use crate::http::{self, AdapterHealth, HealthSource, LinkHealth};
use crate::inbox::Inbox;
use crate::ledger::{Identity, Ledger, code};
use crate::listener::{Listener, ListenerParts};
use crate::live::{self, Live};
use crate::meeting_loop::{Ended, LoopState, MeetingLoop, Platform, config_for, resume, start_of};
use crate::mouth::{Leg, Mouth, Route};
use crate::remote::{self, SessionLeg, SessionPlatform};
use crate::replay::ReplayLog;
use crate::witness::Witness;

/// How long the room's hardware may take to appear.
const HARDWARE_LIMIT: Duration = Duration::from_secs(20);
/// How long a platform may take to let Prim in at the start; after that the meeting begins without it.
const JOIN_LIMIT: Duration = Duration::from_secs(10);
/// How long leaving a platform may take.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);
/// How long the queue may drain when the daemon stops; what is left is sent after the next start.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);
/// How often a button thread looks whether it shall stop.
const EDGE_WAIT: Duration = Duration::from_millis(200);
/// Left beside this file when the button ordered a reset; the next start begins with an empty folder.
const RESET_MARK: &str = "reset-ordered";

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// What could not be opened, why, and what to do.
pub fn run(config: &PrimConfig, plan: Option<&MeetingPlan>) -> anyhow::Result<()> {
    let folder = &config.device.data_dir;
    let _one = claim_folder(folder)?;
    let boot = read_boot_id()?;
    let key = AuditKey::load(&config.device.audit_key)?;
    let identity = Identity { org: config.device.org.clone(), device: config.device.name.clone(), boot };
    let witness = config.device.witness.as_deref().map(open_witness).transpose()?;
    let spool = Arc::new(open_spool(config, &identity, witness.clone())?);

    let live = Live::new();
    let (inbox, facts) = Inbox::new();
    // Before the slow parts are opened: a stop while starting is a stop, not a crash.
    let stop = inbox.clone();
    ctrlc::set_handler(move || stop.stop()).context("listen for SIGTERM")?;
    if let Some(status) = &config.status {
        live::serve(&status.socket, &live, &inbox)?;
    }

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("prim-net")
        .enable_all()
        .build()
        .context("start the network threads")?;
    let link_up = Arc::new(AtomicBool::new(false));
    let uplink = start_uplink(config, &key, &spool, &inbox, &link_up, boot)?;
    if let Some(uplink) = &uplink {
        let panels = uplink.clone();
        live.forward_to(Box::new(move |meeting, event| panels.publish_live(meeting, event)));
    }

    let models = open_models()?;
    let stopping = Arc::new(AtomicBool::new(false));
    let muted = Arc::new(AtomicBool::new(false));
    let counters = Arc::new(EarCounters::default());
    let hardware = Hardware::open(&config.hal)?;
    let seed: u128 = rand::random();
    let start = plan.map(|plan| start_of(plan, seed));
    let context = speech_context(plan)?;

    let before_models_bytes = resident_bytes();
    let room_stt = open_stt(&models, &config.speech.recogniser, &context);
    let voice = open_voice(&models, &config.speech.voice);
    let (recogniser_up, voice_up) = (room_stt.is_some(), voice.is_some());
    let session = join(config);
    let remote_stt = session.as_ref().and_then(|_| open_stt(&models, &config.speech.recogniser, &context));
    let models_bytes = resident_bytes().saturating_sub(before_models_bytes);
    let health = HealthSource {
        ear: Arc::clone(&counters),
        spool: Arc::clone(&spool),
        link: link_health(uplink.clone()),
        manifests: session.iter().map(|s| manifest_in_words(s)).collect(),
        recogniser: if recogniser_up { "up" } else { "missing" },
        voice: if voice_up { "up" } else { "missing" },
        before_models_bytes,
        models_bytes,
    };
    let page = runtime.block_on(http::bind(config.http.listen, health))?;
    runtime.spawn(page);

    let speaker = Arc::new(Mutex::new(hardware.speaker));
    let leg = session
        .as_ref()
        .and_then(|s| s.lease_mouth().ok())
        .map(|lease| Box::new(SessionLeg::new(lease)) as Box<dyn Leg>);
    // The loopback's people sit elsewhere and hear Prim by the line only.
    let route = Route::choose(leg.is_some(), false);
    let mouth = Mouth::start(voice, Arc::clone(&speaker), leg, route, &inbox).context("start the mouth")?;

    let unsettled = Arc::new(AtomicUsize::new(0));
    let listener = |ear, talker, stt| -> anyhow::Result<Listener> {
        Ok(Listener::new(ListenerParts {
            ear,
            talker: TalkerKey(talker),
            speaker: None,
            vad: models.open_vad("earshot")?,
            stt,
            endpoint_ms: config.speech.endpoint_ms,
            muted: Arc::clone(&muted),
            inbox: inbox.clone(),
            live: live.clone(),
            unsettled: Arc::clone(&unsettled),
        }))
    };
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    threads.extend(
        RoomEar {
            mic: hardware.mic,
            speaker,
            frontend: Frontend::new(&frontend_config(&hardware.board))?,
            listener: listener(Ear::Room, 0, room_stt)?,
            sounding: mouth.sounding(),
            stopping: Arc::clone(&stopping),
            inbox: inbox.clone(),
            counters: Arc::clone(&counters),
        }
        .start()
        .context("start the ear")?,
    );
    if let Some(session) = &session {
        threads.extend(remote::start(session, listener(Ear::Remote, 1, remote_stt)?, &inbox, &stopping)?);
    }
    threads.push(watch_button(hardware.button, &inbox, &stopping)?);
    threads.push(watch_mute(hardware.mute, &inbox, &stopping)?);

    let now = clock::mono_now();
    let state = |up: bool, reason: &str| {
        if up { PeripheralState::Up } else { PeripheralState::Absent { reason: reason.to_owned() } }
    };
    for (which, state) in [
        (Peripheral::Light, PeripheralState::Up),
        (Peripheral::Button, PeripheralState::Up),
        (Peripheral::Speaker, PeripheralState::Up),
        (Peripheral::Disk, PeripheralState::Up),
        (Peripheral::Stt, state(recogniser_up, "the recogniser could not be opened")),
        (Peripheral::Tts, state(voice_up, "the voice could not be opened")),
        (Peripheral::LanguageModel, state(false, "none is configured")),
    ] {
        inbox.report(now, Input::PeripheralChanged { which, state });
    }

    let meeting_config = config_for(plan, seed);
    let replay = ReplayLog::new(&folder.join("replay"), &meeting_config);
    let mut ledger = Ledger::new(identity);
    let meeting = match restored(&spool, &mut ledger, meeting_config.clone()) {
        Some(meeting) => meeting,
        None => {
            if let Some((input, hosts)) = start {
                ledger.set_hosts(hosts);
                inbox.report(clock::mono_now(), input);
            }
            Meeting::new(meeting_config)
        }
    };
    if let Some(session) = &session {
        remote::report_roster(session, &inbox);
    }
    let grown = uplink.clone();
    let meeting_loop = MeetingLoop {
        meeting,
        ledger,
        spool: Arc::clone(&spool),
        spool_grew: Box::new(move |stream| {
            if let Some(uplink) = &grown {
                uplink.notify_appended(stream);
            }
        }),
        witness,
        mouth,
        light: hardware.light,
        platform: session.as_ref().map(|s| Box::new(SessionPlatform(Arc::clone(s))) as Box<dyn Platform>),
        live: live.clone(),
        unsettled,
        muted,
        link_up: Arc::clone(&link_up),
        boot,
        replay,
        state: LoopState::new(),
    };
    tracing::info!(device.org = %config.device.org, device.name = %config.device.name, "the room is ready");
    let ended = meeting_loop.run(&facts);

    stopping.store(true, Ordering::Release);
    for thread in threads {
        let _ = thread.join();
    }
    if let Some(session) = &session
        && let Err(error) = session.leave(LEAVE_LIMIT)
    {
        tracing::warn!(error = &error as &dyn std::error::Error, "left the platform without its word");
    }
    if let Some(uplink) = uplink {
        uplink.shutdown(DRAIN_LIMIT);
    }
    if let Err(error) = spool.forget_state() {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the meeting's state could not be removed; the next start goes on from it"
        );
    }
    if ended == Ended::ResetOrdered {
        fs::write(folder.join(RESET_MARK), b"").context("mark the folder for reset")?;
        bail!(
            "the button ordered a factory reset: start primd again and it begins with an empty data folder"
        );
    }
    Ok(())
}

/// One daemon a folder; and a reset ordered before the last stop is carried out here, before anything is opened.
fn claim_folder(folder: &Path) -> anyhow::Result<File> {
    use std::os::unix::fs::DirBuilderExt;
    if folder.join(RESET_MARK).exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("empty {} for the factory reset", folder.display()))?;
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| {
        format!("make the data folder {}; set [device].data_dir to one this user may write", folder.display())
    })?;
    let lock = File::create(folder.join("lock")).with_context(|| {
        format!("write into {}; set [device].data_dir to a folder this user may write", folder.display())
    })?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            bail!("use the data folder {}: another primd runs on it; stop that one first", folder.display())
        }
        Err(TryLockError::Error(error)) => Err(error).context("lock the data folder"),
    }
}

/// This boot, as the kernel names it.
fn read_boot_id() -> anyhow::Result<BootId> {
    const PATH: &str = "/proc/sys/kernel/random/boot_id";
    let text = fs::read_to_string(PATH).with_context(|| format!("read the boot's id from {PATH}"))?;
    let hex: String = text.trim().chars().filter(|c| *c != '-').collect();
    let n =
        u128::from_str_radix(&hex, 16).with_context(|| format!("read the boot's id from {PATH}: no UUID"))?;
    Ok(BootId::from_u128(n))
}

/// This process's resident set, from `/proc/self/status` (`VmRSS`, in KiB); 0 where it cannot be read.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse().ok());
    kib.unwrap_or(0_u64) * 1024
}

fn open_witness(path: &Path) -> anyhow::Result<Arc<Witness>> {
    let opened = Witness::open(path).with_context(|| {
        format!(
            "open the witness file {}; set [device].witness to a file this user may write",
            path.display()
        )
    })?;
    Ok(Arc::new(opened))
}

fn open_spool(
    config: &PrimConfig,
    identity: &Identity,
    witness: Option<Arc<Witness>>,
) -> anyhow::Result<Spool> {
    let limits = Limits { max_bytes: config.device.spool_max_mib << 20, ..Limits::default() };
    let fresh = EpochId::from_parts(clock::wall_now(), rand::random());
    let write_loss = crate::losses::writer(identity.clone(), witness);
    Ok(Spool::open(&config.device.data_dir.join("spool.sqlite"), limits, fresh, write_loss)?)
}

fn start_uplink(
    config: &PrimConfig,
    key: &AuditKey,
    spool: &Arc<Spool>,
    inbox: &Inbox,
    link_up: &Arc<AtomicBool>,
    boot: BootId,
) -> anyhow::Result<Option<UplinkHandle>> {
    let Some(broker) = &config.broker else {
        tracing::warn!("no [broker] is configured: everything stays in the spool");
        return Ok(None);
    };
    let (handle, mut events) = Uplink::start(
        UplinkConfig {
            device: DeviceAddress { org: config.device.org.clone(), device: config.device.name.clone() },
            boot,
            broker: prim_uplink::BrokerConfig::new(
                broker.host.clone(),
                broker.port,
                broker.ca.clone(),
                broker.cert.clone(),
                broker.key.clone(),
            ),
            audit_key: Arc::new(prim_proto::AuditKey::from_seed(key.signing().to_bytes())),
            capabilities: vec![code("audit"), code("utterance"), code("note")],
            first_session: u64::try_from(clock::wall_now().unix_millis()).unwrap_or(1),
            clock: prim_uplink::Clock::new(|| Now { mono: clock::mono_now(), wall: Some(clock::wall_now()) }),
            timing: prim_uplink::sync::Timing::default(),
        },
        Arc::clone(spool),
    )?;
    let (inbox, link_up, status) = (inbox.clone(), Arc::clone(link_up), handle.clone());
    std::thread::Builder::new().name("prim-link".into()).spawn(move || {
        while let Some(event) = events.blocking_recv() {
            let kept = match event {
                UplinkEvent::StatusChanged => {
                    let status = status.status();
                    link_up.store(status.link_up && status.gateway_present, Ordering::Release);
                    if let Some(problem) = status.problem {
                        tracing::warn!(link.problem = %problem, "the link to the gateway is degraded");
                    }
                    continue;
                }
                UplinkEvent::Panel { .. } => {
                    tracing::warn!("a panel asked for something; panels are not served over MQTT yet");
                    continue;
                }
                UplinkEvent::Rejected { reason, .. } => format!("rejected.{reason}"),
                UplinkEvent::ForeignEpoch { .. } => {
                    // After a reset the gateway repeats what it knows of the life before: nothing is lost by it.
                    tracing::info!("the gateway acknowledges an earlier life of this device's outbox");
                    continue;
                }
                UplinkEvent::ImpossibleAck { .. } => "ack_beyond_the_last_record".to_owned(),
                UplinkEvent::Unsendable { .. } => "record_too_large_to_send".to_owned(),
            };
            tracing::error!(link.event = kept, "the gateway did not take everything; see the audit");
            inbox.record(Body::Audit(Audit::Daemon { state: code(&kept) }));
        }
    })?;
    Ok(Some(handle))
}

fn link_health(uplink: Option<UplinkHandle>) -> Box<dyn Fn() -> LinkHealth + Send + Sync> {
    Box::new(move || match &uplink {
        None => LinkHealth { broker: "none", gateway: "none", why: None },
        Some(uplink) => {
            let status = uplink.status();
            LinkHealth {
                broker: if status.link_up { "up" } else { "down" },
                gateway: if status.gateway_present { "up" } else { "down" },
                why: status.problem.map(|p| p.to_string()),
            }
        }
    })
}

fn open_models() -> anyhow::Result<ModelRegistry> {
    let manifest =
        Manifest::parse(prim_models::BUILT_IN_MANIFEST).context("read the built-in model manifest")?;
    let mut registry = ModelRegistry::new(manifest);
    registry.register_vad("earshot", |_| Ok(Box::new(prim_models_earshot::Earshot::new())));
    prim_models_pocketsphinx::register(&mut registry);
    prim_models_flite::register(&mut registry);
    Ok(registry)
}

fn speech_context(plan: Option<&MeetingPlan>) -> anyhow::Result<SttContext> {
    let titles = plan.iter().flat_map(|p| p.agenda.iter().map(|i| i.title.clone()));
    let names = plan.iter().flat_map(|p| p.people.iter().map(|p| p.name.clone()));
    Ok(SttContext::new(titles, names)?.with_commands(grammar_jsgf()))
}

/// A recogniser on its own thread; without one the room still has button, panel and timeboxes.
fn open_stt(models: &ModelRegistry, name: &str, context: &SttContext) -> Option<Box<dyn Stt>> {
    let opened = models
        .open_stt(name)
        .map_err(anyhow::Error::from)
        .and_then(|engine| Ok(SttThread::spawn(engine, ThreadLimits::default())?))
        .and_then(|mut stt| {
            stt.start(context)?;
            Ok(stt)
        });
    match opened {
        Ok(stt) => Some(Box::new(stt)),
        Err(error) => {
            tracing::error!("no recogniser: {error:#}; button, panel and timeboxes work");
            None
        }
    }
}

fn open_voice(models: &ModelRegistry, name: &str) -> Option<Box<dyn Tts>> {
    models
        .open_tts(name)
        .inspect_err(|error| {
            tracing::error!(error = error as &dyn std::error::Error, "no voice; answers become cards");
        })
        .ok()
}

fn join(config: &PrimConfig) -> Option<Arc<Session<PlatformMouth>>> {
    let loopback = config.adapter.loopback.as_ref()?;
    let request = JoinRequest { admission_limit: JOIN_LIMIT, ..JoinRequest::default() };
    match LoopbackAdapter::new(&loopback.socket).join(&request) {
        Ok(session) => Some(Arc::new(session)),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the platform could not be joined; the room goes on without it"
            );
            None
        }
    }
}

fn manifest_in_words(session: &Session<PlatformMouth>) -> AdapterHealth {
    let manifest = session.manifest();
    AdapterHealth {
        name: manifest.adapter.to_owned(),
        capabilities: manifest
            .claims
            .iter()
            .map(|c| (c.capability.to_string(), c.support.to_string()))
            .collect(),
    }
}

/// The meeting that was running when the daemon died: what was kept with its last record.
fn restored(spool: &Spool, ledger: &mut Ledger, config: prim_meeting::MeetingConfig) -> Option<Meeting> {
    let saved = match spool.state() {
        Ok(saved) => String::from_utf8(saved?).unwrap_or_default(),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the spool cannot be read; a new meeting begins"
            );
            return None;
        }
    };
    let meeting = resume(&saved, ledger, config);
    if meeting.is_some() {
        tracing::warn!("a meeting was running when primd stopped; it goes on, and open requests are expired");
    } else {
        tracing::error!("the saved meeting is of another version; a new one begins");
    }
    meeting
}

/// The board's parts.
struct Hardware {
    board: Board,
    mic: Box<dyn MicArray>,
    speaker: Box<dyn Speaker>,
    light: Box<dyn Indicator>,
    button: Box<dyn FloorButton>,
    mute: Box<dyn MuteSwitch>,
}

impl Hardware {
    fn open(config: &HalConfig) -> anyhow::Result<Self> {
        match config {
            HalConfig::Sim { socket, board } => {
                let board = read_board(board.as_ref())?;
                let device = SimDevice::connect(socket, HARDWARE_LIMIT)?;
                if device.mic.channels().0 != board.mic.channels() {
                    bail!(
                        "use the board {:?}: it has {} microphones, the simulated room gives {}; start both with the same board",
                        board.name,
                        board.mic.channels(),
                        device.mic.channels().0
                    );
                }
                Ok(Self {
                    board,
                    mic: Box::new(device.mic),
                    speaker: Box::new(device.speaker),
                    light: Box::new(device.light),
                    button: Box::new(device.button),
                    mute: Box::new(device.mute),
                })
            }
        }
    }
}

fn read_board(path: Option<&PathBuf>) -> anyhow::Result<Board> {
    match path {
        None => Ok(Board::builtin("sim-huddle")?),
        Some(path) => {
            let text =
                fs::read_to_string(path).with_context(|| format!("read the board {}", path.display()))?;
            Ok(Board::parse(&text)?)
        }
    }
}

fn frontend_config(board: &Board) -> FrontendConfig {
    let mics: Vec<[f32; 3]> = board.mic.positions_mm.iter().map(|p| p.map(|mm| mm as f32)).collect();
    FrontendConfig::new(&mics)
}

fn watch_button(
    mut button: Box<dyn FloorButton>,
    inbox: &Inbox,
    stopping: &Arc<AtomicBool>,
) -> std::io::Result<JoinHandle<()>> {
    let (inbox, stop) = (inbox.clone(), Arc::clone(stopping));
    std::thread::Builder::new().name("prim-button".into()).spawn(move || {
        while !stop.load(Ordering::Acquire) {
            match button.wait_edge(EDGE_WAIT) {
                Ok(Some(edge)) => {
                    let input = if edge.pressed { Input::ButtonPressed } else { Input::ButtonReleased };
                    inbox.report(edge.at, input);
                }
                Ok(None) => {}
                Err(error) => return lost(&inbox, Peripheral::Button, &error),
            }
        }
    })
}

fn watch_mute(
    mut switch: Box<dyn MuteSwitch>,
    inbox: &Inbox,
    stopping: &Arc<AtomicBool>,
) -> std::io::Result<JoinHandle<()>> {
    let (inbox, stop) = (inbox.clone(), Arc::clone(stopping));
    std::thread::Builder::new().name("prim-mute".into()).spawn(move || {
        while !stop.load(Ordering::Acquire) {
            match switch.wait_move(EDGE_WAIT) {
                Ok(Some(edge)) => inbox.report(edge.at, Input::MuteSwitchMoved { on: edge.muted }),
                Ok(None) => {}
                Err(error) => return lost(&inbox, Peripheral::Button, &error),
            }
        }
    })
}

fn lost(inbox: &Inbox, which: Peripheral, error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(error, "a control is gone");
    let state = PeripheralState::Absent { reason: error.to_string() };
    inbox.report(clock::mono_now(), Input::PeripheralChanged { which, state });
}

/// Reads the plan, if one was given.
///
/// # Errors
/// As [`agenda::read`].
pub fn read_plan(path: Option<&Path>) -> Result<Option<MeetingPlan>, agenda::ReadPlanError> {
    path.map(agenda::read).transpose()
}
