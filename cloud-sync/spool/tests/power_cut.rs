//! The power goes at random moments on a disk that forgets what was not synced: what the producer was told is safe
//! is there afterwards, and the chain is whole. Without syncing, the same test loses records: it can fail.

mod chained;
mod forgetful;

use std::path::Path;

use chained::{Dice, Told, encode, epoch, moment, roomy, rows, write_loss};
use forgetful::Disk;
use prim_ids::Stream;
use prim_spool::{AppendError, Backing, Condition, Limits, OpenSpoolError, Spool};

fn open(disk: &Disk, path: &Path, limits: Limits, unsynced: bool) -> Result<Spool, OpenSpoolError> {
    Spool::open_on(path, limits, epoch(), write_loss(), Backing { vfs: Some(disk.vfs()), unsynced })
}

/// Appends and acknowledges until the power goes.
fn work_until_dark(spool: &Spool, disk: &Disk, dice: &mut Dice, told: &mut Told, at_ms: &mut u64) {
    while disk.is_powered() {
        *at_ms += 10;
        match dice.below(8) {
            0 => {
                let stream = dice.stream();
                let through = dice.below(spool.tip(stream).seq + 1);
                if spool.acknowledge(stream, spool.epoch(), through).is_ok() {
                    told.forget_through(stream, through);
                } else {
                    // It may have gone through all the same: neither outcome is a loss.
                    told.forget_through(stream, through);
                }
            }
            1 => {
                let streams: Vec<Stream> = (0..1 + dice.below(20)).map(|_| dice.stream()).collect();
                let mut made = Vec::new();
                let appended = spool.append_many(moment(*at_ms), &streams, |i, slot| {
                    let record = encode(slot, &format!("{i} {}", "x".repeat(i * 40)));
                    made.push(record.bytes.clone());
                    record
                });
                if let Ok(appended) = appended {
                    for ((stream, appended), bytes) in streams.iter().zip(appended).zip(made) {
                        told.note(*stream, appended.seq, &bytes);
                    }
                }
            }
            _ => {
                let stream = dice.stream();
                let text = "word ".repeat(usize::try_from(dice.below(300)).unwrap_or(0));
                let mut bytes = Vec::new();
                let appended = spool.append(moment(*at_ms), stream, |slot| {
                    let record = encode(slot, &text);
                    bytes.clone_from(&record.bytes);
                    record
                });
                if let Ok(appended) = appended {
                    told.note(stream, appended.seq, &bytes);
                }
            }
        }
    }
}

/// A producer that rings a bell: the intent is appended, together with a state that counts the rings meant so far; only
/// when that has returned does it ring. After each cut it goes on from the state it finds. Returns the rings heard and
/// the rings meant, as the records that are left say; or what is wrong.
fn rings_after_cuts(seed: u64, cuts: u32, unsynced: bool) -> Result<(Vec<u64>, Vec<u64>), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path().join("spool.db");
    let disk = Disk::new();
    let mut dice = Dice(seed);
    let mut heard = Vec::new();
    let meant_so_far = |spool: &Spool| -> Result<u64, String> {
        let Some(state) = spool.state().map_err(|error| error.to_string())? else { return Ok(0) };
        String::from_utf8_lossy(&state).parse().map_err(|_| "the state is torn".to_owned())
    };
    let meant = |spool: &Spool| -> Vec<u64> {
        let rows = rows(spool, Stream::Audit);
        rows.iter()
            .filter_map(|row| String::from_utf8_lossy(&row.bytes).rsplit_once("ring ")?.1.parse().ok())
            .collect()
    };
    for _ in 0..cuts {
        disk.cut_after(dice.below(150));
        if let Ok(spool) = open(&disk, &path, roomy(), unsynced) {
            let mut ring = meant_so_far(&spool)?;
            while disk.is_powered() {
                ring += 1;
                let streams = [Stream::Audit, Stream::Event];
                let appended = spool.append_with_state(
                    moment(ring),
                    &streams,
                    ring.to_string().as_bytes(),
                    |_, slot| encode(slot, &format!("ring {ring}")),
                );
                if appended.is_ok() {
                    heard.push(ring);
                }
            }
        }
        disk.power_on(&mut dice);
        let spool = open(&disk, &path, roomy(), unsynced).map_err(|error| error.to_string())?;
        let last = meant_so_far(&spool)?;
        if meant(&spool).last().copied().unwrap_or(0) != last {
            return Err(format!("the state says {last}, the records {:?}", meant(&spool).last()));
        }
    }
    let spool = open(&disk, &path, roomy(), unsynced).map_err(|error| error.to_string())?;
    Ok((heard, meant(&spool)))
}

