//! Joining a meeting platform beside the room.

use std::sync::Arc;
use std::time::Duration;

use prim_adapter::loopback::LoopbackAdapter;
use prim_adapter::{Adapter, JoinRequest, Mouth as PlatformMouth, Session};
use prim_ids::ParticipantId;
use prim_meeting::Input;

use crate::config::PrimConfig;
use crate::http::AdapterHealth;

/// How long a platform may take to let Prim in at the start; after that the meeting begins without it.
const JOIN_LIMIT: Duration = Duration::from_secs(10);

pub(super) fn join(config: &PrimConfig) -> Option<Arc<Session<PlatformMouth>>> {
    let loopback = config.adapter.loopback.as_ref()?;
    let request = JoinRequest { admission_limit: JOIN_LIMIT, ..JoinRequest::default() };
    match LoopbackAdapter::new(&loopback.socket).join(&request) {
        Ok(session) => Some(Arc::new(session)),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the platform could not be joined; the room goes on without it"
            );
            None
        }
    }
}

pub(super) fn manifest_in_words(session: &Session<PlatformMouth>) -> AdapterHealth {
    let manifest = session.manifest();
    AdapterHealth {
        name: manifest.adapter.to_owned(),
        capabilities: manifest
            .claims
            .iter()
            .map(|c| (c.capability.to_string(), c.support.to_string()))
            .collect(),
    }
}

pub(super) fn people_of(input: &Input) -> Vec<(ParticipantId, String)> {
    if let Input::MeetingStarted { people, .. } = input {
        people.iter().map(|p| (p.id, p.name.clone())).collect()
    } else {
        Vec::new()
    }
}
