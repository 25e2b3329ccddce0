//! Whose a meeting is: the device that recorded it first. Only its records say what the meeting was, or erase it.

use std::collections::BTreeMap;

use prim_proto::Body;
use sqlx::PgConnection;

use super::write::Plan;
use crate::ingest::read::{Checked, CheckedRow, Device, Status};

/// The owners of the meetings that a group names, by organisation and meeting. `None`: no device of the group.
#[derive(Debug, Default)]
pub(super) struct Owners(BTreeMap<(String, String), Option<String>>);

impl Owners {
    /// Whether `row` would change a meeting that is another device's.
    pub(super) fn are_others(&self, device: &Device, row: &CheckedRow) -> bool {
        let Some(record) = row.record.as_ref().filter(|_| row.status == Status::Accepted) else {
            return false;
        };
        let (Some(meeting), Some(Body::Audit(_) | Body::Utterance(_) | Body::Note(_))) =
            (record.meeting, &record.body)
        else {
            return false;
        };
        let owner = self.0.get(&(device.org_id.clone(), meeting.to_string()));
        owner.is_some_and(|owner| owner.as_ref() != Some(&device.id))
    }
}

/// Makes the meetings that understood rows name, each its first device's, and counts the owner's change. Their rows are
/// locked from here on.
pub(super) async fn touch_meetings(
    tx: &mut PgConnection,
    group: &[Checked],
    plan: &Plan<'_>,
) -> Result<Owners, sqlx::Error> {
    // Each meeting's devices in the order they come.
    let mut named: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    for &(index, _, row) in &plan.rows {
        let device = &group[index].device;
        if let Some(meeting) = row.record.as_ref().and_then(|record| record.meeting) {
            let devices = named.entry((device.org_id.clone(), meeting.to_string())).or_default();
            if !devices.contains(&device.id.as_str()) {
                devices.push(&device.id);
            }
        }
    }
    if named.is_empty() {
        return Ok(Owners::default());
    }
    let (mut orgs, mut meetings, mut devices) = (Vec::new(), Vec::new(), Vec::new());
    for ((org, meeting), device) in named.iter().flat_map(|(key, all)| all.iter().map(move |one| (key, one)))
    {
        orgs.push(org.clone());
        meetings.push(meeting.clone());
        devices.push((*device).to_owned());
    }
    // In order of the key, so that two gateways never wait for each other. A row that is left as it is, is locked too.
    let owned: Vec<(String, String, String)> = sqlx::query_as(
        "INSERT INTO meetings (org_id, id, device_id)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
         ON CONFLICT (org_id, id) DO UPDATE SET device_id = coalesce(meetings.device_id, excluded.device_id),
             changes = meetings.changes + 1, changed_at = now()
         WHERE meetings.device_id IS NULL OR EXISTS (
             SELECT FROM unnest($4::text[], $5::text[], $6::text[]) AS sent(org_id, id, device_id)
             WHERE sent.org_id = meetings.org_id AND sent.id = meetings.id AND sent.device_id = meetings.device_id)
         RETURNING org_id::text, id::text, device_id::text",
    )
    .bind(named.keys().map(|key| key.0.clone()).collect::<Vec<_>>())
    .bind(named.keys().map(|key| key.1.clone()).collect::<Vec<_>>())
    .bind(named.values().filter_map(|all| all.first().map(|id| (*id).to_owned())).collect::<Vec<_>>())
    .bind(orgs)
    .bind(meetings)
    .bind(devices)
    .fetch_all(tx)
    .await?;
    let mut owners: BTreeMap<_, _> = named.into_keys().map(|key| (key, None)).collect();
    owners.extend(owned.into_iter().map(|(org, id, device)| ((org, id), Some(device))));
    Ok(Owners(owners))
}
