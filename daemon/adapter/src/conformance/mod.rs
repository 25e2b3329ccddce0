//! The suite that every adapter must pass: the same cases, whatever the platform.
//!
//! An adapter's test implements [`Peer`] (the far side of its platform, under the test's control), builds a
//! [`Rig`] per case and calls [`run`] for adapters with a mouth, [`run_listening`] for those without. A case runs
//! when the manifest claims its capability; where the manifest says no, the suite checks that the session says no
//! too. Each claim must name a proof that passed; [`Report::check`] fails otherwise.

mod cases;
mod peer;

use std::fmt;

pub use peer::{Peer, Rig, Spoken};

use crate::{Adapter, Capability, Manifest, Mouth, NoMouth};

/// One promise, tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Case {
    /// No session before the platform admits; a refusal and an unanswered knock are errors within the time limit.
    JoinIsProven,
    /// A hundred blocks in, with the sound and the places they had.
    FramesArriveInPlace,
    /// A hole in the platform's time is a gap, not silence.
    GapsAreVisible,
    /// What is spoken into the mouth is heard at the far side, in order.
    SpeechIsAudible,
    /// Silence means silence: nothing of the queue is heard after it.
    SilenceIsImmediate,
    /// One mouth: a second lease is refused until the first is dropped.
    MouthIsExclusive,
    /// People come and go.
    ParticipantsComeAndGo,
    /// Prim's hand goes up and down at the far side.
    PrimsHandIsSeen,
    /// People's hands go up and down here.
    PeoplesHandsAreSeen,
    /// The banner is shown and taken away.
    BannerIsShown,
    /// One person alone is shown a text, and their answer about being written down arrives; nobody else's does.
    OneIsAsked,
    /// Leaving is noticed by the far side, and the session is closed.
    LeavingIsSeen,
    /// A drop shows as reconnecting, speech is refused meanwhile, and the session comes back by itself.
    DropsAreSurvived,
    /// What the manifest calls unavailable is refused, and every claim names a proof that exists.
    ManifestIsHonest,
}

impl Case {
    /// Every case.
    pub const ALL: [Self; 14] = [
        Self::JoinIsProven,
        Self::FramesArriveInPlace,
        Self::GapsAreVisible,
        Self::SpeechIsAudible,
        Self::SilenceIsImmediate,
        Self::MouthIsExclusive,
        Self::ParticipantsComeAndGo,
        Self::PrimsHandIsSeen,
        Self::PeoplesHandsAreSeen,
        Self::BannerIsShown,
        Self::OneIsAsked,
        Self::LeavingIsSeen,
        Self::DropsAreSurvived,
        Self::ManifestIsHonest,
    ];

    /// The id that manifests name as proof.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::JoinIsProven => "conformance::join_is_proven",
            Self::FramesArriveInPlace => "conformance::frames_arrive_in_place",
            Self::GapsAreVisible => "conformance::gaps_are_visible",
            Self::SpeechIsAudible => "conformance::speech_is_audible",
            Self::SilenceIsImmediate => "conformance::silence_is_immediate",
            Self::MouthIsExclusive => "conformance::mouth_is_exclusive",
            Self::ParticipantsComeAndGo => "conformance::participants_come_and_go",
            Self::PrimsHandIsSeen => "conformance::prims_hand_is_seen",
            Self::PeoplesHandsAreSeen => "conformance::peoples_hands_are_seen",
            Self::BannerIsShown => "conformance::banner_is_shown",
            Self::OneIsAsked => "conformance::one_is_asked",
            Self::LeavingIsSeen => "conformance::leaving_is_seen",
            Self::DropsAreSurvived => "conformance::drops_are_survived",
            Self::ManifestIsHonest => "conformance::manifest_is_honest",
        }
    }

    /// The capability whose claim makes this case run; `None` runs always.
    #[must_use]
    pub const fn needs(self) -> Option<Capability> {
        match self {
            Self::JoinIsProven => Some(Capability::ProvenJoin),
            Self::FramesArriveInPlace | Self::GapsAreVisible => Some(Capability::Hear),
            Self::SpeechIsAudible | Self::SilenceIsImmediate | Self::MouthIsExclusive => {
                Some(Capability::Speak)
            }
            Self::ParticipantsComeAndGo => Some(Capability::SeeParticipants),
            Self::PrimsHandIsSeen => Some(Capability::RaiseHand),
            Self::PeoplesHandsAreSeen => Some(Capability::SeeHands),
            Self::BannerIsShown => Some(Capability::Banner),
            Self::OneIsAsked => Some(Capability::AskOne),
            Self::DropsAreSurvived => Some(Capability::Reconnect),
            Self::LeavingIsSeen | Self::ManifestIsHonest => None,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// What a case found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The promise holds.
    Passed,
    /// The manifest does not claim it.
    NotClaimed,
    /// It does not hold, and how.
    Failed(String),
}

/// What the suite found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The adapter's manifest.
    pub manifest: Manifest,
    /// Each case's outcome, in the order of [`Case::ALL`].
    pub outcomes: Vec<(Case, Outcome)>,
}

