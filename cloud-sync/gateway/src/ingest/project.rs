//! What records mean: rows of meetings, participants, utterances, notes, decisions, actions.
//!
//! Every statement may run again (a record reaches it once, but a repair may replay) and in any order of streams:
//! rows are made when first named and filled as more becomes known.

mod audit;
mod note;
mod utterance;

use prim_ids::{MonoTime, WallTime};
use prim_proto::{Body, Erasables, Record};
use sqlx::PgConnection;

use super::copy::sane_ms;

/// What a projection knows beside the record's body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) org_id: &'a str,
    pub(super) device_id: &'a str,
    pub(super) meeting: &'a str,
    pub(super) record: &'a Record,
    pub(super) erasables: &'a Erasables,
    /// The record's own hash: ids of what has none on the device are made from it.
    pub(super) hash: &'a prim_proto::Hash,
    /// When it happened, the best that is known.
    pub(super) at_ms: i64,
}

impl Context<'_> {
    /// What a field says, unless erased. Postgres' text cannot hold NUL.
    pub(super) fn text(&self, field: &str) -> Option<String> {
        self.erasables.value(field).map(|value| value.replace('\0', "\u{fffd}"))
    }

    /// Wall time of a moment in the record's boot.
    pub(super) fn wall_ms(&self, at: MonoTime) -> i64 {
        let ago = i64::try_from(self.record.at.since(at).as_millis()).unwrap_or(0);
        let ahead = i64::try_from(at.since(self.record.at).as_millis()).unwrap_or(0);
        let ms = self.at_ms.saturating_sub(ago).saturating_add(ahead);
        sane_ms(ms).unwrap_or(self.at_ms)
    }
}

/// A monotonic time as a number Postgres can hold.
pub(super) fn mono_ms(at: MonoTime) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

/// When a record happened: its own wall time, else what the batch's two clocks say, else now.
pub(super) fn best_wall_ms(record: &Record, sent: (MonoTime, Option<WallTime>), received_ms: i64) -> i64 {
    let from_batch = || {
        let ago = i64::try_from(sent.0.since(record.at).as_millis()).ok()?;
        sent.1.map(|wall| wall.unix_millis().saturating_sub(ago))
    };
    record.wall.map(WallTime::unix_millis).or_else(from_batch).and_then(sane_ms).unwrap_or(received_ms)
}

/// Writes what the record means.
pub(super) async fn project(connection: &mut PgConnection, context: &Context<'_>) -> Result<(), sqlx::Error> {
    match &context.record.body {
        Some(Body::Audit(body)) => audit::project(connection, context, body).await,
        Some(Body::Utterance(body)) => utterance::project(connection, context, body).await,
        Some(Body::Note(body)) => note::project(connection, context, body).await,
        Some(Body::Event(_) | Body::Usage(_) | Body::Metric(_) | Body::Hole(_)) | None => Ok(()),
    }
}
