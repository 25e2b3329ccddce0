//! Which meetings of a group were erased: of those nothing that people said is written, in whatever order it comes.
//!
//! Words whose meeting cannot be read could be any meeting's of their device: they are kept as they came until a meeting of
//! that device is erased, and go with it; from then on such words of that device are not written any more. What the device
//! signed (the record's bytes, its hash, its place) stays in every case.
//!
//! Words of an understood record are guarded by the lock on their meeting's row, which an erasure takes too. Words that are
//! set aside (quarantine, records that make no sense, refused payloads) have no such row: they are written under a shared
//! advisory lock, which `prim_erase_meeting` takes for itself alone. So whoever comes second sees what the first did.

use std::collections::BTreeSet;

use prim_ids::Stream;
use prim_proto::{Audit, Body};
use sqlx::PgConnection;

use super::owners::Owners;
use super::write::Plan;
use crate::ingest::read::{Checked, CheckedRow, Device, Status};

/// Held, shared, by whoever writes words that are guarded by no meeting's row.
pub(in crate::ingest) const SET_ASIDE_LOCK: &str =
    "SELECT pg_advisory_xact_lock_shared(hashtext('prim_erase_meeting'))";

/// What is erased, or is erased by this very group.
#[derive(Debug, Default)]
pub(super) struct Erased {
    /// By organisation and meeting.
    meetings: BTreeSet<(String, String)>,
    /// Devices of whose meetings one is erased, as far as the group has nameless words of them.
    devices: BTreeSet<String>,
}

impl Erased {
    /// Whether the words of `row` must not be written.
    pub(super) fn has(&self, device: &Device, row: &CheckedRow) -> bool {
        match row.meeting {
            Some(meeting) => self.meetings.contains(&(device.org_id.clone(), meeting.to_string())),
            None => row.is_nameless() && self.devices.contains(&device.id),
        }
    }

    /// The same of a row that is quarantined: nothing that stands there without a meeting is believed.
    pub(super) fn has_set_aside(&self, device: &Device, row: &CheckedRow) -> bool {
        self.has(device, row) || (row.meeting.is_none() && self.devices.contains(&device.id))
    }
}

/// Whether the row orders its meeting's erasure.
pub(super) fn erases(row: &CheckedRow) -> bool {
    let body = row.record.as_ref().and_then(|record| record.body.as_ref());
    row.status == Status::Accepted
        && row.chain.stream == Stream::Audit
        && matches!(body, Some(Body::Audit(Audit::MeetingErased { .. })))
}

/// Asks for every meeting that the group's rows name, once the rows of the understood ones are locked.
pub(super) async fn erased_meetings(
    tx: &mut PgConnection,
    group: &[Checked],
    plan: &Plan<'_>,
    owners: &Owners,
) -> Result<Erased, sqlx::Error> {
    let not_understood = plan.rows.iter().any(|(_, _, row)| row.record.is_none());
    if not_understood || !plan.quarantine.is_empty() {
        sqlx::query(SET_ASIDE_LOCK).execute(&mut *tx).await?;
    }
    let mut named = BTreeSet::new();
    let mut nameless = BTreeSet::new();
    let mut erased = Erased::default();
    let quarantined = plan.quarantine.iter().map(|&(index, _, row, _)| (index, row, false));
    for (index, row, stored) in plan.rows.iter().map(|&(index, _, row)| (index, row, true)).chain(quarantined)
    {
        let Some(meeting) = row.meeting else {
            if !stored || row.is_nameless() {
                nameless.insert(group[index].device.id.clone());
            }
            continue;
        };
        let key = (group[index].device.org_id.clone(), meeting.to_string());
        if stored && erases(row) && !owners.are_others(&group[index].device, row) {
            erased.meetings.insert(key.clone());
            erased.devices.insert(group[index].device.id.clone());
        }
        named.insert(key);
    }
    if !nameless.is_empty() {
        let found: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT device_id::text FROM meetings WHERE device_id = ANY($1) AND erased_at IS NOT NULL",
        )
        .bind(nameless.into_iter().collect::<Vec<_>>())
        .fetch_all(&mut *tx)
        .await?;
        erased.devices.extend(found);
    }
    if named.is_empty() {
        return Ok(erased);
    }
    let (orgs, ids): (Vec<String>, Vec<String>) = named.into_iter().unzip();
    let found: Vec<(String, String)> = sqlx::query_as(
        "SELECT m.org_id::text, m.id::text FROM meetings m
         JOIN unnest($1::text[], $2::text[]) AS named(org_id, id) ON m.org_id = named.org_id AND m.id = named.id
         WHERE m.erased_at IS NOT NULL",
    )
    .bind(orgs)
    .bind(ids)
    .fetch_all(tx)
    .await?;
    erased.meetings.extend(found);
    Ok(erased)
}
