//! Exports a chain as a file that `prim audit verify` checks with nothing but public keys.

use std::io;
use std::path::{Path, PathBuf};

use prim_ids::{EpochId, InstanceName, MeetingId, Stream};
use prim_proto::export::{HeadList, KeyLine, Line, Range, RecordLine};
use prim_proto::{AuditKey, CounterSigned, DeviceAddress, DeviceKey, Erasables, Hash, PublicKey};
use sqlx::{PgConnection, Row as _};

use crate::clock;
use crate::db::{ConnectError, Database, Role};
use crate::fault::Fault;

/// Rows read from Postgres at a time.
const PAGE: i64 = 2000;

/// What to export.
#[derive(Debug, Clone)]
pub enum Wish {
    /// The audit around one meeting: from its first audit record to its last.
    Meeting(MeetingId),
    /// A whole stream of a device, of the life named or the latest.
    Device {
        /// The device.
        device: DeviceAddress,
        /// The stream.
        stream: Stream,
        /// The spool's life; the latest when `None`.
        epoch: Option<EpochId>,
    },
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The first number.
    pub from: u64,
    /// The last number.
    pub to: u64,
    /// How many records.
    pub records: u64,
}

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No database.
    #[error("reach the database to export from it")]
    Connect {
        /// Why.
        #[source]
        source: ConnectError,
    },
    /// Nothing there.
    #[error("find {what}: nothing is stored under that name; check it, and that the device has synced")]
    Nothing {
        /// What was wanted.
        what: String,
    },
    /// The meeting lies in several chains.
    #[error(
        "export meeting {meeting}: its audit lies in {chains} chains (the device was reset, or there were several); \
         export each with --device and --epoch"
    )]
    SeveralChains {
        /// The meeting.
        meeting: MeetingId,
        /// How many.
        chains: usize,
    },
    /// The database said no.
    #[error("read the chain")]
    Database {
        /// Why.
        #[source]
        source: Fault,
    },
    /// What is stored makes no sense: damage.
    #[error("read the chain: {what} in the database is not what was stored; restore it from a backup")]
    Damaged {
        /// What.
        what: &'static str,
    },
    /// What stands there would be lost.
    #[error("write {}: it is no ordinary file; name a new one", path.display())]
    NoFile {
        /// Where.
        path: PathBuf,
    },
    /// The file.
    #[error("write {}: check that its folder is there and has room", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl From<sqlx::Error> for ExportError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database { source: error.into() }
    }
}

struct Chain {
    cursor_id: i64,
    device_id: String,
    address: DeviceAddress,
    stream: Stream,
    epoch: EpochId,
    from: i64,
    to: i64,
    /// Words of other meetings in the range stay behind.
    only_meeting: Option<String>,
}

/// Writes the export to `path`, whole or not at all.
///
/// # Errors
/// See [`ExportError`].
pub async fn export(
    database: &Database,
    wish: &Wish,
    instance: &InstanceName,
    key: &AuditKey,
    path: &Path,
) -> Result<Exported, ExportError> {
    let mut connection =
        database.connect(Role::Worker).await.map_err(|source| ExportError::Connect { source })?;
    // One snapshot, so that what arrives meanwhile cannot tear the range.
    sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut connection).await?;
    let mut chain = match wish {
        Wish::Meeting(meeting) => of_meeting(&mut connection, *meeting).await?,
        Wish::Device { device, stream, epoch } => of_device(&mut connection, device, *stream, *epoch).await?,
    };
    chain.to = signed_end(&mut connection, &chain).await?;
    let write = |source| ExportError::Write { path: path.to_owned(), source };
    if std::fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(ExportError::NoFile { path: path.to_owned() });
    }
    // Beside the target, under a name of its own, for this user only (names and words stand in it); renamed when whole.
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut fresh = tempfile::NamedTempFile::new_in(folder).map_err(write)?;
    let mut file = io::BufWriter::new(fresh.as_file_mut());
    let records = write_chain(&mut connection, &chain, instance, key, &mut file, path).await?;
    file.into_inner().map_err(io::IntoInnerError::into_error).map_err(write)?.sync_all().map_err(write)?;
    fresh.persist(path).map_err(|error| write(error.error))?;
    Ok(Exported { from: unsigned(chain.from), to: unsigned(chain.to), records })
}

const CHAIN: &str = "SELECT c.id, c.device_id, o.name AS org, d.name AS device, c.stream, c.epoch,
        min(r.seq) AS first, max(r.seq) AS last
    FROM records r JOIN cursors c ON c.id = r.cursor_id JOIN devices d ON d.id = c.device_id
    JOIN organisations o ON o.id = c.org_id ";

