//! A whole meeting of a few seconds, in real time, against a device made of plain loops; then it is measured.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use prim_hal::{FloorButton, Indicator, LightPattern, MicArray, Speaker};
use prim_hal_sim::{RoomSpec, SimDevice};
use prim_hil_sim::measure::{Inputs, measure};
use prim_hil_sim::record::{Happened, Recording, What};
use prim_hil_sim::room::{Options, run};
use prim_hil_sim::script::{Act, Script};
use prim_hil_sim::voices::Line;

const SCRIPT: &str = r#"
title = "Short"
mode = "answer-on-ask"
ding = "room"
[[people]]
name = "Ann"
voice = "rms"
where = "room"
bearing_deg = 35
[[people]]
name = "Zoe"
voice = "kal16"
where = "remote"
[[beat]]
name = "question"
who = "Ann"
say = "Prim, are you there?"
question = true
when = { gap_ms = 200 }
expect = { prim = "speaks", within_s = 3 }
[[beat]]
name = "stop"
who = "Ann"
press_ms = 100
means = "stop"
when = { prim = "speaks", gap_ms = 500, within_s = 3, otherwise = "skip" }
[[beat]]
link = "cut"
when = { prim = "stops", gap_ms = 100, within_s = 3 }
[[beat]]
name = "again"
who = "Ann"
say = "Nobody answers this."
expect = { prim = "speaks", within_s = 1 }
when = { gap_ms = 200 }
"#;

/// Something like a voice.
fn buzz(ms: usize) -> Vec<f32> {
    (0..ms * 48)
        .map(|n| {
            let t = n as f32 / 48_000.0;
            (1..20).map(|h| (std::f32::consts::TAU * 118.0 * h as f32 * t).sin() / h as f32).sum::<f32>()
                * 0.05
        })
        .collect()
}

/// Answers the first stretch of speech it hears with 3 s of sound; a press silences it.
fn device(socket: &Path) {
    let SimDevice { mut mic, speaker, mut light, mut button, .. } =
        SimDevice::connect(socket, Duration::from_secs(20)).unwrap();
    light.show(LightPattern::Listening).unwrap();
    let speaker = Arc::new(Mutex::new(speaker));
    let stopped = Arc::new(AtomicBool::new(false));
    let presses = thread::spawn({
        let (speaker, stopped) = (speaker.clone(), stopped.clone());
        move || {
            while let Ok(edge) = button.wait_edge(Duration::from_millis(200)) {
                if edge.is_some_and(|e| e.pressed) {
                    stopped.store(true, Ordering::Relaxed);
                    speaker.lock().unwrap().flush();
                    light.show(LightPattern::Pressed).unwrap();
                }
            }
        }
    });
    let mut block = vec![0; 4 * 480];
    let (mut loud, mut quiet, mut to_play) = (0, 0, Vec::new());
    let mut answered = false;
    while mic.read(&mut block).is_ok() {
        let rms = (block.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / block.len() as f64).sqrt();
        (loud, quiet) = if rms > 400.0 { (loud + 1, 0) } else { (loud, quiet + 1) };
        if !answered && loud > 20 && quiet == 30 {
            answered = true;
            to_play = buzz(3000).iter().map(|s| (s * 32_768.0) as i16).collect();
        }
        if stopped.load(Ordering::Relaxed) {
            to_play.clear();
        }
        let mut speaker = speaker.lock().unwrap();
        while speaker.queued_blocks() < 2 && to_play.len() >= 480 {
            let next: Vec<i16> = to_play.drain(..480).collect();
            speaker.write(&next).unwrap();
        }
        while speaker.played().is_some() {}
    }
    presses.join().unwrap();
}

#[test]
fn a_meeting_in_real_time_is_played_recorded_and_measured() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        hal: folder.path().join("hal.sock"),
        loopback: Some(folder.path().join("loopback.sock")),
        record: folder.path().join("record"),
        spec: RoomSpec { rt60_s: 0.15, ..RoomSpec::default() },
        patience: Duration::from_secs(20),
        linger: Duration::from_millis(300),
    };
    let script = Script::parse(SCRIPT).unwrap();
    let line =
        |b: &prim_hil_sim::script::Beat| matches!(b.act, Act::Say { .. }).then(|| Line::new(buzz(900)));
    let lines = script.beats.iter().map(line).collect();
    let socket = options.hal.clone();
    let device = thread::spawn(move || device(&socket));
    let mut seen = Vec::new();
    let stop = AtomicBool::new(false);
    let summary =
        run(&options, script, lines, &[None, None], &stop, &mut |h: &Happened| seen.push(h.what.clone()))
            .unwrap();
    device.join().unwrap();

    assert!(summary.complete && summary.repeats == 1, "{summary:?}");
    assert_eq!(summary.ignored, ["again"]);
    assert!(summary.missed.is_empty(), "{:?}", summary.missed);
    assert!(
        seen.contains(&What::Link { cut: true })
            && seen.contains(&What::Started)
            && seen.contains(&What::Ended)
    );
    // Real time: as many blocks as 10 ms have passed, whatever the machine's lag.
    let elapsed_ms = prim_hal_sim::boot_nanos() / 1_000_000 - summary.start_ns / 1_000_000;
    assert!(
        summary.blocks * 10 <= elapsed_ms && elapsed_ms < summary.blocks * 10 + 1_500,
        "{} blocks in {elapsed_ms} ms",
        summary.blocks
    );

    let recording = Recording::read(&options.record).unwrap();
    assert_eq!(recording.summary, summary);
    assert_eq!(recording.said.len(), 3, "the question once, the ignored line twice");
    assert_eq!(recording.speaker.len() as u64, summary.blocks * 480);
    let f = measure(&Inputs { recording: &recording, partials: &[], rows: None, tips: None });
    let number = |key: &str| f.json.get(key).and_then(serde_json::Value::as_f64).unwrap_or(f64::NAN);
    assert_eq!(
        (number("question_to_first_audio_ms_n"), number("stop_to_silence_ms_n")),
        (1.0, 1.0),
        "{:?}",
        f.json
    );
    // The device waits 300 ms and its sound card 30 ms more; a busy machine adds to that.
    let answer = number("question_to_first_audio_ms_p50");
    assert!((250.0..800.0).contains(&answer), "{answer} ms");
    let stop = number("stop_to_silence_ms_p95");
    assert!((0.0..200.0).contains(&stop), "{stop} ms");
    assert_eq!(number("press_to_light_ms_n"), 1.0);
    assert_eq!(number("dings"), 0.0);
    for name in ["mic.wav", "speaker.wav", "truth.wav", "remote_in.wav", "remote_out.wav"] {
        assert!(options.record.join(name).metadata().unwrap().len() > 44, "{name}");
    }
}
