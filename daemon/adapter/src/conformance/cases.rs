//! The cases. Each gives `Err` with what was seen instead of what was promised.

use std::time::{Duration, Instant};

use prim_audio::{Frames, SampleTime};
use prim_ids::ParticipantId;

use super::{Case, Peer, Rig};
use crate::{
    Adapter, AdapterEvent, AudioBlock, Capability, CloseReason, Ear, Heard, JoinError, JoinRequest, Mouth,
    Session, SessionState, SpeakError,
};

/// Longer than any of these takes on a loaded machine; a case that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long something that must not happen is given to happen.
const NEVER: Duration = Duration::from_millis(150);

type Found = Result<(), String>;

pub(super) fn with_mouth<A: Adapter<Mouth = Mouth>, P: Peer>(
    case: Case,
    rig: &mut impl FnMut() -> Rig<A, P>,
) -> Found {
    match case {
        Case::SpeechIsAudible => speech_is_audible(rig()),
        Case::SilenceIsImmediate => silence_is_immediate(rig()),
        Case::MouthIsExclusive => mouth_is_exclusive(&rig()),
        Case::DropsAreSurvived => {
            drops_are_survived(rig())?;
            speech_waits_for_the_meeting(rig())
        }
        Case::JoinIsProven
        | Case::FramesArriveInPlace
        | Case::GapsAreVisible
        | Case::ParticipantsComeAndGo
        | Case::PrimsHandIsSeen
        | Case::PeoplesHandsAreSeen
        | Case::BannerIsShown
        | Case::OneIsAsked
        | Case::LeavingIsSeen
        | Case::ManifestIsHonest => listening(case, rig),
    }
}

pub(super) fn listening<A: Adapter, P: Peer>(case: Case, rig: &mut impl FnMut() -> Rig<A, P>) -> Found {
    match case {
        Case::JoinIsProven => join_is_proven(rig()),
        Case::FramesArriveInPlace => frames_arrive_in_place(rig()),
        Case::GapsAreVisible => gaps_are_visible(rig()),
        Case::ParticipantsComeAndGo => participants_come_and_go(rig()),
        Case::PrimsHandIsSeen => prims_hand_is_seen(rig()),
        Case::PeoplesHandsAreSeen => peoples_hands_are_seen(rig()),
        Case::BannerIsShown => banner_is_shown(rig()),
        Case::OneIsAsked => one_is_asked(rig()),
        Case::LeavingIsSeen => leaving_is_seen(rig()),
        Case::DropsAreSurvived => drops_are_survived(rig()),
        Case::ManifestIsHonest => manifest_is_honest(&rig()),
        Case::SpeechIsAudible | Case::SilenceIsImmediate | Case::MouthIsExclusive => {
            Err("the manifest claims speech, but the session has no mouth".to_owned())
        }
    }
}

fn join<A: Adapter, P>(rig: &Rig<A, P>) -> Result<Session<A::Mouth>, String> {
    let request = JoinRequest { admission_limit: PATIENCE, ..JoinRequest::default() };
    rig.adapter.join(&request).map_err(|error| format!("joining failed: {error}"))
}

