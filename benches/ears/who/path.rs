//! The product's path from the front end's blocks to whose voice it was: detector, turns, voices where a network compares
//! them, and the core's labels.
use std::time::Duration;

use prim_audio::SampleTime;
use prim_benches::der::Span;
use prim_dsp::{FrontendBlock, Reframer, SegmenterConfig, TurnEvent, Turns};
use prim_ids::{MeetingId, MonoTime, UtteranceId, WallTime};
use prim_meeting::{ConsentRule, Ear, Event, Input, Meeting, MeetingConfig, Output};
use prim_models::{Certainty, LONGEST_TURN, SpeakerEmbedding, Vad, VoiceBook};
use prim_models_earshot::Earshot;

use crate::material::BLOCK;

/// One turn as it was heard, times in frames of the output.
pub(crate) struct Turn {
    pub(crate) from: SampleTime,
    pub(crate) to: SampleTime,
    pub(crate) bearing_deg: Option<f32>,
    /// Its voice's number, where one was certain.
    pub(crate) voice: Option<u32>,
}

/// How a stretch of voice is told from the next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// By pauses, and where the bearing changes.
    Turns,
    /// By pauses alone, with the mean of its bearings: what Prim did before, and what the turns are measured beside.
    Pauses,
}

/// As `primd`'s listener takes them, with its endpoint of 500 ms.
pub(crate) fn turns(blocks: &[FrontendBlock], by: Cut) -> Vec<Turn> {
    let mut vad = Earshot::new();
    let mut cut = Reframer::new(vad.frame_len());
    let mut turns = Turns::new(SegmenterConfig { hangover_ms: 500, ..SegmenterConfig::default() });
    let (mut out, mut began) = (Vec::new(), SampleTime(0));
    let mut sum = (0.0_f32, 0.0_f32);
    let end = SampleTime((blocks.len() * BLOCK) as u64);
    for (i, block) in blocks.iter().enumerate() {
        let at = SampleTime((i * BLOCK) as u64);
        let speech = cut.push(&block.near, |frame| vad.probability(frame).unwrap_or(0.0));
        let fresh = block.fresh_bearing.map(|bearing| bearing.degrees);
        if let Some(deg) = fresh {
            let (y, x) = deg.to_radians().sin_cos();
            sum = (sum.0 + x, sum.1 + y);
        }
        let event = turns.push(at, &block.near, speech, fresh);
        // Who still speaks when the sound ends has spoken until then.
        let last = if i + 1 == blocks.len() { turns.close(end) } else { None };
        for event in event.into_iter().chain(last) {
            match event {
                TurnEvent::Started { onset, .. } => (began, sum) = (onset, (0.0, 0.0)),
                TurnEvent::Passed { .. } if by == Cut::Pauses => {}
                TurnEvent::Passed { onset, bearing_deg, .. } => {
                    out.push(Turn { from: began, to: onset, bearing_deg, voice: None });
                    began = onset;
                }
                TurnEvent::Ended { speech_end, bearing_deg } => {
                    let mean = (sum.0.hypot(sum.1) > 0.5).then(|| sum.1.atan2(sum.0).to_degrees());
                    let bearing_deg = if by == Cut::Turns { bearing_deg } else { mean };
                    out.push(Turn { from: began, to: speech_end, bearing_deg, voice: None });
                }
            }
        }
    }
    out
}

/// As `primd`'s listener compares them: each turn's sound as the recogniser gets it, in order, none of less than a second.
pub(crate) fn compare(turns: &mut [Turn], sound: &[f32], network: &mut dyn SpeakerEmbedding) {
    let mut book = VoiceBook::new(Certainty::default());
    for turn in turns {
        let end = (turn.to.0 as usize).min(sound.len());
        let from = (turn.from.0 as usize).min(end);
        let spoke = Duration::from_millis((end - from) as u64 / 16);
        if spoke < Certainty::default().shortest {
            continue;
        }
        let print = network.embed(&sound[from..end.min(from + LONGEST_TURN)]);
        turn.voice = print.ok().and_then(|print| book.hear(&print, spoke));
    }
}

/// What the core writes down of them: whose voice each one was.
pub(crate) fn labelled(turns: &[Turn], delay: usize) -> Vec<Span> {
    let mut meeting = Meeting::new(MeetingConfig::default());
    let start = MonoTime::from_millis(1_000);
    let begin = Input::MeetingStarted {
        meeting: MeetingId::from_u128(1),
        wall: WallTime::default(),
        title: String::new(),
        agenda: Vec::new(),
        people: Vec::new(),
        consent: ConsentRule::Given,
    };
    meeting.handle_input(start, begin);
    let mono = |at: SampleTime| start + Duration::from_micros(at.0 * 1_000_000 / 16_000);
    let mut spans = Vec::new();
    for (turn, number) in turns.iter().zip(1..) {
        let ended = mono(turn.to);
        let utterance = UtteranceId::from_u128(number);
        if let Some(voice) = turn.voice {
            let at = ended + Duration::from_millis(300);
            meeting.handle_input(at, Input::VoiceMatched { utterance, voice });
            while meeting.poll_output().is_some() {}
        }
        let heard = Input::UtteranceHeard {
            utterance,
            ear: Ear::Room,
            speaker: None,
            bearing_deg: turn.bearing_deg.map(|deg| deg.rem_euclid(360.0).round() as u16 % 360),
            text: "something was said here".to_owned(),
            started: mono(turn.from),
            ended,
            addressed: false,
        };
        meeting.handle_input(ended + Duration::from_millis(500), heard);
        let mut who = None;
        while let Some(output) = meeting.poll_output() {
            if let Output::Record { entry } = output
                && let Event::Utterance { label, .. } = entry.event
            {
                who = label.map(|label| usize::from(label.number()));
            }
        }
        let seconds = |at: SampleTime| (at.0 as f64 - delay as f64) / 16e3;
        spans.push(Span { from_s: seconds(turn.from).max(0.0), to_s: seconds(turn.to), who });
    }
    spans
}
