//! The kills: who, when, for how long; and what came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use prim_hal_sim::boot_millis;
use prim_ids::Stream;

use crate::dice::Dice;
use crate::evidence::{Evidence, Outbox, count_rows, count_unwanted, read_cursors, read_rows, read_witness};
use crate::judge::judge;
use crate::room::{Heard, Room};
use crate::stage::{Fell, Stage, Victim};
use crate::wait::wait_for;

/// The device comes up, the first records arrive.
const BEGIN_LIMIT: Duration = Duration::from_secs(60);
/// Each kill falls while records flow; where none comes for so long, it falls all the same and is counted.
const FLOW_LIMIT: Duration = Duration::from_secs(10);
/// Everything that waits is sent within this time once all four run: the longest backoff, and a broker's session.
const DRAIN_LIMIT: Duration = Duration::from_secs(120);
/// A ding that is due so soon is worth waiting for.
const WORTH_WAITING_MS: u64 = 9000;
/// Kills that aim at a ding fall from so long before it is due to so long after.
const AIM_MS: (u64, u64) = (60, 320);

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many processes are killed.
    pub kills: u32,
    /// Decides who, when, for how long, and what the people do.
    pub seed: u64,
    /// Keep the folder also when all is well.
    pub keep: bool,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Kills of each.
    pub kills: BTreeMap<Victim, u32>,
    /// Kills of the device that aimed at a ding.
    pub aimed: u32,
    /// Kills that fell within half a second of the kill before.
    pub double: u32,
    /// Kills before which no record had come for ten seconds.
    pub dry: u32,
    /// Rows in Postgres, per stream.
    pub rows: BTreeMap<Stream, u64>,
    /// Records whose commit the device never saw return, and which were there all the same.
    pub unconfirmed: u64,
    /// Records whose commit a kill prevented: their numbers were given anew.
    pub prevented: u64,
    /// Dings that the room heard, pieces of dings included.
    pub dings: usize,
    /// Milliseconds of Prim's voice.
    pub voice_ms: u64,
    /// Lives of the device.
    pub lives: u64,
    /// The room's ticks that came more than 20 ms late: how busy the machine was.
    pub late_ticks: u64,
    /// How long it took.
    pub took: Duration,
    /// Everything that is not as it must be.
    pub problems: Vec<String>,
    /// Logs and data, when they were kept.
    pub folder: Option<PathBuf>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kills: Vec<String> = self.kills.iter().map(|(who, n)| format!("{who} {n}")).collect();
        let rows: Vec<String> = self.rows.iter().map(|(stream, n)| format!("{stream} {n}")).collect();
        writeln!(
            f,
            "seed {}: {} kills in {} s",
            self.seed,
            self.kills.values().sum::<u32>(),
            self.took.as_secs()
        )?;
        writeln!(f, "  killed       {}", kills.join(", "))?;
        writeln!(
            f,
            "  of these     {} aimed at a ding, {} right after another, {} while nothing flowed",
            self.aimed, self.double, self.dry
        )?;
        writeln!(f, "  in Postgres  {}", rows.join(", "))?;
        writeln!(
            f,
            "  mid-commit   {} records were there though their process never knew, {} were prevented",
            self.unconfirmed, self.prevented
        )?;
        writeln!(
            f,
            "  heard        {} dings, {:.1} s of voice, over {} lives of primd; {} ticks of the room came late",
            self.dings,
            self.voice_ms as f64 / 1000.0,
            self.lives,
            self.late_ticks
        )?;
        if let Some(folder) = &self.folder {
            writeln!(f, "  kept         {}", folder.display())?;
        }
        for problem in &self.problems {
            writeln!(f, "  ✗ {problem}")?;
        }
        if self.problems.is_empty() {
            write!(f, "  ✓ the table is the witness's set, nothing twice, the chains whole, no ding repeated")
        } else {
            write!(
                f,
                "  again with: cargo xtask crash --kills {} --seed {}",
                self.kills.values().sum::<u32>(),
                self.seed
            )
        }
    }
}

