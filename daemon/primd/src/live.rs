//! What happens in the room, as it happens: one line of JSON for every watcher on the local socket, and for panels.
//!
//! What people say goes through here, so the socket is 0600 and nothing of it is ever logged.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prim_ids::{MeetingId, MonoTime, ParticipantId, UtteranceId};
use prim_meeting::{Ear, Input, SpeakerLabel};
use prim_proto::LiveEvent;
use serde::Deserialize;

use crate::clock;
use crate::inbox::Inbox;
use crate::listener::ear_name;
use crate::mouth::lock;

/// Lines a watcher may be behind (about ten seconds of a lively meeting); then it is let go and may connect again.
const BEHIND: usize = 1024;
/// Watchers at once: the terminal, the local page, one spare each.
const WATCHERS: usize = 8;
/// A watcher that does not take a line within this time is let go.
const WRITE_LIMIT: Duration = Duration::from_secs(2);
/// A command line is short.
const MAX_COMMAND_BYTES: u64 = 4096;

type Sink = Box<dyn Fn(MeetingId, &LiveEvent) + Send>;

/// Where every thread tells what happens. Never blocks.
#[derive(Clone)]
pub(crate) struct Live(Arc<Mutex<Watchers>>);

struct Watchers {
    lines: Vec<SyncSender<Arc<str>>>,
    uplink: Option<Sink>,
    meeting: Option<MeetingId>,
    /// Since when what people say in the room may leave the device, and what they say on the link.
    room_since: Option<MonoTime>,
    remote_since: Option<MonoTime>,
}

impl Live {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Watchers {
            lines: Vec::new(),
            uplink: None,
            meeting: None,
            room_since: None,
            remote_since: None,
        })))
    }

    /// Everything also goes here (the uplink's bounded queue).
    pub(crate) fn forward_to(&self, sink: Sink) {
        lock(&self.0).uplink = Some(sink);
    }

    pub(crate) fn set_meeting(&self, meeting: Option<MeetingId>) {
        lock(&self.0).meeting = meeting;
    }

    /// What comes after `meeting` is not published in it.
    pub(crate) fn meeting_over(&self, meeting: MeetingId) {
        lock(&self.0).meeting.take_if(|running| *running == meeting);
    }

    /// The meeting's consent for each ear: words said before that moment, and all words while it is `None`, stay on the
    /// device.
    pub(crate) fn let_words_leave(&self, room: Option<MonoTime>, remote: Option<MonoTime>) {
        let mut watchers = lock(&self.0);
        (watchers.room_since, watchers.remote_since) = (room, remote);
    }

    /// Since when what people say in the room may be written down and leave; `None` while it may not.
    pub(crate) fn room_since(&self) -> Option<MonoTime> {
        lock(&self.0).room_since
    }

    pub(crate) fn send(&self, event: &LiveEvent) {
        self.tell(event, None);
    }

    /// Only for the watchers of the local socket, which belongs to the device's owner: it is never published.
    pub(crate) fn send_here(&self, event: &LiveEvent) {
        show(&mut lock(&self.0), event);
    }

    /// `said`: where and when the people's words in it began, if it holds any.
    fn tell(&self, event: &LiveEvent, said: Option<(Ear, MonoTime)>) {
        let mut watchers = lock(&self.0);
        let leaves = said.is_none_or(|(ear, said)| {
            let since = match ear {
                Ear::Room => watchers.room_since,
                Ear::Remote => watchers.remote_since,
            };
            since.is_some_and(|since| said >= since)
        });
        if let (Some(uplink), Some(meeting), true) = (&watchers.uplink, watchers.meeting, leaves) {
            uplink(meeting, event);
        }
        show(&mut watchers, event);
    }

    pub(crate) fn talking(
        &self,
        ear: Ear,
        speaker: Option<ParticipantId>,
        bearing_deg: Option<f32>,
        on: bool,
    ) {
        self.send(&LiveEvent::Talking {
            at_ms: clock::mono_now(),
            ear: ear_name(ear),
            speaker,
            bearing_deg,
            on,
        });
    }

    pub(crate) fn partial(
        &self,
        utterance: UtteranceId,
        ear: Ear,
        text: String,
        stable_chars: usize,
        started: MonoTime,
    ) {
        let stable_chars = u32::try_from(stable_chars).unwrap_or(u32::MAX);
        let (at_ms, name) = (clock::mono_now(), ear_name(ear));
        let event = LiveEvent::Partial { at_ms, utterance, ear: name, text, stable_chars };
        self.tell(&event, Some((ear, started)));
    }

    /// Words for good, with what the core made of their voice.
    pub(crate) fn words(&self, said: Said, label: Option<SpeakerLabel>) {
        let Said { utterance, ear, speaker, bearing_deg, text, started_ms, ended_ms } = said;
        let event = LiveEvent::Final {
            at_ms: clock::mono_now(),
            utterance,
            ear: ear_name(ear),
            speaker,
            bearing_deg: bearing_deg.map(f32::from),
            speaker_label: label.map(SpeakerLabel::number),
            text,
            started_ms,
            ended_ms,
        };
        self.tell(&event, Some((ear, started_ms)));
    }

    fn watch(&self) -> Option<(std::sync::mpsc::Receiver<Arc<str>>, Option<MeetingId>)> {
        let mut watchers = lock(&self.0);
        if watchers.lines.len() >= WATCHERS {
            return None;
        }
        let (tx, rx) = sync_channel(BEHIND);
        watchers.lines.push(tx);
        Some((rx, watchers.meeting))
    }
}

