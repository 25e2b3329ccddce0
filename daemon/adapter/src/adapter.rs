//! The door of a platform.

use std::io;
use std::time::Duration;

use crate::{Manifest, Session};

/// How Prim wants to enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRequest {
    /// The name people see.
    pub shown_as: String,
    /// How long to wait for admission; a lobby that never opens is an error, not a hang.
    pub admission_limit: Duration,
}

impl Default for JoinRequest {
    /// "Prim", and 30 s of patience in a lobby.
    fn default() -> Self {
        Self { shown_as: "Prim".to_owned(), admission_limit: Duration::from_secs(30) }
    }
}

/// Why a meeting was not entered.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Nothing answers at the platform's address.
    #[error("reach the meeting platform at {place}; check that it runs and that this user may open it")]
    Unreachable {
        /// The address, as configured.
        place: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The platform answered, but nobody let Prim in.
    #[error("be admitted within {} s; ask the host to admit Prim from the lobby", limit.as_secs_f32())]
    NotAdmitted {
        /// How long was waited.
        limit: Duration,
    },
    /// The platform or its host said no.
    #[error("be admitted: the platform refused ({why}); ask the host")]
    Refused {
        /// The platform's own words.
        why: String,
    },
    /// The connection broke before admission was proven.
    #[error("be admitted: the connection to {place} ended first")]
    Lost {
        /// The address, as configured.
        place: String,
    },
    /// What came back is not this platform's language.
    #[error("be admitted: {place} sent something that is not its protocol; check the address")]
    Garbled {
        /// The address, as configured.
        place: String,
        /// What was wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A meeting platform that Prim can enter.
pub trait Adapter {
    /// [`Mouth`](crate::Mouth) where the platform can be spoken to, [`NoMouth`](crate::NoMouth) where it cannot.
    type Mouth;

    /// What this platform can do, and which test proves it.
    fn manifest(&self) -> Manifest;

    /// Enters, and returns only when the platform has proven the admission. Blocks up to the request's limit.
    ///
    /// # Errors
    /// When nobody answers, nobody admits, or the platform refuses.
    fn join(&self, request: &JoinRequest) -> Result<Session<Self::Mouth>, JoinError>;
}
