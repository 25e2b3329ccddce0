//! The only place that names concrete parts: opens them, connects them, and reports each part's state to the core.

mod check;
mod folder;
mod hardware;
mod link;
mod speech;
mod timed;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail};
use prim_adapter::loopback::LoopbackAdapter;
use prim_adapter::{Adapter, JoinRequest, Manifest, Session, SessionState};
use prim_adapter_room::Room;
use prim_audio::SPEECH_RATE;
use prim_dsp::Frontend;
use prim_meeting::{Ear, Input, Meeting, Peripheral, PeripheralState, TalkerKey};
use prim_spool::Spool;

pub use self::check::{Finding, Level, Report, check};
use self::folder::{
    ALIVE_FILE, REPLAY_FOLDER, claim_folder, open_spool, open_witness, order_reset, read_boot_id,
};
use self::hardware::{Hardware, frontend_config, watch_button, watch_mute};
use self::link::{link_health, start_uplink};
use self::speech::{Detector, open_models, open_stt, open_voice, open_voiceprints, speech_context};
use crate::agenda::{self, MeetingPlan};
use crate::alive::{AliveFile, Sign};
use crate::certificate::CertificateWatch;
use crate::clock;
use crate::config::{ModelChoice, PrimConfig, SpeechConfig};
use crate::front::{EarCounters, RoomFront};
use crate::health::{AdapterHealth, HealthSource};
use crate::http::{self, LateSource};
use crate::inbox::Inbox;
use crate::ledger::{Identity, Ledger};
use crate::listener::{DetectorFailure, Judge, Listener, ListenerParts, RoomVoices};
use crate::live::{self, Live};
use crate::meeting_loop::{
    Ended, Finished, LoopState, MeetingLoop, Platform, Resumed, STOP_PATIENCE, config_for, resume, start_of,
};
use crate::mouth::{Mouth, Route};
use crate::platform::PlatformLink;
use crate::replay::ReplayLog;
use crate::rotate;
use crate::session::{self, Joined};
use crate::vitals::Parts;
use crate::writer::{DiskSilent, Writer, WriterParts};

