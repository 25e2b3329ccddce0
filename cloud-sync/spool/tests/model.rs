//! The spool against a list in memory: whatever is done to both, both say the same.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod chained;

use std::path::Path;
use std::time::Duration;

use chained::{Dice, encode, encode_private, epoch, moment, roomy, rows, write_loss};
use prim_ids::{BootId, EpochId, MeetingId, MonoTime, Stream};
use prim_spool::{
    AcknowledgeError, AppendError, Backing, Condition, Limits, LossReason, Moment, OpenSpoolError, Spool,
    StoredRow,
};
use proptest::prelude::*;

/// Properties do not cut the power, so they need not wait for the disk.
fn open(path: &Path, limits: Limits) -> Spool {
    Spool::open_on(path, limits, epoch(), write_loss(), Backing { vfs: None, unsynced: true }).expect("opens")
}

#[derive(Debug, Clone)]
enum Step {
    Append(u8, u16),
    Many(Vec<u8>),
    Acknowledge(u8, u8),
    Erase(u8),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..6u8, 0..2000u16).prop_map(|(stream, size)| Step::Append(stream, size)),
        2 => prop::collection::vec(0..6u8, 0..8).prop_map(Step::Many),
        2 => (0..6u8, 0..=100u8).prop_map(|(stream, percent)| Step::Acknowledge(stream, percent)),
        1 => (0..3u8).prop_map(Step::Erase),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Debug, Default)]
struct Model {
    rows: [Vec<StoredRow>; 6],
    heads: [(u64, [u8; 32]); 6],
}

fn meeting(n: u64) -> MeetingId {
    MeetingId::from_u128(u128::from(n % 3))
}

impl Model {
    fn append(&mut self, spool: &Spool, at: u64, streams: &[usize], size: usize) {
        let all: Vec<Stream> = streams.iter().map(|s| Stream::ALL[*s]).collect();
        let words = "w".repeat(size);
        let appended = spool
            .append_many(moment(at), &all, |_, slot| encode_private(slot, "r", meeting(slot.seq), &words))
            .expect("appends");
        for (stream, appended) in streams.iter().zip(appended) {
            let slot = self.slot(*stream);
            let record = encode_private(slot, "r", meeting(slot.seq), &words);
            assert_eq!((appended.seq, appended.hash), (slot.seq, record.hash));
            self.note(*stream, record);
        }
    }

    fn slot(&self, stream: usize) -> prim_spool::Slot {
        let (head, prev) = self.heads[stream];
        prim_spool::Slot { stream: Stream::ALL[stream], epoch: epoch(), seq: head + 1, prev }
    }

