//! Each time a person talked over Prim in a recorded meeting: when today's ears notice it, and whether they take Prim
//! itself for a person. Faster than real time; `TRACE=1` shows the blocks of those that took more than 200 ms.
//!
//! `cargo run -p prim-hil-sim --example interruptions -- .prim/latency/record` (a folder that the demo or the latency
//! bench left).
#![expect(clippy::print_stdout, reason = "it prints a table")]

use std::path::Path;

use anyhow::{Context, ensure};
use prim_audio::DEVICE_BLOCK;
use prim_dsp::{BargeIn, BargeInConfig, Frontend, FrontendBlock, FrontendConfig};
use prim_hal::Board;
use prim_hil_sim::record::{Said, interleaved, lines};
use prim_models::Vad;
use prim_models_earshot::Earshot;

/// Blocks that Prim's own voice may still be heard after the loudspeaker: 300 ms.
const TAIL_BLOCKS: u32 = 30;
/// Blocks of Prim before a person means to interrupt: 100 ms.
const MEANT: usize = 10;
/// Blocks after a line in which it may still be what was heard: 400 ms.
const LINGERS: usize = 40;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).context("name the folder of a recording: .prim/latency/record")?;
    let folder = Path::new(&folder);
    let (channels, mics) = interleaved(&folder.join("mic.wav"))?;
    let (_, speaker) = interleaved(&folder.join("speaker.wav"))?;
    let (people, truth) = interleaved(&folder.join("truth.wav"))?;
    let said: Vec<Said> = lines(&folder.join("truth.jsonl"))?;
    let board = Board::builtin("sim-huddle")?;
    ensure!(board.mic.positions_mm.len() == channels, "the recording has {channels} microphones");
    let places: Vec<[f32; 3]> = board.mic.positions_mm.iter().map(|p| p.map(|mm| mm as f32)).collect();

    let mut frontend = Frontend::new(&FrontendConfig::new(&places))?;
    let mut barge_in = BargeIn::new(BargeInConfig::default());
    let (mut vad, mut frame, mut probability) = (Earshot::new(), Vec::new(), 0.0);
    let (mut sounding, mut began) = (0_u32, 0);
    let (mut fired, mut speeches, mut blocks) = (Vec::new(), Vec::new(), Vec::new());
    let mut out = FrontendBlock::default();
    for (n, (mic, played)) in
        mics.chunks_exact(DEVICE_BLOCK * channels).zip(speaker.chunks_exact(DEVICE_BLOCK)).enumerate()
    {
        let played: &[i16; DEVICE_BLOCK] = played.try_into()?;
        frontend.process(mic, played, &mut out)?;
        frame.extend_from_slice(&out.near);
        let len = vad.frame_len();
        while frame.len() >= len {
            probability = vad.probability(&frame[..len])?;
            frame.drain(..len);
        }
        let before = sounding;
        sounding = if played.iter().any(|s| s.abs() > 8) { TAIL_BLOCKS } else { before.saturating_sub(1) };
        match (before, sounding) {
            (_, 0) => {
                if before > 0 {
                    speeches.push((began, n));
                }
                barge_in.reset();
            }
            (0, _) => began = n,
            (_, _) => {}
        }
        if sounding > 0 && barge_in.push(&out, probability) {
            fired.push(n);
        }
        blocks.push((out.echo, probability));
    }

    let power = |person: usize, block: usize| -> f32 {
        let frames = truth.chunks_exact(people).skip(block * DEVICE_BLOCK).take(DEVICE_BLOCK);
        frames.map(|f| f32::from(f[person]).powi(2)).sum()
    };
    let (mut waits, mut explained) = (Vec::new(), vec![false; fired.len()]);
    for line in said.iter().filter(|l| l.bearing_deg.is_some()) {
        let (from, to) = (line.from as usize / DEVICE_BLOCK, line.to as usize / DEVICE_BLOCK);
        let loudest = (from..to).map(|b| power(line.person, b)).fold(0.0, f32::max);
        let Some(on) = (from..to).find(|b| power(line.person, *b) > loudest * 1e-3) else { continue };
        for (explained, n) in explained.iter_mut().zip(&fired) {
            *explained |= (on..to + LINGERS).contains(n);
        }
        let over = speeches.iter().find(|(a, z)| a + MEANT < on && on + TAIL_BLOCKS as usize <= *z);
        let Some((_, until)) = over.filter(|_| !line.unheard) else { continue };
        let wait = fired.iter().find(|n| (on..=*until).contains(n)).map_or(usize::MAX, |n| (n + 1 - on) * 10);
        waits.push(wait);
        println!("{:7.2} s  {}  {}", on as f32 / 100.0, shown(wait), line.text);
        if wait > 200 && std::env::var_os("TRACE").is_some() {
            for (n, (echo, p)) in blocks.iter().enumerate().skip(on).take(60) {
                println!(
                    "      {:4} ms  share {:.3} mean {:.3}  speech {p:.2}  over echo {:5.1} dB  ERLE {:4.1} dB",
                    (n - on) * 10,
                    echo.near_share,
                    echo.near_share_mean,
                    echo.near_over_echo_db,
                    echo.erle_db
                );
            }
        }
    }
    for (n, _) in fired.iter().zip(&explained).filter(|(_, explained)| !**explained) {
        println!("{:7.2} s  nobody spoke, Prim took itself for a person", *n as f32 / 100.0);
    }
    waits.sort_unstable();
    let q = |p: f32| {
        waits
            .get((waits.len().saturating_sub(1) as f32 * p) as usize)
            .map_or_else(|| "-".into(), |w| shown(*w))
    };
    let own = explained.iter().filter(|e| !**e).count();
    println!("noticed after p50 {}, p95 {} (n {}); own alarms {own}", q(0.5), q(0.95), waits.len());
    Ok(())
}

fn shown(wait_ms: usize) -> String {
    if wait_ms == usize::MAX { "  never".to_owned() } else { format!("{wait_ms:4} ms") }
}
