//! How long the disk is waited for, and how much is gathered meanwhile.

use super::*;
use crate::writer::GATHERED;

fn audit() -> proto::Body {
    proto::Body::Audit(proto::Audit::Daemon { state: "gathered".parse().unwrap() })
}

#[test]
fn what_finds_no_room_in_memory_is_counted_in_a_loss_record_when_the_disk_answers() {
    const BEYOND: usize = 500;
    let mut bench = meeting();
    bench.gate.set(Disk::Hangs);
    let now = clock::mono_now();
    // Those that are committed one by one, the gathered ones, and more.
    let given = 100 + GATHERED + BEYOND;
    bench.meeting_loop.note(now, audit());
    bench.gate.until_held();
    (1..given).for_each(|_| bench.meeting_loop.note(now, audit()));
    assert_eq!(bench.meeting_loop.state.disk, Some(DiskState::Overrun));
    bench.meeting_loop.settle();
    bench.gate.set(Disk::Works);
    assert_eq!(bench.look_at_disk(), ("up", None));

    let rows = bench.spool.read(Stream::Audit, 1, 200_000).unwrap();
    let there = bench.count(Stream::Audit, "\"gathered\"");
    let holes: Vec<(u64, u64)> = rows.iter().filter_map(hole).collect();
    let [(from, to)] = holes[..] else { panic!("{holes:?}") };
    // The record of the fault came when there was no room either.
    assert_eq!(to - from + 1, (given - there) as u64 + 1);
    assert!((GATHERED..GATHERED + 100).contains(&there), "{there} were kept");
    assert_eq!(bench.count(Stream::Audit, "disk_fault"), 1, "it says why");
    let mut tip = proto::Hash([0; 32]);
    for row in &rows {
        assert_eq!(row.prev, tip.0, "the chain holds at {}", row.seq);
        tip = prim_proto::link(tip, &row.bytes);
    }
}

#[test]
fn records_that_a_broken_disk_refused_are_named_as_soon_as_it_works() {
    let mut bench = meeting();
    let now = clock::mono_now();
    bench.gate.set(Disk::FailsOnce);
    bench.fact(now, words("this is not kept", now));
    assert_eq!(bench.count(Stream::Utterance, "\"hole\""), 0);
    bench.fact(now, words("this is", now));
    let rows = bench.spool.read(Stream::Utterance, 1, 10).unwrap();
    assert_eq!(rows.iter().filter_map(hole).collect::<Vec<_>>(), [(1, 1)]);
    assert_eq!(rows.last().unwrap().seq, 3);
    assert_eq!(bench.look_at_disk(), ("up", None));
}

#[test]
fn a_disk_that_has_not_answered_for_ten_seconds_is_reported_and_so_is_its_return() {
    let mut bench = meeting();
    bench.look_at_disk();
    bench.gate.set(Disk::Hangs);
    let now = clock::mono_now();
    bench.meeting_loop.fact(now, words("this waits", now));
    let since = bench.meeting_loop.state.waiting.since().unwrap();
    bench.meeting_loop.look_at_disk(since + Duration::from_secs(10));
    assert_eq!(bench.meeting_loop.state.disk, Some(DiskState::Works));
    bench.meeting_loop.look_at_disk(since + Duration::from_millis(10_001));
    bench.meeting_loop.settle();
    let state = bench.meeting_loop.parts.state(Peripheral::Disk);
    assert_eq!(state, ("absent", Some("the disk does not answer".to_owned())));
    bench.gate.set(Disk::Works);
    assert_eq!(bench.look_at_disk(), ("up", None));
    assert_eq!(bench.count(Stream::Audit, "the_disk_does_not_answer"), 1);
}

/// Whether a ding is heard whose record took so long.
fn is_heard_after(waited: Duration) -> bool {
    let mut bench = meeting();
    bench.means_to_ding();
    let since = bench.meeting_loop.state.waiting.since().unwrap();
    bench.gate.set(Disk::Works);
    bench.meeting_loop.writer.flush(Duration::from_secs(60)).unwrap();
    bench.meeting_loop.take_written(since + waited);
    assert_eq!(bench.meeting_loop.state.waiting.since(), None);
    bench.told_of_ding()
}

#[test]
fn a_ding_whose_record_took_longer_than_a_second_and_a_half_is_left_out() {
    assert!(is_heard_after(Duration::from_millis(1500)));
    // What waits was ordered a little later than the first of it.
    assert!(!is_heard_after(Duration::from_millis(2500)));
}

#[test]
fn a_stop_does_not_wait_for_ever_for_a_disk_and_counts_what_is_not_written() {
    let mut bench = meeting();
    bench.gate.set(Disk::Hangs);
    let now = clock::mono_now();
    (0..7).for_each(|_| bench.meeting_loop.note(now, audit()));
    let gate = bench.gate.clone();
    let written = bench.meeting_loop.finish(Duration::from_millis(20));
    assert_eq!(written, Err(DiskSilent { records: 7 }));
    gate.set(Disk::Works);
}
