//! What Postgres holds of the meeting, read by a superuser's login (row-level security hides rows from others).

use std::collections::BTreeMap;
use std::time::Duration;

use prim_ids::Day;
use prim_proto::{Hash, link};
use serde_json::Value;
use sqlx::Row;
use sqlx::postgres::PgPoolOptions;

use crate::script::NotedKind;

/// A database that does not answer within this time is down.
const LIMIT: Duration = Duration::from_secs(20);

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadRowsError {
    /// Not reachable, or a query failed.
    #[error("read the meeting from Postgres: is the server up, and is the login a superuser's?")]
    Sql(#[from] sqlx::Error),
    /// There is no meeting.
    #[error(
        "read the meeting from Postgres: there is none; did the gateway run, and did the device's link come up?"
    )]
    NoMeeting,
}

/// A row of `utterances`, a person's.
#[derive(Debug, Clone, PartialEq)]
pub struct Utterance {
    /// Its id: decisions and actions name it.
    pub id: String,
    /// Heard on the platform's link.
    pub remote: bool,
    /// From where.
    pub bearing_deg: Option<f32>,
    /// Who, if the device said.
    pub participant: Option<String>,
    /// Which of the room's voices, if the device could tell.
    pub label: Option<i16>,
    /// The words.
    pub text: String,
    /// When it began: which stretch of sound it belongs to.
    pub started_ms: f64,
    /// When it ended.
    pub ended_ms: f64,
}

/// A decision or an action that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct NotedRow {
    /// Which of the two.
    pub kind: NotedKind,
    /// The words.
    pub title: String,
    /// The participant whose it is.
    pub owner: Option<String>,
    /// Until when.
    pub due: Option<Day>,
    /// The title of its agenda item.
    pub item: Option<String>,
    /// The utterances that it was made from.
    pub utterances: Vec<String>,
}

/// A row of the audit.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    /// For example `floor.dinged`.
    pub kind: String,
    /// When, on the boot clock.
    pub at_ms: f64,
    /// The attested fields.
    pub body: Value,
}

impl AuditRow {
    /// A text field of the body.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.body.get(field).and_then(Value::as_str).unwrap_or("")
    }
}

/// One chain of records as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// Stream's name.
    pub stream: String,
    /// The spool's life.
    pub epoch: String,
    /// Rows, by sequence; a sequence that stands twice counts as a duplicate.
    pub rows: BTreeMap<u64, Vec<u8>>,
    /// Rows beyond the first of the same sequence.
    pub duplicates: u64,
    /// Every stored hash is the link of the one before and the raw bytes.
    pub linked: bool,
}

/// Everything that is needed.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The meeting's id.
    pub meeting: String,
    /// What people said.
    pub utterances: Vec<Utterance>,
    /// The audit of the meeting.
    pub audit: Vec<AuditRow>,
    /// Decisions and actions that hold, in the order in which they were made.
    pub noted: Vec<NotedRow>,
    /// Notes that hold.
    pub notes: u64,
    /// Names of the artifacts.
    pub artifacts: Vec<String>,
    /// All chains.
    pub chains: Vec<Chain>,
    /// Rows set aside.
    pub quarantined: u64,
    /// Payloads that were no batch.
    pub rejected: u64,
}

