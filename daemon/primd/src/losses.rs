//! A drop from the spool becomes a record of the stream it was dropped from: loss is never silent.

use prim_proto::{Body, Draft, Erasables, Hash, Hole, HoleReason};
use prim_spool::{Encoded, LossReason, WriteLoss};

use crate::clock;
use crate::ledger::Identity;

/// What the spool calls when it must drop.
pub(crate) fn writer(identity: Identity) -> WriteLoss {
    Box::new(move |moment, slot, loss| {
        let hole = Hole {
            from: loss.from,
            to: loss.to,
            reason: match loss.reason {
                LossReason::QuotaBytes => HoleReason::QuotaBytes,
                LossReason::QuotaAge => HoleReason::QuotaAge,
                LossReason::DiskFull => HoleReason::DiskFull,
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
        Encoded { bytes: placed.raw.into_bytes(), erasable: None, hash: placed.hash.0, meeting: None }
    })
}
