//! What a platform can do, in words a person can check: `primd doctor` prints it.

use std::fmt;

/// Something a meeting platform may offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Admission is proven before `Joined` is shown.
    ProvenJoin,
    /// Sound of the meeting, with its place in time and its losses visible.
    Hear,
    /// Speech that everyone in the meeting hears.
    Speak,
    /// Who comes and goes, by name.
    SeeParticipants,
    /// Prim's own raised hand.
    RaiseHand,
    /// Other people's raised hands.
    SeeHands,
    /// A line of text to everyone ("Prim would like to say something").
    Banner,
    /// Text for one person alone, and that person's answer whether they may be written down.
    AskOne,
    /// A panel inside the platform.
    Panel,
    /// The platform's own transcript while people speak.
    LiveTranscript,
    /// The platform's own transcript after the meeting.
    TranscriptAfterwards,
    /// Coming back by itself after the platform dropped.
    Reconnect,
}

impl Capability {
    /// Every capability: a manifest takes a stand on each.
    pub const ALL: [Self; 12] = [
        Self::ProvenJoin,
        Self::Hear,
        Self::Speak,
        Self::SeeParticipants,
        Self::RaiseHand,
        Self::SeeHands,
        Self::Banner,
        Self::AskOne,
        Self::Panel,
        Self::LiveTranscript,
        Self::TranscriptAfterwards,
        Self::Reconnect,
    ];
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProvenJoin => "join with proven admission",
            Self::Hear => "hear the meeting",
            Self::Speak => "speak in the meeting",
            Self::SeeParticipants => "see who comes and goes",
            Self::RaiseHand => "raise Prim's hand",
            Self::SeeHands => "see people's hands",
            Self::Banner => "show a line of text",
            Self::AskOne => "ask one person for consent",
            Self::Panel => "show a panel",
            Self::LiveTranscript => "read the platform's live transcript",
            Self::TranscriptAfterwards => "read the platform's transcript afterwards",
            Self::Reconnect => "come back after a drop",
        })
    }
}

/// How well a promise is kept. What is kept names the test that proves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// The platform's own feature.
    Native {
        /// The id of the proving test, as the conformance report or the test runner prints it.
        proof: &'static str,
    },
    /// Done by other means.
    Emulated {
        /// By what.
        by: &'static str,
        /// Who notices it.
        visible_to: &'static str,
        /// The id of the proving test.
        proof: &'static str,
    },
    /// Not to be had here.
    Unavailable {
        /// Why.
        why: &'static str,
    },
    /// Written, but not shown to work.
    Unproven {
        /// What is missing for a proof.
        missing: &'static str,
    },
}

impl Support {
    /// The proving test, where one is claimed.
    #[must_use]
    pub fn proof(self) -> Option<&'static str> {
        match self {
            Self::Native { proof } | Self::Emulated { proof, .. } => Some(proof),
            Self::Unavailable { .. } | Self::Unproven { .. } => None,
        }
    }
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native { proof } => write!(f, "yes (proven by {proof})"),
            Self::Emulated { by, visible_to, proof } => {
                write!(f, "by {by}, visible to {visible_to} (proven by {proof})")
            }
            Self::Unavailable { why } => write!(f, "no: {why}"),
            Self::Unproven { missing } => write!(f, "not proven: {missing}"),
        }
    }
}

/// One line of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// What.
    pub capability: Capability,
    /// How well.
    pub support: Support,
}

/// What an adapter promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The adapter's short name, as in its crate: `loopback`, `room`.
    pub adapter: &'static str,
    /// One claim per [`Capability`].
    pub claims: Vec<Claim>,
}

impl Manifest {
    /// The stand on one capability; a manifest that forgot it is unproven there.
    #[must_use]
    pub fn support(&self, capability: Capability) -> Support {
        self.claims
            .iter()
            .find(|claim| claim.capability == capability)
            .map_or(Support::Unproven { missing: "the manifest does not mention it" }, |claim| claim.support)
    }

    /// Is it kept, natively or by other means?
    #[must_use]
    pub fn offers(&self, capability: Capability) -> bool {
        self.support(capability).proof().is_some()
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "adapter {}", self.adapter)?;
        for claim in &self.claims {
            writeln!(f, "  {}: {}", claim.capability, claim.support)?;
        }
        Ok(())
    }
}