/// Reads the newest meeting, or the one with the id `meeting`.
///
/// # Errors
/// See [`ReadRowsError`].
pub async fn read_rows(url: &str, meeting: Option<&str>) -> Result<Rows, ReadRowsError> {
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(LIMIT).connect(url).await?;
    let row = sqlx::query(
        "SELECT id::text AS id, org_id::text AS org FROM meetings WHERE $1::text IS NULL OR id = $1::text \
         ORDER BY created_at DESC LIMIT 1",
    )
    .bind(meeting)
    .fetch_optional(&pool)
    .await?
    .ok_or(ReadRowsError::NoMeeting)?;
    let (id, org): (String, String) = (row.try_get("id")?, row.try_get("org")?);

    let mut utterances = Vec::new();
    let found = sqlx::query(
        "SELECT id::text AS id, ear, bearing_centideg, participant_id::text AS participant, speaker_label, coalesce(text, '') AS text, \
         started_mono_ms, coalesce(ended_mono_ms, started_mono_ms) AS ended_mono_ms FROM utterances \
         WHERE org_id = $1 AND meeting_id = $2 AND speaker = 'person' ORDER BY started_mono_ms",
    )
    .bind(&org)
    .bind(&id)
    .fetch_all(&pool)
    .await?;
    for row in found {
        let bearing: Option<i32> = row.try_get("bearing_centideg")?;
        utterances.push(Utterance {
            id: row.try_get("id")?,
            remote: row.try_get::<Option<String>, _>("ear")?.as_deref() == Some("remote"),
            bearing_deg: bearing.map(|c| c as f32 / 100.0),
            participant: row.try_get("participant")?,
            label: row.try_get("speaker_label")?,
            text: row.try_get("text")?,
            started_ms: row.try_get::<i64, _>("started_mono_ms")? as f64,
            ended_ms: row.try_get::<i64, _>("ended_mono_ms")? as f64,
        });
    }

    let mut audit = Vec::new();
    let found = sqlx::query(
        "SELECT event, coalesce(at_mono_ms, 0) AS at_mono_ms, coalesce(payload::text, '{}') AS payload FROM audit \
         WHERE meeting_id = $1 ORDER BY epoch, seq",
    )
    .bind(&id)
    .fetch_all(&pool)
    .await?;
    for row in found {
        audit.push(AuditRow {
            kind: row.try_get("event")?,
            at_ms: row.try_get::<i64, _>("at_mono_ms")? as f64,
            body: serde_json::from_str(&row.try_get::<String, _>("payload")?).unwrap_or_default(),
        });
    }

    let noted = read_noted(&pool, &org, &id).await?;
    let notes = sqlx::query_scalar::<_, i64>(
        "SELECT count(*) FROM current_notes WHERE org_id = $1 AND meeting_id = $2",
    )
    .bind(&org)
    .bind(&id)
    .fetch_one(&pool)
    .await?;
    let quarantined =
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM quarantine").fetch_one(&pool).await?;
    let rejected = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM rejected").fetch_one(&pool).await?;
    let artifacts = sqlx::query_scalar::<_, String>(
        "SELECT name FROM artifacts WHERE org_id = $1 AND meeting_id = $2 ORDER BY name",
    )
    .bind(&org)
    .bind(&id)
    .fetch_all(&pool)
    .await?;
    let chains = read_chains(&pool).await?;
    pool.close().await;
    let whole = |n: i64| u64::try_from(n).unwrap_or(0);
    Ok(Rows {
        meeting: id,
        utterances,
        audit,
        noted,
        notes: whole(notes),
        artifacts,
        chains,
        quarantined: whole(quarantined),
        rejected: whole(rejected),
    })
}

async fn read_noted(pool: &sqlx::PgPool, org: &str, meeting: &str) -> Result<Vec<NotedRow>, ReadRowsError> {
    let found = sqlx::query(
        "SELECT n.action, coalesce(n.title, '') AS title, n.owner, n.due, i.title AS item, n.utterances::text AS utterances \
         FROM (SELECT false AS action, org_id, meeting_id, id, title, NULL AS owner, NULL AS due, agenda_item_id, utterances \
                 FROM current_decisions \
               UNION ALL SELECT true, org_id, meeting_id, id, title, owner_participant_id::text, to_char(due, 'YYYY-MM-DD'), \
                 agenda_item_id, utterances FROM current_actions) n \
         LEFT JOIN agenda_items i ON (i.org_id, i.meeting_id, i.id) = (n.org_id, n.meeting_id, n.agenda_item_id) \
         WHERE n.org_id = $1 AND n.meeting_id = $2 ORDER BY n.id",
    )
    .bind(org)
    .bind(meeting)
    .fetch_all(pool)
    .await?;
    let mut noted = Vec::new();
    for row in found {
        let action: bool = row.try_get("action")?;
        let due: Option<String> = row.try_get("due")?;
        noted.push(NotedRow {
            kind: if action { NotedKind::Action } else { NotedKind::Decision },
            title: row.try_get("title")?,
            owner: row.try_get("owner")?,
            due: due.and_then(|day| day.parse().ok()),
            item: row.try_get("item")?,
            utterances: serde_json::from_str(&row.try_get::<String, _>("utterances")?).unwrap_or_default(),
        });
    }
    Ok(noted)
}

