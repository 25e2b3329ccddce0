//! The input log of a meeting: everything the core was told, so that `prim replay` gives the same outputs.
//!
//! It holds speech. It is kept only for a meeting whose consent stands when it begins, it is deleted as soon as
//! somebody does not agree any more, and it is erased with the meeting. What goes into the file is decided on the
//! meeting's thread ([`ReplayLog`]) and done on the writer's ([`ReplayFile`]), in the same order as the records.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use prim_ids::MonoTime;
use prim_meeting::log::{self, Step};
use prim_meeting::{Input, MeetingConfig, Output};
use prim_proto::replay::{Line, LineKind, VERSION_LINE};

/// Inputs before the meeting (states of parts) kept for the beginning of its log; more than that, and there is none.
const BEFORE: usize = 256;

/// What is to be done with the file.
#[derive(Debug)]
pub(crate) enum Op {
    /// It begins, with these lines.
    Begin { path: PathBuf, text: String },
    /// It goes on, by a line or more.
    Write { text: String },
    /// It is over, and goes.
    Delete { path: PathBuf },
}

/// The log of the running meeting, when there may be one.
#[derive(Debug)]
pub(crate) struct ReplayLog {
    folder: PathBuf,
    config: String,
    before: Vec<Line>,
    state: State,
    ops: Vec<Op>,
}

#[derive(Debug)]
enum State {
    /// No meeting yet.
    Waiting,
    /// The meeting's first input was given; whether it may be kept shows with the next one.
    Beginning { name: String },
    Writing {
        path: PathBuf,
        /// The meeting's end was given: what still comes out of the core belongs to it.
        ending: bool,
    },
    /// The meeting was restored after a crash: its log ended there, and goes when somebody does not agree any more.
    Broken { path: PathBuf, ending: bool },
    /// Not this meeting.
    Off,
    /// Nor the one that begins next: the core remembers what no log of it would say.
    Barred,
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
            ops: Vec::new(),
        }
    }

    /// What is to be done since the last call, in order.
    pub(crate) fn take_ops(&mut self) -> Vec<Op> {
        std::mem::take(&mut self.ops)
    }

    /// A daemon that was restarted goes on with `meeting`.
    pub(crate) fn restarted(&mut self, meeting: prim_ids::MeetingId, may_record: bool) {
        self.state = State::Broken { path: path_of(&self.folder, &meeting.to_string()), ending: false };
        self.settle(may_record);
    }

    /// The core is that of a daemon that died: a log of the meeting that begins in it would not give the same again.
    pub(crate) fn no_log(&mut self) {
        self.state = State::Barred;
    }

    /// Call before the core gets `input`; `may_record` is the core's word at this moment.
    pub(crate) fn input(&mut self, may_record: bool, at: MonoTime, input: &Input) {
        let line = Line::new(LineKind::Input, at, &log::line(at, &Step::Input { input: input.clone() }));
        if matches!(self.state, State::Writing { ending: true, .. } | State::Broken { ending: true, .. }) {
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
            (State::Barred, Input::MeetingStarted { .. }) => {
                tracing::info!("no replay log of this meeting: primd was restarted after a crash");
                self.state = State::Off;
            }
            (State::Beginning { .. } | State::Broken { .. } | State::Off | State::Barred, _) => {}
            (State::Writing { .. }, _) => self.write(&line),
        }
        if let (State::Writing { ending, .. } | State::Broken { ending, .. }, Input::MeetingEnded) =
            (&mut self.state, input)
        {
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
            State::Waiting | State::Beginning { .. } | State::Broken { .. } | State::Off | State::Barred => {}
        }
    }

    /// Call before the core's timeout is handled.
    pub(crate) fn timeout(&mut self, may_record: bool, at: MonoTime) {
        self.settle(may_record);
        let line = Line::new(LineKind::Timeout, at, &log::line(at, &Step::Timeout));
        match &self.state {
            State::Writing { .. } => self.write(&line),
            State::Waiting if self.before.len() < BEFORE => self.before.push(line),
            State::Waiting | State::Beginning { .. } | State::Broken { .. } | State::Off | State::Barred => {}
        }
    }

    fn settle(&mut self, may_record: bool) {
        match (&self.state, may_record) {
            (State::Beginning { name }, true) => {
                let path = path_of(&self.folder, name);
                self.begin(&path);
                self.state = State::Writing { path, ending: false };
                self.before.clear();
            }
            (State::Beginning { .. }, false) => {
                tracing::info!("no replay log of this meeting: not everybody has agreed to be recorded");
                self.before.clear();
                self.state = State::Off;
            }
            (State::Writing { path, ending: false } | State::Broken { path, ending: false }, false) => {
                tracing::info!("not everybody agrees any more: the replay log is deleted");
                self.ops.push(Op::Delete { path: path.clone() });
                self.state = State::Off;
            }
            (
                State::Waiting | State::Off | State::Barred | State::Writing { .. } | State::Broken { .. },
                _,
            ) => {}
        }
    }

    fn begin(&mut self, path: &Path) {
        let config = Line::new(LineKind::Config, MonoTime::ZERO, &self.config);
        let mut text = format!("{VERSION_LINE}\n{config}\n");
        self.before.iter().for_each(|line| add(&mut text, line));
        self.ops.push(Op::Begin { path: path.to_owned(), text });
    }

    fn write(&mut self, line: &Line) {
        if let Some(Op::Begin { text, .. } | Op::Write { text }) = self.ops.last_mut() {
            add(text, line);
        } else {
            self.ops.push(Op::Write { text: format!("{line}\n") });
        }
    }
}

fn add(text: &mut String, line: &Line) {
    text.push_str(&line.to_string());
    text.push('\n');
}

/// The file, on the writer's thread.
#[derive(Debug, Default)]
pub(crate) struct ReplayFile(Option<File>);

impl ReplayFile {
    pub(crate) fn carry_out(&mut self, op: Op) {
        match op {
            Op::Begin { path, text } => match begin(&path, &text) {
                Ok(file) => self.0 = Some(file),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "no replay log of this meeting: it cannot be written"
                    );
                    self.0 = None;
                }
            },
            Op::Write { text } => {
                if self.0.as_mut().is_some_and(|file| file.write_all(text.as_bytes()).is_err()) {
                    tracing::warn!("the replay log cannot be written any more; it ends here");
                    self.0 = None;
                }
            }
            Op::Delete { path } => {
                self.0 = None;
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Nothing more is written.
    pub(crate) fn close(&mut self) {
        self.0 = None;
    }
}

fn begin(path: &Path, text: &str) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::options().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(file)
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
