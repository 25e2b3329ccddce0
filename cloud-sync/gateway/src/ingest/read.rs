//! From a payload to a batch that is what it claims: size, version, shape, signature. Pure, runs off the async
//! threads, and knows the device only as the registry's copy.

use std::sync::Arc;

use prim_ids::{EpochId, MeetingId, MonoTime, Stream, WallTime};
use prim_proto::{
    Audit, Batch, Body, ChainFields, DeviceAddress, Erasables, Hash, Hole, PublicKey, ReadBatchError,
    Reading, Record, SignedHead, Topic, VerifyBatchError, link,
};
use serde::Deserialize;

/// A device as the registry knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// `<org>/<device>`.
    pub address: DeviceAddress,
    /// The organisation's id.
    pub org_id: String,
    /// The device's id.
    pub id: String,
    /// Whether it may send.
    pub active: bool,
    /// Its current audit key.
    pub keys: Vec<PublicKey>,
}

/// How a record is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Understood.
    Accepted,
    /// Newer than this gateway.
    Parked,
    /// Attested, but makes no sense.
    Rejected,
}

impl Status {
    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Parked => "parked",
            Self::Rejected => "rejected",
        }
    }
}

/// One record of a batch that verified.
#[derive(Debug, Clone)]
pub struct CheckedRow {
    /// Its place.
    pub chain: ChainFields,
    /// Its bytes.
    pub raw: String,
    /// Its own hash.
    pub hash: Hash,
    /// How it is stored.
    pub status: Status,
    /// What it says, where that is understood.
    pub record: Option<Record>,
    /// The word under `kind`, `unknown` when there is none.
    pub kind: String,
    /// The meeting it names, also where nothing else is understood: its words go when that meeting is erased.
    pub meeting: Option<MeetingId>,
    /// The values beside it.
    pub erasables: Erasables,
}

impl CheckedRow {
    /// Whether it was not understood and names no meeting that can be read: its words could be any meeting's of its
    /// device.
    #[must_use]
    pub fn is_nameless(&self) -> bool {
        self.record.is_none() && self.meeting.is_none()
    }

    /// The loss it admits, if that is what it says.
    #[must_use]
    pub fn hole(&self) -> Option<&Hole> {
        match self.record.as_ref().and_then(|record| record.body.as_ref()) {
            Some(Body::Hole(hole)) => Some(hole),
            Some(
                Body::Audit(_)
                | Body::Utterance(_)
                | Body::Note(_)
                | Body::Event(_)
                | Body::Usage(_)
                | Body::Metric(_),
            )
            | None => None,
        }
    }
}

/// A batch that came under its own topic and is signed by its device.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The device.
    pub device: Arc<Device>,
    /// The stream.
    pub stream: Stream,
    /// The spool's life.
    pub epoch: EpochId,
    /// When it was sent, on both clocks of the device.
    pub sent: (MonoTime, Option<WallTime>),
    /// Its records.
    pub rows: Vec<CheckedRow>,
    /// Its head.
    pub head: SignedHead,
}

/// What a payload that was refused says it is; not to be believed, only to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The spool's life.
    pub epoch: EpochId,
    /// The first number.
    pub from: u64,
    /// The last number.
    pub to: u64,
}

/// Why a payload is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A word for the acknowledgement, the table, the metric and the log.
    pub reason: &'static str,
    /// More, for the table. May quote the payload: never logged.
    pub detail: String,
    /// What to answer, when the payload could be read that far.
    pub claim: Option<Claim>,
}

/// Checks `payload`, which came under `topic` from `device`.
///
/// # Errors
/// With the reason under which the payload is stored as rejected.
pub fn check(topic: &Topic, payload: &[u8], device: &Arc<Device>) -> Result<Checked, Refusal> {
    let refuse = |reason, error: &dyn std::error::Error| Refusal {
        reason,
        detail: chain_of(error),
        claim: claim_of(payload),
    };
    if !device.active {
        return Err(Refusal { reason: "device_inactive", detail: String::new(), claim: claim_of(payload) });
    }
    let batch = Batch::read(payload).map_err(|error| refuse(reason_of(&error), &error))?;
    let mut keys = device.keys.clone();
    keys.extend(handed_over(&batch, device));
    batch.verify(topic, &keys).map_err(|error| {
        let reason = match error {
            VerifyBatchError::Topic { .. } => "foreign_topic",
            VerifyBatchError::ForeignKey { .. } => "foreign_key",
            VerifyBatchError::Signature { .. } => "signature",
        };
        refuse(reason, &error)
    })?;
    let contents = batch.contents;
    let mut rows = Vec::with_capacity(contents.rows.len());
    for row in contents.rows {
        rows.push(checked_row(row.r, row.e, device).map_err(|error| refuse("malformed", &error))?);
    }
    if rows.iter().any(|row| i64::try_from(row.chain.seq).is_err()) {
        return Err(Refusal { reason: "seq_too_large", detail: String::new(), claim: None });
    }
    Ok(Checked {
        device: Arc::clone(device),
        stream: contents.stream,
        epoch: contents.epoch,
        sent: (contents.sent_at_mono_ms, contents.sent_at_wall_ms),
        rows,
        head: contents.head,
    })
}

