//! What the front end costs per 10 ms of four microphones while Prim is heard and somebody talks: the worst case.
use std::time::Duration;

use prim_audio::DEVICE_BLOCK;
use prim_benches::{median, report};
use prim_dsp::{Frontend, FrontendBlock, FrontendConfig};

/// Four microphones on a circle of 35 mm, as in the simulated board.
const MICS_MM: [[f32; 3]; 4] = [[35.0, 0.0, 0.0], [0.0, 35.0, 0.0], [-35.0, 0.0, 0.0], [0.0, -35.0, 0.0]];
/// Three seconds: enough for the canceller to have converged in the first round.
const BLOCKS: usize = 300;
const ROUNDS: usize = 5;
/// The peer works at the recogniser's rate.
const PEER_FRAMES: usize = 160;

/// A noise that is the same on every machine.
struct Noise(u32);

impl Noise {
    fn next(&mut self, amplitude: f32) -> i16 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let unit = (self.0 >> 8) as f32 / (1_u32 << 24) as f32 * 2.0 - 1.0;
        (unit * amplitude) as i16
    }
}

fn main() {
    let mut noise = Noise(7);
    // The speaker's sound, and what four microphones hear: it, late and weaker, and a talker.
    let reference: Vec<[i16; DEVICE_BLOCK]> =
        (0..BLOCKS).map(|_| std::array::from_fn(|_| noise.next(8_000.0))).collect();
    let mics: Vec<Vec<i16>> = (0..BLOCKS)
        .map(|block| {
            let late = reference.get(block.wrapping_sub(1)).copied().unwrap_or([0; DEVICE_BLOCK]);
            late.iter().flat_map(|echo| [(); 4].map(|()| echo / 4 + noise.next(1_500.0))).collect()
        })
        .collect();

    let mut frontend = Frontend::new(&FrontendConfig::new(&MICS_MM)).expect("four microphones are a board");
    let mut out = FrontendBlock::default();
    let own = median(ROUNDS, || {
        for (mic, speaker) in mics.iter().zip(&reference) {
            frontend.process(mic, speaker, &mut out).expect("the block has the board's shape");
        }
    });
    assert!(out.echo.active, "the canceller did not run: this would measure the wrong thing");

    let peer = peer(&reference);
    let per_block = |whole: Duration| whole.as_secs_f64() * 1e6 / BLOCKS as f64;
    report(
        "front_end_cpu",
        per_block(own) / 10_000.0 * 100.0,
        &format!(
            "{:.0} µs per 10 ms; sonora's canceller alone, one channel: {:.0} µs; ratio {:.2}",
            per_block(own),
            per_block(peer),
            own.as_secs_f64() / peer.as_secs_f64()
        ),
    );
}

/// The canceller alone as its library offers it, on one channel.
fn peer(reference: &[[i16; DEVICE_BLOCK]]) -> Duration {
    let stream = sonora::StreamConfig::new(16_000, 1);
    let config = sonora::Config {
        echo_canceller: Some(sonora::config::EchoCanceller::default()),
        ..sonora::Config::default()
    };
    let mut processing = sonora::AudioProcessing::builder()
        .config(config)
        .capture_config(stream)
        .render_config(stream)
        .build();
    let blocks: Vec<Vec<i16>> =
        reference.iter().map(|block| block.iter().step_by(3).copied().collect()).collect();
    let mut rendered = vec![0_i16; PEER_FRAMES];
    let mut captured = vec![0_i16; PEER_FRAMES];
    median(ROUNDS, || {
        for block in &blocks {
            let near: Vec<i16> = block.iter().map(|sample| sample / 4).collect();
            processing.process_render_i16(block, &mut rendered).expect("10 ms at 16 kHz");
            processing.process_capture_i16(&near, &mut captured).expect("10 ms at 16 kHz");
        }
    })
}
