//! A whole device in a simulated room, with recogniser and voice switched off: the meeting goes by button.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use prim_audio::{DEVICE_BLOCK, SampleTime};
use prim_hal::LightPattern;
use prim_hal_sim::{
    DeviceEvent, DeviceSession, Pacer, RoomServer, SpeakerFate, ToDevice, Welcome, boot_nanos,
};
use primd::{config, wiring};

const AHEAD: u16 = 3;
const CHANNELS: u16 = 4;
/// A loaded machine starts within this.
const LIMIT: Duration = Duration::from_secs(60);

/// A silent room in real time.
struct QuietRoom {
    session: DeviceSession,
    pacer: Pacer,
    at: SampleTime,
}

impl QuietRoom {
    fn accept(server: &RoomServer) -> Self {
        let session = server.accept(&Welcome::new(CHANNELS, AHEAD), LIMIT).unwrap();
        Self { session, pacer: Pacer::start(Duration::from_millis(10)), at: SampleTime(0) }
    }

    /// Goes on until the device does what is waited for.
    fn until(&mut self, what: &str, mut happened: impl FnMut(Option<DeviceEvent>) -> bool) {
        let begun = Instant::now();
        loop {
            while let Some(event) = self.session.poll_event() {
                if happened(Some(event)) {
                    return;
                }
            }
            if happened(None) {
                return;
            }
            assert!(begun.elapsed() < LIMIT, "never happened: {what}");
            self.pacer.wait();
            let samples = vec![0; usize::from(CHANNELS) * DEVICE_BLOCK];
            let message =
                ToDevice::Mic { at: self.at, captured_ns: boot_nanos(), fate: SpeakerFate::Played, samples };
            self.session.send(&message).unwrap();
            self.at = SampleTime(self.at.0 + DEVICE_BLOCK as u64);
            self.session.take_speaker(self.at);
        }
    }

    fn light(&mut self, pattern: LightPattern) {
        self.until(
            &format!("the light shows {pattern:?}"),
            |event| matches!(event, Some(DeviceEvent::Light { pattern: shown, .. }) if shown == pattern),
        );
    }

    fn button(&mut self, pressed: bool) {
        self.session.send(&ToDevice::Button { pressed, at_ns: boot_nanos() }).unwrap();
    }
}

fn health(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.write_all(b"GET /health HTTP/1.0\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn configuration(folder: &Path, port: u16) -> PathBuf {
    let (key, _) = prim_identity::AuditKey::generate().write(folder, "audit").unwrap();
    let text = format!(
        "[device]\norg = \"acme\"\nname = \"huddle\"\ndata_dir = {:?}\naudit_key = {key:?}\n[hal]\nkind = \"sim\"\n\
         socket = {:?}\n[speech]\nrecogniser = \"none\"\nvoice = \"none\"\n[http]\nlisten = \"127.0.0.1:{port}\"\n",
        folder.join("data"),
        folder.join("hal"),
    );
    let file = folder.join("prim.toml");
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn without_recogniser_and_voice_a_press_still_asks_for_the_floor_and_the_device_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let server = RoomServer::bind(&folder.path().join("hal")).unwrap();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let file = configuration(folder.path(), port);
    let meeting = folder.path().join("meeting.toml");
    std::fs::write(&meeting, "title = \"Weekly\"\nconsent = \"given\"\n").unwrap();
    let report = wiring::check(&file, Some(&meeting));
    assert!(report.is_well(), "{report}");
    let config = config::read(&file).unwrap();
    let plan = wiring::read_plan(Some(&meeting)).unwrap();
    // It ends with the test's process: to stop it would take a signal to ourselves.
    std::thread::spawn(move || wiring::run(&config, plan.as_ref()));
    let mut room = QuietRoom::accept(&server);
    room.light(LightPattern::Listening);
    let mut page = String::new();
    room.until("the device is well", |_| {
        page = health(port).unwrap_or_default();
        page.starts_with("HTTP/1.0 200")
    });
    assert!(page.contains("\"recogniser\":\"off\"") && page.contains("\"voice\":\"off\""), "{page}");
    room.button(true);
    room.light(LightPattern::Pressed);
    room.button(false);
    room.light(LightPattern::Waiting);
}
