//! `prim replay`: the same inputs through the core again; do the same outputs come out, bit for bit?

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use prim_ids::MonoTime;
use prim_meeting::log::{self, Step};
use prim_meeting::{Meeting, MeetingConfig};
use prim_proto::replay::{Line, LineKind, check_version};

use crate::Outcome;

const HELP: &str = "The log holds what people said. It is written only with their consent, readable by the daemon's user
alone, and erased with the meeting. It says which core wrote it: another one may rightly answer otherwise.

Examples:
  prim replay /var/lib/prim/replay/01J9ZB6Q8E4V3T2S1R0PNMKJHG.replay
  prim replay --show meeting.replay | less

Exit status: 0 every output is the recorded one (up to where a crash cut the log, which is said), 1 they differ (the
first difference is shown), 2 the log cannot be read.";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ReplayArgs {
    /// The log that the daemon wrote.
    file: PathBuf,
    /// Print every step and output (this shows what people said).
    #[arg(long)]
    show: bool,
}

pub(crate) fn run(args: &ReplayArgs, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let name = args.file.display();
    let file = File::open(&args.file).with_context(|| format!("open the replay log {name}"))?;
    if file.metadata().with_context(|| format!("look at {name}"))?.is_dir() {
        bail!(
            "replay {name}: it is a folder; name one log in it (the daemon writes MEETING.replay, one a meeting, into \
             the folder replay below its data_dir)"
        );
    }
    replay(BufReader::new(file), args.show, out).with_context(|| format!("replay {name}"))
}

const CUT: &str = "The last line was cut, as by a crash; the lines before it:";

/// The core, and what it said that the log has not confirmed yet.
struct Player {
    config: MeetingConfig,
    meeting: Meeting,
    said: std::collections::VecDeque<String>,
    steps: u64,
    outputs: u64,
}

fn replay(reader: impl BufRead, show: bool, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let mut lines = reader.lines().enumerate().peekable();
    let (_, first) = lines.next().context("the log is empty")?;
    check_version(&first?)?;
    let mut player: Option<Player> = None;
    let mut other_core = None;
    let mut ends_in_an_answer = false;
    while let Some((index, text)) = lines.next() {
        let number = index + 1;
        let text = text.with_context(|| format!("read line {number}"))?;
        let last = lines.peek().is_none();
        let line: Line = match text.parse() {
            Ok(line) => line,
            // Cut so early that not even its time is whole.
            Err(_) if last && player.is_some() && text.starts_with(['i', 't', 'o']) => {
                writeln!(out, "{CUT}")?;
                break;
            }
            Err(error) => return Err(error).with_context(|| format!("line {number} was cut or changed")),
        };
        // A crash may cut the last line: what stands before it can be compared.
        let is_step = matches!(line.kind, LineKind::Input | LineKind::Timeout);
        if last && is_step && log::read_line(&line.payload).is_err() {
            writeln!(out, "{CUT}")?;
            break;
        }
        if last
            && line.kind == LineKind::Output
            && player.as_ref().is_some_and(|player| player.was_to_say_more_than(&line.payload))
        {
            writeln!(out, "{CUT}")?;
            ends_in_an_answer = true;
            break;
        }
        if line.kind == LineKind::Config {
            other_core = log::written_by(&line.payload).filter(|core| *core != log::CORE);
            if let Some(core) = other_core {
                let this = log::CORE;
                writeln!(
                    out,
                    "Written by core {core}, this is core {this}: differences below may come from that."
                )?;
            }
        }
        if show {
            writeln!(out, "{text}")?;
        }
        let player = match (&mut player, line.kind) {
            (None, LineKind::Config) => {
                player = Some(Player::new(&line.payload).with_context(|| format!("line {number}"))?);
                continue;
            }
            (Some(_), LineKind::Config) => bail!("line {number} sets the core up a second time"),
            (None, LineKind::Input | LineKind::Timeout | LineKind::Output) => {
                bail!("line {number} comes before the line that sets the core up")
            }
            (Some(player), LineKind::Input | LineKind::Timeout | LineKind::Output) => player,
        };
        let difference = match line.kind {
            LineKind::Input | LineKind::Timeout => {
                player.step(&line.payload).with_context(|| format!("line {number} was cut or changed"))?
            }
            LineKind::Output => player.compare(&line.payload),
            LineKind::Config => None,
        };
        if let Some(difference) = difference {
            let what = match other_core {
                Some(core) => format!("This core does not say what core {core} said"),
                None => "The core no longer says the same".to_owned(),
            };
            writeln!(out, "{what}. First difference, before or at line {number}:")?;
            writeln!(out, "{difference}")?;
            return Ok(Outcome::Fails);
        }
    }
    let player = player.context("the log does not say how the core was set up")?;
    // The log may end (power, consent taken back) while the core still had something to say.
    if ends_in_an_answer || !player.said.is_empty() {
        writeln!(out, "The log ends in the middle of an answer of the core: what followed was not written.")?;
    }
    writeln!(
        out,
        "The same, bit for bit: {} steps, {} outputs compared, {} after the log's end.",
        player.steps,
        player.outputs,
        player.said.len()
    )?;
    Ok(Outcome::Holds)
}

impl Player {
    fn new(config: &str) -> anyhow::Result<Self> {
        let config = log::read_head(config)?;
        let meeting = Meeting::new(config.clone());
        Ok(Self { config, meeting, said: std::collections::VecDeque::new(), steps: 0, outputs: 0 })
    }

    /// Does one step. Outputs of the step before that the log does not have are a difference.
    fn step(&mut self, payload: &str) -> anyhow::Result<Option<String>> {
        if let Some(extra) = self.said.front() {
            return Ok(Some(format!("  recorded: nothing more\n  now:      {extra}")));
        }
        let (now, step): (MonoTime, Step) = log::read_line(payload)?;
        match step {
            Step::Input { input } => self.meeting.handle_input(now, input),
            Step::Timeout => self.meeting.handle_timeout(now),
            Step::Restore { snapshot } => {
                self.meeting = Meeting::restore(self.config.clone(), *snapshot, now)
            }
        }
        self.steps += 1;
        while let Some(output) = self.meeting.poll_output() {
            self.said.push_back(log::output_line(&output));
        }
        Ok(None)
    }

    /// Whether `recorded` is the beginning of what comes next: a line that was cut.
    fn was_to_say_more_than(&self, recorded: &str) -> bool {
        self.said.front().is_some_and(|now| now != recorded && now.starts_with(recorded))
    }

    fn compare(&mut self, recorded: &str) -> Option<String> {
        self.outputs += 1;
        let now = self.said.pop_front();
        let same = now.as_deref() == Some(recorded);
        (!same)
            .then(|| format!("  recorded: {recorded}\n  now:      {}", now.as_deref().unwrap_or("nothing")))
    }
}
