//! The room program: real time, one device, one platform, one meeting.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use prim_adapter::AudioBlock;
use prim_adapter::loopback::{FromPrim, LoopbackPlatform};
use prim_audio::{DEVICE_BLOCK, Frames, SampleTime};
use prim_hal::{Board, LightPattern};
use prim_hal_sim::{
    DeviceEvent, DeviceSession, Pacer, RoomServer, RoomSim, RoomSpec, SpeakerFate, ToDevice, Welcome,
    boot_nanos,
};
use prim_ids::ParticipantId;

use crate::clock;
use crate::hear::Listener;
use crate::people::{Deed, People, Senses};
use crate::record::{Happened, LAYOUT, Recorder, Said, Seat, Summary, Tick, What};
use crate::script::{Act, Script};
use crate::voices::Line;

/// Ticks between a microphone block and the speaker block that answers it: 30 ms of output latency, as a sound card
/// with three periods of 10 ms has. Leaves the device 20 ms to answer.
const AHEAD: u16 = 3;
/// People look around before they begin.
const SETTLE: u64 = 150;

/// What the room is asked to do.
#[derive(Debug)]
pub struct Options {
    /// The device's socket.
    pub hal: PathBuf,
    /// The platform's socket; none when nobody is remote.
    pub loopback: Option<PathBuf>,
    /// Where to record.
    pub record: PathBuf,
    /// The room.
    pub spec: RoomSpec,
    /// How long to wait for a device, and for it to listen.
    pub patience: Duration,
    /// How long to go on after the script, for Prim's last words and the sync.
    pub linger: Duration,
}

/// Plays the meeting until its script is over and the device has gone, `linger` has passed, or `stop` is set.
/// `ids`: the participants' ids, in the script's order. `emit` gets every event as it happens.
///
/// # Errors
/// No device came, or it left or never listened before the script was over.
pub fn run(
    options: &Options,
    script: Script,
    lines: Vec<Option<Line>>,
    ids: &[Option<ParticipantId>],
    stop: &AtomicBool,
    emit: &mut dyn FnMut(&Happened),
) -> anyhow::Result<Summary> {
    let board = Board::builtin("sim-huddle").context("read the simulated board")?;
    let bearings: Vec<f32> = script.people.iter().filter_map(|p| p.bearing_deg).collect();
    let spec = RoomSpec { bearings_deg: bearings, ..options.spec.clone() };
    let sim = RoomSim::new(&spec, &board)?;
    let server = RoomServer::bind(&options.hal)?;
    let platform = match &options.loopback {
        Some(path) => Some(LoopbackPlatform::bind(path)?),
        None => None,
    };
    if let Some(platform) = &platform {
        for (person, id) in script.people.iter().zip(ids) {
            if let (None, Some(id)) = (person.bearing_deg, id) {
                platform.enter(*id, &person.name);
            }
        }
    }
    let recorder = Recorder::create(&options.record, sim.channels(), script.people.len())?;
    let ready = Happened { boot_ms: boot_nanos() as f64 / 1e6, sample: 0, what: What::Ready };
    emit(&ready);

    let welcome = Welcome::new(u16::try_from(sim.channels()).unwrap_or(u16::MAX), AHEAD);
    let session = loop {
        match server.accept(&welcome, Duration::from_millis(200)) {
            Ok(session) => break session,
            Err(_) if stop.load(Ordering::Relaxed) => bail!("play the meeting: stopped before a device came"),
            Err(prim_hal_sim::AcceptError::Timeout(_))
                if boot_nanos() as f64 / 1e6 - ready.boot_ms < options.patience.as_secs_f64() * 1e3 => {}
            Err(prim_hal_sim::AcceptError::Timeout(_)) => bail!(
                "play the meeting: no device came to {} within {} s; start primd with [hal] socket set to that path",
                options.hal.display(),
                options.patience.as_secs()
            ),
            Err(e) => return Err(e).context(format!("serve the device at {}", options.hal.display())),
        }
    };
    let seats = script
        .people
        .iter()
        .zip(ids.iter().chain(std::iter::repeat(&None)))
        .map(|(p, id)| Seat { name: p.name.clone(), bearing_deg: p.bearing_deg, participant: *id })
        .collect::<Vec<_>>();
    let pacer = Pacer::start(Duration::from_millis(prim_audio::BLOCK_MS));
    let summary = Summary {
        v: LAYOUT,
        title: script.title.clone(),
        start_ns: pacer.start_ns(),
        start_unix_ms: clock::wall_now().unix_millis(),
        utc_offset_min: clock::utc_offset_min(),
        rt60_s: spec.rt60_s,
        distance_m: spec.distance_m,
        noise_down_db: spec.noise_down_db,
        echo_db: spec.echo_db,
        seed: spec.seed,
        people: seats,
        complete: false,
        blocks: 0,
        speaker_late: 0,
        clipped: 0,
        lags: prim_hal_sim::LagHistogram::default(),
        repeats: 0,
        missed: Vec::new(),
        ignored: Vec::new(),
    };
    let lines_ms = lines.iter().map(|l| l.as_ref().map_or(0, Line::ms)).collect();
    let script = Arc::new(script);
    let mut room = Room {
        people: People::new(script.clone(), lines_ms),
        remote: vec![VecDeque::new(); script.people.len()],
        truth: vec![VecDeque::new(); script.people.len()],
        talker_of: talkers(&script),
        script,
        lines,
        ids: ids.to_vec(),
        sim,
        session,
        platform,
        recorder,
        pacer,
        summary,
        listener: Listener::default(),
        light: LightPattern::Off,
        began_at: None,
        ended_at: None,
        remote_out: VecDeque::new(),
        emit,
    };
    let result = room.play(options, stop);
    let Room { recorder, mut summary, pacer, sim, .. } = room;
    summary.lags = pacer.lags().clone();
    summary.clipped = sim.clipped();
    recorder.finish(&summary)?;
    result.map(|()| summary)
}

