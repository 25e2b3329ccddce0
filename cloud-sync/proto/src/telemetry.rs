//! The streams event, usage and metric: the device's own life, what was used, measured numbers.

use prim_ids::ParticipantId;

use crate::body::vocabulary;
use crate::{Code, Peripheral, PeripheralState};

vocabulary! {
    /// What happened to the device.
    Event {
        /// The daemon came up.
        "device.started" DeviceStarted {
            /// The daemon's version.
            version: Code,
        }
        /// The daemon went down on request.
        "device.stopped" DeviceStopped {
            /// Why.
            reason: Code,
        }
        /// A part changed its state.
        "device.peripheral" DevicePeripheral {
            /// Which part.
            which: Peripheral,
            /// How it is.
            state: PeripheralState,
            /// Why.
            reason: Option<Code>,
        }
        /// Sound was lost.
        "audio.overrun" AudioOverrun {
            /// How many frames at 48 kHz.
            lost_frames: u64,
        }
        /// The spool changed its state.
        "spool.state" SpoolState {
            /// `ok`, `over_quota`, `reserve`, `full`.
            state: Code,
            /// Bytes waiting.
            queued_bytes: u64,
        }
        /// The link to the gateway came or went.
        "link" Link {
            /// Whether it is up.
            up: bool,
            /// Why it went.
            reason: Option<Code>,
        }
    }
}

vocabulary! {
    /// What was used, for billing.
    Usage {
        /// Prim took part in a meeting.
        "usage.session" Session {
            /// Prim's participant id.
            participant: ParticipantId,
            /// How long.
            duration_ms: u64,
            /// Speech recognised.
            heard_ms: u64,
            /// Speech synthesised.
            spoken_ms: u64,
        }
        /// A model was used.
        "usage.model" Model {
            /// Which model.
            model: Code,
            /// Tokens in.
            tokens_in: u64,
            /// Tokens out.
            tokens_out: u64,
            /// Audio.
            audio_ms: u64,
        }
    }
}

vocabulary! {
    /// Measured numbers.
    Metric {
        /// One reading of a gauge or counter.
        "metric" Reading {
            /// What was measured, with its unit as suffix: `first_partial_ms`.
            name: Code,
            /// The number.
            value: i64,
        }
        /// A distribution over a stretch of time.
        "metric.summary" Summary {
            /// What was measured, with its unit as suffix.
            name: Code,
            /// How many.
            count: u64,
            /// The median.
            p50: i64,
            /// The 95th percentile.
            p95: i64,
            /// The greatest.
            max: i64,
        }
    }
}