async fn of_meeting(connection: &mut PgConnection, meeting: MeetingId) -> Result<Chain, ExportError> {
    // What another device says of the meeting is not part of it.
    let query = format!(
        "{CHAIN} WHERE r.meeting_id = $1 AND c.stream = 'audit' AND NOT EXISTS (SELECT FROM meetings m
             WHERE m.org_id = c.org_id AND m.id = $1 AND m.device_id <> c.device_id)
         GROUP BY 1, 2, 3, 4, 5, 6"
    );
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(query)).bind(meeting.to_string()).fetch_all(connection).await?;
    match rows.as_slice() {
        [] => Err(ExportError::Nothing { what: format!("meeting {meeting}") }),
        [row] => chain_of(row, Some(meeting.to_string())),
        [_, ..] => Err(ExportError::SeveralChains { meeting, chains: rows.len() }),
    }
}

async fn of_device(
    connection: &mut PgConnection,
    device: &DeviceAddress,
    stream: Stream,
    epoch: Option<EpochId>,
) -> Result<Chain, ExportError> {
    let query = format!(
        "{CHAIN} WHERE o.name = $1 AND d.name = $2 AND c.stream = $3 AND ($4::text IS NULL OR c.epoch = $4)
         GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY max(c.updated_at) DESC LIMIT 1"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(device.org.as_str())
        .bind(device.device.as_str())
        .bind(stream.as_str())
        .bind(epoch.map(|epoch| epoch.to_string()))
        .fetch_optional(connection)
        .await?;
    match row {
        Some(row) => chain_of(&row, None),
        None => Err(ExportError::Nothing { what: format!("stream {stream} of device {device}") }),
    }
}

/// An export ends at a head the device signed: the first at or after the last record wanted, else the last there is.
async fn signed_end(connection: &mut PgConnection, chain: &Chain) -> Result<i64, ExportError> {
    let end: Option<i64> = sqlx::query_scalar(
        "SELECT coalesce((SELECT min(seq) FROM heads WHERE cursor_id = $1 AND seq >= $2),
                         (SELECT max(seq) FROM heads WHERE cursor_id = $1 AND seq >= $3))",
    )
    .bind(chain.cursor_id)
    .bind(chain.to)
    .bind(chain.from)
    .fetch_one(connection)
    .await?;
    end.ok_or_else(|| ExportError::Nothing { what: "a head that the device signed in that range".to_owned() })
}

fn chain_of(row: &sqlx::postgres::PgRow, only_meeting: Option<String>) -> Result<Chain, ExportError> {
    let damaged = |what| ExportError::Damaged { what };
    let (org, device): (String, String) = (row.try_get("org")?, row.try_get("device")?);
    let (stream, epoch): (String, String) = (row.try_get("stream")?, row.try_get("epoch")?);
    Ok(Chain {
        cursor_id: row.try_get("id")?,
        device_id: row.try_get("device_id")?,
        address: format!("{org}/{device}").parse().map_err(|_| damaged("a device's name"))?,
        stream: stream.parse().map_err(|_| damaged("a stream's name"))?,
        epoch: epoch.parse().map_err(|_| damaged("an epoch"))?,
        from: row.try_get("first")?,
        to: row.try_get("last")?,
        only_meeting,
    })
}