    fn note(&mut self, stream: usize, record: prim_spool::Encoded) {
        let slot = self.slot(stream);
        self.heads[stream] = (slot.seq, record.hash);
        self.rows[stream].push(StoredRow {
            seq: slot.seq,
            prev: slot.prev,
            hash: record.hash,
            bytes: record.bytes,
            erasable: record.erasable,
            meeting: record.meeting,
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_spool_agrees_with_a_list_in_memory(steps in prop::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool.db");
        let mut spool = open(&path, roomy());
        let mut model = Model::default();
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::Append(stream, size) => model.append(&spool, at as u64, &[stream.into()], size.into()),
                Step::Many(streams) => {
                    let streams: Vec<usize> = streams.into_iter().map(usize::from).collect();
                    model.append(&spool, at as u64, &streams, 10);
                }
                Step::Acknowledge(stream, percent) => {
                    let head = model.heads[usize::from(stream)].0;
                    let through = head * u64::from(percent) / 100;
                    let rows = &mut model.rows[usize::from(stream)];
                    let before = rows.len();
                    rows.retain(|row| row.seq > through);
                    let went = spool.acknowledge(Stream::ALL[usize::from(stream)], epoch(), through).unwrap();
                    prop_assert_eq!(went, (before - rows.len()) as u64);
                }
                Step::Erase(which) => {
                    let meeting = meeting(which.into());
                    let mut erased = 0;
                    for row in model.rows.iter_mut().flatten().filter(|row| row.meeting == Some(meeting)) {
                        erased += u64::from(row.erasable.take().is_some());
                    }
                    let record = |erased, slot| encode(slot, &format!("erased {erased}"));
                    prop_assert_eq!(spool.erase_meeting(moment(at as u64), meeting, None, record).unwrap(), erased);
                    model.note(0, record(erased, model.slot(0)));
                }
                Step::Reopen => {
                    drop(spool);
                    spool = open(&path, roomy());
                }
            }
            for (i, stream) in Stream::ALL.into_iter().enumerate() {
                prop_assert_eq!(&rows(&spool, stream), &model.rows[i]);
                prop_assert_eq!((spool.tip(stream).seq, spool.tip(stream).hash), model.heads[i]);
            }
            let depth = spool.depth().unwrap();
            prop_assert_eq!(depth.rows, model.rows.iter().map(|rows| rows.len() as u64).sum::<u64>());
        }
    }

    #[test]
    fn within_a_small_limit_audit_stays_and_every_loss_is_admitted(seed in any::<u64>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool.db");
        let limits = Limits { max_bytes: 40_000, reserve_bytes: 4096, ..Limits::default() };
        let mut spool = open(&path, limits);
        let mut dice = Dice(seed);
        let mut made = [0u64; 6];
        let mut acknowledged = [0u64; 6];
        for at in 0..100 {
            let stream = dice.stream();
            let i = Stream::ALL.iter().position(|s| *s == stream).unwrap();
            match dice.below(10) {
                0 => {
                    let through = dice.below(spool.tip(stream).seq + 1);
                    spool.acknowledge(stream, epoch(), through).unwrap();
                    acknowledged[i] = acknowledged[i].max(through);
                }
                1 => { drop(spool); spool = open(&path, limits); }
                _ if stream == Stream::Audit && made[0] > 20 => {}
                _ => {
                    let text = "x".repeat(dice.below(1500) as usize);
                    spool.append(moment(at), stream, |slot| encode(slot, &text)).unwrap();
                    made[i] += 1;
                }
            }
            prop_assert!(spool.depth().unwrap().bytes <= 40_000 + 2_000);
        }
        // One more append lets pending losses be written.
        spool.append(moment(200), Stream::Audit, |slot| encode(slot, "last")).unwrap();
        let audit = rows(&spool, Stream::Audit);
        prop_assert_eq!(audit.len() as u64, spool.tip(Stream::Audit).seq - acknowledged[0]);
        for (i, stream) in Stream::ALL.into_iter().enumerate() {
            let rows = rows(&spool, stream);
            let first = rows.first().map_or_else(|| spool.tip(stream).seq + 1, |row| row.seq);
            // Every number below the first that nobody acknowledged stands in a loss record that is still there,
            // or was in one that was acknowledged.
            let losses: Vec<(u64, u64)> = rows.iter().filter_map(|row| {
                let text = String::from_utf8(row.bytes.clone()).unwrap();
                let words: Vec<&str> = text.split(' ').collect();
                (words.get(3) == Some(&"lost")).then(|| (words[4].parse().unwrap(), words[5].parse().unwrap()))
            }).collect();
            let unexplained = (acknowledged[i] + 1..first)
                .filter(|seq| !losses.iter().any(|(from, to)| (from..=to).contains(&seq)))
                .count();
            prop_assert_eq!(unexplained, 0, "{} losses {:?} first {} acknowledged {}", stream, losses, first, acknowledged[i]);
        }
    }
}

#[test]
fn the_least_precious_oldest_records_go_first() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { max_bytes: 50_000, reserve_bytes: 4096, ..Limits::default() };
    let spool = open(&folder.path().join("spool.db"), limits);
    let text = "x".repeat(800);
    let add = |stream, n| {
        for _ in 0..n {
            spool.append(moment(0), stream, |slot| encode(slot, &text)).unwrap();
        }
    };
    add(Stream::Audit, 10);
    add(Stream::Metric, 10);
    add(Stream::Utterance, 20);
    assert_eq!(spool.condition(), Condition::Ok);
    assert_eq!(spool.depth().unwrap().next_to_drop, Some(Stream::Metric));
    add(Stream::Note, 20);
    let rows_of = |stream| spool.depth().unwrap().streams.into_iter().find(|s| s.stream == stream).unwrap();
    assert_eq!(spool.condition(), Condition::Dropping);
    assert_eq!(rows_of(Stream::Metric).rows, 1, "only the admission is left");
    assert_eq!(rows_of(Stream::Note).rows, 20);
    assert_eq!(rows_of(Stream::Audit).rows, 10);
    assert!(rows_of(Stream::Utterance).rows < 20);
}

