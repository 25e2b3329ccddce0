//! Why there is no link, in words: what the libraries say of certificates helps nobody, and may count seconds.

use crate::fault::causes;

/// A part of what the libraries say, in small letters, and what it means. The first that fits counts.
const SIGNS: [(&str, &str); 14] = [
    (
        "alert: certificateexpired",
        "the broker says that broker.cert has expired; issue a new one, or set the broker's clock",
    ),
    (
        "alert: unknownca",
        "the broker does not know our authority; give it the ca.pem that issued broker.cert",
    ),
    ("alert: certificaterevoked", "the broker says that broker.cert is revoked; issue a new one"),
    ("alert: ", "the broker does not accept broker.cert; issue a new one with the authority it trusts"),
    (
        "unknownissuer",
        "the broker's certificate is of another authority; set broker.ca to the one that issued it",
    ),
    ("for name", "the broker's certificate is for another host; set broker.host to a name in it"),
    ("not valid yet", "the broker's certificate is not valid yet; set this machine's clock"),
    ("expired", "the broker's certificate has expired; issue a new one, or set this machine's clock"),
    ("certificate", "the broker's certificate cannot be used; issue a new one"),
    ("refused", "nothing listens there; start the broker, or correct broker.host and broker.port"),
    (
        "closed by peer",
        "it closed the connection without a word; its log says why: it restarted, or refuses the name gateway/<instance>",
    ),
    ("reset by peer", "the connection was cut; look at the broker's log and the network between"),
    (
        "timeout",
        "it does not answer in time; check the network between, and that broker.port is its port for TLS",
    ),
    ("lookup", "no machine is known by the name in broker.host; correct it"),
];

/// What a person should read; the libraries' own words stand in the log at debug.
pub(super) fn why(error: &(dyn std::error::Error + 'static)) -> String {
    let text = causes(error);
    match meaning(&text) {
        Some(meaning) => {
            tracing::debug!(text, "what the libraries say of the link to the broker");
            meaning.to_owned()
        }
        None => text,
    }
}

fn meaning(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    SIGNS.iter().find(|(sign, _)| text.contains(sign)).map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As rustls and rumqttc said it to certificates made with openssl.
    #[test]
    fn what_the_libraries_say_of_certificates_is_told_in_words() {
        let says = |text: &str, part: &str| {
            let meaning = meaning(text).unwrap_or_else(|| panic!("nothing is known of {text:?}"));
            assert!(meaning.contains(part), "{text:?}: {meaning}");
        };
        let peer = "TLS: I/O: invalid peer certificate: ";
        says(
            &format!(
                "{peer}certificate expired: verification time 1795728892 (UNIX), but certificate is not valid after 1580515200 (215213692 seconds ago)"
            ),
            "the broker's certificate has expired",
        );
        says(&format!("{peer}UnknownIssuer"), "broker.ca");
        says(
            &format!(
                "{peer}certificate not valid for name \"localhost\"; certificate is only valid for DnsName(\"broker.example.org\")"
            ),
            "broker.host",
        );
        let alert = "Mqtt state: Mqtt serialization/deserialization error: IO: received fatal alert: ";
        says(&format!("{alert}CertificateExpired"), "says that broker.cert has expired");
        says(&format!("{alert}UnknownCA"), "does not know our authority");
        says(&format!("{alert}BadCertificate"), "does not accept broker.cert");
        says("I/O: Connection refused (os error 111)", "nothing listens");
        says("Mqtt state: Connection closed by peer abruptly", "its log says why");
        says("I/O: Connection reset by peer (os error 104)", "the network between");
        says("Connection timeout", "does not answer in time");
        assert_eq!(meaning("Requests done"), None);
    }
}
