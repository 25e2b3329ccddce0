//! A recorded meeting through today's front end and recogniser, faster than real time: the word error rate of the room
//! after a change, without holding the meeting again.
//!
//! `cargo run -p prim-hil-sim --example again -- .prim/demo/record` (a folder that the demo left).
#![expect(clippy::print_stdout, reason = "it prints a table")]

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use prim_audio::{DEVICE_BLOCK, SPEECH_BLOCK, SampleTime};
use prim_dsp::{
    BargeIn, BargeInConfig, Frontend, FrontendBlock, FrontendConfig, SegmentEvent, Segmenter, SegmenterConfig,
};
use prim_hal::Board;
use prim_hil_sim::measure::{normalise, word_errors};
use prim_hil_sim::record::{Said, interleaved, lines};
use prim_meeting::grammar_jsgf;
use prim_models::{SegmentId, Stt, SttContext, SttEvent, Vad};
use prim_models_earshot::Earshot;
use prim_models_pocketsphinx::{Model, PocketSphinx};

/// Blocks that Prim's own voice may still be heard after the loudspeaker: 300 ms.
const TAIL_BLOCKS: u32 = 30;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).context("name the folder of a recording: .prim/demo/record")?;
    let folder = Path::new(&folder);
    let (channels, mics) = interleaved(&folder.join("mic.wav"))?;
    let (_, speaker) = interleaved(&folder.join("speaker.wav"))?;
    let said: Vec<Said> = lines(&folder.join("truth.jsonl"))?;
    let board = Board::builtin("sim-huddle")?;
    ensure!(board.mic.positions_mm.len() == channels, "the recording has {channels} microphones");
    let places: Vec<[f32; 3]> = board.mic.positions_mm.iter().map(|p| p.map(|mm| mm as f32)).collect();

    let mut stt = PocketSphinx::open(&Model::debian())?;
    let context =
        SttContext::new(["Opening day", "Budget", "Next steps"], ["Martin", "Alan", "Kevin", "Laura"])?;
    stt.start(&context.with_commands(grammar_jsgf()))?;
    let mut frontend = Frontend::new(&FrontendConfig::new(&places))?;
    let mut segmenter = Segmenter::new(SegmenterConfig { hangover_ms: 500, ..SegmenterConfig::default() });
    let (mut vad, mut frame, mut probability) = (Earshot::new(), Vec::new(), 0.0);
    let mut barge_in = BargeIn::new(BargeInConfig::default());
    let (mut sounding, mut interrupted, mut inside) = (0_u32, false, false);
    let mut out = FrontendBlock::default();
    let mut kept: Vec<[i16; SPEECH_BLOCK]> = Vec::new();
    let (mut segments, mut texts) = (Vec::new(), Vec::new());
    let began = Instant::now();
    for (mic, played) in mics.chunks_exact(DEVICE_BLOCK * channels).zip(speaker.chunks_exact(DEVICE_BLOCK)) {
        let played: &[i16; DEVICE_BLOCK] = played.try_into()?;
        frontend.process(mic, played, &mut out)?;
        frame.extend_from_slice(&out.near);
        let len = vad.frame_len();
        while frame.len() >= len {
            probability = vad.probability(&frame[..len])?;
            frame.drain(..len);
        }
        sounding = if played.iter().any(|s| s.abs() > 8) { TAIL_BLOCKS } else { sounding.saturating_sub(1) };
        if sounding == 0 {
            interrupted = false;
            barge_in.reset();
        } else {
            interrupted |= barge_in.push(&out, probability);
        }
        let silent = out.echo.gated || (sounding > 0 && !interrupted && !inside);
        let heard = if silent { 0.0 } else { probability };
        let now = kept.len();
        kept.push(out.recogniser.map(|s| (s.clamp(-1.0, 1.0) * 32_767.0) as i16));
        let start = |block: usize| SampleTime((block * SPEECH_BLOCK) as u64);
        match segmenter.push(start(now), &out.near, heard) {
            Some(SegmentEvent::SpeechStarted { from, .. }) => {
                inside = true;
                segments.push(from.0 * 3);
                stt.begin_segment(SegmentId(segments.len() as u64), from)?;
                for (block, sound) in kept.iter().enumerate().skip(from.0 as usize / SPEECH_BLOCK) {
                    stt.accept(sound, start(block))?;
                }
            }
            Some(SegmentEvent::SpeechEnded { .. }) => {
                stt.end_segment()?;
                inside = false;
            }
            None if inside => {
                stt.accept(&kept[now], start(now))?;
            }
            None => {}
        }
        // One segment at a time in the second pass: nothing may be skipped for lack of time.
        let mut until = Instant::now();
        if !inside && segments.len() > texts.len() {
            until += Duration::from_secs(30);
        }
        loop {
            while let Some(event) = stt.poll() {
                if let SttEvent::Final(done) = event {
                    texts.push(done.text);
                }
            }
            if texts.len() == segments.len() || Instant::now() >= until {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    let muted = |from: u64| said.iter().any(|s| s.unheard && from + 24_000 >= s.from && from <= s.to);
    let mut heard = Vec::new();
    for (from, text) in segments.iter().zip(&texts).filter(|(from, _)| !muted(**from)) {
        println!("{:6.1} s  {text}", *from as f64 / 48_000.0);
        heard.extend(normalise(text));
    }
    let (mut words, mut held) = (Vec::new(), Vec::new());
    for line in said.iter().filter(|s| !s.unheard && s.bearing_deg.is_some()) {
        let these = normalise(&line.text);
        held.extend(std::iter::repeat_n(line.held_out, these.len()));
        words.extend(these);
    }
    let errors = word_errors(&words, &heard);
    let held_errors: u32 = errors.per_word.iter().zip(&held).filter(|(_, h)| **h).map(|(n, _)| *n).sum();
    let held_words = held.iter().filter(|h| **h).count();
    println!(
        "WER {:.3} of {} words, held out {:.3} of {held_words}; {:.0} s",
        f64::from(errors.total()) / words.len() as f64,
        words.len(),
        f64::from(held_errors) / held_words as f64,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}
