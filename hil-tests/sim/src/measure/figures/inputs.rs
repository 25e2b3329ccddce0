//! What is measured from.

use super::super::rows::Rows;
use crate::record::Recording;

/// A partial transcript as the observer saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// When it arrived at the observer, `CLOCK_BOOTTIME` in ms.
    pub seen_ms: f64,
    /// Of which utterance.
    pub utterance: String,
    /// From the platform's link.
    pub remote: bool,
}

/// Where a stream of the device's spool ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    /// Its name.
    pub stream: String,
    /// The spool's life.
    pub epoch: String,
    /// The last number given out; 0 before the first.
    pub seq: u64,
    /// The hash of that record.
    pub hash: Vec<u8>,
}

/// What is measured from.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The room's recording.
    pub recording: &'a Recording,
    /// The observer's partials, in order.
    pub partials: &'a [Answer],
    /// The database.
    pub rows: Option<&'a Rows>,
    /// Where the device's spool says that each stream ends.
    pub tips: Option<&'a [Tip]>,
}
