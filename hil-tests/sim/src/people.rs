//! People who react: they go through the script beat by beat, waiting for what they see and hear.
//!
//! Pure: time and senses come in with [`People::tick`], deeds come out.

use std::sync::Arc;

use prim_hal::LightPattern;

use crate::asking::asks;
use crate::script::{Act, Expect, Meaning, Otherwise, PrimVoice, Script, When};

/// What a person in the room can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Senses {
    /// Milliseconds since the script began.
    pub now_ms: u64,
    /// The light.
    pub light: LightPattern,
    /// Prim speaks.
    pub prim_speaks: bool,
    /// A ding was heard in this tick.
    pub ding: bool,
}

/// What people do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Begins to say the line of a beat.
    Say {
        /// Which.
        beat: usize,
        /// 0 the first time.
        attempt: u32,
    },
    /// The button goes down or comes up.
    Edge {
        /// Which beat.
        beat: usize,
        /// Down.
        pressed: bool,
        /// To what end.
        means: Meaning,
    },
    /// A remote hand.
    Hand {
        /// Whose.
        who: usize,
        /// Up.
        raised: bool,
    },
    /// The way to the broker.
    Link {
        /// Cut.
        cut: bool,
    },
    /// An act is done again because nothing came of it.
    Repeat {
        /// Which beat.
        beat: usize,
    },
    /// What a beat waited for did not come.
    Missed {
        /// Which beat.
        beat: usize,
        /// It was left out.
        skipped: bool,
    },
    /// What should have followed did not, to the last attempt.
    Ignored {
        /// Which beat.
        beat: usize,
    },
    /// The script is over.
    Finished,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Since when; and since when all conditions hold.
    Waiting {
        since_ms: u64,
        held_since_ms: Option<u64>,
    },
    Acting {
        until_ms: u64,
        attempt: u32,
    },
    Expecting {
        since_ms: u64,
        attempt: u32,
    },
    Over,
}

/// The people of one meeting.
#[derive(Debug)]
pub struct People {
    script: Arc<Script>,
    /// How long each beat's line is.
    lines_ms: Vec<u64>,
    at: usize,
    phase: Phase,
    ended_ms: Vec<Option<u64>>,
    /// When the last act began.
    act_ms: u64,
    quiet_since_ms: u64,
    asking_since_ms: Option<u64>,
    ding_ms: Option<u64>,
    prim_began_ms: Option<u64>,
    prim_ended_ms: Option<u64>,
    prim_speaks: bool,
    seen_expected: bool,
}

impl People {
    /// `lines_ms`: per beat, how long its line sounds (0 where there is none).
    #[must_use]
    pub fn new(script: Arc<Script>, lines_ms: Vec<u64>) -> Self {
        let beats = script.beats.len();
        Self {
            script,
            lines_ms,
            at: 0,
            phase: Phase::Waiting { since_ms: 0, held_since_ms: None },
            ended_ms: vec![None; beats],
            act_ms: 0,
            quiet_since_ms: 0,
            asking_since_ms: None,
            ding_ms: None,
            prim_began_ms: None,
            prim_ended_ms: None,
            prim_speaks: false,
            seen_expected: false,
        }
    }

