//! What is on disk before anything is heard.

use super::*;

#[test]
fn the_intent_to_speak_is_on_disk_before_the_first_block_is_played() {
    let mut bench = meeting();
    bench.say("two minutes left");
    bench.settle_down();
    assert!(bench.blocks.load(Ordering::Acquire) > 0, "it was never heard");
    assert_eq!(*bench.intents_at_first_block.lock().unwrap(), Some(1));
    let records = bench.spool.read(prim_ids::Stream::Audit, 1, 1000).unwrap();
    let kinds: Vec<String> = records.iter().map(|r| String::from_utf8_lossy(&r.bytes).into_owned()).collect();
    assert!(kinds.iter().any(|k| k.contains("say.finished")), "{kinds:#?}");
}

/// The requests that a daemon would expire if it were restarted from `state`.
fn expired_after_restart(state: &str) -> Vec<prim_ids::RequestId> {
    let (org, device) = ("acme".parse().unwrap(), "huddle".parse().unwrap());
    let mut ledger = Ledger::new(Identity { org, device, boot: BootId::from_u128(7) });
    let now = Sign::now(BootId::from_u128(7));
    let mut meeting = resume(state, None, &now, &mut ledger, config_for(None, 2)).unwrap().meeting;
    std::iter::from_fn(|| meeting.poll_output())
        .filter_map(|output| {
            if let Output::Record { entry: Entry { event: Event::FloorClosed { request, .. }, .. } } = output
            {
                Some(request)
            } else {
                None
            }
        })
        .collect()
}

#[test]
fn a_crash_at_the_first_block_expires_the_request_that_is_heard() {
    let mut bench = meeting();
    bench.say("two minutes left");
    bench.settle_down();
    let at_first_block = bench.state_at_first_block.lock().unwrap().clone().expect("a state was kept");
    assert_eq!(expired_after_restart(&at_first_block).len(), 1);
    assert_eq!(expired_after_restart(&state(&bench.spool).expect("a state was kept")), []);
}

#[test]
fn the_state_on_disk_is_that_of_the_last_record() {
    let mut bench = meeting();
    let mut seen = 0;
    bench.say("two minutes left");
    for _ in 0..40 {
        bench.meeting_loop.settle();
        bench.written();
        let tip = bench.spool.tip(prim_ids::Stream::Audit).seq;
        if tip > seen {
            seen = tip;
            let on_disk = state(&bench.spool).expect("a state was kept");
            let rows = bench.spool.read(prim_ids::Stream::Audit, 1, 1000).unwrap();
            let count =
                |kind: &str| rows.iter().filter(|r| String::from_utf8_lossy(&r.bytes).contains(kind)).count();
            let closed = count("\"floor.served\"") + count("\"floor.carded\"");
            assert_eq!(
                expired_after_restart(&on_disk).len(),
                count("\"floor.requested\"") - closed,
                "behind record {tip}"
            );
        }
        if let Ok(Message::Fact { at, input }) = bench.facts.recv_timeout(Duration::from_millis(50)) {
            bench.fact(at, input);
        }
    }
    assert!(seen > 5, "only {seen} records");
}

/// Files cannot grow any more, as on a full disk. It holds for the whole process, so the test runs in one of its own.
#[expect(unsafe_code, reason = "std has no call for a limit of the process")]
fn fill_the_disk() {
    let limit = libc::rlimit { rlim_cur: 0, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: both calls take plain values; ignoring SIGXFSZ makes the write fail instead of killing the process.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit), 0);
    }
}

#[test]
fn what_cannot_be_written_down_is_not_said() {
    const CHILD: &str = "PRIM_TEST_DISK_IS_FULL";
    if std::env::var_os(CHILD).is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "meeting_loop::tests::proof::what_cannot_be_written_down_is_not_said"])
            .env(CHILD, "1")
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "the child with the full disk failed; run it alone with {CHILD}=1");
        return;
    }
    let mut bench = bench(Limits { reserve_bytes: 0, ..Limits::default() });
    bench.begin();
    fill_the_disk();
    bench.say("two minutes left");
    bench.settle_down();
    assert_eq!(bench.blocks.load(Ordering::Acquire), 0, "it was heard although its intent is not on disk");
}
