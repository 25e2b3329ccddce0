//! Hours of a meeting through the whole of hearing: front end, speech detector, segmenter, interruption. People talk now
//! and then, Prim dings and speaks now and then, somebody talks over Prim, and once the device is moved. In the end
//! memory is where it was, Prim never took its own voice for a person's, every number was a number, and sample time
//! and wall time are together.
//!
//! `PRIM_SOAK_HOURS` (or `cargo xtask soak --hours N`) says how many hours of sound, a few minutes without it;
//! `PRIM_SOAK_PPM` (`--ppm N`) how far the clocks of microphones and loudspeaker swing apart: 0 is a device with one
//! clock; `PRIM_SOAK_STEADY` (`--steady`) that they stay so far apart all the time; `PRIM_SOAK_SEED` (`--seed N`) which
//! meeting it is. Simulated time runs as fast as the processor does.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test of hours says how it goes")]
#![expect(unsafe_code, reason = "a counting allocator has to implement an unsafe trait")]

#[allow(dead_code, reason = "the benches use the rest")]
#[path = "../../ears/cpu.rs"]
mod cpu;
#[allow(dead_code, reason = "the benches use the rest")]
#[path = "../../ears/material.rs"]
mod material;
#[allow(dead_code, reason = "the benches use the rest")]
#[path = "../../ears/score.rs"]
mod score;

mod clocks;
mod meeting;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use prim_audio::{DEVICE_BLOCK, SPEECH_BLOCK, SampleTime};
use prim_dsp::{
    BargeIn, BargeInConfig, Frontend, FrontendBlock, Limiter, Reframer, SegmentEvent, Segmenter,
    SegmenterConfig,
};
use prim_models::Vad;
use prim_models_earshot::{Earshot, FRAME};

use clocks::Clocks;
use meeting::{Apart, MICS, Meeting, Now};

struct Counting;

// Of this thread: the test runner has threads of its own.
thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system allocator unchanged; the counters are thread-local
// `Cell`s without destructors, so that counting neither allocates nor touches another thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|c| c.set(c.get() + 1));
        LIVE.with(|l| l.set(l.get() + layout.size() as i64));
        // SAFETY: as promised by our caller.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.with(|l| l.set(l.get() - layout.size() as i64));
        // SAFETY: as promised by our caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MINUTES: f64 = 3.0;
const SPEAKER_PPM: f64 = 20.0;
const SEED: f64 = 7.0;
const BLOCKS_A_MINUTE: u64 = 6_000;
/// Somebody counts as heard when a segment begins within so many blocks of their first sound.
const HEARD_WITHIN: u64 = 150;
/// Blocks without Prim after which the clocks may be well apart.
const LONG_SILENCE: u64 = 3_000;
/// Sound that may still belong to a person whose last clip ended: the room and the segmenter's memory.
const ECHO_OF_A_PERSON: u64 = 80;

/// How long people waited until they were noticed, blocks.
#[derive(Debug, Default)]
struct Waits {
    noticed: u64,
    sum: u64,
    most: u64,
}

impl Waits {
    fn push(&mut self, blocks: u64) {
        self.noticed += 1;
        self.sum += blocks;
        self.most = self.most.max(blocks);
    }
}

/// What the segmenter and the interruption made of it.
#[derive(Debug, Default)]
struct Counts {
    /// Segments that began with nobody but Prim sounding.
    prim_taken_for_a_person: u64,
    /// The same of a segmenter that does not know when Prim speaks.
    prim_heard_by_a_naive_segmenter: u64,
    /// Interruptions with nobody but Prim sounding.
    self_interruptions: u64,
    /// Segments that began in silence.
    from_nothing: u64,
    talks: u64,
    heard: u64,
    interruptions: u64,
    noticed: u64,
    /// All, and those into a speech before which Prim was silent for half a minute.
    noticed_after: Waits,
    noticed_after_silence: Waits,
    prim_spoke: u64,
    /// Block of Prim's last sound, of the first of its speech, and how many without it were before that.
    prim_last: u64,
    prim_began: u64,
    prim_silent: u64,
    not_finite: u64,
    loudest: f32,
}

