//! The order of disk and sound, with a real spool and a speaker that looks into it.

mod closing;
mod full_disk;
mod keeping;
mod limits;
mod platform;
mod proof;
mod restart;
mod slow_disk;
mod stage;

use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::sync_channel;
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use prim_adapter::{Adapter, JoinRequest, Session};
use prim_adapter_room::Room;
use prim_hal::{LightPattern, PlayedBlock, ShowLightError, Speaker, WriteSpeakerError};
use prim_ids::{BootId, EpochId, MeetingId, Stream, UserId, WallTime};
use prim_meeting::{Event, PanelCommand};
use prim_models::fakes::FakeTts;
use prim_proto::LiveEvent;
use prim_spool::{AppendError, Encoded, Limits, Moment, Slot, Spool};

use self::stage::{Bench, Disk, bench, intents, meeting, state, words};
use super::*;
use crate::agenda::MeetingPlan;
use crate::alive::Sign;
use crate::erase::Outcome;
use crate::inbox::Inbox;
use crate::ledger::Identity;
use crate::mouth::{Route, lock};
use crate::writer::{Batch, Store, Stored, WriterParts, Written};

/// The numbers that a record says are lost.
fn hole(row: &prim_spool::StoredRow) -> Option<(u64, u64)> {
    match proto::Reading::of(std::str::from_utf8(&row.bytes).unwrap()) {
        Ok(proto::Reading::Known(record)) => match record.body {
            Some(proto::Body::Hole(hole)) => Some((hole.from, hole.to)),
            _ => None,
        },
        _ => None,
    }
}