#[test]
fn old_records_go_by_the_time_the_device_was_on_whatever_the_wall_clock_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.db");
    let day = 24 * 3600 * 1000;
    let limits = Limits { max_age: Duration::from_secs(30 * 24 * 3600), ..roomy() };
    let on = |boot: u128, ms| Moment { boot: BootId::from_u128(boot), at: MonoTime::from_millis(ms) };
    let spool = open(&path, limits);
    spool.append(on(1, 0), Stream::Event, |slot| encode(slot, "old")).unwrap();
    spool.append(on(1, 0), Stream::Audit, |slot| encode(slot, "old")).unwrap();
    spool.append(on(1, 20 * day), Stream::Event, |slot| encode(slot, "younger")).unwrap();
    drop(spool);
    // A new boot begins at zero; eleven more days on make thirty-one.
    let spool = open(&path, limits);
    spool.append(on(2, 11 * day), Stream::Event, |slot| encode(slot, "young")).unwrap();
    let events = rows(&spool, Stream::Event);
    assert_eq!(events.first().unwrap().seq, 2, "the first went by age");
    let said = String::from_utf8(events[1].bytes.clone()).unwrap();
    assert!(said.ends_with("lost 1 1 QuotaAge"), "{said}");
    assert_eq!(rows(&spool, Stream::Audit).len(), 1, "audit stays");
}

#[test]
fn when_audit_alone_fills_the_limit_the_others_are_refused_and_audit_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { max_bytes: 10_000, reserve_bytes: 4096, ..Limits::default() };
    let spool = open(&folder.path().join("spool.db"), limits);
    for _ in 0..20 {
        spool.append(moment(0), Stream::Audit, |slot| encode(slot, &"x".repeat(1000))).unwrap();
    }
    let refused = spool.append(moment(0), Stream::Note, |slot| encode(slot, "n")).unwrap_err();
    assert!(refused.to_string().contains("restore the link"), "{refused}");
    assert_eq!(spool.depth().unwrap().refused, 1);
    spool.append(moment(0), Stream::Audit, |slot| encode(slot, "one more")).unwrap();
}