/// The suite found promises that are not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("keep the promises of adapter {adapter}:\n{}", broken.join("\n"))]
pub struct NotConformant {
    adapter: &'static str,
    broken: Vec<String>,
}

impl Report {
    /// Passes when no case failed and each claim's proof passed. `also_passed`: ids of the adapter's own tests that
    /// its manifest names as proofs; the caller vouches for them by running after them.
    ///
    /// # Errors
    /// When a promise is not kept, or a claim has no passing proof.
    pub fn check(&self, also_passed: &[&str]) -> Result<(), NotConformant> {
        let mut broken = Vec::new();
        for (case, outcome) in &self.outcomes {
            if let Outcome::Failed(how) = outcome {
                broken.push(format!("{case}: {how}"));
            }
        }
        for claim in &self.manifest.claims {
            let Some(proof) = claim.support.proof() else { continue };
            let passed = self.outcomes.iter().any(|(c, o)| c.id() == proof && *o == Outcome::Passed);
            if !passed && !also_passed.contains(&proof) {
                broken.push(format!("\"{}\" is claimed, but {proof} did not pass", claim.capability));
            }
        }
        for capability in Capability::ALL {
            let stands = self.manifest.claims.iter().filter(|claim| claim.capability == capability).count();
            if stands != 1 {
                broken.push(format!("the manifest takes {stands} stands on \"{capability}\" instead of one"));
            }
        }
        if broken.is_empty() { Ok(()) } else { Err(NotConformant { adapter: self.manifest.adapter, broken }) }
    }
}

/// Runs every case against an adapter with a mouth. `rig` builds a fresh meeting for each.
pub fn run<A: Adapter<Mouth = Mouth>, P: Peer>(mut rig: impl FnMut() -> Rig<A, P>) -> Report {
    let manifest = rig().adapter.manifest();
    let outcomes =
        Case::ALL.map(|case| (case, judge(case, &manifest, || cases::with_mouth(case, &mut rig)))).to_vec();
    Report { manifest, outcomes }
}

/// Runs every case that needs no mouth against an adapter that only listens.
pub fn run_listening<A: Adapter<Mouth = NoMouth>, P: Peer>(mut rig: impl FnMut() -> Rig<A, P>) -> Report {
    let manifest = rig().adapter.manifest();
    let outcomes =
        Case::ALL.map(|case| (case, judge(case, &manifest, || cases::listening(case, &mut rig)))).to_vec();
    Report { manifest, outcomes }
}

fn judge(case: Case, manifest: &Manifest, run: impl FnOnce() -> Result<(), String>) -> Outcome {
    if case.needs().is_some_and(|capability| !manifest.offers(capability)) {
        return Outcome::NotClaimed;
    }
    match run() {
        Ok(()) => Outcome::Passed,
        Err(how) => Outcome::Failed(how),
    }
}
