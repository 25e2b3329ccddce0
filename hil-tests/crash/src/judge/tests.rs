//! The judge finds each fault, and nothing where there is none.

use prim_ids::{BootId, EpochId, WallTime};
use prim_proto::witness::Witness;
use prim_proto::{Actor, Code, DingPlace, Draft, Erasables, MuteKind};
use prim_spool::Tip;

use super::*;
use crate::ears::Ring;

fn epoch() -> EpochId {
    EpochId::from_u128(9)
}

fn code(word: &str) -> Code {
    word.parse().unwrap()
}

fn request(n: u128) -> RequestId {
    RequestId::from_u128(n)
}

fn asked(n: u128) -> Audit {
    let (reason, by) = (code("remote_hand"), Actor::Button);
    Audit::FloorRequested { request: request(n), reason, evidence: None, utterance: None, by }
}

fn meant(n: u128) -> Audit {
    Audit::FloorDingIntended {
        request: request(n),
        place: DingPlace::Room,
        silence_ms: 700,
        waited_for: Vec::new(),
    }
}

fn rang(n: u128) -> Audit {
    Audit::FloorDinged { request: request(n) }
}

fn expired(n: u128, why: &str) -> Audit {
    Audit::FloorExpired { request: request(n), reason: code(why) }
}

fn restarted() -> Audit {
    Audit::Daemon { state: code("restarted_after_crash") }
}

/// A device that did this, at these times, and everything of it in place.
fn evidence(audit: &[(u64, Audit)]) -> Evidence {
    let mut rows: Vec<Row> = Vec::new();
    for (seq, (at, entry)) in (1..).zip(audit) {
        let draft = Draft {
            org: "acme".parse().unwrap(),
            device: "huddle".parse().unwrap(),
            boot: BootId::from_u128(1),
            stream: Stream::Audit,
            at: MonoTime::from_millis(*at),
            wall: Some(WallTime::from_unix_millis(0)),
            wall_synced: true,
            meeting: None,
            body: Body::Audit(entry.clone()),
            erasables: Erasables::default(),
        };
        let prev = rows.last().map_or(Hash::ZERO, |row| row.hash);
        let placed = draft.place(epoch(), seq, prev);
        let place = (Stream::Audit, epoch(), seq);
        rows.push(Row { place, hash: placed.hash, status: "accepted".to_owned(), raw: placed.raw });
    }
    let placed: BTreeMap<_, _> = rows.iter().map(|row| (row.place, row.hash)).collect();
    let tip = rows.last().map_or((0, Hash::ZERO), |row| (row.place.2, row.hash));
    Evidence {
        witness: Witness { kept: placed.clone(), placed, again: 0 },
        epoch: epoch(),
        tips: [(Stream::Audit, Tip { seq: tip.0, hash: tip.1.0 })].into(),
        unsent: 0,
        rows,
        cursors: [((Stream::Audit, epoch()), tip)].into(),
        unwanted: vec![("quarantine", 0), ("rejected", 0)],
        verified: vec![(Stream::Audit, None)],
        rings: Vec::new(),
    }
}

/// One request that rings, is cut off by a crash, and expires; another that rings a minute later.
fn good() -> Evidence {
    let mut evidence = evidence(&[
        (1000, asked(1)),
        (7000, meant(1)),
        (7100, restarted()),
        (7100, expired(1, "restarted")),
        (60_000, asked(2)),
        (67_000, meant(2)),
        (67_300, rang(2)),
        (97_000, expired(2, "unanswered")),
    ]);
    evidence.rings = vec![Ring { at_ms: 7020, blocks: 6 }, Ring { at_ms: 67_030, blocks: 18 }];
    evidence
}

/// The one problem there is begins with these words.
fn finds(evidence: &Evidence, kind: &str) {
    let problems = judge(evidence);
    assert!(problems.iter().any(|problem| problem.starts_with(kind)), "not found: {kind}; but {problems:#?}");
}

#[test]
fn a_good_run_has_no_problem() {
    assert_eq!(judge(&good()), Vec::<String>::new());
}

#[test]
fn a_record_may_be_committed_without_the_device_knowing_and_be_placed_without_being_committed() {
    let mut run = good();
    let last = run.rows.last().unwrap().place;
    run.witness.kept.remove(&last);
    let beyond = (last.0, last.1, last.2 + 1);
    run.witness.placed.insert(beyond, Hash([7; 32]));
    assert_eq!(judge(&run), Vec::<String>::new());
    run.witness.kept.insert(beyond, Hash([7; 32]));
    finds(&run, "committed and then unknown to the spool");
}

