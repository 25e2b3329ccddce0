//! Why the link is down, in words that say what, why and what to do.

use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError, Error as TlsError};

/// What kind of trouble the link has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// Nothing answers at the broker's address.
    Unreachable,
    /// Something answered, but not in time.
    TooSlow,
    /// The broker's certificate is not from our authority.
    WrongAuthority,
    /// A certificate is past its end or before its beginning.
    Expired,
    /// The broker's certificate is for another name.
    WrongName,
    /// The broker does not accept this device's certificate.
    IdentityRefused,
    /// The broker's access list forbids something this device must do.
    NotAuthorized,
    /// A file with a certificate or key cannot be used.
    BadFile,
    /// The connection broke.
    Lost,
    /// The broker closed, or answered something else than MQTT.
    Refused,
}

impl ProblemKind {
    /// A word for counters and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "broker_unreachable",
            Self::TooSlow => "broker_too_slow",
            Self::WrongAuthority => "broker_wrong_authority",
            Self::Expired => "certificate_expired",
            Self::WrongName => "broker_wrong_name",
            Self::IdentityRefused => "identity_refused",
            Self::NotAuthorized => "not_authorized",
            Self::BadFile => "bad_certificate_file",
            Self::Lost => "link_lost",
            Self::Refused => "broker_refused",
        }
    }
}

/// Trouble with the link. Displays as one sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub kind: ProblemKind,
    text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, text: String) -> Self {
        Self { kind, text }
    }

    /// What went wrong with the broker at `place`, from the innermost cause that is understood.
    pub(crate) fn explain(place: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(problem) = understand(place, error) {
                return problem;
            }
            cause = error.source();
        }
        Self::new(ProblemKind::Lost, format!("lost the broker {place}: {error}; trying again"))
    }
}

fn understand(place: &str, error: &(dyn std::error::Error + 'static)) -> Option<Problem> {
    if let Some(tls) = error.downcast_ref::<TlsError>() {
        return Some(explain_tls(place, tls));
    }
    let io = error.downcast_ref::<io::Error>()?;
    if let Some(tls) = io.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        return Some(explain_tls(place, tls));
    }
    if let Some(inner) = io.get_ref()
        && let Some(problem) = inner.downcast_ref::<io::Error>().and_then(|inner| understand(place, inner))
    {
        return Some(problem);
    }
    let refused_or_unknown = matches!(
        io.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NotFound
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    );
    // A name that does not resolve has no kind of its own.
    if refused_or_unknown || io.to_string().contains("lookup address") {
        let text = format!(
            "nothing answers at the broker's address {place} ({io}); check [broker] host and port, the network, \
             and that the broker runs; trying again"
        );
        return Some(Problem::new(ProblemKind::Unreachable, text));
    }
    if io.kind() == io::ErrorKind::TimedOut {
        return Some(too_slow(place));
    }
    let text = format!("the connection to the broker {place} broke ({io}); trying again");
    Some(Problem::new(ProblemKind::Lost, text))
}

pub(crate) fn too_slow(place: &str) -> Problem {
    let text = format!("the broker {place} does not answer in time; check the network; trying again");
    Problem::new(ProblemKind::TooSlow, text)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "rustls grows its errors, and a person can do the same about all others"
)]
fn explain_tls(place: &str, error: &TlsError) -> Problem {
    let problem = |kind, text| Problem::new(kind, text);
    match error {
        TlsError::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => problem(
            ProblemKind::Expired,
            format!(
                "the certificate of the broker {place} is not valid today ({error}); renew it, or set this \
                 device's clock; trying again"
            ),
        ),
        TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => problem(
            ProblemKind::WrongName,
            format!(
                "the certificate of the broker {place} is for another name ({error}); set [broker] host to a \
                 name in that certificate, or renew it with this one"
            ),
        ),
        TlsError::InvalidCertificate(_) | TlsError::NoCertificatesPresented => problem(
            ProblemKind::WrongAuthority,
            format!(
                "the certificate of the broker {place} was not signed by the authority in [broker] ca ({error}); \
                 is this the right broker, and the right ca file?"
            ),
        ),
        TlsError::AlertReceived(AlertDescription::CertificateExpired) => problem(
            ProblemKind::Expired,
            format!(
                "the broker {place} says this device's certificate expired; provision a new one, or set the \
                 device's clock"
            ),
        ),
        TlsError::AlertReceived(
            alert @ (AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateRequired
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied),
        ) => problem(
            ProblemKind::IdentityRefused,
            format!(
                "the broker {place} refuses this device's certificate ({alert:?}); provision the device again \
                 with the broker's authority"
            ),
        ),
        other => problem(
            ProblemKind::Refused,
            format!("no TLS with the broker {place} ({other}); is that port its TLS port?"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(error: TlsError) -> ProblemKind {
        // As rustls errors arrive: wrapped in an I/O error.
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, error);
        Problem::explain("broker:8883", &wrapped).kind
    }

    #[test]
    fn each_refusal_of_a_certificate_is_told_apart() {
        assert_eq!(kind(TlsError::InvalidCertificate(CertificateError::Expired)), ProblemKind::Expired);
        assert_eq!(
            kind(TlsError::InvalidCertificate(CertificateError::UnknownIssuer)),
            ProblemKind::WrongAuthority
        );
        assert_eq!(
            kind(TlsError::InvalidCertificate(CertificateError::NotValidForName)),
            ProblemKind::WrongName
        );
        assert_eq!(kind(TlsError::AlertReceived(AlertDescription::UnknownCA)), ProblemKind::IdentityRefused);
        assert_eq!(kind(TlsError::AlertReceived(AlertDescription::CertificateExpired)), ProblemKind::Expired);
        assert_eq!(kind(TlsError::HandshakeNotComplete), ProblemKind::Refused);
    }

    #[test]
    fn a_closed_port_and_a_wrong_host_are_unreachable_and_name_the_setting() {
        for error in [
            io::Error::from(io::ErrorKind::ConnectionRefused),
            io::Error::other("failed to lookup address information: Name or service not known"),
        ] {
            let problem = Problem::explain("broker:8883", &error);
            assert_eq!(problem.kind, ProblemKind::Unreachable);
            assert!(problem.to_string().contains("[broker] host"), "{problem}");
        }
    }
}
