//! How the certificate stands that this device shows to the broker: looked at again as time goes on, because a device
//! runs longer than a certificate holds.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use metrics::gauge;
use prim_identity::{CheckCertificateError, Role, certificate_faults, check_authority, valid_until};
use prim_ids::WallTime;

use crate::config::{BrokerConfig, DeviceConfig};
use crate::mouth::lock;

/// Its last weeks, in which it is time to renew it.
pub(crate) const SOON_DAYS: i64 = 14;
pub(crate) const DAY_MS: i64 = 86_400_000;

/// How the certificate stands at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Holds { until: WallTime },
    ExpiresSoon { until: WallTime, days_left: i64 },
    Expired { until: WallTime, days_ago: i64 },
    Unusable { why: String },
}

impl Standing {
    /// Of this certificate, issued to `owner` by this authority, at `now`.
    pub(crate) fn of(certificate_pem: &str, authority_pem: &str, owner: &Role, now: WallTime) -> Self {
        let faults = certificate_faults(certificate_pem, Some(authority_pem), owner, now);
        let fault = match faults.into_iter().next() {
            None => check_authority(authority_pem, now).err(),
            fault => fault,
        };
        match (fault, valid_until(certificate_pem)) {
            (None, Ok(until)) => {
                let days_left = (until.unix_millis() - now.unix_millis()) / DAY_MS;
                if days_left < SOON_DAYS {
                    Self::ExpiresSoon { until, days_left }
                } else {
                    Self::Holds { until }
                }
            }
            (Some(CheckCertificateError::Expired { days_ago, .. }), Ok(until)) => {
                Self::Expired { until, days_ago }
            }
            (Some(error), _) | (None, Err(error)) => Self::Unusable { why: format!("cannot {error}") },
        }
    }

    /// The word on the health page.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Holds { .. } => "up",
            Self::ExpiresSoon { .. } => "expires_soon",
            Self::Expired { .. } => "expired",
            Self::Unusable { .. } => "unusable",
        }
    }

    /// Whether a broker lets this device in with it.
    pub(crate) fn holds(&self) -> bool {
        matches!(self, Self::Holds { .. } | Self::ExpiresSoon { .. })
    }

    /// What is wrong and what to do, when something is.
    pub(crate) fn advice(&self) -> Option<String> {
        match self {
            Self::Holds { .. } => None,
            Self::ExpiresSoon { days_left, .. } => Some(format!(
                "the certificate in [broker] cert expires in {days_left} days: have a new one issued and put it there; it is \
                 taken at the next connection, without a restart"
            )),
            Self::Expired { days_ago, .. } => Some(format!(
                "the certificate in [broker] cert expired {days_ago} days ago, so the broker refuses this device and \
                 everything is kept here: have a new one issued and put it there, or set the clock right; it is taken at the \
                 next connection, without a restart"
            )),
            Self::Unusable { why } => Some(why.clone()),
        }
    }

    fn until(&self) -> Option<WallTime> {
        match self {
            Self::Holds { until } | Self::ExpiresSoon { until, .. } | Self::Expired { until, .. } => {
                Some(*until)
            }
            Self::Unusable { .. } => None,
        }
    }
}

/// Looks at the files of `[broker]`, which may be renewed while the daemon runs.
#[derive(Debug)]
pub(crate) struct CertificateWatch {
    cert: PathBuf,
    ca: PathBuf,
    owner: Role,
    /// The last word that was logged.
    told: Mutex<&'static str>,
}

impl CertificateWatch {
    pub(crate) fn new(broker: &BrokerConfig, device: &DeviceConfig) -> Self {
        let owner = Role::Device { org: device.org.clone(), device: device.name.clone() };
        Self { cert: broker.cert.clone(), ca: broker.ca.clone(), owner, told: Mutex::new("up") }
    }

    /// How it stands at `now`; says so in the log and in the numbers when that has changed.
    pub(crate) fn look(&self, now: WallTime) -> Standing {
        let read = |path: &Path, key: &str| {
            std::fs::read_to_string(path)
                .map_err(|error| format!("cannot read {} ([broker] {key}): {error}", path.display()))
        };
        let standing = match (read(&self.cert, "cert"), read(&self.ca, "ca")) {
            (Ok(certificate), Ok(authority)) => Standing::of(&certificate, &authority, &self.owner, now),
            (Err(why), _) | (_, Err(why)) => Standing::Unusable { why },
        };
        if let Some(until) = standing.until() {
            gauge!(EXPIRY).set((until.unix_millis() / 1000) as f64);
        }
        let mut told = lock(&self.told);
        if *told != standing.word() {
            *told = standing.word();
            let certificate = self.cert.display();
            match (&standing, standing.advice()) {
                (Standing::Holds { .. }, _) | (_, None) => {
                    tracing::info!(%certificate, "the device's certificate holds again");
                }
                (Standing::ExpiresSoon { .. }, Some(advice)) => tracing::warn!(%certificate, "{advice}"),
                (Standing::Expired { .. } | Standing::Unusable { .. }, Some(advice)) => {
                    tracing::error!(%certificate, "{advice}");
                }
            }
        }
        standing
    }
}

