//! What stays on record, and what does not.

use super::*;

#[test]
fn an_erased_meeting_leaves_no_word_on_the_device_and_a_chain_that_holds() {
    let mut bench = meeting();
    let meeting = bench.meeting_loop.meeting.meeting().unwrap();
    let now = clock::mono_now();
    bench.fact(now, words("marmalade sunrise", now));
    let holds_words = |folder: &std::path::Path| {
        let mut folders = vec![folder.to_owned()];
        let mut found = false;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    let bytes = std::fs::read(entry.path()).unwrap();
                    found |= bytes.windows(9).any(|w| w == b"marmalade");
                }
            }
        }
        found
    };
    assert!(holds_words(bench._folder.path()));
    let running = bench.erase(meeting);
    assert!(matches!(running, Outcome::Refused { .. }), "{running:?}");

    bench.fact(now, Input::MeetingEnded);
    let Outcome::Erased { records, replay_log: true } = bench.erase(meeting) else {
        panic!("it was refused, or there was no replay log");
    };
    assert!(records > 1, "title and words at least");
    assert!(!holds_words(bench._folder.path()), "a word is left");
    for stream in prim_ids::Stream::ALL {
        let mut prev = proto::Hash([0; 32]);
        for row in bench.spool.read(stream, 1, 1000).unwrap() {
            assert_eq!(row.prev, prev.0, "{stream} {}", row.seq);
            prev = prim_proto::link(prev, &row.bytes);
            assert_eq!(row.hash, prev.0, "{stream} {}", row.seq);
        }
    }
    let audit = bench.spool.read(prim_ids::Stream::Audit, 1, 1000).unwrap();
    let last = String::from_utf8_lossy(&audit.last().unwrap().bytes).into_owned();
    assert!(last.contains("meeting.erased") && last.contains(&meeting.to_string()), "{last}");
    assert!(matches!(bench.erase(meeting), Outcome::Erased { records: 0, replay_log: false }));
}

#[test]
fn a_wall_clock_that_jumps_in_a_meeting_is_recorded_and_nothing_is_lost() {
    let mut bench = meeting();
    let mono = clock::mono_now();
    let wall = clock::wall_now();
    let kinds = |bench: &Bench| {
        let rows = bench.spool.read(prim_ids::Stream::Audit, 1, 1000).unwrap();
        rows.iter().filter(|r| String::from_utf8_lossy(&r.bytes).contains("\"clock.offset\"")).count()
    };
    let at = |ms: i64| WallTime::from_unix_millis(wall.unix_millis() + ms);
    bench.meeting_loop.look_at_wall(mono, wall, false);
    bench.written();
    assert_eq!(kinds(&bench), 0);
    bench.meeting_loop.look_at_wall(mono + Duration::from_secs(1), at(-7_200_000), false);
    bench.written();
    assert_eq!(kinds(&bench), 1, "set back by two hours");
    bench.meeting_loop.look_at_wall(mono + Duration::from_secs(2), at(-7_199_000), true);
    bench.written();
    assert_eq!(kinds(&bench), 2, "and trusted a second later");
    bench.fact(mono, words("still here", mono));
    assert_eq!(bench.spool.read(prim_ids::Stream::Utterance, 1, 10).unwrap().len(), 1);
}

#[test]
fn losing_the_platform_in_a_meeting_ends_nothing_and_both_ways_are_on_record() {
    let mut bench = meeting();
    let now = clock::mono_now();
    let link = |state| Input::PeripheralChanged { which: Peripheral::RemoteLink, state };
    bench.fact(now, link(PeripheralState::Up));
    let away = PeripheralState::Absent { reason: "the platform hung up".to_owned() };
    bench.fact(now, link(away));
    bench.fact(now, words("still here", now));
    bench.fact(now, link(PeripheralState::Up));
    assert!(bench.meeting_loop.meeting.meeting().is_some());
    assert_eq!(bench.spool.read(prim_ids::Stream::Utterance, 1, 10).unwrap().len(), 1);
    let rows = bench.spool.read(prim_ids::Stream::Audit, 1, 1000).unwrap();
    let states: Vec<&str> = rows
        .iter()
        .map(|row| std::str::from_utf8(&row.bytes).unwrap())
        .filter(|raw| raw.contains("\"platform\""))
        .map(|raw| if raw.contains("\"absent\"") { "absent" } else { "up" })
        .collect();
    assert!(states.ends_with(&["absent", "up"]), "{states:?}");
    assert_eq!(bench.meeting_loop.parts.state(Peripheral::RemoteLink), ("up", None));
}
