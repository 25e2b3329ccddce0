//! A device and a room on one socket.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use prim_audio::{DEVICE_BLOCK, SampleTime};
use prim_hal::{
    ButtonEdge, FloorButton, Indicator, LightPattern, MicArray, MuteSwitch, ReadMicError, Speaker,
};
use prim_hal_sim::{
    DeviceEvent, DeviceSession, RoomServer, SimDevice, SpeakerFate, ToDevice, Welcome, boot_nanos,
};
use prim_ids::MonoTime;

const AHEAD: u16 = 3;
const BLOCK: u64 = DEVICE_BLOCK as u64;

fn pair() -> (DeviceSession, SimDevice) {
    let (room, device) = UnixStream::pair().unwrap();
    let session = DeviceSession::on_stream(room, &Welcome::new(4, AHEAD)).unwrap();
    (session, SimDevice::on_stream(device, Duration::from_secs(5)).unwrap())
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(5), "never happened: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// One tick of a room that waits for its device: returns what the loudspeaker plays in the tick after next.
fn tick(session: &mut DeviceSession, n: u64, fate: SpeakerFate) {
    let samples = (0..4 * DEVICE_BLOCK).map(|i| n as i16 * 10 + (i % 4) as i16).collect();
    session
        .send(&ToDevice::Mic { at: SampleTime(n * BLOCK), captured_ns: (n + 1) * 10_000_000, fate, samples })
        .unwrap();
    let next = SampleTime((n + u64::from(AHEAD)) * BLOCK);
    wait_for("the device answers each tick", || session.has_speaker(next));
}

#[test]
fn what_the_room_sends_is_what_the_microphones_read() {
    let (mut session, mut device) = pair();
    assert_eq!(device.mic.channels().0, 4);
    let mut block = vec![0; 4 * DEVICE_BLOCK];
    for n in 0..5 {
        tick(&mut session, n, SpeakerFate::Played);
        let read = device.mic.read(&mut block).unwrap();
        assert_eq!((read.at, read.captured), (SampleTime(n * BLOCK), MonoTime::from_millis(10 * (n + 1))));
        assert_eq!(block[..5], [0, 1, 2, 3, 0].map(|c| n as i16 * 10 + c));
    }
    assert!(matches!(
        device.mic.read(&mut block[1..]),
        Err(ReadMicError::WrongBuffer { got: 1919, want: 1920 })
    ));
}

#[test]
fn a_written_block_plays_ahead_ticks_later_and_is_tapped_with_its_time() {
    let (mut session, mut device) = pair();
    device.speaker.write(&[7; DEVICE_BLOCK]).unwrap();
    assert_eq!(device.speaker.queued_blocks(), 1);
    let mut fate = SpeakerFate::Late;
    for n in 0..6 {
        tick(&mut session, n, fate);
        let (next, next_fate) = session.take_speaker(SampleTime((n + 1) * BLOCK));
        assert_eq!(next[0] == 7, n + 1 == 3, "tick {}", n + 1);
        fate = next_fate;
    }
    let mut block = vec![0; 4 * DEVICE_BLOCK];
    for n in 0..6 {
        let read = device.mic.read(&mut block).unwrap();
        let tapped = device.speaker.played().unwrap();
        assert_eq!(tapped.at, read.at);
        assert_eq!((tapped.samples[0], tapped.missed), (if n == 3 { 7 } else { 0 }, false), "tick {n}");
    }
    assert_eq!(device.speaker.latency(), Duration::from_millis(30));
    assert_eq!(device.counters.speaker_missed.load(Ordering::Relaxed), 0);
}

#[test]
fn a_flush_silences_what_waits_on_both_sides_and_the_tap_says_so() {
    let (mut session, mut device) = pair();
    for _ in 0..20 {
        device.speaker.write(&[9; DEVICE_BLOCK]).unwrap();
    }
    let mut fate = SpeakerFate::Late;
    for n in 0..5 {
        tick(&mut session, n, fate);
        fate = session.take_speaker(SampleTime((n + 1) * BLOCK)).1;
    }
    // Tick 5 is with the converter; 6 and 7 wait in the room, twelve more in the driver.
    device.speaker.flush();
    let mut event = None;
    wait_for("the room sees the flush", || {
        event = session.poll_event();
        event.is_some()
    });
    let Some(DeviceEvent::Flushed { at_ns, blocks }) = event else { panic!("{event:?}") };
    assert!(blocks == 2 && boot_nanos() >= at_ns, "{blocks} blocks");
    for n in 5..10 {
        tick(&mut session, n, fate);
        let (block, next) = session.take_speaker(SampleTime((n + 1) * BLOCK));
        assert!(block.iter().all(|&s| s == 0), "tick {} is silent", n + 1);
        fate = next;
    }
    let played: Vec<_> = std::iter::from_fn(|| device.speaker.played()).collect();
    let heard: Vec<_> = played.iter().map(|b| (b.samples[0], b.missed)).collect();
    let (no, yes, cut) = ((0, false), (9, false), (0, true));
    assert_eq!(heard, [no, no, no, yes, yes, yes, cut, cut, no, no]);
    assert_eq!(device.counters.speaker_missed.load(Ordering::Relaxed), 0, "a flush is not lateness");
}

#[test]
fn a_late_device_plays_silence_and_both_sides_know() {
    let (mut session, mut device) = pair();
    for _ in 0..4 {
        device.speaker.write(&[5; DEVICE_BLOCK]).unwrap();
    }
    tick(&mut session, 0, SpeakerFate::Late);
    // The room goes on without waiting: the block for tick 4 cannot be there.
    let (_, fate) = session.take_speaker(SampleTime(4 * BLOCK));
    assert_eq!(fate, SpeakerFate::Late);
    for n in 1..4 {
        session
            .send(&ToDevice::Mic {
                at: SampleTime(n * BLOCK),
                captured_ns: 0,
                fate: SpeakerFate::Played,
                samples: vec![0; 1920],
            })
            .unwrap();
    }
    session
        .send(&ToDevice::Mic { at: SampleTime(4 * BLOCK), captured_ns: 0, fate, samples: vec![0; 1920] })
        .unwrap();
    wait_for("the device counts it", || device.counters.speaker_missed.load(Ordering::Relaxed) == 1);
    let late =
        std::iter::from_fn(|| device.speaker.played()).find(|b| b.at == SampleTime(4 * BLOCK)).unwrap();
    assert!(late.missed && late.samples.iter().all(|&s| s == 0));
}

#[test]
fn the_speaker_queue_is_bounded_and_says_so() {
    let (_session, mut device) = pair();
    while device.speaker.free_blocks() > 0 {
        device.speaker.write(&[1; DEVICE_BLOCK]).unwrap();
    }
    let error = device.speaker.write(&[1; DEVICE_BLOCK]).unwrap_err().to_string();
    assert!(error.contains("50 places"), "{error}");
    let error = device.speaker.write(&[1; 100]).unwrap_err().to_string();
    assert!(error.contains("100 samples"), "{error}");
}

#[test]
fn microphones_nobody_reads_lose_the_newest_and_the_hole_shows_in_the_sample_time() {
    let (mut session, mut device) = pair();
    for n in 0..60 {
        tick(&mut session, n, SpeakerFate::Played);
    }
    assert_eq!(device.counters.mic_dropped.load(Ordering::Relaxed), 10);
    let mut block = vec![0; 4 * DEVICE_BLOCK];
    for n in 0..50 {
        assert_eq!(device.mic.read(&mut block).unwrap().at, SampleTime(n * BLOCK));
    }
    tick(&mut session, 60, SpeakerFate::Played);
    assert_eq!(device.mic.read(&mut block).unwrap().at, SampleTime(60 * BLOCK));
}

#[test]
fn edges_carry_the_rooms_time_and_the_light_arrives() {
    let (mut session, mut device) = pair();
    session.send(&ToDevice::Button { pressed: true, at_ns: 1_234_567_890 }).unwrap();
    session.send(&ToDevice::Mute { muted: true, at_ns: 2_000_000_000 }).unwrap();
    let edge = device.button.wait_edge(Duration::from_secs(5)).unwrap();
    assert_eq!(edge, Some(ButtonEdge { pressed: true, at: MonoTime::from_millis(1234) }));
    assert!(device.mute.wait_move(Duration::from_secs(5)).unwrap().is_some_and(|m| m.muted));
    assert_eq!(device.button.wait_edge(Duration::from_millis(1)).unwrap(), None);

    device.light.show(LightPattern::Asking).unwrap();
    let mut event = None;
    wait_for("the light", || {
        event = session.poll_event();
        event.is_some()
    });
    assert!(matches!(event, Some(DeviceEvent::Light { pattern: LightPattern::Asking, .. })), "{event:?}");
}

#[test]
fn a_room_that_leaves_ends_every_part_with_a_reason() {
    let (session, mut device) = pair();
    drop(session);
    let mut block = vec![0; 4 * DEVICE_BLOCK];
    let error = device.mic.read(&mut block).unwrap_err();
    assert!(matches!(&error, ReadMicError::Closed { why } if why.contains("closed")), "{error}");
    assert!(device.button.wait_edge(Duration::from_secs(1)).is_err());
    wait_for("writes fail", || device.speaker.write(&[0; DEVICE_BLOCK]).is_err());
}

#[test]
fn garbage_ends_the_session_with_a_message_that_names_it() {
    let (room, mut device) = UnixStream::pair().unwrap();
    let session = DeviceSession::on_stream(room, &Welcome::new(4, AHEAD)).unwrap();
    device.write_all(b"Zoops").unwrap();
    wait_for("the room gives up", || session.closed().is_some());
    let why = session.closed().unwrap();
    assert!(why.contains("0x5a"), "{why}");

    let (mut room, device) = UnixStream::pair().unwrap();
    room.write_all(b"W\x02\0\0\0{}").unwrap();
    let error = SimDevice::on_stream(device, Duration::from_secs(1)).unwrap_err().to_string();
    assert!(error.contains('W'), "{error}");
}

#[test]
fn a_room_is_found_at_its_path_and_a_second_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hal.sock");
    let error = SimDevice::connect(&path, Duration::from_millis(30)).unwrap_err().to_string();
    assert!(error.contains("nobody listens") && error.contains("prim-room"), "{error}");

    let server = RoomServer::bind(&path).unwrap();
    let error = RoomServer::bind(&path).unwrap_err().to_string();
    assert!(error.contains("another room"), "{error}");
    let device = thread::spawn({
        let path = path.clone();
        move || SimDevice::connect(&path, Duration::from_secs(5)).map(|_| ())
    });
    // The second bind knocked once; that caller hung up at once and is not a device.
    while server.accept(&Welcome::new(4, AHEAD), Duration::from_secs(5)).is_err() {}
    wait_for("the device is greeted", || {
        device.is_finished() || server.accept(&Welcome::new(4, AHEAD), Duration::from_millis(1)).is_ok()
    });
    device.join().unwrap().unwrap();
    drop(server);
    assert!(!path.exists(), "the socket goes with the room");
}
