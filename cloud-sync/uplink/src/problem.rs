//! Why the link is down, in words that say what, why and what to do.

use std::collections::VecDeque;
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
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Unreachable,
        Self::TooSlow,
        Self::WrongAuthority,
        Self::Expired,
        Self::WrongName,
        Self::IdentityRefused,
        Self::NotAuthorized,
        Self::BadFile,
        Self::Lost,
        Self::Refused,
    ];

    /// How much it tells of the cause: a connection that broke may be broken for any reason, a silent address for a few,
    /// and what the broker or a certificate says is the reason itself.
    const fn tells(self) -> u8 {
        match self {
            Self::Lost => 0,
            Self::Unreachable | Self::TooSlow => 1,
            Self::Refused => 2,
            Self::WrongAuthority
            | Self::Expired
            | Self::WrongName
            | Self::IdentityRefused
            | Self::NotAuthorized
            | Self::BadFile => 3,
        }
    }

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
        Self::new(
            ProblemKind::Lost,
            format!("lost the broker {place} ({error}); the broker's log may say why; trying again"),
        )
    }
}

/// What went wrong since the last connection. After a refusal come lost links without end: they must not hide it.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    /// The most telling; of equals the newest.
    shown: Option<Problem>,
    /// What the log has been told, the newest last.
    told: VecDeque<Problem>,
}

/// So many different problems alternate at most; one more is told again.
const TOLD: usize = 8;

impl Trouble {
    /// One more; whether it is news that belongs into the log. Every repetition there would drown the rest.
    pub(crate) fn take(&mut self, problem: Problem) -> bool {
        if self.shown.as_ref().is_none_or(|shown| problem.kind.tells() >= shown.kind.tells()) {
            self.shown = Some(problem.clone());
        }
        let is_news = !self.told.contains(&problem);
        if is_news {
            if self.told.len() == TOLD {
                self.told.pop_front();
            }
            self.told.push_back(problem);
        }
        is_news
    }

    /// All is well.
    pub(crate) fn end(&mut self) {
        *self = Self::default();
    }

    /// What to show.
    pub(crate) fn shown(&self) -> Option<&Problem> {
        self.shown.as_ref()
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
    if io.kind() == io::ErrorKind::UnexpectedEof {
        return Some(hung_up(place));
    }
    let text = format!(
        "the connection to the broker {place} broke ({io}); check the network between, and the broker's log when it \
         happens again and again; trying again"
    );
    Some(Problem::new(ProblemKind::Lost, text))
}

/// It closed the connection and gave no reason.
pub(crate) fn hung_up(place: &str) -> Problem {
    let text = format!(
        "the broker {place} closed the connection without saying why; look in the broker's log for this device's name: it \
         may have restarted, or refused this device; trying again"
    );
    Problem::new(ProblemKind::Lost, text)
}

pub(crate) fn too_slow(place: &str) -> Problem {
    let text = format!(
        "the broker {place} does not answer in time; check the network, and that [broker] port is its port for MQTT over \
         TLS; trying again"
    );
    Problem::new(ProblemKind::TooSlow, text)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "rustls grows its errors, and a person can do the same about all others"
)]
fn explain_tls(place: &str, error: &TlsError) -> Problem {
    let problem = |kind, text| Problem::new(kind, text);
    match error {
        // What rustls adds counts the seconds: it would be another problem each time.
        TlsError::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            problem(
                ProblemKind::Expired,
                format!(
                    "the certificate of the broker {place} has expired; have it renewed, or set this device's clock; \
                     trying again"
                ),
            )
        }
        TlsError::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => problem(
            ProblemKind::Expired,
            format!(
                "the certificate of the broker {place} is not valid yet; set this device's clock, or the one of the \
                 machine that issued it; trying again"
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
        TlsError::AlertReceived(AlertDescription::UnknownCA) => problem(
            ProblemKind::IdentityRefused,
            format!(
                "the broker {place} finds no way from this device's certificate to an authority that it trusts; if one stands \
                 between them, put its certificate into the file of [broker] cert, behind the device's own, else provision \
                 the device again with the broker's authority"
            ),
        ),
        TlsError::AlertReceived(
            alert @ (AlertDescription::BadCertificate
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
            format!(
                "the broker {place} does not speak TLS as expected ({other}); set [broker] port to its port for MQTT over \
                 TLS, usually 8883; trying again"
            ),
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

    fn problem(kind: ProblemKind) -> Problem {
        Problem::new(kind, format!("{kind:?}"))
    }

    fn shown(trouble: &Trouble) -> Option<ProblemKind> {
        trouble.shown().map(|problem| problem.kind)
    }

    #[test]
    fn a_refusal_stays_shown_through_the_lost_links_after_it_and_each_is_logged_once() {
        let mut trouble = Trouble::default();
        assert!(trouble.take(problem(ProblemKind::Lost)));
        assert!(trouble.take(problem(ProblemKind::NotAuthorized)));
        assert!(!trouble.take(problem(ProblemKind::Lost)));
        for _ in 0..3 {
            for kind in [ProblemKind::NotAuthorized, ProblemKind::Lost] {
                assert!(!trouble.take(problem(kind)), "told before");
                assert_eq!(shown(&trouble), Some(ProblemKind::NotAuthorized));
            }
        }
        assert!(trouble.take(problem(ProblemKind::Unreachable)));
        assert_eq!(shown(&trouble), Some(ProblemKind::NotAuthorized));
    }

    #[test]
    fn a_reason_as_telling_takes_the_place_of_the_one_before_and_a_connection_ends_them_all() {
        let mut trouble = Trouble::default();
        trouble.take(problem(ProblemKind::IdentityRefused));
        trouble.take(problem(ProblemKind::Expired));
        assert_eq!(shown(&trouble), Some(ProblemKind::Expired));
        trouble.end();
        assert_eq!(shown(&trouble), None);
        assert!(trouble.take(problem(ProblemKind::Lost)), "after a connection it is news again");
        assert_eq!(shown(&trouble), Some(ProblemKind::Lost));
    }

    #[test]
    fn every_problem_says_where_the_broker_is_and_what_to_check() {
        let io = |kind: io::ErrorKind| Problem::explain("broker:8883", &io::Error::from(kind));
        for problem in [
            io(io::ErrorKind::ConnectionRefused),
            io(io::ErrorKind::ConnectionReset),
            io(io::ErrorKind::UnexpectedEof),
            io(io::ErrorKind::TimedOut),
            Problem::explain("broker:8883", &TlsError::HandshakeNotComplete),
            Problem::explain("broker:8883", &fmt::Error),
        ] {
            let text = problem.to_string();
            assert!(text.contains("broker:8883"), "{text}");
            assert!(
                ["check", "look in", "set [broker]", "log may say"].iter().any(|word| text.contains(word)),
                "{text}"
            );
        }
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