#[test]
fn audit_beside_a_refused_note_is_kept_and_the_notes_loss_is_on_record_as_soon_as_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.db");
    let limits = Limits { max_bytes: 10_000, reserve_bytes: 4096, ..Limits::default() };
    let spool = open(&path, limits);
    for _ in 0..20 {
        spool.append(moment(0), Stream::Audit, |slot| encode(slot, &"x".repeat(1000))).unwrap();
    }
    let both = [Stream::Audit, Stream::Note];
    for n in 1..=3 {
        let state = format!("state {n}");
        let refused = spool
            .append_with_state(moment(n), &both, state.as_bytes(), |i, slot| {
                encode(slot, &format!("{i} {n}"))
            })
            .unwrap_err();
        assert!(
            matches!(refused, AppendError::OverQuota { stream: Stream::Note, audit_kept: true }),
            "{refused}"
        );
        assert_eq!(spool.state().unwrap().unwrap(), state.as_bytes(), "the state goes with the audit");
    }
    let bytes = spool.depth().unwrap().bytes;
    assert_eq!((rows(&spool, Stream::Audit).len(), spool.depth().unwrap().refused), (23, 3));
    assert_eq!(
        spool.read(Stream::Note, 1, 10).unwrap(),
        [],
        "no loss record for each while there is no room"
    );
    assert_eq!(spool.tip(Stream::Note).seq, 3, "the numbers are used");
    spool.append(moment(4), Stream::Audit, |slot| encode(slot, "x")).unwrap();
    assert!(spool.depth().unwrap().bytes < bytes + 200, "refusing costs nothing");
    assert!(spool.is_refusing(), "that audit is kept is no recovery");

    drop(spool);
    let spool = open(&path, limits);
    spool.acknowledge(Stream::Audit, epoch(), 23).unwrap();
    spool.append(moment(5), Stream::Note, |slot| encode(slot, "again")).unwrap();
    let notes = rows(&spool, Stream::Note);
    let said: Vec<String> = notes.iter().map(|r| String::from_utf8(r.bytes.clone()).unwrap()).collect();
    assert!(said[0].ends_with("lost 1 3 QuotaBytes") && said[1].ends_with("again"), "{said:?}");
    assert_eq!(notes[0].seq, 4);
    assert!(!spool.is_refusing());
}

#[test]
fn a_loss_in_the_middle_of_what_is_dropped_later_is_part_of_that_loss() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { max_bytes: 10_000, reserve_bytes: 4096, ..Limits::default() };
    let spool = open(&folder.path().join("spool.db"), limits);
    let add = |stream, text: &str| spool.append(moment(0), stream, |slot| encode(slot, text));
    let long = "x".repeat(3000);
    for _ in 0..5 {
        add(Stream::Audit, &long).unwrap();
    }
    add(Stream::Note, "refused").unwrap_err();
    spool.acknowledge(Stream::Audit, epoch(), 4).unwrap();
    for _ in 0..6 {
        add(Stream::Note, &long).unwrap();
    }
    let losses: Vec<String> = rows(&spool, Stream::Note)
        .iter()
        .map(|r| String::from_utf8_lossy(&r.bytes).into_owned())
        .filter(|said| said.contains("lost"))
        .collect();
    assert!(
        matches!(&losses[..], [one] if one.contains("lost 1 ")),
        "one loss from the first on: {losses:?}"
    );
}

#[test]
fn an_acknowledgement_of_another_life_or_of_the_future_deletes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder.path().join("spool.db"), roomy());
    spool.append(moment(0), Stream::Audit, |slot| encode(slot, "a")).unwrap();
    let other = spool.acknowledge(Stream::Audit, EpochId::from_u128(9), 1);
    assert!(matches!(other, Err(AcknowledgeError::OtherEpoch { .. })));
    let future = spool.acknowledge(Stream::Audit, epoch(), 2);
    assert!(matches!(future, Err(AcknowledgeError::BeyondHead { head: 1, .. })));
    assert_eq!(rows(&spool, Stream::Audit).len(), 1);
    assert_eq!(spool.acknowledge(Stream::Audit, epoch(), 1).unwrap(), 1);
    assert_eq!(spool.acknowledge(Stream::Audit, epoch(), 1).unwrap(), 0, "twice is once");
}

#[test]
fn numbers_go_on_after_everything_was_acknowledged_and_the_file_reopened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.db");
    let spool = open(&path, roomy());
    let first = spool.append(moment(0), Stream::Audit, |slot| encode(slot, "a")).unwrap();
    spool.acknowledge(Stream::Audit, epoch(), 1).unwrap();
    drop(spool);
    let again = Spool::open(&path, roomy(), EpochId::from_u128(99), write_loss()).unwrap();
    assert_eq!(again.epoch(), epoch(), "the epoch is the file's, not the caller's");
    let second = again
        .append(moment(1), Stream::Audit, |slot| {
            assert_eq!(slot.prev, first.hash);
            encode(slot, "b")
        })
        .unwrap();
    assert_eq!(second.seq, 2);
}

