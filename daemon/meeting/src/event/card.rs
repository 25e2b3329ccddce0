//! What is shown instead of said, and why.

/// Why an answer became a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardReason {
    /// The mode does not let Prim speak.
    Policy,
    /// There is no voice, or it did not come in time.
    NoVoice,
    /// Not even the first clause fits into the cap.
    TooLong,
    /// People did not leave a gap in time.
    NoGap,
    /// A newer question took its place.
    Superseded,
    /// Somebody said stop before its turn came.
    Stopped,
    /// Muted, or unable to hear whether someone speaks.
    CannotHear,
}

/// What a card is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardKind {
    /// Prim listens; for who comes.
    Listening,
    /// May Prim write this down?
    Consent,
    /// The timebox.
    Time,
    /// The talk has left the item.
    Agenda,
    /// An answer.
    Answer,
    /// Words that a panel gave.
    Words,
    /// An answer that was too long to be said whole.
    WholeAnswer,
    /// A speech that was silenced.
    Silenced,
    /// A note.
    Noted,
    /// A decision.
    Decided,
    /// An action item.
    Action,
    /// Nothing was noted, and why.
    NotNoted,
    /// An objection was to be taken back and was not, and why.
    ObjectionStands,
    /// Prim was called and understood nothing.
    NotUnderstood,
}

impl CardKind {
    /// The heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Listening => "Prim is listening",
            Self::Consent => "May Prim write this down?",
            Self::Time => "Time",
            Self::Agenda => "Agenda",
            Self::Answer => "Prim's answer",
            Self::Words | Self::NotUnderstood => "Prim",
            Self::WholeAnswer => "Prim's whole answer",
            Self::Silenced => "Prim was saying",
            Self::Noted => "Noted",
            Self::Decided => "Decided",
            Self::Action => "Action",
            Self::NotNoted => "Not noted",
            Self::ObjectionStands => "Prim writes nothing down",
        }
    }
}
