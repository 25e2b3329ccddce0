//! The synthesis thread: one speech after the other, each clause at 48 kHz.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::Receiver;

use prim_audio::DEVICE_RATE;
use prim_dsp::resample_all;
use prim_meeting::{Input, SayId};
use prim_models::{Flow, Tts};

use super::{Clauses, SynthOrder, length_ms, lock};
use crate::clock;
use crate::inbox::Inbox;

/// Prepared speeches kept; the oldest gives way. The meeting prepares one for each open request, at most 16.
const PREPARED: usize = 16;
/// The synthetic voice is brought to this peak: −6 dBFS, a person at a metre from a small speaker.
const VOICE_PEAK: f32 = 0.5;

/// The synthesis thread: one speech after the other, newest discard wins.
pub(super) fn synthesise(
    mut voice: Option<Box<dyn Tts>>,
    orders: &Receiver<SynthOrder>,
    prepared: &Mutex<BTreeMap<SayId, Clauses>>,
    inbox: &Inbox,
) {
    while let Ok(order) = orders.recv() {
        let (say, clauses) = match order {
            SynthOrder::Prepare { say, clauses } => (say, clauses),
            SynthOrder::Discard { say } => {
                lock(prepared).remove(&say);
                continue;
            }
        };
        let made: Option<Clauses> =
            voice.as_mut().and_then(|v| clauses.iter().map(|c| render(v.as_mut(), c)).collect());
        let now = clock::mono_now();
        match made {
            Some(made) => {
                let clauses_ms = made.iter().map(|c| length_ms(c.len())).collect();
                let mut prepared = lock(prepared);
                prepared.insert(say, made);
                while prepared.len() > PREPARED {
                    prepared.pop_first();
                }
                drop(prepared);
                inbox.report(now, Input::Prepared { say, clauses_ms });
            }
            None => inbox.report(now, Input::PrepareFailed { say }),
        }
    }
}

/// One clause at 48 kHz, brought to a fixed peak.
fn render(voice: &mut dyn Tts, clause: &str) -> Option<Vec<i16>> {
    let mut samples: Vec<f32> = Vec::new();
    let spoken = voice.synthesise(clause, &mut |chunk| {
        samples.extend(chunk.iter().map(|&s| f32::from(s) / 32_768.0));
        Flow::Continue
    });
    if let Err(error) = spoken {
        metrics::counter!("prim_voice_errors_total").increment(1);
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the voice failed; the answer becomes a card"
        );
        return None;
    }
    let at_device = resample_all(&samples, voice.rate(), DEVICE_RATE).ok()?;
    let peak = at_device.iter().fold(0.0_f32, |m, s| m.max(s.abs())).max(1e-3);
    let gain = VOICE_PEAK / peak;
    Some(at_device.iter().map(|s| (s * gain * 32_767.0) as i16).collect())
}
