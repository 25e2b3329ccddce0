//! The input log of a meeting: everything the core was told, so that `prim replay` gives the same outputs.
//!
//! It holds speech. It is kept only for a meeting whose consent stands when it begins, it is deleted at once when
//! somebody does not agree any more, and it is erased with the meeting.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use prim_ids::MonoTime;
use prim_meeting::log::{self, Step};
use prim_meeting::{Input, MeetingConfig, Output};
use prim_proto::replay::{Line, LineKind, VERSION_LINE};

/// Inputs before the meeting (states of parts) kept for the beginning of its log; more than that, and there is none.
const BEFORE: usize = 256;

/// Writes the log of the running meeting, when it may.
#[derive(Debug)]
pub(crate) struct ReplayLog {
    folder: PathBuf,
    config: String,
    before: Vec<Line>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No meeting yet.
    Waiting,
    /// The meeting's first input was given; whether it may be kept shows with the next one.
    Beginning { name: String },
    Writing {
        file: BufWriter<File>,
        path: PathBuf,
        /// The meeting's end was given: what still comes out of the core belongs to it.
        ending: bool,
    },
    /// Not this meeting.
    Off,
}

impl ReplayLog {
    /// Where the logs lie.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn new(folder: &Path, config: &MeetingConfig) -> Self {
        Self {
            folder: folder.to_owned(),
            config: log::head(config),
            before: Vec::new(),
            state: State::Waiting,
        }
    }

    /// Call before the core gets `input`; `may_record` is the core's word at this moment.
    pub(crate) fn input(&mut self, may_record: bool, at: MonoTime, input: &Input) {
        let line = Line::new(LineKind::Input, at, &log::line(at, &Step::Input { input: input.clone() }));
        if matches!(self.state, State::Writing { ending: true, .. }) {
            self.state = State::Waiting;
        }
        self.settle(may_record);
        match (&self.state, input) {
            (State::Waiting | State::Off, Input::MeetingStarted { meeting, .. }) => {
                self.before.push(line);
                self.state = State::Beginning { name: meeting.to_string() };
            }
            (State::Waiting, _) if self.before.len() < BEFORE => self.before.push(line),
            (State::Waiting, _) => self.state = State::Off,
            (State::Beginning { .. } | State::Off, _) => {}
            (State::Writing { .. }, _) => self.write(&line),
        }
        if let (State::Writing { ending, .. }, Input::MeetingEnded) = (&mut self.state, input) {
            *ending = true;
        }
    }

    /// Call for each output of the core, in order.
    pub(crate) fn output(&mut self, may_record: bool, at: MonoTime, output: &Output) {
        self.settle(may_record);
        let line = Line::new(LineKind::Output, at, &log::output_line(output));
        match &self.state {
            State::Writing { .. } => self.write(&line),
            State::Waiting if self.before.len() < BEFORE => self.before.push(line),
            State::Waiting | State::Beginning { .. } | State::Off => {}
        }
    }

    /// Call before the core's timeout is handled.
    pub(crate) fn timeout(&mut self, may_record: bool, at: MonoTime) {
        self.settle(may_record);
        let line = Line::new(LineKind::Timeout, at, &log::line(at, &Step::Timeout));
        match &self.state {
            State::Writing { .. } => self.write(&line),
            State::Waiting if self.before.len() < BEFORE => self.before.push(line),
            State::Waiting | State::Beginning { .. } | State::Off => {}
        }
    }

    fn settle(&mut self, may_record: bool) {
        match (&self.state, may_record) {
            (State::Beginning { name }, true) => {
                let path = path_of(&self.folder, name);
                self.state = match self.begin(&path) {
                    Ok(file) => State::Writing { file, path, ending: false },
                    Err(error) => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "no replay log of this meeting: it cannot be written"
                        );
                        State::Off
                    }
                };
                self.before.clear();
            }
            (State::Beginning { .. }, false) => {
                tracing::info!("no replay log of this meeting: not everybody has agreed to be recorded");
                self.before.clear();
                self.state = State::Off;
            }
            (State::Writing { path, ending: false, .. }, false) => {
                tracing::info!("not everybody agrees any more: the replay log is deleted");
                let _ = fs::remove_file(path);
                self.state = State::Off;
            }
            (State::Waiting | State::Off | State::Writing { .. }, _) => {}
        }
    }

    fn begin(&self, path: &Path) -> std::io::Result<BufWriter<File>> {
        use std::os::unix::fs::OpenOptionsExt;
        fs::create_dir_all(&self.folder)?;
        let file = File::options().create(true).write(true).truncate(true).mode(0o600).open(path)?;
        let mut file = BufWriter::new(file);
        writeln!(file, "{VERSION_LINE}")?;
        writeln!(file, "{}", Line::new(LineKind::Config, MonoTime::ZERO, &self.config))?;
        for line in &self.before {
            writeln!(file, "{line}")?;
        }
        file.flush()?;
        Ok(file)
    }

    fn write(&mut self, line: &Line) {
        let State::Writing { file, .. } = &mut self.state else { return };
        if writeln!(file, "{line}").and_then(|()| file.flush()).is_err() {
            tracing::warn!("the replay log cannot be written any more; it ends here");
            self.state = State::Off;
        }
    }
}

fn path_of(folder: &Path, meeting: &str) -> PathBuf {
    folder.join(format!("{meeting}.replay"))
}

/// Deletes the log of `meeting`. Whether there was one.
pub(crate) fn erase(folder: &Path, meeting: prim_ids::MeetingId) -> std::io::Result<bool> {
    match fs::remove_file(path_of(folder, &meeting.to_string())) {
        Ok(()) => File::open(folder)?.sync_all().map(|()| true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