/// One ear as the device has it: the front end's thread and the listener's.
struct Ear {
    frontend: Frontend,
    out: FrontendBlock,
    vad: Earshot,
    frames: Reframer,
    barge_in: BargeIn,
    interrupted: bool,
    segmenter: Segmenter,
    naive: Segmenter,
    limiter: Limiter,
}

impl Ear {
    fn new() -> Self {
        let config = material::config(&material::ring(MICS, 35.0));
        Self {
            frontend: Frontend::new(&config).unwrap(),
            out: FrontendBlock::default(),
            vad: Earshot::new(),
            frames: Reframer::new(FRAME),
            barge_in: BargeIn::new(BargeInConfig::default()),
            interrupted: false,
            segmenter: Segmenter::new(SegmenterConfig::default()),
            naive: Segmenter::new(SegmenterConfig::default()),
            limiter: Limiter::new(0.9),
        }
    }

    /// Whether a segment began, whether one began for who does not know that Prim speaks, and an interruption.
    fn hear(&mut self, b: u64, mic: &[i16], reference: &[i16; DEVICE_BLOCK], sounding: bool) -> [bool; 3] {
        self.frontend.process(mic, reference, &mut self.out).unwrap();
        let vad = &mut self.vad;
        let speech = self.frames.push(&self.out.near, |frame| vad.probability(frame).unwrap());
        let (mut fresh, mut probability) = (false, if self.out.echo.gated { 0.0 } else { speech });
        let at = SampleTime(b * SPEECH_BLOCK as u64);
        let begun = |event| matches!(event, Some(SegmentEvent::SpeechStarted { .. }));
        let naive = begun(self.naive.push(at, &self.out.near, probability));
        if sounding {
            fresh = self.barge_in.push(&self.out, speech) && !self.interrupted;
            self.interrupted |= fresh;
            if !self.interrupted && !self.segmenter.is_open() {
                probability = 0.0;
            }
        } else {
            self.interrupted = false;
            self.barge_in.reset();
        }
        let ours = begun(self.segmenter.push(at, &self.out.near, probability));
        self.limiter.process(&mut self.out.voice);
        [ours, naive, fresh]
    }
}

