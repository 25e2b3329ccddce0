//! What a record says: one closed vocabulary per stream, and the hole that may stand in any of them.

use serde::Deserialize;
use serde::ser::{Serialize, Serializer};

use crate::{Audit, Event, Hash, Metric, Note, Stream, Usage, Utterance};

/// Defines a closed vocabulary: an enum whose variants are the values of `kind`.
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$variant_doc:meta])* $kind:literal $variant:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)?
        })+
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "kind")]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $kind)] $variant {
                $($(#[$field_doc])* $field: $type),*
            }),+
        }

        impl $name {
            /// Every kind of this vocabulary.
            pub const KINDS: &'static [&'static str] = &[$($kind),+];

            /// The word that stands under `kind`.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $kind),+
                }
            }
        }
    };
}
pub(crate) use vocabulary;

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// In stream `audit`.
    Audit(Audit),
    /// In stream `utterance`.
    Utterance(Utterance),
    /// In stream `note`.
    Note(Note),
    /// In stream `event`.
    Event(Event),
    /// In stream `usage`.
    Usage(Usage),
    /// In stream `metric`.
    Metric(Metric),
    /// In any stream: these sequence numbers were lost, and why.
    Hole(Hole),
}

/// Sequence numbers that will never arrive.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Deserialize)]
pub struct Hole {
    /// The first lost sequence number.
    pub from: u64,
    /// The last lost sequence number.
    pub to: u64,
    /// Why they were dropped.
    pub reason: HoleReason,
    /// The `prev` of `from`: where the chain breaks off.
    pub before: Hash,
    /// The hash of `to`: where the chain goes on.
    pub last: Hash,
}

/// Why records were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoleReason {
    /// The spool was full.
    QuotaBytes,
    /// The records were older than the spool keeps.
    QuotaAge,
    /// The disk was full.
    DiskFull,
    /// The disk did not answer, or could not be written.
    DiskFault,
    /// The spool was found damaged.
    Damaged,
}

impl Body {
    /// The stream the body belongs to; a hole fits any.
    #[must_use]
    pub fn stream(&self) -> Option<Stream> {
        match self {
            Self::Audit(_) => Some(Stream::Audit),
            Self::Utterance(_) => Some(Stream::Utterance),
            Self::Note(_) => Some(Stream::Note),
            Self::Event(_) => Some(Stream::Event),
            Self::Usage(_) => Some(Stream::Usage),
            Self::Metric(_) => Some(Stream::Metric),
            Self::Hole(_) => None,
        }
    }

    /// The word under `kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Audit(body) => body.kind(),
            Self::Utterance(body) => body.kind(),
            Self::Note(body) => body.kind(),
            Self::Event(body) => body.kind(),
            Self::Usage(body) => body.kind(),
            Self::Metric(body) => body.kind(),
            Self::Hole(_) => "hole",
        }
    }

    /// Reads `json` as a body of `stream`: the word under `kind`, and the body unless that word is not one of
    /// this version's.
    pub(crate) fn read_with_kind(
        stream: Stream,
        json: &str,
    ) -> Result<(String, Option<Self>), serde_json::Error> {
        #[derive(Deserialize)]
        struct Kind<'a> {
            #[serde(borrow)]
            kind: std::borrow::Cow<'a, str>,
        }
        let kind = serde_json::from_str::<Kind<'_>>(json)?.kind;
        let known = |kinds: &[&str]| kinds.contains(&kind.as_ref());
        let body = match stream {
            _ if kind == "hole" => Some(Self::Hole(serde_json::from_str(json)?)),
            Stream::Audit if known(Audit::KINDS) => Some(Self::Audit(serde_json::from_str(json)?)),
            Stream::Utterance if known(Utterance::KINDS) => {
                Some(Self::Utterance(serde_json::from_str(json)?))
            }
            Stream::Note if known(Note::KINDS) => Some(Self::Note(serde_json::from_str(json)?)),
            Stream::Event if known(Event::KINDS) => Some(Self::Event(serde_json::from_str(json)?)),
            Stream::Usage if known(Usage::KINDS) => Some(Self::Usage(serde_json::from_str(json)?)),
            Stream::Metric if known(Metric::KINDS) => Some(Self::Metric(serde_json::from_str(json)?)),
            Stream::Audit
            | Stream::Utterance
            | Stream::Note
            | Stream::Event
            | Stream::Usage
            | Stream::Metric => None,
        };
        Ok((kind.into_owned(), body))
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Tagged<'a> {
            kind: &'static str,
            from: u64,
            to: u64,
            reason: HoleReason,
            before: &'a Hash,
            last: &'a Hash,
        }
        match self {
            Self::Audit(body) => body.serialize(s),
            Self::Utterance(body) => body.serialize(s),
            Self::Note(body) => body.serialize(s),
            Self::Event(body) => body.serialize(s),
            Self::Usage(body) => body.serialize(s),
            Self::Metric(body) => body.serialize(s),
            Self::Hole(Hole { from, to, reason, before, last }) => {
                Tagged { kind: "hole", from: *from, to: *to, reason: *reason, before, last }.serialize(s)
            }
        }
    }
}
