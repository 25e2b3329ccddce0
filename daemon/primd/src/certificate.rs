//! How the certificate stands that this device shows to the broker: looked at again as time goes on, because a device
//! runs longer than a certificate holds.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use metrics::gauge;
use prim_identity::{CheckCertificateError, check_certificate, valid_until};
use prim_ids::WallTime;

use crate::config::BrokerConfig;
use crate::mouth::lock;

/// Its last weeks, in which it is time to renew it.
const SOON_DAYS: i64 = 14;
const DAY_MS: i64 = 86_400_000;

/// How the certificate stands at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Holds { until: WallTime },
    ExpiresSoon { until: WallTime, days_left: i64 },
    Expired { until: WallTime, days_ago: i64 },
    Unusable { why: String },
}

impl Standing {
    /// Of this certificate, issued by this authority, at `now`.
    pub(crate) fn of(certificate_pem: &str, authority_pem: &str, now: WallTime) -> Self {
        let unusable = |error: CheckCertificateError| Self::Unusable { why: error.to_string() };
        match (check_certificate(certificate_pem, authority_pem, now), valid_until(certificate_pem)) {
            (Ok(facts), _) => {
                let days_left = (facts.until.unix_millis() - now.unix_millis()) / DAY_MS;
                if days_left < SOON_DAYS {
                    Self::ExpiresSoon { until: facts.until, days_left }
                } else {
                    Self::Holds { until: facts.until }
                }
            }
            (Err(CheckCertificateError::Expired { days_ago, .. }), Ok(until)) => {
                Self::Expired { until, days_ago }
            }
            (Err(error), _) => unusable(error),
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
    /// The last word that was logged.
    told: Mutex<&'static str>,
}

impl CertificateWatch {
    pub(crate) fn new(broker: &BrokerConfig) -> Self {
        Self { cert: broker.cert.clone(), ca: broker.ca.clone(), told: Mutex::new("up") }
    }

    /// How it stands at `now`; says so in the log and in the numbers when that has changed.
    pub(crate) fn look(&self, now: WallTime) -> Standing {
        let read = |path: &Path, key: &str| {
            std::fs::read_to_string(path)
                .map_err(|error| format!("read {} ([broker] {key}): {error}", path.display()))
        };
        let standing = match (read(&self.cert, "cert"), read(&self.ca, "ca")) {
            (Ok(certificate), Ok(authority)) => Standing::of(&certificate, &authority, now),
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

    /// A device's certificate for 90 days, and the number of its last second.
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
        let watch = CertificateWatch::new(&broker);
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
    fn the_numbers_say_when_it_expires_also_when_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let (broker, _) = issue(folder.path());
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || CertificateWatch::new(&broker).look(after(100)));
        let page = recorder.handle().render();
        let expiry = after(90).unix_millis() / 1000;
        assert!(page.contains(&format!("{EXPIRY} {expiry}")), "{page}");
    }

    #[test]
    fn a_certificate_that_is_not_there_or_is_none_is_unusable_and_the_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (broker, _) = issue(folder.path());
        std::fs::write(&broker.cert, "no certificate").unwrap();
        let watch = CertificateWatch::new(&broker);
        assert!(watch.look(NOW).advice().unwrap().contains("not a PEM certificate"));
        std::fs::remove_file(&broker.cert).unwrap();
        let gone = watch.look(NOW);
        assert!(!gone.holds() && gone.advice().unwrap().contains("([broker] cert)"), "{gone:?}");
    }
}
