//! One batch from the spool: read, packed, signed.

use prim_ids::{EpochId, Stream};
use prim_proto::{
    Batch, BatchContents, BatchRow, Erasables, Hash, Head, MAX_BATCH_ROWS, Packer, SignBatchError,
};
use prim_spool::{ReadSpoolError, Spool, StoredRow};

use crate::UplinkConfig;

/// What the spool gave for one batch.
#[derive(Debug)]
pub(crate) enum Packed {
    /// Nothing from there on.
    Empty,
    /// A batch through `through`.
    Batch { batch: Box<Batch>, through: u64 },
    /// The first record does not fit any batch, or is no record.
    Unsendable { seq: u64 },
}

/// Why no batch could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackError {
    #[error("read records of {stream} from the spool")]
    Read {
        stream: Stream,
        #[source]
        source: ReadSpoolError,
    },
    #[error("sign a batch of {stream}")]
    Sign {
        stream: Stream,
        #[source]
        source: SignBatchError,
    },
}

/// The next batch of `stream` from `from` on.
pub(crate) fn pack(
    config: &UplinkConfig,
    spool: &Spool,
    epoch: EpochId,
    stream: Stream,
    from: u64,
) -> Result<Packed, PackError> {
    let stored =
        spool.read(stream, from, MAX_BATCH_ROWS).map_err(|source| PackError::Read { stream, source })?;
    let Some(first) = stored.first() else { return Ok(Packed::Empty) };
    let (seq, mut last) = (first.seq, None);
    let mut packer = Packer::default();
    let mut rows = Vec::new();
    for row in &stored {
        let Some(sendable) = sendable(row) else { break };
        if !packer.add(&sendable.r, row.erasable.as_ref().map_or(2, Vec::len)) {
            break;
        }
        rows.push(sendable);
        last = Some(row);
    }
    let Some(last) = last else { return Ok(Packed::Unsendable { seq }) };
    let now = config.clock.now();
    let head = Head {
        v: 1,
        org: config.device.org.clone(),
        device: config.device.device.clone(),
        boot: config.boot,
        stream,
        epoch,
        seq: last.seq,
        hash: Hash(last.hash),
        at_mono_ms: now.mono,
    };
    let contents = BatchContents {
        v: 1,
        org: config.device.org.clone(),
        device: config.device.device.clone(),
        boot: config.boot,
        stream,
        epoch,
        seq,
        sent_at_mono_ms: now.mono,
        sent_at_wall_ms: now.wall,
        rows,
        head: head.sign(&config.audit_key),
    };
    let batch = contents.sign(&config.audit_key).map_err(|source| PackError::Sign { stream, source })?;
    Ok(Packed::Batch { batch: Box::new(batch), through: last.seq })
}

fn sendable(row: &StoredRow) -> Option<BatchRow> {
    let raw = std::str::from_utf8(&row.bytes).ok()?;
    let erasables = match &row.erasable {
        None => Erasables::default(),
        Some(json) => Erasables::from_json(std::str::from_utf8(json).ok()?).ok()?,
    };
    Some(BatchRow { r: raw.to_owned(), e: erasables })
}
