//! The meeting as it runs: events drawn and recorded, the room's cues obeyed, every program looked after.
use std::collections::BTreeMap;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anyhow::bail;
use prim_ids::ParticipantId;
use prim_proto::LiveEvent;

use super::cues::{Cue, Cues};
use super::folder::Folder;
use super::recordings::Progress;
use super::screen::Screen;
use super::stage::Stage;
use super::view::View;
use super::watch::Watch;
use crate::say::{Ink, inked};
use crate::stop;

/// The status is drawn this often: faster than the eye minds, slower than the terminal does.
const FRAME: Duration = Duration::from_millis(100);
/// After the script the device ends the meeting; it then has this long to say so.
const END_LIMIT: Duration = Duration::from_secs(30);

/// What only this program can know of the meeting.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Every event, in order: the checks look for what was promised.
    pub(crate) events: Vec<LiveEvent>,
    /// How long the cable was cut, each time.
    pub(crate) cuts: Vec<Duration>,
    /// Floor events that were seen while it was cut.
    pub(crate) floor_inside_cut: usize,
    /// Connections the device tried in vain meanwhile.
    pub(crate) refused: u64,
}

/// The meeting's live end: what is needed to go on watching after it.
#[derive(Debug)]
pub(crate) struct Hall {
    watch: Watch,
    view: View,
    screen: Screen,
    cues: Cues,
    progress: Option<Progress>,
    cut_since: Option<Instant>,
    seen: Seen,
}

impl Hall {
    /// `progress`: when recordings are played.
    pub(crate) fn enter(
        folder: &Folder,
        who: BTreeMap<ParticipantId, String>,
        progress: Option<Progress>,
    ) -> anyhow::Result<Self> {
        let record = folder.record();
        Ok(Self {
            watch: Watch::start(&folder.socket("status"), &record.join("live.jsonl"))?,
            view: View::new(who),
            screen: Screen::new(),
            cues: Cues::follow(&record.join("events.jsonl")),
            progress,
            cut_since: None,
            seen: Seen::default(),
        })
    }

    /// Until the meeting has ended.
    pub(crate) fn watch_meeting(&mut self, stage: &mut Stage, limit: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut over: Option<Instant> = None;
        while !self.view.ended() {
            self.frame(stage)?;
            for cue in self.cues.fresh() {
                match cue {
                    Cue::Link { cut } => self.cable(stage, cut),
                    Cue::ScriptOver => {
                        over = Some(Instant::now());
                        self.progress = None;
                        self.cable(stage, false);
                        self.watch.end_meeting()?;
                    }
                    Cue::Repeat => self.screen.line(&inked(Ink::Dim, "      (said or pressed again)")),
                    Cue::Plays { wave } => {
                        let line = self.progress.as_mut().and_then(|p| p.plays(wave, Instant::now()));
                        line.into_iter().for_each(|line| self.screen.line(&inked(Ink::Cyan, line)));
                    }
                    Cue::Connected => {}
                }
            }
            stage.still_stands()?;
            if over.is_none() && stage.room.ended().is_some() {
                self.screen.clear();
                return stage.room.fail("ended before its script did");
            }
            if over.is_some_and(|at| at.elapsed() > END_LIMIT) {
                bail!("the device did not end the meeting within {} s of the script", END_LIMIT.as_secs());
            }
            if begun.elapsed() > limit {
                bail!("the meeting is still on after {} minutes", limit.as_secs() / 60);
            }
        }
        self.seen.refused = stage.proxy.refused();
        Ok(())
    }

    /// Go on watching, for the sync after the meeting, until `done` or the limit; says whether it was done.
    pub(crate) fn watch_until(
        &mut self,
        stage: &mut Stage,
        limit: Duration,
        mut done: impl FnMut(&View) -> bool,
    ) -> anyhow::Result<bool> {
        let begun = Instant::now();
        while !done(&self.view) {
            if begun.elapsed() > limit {
                self.screen.clear();
                return Ok(false);
            }
            self.frame(stage)?;
            stage.still_stands()?;
        }
        self.screen.clear();
        Ok(true)
    }

    /// Nothing more to see.
    pub(crate) fn leave(self) -> Seen {
        self.seen
    }

    /// Everything that comes within one frame, then the status.
    fn frame(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        stop::check()?;
        let until = Instant::now() + FRAME;
        while let Some(event) = self.next(stage, until)? {
            if self.cut_since.is_some() && matches!(event, LiveEvent::Floor { .. }) {
                self.seen.floor_inside_cut += 1;
            }
            if let Some(line) = self.view.take(&event) {
                self.screen.line(&line);
            }
            self.seen.events.push(event);
        }
        let now = Instant::now();
        if !self.screen.is_live() {
            let minute = self.progress.as_mut().and_then(|progress| progress.minute(now));
            minute.into_iter().for_each(|line| self.screen.line(&line));
        }
        let mut status = self.view.status();
        status.extend(self.progress.as_ref().and_then(|progress| progress.line(now)));
        self.screen.status(&status);
        Ok(())
    }

    fn cable(&mut self, stage: &Stage, cut: bool) {
        if cut == self.cut_since.is_some() {
            return;
        }
        if cut {
            stage.proxy.cut();
            self.cut_since = Some(Instant::now());
        } else {
            stage.proxy.mend();
            self.seen.cuts.extend(self.cut_since.take().map(|since| since.elapsed()));
        }
        self.view.cable(cut);
        let words =
            if cut { "✂ the cable to the broker is cut" } else { "the cable to the broker is whole again" };
        self.screen.line(&inked(Ink::Red, format_args!("      {words}")));
    }

    /// The next event before `until`.
    fn next(&mut self, stage: &mut Stage, until: Instant) -> anyhow::Result<Option<LiveEvent>> {
        match self.watch.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                self.screen.clear();
                stage.still_stands()?;
                bail!("the device closed its status socket")
            }
        }
    }
}