/// Which talker of the room each person is.
fn talkers(script: &Script) -> Vec<Option<usize>> {
    let mut next = 0;
    script
        .people
        .iter()
        .map(|p| {
            p.bearing_deg.map(|_| {
                next += 1;
                next - 1
            })
        })
        .collect()
}

/// One person's lines on their way: first frame, sound.
type Track = VecDeque<(u64, Arc<[f32]>)>;

struct Room<'a> {
    script: Arc<Script>,
    lines: Vec<Option<Line>>,
    ids: Vec<Option<ParticipantId>>,
    sim: RoomSim,
    session: DeviceSession,
    platform: Option<LoopbackPlatform>,
    recorder: Recorder,
    pacer: Pacer,
    summary: Summary,
    people: People,
    listener: Listener,
    light: LightPattern,
    talker_of: Vec<Option<usize>>,
    /// Per person.
    truth: Vec<Track>,
    remote: Vec<Track>,
    remote_out: VecDeque<[i16; DEVICE_BLOCK]>,
    began_at: Option<u64>,
    ended_at: Option<u64>,
    emit: &'a mut dyn FnMut(&Happened),
}

impl Room<'_> {
    fn happened_at(&mut self, boot_ns: u64, what: What) {
        let since = boot_ns.saturating_sub(self.summary.start_ns);
        let happened = Happened { boot_ms: boot_ns as f64 / 1e6, sample: since * 48 / 1_000_000, what };
        (self.emit)(&happened);
        self.recorder.happened(happened);
    }

    fn happened(&mut self, what: What) {
        self.happened_at(boot_nanos(), what);
    }

    fn play(&mut self, options: &Options, stop: &AtomicBool) -> anyhow::Result<()> {
        self.happened(What::Connected);
        let mut speaker = ([0; DEVICE_BLOCK], SpeakerFate::Late);
        let blocks = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX) / prim_audio::BLOCK_MS;
        loop {
            let tick = self.summary.blocks;
            let at = self.sim.now();
            let mic = self.sim.step(&speaker.0).to_vec();
            let truth = mix_all(&mut self.truth, at.0);
            let remote_in = self.remote_block(at);
            // The tick is over at its deadline: only then has the last frame been captured.
            let captured_ns = self.pacer.wait();
            let message = ToDevice::Mic { at, captured_ns, fate: speaker.1, samples: mic.clone() };
            let sent = self.session.send(&message);
            let remote_out = self.hear_platform();
            self.recorder.tick(Tick { mic, speaker: speaker.0, remote_in, remote_out, truth });
            if speaker.1 == SpeakerFate::Late && tick > u64::from(AHEAD) {
                self.summary.speaker_late += 1;
            }
            self.summary.blocks += 1;
            if let Err(closed) = sent {
                self.happened(What::Gone { why: closed.why.clone() });
                if self.summary.complete {
                    return Ok(());
                }
                bail!("play the meeting: the device left before the script was over ({})", closed.why);
            }
            self.watch_device();
            let noticed = self.listener.hear(&speaker.0);
            if noticed.ding {
                self.happened(What::Ding);
            }
            if noticed.voice_began || noticed.voice_ended {
                self.happened(What::PrimVoice { speaks: noticed.voice_began });
            }
            let now = tick + 1;
            match self.began_at {
                None if self.light == LightPattern::Listening => {
                    self.began_at = Some(now + SETTLE);
                    self.happened(What::Started);
                }
                None if now > blocks(options.patience) => {
                    bail!(
                        "play the meeting: the light did not show that Prim listens within {} s; the end of primd's \
                         log says why",
                        options.patience.as_secs()
                    );
                }
                Some(began) if now >= began => {
                    self.act((now - began) * prim_audio::BLOCK_MS, noticed.ding)?
                }
                None | Some(_) => {}
            }
            if stop.load(Ordering::Relaxed) {
                if self.summary.complete {
                    return Ok(());
                }
                bail!("play the meeting: stopped before the script was over");
            }
            if self.ended_at.is_some_and(|end| now >= end + blocks(options.linger)) {
                return Ok(());
            }
            speaker = self.session.take_speaker(at + Frames(DEVICE_BLOCK as u64));
        }
    }

    fn watch_device(&mut self) {
        while let Some(event) = self.session.poll_event() {
            match event {
                DeviceEvent::Light { at_ns, pattern } => {
                    self.light = pattern;
                    self.happened_at(at_ns, What::Light { pattern });
                }
                DeviceEvent::Flushed { at_ns, blocks } => self.happened_at(at_ns, What::Flushed { blocks }),
            }
        }
    }

    fn hear_platform(&mut self) -> [i16; DEVICE_BLOCK] {
        let mut seen = Vec::new();
        if let Some(platform) = &self.platform {
            while let Some(from) = platform.next(Duration::ZERO) {
                match from {
                    FromPrim::Audio(block) => {
                        let mut samples = [0; DEVICE_BLOCK];
                        samples.iter_mut().zip(block.samples()).for_each(|(o, s)| *o = *s);
                        // Ten seconds at most wait to be written.
                        if self.remote_out.len() < 1000 {
                            self.remote_out.push_back(samples);
                        }
                    }
                    FromPrim::Hand(raised) => seen.push(What::PrimHand { raised }),
                    FromPrim::Joined => seen.push(What::Platform { joined: true }),
                    FromPrim::Left | FromPrim::Lost => seen.push(What::Platform { joined: false }),
                    FromPrim::Banner(_) | FromPrim::Notice(..) => {}
                }
            }
        }
        seen.into_iter().for_each(|what| self.happened(what));
        self.remote_out.pop_front().unwrap_or([0; DEVICE_BLOCK])
    }

    fn remote_block(&mut self, at: SampleTime) -> [i16; DEVICE_BLOCK] {
        let people = self.remote.len();
        let mixed = mix_all(&mut self.remote, at.0);
        let mut out = [0; DEVICE_BLOCK];
        for (o, frame) in out.iter_mut().zip(mixed.chunks_exact(people.max(1))) {
            *o = frame.iter().fold(0_i16, |sum, s| sum.saturating_add(*s));
        }
        if let (Some(platform), Ok(block)) = (&self.platform, AudioBlock::new(at, &out)) {
            platform.play(&block);
        }
        out
    }

    fn act(&mut self, now_ms: u64, ding: bool) -> anyhow::Result<()> {
        let senses = Senses { now_ms, light: self.light, prim_speaks: self.listener.speaking(), ding };
        let name = |script: &Script, beat: usize| script.beats[beat].name.clone();
        for deed in self.people.tick(&senses) {
            let script = self.script.clone();
            match deed {
                Deed::Say { beat, attempt } => self.say(beat, attempt)?,
                Deed::Edge { beat, pressed, means } => {
                    let at_ns = boot_nanos();
                    let _ = self.session.send(&ToDevice::Button { pressed, at_ns });
                    self.happened_at(at_ns, What::Edge { pressed, means, beat: name(&script, beat) });
                }
                Deed::Hand { who, raised } => {
                    if let (Some(platform), Some(Some(id))) = (&self.platform, self.ids.get(who)) {
                        platform.hand(*id, raised);
                    }
                    self.happened(What::Hand { name: script.people[who].name.clone(), raised });
                }
                Deed::Link { cut } => self.happened(What::Link { cut }),
                Deed::Repeat { beat } => {
                    self.summary.repeats += 1;
                    self.happened(What::Repeat { beat: name(&script, beat) });
                }
                Deed::Missed { beat, skipped } => {
                    self.summary.missed.push(name(&script, beat));
                    self.happened(What::Missed { beat: name(&script, beat), skipped });
                }
                Deed::Ignored { beat } => {
                    self.summary.ignored.push(name(&script, beat));
                    self.happened(What::Ignored { beat: name(&script, beat) });
                }
                Deed::Finished => {
                    self.summary.complete = true;
                    self.ended_at = Some(self.summary.blocks);
                    self.happened(What::Ended);
                }
            }
        }
        Ok(())
    }

    fn say(&mut self, index: usize, attempt: u32) -> anyhow::Result<()> {
        let script = self.script.clone();
        let beat = &script.beats[index];
        let Some(line) = self.lines.get(index).and_then(Option::as_ref) else { return Ok(()) };
        let sound = line.sound.clone();
        let at = self.sim.now();
        let (arrives, bearing_deg) = match self.talker_of[beat.who] {
            Some(talker) => {
                if !self.sim.say(talker, at, sound.clone()) {
                    bail!("let {} speak: the room does not take the line", script.people[beat.who].name);
                }
                (at + self.sim.flight(), script.people[beat.who].bearing_deg)
            }
            None => {
                self.remote[beat.who].push_back((at.0, sound.clone()));
                (at, None)
            }
        };
        self.truth[beat.who].push_back((arrives.0, sound.clone()));
        let text = if let Act::Say { text } = &beat.act { text.clone() } else { String::new() };
        self.recorder.said(Said {
            beat: beat.name.clone(),
            attempt,
            person: beat.who,
            bearing_deg,
            text,
            from: arrives.0,
            to: arrives.0 + sound.len() as u64,
            held_out: beat.held_out,
            to_prim: beat.to_prim,
            question: beat.question,
            unheard: beat.unheard,
            noted: beat.noted.clone(),
        });
        self.happened(What::Speaks { name: script.people[beat.who].name.clone(), beat: beat.name.clone() });
        Ok(())
    }
}

/// Ten milliseconds of everybody's lines, interleaved; lines that are over are dropped.
fn mix_all(tracks: &mut [Track], start: u64) -> Vec<i16> {
    let people = tracks.len();
    let mut out = vec![0_i16; DEVICE_BLOCK * people];
    for (p, track) in tracks.iter_mut().enumerate() {
        for (from, line) in track.iter() {
            let first = from.saturating_sub(start) as usize;
            let skip = start.saturating_sub(*from) as usize;
            for (n, s) in (first..DEVICE_BLOCK).zip(line.iter().skip(skip)) {
                let sample = &mut out[n * people + p];
                *sample = sample.saturating_add((s * 32_768.0) as i16);
            }
        }
        track.retain(|(from, line)| from + line.len() as u64 > start + DEVICE_BLOCK as u64);
    }
    out
}
