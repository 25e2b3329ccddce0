//! MQTT topics as a type: `Topic` and its text are inverses of each other.
//!
//! ```
//! use prim_proto::{Stream, Topic};
//! let topic: Topic = "prim/1/acme/room-1/up/note".parse().unwrap();
//! assert!(matches!(topic, Topic::Up { stream: Stream::Note, .. }));
//! assert!("prim/2/acme/room-1/up/note".parse::<Topic>().is_err());
//! assert_eq!(Topic::shared("ingest", &Topic::all_up()), "$share/ingest/prim/1/+/+/up/+");
//! ```

use std::fmt;
use std::str::FromStr;

use prim_ids::{DeviceName, InstanceName, JobId, MeetingId, OrgName, Stream};

/// `<org>/<device>`: the name in the certificate and in topics.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceAddress {
    /// The organisation.
    pub org: OrgName,
    /// The device.
    pub device: DeviceName,
}

/// Every topic Prim uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The device is there or not; retained, also its will. Payload [`crate::State`].
    State(DeviceAddress),
    /// Records. Payload [`crate::Batch`].
    Up {
        /// The device.
        from: DeviceAddress,
        /// The stream.
        stream: Stream,
    },
    /// What is stored. Payload [`crate::Ack`].
    Ack(DeviceAddress),
    /// The configuration wanted.
    TwinDesired(DeviceAddress),
    /// The configuration that is.
    TwinReported(DeviceAddress),
    /// Do something.
    Job {
        /// The device.
        to: DeviceAddress,
        /// The job.
        job: JobId,
    },
    /// How far it is.
    JobStatus {
        /// The device.
        from: DeviceAddress,
        /// The job.
        job: JobId,
    },
    /// What panels show. Payload [`crate::LiveEvent`].
    Live {
        /// The device.
        from: DeviceAddress,
        /// The meeting.
        meeting: MeetingId,
    },
    /// What panels want.
    Panel {
        /// The device.
        to: DeviceAddress,
        /// The meeting.
        meeting: MeetingId,
    },
    /// A gateway is there; retained, also its will. Payload [`crate::GatewayPresence`].
    Gateway(InstanceName),
}

/// A string that is no topic of Prim's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read a topic from {text:?}: {why}")]
pub struct ParseTopicError {
    /// The topic, at most 200 characters of it.
    pub text: String,
    /// What does not fit.
    pub why: &'static str,
}

impl Topic {
    /// The filter for every device's records.
    #[must_use]
    pub fn all_up() -> String {
        "prim/1/+/+/up/+".to_owned()
    }

    /// The filter for every device's state.
    #[must_use]
    pub fn all_states() -> String {
        "prim/1/+/+/state".to_owned()
    }

    /// The filter for every gateway's presence.
    #[must_use]
    pub fn all_gateways() -> String {
        "prim/1/gateway/+".to_owned()
    }

    /// The filter for one device's live events of any meeting.
    #[must_use]
    pub fn all_live() -> String {
        "prim/1/+/+/live/+".to_owned()
    }

    /// The filter for what panels send to one device.
    #[must_use]
    pub fn all_panel(to: &DeviceAddress) -> String {
        format!("prim/1/{to}/panel/+")
    }

    /// `filter` as a shared subscription of `group`: each message goes to one member.
    #[must_use]
    pub fn shared(group: &str, filter: &str) -> String {
        format!("$share/{group}/{filter}")
    }

    /// The device a topic belongs to; a gateway's presence belongs to none.
    #[must_use]
    pub fn device(&self) -> Option<&DeviceAddress> {
        match self {
            Self::State(device)
            | Self::Ack(device)
            | Self::TwinDesired(device)
            | Self::TwinReported(device) => Some(device),
            Self::Up { from, .. } | Self::JobStatus { from, .. } | Self::Live { from, .. } => Some(from),
            Self::Job { to, .. } | Self::Panel { to, .. } => Some(to),
            Self::Gateway(_) => None,
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("prim/1/")?;
        match self {
            Self::State(device) => write!(f, "{device}/state"),
            Self::Up { from, stream } => write!(f, "{from}/up/{stream}"),
            Self::Ack(device) => write!(f, "{device}/ack"),
            Self::TwinDesired(device) => write!(f, "{device}/twin/desired"),
            Self::TwinReported(device) => write!(f, "{device}/twin/reported"),
            Self::Job { to, job } => write!(f, "{to}/job/{job}"),
            Self::JobStatus { from, job } => write!(f, "{from}/job/{job}/status"),
            Self::Live { from, meeting } => write!(f, "{from}/live/{meeting}"),
            Self::Panel { to, meeting } => write!(f, "{to}/panel/{meeting}"),
            Self::Gateway(instance) => write!(f, "gateway/{instance}"),
        }
    }
}

impl FromStr for Topic {
    type Err = ParseTopicError;
    fn from_str(text: &str) -> Result<Self, ParseTopicError> {
        let bad = |why| ParseTopicError { text: text.chars().take(200).collect(), why };
        if text.len() > 200 {
            return Err(bad("it is longer than any topic of Prim's"));
        }
        let rest = text.strip_prefix("prim/1/").ok_or_else(|| bad("it does not begin with prim/1/"))?;
        let parts: Vec<&str> = rest.split('/').collect();
        if let ["gateway", instance] = parts.as_slice() {
            return instance.parse().map(Self::Gateway).map_err(|_| bad("the gateway's name is not a name"));
        }
        let [org, device, leaf @ ..] = parts.as_slice() else {
            return Err(bad("it names no device"));
        };
        let device = DeviceAddress {
            org: org.parse().map_err(|_| bad("the organisation is not a name"))?,
            device: device.parse().map_err(|_| bad("the device is not a name"))?,
        };
        let meeting = |id: &str| canonical_id(id).ok_or_else(|| bad("the meeting is not a ULID"));
        let job = |id: &str| canonical_id(id).ok_or_else(|| bad("the job is not a ULID"));
        match *leaf {
            ["state"] => Ok(Self::State(device)),
            ["up", stream] => {
                let stream = stream.parse().map_err(|_| bad("there is no such stream"))?;
                Ok(Self::Up { from: device, stream })
            }
            ["ack"] => Ok(Self::Ack(device)),
            ["twin", "desired"] => Ok(Self::TwinDesired(device)),
            ["twin", "reported"] => Ok(Self::TwinReported(device)),
            ["job", id] => Ok(Self::Job { to: device, job: job(id)? }),
            ["job", id, "status"] => Ok(Self::JobStatus { from: device, job: job(id)? }),
            ["live", id] => Ok(Self::Live { from: device, meeting: meeting(id)? }),
            ["panel", id] => Ok(Self::Panel { to: device, meeting: meeting(id)? }),
            [..] => Err(bad("there is no such topic under a device")),
        }
    }
}

/// An id in its one spelling: ULID readers forgive lower case, topics must not.
fn canonical_id<T: FromStr + fmt::Display>(text: &str) -> Option<T> {
    text.parse().ok().filter(|id: &T| id.to_string() == text)
}

impl fmt::Display for DeviceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.org, self.device)
    }
}

impl FromStr for DeviceAddress {
    type Err = ParseTopicError;
    fn from_str(text: &str) -> Result<Self, ParseTopicError> {
        let bad = |why| ParseTopicError { text: text.chars().take(200).collect(), why };
        let (org, device) = text.split_once('/').ok_or_else(|| bad("a device is written <org>/<device>"))?;
        Ok(Self {
            org: org.parse().map_err(|_| bad("the organisation is not a name"))?,
            device: device.parse().map_err(|_| bad("the device is not a name"))?,
        })
    }
}
