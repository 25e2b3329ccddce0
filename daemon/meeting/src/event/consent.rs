//! What was answered about being written down, and how that is known.

/// What somebody answered about being written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentAnswer {
    /// Write it down.
    Yes,
    /// Do not.
    No,
    /// An earlier no was taken back; this is no yes.
    TakenBack,
}

/// How Prim knows an answer about being written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentWay {
    /// They agreed beforehand, by the meeting's plan.
    Invitation,
    /// The platform or a panel said who answered.
    Platform,
    /// By their own voice, and the ear knows whose it is.
    OwnVoice,
    /// By a voice that cannot be told, and nobody else is listed on that side.
    OnlyOneThere,
    /// Somebody in the room spoke for everybody in it.
    ForTheRoom,
    /// By a voice that cannot be told.
    UnnamedVoice,
    /// Everybody who was there has agreed by name since.
    EveryoneByName,
}
