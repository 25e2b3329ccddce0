//! A drop from the spool becomes a record of the stream it was dropped from: loss is never silent.

use std::sync::Arc;

use prim_proto::witness::{Line, Step};
use prim_proto::{Body, Draft, Erasables, Hash, Hole, HoleReason};
use prim_spool::{Encoded, LossReason, WriteLoss};

use crate::clock;
use crate::ledger::Identity;
use crate::witness::Witness;

/// What the spool calls when it must drop.
pub(crate) fn writer(identity: Identity, witness: Option<Arc<Witness>>) -> WriteLoss {
    Box::new(move |moment, slot, loss| {
        let hole = Hole {
            from: loss.from,
            to: loss.to,
            reason: match loss.reason {
                LossReason::QuotaBytes => HoleReason::QuotaBytes,
                LossReason::QuotaAge => HoleReason::QuotaAge,
                LossReason::DiskFull => HoleReason::DiskFull,
                LossReason::DiskFault => HoleReason::DiskFault,
            },
            before: Hash(loss.before),
            last: Hash(loss.last),
        };
        let draft = Draft {
            org: identity.org.clone(),
            device: identity.device.clone(),
            boot: moment.boot,
            stream: slot.stream,
            at: moment.at,
            wall: Some(clock::wall_now()),
            wall_synced: clock::wall_is_synchronised(),
            meeting: None,
            body: Body::Hole(hole),
            erasables: Erasables::default(),
        };
        let placed = draft.place(slot.epoch, slot.seq, Hash(slot.prev));
        if let Some(witness) = &witness {
            let place = (slot.stream, slot.epoch, slot.seq);
            witness.note([Line { step: Step::Placed, place, hash: placed.hash }]);
        }
        Encoded { bytes: placed.raw.into_bytes(), erasable: None, hash: placed.hash.0, meeting: None }
    })
}
