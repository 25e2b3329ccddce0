//! What goes into the machine and what comes out.

use prim_ids::{EpochId, InstanceName, Stream};
use prim_proto::{Ack, Rejection};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Connected, and every subscription is granted.
    Connected,
    /// The connection broke, or an attempt failed.
    Disconnected {
        /// Uniform over all of `u32`: spreads the next attempts of many devices.
        random: u32,
    },
    /// The spool's last number in `stream`; also at start.
    SpoolGrew {
        /// The stream.
        stream: Stream,
        /// The last number given out.
        head: u64,
    },
    /// The batch that was asked for is on its way.
    BatchSent {
        /// The stream.
        stream: Stream,
        /// Its last number.
        through: u64,
    },
    /// The spool holds nothing of `stream` any more.
    NothingToSend {
        /// The stream.
        stream: Stream,
    },
    /// The batch could not be made or handed to the network.
    SendFailed {
        /// The stream.
        stream: Stream,
    },
    /// The broker refused the batch of `stream`.
    PublishRefused {
        /// The stream.
        stream: Stream,
    },
    /// A gateway acknowledged.
    AckReceived(Ack),
    /// A gateway's presence, retained or new.
    GatewaySeen {
        /// Which.
        instance: InstanceName,
        /// Its session number: an offline of an older session is a late will and means nothing.
        session: u64,
        /// Does it take batches?
        online: bool,
    },
    /// This device's own state, as the broker shows it to everyone.
    OwnStateSeen {
        /// Its session number.
        session: u64,
        /// Does it say online?
        online: bool,
    },
    /// Say goodbye and end.
    Stop,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Connect, with `session` in the will.
    Connect {
        /// The session number.
        session: u64,
    },
    /// Hang up.
    Disconnect,
    /// Publish this device's state, retained.
    PublishState {
        /// The session number.
        session: u64,
        /// Online, or goodbye.
        online: bool,
    },
    /// Read a batch of `stream` from the spool and publish it; answer with an input.
    SendBatch {
        /// The stream.
        stream: Stream,
        /// The first number wanted.
        from: u64,
    },
    /// Delete from the spool: committed or rejected.
    DeleteThrough {
        /// The stream.
        stream: Stream,
        /// The last number.
        through: u64,
    },
    /// Tell whoever keeps the audit.
    Report(Report),
}

/// What somebody should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A gateway keeps these only as rejected.
    Rejected {
        /// The stream.
        stream: Stream,
        /// What and why.
        rejection: Rejection,
    },
    /// A gateway did not take these, for it could not trust or read the batch. They stay in the spool and are sent
    /// again; told once for each first number and reason.
    Refused {
        /// The stream.
        stream: Stream,
        /// What and why.
        rejection: Rejection,
    },
    /// An acknowledgement for another life of the spool was ignored.
    ForeignEpoch {
        /// The stream.
        stream: Stream,
        /// The epoch it names.
        epoch: EpochId,
        /// The number it names.
        through: u64,
    },
    /// An acknowledgement of records that do not exist was ignored.
    ImpossibleAck {
        /// The stream.
        stream: Stream,
        /// The number it names.
        through: u64,
        /// The last number there is.
        head: u64,
    },
}