/// The same name as at the gateway.
pub(crate) const EXPIRY: &str = "prim_broker_certificate_expiry_timestamp_seconds";

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use prim_identity::{Authority, Validity};

    use super::*;

    const NOW: WallTime = WallTime::from_unix_millis(1_790_000_000_000);

    fn after(days: i64) -> WallTime {
        WallTime::from_unix_millis(NOW.unix_millis() + days * DAY_MS)
    }

    fn device() -> DeviceConfig {
        DeviceConfig {
            org: "acme".parse().unwrap(),
            name: "huddle-1".parse().unwrap(),
            data_dir: PathBuf::new(),
            audit_key: PathBuf::new(),
            spool_max_mib: 8,
            witness: None,
        }
    }

    /// A device's certificate for 90 days.
    fn issue(folder: &Path) -> (BrokerConfig, Authority) {
        let authority = Authority::create("Test", Validity::days_from(NOW, 3650)).unwrap();
        let (org, name) = ("acme".parse().unwrap(), "huddle-1".parse().unwrap());
        let files = authority
            .issue_device(&org, &name, Validity::days_from(NOW, 90))
            .unwrap()
            .write(folder, "device")
            .unwrap();
        prim_identity::write_public(&folder.join("ca.pem"), authority.certificate_pem()).unwrap();
        let broker = BrokerConfig {
            host: "localhost".to_owned(),
            port: 8883,
            ca: folder.join("ca.pem"),
            cert: files.certificate,
            key: files.key,
        };
        (broker, authority)
    }

    #[test]
    fn a_certificate_that_runs_out_while_the_daemon_runs_is_told_in_time_and_a_renewed_one_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (broker, authority) = issue(folder.path());
        let watch = CertificateWatch::new(&broker, &device());
        let words = [0, 75, 80, 91].map(|days| watch.look(after(days)).word());
        assert_eq!(words, ["up", "up", "expires_soon", "expired"]);
        let gone = watch.look(after(93));
        assert!(!gone.holds() && gone.advice().unwrap().contains("expired 3 days ago"), "{gone:?}");
        assert!(gone.advice().unwrap().contains("have a new one issued"), "{gone:?}");

        let (org, name) = ("acme".parse().unwrap(), "huddle-1".parse().unwrap());
        let fresh = authority.issue_device(&org, &name, Validity::days_from(after(93), 90)).unwrap();
        fresh.write(folder.path(), "device").unwrap();
        assert_eq!(watch.look(after(93)).word(), "up");
    }

    #[test]
    fn a_certificate_renewed_for_another_device_is_unusable_and_says_whose_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (broker, authority) = issue(folder.path());
        let watch = CertificateWatch::new(&broker, &device());
        assert!(watch.look(NOW).holds());
        let others = authority.issue_device(
            &"acme".parse().unwrap(),
            &"huddle-2".parse().unwrap(),
            Validity::days_from(NOW, 90),
        );
        others.unwrap().write(folder.path(), "device").unwrap();
        let standing = watch.look(NOW);
        assert_eq!(standing.word(), "unusable");
        assert!(standing.advice().unwrap().contains("that of the device acme/huddle-2"), "{standing:?}");
    }

    #[test]
    fn the_numbers_say_when_it_expires_also_when_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let (broker, _) = issue(folder.path());
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            CertificateWatch::new(&broker, &device()).look(after(100))
        });
        let page = recorder.handle().render();
        let expiry = after(90).unix_millis() / 1000;
        assert!(page.contains(&format!("{EXPIRY} {expiry}")), "{page}");
    }

    #[test]
    fn a_certificate_that_is_not_there_or_is_none_is_unusable_and_the_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (broker, _) = issue(folder.path());
        std::fs::write(&broker.cert, "no certificate").unwrap();
        let watch = CertificateWatch::new(&broker, &device());
        assert!(watch.look(NOW).advice().unwrap().contains("not a PEM certificate"));
        std::fs::remove_file(&broker.cert).unwrap();
        let gone = watch.look(NOW);
        assert!(!gone.holds() && gone.advice().unwrap().contains("([broker] cert)"), "{gone:?}");
    }
}
