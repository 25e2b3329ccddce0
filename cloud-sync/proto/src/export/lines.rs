//! Reading an export's lines, none of which is longer than any gateway writes.

use std::io::{self, BufRead};

use super::VerifyError;

/// The longest line: a record with all its quotes escaped, its erasable values, its hash.
pub const MAX_LINE_BYTES: u64 = 512 * 1024;

/// Reads lines of bounded length.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn of(reader: R) -> Self {
        Self { reader, number: 0 }
    }

    /// The next line's number, from 1, and its bytes without the end; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Vec<u8>)>, VerifyError> {
        self.number += 1;
        let line = self.number;
        let mut bytes = Vec::new();
        io::Read::take(&mut self.reader, MAX_LINE_BYTES + 1)
            .read_until(b'\n', &mut bytes)
            .map_err(|source| VerifyError::Read { line, source })?;
        if bytes.len() as u64 > MAX_LINE_BYTES {
            return Err(VerifyError::LineTooLong { line });
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        Ok(Some((line, bytes)))
    }
}