/// How often the device's certificate is looked at.
const CERTIFICATE_LOOK: Duration = Duration::from_secs(60);
/// How long leaving a platform may take.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);
/// How long the queue may drain when the daemon stops; what is left is sent after the next start.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// What could not be opened, why, and what to do.
pub fn run(config: &PrimConfig, plan: Option<&MeetingPlan>) -> anyhow::Result<()> {
    let folder = &config.device.data_dir;
    let _one = claim_folder(folder)?;
    let boot = read_boot_id()?;
    let identity = Identity { org: config.device.org.clone(), device: config.device.name.clone(), boot };
    let witness = config.device.witness.as_deref().map(open_witness).transpose()?;
    let spool = Arc::new(open_spool(config, &identity, witness.clone())?);
    let signing = rotate::open(&config.device.audit_key, &spool)?;

    let live = Live::new();
    let (inbox, facts) = Inbox::new();
    // Before the slow parts are opened: a stop while starting is a stop, not a crash.
    let stopped_early = Arc::new(AtomicBool::new(false));
    let (stop, early) = (inbox.clone(), Arc::clone(&stopped_early));
    ctrlc::set_handler(move || {
        early.store(true, Ordering::Release);
        stop.stop();
    })
    .context("listen for SIGTERM")?;
    let port = http::listen(config.http.listen)?;
    let prometheus = http::record_metrics()?;
    let parts = Parts::default();
    if let Some(status) = &config.status {
        live::serve(&status.socket, &live, &inbox)?;
    }

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("prim-net")
        .enable_all()
        .build()
        .context("start the network threads")?;
    let health = LateSource::default();
    let page = {
        let _inside = runtime.enter();
        http::serve(port, prometheus, Arc::clone(&health)).context("serve the health page")?
    };
    runtime.spawn(page);
    let link_up = Arc::new(AtomicBool::new(false));
    let certificate =
        config.broker.as_ref().map(|broker| Arc::new(CertificateWatch::new(broker, &config.device)));
    if let Some(watch) = certificate.clone() {
        runtime.spawn(async move {
            loop {
                watch.look(clock::wall_now());
                tokio::time::sleep(CERTIFICATE_LOOK).await;
            }
        });
    }
    let uplink = start_uplink(config, &signing, &spool, &inbox, &link_up, boot)?;
    if let Some(uplink) = &uplink {
        let panels = uplink.clone();
        live.forward_to(Box::new(move |meeting, event| panels.publish_live(meeting, event)));
    }

    let models = open_models(&config.speech)?;
    let detector = Detector::choose(&models, config.speech.vad);
    let detector_failure = DetectorFailure::default();
    let stopping = Arc::new(AtomicBool::new(false));
    let muted = Arc::new(AtomicBool::new(false));
    let counters = Arc::new(EarCounters::default());
    let Some(hardware) = Hardware::open(&config.hal, &stopped_early)? else {
        tracing::info!("stopped as asked, before the room's hardware appeared");
        return Ok(());
    };
    let seed: u128 = rand::random();
    let start = plan.map(|plan| start_of(plan, seed));
    let context = speech_context(plan)?;

    let speaker = Arc::new(Mutex::new(hardware.speaker));
    let Room { adapter, ear, health: room_health } =
        prim_adapter_room::room(SPEECH_RATE, Arc::clone(&speaker)).context("open the room")?;
    let room = adapter.join(&JoinRequest::default()).context("join the room")?;

    let room_stt = open_stt(&models, &config.speech.recogniser, &context);
    let voice = open_voice(&models, &config.speech.voice);
    let voiceprints = open_voiceprints(&config.speech, room_stt.model.is_some());
    let loopback = config.adapter.loopback.as_ref();
    // A recogniser that cannot be opened for the room cannot be opened for the platform either: said once.
    let remote_stt = loopback
        .filter(|_| room_stt.model.is_some())
        .and_then(|_| open_stt(&models, &config.speech.recogniser, &context).model);
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    let mut platform: Option<(PlatformLink, Receiver<Joined>)> = None;
    if let Some(loopback) = loopback {
        let adapter = LoopbackAdapter::new(&loopback.socket);
        let (link, joined, thread) = PlatformLink::start(adapter, &inbox, &stopping)?;
        threads.push(thread);
        platform = Some((link, joined));
    }
    let (platform, joined) = platform.unzip();
    let room = Arc::new(room);
    let room_again = Arc::clone(&room);
    let mut adapters: Vec<Box<dyn Fn() -> AdapterHealth + Send + Sync>> =
        vec![Box::new(move || in_words(room_again.manifest(), room_state(&room_again)))];
    if let Some(link) = platform.clone() {
        adapters.push(Box::new(move || in_words(link.manifest(), link.state())));
    }
    let _ = health.set(HealthSource {
        ear: Arc::clone(&counters),
        spool: Arc::clone(&spool),
        link: link_health(uplink.clone()),
        certificate,
        adapters,
        parts: parts.clone(),
        inbox: inbox.clone(),
        switched_off: switched_off(&config.speech),
        detector: (detector.name, detector.instead.clone()),
        voiceprints: voiceprints.state,
        voices_stall: Arc::clone(&voiceprints.stall),
        detector_failure: DetectorFailure::clone(&detector_failure),
    });

    // The loopback's people sit elsewhere and hear Prim by the line only.
    let route = Route::choose(platform.is_some(), false);
    let leg = platform.as_ref().map(PlatformLink::leg).unwrap_or_default();
    let mouth =
        Mouth::start(voice.model, room.lease_mouth()?, leg, route, &inbox).context("start the mouth")?;

    let unsettled = Arc::new(AtomicUsize::new(0));
    let judge = || -> anyhow::Result<Judge> {
        Ok(Judge::new(detector.open(&models)?, DetectorFailure::clone(&detector_failure)))
    };
    let listener = |ear, talker, stt, voices| {
        Listener::new(ListenerParts {
            ear,
            talker: TalkerKey(talker),
            speaker: None,
            stt,
            voices,
            endpoint_ms: config.speech.endpoint_ms,
            muted: Arc::clone(&muted),
            inbox: inbox.clone(),
            live: live.clone(),
            unsettled: Arc::clone(&unsettled),
        })
    };
    let voices = voiceprints.network.map(|network| RoomVoices::new(network, voiceprints.stall));
    let listening = session::listen_to_room(&room, listener(Ear::Room, 0, room_stt.model, voices), &stopping)
        .context("start the room's listener")?
        .context("listen to the room: its session has no ear")?;
    let front = RoomFront {
        mic: hardware.mic,
        speaker,
        frontend: Frontend::new(&frontend_config(&hardware.board))?,
        judge: judge()?,
        ear,
        health: room_health,
        reader: listening.thread().clone(),
        sounding: mouth.sounding(),
        stopping: Arc::clone(&stopping),
        inbox: inbox.clone(),
        counters: Arc::clone(&counters),
    };
    threads.push(listening);
    threads.extend(front.start().context("start the room's front end")?);
    if let Some(joined) = joined {
        let listener = listener(Ear::Remote, 1, remote_stt, None);
        threads.push(session::listen_to_platform(joined, listener, judge()?, &stopping)?);
    }
    threads.push(watch_button(hardware.button, &inbox, &stopping)?);
    threads.push(watch_mute(hardware.mute, &inbox, &stopping)?);

    let now = clock::mono_now();
    for (which, state) in [
        (Peripheral::Light, PeripheralState::Up),
        (Peripheral::Button, PeripheralState::Up),
        (Peripheral::Speaker, PeripheralState::Up),
        (Peripheral::Stt, room_stt.state),
        (Peripheral::Tts, voice.state),
        (Peripheral::LanguageModel, PeripheralState::Absent { reason: "none is configured".to_owned() }),
    ] {
        inbox.report(now, Input::PeripheralChanged { which, state });
    }

    let meeting_config = config_for(plan, seed);
    let replay = ReplayLog::new(&folder.join(REPLAY_FOLDER), &meeting_config);
    let mut ledger = Ledger::new(identity);
    ledger.set_plan(plan.map(MeetingPlan::digest));
    let alive = AliveFile::new(folder.join(ALIVE_FILE));
    let left = left_behind(&spool, alive.read(), &Sign::now(boot), &mut ledger, meeting_config.clone());
    if let Some((input, hosts)) = start.filter(|_| left.as_ref().is_none_or(|left| left.begin)) {
        ledger.set_hosts(hosts);
        inbox.report(clock::mono_now(), input);
    }
    let restarted = left.is_some();
    let ended = left.as_ref().and_then(|left| left.ended);
    let meeting = left.map_or_else(|| Meeting::new(meeting_config), |left| left.meeting);
    let grown = uplink.clone();
    let writer = Writer::start(WriterParts {
        store: Box::new(Arc::clone(&spool)),
        grew: Box::new(move |stream| {
            if let Some(uplink) = &grown {
                uplink.notify_appended(stream);
            }
        }),
        witness,
        boot,
        alive: Some(alive),
        inbox: inbox.clone(),
    })
    .context("start the writer")?;
    let meeting_loop = MeetingLoop {
        meeting,
        ledger,
        writer,
        mouth,
        light: hardware.light,
        platform: platform.map(|link| Box::new(link) as Box<dyn Platform>),
        live: live.clone(),
        unsettled,
        muted,
        link_up: Arc::clone(&link_up),
        replay,
        parts,
        state: LoopState::new(),
        restarted,
        ended,
    };
    tracing::info!(device.org = %config.device.org, device.name = %config.device.name, "the room is ready");
    let Finished { ended, written } = meeting_loop.run(&facts);
    if ended == Ended::ResetOrdered {
        // Before anything that takes time: what was ordered must not be lost with the power.
        order_reset(folder).context("mark the folder for reset")?;
    }

    stopping.store(true, Ordering::Release);
    for thread in threads {
        let _ = thread.join();
    }
    if let Err(error) = room.leave(LEAVE_LIMIT) {
        tracing::warn!(error = &error as &dyn std::error::Error, "left the room without its word");
    }
    if let Some(uplink) = uplink {
        uplink.shutdown(DRAIN_LIMIT);
    }
    if let Err(DiskSilent { records }) = written {
        // Whoever else waits for that disk is not waited for.
        runtime.shutdown_background();
        bail!(
            "write {records} records down: the disk did not answer for {} s; they may be lost. See what the system says of \
             the disk of {}, then start primd again",
            STOP_PATIENCE.as_secs(),
            folder.display()
        );
    }
    if let Err(error) = spool.forget_state() {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the meeting's state could not be removed; the next start goes on from it"
        );
    }
    if ended == Ended::ResetOrdered {
        bail!(
            "the button ordered a factory reset: start primd again and it begins with an empty data folder"
        );
    }
    Ok(())
}