/// Starts everything, kills `options.kills` times, lets it come to rest, and judges. `say` gets a line per kill.
///
/// # Errors
/// The stage could not be built or did not come to rest: the message says what, and where the logs are.
pub fn run(options: &Options, say: &mut dyn FnMut(&str)) -> anyhow::Result<Report> {
    let folder = prim_bed::folder().context("make a folder for the servers")?;
    let path = folder.path().to_owned();
    match Storm::run(options, &path, say) {
        Ok(report) if report.problems.is_empty() && !options.keep => Ok(report),
        Ok(report) => Ok(Report { folder: Some(folder.keep()), ..report }),
        Err(error) => {
            let kept = folder.keep();
            Err(error.context(format!("crash with seed {}; logs are in {}", options.seed, kept.display())))
        }
    }
}

struct Storm<'a> {
    stage: Stage,
    room: Room,
    dice: Dice,
    /// Who is down, until when.
    down: Vec<(Instant, Victim)>,
    kills: BTreeMap<Victim, u32>,
    aimed: u32,
    double: u32,
    dry: u32,
    fell: Vec<Fell>,
    last_kill: Instant,
    /// Size of the witness file at the last kill.
    seen_bytes: u64,
    say: &'a mut dyn FnMut(&str),
}

impl Storm<'_> {
    fn run(options: &Options, folder: &std::path::Path, say: &mut dyn FnMut(&str)) -> anyhow::Result<Report> {
        let begun = Instant::now();
        say(&format!(
            "seed {}: starting Postgres, Mosquitto, prim-gateway, the room and primd",
            options.seed
        ));
        let mut stage = Stage::build(folder)?;
        let room = Room::open(&stage.hal(), &stage.loopback(), &folder.join("voices"), options.seed)?;
        stage.start(Victim::Device)?;
        let mut storm = Storm {
            stage,
            room,
            dice: Dice::new(options.seed, 3),
            down: Vec::new(),
            kills: BTreeMap::new(),
            aimed: 0,
            double: 0,
            dry: 0,
            fell: Vec::new(),
            last_kill: Instant::now(),
            seen_bytes: 0,
            say,
        };
        wait_for("the first records in Postgres", BEGIN_LIMIT, || {
            storm.look_after()?;
            Ok((count_rows(&storm.stage)? > 0).then_some(()))
        })?;
        for n in 1..=options.kills {
            storm.kill_once(n, options.kills)?;
        }
        storm.rest()?;
        let (evidence, heard) = storm.gather()?;
        Ok(storm.report(options.seed, begun, &evidence, heard))
    }

    /// Starts whoever has been down long enough, and notices who fell unasked.
    fn look_after(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        while let Some(index) = self.down.iter().position(|(until, _)| *until <= now) {
            let (_, who) = self.down.swap_remove(index);
            self.stage.start(who)?;
        }
        while let Some(fell) = self.stage.fell() {
            (self.say)(&format!("{} ended by itself ({}): {}", fell.who, fell.how, fell.last_words));
            self.down.push((now, fell.who));
            self.fell.push(fell);
        }
        Ok(())
    }

    fn witness_bytes(&self) -> u64 {
        std::fs::metadata(self.stage.witness()).map_or(0, |meta| meta.len())
    }

    /// The pauses and down times are the test's own chance, not a wait for something.
    fn kill_once(&mut self, n: u32, of: u32) -> anyhow::Result<()> {
        let double = n > 1 && self.dice.percent(15);
        let pause = match (double, self.dice.percent(70)) {
            (true, _) => self.dice.between(0, 60),
            (false, true) => self.dice.between(200, 2500),
            (false, false) => self.dice.between(2500, 5000),
        };
        let aims = self.dice.percent(60);
        let moment = Instant::now() + Duration::from_millis(pause);
        while Instant::now() < moment {
            self.look_after()?;
            std::thread::sleep(Duration::from_millis(5));
        }
        if !double {
            self.await_flow()?;
        }
        let aimed = match (n, double) {
            (1, _) => self.await_first_ding()?,
            (_, true) => false,
            (_, false) => aims && self.aim()?,
        };
        let who = if aimed { Victim::Device } else { self.pick()? };
        if !aimed && !double && self.dice.percent(50) {
            self.await_commit(who)?;
        }
        let so_far = if aimed { " at a ding" } else { "" };
        self.stage.kill(who);
        let down_ms =
            if self.dice.percent(85) { self.dice.between(0, 1200) } else { self.dice.between(1200, 5000) };
        self.down.push((Instant::now() + Duration::from_millis(down_ms), who));
        *self.kills.entry(who).or_default() += 1;
        self.aimed += u32::from(aimed);
        self.double += u32::from(double && self.last_kill.elapsed() < Duration::from_millis(500));
        self.last_kill = Instant::now();
        self.seen_bytes = self.witness_bytes();
        (self.say)(&format!(
            "kill {n}/{of}: {who}{so_far}, back after {down_ms} ms; witness {} KiB, {} dings heard",
            self.seen_bytes / 1024,
            self.room.rings()
        ));
        Ok(())
    }

    /// A kill counts only while records flow: wait for one since the last kill.
    fn await_flow(&mut self) -> anyhow::Result<()> {
        let limit = Instant::now() + FLOW_LIMIT;
        while self.witness_bytes() <= self.seen_bytes {
            self.look_after()?;
            if Instant::now() >= limit {
                self.dry += 1;
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// A record is being committed, or on its way: the device is hit at once, the others when it should have reached them.
    fn await_commit(&mut self, who: Victim) -> anyhow::Result<()> {
        let delay_us = self.dice.between(0, if who == Victim::Device { 3000 } else { 60_000 });
        let limit = Instant::now() + FLOW_LIMIT / 5;
        let size = self.witness_bytes();
        while self.witness_bytes() == size && Instant::now() < limit {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(Duration::from_micros(delay_us));
        Ok(())
    }

    /// The first ding of all is hit while it sounds, or just after: so every run shows something about dings.
    fn await_first_ding(&mut self) -> anyhow::Result<bool> {
        wait_for("the first ding", BEGIN_LIMIT, || {
            self.look_after()?;
            Ok((self.room.rings() > 0).then_some(()))
        })?;
        std::thread::sleep(Duration::from_millis(self.dice.between(0, 260)));
        Ok(true)
    }

    /// Waits for the moment of a ding, if one is due soon; whether the device still stands there.
    fn aim(&mut self) -> anyhow::Result<bool> {
        let before = self.room.rings();
        let offset = self.dice.between(0, AIM_MS.0 + AIM_MS.1);
        loop {
            let Some(due) = self.room.ding_due() else {
                // It has rung, or somebody answered; a ding that sounds at this moment is still a good one.
                return Ok(self.room.rings() > before && self.stage.is_up(Victim::Device));
            };
            let now = boot_millis();
            if due > now + WORTH_WAITING_MS || !self.stage.is_up(Victim::Device) {
                return Ok(false);
            }
            if now + AIM_MS.0 >= due + offset {
                return Ok(true);
            }
            self.look_after()?;
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// One of those that run; waits when all are down. (The device gets more by the kills that aim at a ding.)
    fn pick(&mut self) -> anyhow::Result<Victim> {
        loop {
            let among: Vec<Victim> = Victim::ALL.into_iter().filter(|who| self.stage.is_up(*who)).collect();
            if let Some(who) = self.dice.of(&among) {
                return Ok(who);
            }
            self.look_after()?;
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Everything is up again, the people sit still, and what waits is sent.
    fn rest(&mut self) -> anyhow::Result<()> {
        (self.say)("no more kills: waiting for the rest to arrive");
        self.room.calm_down();
        if self.down.iter().any(|(_, who)| *who == Victim::Device) {
            // Else the light of the life that was just killed passes for the light of the next.
            wait_for("the device's light to go out", BEGIN_LIMIT, || {
                Ok((!self.room.device_is_awake()).then_some(()))
            })?;
        }
        for (until, _) in &mut self.down {
            *until = Instant::now();
        }
        wait_for("the device's light", BEGIN_LIMIT, || {
            self.look_after()?;
            Ok(self.room.device_is_awake().then_some(()))
        })?;
        wait_for("the arrival of everything that was witnessed", DRAIN_LIMIT, || {
            self.look_after()?;
            let kept = read_witness(&self.stage)?.kept.len() as u64;
            Ok((count_rows(&self.stage)? >= kept).then_some(()))
        })
        .or_else(|error| {
            // The judge says what is missing; without this the run would end before it could.
            (self.say)(&format!("{error:#}"));
            Ok::<(), anyhow::Error>(())
        })?;
        self.stage.stop_device()?;
        send_the_rest(&mut self.stage, &self.room, self.say)
    }

    fn gather(&mut self) -> anyhow::Result<(Evidence, Heard)> {
        let Outbox { epoch, tips, unsent } = Outbox::read(&self.stage)?;
        let streams: Vec<Stream> =
            tips.iter().filter(|(_, tip)| tip.seq > 0).map(|(stream, _)| *stream).collect();
        let verified = streams
            .into_iter()
            .map(|stream| Ok((stream, self.stage.verify(stream)?)))
            .collect::<anyhow::Result<_>>()?;
        let heard = self.room.close()?;
        let evidence = Evidence {
            witness: read_witness(&self.stage)?,
            epoch,
            tips,
            unsent,
            rows: read_rows(&self.stage)?,
            cursors: read_cursors(&self.stage)?,
            unwanted: count_unwanted(&self.stage)?,
            verified,
            rings: heard.rings.clone(),
        };
        Ok((evidence, heard))
    }

    fn report(&self, seed: u64, begun: Instant, evidence: &Evidence, heard: Heard) -> Report {
        let mut rows = BTreeMap::new();
        for row in &evidence.rows {
            *rows.entry(row.place.0).or_default() += 1;
        }
        let kept = &evidence.witness.kept;
        let unconfirmed = evidence.rows.iter().filter(|row| !kept.contains_key(&row.place)).count() as u64;
        let mut problems = judge(evidence);
        for fell in &self.fell {
            problems.push(format!("{} ended by itself ({}): {}", fell.who, fell.how, fell.last_words));
        }
        Report {
            seed,
            kills: self.kills.clone(),
            aimed: self.aimed,
            double: self.double,
            dry: self.dry,
            rows,
            unconfirmed,
            prevented: evidence.witness.again,
            dings: heard.rings.len(),
            voice_ms: heard.voice_ms,
            lives: heard.lives,
            late_ticks: heard.late_ticks,
            took: begun.elapsed(),
            problems,
            folder: None,
        }
    }
}

/// Lets a device that has stopped send what waits: its last words may have been cut short by its own limit.
pub(crate) fn send_the_rest(stage: &mut Stage, room: &Room, say: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    for _ in 0..3 {
        let outbox = Outbox::read(stage)?;
        if outbox.unsent == 0 {
            break;
        }
        // The light of the last life goes out, that of the next goes on: only then can it be asked to stop.
        wait_for(
            "the device's light to go out",
            BEGIN_LIMIT,
            || Ok((!room.device_is_awake()).then_some(())),
        )?;
        stage.start_idle_device()?;
        wait_for("the light of the device without a meeting", BEGIN_LIMIT, || {
            Ok(room.device_is_awake().then_some(()))
        })?;
        let tips: u64 = outbox.tips.values().map(|tip| tip.seq).sum();
        let arrived = wait_for("the arrival of the last records", DRAIN_LIMIT / 4, || {
            Ok((count_rows(stage)? >= tips).then_some(()))
        });
        if let Err(error) = arrived {
            say(&format!("{error:#}"));
        }
        stage.stop_device()?;
    }
    Ok(())
}