/// No bell rings twice, and each that rang was meant on the record.
fn rings_are_in_order(seed: u64, unsynced: bool) -> Result<usize, String> {
    let (heard, meant) = rings_after_cuts(seed, 25, unsynced)?;
    if let Some(pair) = heard.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(format!("{} rang again after {}", pair[1], pair[0]));
    }
    match heard.iter().find(|ring| meant.binary_search(ring).is_err()) {
        Some(ring) => Err(format!("{ring} rang without a record")),
        None => Ok(heard.len()),
    }
}

/// Cuts the power `cuts` times; what the producer was told and the spool lost, if anything.
fn lost_after_cuts(seed: u64, cuts: u32, unsynced: bool) -> (Vec<(Stream, u64)>, usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spool.db");
    let disk = Disk::new();
    let mut dice = Dice(seed);
    let mut told = Told::default();
    let mut at_ms = 0;
    let mut checked = 0;
    for _ in 0..cuts {
        disk.cut_after(dice.below(400));
        if let Ok(spool) = open(&disk, &path, roomy(), unsynced) {
            work_until_dark(&spool, &disk, &mut dice, &mut told, &mut at_ms);
        }
        disk.power_on(&mut dice);
        let Ok(spool) = open(&disk, &path, roomy(), unsynced) else {
            // A spool that cannot even be opened has lost everything.
            return (told.0.keys().copied().collect(), checked);
        };
        let missing = told.missing_in(&spool);
        checked += told.0.len();
        if !missing.is_empty() {
            return (missing, checked);
        }
        // Records that were committed just before the cut, without the producer being told, are there too: a later
        // round may acknowledge them, so take them into account.
        for stream in Stream::ALL {
            for row in rows(&spool, stream) {
                told.note(stream, row.seq, &row.bytes);
            }
        }
    }
    (Vec::new(), checked)
}

#[test]
fn what_was_appended_survives_any_power_cut() {
    for seed in 0..8 {
        let (lost, checked) = lost_after_cuts(seed, 15, false);
        assert!(lost.is_empty(), "seed {seed}: lost {lost:?}");
        assert!(checked > 100, "seed {seed}: only {checked} records were at stake");
    }
}

#[test]
fn without_syncing_the_same_cuts_lose_records() {
    let losing = (0..6)
        .filter(|seed| {
            // A torn database may also fail the checks inside, which counts as noticed.
            let outcome = std::panic::catch_unwind(|| lost_after_cuts(*seed, 15, true));
            outcome.map_or(true, |(lost, _)| !lost.is_empty())
        })
        .count();
    assert!(losing >= 5, "only {losing} of 6 runs without syncing lost anything: the disk does not forget");
}

#[test]
fn no_bell_rings_twice_whatever_the_disk_forgets() {
    for seed in 100..112 {
        let heard = rings_are_in_order(seed, false).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
        assert!(heard > 50, "seed {seed}: only {heard} rings were at stake");
    }
}

#[test]
fn without_syncing_bells_ring_twice() {
    let failing = (100..112)
        .filter(|seed| {
            // A torn database may also fail the checks inside, which counts as noticed.
            std::panic::catch_unwind(|| rings_are_in_order(*seed, true))
                .map_or(true, |outcome| outcome.is_err())
        })
        .count();
    assert!(failing >= 8, "only {failing} of 12 runs without syncing rang wrongly: the disk does not forget");
}

#[test]
fn a_deleted_file_may_come_back_and_harms_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spool.db");
    let disk = Disk::new();
    let mut dice = Dice(7);
    for n in 1..=40 {
        let spool = open(&disk, &path, roomy(), false).expect("opens");
        spool.append(moment(n), Stream::Audit, |slot| encode(slot, "kept")).expect("appends");
        // Closing moves the WAL into the file and deletes it; then the power goes at once.
        drop(spool);
        disk.power_on(&mut dice);
        let spool = open(&disk, &path, roomy(), false).expect("opens again");
        assert_eq!(rows(&spool, Stream::Audit).len() as u64, n);
    }
    assert!(disk.resurrected() > 5, "only {} deleted files came back", disk.resurrected());
}