async fn read_chains(pool: &sqlx::PgPool) -> Result<Vec<Chain>, ReadRowsError> {
    let found = sqlx::query(
        "SELECT c.stream::text AS stream, c.epoch::text AS epoch, r.seq, r.hash, r.raw \
         FROM records r JOIN cursors c ON c.id = r.cursor_id ORDER BY c.id, r.seq, r.received_at",
    )
    .fetch_all(pool)
    .await?;
    let mut chains: Vec<Chain> = Vec::new();
    for row in found {
        let (stream, epoch): (String, String) = (row.try_get("stream")?, row.try_get("epoch")?);
        let seq = u64::try_from(row.try_get::<i64, _>("seq")?).unwrap_or(0);
        let (hash, raw): (Vec<u8>, String) = (row.try_get("hash")?, row.try_get("raw")?);
        if chains.last().is_none_or(|c| c.stream != stream || c.epoch != epoch) {
            chains.push(Chain { stream, epoch, rows: BTreeMap::new(), duplicates: 0, linked: true });
        }
        if let Some(chain) = chains.last_mut() {
            chain.add(seq, hash, &raw);
        }
    }
    Ok(chains)
}

impl Chain {
    /// Adds the next row in order.
    pub(super) fn add(&mut self, seq: u64, hash: Vec<u8>, raw: &str) {
        if self.rows.contains_key(&seq) {
            self.duplicates += 1;
            return;
        }
        let before = match self.rows.last_key_value() {
            None => Some((0, Hash::ZERO)),
            Some((n, h)) => <[u8; 32]>::try_from(h.as_slice()).ok().map(|h| (*n, Hash::from(h))),
        };
        let fits =
            before.is_some_and(|(n, prev)| n + 1 == seq && link(prev, raw.as_bytes()).0[..] == hash[..]);
        self.linked &= fits;
        self.rows.insert(seq, hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Chain {
        Chain {
            stream: "audit".into(),
            epoch: "E".into(),
            rows: BTreeMap::new(),
            duplicates: 0,
            linked: true,
        }
    }

    fn hash(prev: Hash, raw: &str) -> (Hash, Vec<u8>) {
        let h = link(prev, raw.as_bytes());
        (h, h.0.to_vec())
    }

    #[test]
    fn a_chain_is_linked_when_each_hash_follows_from_the_one_before() {
        let (a, a_bytes) = hash(Hash::ZERO, "one");
        let (_, b_bytes) = hash(a, "two");
        let mut good = chain();
        good.add(1, a_bytes.clone(), "one");
        good.add(2, b_bytes.clone(), "two");
        assert!(good.linked && good.duplicates == 0);

        let mut changed = chain();
        changed.add(1, a_bytes.clone(), "one");
        changed.add(2, b_bytes.clone(), "tvo");
        assert!(!changed.linked);

        let mut hole = chain();
        hole.add(1, a_bytes.clone(), "one");
        hole.add(3, b_bytes, "two");
        assert!(!hole.linked);

        let mut twice = chain();
        twice.add(1, a_bytes.clone(), "one");
        twice.add(1, a_bytes, "one");
        assert_eq!(twice.duplicates, 1);
    }
}