/// Words for good, as the recogniser gave them.
pub(crate) struct Said {
    pub(crate) utterance: UtteranceId,
    ear: Ear,
    speaker: Option<ParticipantId>,
    bearing_deg: Option<u16>,
    text: String,
    started_ms: MonoTime,
    ended_ms: MonoTime,
}

impl Said {
    /// The words in what the core is told, if it is told any.
    pub(crate) fn of(input: &Input) -> Option<Self> {
        let Input::UtteranceHeard { utterance, ear, speaker, bearing_deg, text, started, ended, .. } = input
        else {
            return None;
        };
        Some(Self {
            utterance: *utterance,
            ear: *ear,
            speaker: *speaker,
            bearing_deg: *bearing_deg,
            text: text.clone(),
            started_ms: *started,
            ended_ms: *ended,
        })
    }
}

/// To every watcher of the local socket.
fn show(watchers: &mut Watchers, event: &LiveEvent) {
    if watchers.lines.is_empty() {
        return;
    }
    let line: Arc<str> = format!("{}\n", event.encode()).into();
    watchers.lines.retain(|w| match w.try_send(Arc::clone(&line)) {
        Ok(()) => true,
        Err(TrySendError::Full(_)) => {
            tracing::warn!("a watcher of the status socket was too slow and was let go");
            false
        }
        Err(TrySendError::Disconnected(_)) => false,
    });
}

/// Why the status socket cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("open the status socket {}; check that its folder exists and belongs to this user", path.display())]
pub(crate) struct OpenStatusError {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

/// What a watcher may ask.
#[derive(Debug, Deserialize)]
#[serde(tag = "cmd", rename_all = "snake_case", deny_unknown_fields)]
enum WatcherCommand {
    EndMeeting,
    EraseMeeting { meeting: MeetingId },
}

/// Serves the socket until the process ends.
pub(crate) fn serve(path: &Path, live: &Live, inbox: &Inbox) -> Result<(), OpenStatusError> {
    let failed = |source| OpenStatusError { path: path.to_owned(), source };
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let (live, inbox) = (live.clone(), inbox.clone());
    std::thread::Builder::new()
        .name("prim-status".into())
        .spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Err(error) = welcome(stream, &live, &inbox) {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a watcher of the status socket could not be served"
                    );
                }
            }
        })
        .map_err(failed)?;
    Ok(())
}

