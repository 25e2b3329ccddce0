//! How many records a second the gateway stores from signed batches, beside a bare COPY of the same bytes into a
//! table with the same key, in the same server, with fsync: reading, checking signature, hash and chain, the locked
//! cursor, partitions and an index are what comes on top.
use std::time::{Duration, Instant};

use prim_bed::{Postgres, PostgresOptions};
use prim_benches::report;
use prim_gateway::db::Database;
use prim_gateway::ingest::{self, COPY_STATEMENT, CopyBuffer, CopyRow, Depth, Registry, Store};
use prim_gateway::{migrate, seed};
use prim_ids::{BootId, EpochId, MonoTime, Stream, WallTime};
use prim_proto::{
    AuditKey, BatchContents, BatchRow, Body, DeviceAddress, Draft, Erasables, Hash, Head, Metric, Topic,
};
use sqlx::Executor as _;

const WALL: i64 = 1_795_000_000_000;
/// The most one transaction of the gateway takes ([ingest].group_rows), in batches of the largest size.
const BATCHES: usize = 16;
const ROWS: usize = 500;
const ROUNDS: usize = 7;

/// A device without a daemon.
struct Device {
    address: DeviceAddress,
    key: AuditKey,
    epoch: EpochId,
    boot: BootId,
    seq: u64,
    tip: Hash,
}

impl Device {
    fn payload(&mut self) -> Vec<u8> {
        let first = self.seq + 1;
        let mut rows = Vec::with_capacity(ROWS);
        for _ in 0..ROWS {
            let at = MonoTime::from_millis(1000 + self.seq);
            let draft = Draft {
                org: self.address.org.clone(),
                device: self.address.device.clone(),
                boot: self.boot,
                stream: Stream::Metric,
                at,
                wall: Some(WallTime::from_unix_millis(WALL)),
                wall_synced: true,
                meeting: None,
                body: Body::Metric(Metric::Reading { name: code("first_partial_ms"), value: 321 }),
                erasables: Erasables::default(),
            };
            self.seq += 1;
            let placed = draft.place(self.epoch, self.seq, self.tip);
            self.tip = placed.hash;
            rows.push(BatchRow { r: placed.raw, e: placed.erasables });
        }
        let at_mono_ms = MonoTime::from_millis(1000 + self.seq);
        let (org, device) = (self.address.org.clone(), self.address.device.clone());
        let head = Head {
            v: 1,
            org: org.clone(),
            device: device.clone(),
            boot: self.boot,
            stream: Stream::Metric,
            epoch: self.epoch,
            seq: self.seq,
            hash: self.tip,
            at_mono_ms,
        };
        let contents = BatchContents {
            v: 1,
            org,
            device,
            boot: self.boot,
            stream: Stream::Metric,
            epoch: self.epoch,
            seq: first,
            sent_at_mono_ms: at_mono_ms,
            sent_at_wall_ms: None,
            rows,
            head: head.sign(&self.key),
        };
        contents.sign(&self.key).expect("a batch of this size may be sent").encode()
    }
}

fn code(text: &str) -> prim_proto::Code {
    text.parse().expect("a code of this file is one")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = prim_bed::folder()?;
    let options = PostgresOptions { durable: true, ..PostgresOptions::default() };
    let postgres = Postgres::start(folder.path(), &options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (own, checking, bare, bytes) = runtime.block_on(measure(&postgres))?;
    let rows = (BATCHES * ROWS) as f64;
    let rate = |time: Duration| rows / time.as_secs_f64();
    report(
        "ingest",
        bare.as_secs_f64() / own.as_secs_f64(),
        &format!(
            "{:.0} records a second stored ({:.0} with the checks before, which run beside the commit of the last group); \
             COPY {:.0}; {:.0} bytes a record",
            rate(own),
            rate(own + checking),
            rate(bare),
            bytes as f64 / rows
        ),
    );
    Ok(())
}

/// The middle round's time to commit, to check, to COPY, and the bytes copied.
async fn measure(
    postgres: &Postgres,
) -> Result<(Duration, Duration, Duration, usize), Box<dyn std::error::Error>> {
    let database = Database::new(&postgres.url(), 60_000)?;
    migrate::up(&database).await?;
    let mut device = Device {
        address: "acme/huddle-1".parse()?,
        key: AuditKey::from_seed([7; 32]),
        epoch: EpochId::from_u128(0x0192_0000_0000_0000_0000_0000_0000_0001),
        boot: BootId::from_u128(77),
        seq: 0,
        tip: Hash::ZERO,
    };
    let wish = seed::Seed {
        org: "acme".parse()?,
        org_display_name: "Acme".to_owned(),
        workspace: "Main".to_owned(),
        users: Vec::new(),
        devices: vec![("huddle-1".parse()?, device.key.public())],
    };
    seed::seed(&database, &wish).await?;
    let mut store = Store::new(database.clone(), "gw-1".parse()?, AuditKey::from_seed([8; 32]));
    let mut registry = Registry::default();
    let known =
        registry.load(store.connection().await?, &device.address).await?.ok_or("the device is enrolled")?;
    let topic = Topic::Up { from: device.address.clone(), stream: Stream::Metric };
    let mut admin = database.connect_as_login().await?;
    admin
        .execute(
            "CREATE TABLE bare (cursor_id bigint, seq bigint, received_at timestamptz, org_id text COLLATE \"C\", \
             meeting_id text, kind text COLLATE \"C\", status text COLLATE \"C\", at_mono_ms bigint, \
             at_wall timestamptz, hash bytea, raw text, erasable text, PRIMARY KEY (cursor_id, seq, received_at))",
        )
        .await?;
    let statement = COPY_STATEMENT.replacen("records", "bare", 1);

    let (mut own, mut checking, mut bare, mut copied) = (Vec::new(), Vec::new(), Vec::new(), 0);
    // The two take turns, so that a slow moment of the machine meets both.
    for _ in 0..ROUNDS {
        let payloads: Vec<Vec<u8>> = (0..BATCHES).map(|_| device.payload()).collect();
        let start = Instant::now();
        let group = payloads
            .iter()
            .map(|payload| ingest::check(&topic, payload, &known))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|refusal| refusal.reason)?;
        checking.push(start.elapsed());
        let start = Instant::now();
        let done = store.commit(&group, Depth::Full).await?;
        own.push(start.elapsed());
        let stored: usize = done.iter().map(|committed| committed.stored).sum();
        assert_eq!(stored, BATCHES * ROWS, "every record is new and must be stored");

        let mut rows = CopyBuffer::default();
        for row in group.iter().flat_map(|checked| &checked.rows) {
            rows.push(&CopyRow {
                cursor_id: 1,
                seq: i64::try_from(row.chain.seq)?,
                received_ms: WALL,
                org_id: &known.org_id,
                meeting_id: None,
                kind: "metric",
                status: "accepted",
                at_mono_ms: Some(1),
                at_wall_ms: Some(WALL),
                hash: &row.hash.0,
                raw: &row.raw,
                erasable: None,
            });
        }
        let bytes = rows.finish();
        copied = bytes.len();
        let start = Instant::now();
        let mut copy = admin.copy_in_raw(&statement).await?;
        copy.send(bytes).await?;
        copy.finish().await?;
        bare.push(start.elapsed());
    }
    Ok((middle(own), middle(checking), middle(bare), copied))
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
