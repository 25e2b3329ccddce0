//! A disk without room: what is kept, what is told of it, and that it heals.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::*;

/// Runs the test `name` again as a process of its own, whose folder for temporary files is a file system of 20 MB. Whether this
/// is that process.
fn runs_on_a_small_disk(name: &str) -> bool {
    const CHILD: &str = "PRIM_TEST_SMALL_DISK";
    const MOUNT: &str = "mount -t tmpfs -o size=20m prim \"$1\"";
    /// Root takes a mount namespace; anybody else becomes root of a user namespace first.
    const WAYS: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let unshare = |way: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(way).stdout(Stdio::null());
        command
    };
    let folder = tempfile::tempdir().unwrap();
    let mounts = |way: &&[&str]| {
        let tried =
            unshare(way).args(["sh", "-c", MOUNT, "sh"]).arg(folder.path()).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let way = WAYS
        .into_iter()
        .find(mounts)
        .expect("this test mounts a small disk: run it as root or allow user namespaces");
    let status = unshare(way)
        .args(["sh", "-c", &format!("{MOUNT} && TMPDIR=\"$1\" exec \"$2\" --exact \"$3\""), "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .arg(format!("meeting_loop::tests::full_disk::{name}"))
        .env(CHILD, "1")
        .status()
        .unwrap();
    assert!(status.success(), "the child on the small disk failed: its words stand above");
    false
}

/// What others keep on the disk.
struct Others(PathBuf);

impl Others {
    /// They take everything but `left` bytes.
    fn fill(left: u64) -> Self {
        let path = std::env::temp_dir().join("others");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
        let size = file.metadata().unwrap().len();
        file.set_len(size - left.min(size)).unwrap();
        Self(path)
    }

    fn go(self) {
        std::fs::remove_file(self.0).unwrap();
    }
}

const SMALL: Limits =
    Limits { max_bytes: 1 << 30, max_age: Duration::from_secs(30 * 24 * 3600), reserve_bytes: 1 << 20 };

#[test]
fn a_disk_that_others_fill_is_reported_step_by_step_and_heals_by_itself() {
    if !runs_on_a_small_disk("a_disk_that_others_fill_is_reported_step_by_step_and_heals_by_itself") {
        return;
    }
    let mut bench = bench(SMALL);
    bench.begin();
    assert_eq!(bench.look_at_disk(), ("up", None));

    let others = Others::fill(2 << 20);
    let (state, why) = bench.look_at_disk();
    assert_eq!((state, why.as_deref()), ("degraded", Some("the disk is filling up: free some space")));
    others.go();
    assert_eq!(bench.look_at_disk(), ("up", None));

    let others = Others::fill(0);
    let (state, why) = bench.look_at_disk();
    let tight = "the disk is full, only audit is sure of room: free some space";
    assert_eq!((state, why.as_deref()), ("degraded", Some(tight)), "before anything was refused");
    let now = clock::mono_now();
    for _ in 0..200 {
        bench.fact(now, words(&"many words ".repeat(1000), now));
    }
    let (state, why) = bench.look_at_disk();
    let only_audit = "the disk is full, only audit is kept: free some space";
    assert_eq!((state, why.as_deref()), ("absent", Some(only_audit)));
    assert!(bench.spool.depth().unwrap().refused > 0);
    assert_eq!(bench.count(Stream::Audit, "only_audit_is_kept"), 1, "it is on record, and once");
    assert_eq!(bench.count(Stream::Utterance, "\"hole\""), 0, "what is lost is named when there is room");

    others.go();
    assert_eq!(bench.look_at_disk(), ("up", None));
    assert_eq!(bench.count(Stream::Utterance, "disk_full"), 1, "nobody had to say anything more");
    bench.fact(now, words("there is room again", now));
    assert_eq!(bench.look_at_disk(), ("up", None));
}

#[test]
fn a_disk_without_room_for_the_reserve_is_reported_from_the_start() {
    if !runs_on_a_small_disk("a_disk_without_room_for_the_reserve_is_reported_from_the_start") {
        return;
    }
    let others = Others::fill(1 << 20);
    let mut bench = bench(SMALL);
    bench.begin();
    let (state, why) = bench.look_at_disk();
    let tight = "the disk is full, only audit is sure of room: free some space";
    assert_eq!((state, why.as_deref()), ("degraded", Some(tight)));
    assert_eq!(bench.count(Stream::Audit, "only_audit_is_sure_of_room"), 1);
    others.go();
    assert_eq!(bench.look_at_disk(), ("up", None));
}

#[test]
fn when_the_reserve_is_full_too_nothing_is_lost_in_silence() {
    if !runs_on_a_small_disk("when_the_reserve_is_full_too_nothing_is_lost_in_silence") {
        return;
    }
    let mut bench = bench(SMALL);
    bench.begin();
    let others = Others::fill(0);
    let now = clock::mono_now();
    let audit = || proto::Body::Audit(proto::Audit::Daemon { state: "filling".parse().unwrap() });
    let mut given = 0_u64;
    while bench.meeting_loop.state.disk != Some(DiskState::Full) {
        assert!(given < 100_000, "the reserve never filled");
        bench.meeting_loop.note(now, audit());
        given += 1;
        if given.is_multiple_of(50) {
            bench.written();
        }
    }
    let (state, why) = bench.look_at_disk();
    assert_eq!(state, "absent");
    assert!(why.as_ref().is_some_and(|why| why.contains("nothing is kept")), "{why:?}");
    others.go();
    assert_eq!(bench.look_at_disk(), ("up", None));
    let rows = bench.spool.read(Stream::Audit, 1, 200_000).unwrap();
    let holes: u64 = rows.iter().filter_map(hole).map(|(from, to)| to - from + 1).sum();
    let noted = bench.count(Stream::Audit, "\"filling\"") as u64;
    assert!(holes >= given - noted && holes > 0, "{given} were given, {noted} are there, {holes} are named");
    assert_eq!(rows.last().unwrap().seq, rows.len() as u64 + holes);
}

#[test]
fn over_quota_the_audit_beside_a_refused_utterance_is_kept_and_proves_what_it_says() {
    let mut bench = bench(Limits { max_bytes: 20_000, reserve_bytes: 4096, ..Limits::default() });
    bench.begin();
    let now = clock::mono_now();
    let audit = || proto::Body::Audit(proto::Audit::Daemon { state: "filling".parse().unwrap() });
    while bench.spool.depth().unwrap().bytes <= 20_000 {
        bench.meeting_loop.note(now, audit());
        bench.written();
    }
    let before = bench.spool.tip(prim_ids::Stream::Audit).seq;
    bench.fact(now, words("nobody has room for this", now));
    assert_eq!(bench.spool.depth().unwrap().refused, 1);
    let ledger = &mut bench.meeting_loop.ledger;
    let mut draft = ledger.draft(now, audit(), proto::Erasables::default());
    let beside = vec![ledger.draft(now, audit(), proto::Erasables::default()), {
        draft.stream = prim_ids::Stream::Note;
        draft
    }];
    bench.meeting_loop.settle();
    bench.written();
    let state_of_it = Some("a state".to_owned());
    bench.meeting_loop.writer.give(Batch { drafts: beside, state: state_of_it, ..Batch::default() });
    bench.meeting_loop.writer.flush(Duration::from_secs(60)).unwrap();
    let written = std::iter::from_fn(|| bench.meeting_loop.writer.next_written()).last();
    assert!(
        matches!(written, Some(Written::Batch { stored: Stored::AuditAlone, .. })),
        "the audit is on disk, it may be heard: {written:?}"
    );
    assert_eq!(state(&bench.spool).as_deref(), Some("a state"));
    assert!(bench.spool.tip(prim_ids::Stream::Audit).seq > before);
    assert_eq!(bench.spool.depth().unwrap().refused, 2);
    bench.meeting_loop.settle();
    bench.written();
    assert!(matches!(bench.meeting_loop.parts.state(Peripheral::Disk), ("absent", Some(_))));
    let told = |bench: &Bench| {
        let rows = bench.spool.read(prim_ids::Stream::Audit, before, 1000).unwrap();
        rows.iter().filter(|row| String::from_utf8_lossy(&row.bytes).contains("\"disk\"")).count()
    };
    assert_eq!(told(&bench), 1, "the fault is on record once, not once for each that is refused");
    let audit_tip = bench.spool.tip(prim_ids::Stream::Audit).seq;
    bench.spool.acknowledge(prim_ids::Stream::Audit, bench.spool.epoch(), audit_tip).unwrap();
    bench.fact(now, words("now there is", now));
    bench.meeting_loop.settle();
    assert_eq!(bench.meeting_loop.parts.state(Peripheral::Disk), ("up", None));
}