#[test]
fn erased_words_are_gone_from_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(&folder.path().join("spool.db"), roomy(), epoch(), write_loss()).unwrap();
    let meeting = MeetingId::from_u128(5);
    for _ in 0..30 {
        spool
            .append(moment(0), Stream::Utterance, |slot| {
                encode_private(slot, "u", meeting, "marmalade sunrise")
            })
            .unwrap();
    }
    let holds_words = || {
        std::fs::read_dir(folder.path()).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(9).any(|window| window == b"marmalade")
        })
    };
    assert!(holds_words());
    let record = |erased, slot| encode(slot, &format!("erased {erased}"));
    assert_eq!(spool.erase_meeting(moment(1), meeting, Some(b"idle"), record).unwrap(), 30);
    let audit = rows(&spool, Stream::Audit);
    assert!(String::from_utf8_lossy(&audit[0].bytes).ends_with("erased 30"), "the audit says so");
    assert_eq!(spool.state().unwrap().unwrap(), b"idle", "nor does the state remember");
    assert!(!holds_words(), "the words are still in a file");
    assert_eq!(rows(&spool, Stream::Utterance).len(), 30, "the records stay");
}

#[test]
fn the_files_belong_to_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(&folder.path().join("spool.db"), roomy(), epoch(), write_loss()).unwrap();
    spool.append(moment(0), Stream::Audit, |slot| encode(slot, "a")).unwrap();
    let mut files = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        files += 1;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
    assert_eq!(files, 3, "the database, its log, the reserve");
}

#[test]
fn a_file_that_is_no_spool_is_named_and_can_be_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.db");
    std::fs::write(&path, "this is a shopping list, and quite a long one at that: milk, bread, butter, eggs")
        .unwrap();
    let error = Spool::open(&path, roomy(), epoch(), write_loss()).unwrap_err();
    assert!(matches!(error, OpenSpoolError::Damaged { .. }), "{error:?}");
    let aside = prim_spool::set_aside(&path).unwrap();
    assert!(aside.exists() && !path.exists());
    let fresh = EpochId::from_u128(77);
    let spool = Spool::open(&path, roomy(), fresh, write_loss()).unwrap();
    assert_eq!(spool.epoch(), fresh, "a new life has a new epoch");
}

#[test]
fn a_missing_folder_says_what_to_check() {
    let error = Spool::open(Path::new("/nonexistent/spool.db"), roomy(), epoch(), write_loss()).unwrap_err();
    assert!(error.to_string().contains("check that its folder exists"), "{error}");
}

#[test]
fn a_closure_that_panics_uses_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder.path().join("spool.db"), roomy());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        spool.append(moment(0), Stream::Audit, |_| panic!("the encoder has a bug"))
    }));
    assert!(panicked.is_err());
    assert_eq!(spool.append(moment(0), Stream::Audit, |slot| encode(slot, "a")).unwrap().seq, 1);
}

#[test]
fn the_state_is_kept_with_its_records_and_forgotten_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.db");
    let spool = open(&path, roomy());
    assert_eq!(spool.state().unwrap(), None);
    let append = |spool: &Spool, state: &str| {
        spool
            .append_with_state(moment(1), &[Stream::Audit], state.as_bytes(), |_, slot| encode(slot, "r"))
            .unwrap()
    };
    append(&spool, "the keys are at the front desk");
    append(&spool, "nobody has the keys");
    drop(spool);
    let spool = open(&path, roomy());
    assert_eq!(spool.state().unwrap().as_deref(), Some(&b"nobody has the keys"[..]));
    spool.forget_state().unwrap();
    assert_eq!(spool.state().unwrap(), None);
    drop(spool);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(4).any(|part| part == b"keys"));
    }
}