/// What the configuration does without: no fault of the device.
fn switched_off(speech: &SpeechConfig) -> Vec<Peripheral> {
    let choices = [(Peripheral::Stt, &speech.recogniser), (Peripheral::Tts, &speech.voice)];
    choices.into_iter().filter(|(_, choice)| **choice == ModelChoice::None).map(|(part, _)| part).collect()
}

/// Changes the audit key of a daemon that is stopped. Says what there is for whoever keeps the list of keys.
///
/// # Errors
/// What is in the way, and what to do.
pub fn change_audit_key(config: &PrimConfig) -> anyhow::Result<rotate::Changed> {
    let _one = claim_folder(&config.device.data_dir)?;
    let identity = Identity {
        org: config.device.org.clone(),
        device: config.device.name.clone(),
        boot: read_boot_id()?,
    };
    let witness = config.device.witness.as_deref().map(open_witness).transpose()?;
    let spool = open_spool(config, &identity, witness.clone())?;
    rotate::change(&config.device.audit_key, &spool, &identity, witness.as_deref())
}

fn room_state(room: &Session<prim_adapter::Mouth>) -> Result<(), String> {
    match room.state() {
        SessionState::Joined => Ok(()),
        SessionState::Reconnecting { .. } => Err("microphones and loudspeaker are gone".to_owned()),
        SessionState::Closed(_) => Err("the daemon stops".to_owned()),
    }
}

fn in_words(manifest: &Manifest, state: Result<(), String>) -> AdapterHealth {
    AdapterHealth {
        name: manifest.adapter.to_owned(),
        state: if state.is_ok() { "up" } else { "down" },
        why: state.err(),
        capabilities: manifest
            .claims
            .iter()
            .map(|c| (c.capability.to_string(), c.support.to_string()))
            .collect(),
    }
}

/// What a daemon that died has left, if one has: the state that was kept with its last record.
fn left_behind(
    spool: &Spool,
    alive: Option<Sign>,
    now: &Sign,
    ledger: &mut Ledger,
    config: prim_meeting::MeetingConfig,
) -> Option<Resumed> {
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
    let left = resume(&saved, alive, now, ledger, config);
    if left.is_none() {
        tracing::error!("the saved meeting is of another version; a new one begins");
    }
    left
}

/// Reads the plan, if one was given.
///
/// # Errors
/// As [`agenda::read`].
pub fn read_plan(path: Option<&Path>) -> Result<Option<MeetingPlan>, agenda::ReadPlanError> {
    path.map(agenda::read).transpose()
}