#[test]
fn every_append_is_synced_before_it_returns() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::new();
    let spool = open(&disk, &folder.path().join("spool.db"), roomy(), false).expect("opens");
    for n in 0..50 {
        let before = disk.syncs();
        spool.append(moment(n), Stream::Audit, |slot| encode(slot, "intent")).expect("appends");
        assert!(disk.syncs() > before, "append {n} returned without a sync");
    }
}

#[test]
fn a_full_disk_refuses_speech_keeps_audit_and_recovers() {
    const RESERVE: u64 = 256 * 1024;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spool.db");
    let disk = Disk::new();
    disk.limit(2 << 20, folder.path().join("spool.db.reserve"));
    let limits = Limits { reserve_bytes: RESERVE, ..Limits::default() };
    let spool = open(&disk, &path, limits, false).expect("opens");
    let text = "word ".repeat(200);
    let long = "word ".repeat(400_000);

    // Utterances fill the disk; then the oldest of them give way, with a record that says so.
    let mut at_ms = 0;
    let mut appended = 0;
    while spool.condition() == Condition::Ok {
        at_ms += 1;
        assert!(appended < 5000, "the disk never filled");
        match spool.append(moment(at_ms), Stream::Utterance, |slot| encode(slot, &text)) {
            Ok(_) => appended += 1,
            Err(AppendError::DiskFull { .. }) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(spool.condition(), Condition::Reserve);
    assert!(
        std::fs::metadata(folder.path().join("spool.db.reserve")).expect("is there").len() <= RESERVE / 2
    );

    // Audit goes on into the reserve: 60 records of a kilobyte.
    for _ in 0..60 {
        at_ms += 1;
        spool.append(moment(at_ms), Stream::Audit, |slot| encode(slot, &text)).expect("audit finds room");
    }
    assert_eq!(rows(&spool, Stream::Audit).len(), 60);

    // Audit beside an utterance that finds no room is kept, and the speech's loss is counted.
    at_ms += 1;
    let before = spool.depth().expect("reads").refused;
    let beside = spool.append_many(moment(at_ms), &[Stream::Audit, Stream::Utterance], |i, slot| {
        encode(slot, if i == 0 { "audit" } else { &long })
    });
    assert!(matches!(beside, Err(AppendError::DiskFull { audit_kept: true, .. })), "{beside:?}");
    assert_eq!(rows(&spool, Stream::Audit).len(), 61);
    assert_eq!(spool.depth().expect("reads").refused, before + 1);

    // Audit until nothing is left: an error that says so, and nothing half written.
    let mut audit = 61;
    let refused = loop {
        at_ms += 1;
        match spool.append(moment(at_ms), Stream::Audit, |slot| encode(slot, &text)) {
            Ok(_) => audit += 1,
            Err(error) => break error,
        }
        assert!(audit < 5000, "the disk never filled with audit");
    };
    assert!(refused.to_string().contains("disk is full"), "{refused}");
    assert_eq!(spool.condition(), Condition::Full);
    assert_eq!(rows(&spool, Stream::Audit).len(), audit);

    // The gateway acknowledges; the reserve is taken back and everything is accepted again.
    let head = spool.tip(Stream::Audit).seq;
    spool.acknowledge(Stream::Audit, spool.epoch(), head).expect("deleting finds room");
    let head = spool.tip(Stream::Utterance).seq;
    spool.acknowledge(Stream::Utterance, spool.epoch(), head).expect("deleting finds room");
    at_ms += 1;
    spool.append(moment(at_ms), Stream::Utterance, |slot| encode(slot, &text)).expect("there is room again");
    assert_eq!(spool.condition(), Condition::Dropping, "until a gateway has the record of what was refused");
    let said = spool.read(Stream::Utterance, 1, 100).expect("reads");
    let lost = |row: &prim_spool::StoredRow| String::from_utf8_lossy(&row.bytes).contains("lost");
    assert!(said.iter().any(lost), "what was refused stands in a record");
    let head = spool.tip(Stream::Utterance).seq;
    spool.acknowledge(Stream::Utterance, spool.epoch(), head).expect("deleting finds room");
    assert_eq!(spool.condition(), Condition::Ok);
}