fn rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn a_long_meeting_keeps_memory_time_and_manners() {
    let number = |name: &str, without: f64| {
        std::env::var(name)
            .map_or(without, |n| n.parse().unwrap_or_else(|_| panic!("{name} is a number: {n:?}")))
    };
    let hours = number("PRIM_SOAK_HOURS", MINUTES / 60.0);
    let blocks = (hours * 60.0 * BLOCKS_A_MINUTE as f64) as u64;
    let clocks_apart = match std::env::var_os("PRIM_SOAK_STEADY") {
        Some(_) => Apart::Steady,
        None => Apart::Swinging,
    };
    let seed = number("PRIM_SOAK_SEED", SEED) as u64;
    let mut meeting = Meeting::new(seed, number("PRIM_SOAK_PPM", SPEAKER_PPM), clocks_apart);
    let mut ear = Ear::new();
    let mut clocks = Clocks::new();
    let mut counts = Counts::default();
    let mut mic = [0_i16; MICS * DEVICE_BLOCK];
    let mut reference = [0_i16; DEVICE_BLOCK];
    let (mut allocated, mut live, mut rss) = (0, 0, 0);
    let (mut talk_at, mut over_at) = (None, None);
    let mut person_until = 0;
    for b in 0..blocks {
        if b == blocks / 20 {
            rss = rss_kib();
            live = LIVE.with(Cell::get);
            allocated = COUNT.with(Cell::get);
        }
        if b == blocks / 2 {
            meeting.move_the_device();
        }
        let now = meeting.next(&mut mic, &mut reference);
        let [begun, naive, interruption] = ear.hear(b, &mic, &reference, now.sounding());
        clocks.block(b);
        let values = ear.out.recogniser.iter().chain(&ear.out.voice).chain(&ear.out.near);
        for s in values {
            counts.not_finite += u64::from(!s.is_finite());
            counts.loudest = counts.loudest.max(s.abs());
        }
        judge(
            &mut counts,
            b,
            &now,
            [begun, naive, interruption],
            &mut person_until,
            &mut talk_at,
            &mut over_at,
        );
        if b % (30 * BLOCKS_A_MINUTE) == 0 && hours > 1.0 {
            eprintln!("{} min, live {} B: {counts:?}", b / BLOCKS_A_MINUTE, LIVE.with(Cell::get) - live);
        }
    }
    let (count_after, live_after) = (COUNT.with(Cell::get), LIVE.with(Cell::get));
    println!("{hours:.2} simulated hours: {counts:#?}");
    println!(
        "allocations {}, live {} B, RSS {} -> {} KiB",
        count_after - allocated,
        live_after - live,
        rss,
        rss_kib()
    );
    clocks.report();

    assert!(count_after == allocated, "hearing allocates nothing: {}", count_after - allocated);
    assert_eq!(live_after, live, "what is held does not grow");
    assert!(rss_kib() < rss + 1024, "resident memory: {rss} -> {} KiB", rss_kib());
    assert_eq!(counts.prim_taken_for_a_person, 0, "Prim's own voice began a segment");
    assert_eq!(counts.self_interruptions, 0, "Prim interrupted itself");
    assert_eq!(counts.not_finite, 0, "samples that are no numbers");
    assert!(counts.loudest < 4.0, "the loudest sample: {}", counts.loudest);
    let share = counts.heard as f64 / counts.talks.max(1) as f64;
    assert!(share >= 0.95, "people who began to talk were heard: {share:.3} of {}", counts.talks);
    assert!(counts.prim_spoke > 0, "Prim never spoke: nothing was shown");
    assert!(
        counts.interruptions < 5 || counts.noticed * 10 >= counts.interruptions * 8,
        "{} of {} interruptions noticed",
        counts.noticed,
        counts.interruptions
    );
    clocks.check();
}

#[allow(clippy::too_many_arguments, reason = "the state of one loop")]
fn judge(
    counts: &mut Counts,
    b: u64,
    now: &Now,
    [begun, naive, interruption]: [bool; 3],
    person_until: &mut u64,
    talk_at: &mut Option<u64>,
    over_at: &mut Option<u64>,
) {
    if now.person_begins {
        if now.prim {
            counts.interruptions += 1;
            *over_at = Some(b);
        } else {
            counts.talks += 1;
            *talk_at = Some(b);
        }
    }
    counts.prim_spoke += u64::from(now.prim_begins);
    if now.prim {
        if b > counts.prim_last + 100 {
            counts.prim_began = b;
            counts.prim_silent = b - counts.prim_last;
        }
        counts.prim_last = b;
    }
    if now.person {
        *person_until = b + ECHO_OF_A_PERSON;
    }
    let nobody = b >= *person_until;
    if begun && talk_at.take_if(|at| b < *at + HEARD_WITHIN).is_some() {
        counts.heard += 1;
    }
    if interruption && let Some(at) = over_at.take_if(|at| b < *at + HEARD_WITHIN) {
        counts.noticed += 1;
        counts.noticed_after.push(b - at);
        if counts.prim_silent > LONG_SILENCE {
            counts.noticed_after_silence.push(b - at);
        }
    }
    if nobody && now.prim_lately {
        counts.prim_taken_for_a_person += u64::from(begun);
        counts.prim_heard_by_a_naive_segmenter += u64::from(naive);
        counts.self_interruptions += u64::from(interruption);
        if begun || interruption {
            let seconds = |blocks: u64| blocks as f64 / 100.0;
            println!(
                "at {} s Prim took itself for a person: {} s into its speech, after {} s without",
                seconds(b),
                seconds(b - counts.prim_began),
                seconds(counts.prim_silent)
            );
        }
    } else if nobody {
        counts.from_nothing += u64::from(begun);
    }
}