/// Asks until yes.
fn wait_for(what: &str, mut holds: impl FnMut() -> bool) -> Found {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        if Instant::now() > deadline {
            return Err(format!("{what} did not happen within {} s", PATIENCE.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn wait_for_event<M>(session: &Session<M>, wanted: &AdapterEvent) -> Found {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while Instant::now() < deadline {
        match session.next_event(Duration::from_millis(20)) {
            Some(event) if event == *wanted => return Ok(()),
            Some(event) => seen.push(event),
            None => {}
        }
    }
    Err(format!("{wanted:?} did not come; these came: {seen:?}"))
}

fn check(holds: bool, otherwise: &str) -> Found {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn somebody() -> ParticipantId {
    ParticipantId::from_u128(0x0123_4567_89AB_CDEF)
}

fn join_is_proven<A: Adapter, P: Peer>(mut rig: Rig<A, P>) -> Found {
    let limit = Duration::from_millis(200);
    let hasty = JoinRequest { admission_limit: limit, ..JoinRequest::default() };
    rig.peer.keep_waiting();
    let began = Instant::now();
    match rig.adapter.join(&hasty) {
        Err(JoinError::NotAdmitted { .. }) => {}
        Err(other) => return Err(format!("an unanswered knock became \"{other}\"")),
        Ok(_) => return Err("joined although nobody admitted".to_owned()),
    }
    check(began.elapsed() < limit + PATIENCE, "the admission limit was not kept")?;
    rig.peer.refuse("not today");
    match rig.adapter.join(&JoinRequest { admission_limit: PATIENCE, ..JoinRequest::default() }) {
        Err(JoinError::Refused { why }) => check(why.contains("not today"), "the refusal lost its reason")?,
        Err(other) => return Err(format!("a refusal became \"{other}\"")),
        Ok(_) => return Err("joined although refused".to_owned()),
    }
    rig.peer.admit();
    let session = join(&rig)?;
    check(session.state() == SessionState::Joined, "the session is not joined after the join")?;
    wait_for("the far side seeing Prim", || rig.peer.sees_prim())
}

/// A block whose samples tell its number.
fn numbered<P: Peer>(peer: &P, n: u16, at: u64) -> Result<AudioBlock, String> {
    let samples = vec![n as i16; peer.block_frames()];
    AudioBlock::new(SampleTime(at), &samples).map_err(|error| error.to_string())
}

fn only_ear<M>(session: &Session<M>) -> Result<Ear, String> {
    session.take_ears().into_iter().next().ok_or_else(|| "the session has no ear".to_owned())
}

fn hear(ear: &mut Ear) -> Result<Heard, String> {
    let mut heard = None;
    wait_for("hearing the next block", || {
        heard = ear.hear();
        heard.is_some()
    })?;
    heard.ok_or_else(|| "nothing heard".to_owned())
}

fn frames_arrive_in_place<A: Adapter, P: Peer>(mut rig: Rig<A, P>) -> Found {
    let session = join(&rig)?;
    let mut ear = only_ear(&session)?;
    let frames = rig.peer.block_frames() as u64;
    check(u64::from(ear.rate().hz()) == frames * 100, "the ear's rate and its blocks disagree")?;
    for n in 0..100_u16 {
        let block = numbered(&rig.peer, n + 1, u64::from(n) * frames)?;
        rig.peer.play(&block);
        let expected = Heard::Block(block);
        let heard = hear(&mut ear)?;
        if heard != expected {
            return Err(format!("block {n}: heard {heard:?} instead of {expected:?}"));
        }
    }
    Ok(())
}

fn gaps_are_visible<A: Adapter, P: Peer>(mut rig: Rig<A, P>) -> Found {
    let session = join(&rig)?;
    let mut ear = only_ear(&session)?;
    let frames = rig.peer.block_frames() as u64;
    for at in [0, frames, 4 * frames] {
        let block = numbered(&rig.peer, 9, at)?;
        rig.peer.play(&block);
    }
    hear(&mut ear)?;
    hear(&mut ear)?;
    let expected = Heard::Gap { from: SampleTime(2 * frames), missing: Frames(2 * frames) };
    let heard = hear(&mut ear)?;
    check(heard == expected, &format!("heard {heard:?} instead of {expected:?}"))?;
    check(
        matches!(hear(&mut ear)?, Heard::Block(b) if b.at.0 == 4 * frames),
        "the block after the gap is missing",
    )
}

/// Speaks blocks with the given numbers, waiting when the mouth is full.
fn speak<P: Peer>(peer: &P, session: &Session<Mouth>, numbers: std::ops::Range<u16>) -> Result<(), String> {
    let mut lease = session.lease_mouth().map_err(|error| error.to_string())?;
    let samples = usize::try_from(lease.rate().hz() / 100).map_err(|error| error.to_string())?;
    for n in numbers {
        let block = AudioBlock::new(SampleTime(0), &vec![n as i16; samples]).map_err(|e| e.to_string())?;
        let mut last = Ok(());
        wait_for("a place in the mouth's queue", || {
            last = lease.speak(&block);
            last != Err(SpeakError::Full)
        })?;
        last.map_err(|error| error.to_string())?;
    }
    let _ = peer;
    wait_for("the mouth's queue being played", || lease.is_drained())
}

fn speech_is_audible<A: Adapter<Mouth = Mouth>, P: Peer>(mut rig: Rig<A, P>) -> Found {
    let session = join(&rig)?;
    speak(&rig.peer, &session, 1..41)?;
    let mut end = None;
    for n in 1..41_i16 {
        let Some(super::Spoken(block)) = rig.peer.heard(PATIENCE) else {
            return Err(format!("block {n} of speech was not heard"));
        };
        check(block.samples().iter().all(|s| *s == n), &format!("another sound than block {n} was heard"))?;
        check(end.is_none_or(|end| block.at >= end), "speech went back in time")?;
        end = Some(block.end());
    }
    Ok(())
}

fn silence_is_immediate<A: Adapter<Mouth = Mouth>, P: Peer>(mut rig: Rig<A, P>) -> Found {
    let session = join(&rig)?;
    let mut lease = session.lease_mouth().map_err(|error| error.to_string())?;
    let samples = usize::try_from(lease.rate().hz() / 100).map_err(|error| error.to_string())?;
    let block = AudioBlock::new(SampleTime(0), &vec![7; samples]).map_err(|e| e.to_string())?;
    while lease.speak(&block).is_ok() {}
    lease.silence();
    let began = Instant::now();
    let mut after = 0;
    while began.elapsed() < NEVER {
        after += usize::from(rig.peer.heard(Duration::from_millis(10)).is_some());
    }
    // What left before, plus one block that was on its way.
    check(after <= 3, &format!("{after} blocks were heard after silence"))?;
    check(lease.is_drained(), "silenced speech still counts as waiting")
}

fn mouth_is_exclusive<A: Adapter<Mouth = Mouth>, P: Peer>(rig: &Rig<A, P>) -> Found {
    let session = join(rig)?;
    let lease = session.lease_mouth().map_err(|error| error.to_string())?;
    check(session.lease_mouth().is_err(), "the mouth was leased twice")?;
    drop(lease);
    session.lease_mouth().map(|_| ()).map_err(|_| "a dropped lease did not free the mouth".to_owned())
}

fn participants_come_and_go<A: Adapter, P: Peer>(mut rig: Rig<A, P>) -> Found {
    let early = ParticipantId::from_u128(1);
    rig.peer.enter(early, "Early");
    let session = join(&rig)?;
    wait_for_event(&session, &AdapterEvent::ParticipantJoined { who: early })?;
    rig.peer.enter(somebody(), "Late");
    wait_for_event(&session, &AdapterEvent::ParticipantJoined { who: somebody() })?;
    check(session.roster().get(somebody()).is_some_and(|p| p.name == "Late"), "the roster lacks the name")?;
    rig.peer.exit(early);
    wait_for_event(&session, &AdapterEvent::ParticipantLeft { who: early })?;
    check(session.roster().len() == 1, "the roster holds somebody who left")
}

fn prims_hand_is_seen<A: Adapter, P: Peer>(mut rig: Rig<A, P>) -> Found {
    let session = join(&rig)?;
    session.raise_hand().map_err(|error| error.to_string())?;
    wait_for("Prim's hand going up at the far side", || rig.peer.prims_hand())?;
    session.lower_hand().map_err(|error| error.to_string())?;
    wait_for("Prim's hand going down at the far side", || !rig.peer.prims_hand())
}

fn peoples_hands_are_seen<A: Adapter, P: Peer>(mut rig: Rig<A, P>) -> Found {
    let session = join(&rig)?;
    rig.peer.enter(somebody(), "Somebody");
    rig.peer.move_hand(somebody(), true);
    wait_for_event(&session, &AdapterEvent::HandRaised { who: somebody() })?;
    rig.peer.move_hand(somebody(), false);
    wait_for_event(&session, &AdapterEvent::HandLowered { who: somebody() })
}

fn banner_is_shown<A: Adapter, P: Peer>(mut rig: Rig<A, P>) -> Found {
    let session = join(&rig)?;
    session.show_banner("Prim would like to say something").map_err(|error| error.to_string())?;
    wait_for("the banner", || rig.peer.banner() == "Prim would like to say something")?;
    session.show_banner("").map_err(|error| error.to_string())?;
    wait_for("the banner going away", || rig.peer.banner().is_empty())
}

fn one_is_asked<A: Adapter, P: Peer>(mut rig: Rig<A, P>) -> Found {
    let session = join(&rig)?;
    let other = ParticipantId::from_u128(1);
    rig.peer.enter(other, "Other");
    rig.peer.enter(somebody(), "Somebody");
    wait_for_event(&session, &AdapterEvent::ParticipantJoined { who: somebody() })?;
    session.show_notice(somebody(), "may I?").map_err(|error| error.to_string())?;
    wait_for("the notice", || rig.peer.notice(somebody()) == "may I?")?;
    check(rig.peer.notice(other).is_empty(), "somebody else was shown the notice")?;
    rig.peer.answer(ParticipantId::from_u128(77), true);
    rig.peer.answer(somebody(), false);
    wait_for("the answer", || match session.next_event(NEVER) {
        Some(AdapterEvent::ConsentAnswered { who, agrees }) => who == somebody() && !agrees,
        Some(_) | None => false,
    })
}

fn leaving_is_seen<A: Adapter, P: Peer>(mut rig: Rig<A, P>) -> Found {
    let session = join(&rig)?;
    wait_for("the far side seeing Prim", || rig.peer.sees_prim())?;
    session.leave(PATIENCE).map_err(|error| error.to_string())?;
    check(
        session.state() == SessionState::Closed(CloseReason::Left),
        "the session is not closed after leaving",
    )?;
    wait_for("the far side seeing Prim leave", || !rig.peer.sees_prim())?;
    check(
        session.raise_hand().is_err() && session.show_banner("x").is_err(),
        "a closed session takes requests",
    )
}

fn is_away<M>(session: &Session<M>) -> bool {
    matches!(session.state(), SessionState::Reconnecting { .. })
}

fn drops_are_survived<A: Adapter, P: Peer>(mut rig: Rig<A, P>) -> Found {
    let session = join(&rig)?;
    let mut ear = only_ear(&session)?;
    let frames = rig.peer.block_frames() as u64;
    let first = numbered(&rig.peer, 1, 0)?;
    rig.peer.play(&first);
    hear(&mut ear)?;
    rig.peer.drop_connection();
    wait_for("showing the drop", || is_away(&session))?;
    std::thread::sleep(NEVER);
    check(is_away(&session), "the session calls itself joined while the platform is away")?;
    rig.peer.admit();
    wait_for("coming back", || session.state() == SessionState::Joined)?;
    let again = numbered(&rig.peer, 2, 0)?;
    rig.peer.play(&again);
    let heard = hear(&mut ear)?;
    let Heard::Gap { from, missing } = heard else {
        return Err(format!("the absence is no gap but {heard:?}"));
    };
    check(from.0 == frames, "the gap begins elsewhere than where the sound ended")?;
    let least = u64::from(ear.rate().hz()) * NEVER.as_millis() as u64 / 1000;
    check(missing.0 >= least, &format!("the gap of {} frames is shorter than the absence", missing.0))?;
    check(matches!(hear(&mut ear)?, Heard::Block(b) if b.samples()[0] == 2), "no sound after coming back")
}

fn speech_waits_for_the_meeting<A: Adapter<Mouth = Mouth>, P: Peer>(mut rig: Rig<A, P>) -> Found {
    let session = join(&rig)?;
    let lease = session.lease_mouth().map_err(|error| error.to_string())?;
    let samples = usize::try_from(lease.rate().hz() / 100).map_err(|error| error.to_string())?;
    drop(lease);
    rig.peer.drop_connection();
    wait_for("showing the drop", || is_away(&session))?;
    let mut lease = session.lease_mouth().map_err(|error| error.to_string())?;
    let lost = AudioBlock::new(SampleTime(0), &vec![5; samples]).map_err(|error| error.to_string())?;
    check(lease.speak(&lost) == Err(SpeakError::NotJoined), "speech into a dropped meeting was accepted")?;
    drop(lease);
    rig.peer.admit();
    wait_for("coming back", || session.state() == SessionState::Joined)?;
    speak(&rig.peer, &session, 6..7)?;
    match rig.peer.heard(PATIENCE) {
        Some(super::Spoken(block)) => {
            check(block.samples()[0] == 6, "old speech was heard after coming back")
        }
        None => Err("no speech was heard after coming back".to_owned()),
    }
}

fn manifest_is_honest<A: Adapter, P: Peer>(rig: &Rig<A, P>) -> Found {
    let session = join(rig)?;
    let manifest = rig.adapter.manifest();
    check(*session.manifest() == manifest, "the session's manifest differs from the adapter's")?;
    if !manifest.offers(Capability::RaiseHand) {
        check(session.raise_hand().is_err(), "a hand can be raised, but the manifest says it cannot")?;
    }
    if !manifest.offers(Capability::AskOne) {
        let refused = session.show_notice(somebody(), "x").is_err();
        check(refused, "one person can be asked, but the manifest says that they cannot")?;
    }
    if !manifest.offers(Capability::Banner) {
        check(session.show_banner("x").is_err(), "a banner can be shown, but the manifest says it cannot")?;
    }
    if !manifest.offers(Capability::Hear) {
        check(session.take_ears().is_empty(), "there is an ear, but the manifest says there is none")?;
    }
    for claim in &manifest.claims {
        let proof = claim.support.proof().unwrap_or("none needed");
        check(!proof.is_empty(), &format!("the claim \"{}\" names no proof", claim.capability))?;
    }
    Ok(())
}
