//! `prim-room` ends when it is told to, whatever it is doing before the meeting.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::fs::OpenOptions;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Far above what is promised: a busy machine is no reason to fail, a program that hangs is.
const LIMIT: Duration = Duration::from_secs(20);

fn wait_for<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(begun.elapsed() < LIMIT, "{what} did not happen within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn prim_room(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prim-room"));
    command.arg("--voices").arg(folder.join("voices")).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn terminate(mut child: Child) -> ExitStatus {
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    wait_for("the end of prim-room", || child.try_wait().unwrap())
}

fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).into_iter().flatten().count()
}

#[test]
fn a_stop_while_the_people_are_voiced_leaves_no_half_line() {
    let folder = tempfile::tempdir().unwrap();
    // A flite that has written half a line and hangs; its last argument is the file.
    let flite = folder.path().join("flite");
    std::fs::write(&flite, "#!/bin/sh\nfor out; do :; done\nprintf RIFF > \"$out\"\nexec sleep 100\n")
        .unwrap();
    std::fs::set_permissions(&flite, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let child = prim_room(folder.path()).arg("--voices-only").env("PATH", path).spawn().unwrap();
    let voices = folder.path().join("voices");
    wait_for("half a line", || (entries(&voices) == 1).then_some(()));
    assert_eq!(terminate(child).code(), Some(1), "it left by itself");
    assert_eq!(entries(&voices), 0, "nothing half is left");
}

#[test]
fn a_stop_while_a_script_comes_from_a_pipe_that_hangs_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("script");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let child = prim_room(folder.path()).arg("--voices-only").arg("--script").arg(&pipe).spawn().unwrap();
    // Opening the other end without waiting succeeds once somebody reads; nothing is ever written.
    let nonblocking = 0o4000;
    let _writer = wait_for("a reader of the pipe", || {
        OpenOptions::new().write(true).custom_flags(nonblocking).open(&pipe).ok()
    });
    assert_eq!(terminate(child).code(), Some(1), "it left by itself");
}
