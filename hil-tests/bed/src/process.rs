//! One process that is certain to end: stopped on drop, killed by a watchdog when its owner dies first.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::account::Account;

/// How long a server may take to go down when asked.
const GRACE: Duration = Duration::from_secs(10);

/// A running program in a process group of its own.
#[derive(Debug)]
pub struct Guarded {
    child: Child,
    watchdog: Option<(Child, ChildStdin)>,
    ended: Option<ExitStatus>,
    stop_signal: Signal,
}

impl Guarded {
    /// Starts `command` as `account`, its output in `log`; `stop_signal` is what asks it to end.
    ///
    /// # Errors
    /// When the program cannot be run or the log not be opened.
    pub fn spawn(
        command: &mut Command,
        account: Account,
        log: &Path,
        stop_signal: Signal,
    ) -> io::Result<Self> {
        let out = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).process_group(0);
        if let Some((uid, gid)) = account.ids() {
            command.gid(gid).uid(uid);
        }
        let mut child = command.spawn()?;
        let watchdog = match watchdog(&child, account) {
            Ok(watchdog) => watchdog,
            Err(source) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(source);
            }
        };
        Ok(Self { child, watchdog: Some(watchdog), ended: None, stop_signal })
    }

    /// The process's id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.status().is_none()
    }

    /// How it ended, if it did.
    pub fn status(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Asks it to end and waits; after ten seconds kills everything of it.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        if self.is_running() {
            let _ = kill(self.as_pid(), self.stop_signal);
            if !self.wait(GRACE) {
                self.kill_group();
            }
        }
        self.dismiss_watchdog();
        self.ended
    }

    /// SIGKILL to the process and all it brought forth, all stopped first so that none sees another die.
    /// (Postgres puts each of its workers into a session of its own: a signal to the group alone misses them.)
    pub fn kill_group(&mut self) {
        if self.is_running() {
            let whole = freeze(self.as_pid());
            for &pid in whole.iter().rev() {
                let _ = kill(pid, Signal::SIGKILL);
            }
            self.ended = self.child.wait().ok();
            // The children are ours no more; wait until the kernel has taken them, their sockets and memory.
            let limit = Instant::now() + GRACE;
            while whole.iter().any(|&pid| is_alive(pid)) && Instant::now() < limit {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        self.dismiss_watchdog();
    }

    fn as_pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id is small and positive"))
    }

    fn wait(&mut self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while self.is_running() {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    fn dismiss_watchdog(&mut self) {
        if let Some((mut watchdog, pipe)) = self.watchdog.take() {
            let _ = watchdog.kill();
            let _ = watchdog.wait();
            drop(pipe);
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A shell that waits for the end of our pipe: the kernel closes it however we die.
fn watchdog(child: &Child, account: Account) -> io::Result<(Child, ChildStdin)> {
    let mut shell = Command::new("/bin/sh");
    shell
        .args([
            "-c",
            "read -r _; kill -QUIT \"$0\" 2>/dev/null; sleep 3; kill -s KILL -- \"-$0\" 2>/dev/null",
        ])
        .arg(child.id().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    if let Some((uid, gid)) = account.ids() {
        shell.gid(gid).uid(uid);
    }
    let mut shell = shell.spawn()?;
    let pipe = shell.stdin.take().ok_or_else(|| io::Error::other("the watchdog has no pipe"))?;
    Ok((shell, pipe))
}

/// Stops the tree below `root`, until a round finds nothing new; parents come first in the answer.
fn freeze(root: Pid) -> Vec<Pid> {
    let mut tree = vec![root];
    let _ = kill(root, Signal::SIGSTOP);
    loop {
        let known = tree.len();
        for (pid, parent) in processes() {
            if tree.contains(&parent) && !tree.contains(&pid) {
                let _ = kill(pid, Signal::SIGSTOP);
                tree.push(pid);
            }
        }
        if tree.len() == known {
            return tree;
        }
    }
}

/// Every process with its parent.
fn processes() -> Vec<(Pid, Pid)> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let (_, parent) = state_of(pid)?;
            Some((Pid::from_raw(pid), Pid::from_raw(parent)))
        })
        .collect()
}

fn is_alive(pid: Pid) -> bool {
    state_of(pid.as_raw()).is_some_and(|(state, _)| state != 'Z')
}

/// State letter and parent from `/proc/<pid>/stat`, whose second field may hold any character but ends with `)`.
fn state_of(pid: i32) -> Option<(char, i32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// A free port below the range that outgoing connections take, so that it stays free over a restart.
#[must_use]
pub fn free_port() -> u16 {
    loop {
        let port = rand::random_range(20_000..32_000);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Two free ports, for a server and the proxy before it.
#[must_use]
pub fn free_port_pair() -> (u16, u16) {
    let first = free_port();
    loop {
        let second = free_port();
        if second != first {
            return (first, second);
        }
    }
}

/// The last lines of a log, on one line.
pub(crate) fn last_words(log: &Path) -> String {
    let text =
        std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = &lines[lines.len().saturating_sub(6)..];
    if tail.is_empty() { "none".to_owned() } else { tail.join(" | ") }
}

/// Looks for `wanted` among folders, in order; the answer is the folder.
pub(crate) fn find(folders: &[std::path::PathBuf], wanted: &str) -> Option<std::path::PathBuf> {
    folders.iter().find(|folder| folder.join(wanted).is_file()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_ignores_the_first_signal_still_ends_with_its_owner() {
        let mut child = Command::new("/bin/sh")
            .args(["-c", "trap '' QUIT; sleep 60 & wait"])
            .process_group(0)
            .spawn()
            .unwrap();
        let (mut watchdog, pipe) = watchdog(&child, Account::caller()).unwrap();
        // What the kernel does when the owner dies.
        drop(pipe);
        let end = Instant::now() + GRACE;
        while child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "it outlives its owner");
            std::thread::sleep(Duration::from_millis(10));
        }
        watchdog.wait().unwrap();
    }
}