fn welcome(mut stream: UnixStream, live: &Live, inbox: &Inbox) -> std::io::Result<()> {
    stream.set_write_timeout(Some(WRITE_LIMIT))?;
    let Some((lines, meeting)) = live.watch() else {
        return stream.write_all(b"{\"kind\":\"full\"}\n");
    };
    let hello = LiveEvent::Hello { at_ms: clock::mono_now(), v: 1, meeting };
    stream.write_all(format!("{}\n", hello.encode()).as_bytes())?;
    let commands = stream.try_clone()?;
    let inbox = inbox.clone();
    std::thread::Builder::new().name("prim-status-in".into()).spawn(move || obey(commands, &inbox))?;
    std::thread::Builder::new().name("prim-status-out".into()).spawn(move || {
        while let Ok(line) = lines.recv() {
            if stream.write_all(line.as_bytes()).is_err() {
                break;
            }
        }
        let _ = stream.shutdown(std::net::Shutdown::Both);
    })?;
    Ok(())
}

/// Reads commands, a line of JSON each. A line that is none is answered by a log line, never obeyed in part.
fn obey(stream: UnixStream, inbox: &Inbox) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        match (&mut reader).take(MAX_COMMAND_BYTES).read_line(&mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        match serde_json::from_str::<WatcherCommand>(&line) {
            Ok(WatcherCommand::EndMeeting) => inbox.end_meeting(),
            Ok(WatcherCommand::EraseMeeting { meeting }) => {
                let Some(outcome) = inbox.erase(meeting) else { return };
                // One small write: it cannot fall between the halves of another thread's line.
                let line = format!("{}\n", serde_json::json!(outcome));
                if reader.get_mut().write_all(line.as_bytes()).is_err() {
                    return;
                }
            }
            Err(_) => tracing::warn!("the status socket got a line that is no command; it was ignored"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_is_not_for_everyone_is_shown_here_and_never_published() {
        let live = Live::new();
        let left: Arc<Mutex<Vec<LiveEvent>>> = Arc::default();
        let sink = Arc::clone(&left);
        live.forward_to(Box::new(move |_, event| lock(&sink).push(event.clone())));
        live.set_meeting(Some(MeetingId::from_u128(1)));
        let (lines, _) = live.watch().unwrap();
        let card = |to| LiveEvent::Card {
            at_ms: MonoTime::from_millis(1),
            to,
            title: "Prim is listening".to_owned(),
            body: "marker".to_owned(),
        };
        let who = ParticipantId::from_u128(4);
        live.send_here(&card(prim_proto::CardAudience::Person { id: who }));
        assert!(lock(&left).is_empty());
        assert!(lines.try_recv().unwrap().contains(&who.to_string()));
        live.send(&card(prim_proto::CardAudience::Everyone));
        assert_eq!(lock(&left).len(), 1);
    }

    #[test]
    fn no_word_leaves_the_device_without_consent() {
        let live = Live::new();
        let left: Arc<Mutex<Vec<LiveEvent>>> = Arc::default();
        let sink = Arc::clone(&left);
        live.forward_to(Box::new(move |_, event| lock(&sink).push(event.clone())));
        live.set_meeting(Some(MeetingId::from_u128(1)));
        let id = UtteranceId::from_u128(2);
        let at = MonoTime::from_millis;
        let partial = |started| live.partial(id, Ear::Room, "marker".to_owned(), 0, at(started));
        let said = |s, e| {
            let said = Said {
                utterance: id,
                ear: Ear::Room,
                speaker: None,
                bearing_deg: None,
                text: "marker".to_owned(),
                started_ms: at(s),
                ended_ms: at(e),
            };
            live.words(said, None);
        };

        partial(1_000);
        said(1_000, 2_000);
        assert!(lock(&left).is_empty(), "nobody has agreed yet");
        live.talking(Ear::Room, None, None, true);
        assert_eq!(lock(&left).len(), 1, "that somebody talks is no word");

        live.let_words_leave(Some(at(5_000)), None);
        partial(4_000);
        said(4_000, 6_000);
        assert_eq!(lock(&left).len(), 1, "what began before they agreed stays");
        partial(5_500);
        said(5_500, 6_000);
        assert_eq!(lock(&left).len(), 3);

        live.partial(id, Ear::Remote, "marker".to_owned(), 0, at(5_500));
        assert_eq!(lock(&left).len(), 3, "somebody on the link has not agreed");
        live.let_words_leave(None, None);
        partial(7_000);
        assert_eq!(lock(&left).len(), 3, "somebody has refused");
    }
}
