//! How many records a second the spool makes durable one by one, beside bare SQLite doing nothing but that.
use std::path::Path;

use prim_benches::{median, report};
use prim_ids::{BootId, EpochId, MonoTime, Stream, WallTime};
use prim_spool::{Encoded, Limits, Moment, Slot, Spool};
use sha2::{Digest, Sha256};

/// A typical audit record's size.
const RECORD_BYTES: usize = 300;
const RECORDS: u32 = 200;
const ROUNDS: usize = 5;

fn main() {
    // On the disk that the checkout is on: a folder in memory would make every sync free.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder is writable");
    let own = spool(&folder.path().join("spool.db"));
    let bare = bare(&folder.path().join("bare.db"));
    let rate = |seconds: f64| f64::from(RECORDS) / seconds;
    report(
        "spool_appends",
        bare / own,
        &format!("{:.0} durable appends a second; bare SQLite {:.0}", rate(own), rate(bare)),
    );
}

/// Seconds for one round through the spool: number, link, hash and row in one transaction each.
fn spool(path: &Path) -> f64 {
    let wall = WallTime::from_unix_millis(1_790_000_000_000);
    let now = Moment { boot: BootId::from_parts(wall, 1), at: MonoTime::from_millis(1) };
    let encode = |slot: Slot| {
        let mut bytes = vec![b'x'; RECORD_BYTES];
        bytes.extend(slot.seq.to_le_bytes());
        let hash: [u8; 32] = Sha256::new().chain_update(slot.prev).chain_update(&bytes).finalize().into();
        Encoded { bytes, erasable: None, hash, meeting: None }
    };
    let write_loss = Box::new(move |_, slot, _| encode(slot));
    let spool = Spool::open(path, Limits::default(), EpochId::from_parts(wall, 2), write_loss)
        .expect("a fresh spool opens in an empty folder");
    let round = median(ROUNDS, || {
        for _ in 0..RECORDS {
            spool.append(now, Stream::Audit, encode).expect("the disk has room");
        }
    });
    round.as_secs_f64()
}

/// Seconds for one round of bare commits of the same size.
fn bare(path: &Path) -> f64 {
    let open = || -> rusqlite::Result<rusqlite::Connection> {
        let db = rusqlite::Connection::open(path)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.execute("CREATE TABLE row (seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL)", ())?;
        Ok(db)
    };
    let db = open().expect("a fresh database opens in an empty folder");
    let bytes = vec![b'x'; RECORD_BYTES];
    let round = median(ROUNDS, || {
        for _ in 0..RECORDS {
            db.execute("INSERT INTO row (bytes) VALUES (?1)", [&bytes]).expect("the disk has room");
        }
    });
    round.as_secs_f64()
}
