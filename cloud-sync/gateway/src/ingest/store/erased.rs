//! Which meetings of a group were erased: of those nothing that people said is written, in whatever order it comes.
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

/// Organisation and meeting of what is erased, or is erased by this very group.
#[derive(Debug, Default)]
pub(super) struct Erased(BTreeSet<(String, String)>);

impl Erased {
    /// Whether the words of `row` must not be written.
    pub(super) fn has(&self, device: &Device, row: &CheckedRow) -> bool {
        row.meeting.is_some_and(|meeting| self.0.contains(&(device.org_id.clone(), meeting.to_string())))
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
    let quarantined = plan.quarantine.iter().map(|&(index, _, row, _)| (index, row));
    let not_understood =
        plan.rows.iter().filter(|(_, _, row)| row.record.is_none()).map(|&(index, _, row)| (index, row));
    if quarantined.chain(not_understood).any(|(_, row)| row.meeting.is_some()) {
        sqlx::query(SET_ASIDE_LOCK).execute(&mut *tx).await?;
    }
    let mut named = BTreeSet::new();
    let mut erased = BTreeSet::new();
    let quarantined = plan.quarantine.iter().map(|&(index, _, row, _)| (index, row, false));
    for (index, row, stored) in plan.rows.iter().map(|&(index, _, row)| (index, row, true)).chain(quarantined)
    {
        let Some(meeting) = row.meeting else { continue };
        let key = (group[index].device.org_id.clone(), meeting.to_string());
        if stored && erases(row) && !owners.are_others(&group[index].device, row) {
            erased.insert(key.clone());
        }
        named.insert(key);
    }
    if named.is_empty() {
        return Ok(Erased::default());
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
    erased.extend(found);
    Ok(Erased(erased))
}