async fn write_chain(
    connection: &mut PgConnection,
    chain: &Chain,
    instance: &InstanceName,
    key: &AuditKey,
    file: &mut impl io::Write,
    path: &Path,
) -> Result<u64, ExportError> {
    let mut line = |text: String| {
        writeln!(file, "{text}").map_err(|source| ExportError::Write { path: path.to_owned(), source })
    };
    let hash_at = async |connection: &mut PgConnection, seq: i64| -> Result<Option<Hash>, ExportError> {
        let found: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT hash FROM records WHERE cursor_id = $1 AND seq = $2")
                .bind(chain.cursor_id)
                .bind(seq)
                .fetch_optional(connection)
                .await?;
        found.map(|hash| hash_of(&hash)).transpose()
    };
    let head =
        hash_at(connection, chain.to).await?.ok_or(ExportError::Damaged { what: "the last record" })?;
    // What the first record itself names as its predecessor: it may lie in a hole.
    let first: String = sqlx::query_scalar("SELECT raw FROM records WHERE cursor_id = $1 AND seq = $2")
        .bind(chain.cursor_id)
        .bind(chain.from)
        .fetch_one(&mut *connection)
        .await?;
    let before =
        prim_proto::ChainFields::of(&first).map_err(|_| ExportError::Damaged { what: "a record" })?.prev;
    let heads: Vec<String> = sqlx::query_scalar(
        "SELECT counter_signed FROM heads WHERE cursor_id = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq",
    )
    .bind(chain.cursor_id)
    .bind(chain.from)
    .bind(chain.to)
    .fetch_all(&mut *connection)
    .await?;
    let heads = heads
        .iter()
        .map(|head| serde_json::from_str(head).map_err(|_| ExportError::Damaged { what: "a head" }))
        .collect::<Result<Vec<CounterSigned>, _>>()?;
    let keys = keys(connection, chain, &heads).await?;
    let range = Range {
        v: 1,
        org: chain.address.org.clone(),
        device: chain.address.device.clone(),
        stream: chain.stream,
        epoch: chain.epoch,
        from: unsigned(chain.from),
        to: unsigned(chain.to),
        before,
        head,
        keys: keys.iter().map(KeyLine::digest).collect(),
        heads: HeadList::of(&heads),
        at_wall_ms: clock::now(),
        gateway: instance.clone(),
    };
    line(range.sign(key).encode())?;
    for key in keys {
        line(Line::Key(key).encode())?;
    }
    for head in heads {
        line(Line::Head(head).encode())?;
    }
    let (mut next, mut records) = (chain.from, 0u64);
    loop {
        let rows = sqlx::query(
            "SELECT seq, raw, hash, erasable, meeting_id FROM records
             WHERE cursor_id = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq LIMIT $4",
        )
        .bind(chain.cursor_id)
        .bind(next)
        .bind(chain.to)
        .bind(PAGE)
        .fetch_all(&mut *connection)
        .await?;
        let Some(last) = rows.last() else { break };
        next = last.try_get::<i64, _>("seq")? + 1;
        for row in &rows {
            let meeting: Option<String> = row.try_get("meeting_id")?;
            let shown = chain.only_meeting.is_none() || chain.only_meeting == meeting;
            let erasable: Option<String> = row.try_get("erasable")?;
            let e = match erasable.filter(|_| shown) {
                Some(json) => Erasables::from_json(&json)
                    .map_err(|_| ExportError::Damaged { what: "erasable values" })?,
                None => Erasables::default(),
            };
            let h = hash_of(row.try_get("hash")?)?;
            line(Line::Record(RecordLine { r: row.try_get("raw")?, h, e }).encode())?;
            records += 1;
        }
    }
    Ok(records)
}

/// The device's keys in order of use, each from the record that brought it where that stands in this chain. A key that
/// another chain brought counts from the first head here that no older key signed, and not at all where none is left.
async fn keys(
    connection: &mut PgConnection,
    chain: &Chain,
    heads: &[CounterSigned],
) -> Result<Vec<KeyLine>, ExportError> {
    let rows = sqlx::query(
        "SELECT public_key, rotated_in_epoch, rotated_at_seq, rotation::text AS rotation FROM device_keys
         WHERE device_id = $1 ORDER BY position",
    )
    .bind(&chain.device_id)
    .fetch_all(connection)
    .await?;
    let mut keys: Vec<KeyLine> = Vec::with_capacity(rows.len());
    // How far the keys before signed.
    let mut older_to = 0;
    for row in rows {
        let bytes: Vec<u8> = row.try_get("public_key")?;
        let key = bytes.as_slice().try_into().ok().and_then(PublicKey::from_bytes).map(PublicKey::of_device);
        let key: DeviceKey = key.ok_or(ExportError::Damaged { what: "a device's key" })?;
        let epoch: Option<String> = row.try_get("rotated_in_epoch")?;
        let seq: Option<i64> = row.try_get("rotated_at_seq")?;
        let rotation: Option<String> = row.try_get("rotation")?;
        let rotation = rotation
            .map(|json| {
                serde_json::from_str(&json).map_err(|_| ExportError::Damaged { what: "a key's rotation" })
            })
            .transpose()?;
        let here = chain.stream == Stream::Audit && epoch == Some(chain.epoch.to_string());
        let last = heads.last().map_or(0, |head| head.signed.head.seq);
        let from_seq = match seq {
            Some(seq) if here => unsigned(seq),
            Some(_) if older_to > 0 && older_to >= last => break,
            Some(_) if older_to > 0 => older_to + 1,
            Some(_) | None => 1,
        };
        let signed = heads.iter().filter(|head| head.signed.key == key).map(|head| head.signed.head.seq);
        older_to = signed.fold(older_to, u64::max);
        keys.push(KeyLine { key, from_seq, rotation });
    }
    Ok(keys)
}

fn hash_of(bytes: &[u8]) -> Result<Hash, ExportError> {
    bytes.try_into().map(Hash).map_err(|_| ExportError::Damaged { what: "a hash" })
}

fn unsigned(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or(0)
}
