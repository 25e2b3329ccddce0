//! Every promised figure, from the recording, the observer's log and the database; never from the device's own times.

mod figures;
mod rows;
mod sound;
mod words;

pub use figures::{Answer, Figures, Inputs, Spread, Tip, measure};
pub use rows::{AuditRow, NotedRow, ReadRowsError, Rows, Utterance, read_rows};
pub use sound::{Burst, bursts, ding_template, dings};
pub use words::{Errors, normalise, word_errors};