#[test]
fn tables_of_version_1_get_what_they_lack() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.db");
    let spool = open(&path, roomy());
    let first = spool.append(moment(1), Stream::Audit, |slot| encode(slot, "old")).unwrap();
    drop(spool);
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch("DROP TABLE state; PRAGMA user_version = 1;").unwrap();
    drop(old);
    let spool = open(&path, roomy());
    spool.append_with_state(moment(2), &[Stream::Audit], b"new", |_, slot| encode(slot, "new")).unwrap();
    let rows = rows(&spool, Stream::Audit);
    assert_eq!((rows.len(), rows[1].prev), (2, first.hash));
}

/// The loss records of `stream`: its number and what it says.
fn losses(spool: &Spool, stream: Stream) -> Vec<(u64, String)> {
    let rows = spool.read(stream, 1, 1000).unwrap();
    let said = rows.iter().map(|row| (row.seq, String::from_utf8(row.bytes.clone()).unwrap()));
    said.filter(|(_, said)| said.contains("lost")).collect()
}

#[test]
fn records_that_never_came_get_numbers_and_a_record_that_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.db");
    let spool = open(&path, roomy());
    let mut last = [0; 32];
    for stream in [Stream::Audit, Stream::Note] {
        last = spool.append(moment(1), stream, |slot| encode(slot, "before")).unwrap().hash;
    }
    let lost = [(Stream::Audit, 3), (Stream::Note, 1), (Stream::Usage, 0)];
    assert!(spool.lose(moment(2), &lost, LossReason::DiskFault).unwrap());
    for (stream, named, says) in
        [(Stream::Audit, 5, "lost 2 4 DiskFault"), (Stream::Note, 3, "lost 2 2 DiskFault")]
    {
        let losses = losses(&spool, stream);
        assert!(matches!(&losses[..], [(seq, said)] if *seq == named && said.ends_with(says)), "{losses:?}");
    }
    assert_eq!(spool.tip(Stream::Usage).seq, 0);
    let after = spool.read(Stream::Note, 3, 1).unwrap();
    assert_eq!(after[0].prev, last, "the chain goes on from where it was");
    drop(spool);
    let spool = open(&path, roomy());
    assert_eq!(spool.tip(Stream::Audit).seq, 5);
    spool.append(moment(3), Stream::Audit, |slot| encode(slot, "after")).unwrap();
}

#[test]
fn a_spool_whose_last_record_was_refused_opens_again_and_then_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.db");
    let limits = Limits { max_bytes: 10_000, ..roomy() };
    let spool = open(&path, limits);
    let mut at = 1;
    let refused = loop {
        at += 1;
        spool.append(moment(at), Stream::Audit, |slot| encode(slot, &"a".repeat(3000))).unwrap();
        if let Err(error) = spool.append(moment(at), Stream::Utterance, |slot| encode(slot, "no room")) {
            break error;
        }
    };
    assert!(matches!(refused, AppendError::OverQuota { audit_kept: true, .. }), "{refused}");
    let rows = spool.read(Stream::Utterance, 1, 1000).unwrap();
    let last = rows.last().expect("one that admits an earlier drop").seq;
    assert!(last < spool.tip(Stream::Utterance).seq, "the last number is lost, and nothing says so yet");
    drop(spool);
    let spool = open(&path, limits);
    spool.acknowledge(Stream::Audit, epoch(), spool.tip(Stream::Audit).seq).unwrap();
    spool.append(moment(at), Stream::Utterance, |slot| encode(slot, "room")).unwrap();
    let (_, named) = losses(&spool, Stream::Utterance).pop().unwrap();
    assert!(named.ends_with("QuotaBytes"), "{named}");
}
