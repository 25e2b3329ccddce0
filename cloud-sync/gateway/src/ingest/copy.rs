//! Rows for `COPY records FROM STDIN (FORMAT binary)`: twice as fast as arrays through `UNNEST`.

/// Columns, in the order in which [`CopyRow`] writes them.
pub const STATEMENT: &str = "COPY records (cursor_id, seq, received_at, org_id, meeting_id, kind, status, at_mono_ms, \
     at_wall, hash, raw, erasable) FROM STDIN (FORMAT binary)";

const COLUMNS: i16 = 12;
/// Milliseconds from 1970 to 2000, where Postgres' time begins.
const EPOCH_MS: i64 = 946_684_800_000;
/// The last millisecond of the year 9999: what lies beyond is a broken clock, and stands in the raw record only.
const LAST_MS: i64 = 253_402_300_799_999;

/// One row.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the columns of the table `records`, described there")]
pub struct CopyRow<'a> {
    pub cursor_id: i64,
    pub seq: i64,
    pub received_ms: i64,
    pub org_id: &'a str,
    pub meeting_id: Option<&'a str>,
    pub kind: &'a str,
    pub status: &'a str,
    pub at_mono_ms: Option<i64>,
    pub at_wall_ms: Option<i64>,
    pub hash: &'a [u8; 32],
    pub raw: &'a str,
    pub erasable: Option<&'a str>,
}

/// Collects rows into the bytes that COPY takes.
#[derive(Debug)]
pub struct CopyBuffer {
    bytes: Vec<u8>,
    rows: usize,
}

impl Default for CopyBuffer {
    fn default() -> Self {
        // Signature, no flags, no extension (Postgres documentation, COPY, "Binary Format").
        let mut bytes = b"PGCOPY\n\xff\r\n\0".to_vec();
        bytes.extend_from_slice(&[0; 8]);
        Self { bytes, rows: 0 }
    }
}

impl CopyBuffer {
    /// Adds a row.
    pub fn push(&mut self, row: &CopyRow<'_>) {
        self.rows += 1;
        self.bytes.extend_from_slice(&COLUMNS.to_be_bytes());
        self.number(row.cursor_id);
        self.number(row.seq);
        self.time(row.received_ms);
        self.field(row.org_id.as_bytes());
        self.optional(row.meeting_id.map(str::as_bytes));
        self.field(row.kind.as_bytes());
        self.field(row.status.as_bytes());
        match row.at_mono_ms {
            Some(ms) => self.number(ms),
            None => self.optional(None),
        }
        match row.at_wall_ms.filter(|ms| (0..=LAST_MS).contains(ms)) {
            Some(ms) => self.time(ms),
            None => self.optional(None),
        }
        self.field(row.hash);
        self.field(row.raw.as_bytes());
        self.optional(row.erasable.map(str::as_bytes));
    }

    /// How many bytes wait to be taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether none wait.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes so far, to be sent; what follows goes on from there.
    pub fn take(&mut self) -> Vec<u8> {
        let room = self.bytes.len() + 1024;
        std::mem::replace(&mut self.bytes, Vec::with_capacity(room))
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The whole stream, with its end.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&(-1i16).to_be_bytes());
        self.bytes
    }

    fn number(&mut self, n: i64) {
        self.field(&n.to_be_bytes());
    }

    fn time(&mut self, unix_ms: i64) {
        self.number((unix_ms - EPOCH_MS).saturating_mul(1000));
    }

    fn optional(&mut self, field: Option<&[u8]>) {
        match field {
            Some(bytes) => self.field(bytes),
            None => self.bytes.extend_from_slice(&(-1i32).to_be_bytes()),
        }
    }

    fn field(&mut self, bytes: &[u8]) {
        let length = i32::try_from(bytes.len()).expect("a field is shorter than a batch");
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(bytes);
    }
}

/// A time that Postgres can hold; others become NULL.
#[must_use]
pub(super) fn sane_ms(ms: i64) -> Option<i64> {
    Some(ms).filter(|ms| (0..=LAST_MS).contains(ms))
}
