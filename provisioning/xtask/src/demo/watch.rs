//! The status socket of the device, read on a thread of its own: every line is stamped with the time it was seen,
//! written to the record for `prim-measure`, and handed on.
use std::fs::File;
use std::io::{BufRead, BufReader, LineWriter, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::Context;
use nix::time::{ClockId, clock_gettime};
use prim_proto::LiveEvent;

use crate::stop;

/// Events waiting to be drawn; when the terminal is slower than that, reading waits and the device drops.
const WAITING: usize = 1024;
/// The device loads its models before it opens the socket.
const CONNECT_LIMIT: Duration = Duration::from_secs(60);

/// Milliseconds since boot with suspend, the clock that every program of the demo shares.
pub(crate) fn boot_ms() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// A connection to the device's status socket.
#[derive(Debug)]
pub(crate) struct Watch {
    /// What is understood, in order; closes when the device does.
    pub(crate) events: Receiver<LiveEvent>,
    commands: UnixStream,
}

impl Watch {
    /// Connect, and read on a thread.
    pub(crate) fn start(socket: &Path, record: &Path) -> anyhow::Result<Self> {
        let stream = stop::wait_for("a connection to the device's status socket", CONNECT_LIMIT, || {
            Ok(UnixStream::connect(socket).ok())
        })?;
        let commands = stream.try_clone().context("share the status socket")?;
        commands.set_write_timeout(Some(Duration::from_secs(2))).context("limit writes to the socket")?;
        let file = File::create(record).with_context(|| format!("make the record {}", record.display()))?;
        let (sender, events) = sync_channel(WAITING);
        std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || read(stream, LineWriter::new(file), &sender))
            .context("start the watching thread")?;
        Ok(Self { events, commands })
    }

    /// Ask the device to end the meeting.
    pub(crate) fn end_meeting(&mut self) -> anyhow::Result<()> {
        self.commands.write_all(b"{\"cmd\":\"end_meeting\"}\n").context("ask the device to end the meeting")
    }
}

fn read(stream: UnixStream, mut record: impl Write, sender: &SyncSender<LiveEvent>) {
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        if let Some(stamped) = stamp(&line, boot_ms()) {
            // A record that cannot be written shows as missing in the measurement, which then fails.
            let _ = writeln!(record, "{stamped}");
        }
        if let Ok(event) = LiveEvent::read(&line)
            && sender.send(event).is_err()
        {
            return;
        }
    }
}

/// The line with `seen_ms` beside its own fields; `None` when it is no JSON object.
fn stamp(line: &str, seen_ms: u64) -> Option<String> {
    let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).ok()?;
    object.insert("seen_ms".to_owned(), seen_ms.into());
    serde_json::to_string(&object).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seen_line_keeps_its_fields_and_gains_the_time() {
        let stamped = stamp(r#"{"kind":"mute","at_ms":5,"on":true}"#, 7).unwrap();
        let value: serde_json::Value = serde_json::from_str(&stamped).unwrap();
        assert_eq!(value, serde_json::json!({"kind":"mute","at_ms":5,"on":true,"seen_ms":7}));
    }

    #[test]
    fn a_broken_line_is_no_record() {
        assert_eq!(stamp("{\"kind\":", 7), None);
    }
}