#[test]
fn a_row_that_is_missing_doubled_changed_or_unknown_is_found() {
    let mut run = good();
    run.rows.remove(3);
    finds(&run, "missing from the table");
    finds(&run, "numbers are not in a row");

    let mut run = good();
    run.rows.insert(3, run.rows[3].clone());
    finds(&run, "stored twice");

    let mut run = good();
    run.rows[3].hash = Hash([1; 32]);
    finds(&run, "stored with another hash");
    finds(&run, "the chain is broken");

    let mut run = good();
    run.witness.placed.remove(&run.rows[3].place);
    finds(&run, "stored but never witnessed");

    let mut run = good();
    run.rows[3].raw = run.rows[3].raw.replace("restarted", "unanswered");
    finds(&run, "the chain is broken");
}

#[test]
fn what_has_not_come_to_rest_is_found() {
    let mut run = good();
    run.unsent = 1;
    finds(&run, "left in the spool");
    let mut run = good();
    run.cursors.clear();
    finds(&run, "a cursor is not at the spool's tip");
    let mut run = good();
    run.unwanted[0].1 = 1;
    finds(&run, "rows in a table that must be empty");
    let mut run = good();
    run.verified[0].1 = Some("cut tail".to_owned());
    finds(&run, "an export does not verify");
}

#[test]
fn a_ding_that_sounds_twice_is_found_however_short() {
    let mut run = good();
    run.rings.insert(1, Ring { at_ms: 8500, blocks: 2 });
    finds(&run, "one request was heard twice");
    finds(&run, "more dings than intents");
}

#[test]
fn a_ding_that_nobody_meant_or_nobody_heard_is_found() {
    let mut run = good();
    run.rings[0].at_ms = 6900;
    finds(&run, "a ding without intent");
    let mut run = good();
    run.rings[1].at_ms = 70_000;
    finds(&run, "a ding without intent");
    let mut run = good();
    run.rings.pop();
    finds(&run, "said to have rung, and nobody heard it");
}

#[test]
fn dings_within_a_minute_and_second_intents_are_found() {
    finds(
        &evidence(&[(0, asked(1)), (7000, meant(1)), (66_999, meant(1)), (70_000, expired(1, "unanswered"))]),
        "one request was to ring twice",
    );
    let twice = evidence(&[
        (0, asked(1)),
        (7000, meant(1)),
        (8000, expired(1, "unanswered")),
        (8000, asked(2)),
        (66_999, meant(2)),
        (70_000, expired(2, "unanswered")),
    ]);
    finds(&twice, "two dings within a minute");
}

#[test]
fn a_request_that_outlives_a_restart_or_never_ends_is_found() {
    finds(&evidence(&[(0, asked(1))]), "never closed");
    finds(
        &evidence(&[(0, asked(1)), (5, restarted()), (9, expired(1, "unanswered"))]),
        "not expired by the restart",
    );
    finds(
        &evidence(&[(0, asked(1)), (5, restarted()), (9, meant(1)), (9, expired(1, "restarted"))]),
        "goes on after its end or a restart",
    );
    let twice = [(0, asked(1)), (5, expired(1, "restarted")), (9, expired(1, "restarted"))];
    finds(&evidence(&twice), "closed twice");
}

#[test]
fn an_unmuting_that_is_not_on_record_is_found() {
    let mute = |on| Audit::Mute { which: MuteKind::Soft, on, by: Actor::Button };
    assert_eq!(judge(&evidence(&[(0, mute(true)), (1, mute(false)), (2, mute(true))])), Vec::<String>::new());
    finds(&evidence(&[(0, mute(true)), (1, restarted()), (2, mute(true))]), "a mute that does not alternate");
}

#[test]
fn a_meeting_of_another_length_is_found() {
    let title = prim_proto::Sealer::default().seal("title", prim_proto::Salt([1; 16]), "x");
    let mode = prim_proto::PolicyMode::AnswerOnAsk;
    let began = Audit::MeetingStarted { title, mode, ding: DingPlace::Room };
    let ended = |duration_ms| Audit::MeetingEnded { duration_ms };
    assert_eq!(judge(&evidence(&[(500, began.clone()), (9500, ended(9000))])), Vec::<String>::new());
    finds(&evidence(&[(500, began), (9500, ended(9500))]), "a meeting's length is wrong");
}

#[test]
fn a_speech_that_is_meant_twice_is_found() {
    let say = || Audit::SayStarted { say: 4 };
    finds(&evidence(&[(0, say()), (1, say())]), "said twice");
    finds(&evidence(&[(0, say())]), "said without intent");
}