    /// The script is over.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.phase == Phase::Over
    }

    /// One moment; call it at least every 10 ms.
    pub fn tick(&mut self, senses: &Senses) -> Vec<Deed> {
        self.notice(senses);
        let mut deeds = Vec::new();
        // Several beats may pass in one moment; each pass ends one phase.
        while self.step(senses, &mut deeds) {}
        deeds
    }

    fn notice(&mut self, senses: &Senses) {
        let now = senses.now_ms;
        if asks(self.asking_since_ms.is_some(), senses.light) {
            self.asking_since_ms.get_or_insert(now);
        } else {
            self.asking_since_ms = None;
        }
        if senses.ding {
            self.ding_ms = Some(now);
        }
        if senses.prim_speaks && !self.prim_speaks {
            self.prim_began_ms = Some(now);
        }
        if !senses.prim_speaks && self.prim_speaks {
            self.prim_ended_ms = Some(now);
        }
        self.prim_speaks = senses.prim_speaks;
        let talking = matches!(self.phase, Phase::Acting { .. })
            && self.lines_ms.get(self.at).is_some_and(|ms| *ms > 0);
        if senses.prim_speaks || senses.ding || talking {
            self.quiet_since_ms = now;
        }
    }

    /// Whether something changed so that another look in the same moment makes sense.
    fn step(&mut self, senses: &Senses, deeds: &mut Vec<Deed>) -> bool {
        let now = senses.now_ms;
        let script = self.script.clone();
        match self.phase {
            Phase::Over => false,
            Phase::Waiting { since_ms, held_since_ms } => {
                let Some(beat) = script.beats.get(self.at) else {
                    self.phase = Phase::Over;
                    deeds.push(Deed::Finished);
                    return false;
                };
                if self.holds(&beat.when, senses) {
                    let held = held_since_ms.unwrap_or(now);
                    // A pause after a named beat counts from that beat's end, not from when it was first looked at.
                    let from = beat.when.after.and_then(|b| self.ended_ms[b]).unwrap_or(held);
                    if now >= from + beat.when.gap_ms {
                        self.act(0, now, deeds);
                        return true;
                    }
                    self.phase = Phase::Waiting { since_ms, held_since_ms: Some(held) };
                } else {
                    self.phase = Phase::Waiting { since_ms, held_since_ms: None };
                }
                if now >= since_ms + beat.when.within_ms.max(beat.when.gap_ms + 1) {
                    let skipped = beat.when.otherwise == Otherwise::Skip || beat.act == Act::Wait;
                    deeds.push(Deed::Missed { beat: self.at, skipped });
                    if skipped {
                        self.done(now);
                    } else {
                        self.act(0, now, deeds);
                    }
                    return true;
                }
                false
            }
            Phase::Acting { until_ms, attempt } => {
                self.look(senses);
                if now < until_ms {
                    return false;
                }
                let beat = &script.beats[self.at];
                if let Act::Press { means, .. } = beat.act {
                    deeds.push(Deed::Edge { beat: self.at, pressed: false, means });
                }
                self.phase = Phase::Expecting { since_ms: now, attempt };
                true
            }
            Phase::Expecting { since_ms, attempt } => {
                self.look(senses);
                let beat = &script.beats[self.at];
                let Some(expect) = &beat.expect else {
                    self.done(now);
                    return true;
                };
                if self.seen_expected {
                    self.done(now);
                    return true;
                }
                if now < since_ms + expect.within_ms {
                    return false;
                }
                if attempt < expect.repeats {
                    deeds.push(Deed::Repeat { beat: self.at });
                    self.act(attempt + 1, now, deeds);
                } else {
                    deeds.push(Deed::Ignored { beat: self.at });
                    self.done(now);
                }
                true
            }
        }
    }

    fn act(&mut self, attempt: u32, now: u64, deeds: &mut Vec<Deed>) {
        let script = self.script.clone();
        let beat = &script.beats[self.at];
        self.act_ms = now;
        self.seen_expected = false;
        let mut until_ms = now;
        match &beat.act {
            Act::Say { .. } | Act::Play { .. } => {
                deeds.push(Deed::Say { beat: self.at, attempt });
                until_ms += self.lines_ms.get(self.at).copied().unwrap_or(0);
            }
            Act::Press { ms, means } => {
                deeds.push(Deed::Edge { beat: self.at, pressed: true, means: *means });
                until_ms += ms;
            }
            Act::Hand { raised } => deeds.push(Deed::Hand { who: beat.who, raised: *raised }),
            Act::Link { cut } => deeds.push(Deed::Link { cut: *cut }),
            Act::Wait => {}
        }
        self.phase = Phase::Acting { until_ms, attempt };
    }

    fn done(&mut self, now: u64) {
        self.ended_ms[self.at] = Some(now);
        self.at += 1;
        self.phase = Phase::Waiting { since_ms: now, held_since_ms: None };
    }

    fn look(&mut self, senses: &Senses) {
        let Some(Expect { prim, light, .. }) = self.script.beats.get(self.at).and_then(|b| b.expect.as_ref())
        else {
            return;
        };
        let heard = match prim {
            None => true,
            // What Prim said before does not answer what was said now.
            Some(PrimVoice::Speaks) => self.prim_began_ms.is_some_and(|t| t > self.act_ms),
            Some(PrimVoice::Stops) => self.prim_ended_ms.is_some_and(|t| t > self.act_ms),
            Some(PrimVoice::Silent) => !senses.prim_speaks,
        };
        let seen = light.is_empty() || light.contains(&senses.light);
        self.seen_expected |= heard && seen;
    }

    fn holds(&self, when: &When, senses: &Senses) -> bool {
        let now = senses.now_ms;
        let prim = match when.prim {
            None => true,
            Some(PrimVoice::Speaks) => senses.prim_speaks,
            Some(PrimVoice::Stops) => {
                !senses.prim_speaks && self.prim_ended_ms.is_some_and(|t| t >= self.act_ms)
            }
            Some(PrimVoice::Silent) => !senses.prim_speaks,
        };
        let after = when.after.is_none_or(|beat| self.ended_ms[beat].is_some());
        let light = when.light.is_empty() || when.light.contains(&senses.light);
        let ding = !when.ding
            || match (self.asking_since_ms, self.ding_ms) {
                (Some(asking), Some(ding)) => ding >= asking,
                (None, _) | (_, None) => false,
            };
        let silence = when.silence_ms.is_none_or(|ms| now >= self.quiet_since_ms + ms);
        let at = when.at_ms.is_none_or(|ms| now >= ms);
        prim && after && light && ding && silence && at
    }
}

#[cfg(test)]
mod tests;
