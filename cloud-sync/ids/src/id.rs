//! ULIDs with a type each, so that a meeting's id cannot be passed where a person's is wanted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

use crate::WallTime;

/// A string that is not a ULID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read {kind} from a string that is not a 26-character ULID")]
pub struct ParseIdError {
    kind: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// The id made at `at` with the low 80 bits of `random`.
            #[must_use]
            pub fn from_parts(at: WallTime, random: u128) -> Self {
                Self(Ulid::from_parts(u64::try_from(at.unix_millis()).unwrap_or(0), random))
            }

            /// The id as a 128-bit number.
            #[must_use]
            pub fn as_u128(self) -> u128 {
                self.0.0
            }

            /// The id from a 128-bit number.
            #[must_use]
            pub fn from_u128(n: u128) -> Self {
                Self(Ulid(n))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut buffer = [0; ulid::ULID_LEN];
                f.write_str(self.0.array_to_str(&mut buffer))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(s: &str) -> Result<Self, ParseIdError> {
                Ulid::from_string(s).map(Self).map_err(|_| ParseIdError { kind: stringify!($name) })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

ids! {
    /// An organisation: the tenant every row belongs to.
    OrgId,
    /// A workspace inside an organisation.
    WorkspaceId,
    /// A person with a login.
    UserId,
    /// One meeting.
    MeetingId,
    /// One person (or Prim) in one meeting.
    ParticipantId,
    /// One stretch of speech by one talker.
    UtteranceId,
    /// A note.
    NoteId,
    /// A decision.
    DecisionId,
    /// An action item.
    ActionId,
    /// One line of the agenda.
    AgendaItemId,
    /// One request for the floor.
    RequestId,
    /// A file made from a meeting.
    ArtifactId,
    /// One life of a spool; a reset device gets a new one.
    EpochId,
    /// One boot of a device: `MonoTime`s compare only within it.
    BootId,
    /// One record in a stream.
    RecordId,
    /// One job for a device.
    JobId,
}

/// Makes ids without a clock or a random source: the same seed and the same calls give the same ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdSource {
    seed: u128,
    count: u64,
}

impl IdSource {
    /// `seed` comes from the operating system in the daemon, from the log in a replay.
    #[must_use]
    pub fn new(seed: u128) -> Self {
        Self { seed, count: 0 }
    }

    /// The next 128 bits; feed them to an id's `from_parts`.
    pub fn next_random(&mut self) -> u128 {
        self.count += 1;
        let low = mix(self.seed as u64 ^ mix(self.count));
        let high = mix((self.seed >> 64) as u64 ^ low);
        (u128::from(high) << 64) | u128::from(low)
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}