/// The key that the batch itself brings with the old key's consent: a rotation may be sent under the new key.
fn handed_over(batch: &Batch, device: &Device) -> Option<PublicKey> {
    if batch.contents.stream != Stream::Audit || device.keys.contains(&batch.key) {
        return None;
    }
    batch.contents.rows.iter().find_map(|row| {
        let Ok(Reading::Known(record)) = Reading::of(&row.r) else { return None };
        let Some(Body::Audit(Audit::KeyRotated { rotation })) = record.body else { return None };
        let holds = rotation.new == batch.key
            && device.keys.contains(&rotation.old)
            && rotation.holds_for(&device.address);
        holds.then_some(rotation.new)
    })
}

fn checked_row(
    raw: String,
    erasables: Erasables,
    device: &Device,
) -> Result<CheckedRow, prim_proto::ReadRecordError> {
    let reading = Reading::of(&raw);
    // A record whose body makes no sense still has a place in the chain.
    let chain = reading.as_ref().map_or_else(|_| ChainFields::of(&raw), |reading| Ok(*reading.chain()))?;
    let hash = link(chain.prev, raw.as_bytes());
    let (status, record) = match reading {
        Ok(Reading::Newer(_)) => (Status::Parked, None),
        // A record of another device, or one whose text Postgres' JSON could not hold, is kept but not understood.
        Ok(Reading::Known(record)) => {
            let own = record.org == device.address.org && record.device == device.address.device;
            let status = match (own && !raw.contains("\\u0000"), record.body.is_some()) {
                (false, _) => Status::Rejected,
                (true, false) => Status::Parked,
                (true, true) => Status::Accepted,
            };
            (status, Some(*record))
        }
        Err(_) => (Status::Rejected, None),
    };
    let kind = record.as_ref().map_or_else(|| "unknown".to_owned(), |record| record.kind.replace('\0', ""));
    let meeting = record.as_ref().map_or_else(|| meeting_named(&raw), |record| record.meeting);
    let record = record.filter(|_| status != Status::Rejected);
    Ok(CheckedRow { chain, raw, hash, status, record, kind, meeting, erasables })
}

/// The meeting in a record of any version that keeps the name.
fn meeting_named(raw: &str) -> Option<MeetingId> {
    #[derive(Deserialize)]
    struct OnlyMeeting {
        meeting: Option<MeetingId>,
    }
    serde_json::from_str::<OnlyMeeting>(raw).ok()?.meeting
}

/// Whether every word in a refused payload stands beside a meeting that can be found in its bytes: only then can the
/// erasure of that meeting find the payload.
pub(super) fn names_its_meetings(payload: &[u8]) -> bool {
    let found = |meeting: MeetingId| {
        let name = meeting.to_string();
        payload.windows(name.len()).any(|window| window == name.as_bytes())
    };
    Batch::read(payload).is_ok_and(|batch| {
        batch.contents.rows.iter().all(|row| row.e.is_empty() || meeting_named(&row.r).is_some_and(found))
    })
}

fn reason_of(error: &ReadBatchError) -> &'static str {
    match error {
        ReadBatchError::TooLong { .. } => "oversized",
        ReadBatchError::Newer { .. } => "newer_version",
        ReadBatchError::Malformed { .. }
        | ReadBatchError::Empty
        | ReadBatchError::TooManyRows { .. }
        | ReadBatchError::Row { .. }
        | ReadBatchError::Elsewhere { .. }
        | ReadBatchError::Order { .. }
        | ReadBatchError::ErasablesTooLong { .. }
        | ReadBatchError::Head => "malformed",
    }
}

fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text.replace('\0', "").chars().take(500).collect()
}

/// Reads as little as an answer needs, from a payload of any version that keeps the names.
fn claim_of(payload: &[u8]) -> Option<Claim> {
    #[derive(Deserialize)]
    struct Outer {
        batch: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        epoch: EpochId,
        seq: u64,
        #[serde(default)]
        rows: Vec<serde::de::IgnoredAny>,
    }
    if payload.len() > 4 * prim_proto::MAX_BATCH_BYTES {
        return None;
    }
    let Outer { batch } = serde_json::from_slice(payload).ok()?;
    let count = u64::try_from(batch.rows.len()).ok()?.max(1);
    Some(Claim { epoch: batch.epoch, from: batch.seq, to: batch.seq.checked_add(count - 1)? })
}
