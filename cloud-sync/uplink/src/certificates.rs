//! The certificates of `[broker]`: read again at every connection, so that a renewed one is used at once.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::{BrokerConfig, StartUplinkError};

/// Reads and checks the certificates of `broker`.
pub(crate) fn load_identity(broker: &BrokerConfig) -> Result<Arc<ClientConfig>, StartUplinkError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates("the broker's authority (ca)", &broker.ca)? {
        roots.add(certificate).map_err(|error| StartUplinkError::BadFile {
            what: "the broker's authority (ca)",
            path: broker.ca.clone(),
            why: error.to_string(),
        })?;
    }
    let chain = read_certificates("this device's certificate (cert)", &broker.cert)?;
    let what = "this device's private key (key)";
    let pem = read(what, &broker.key)?;
    let bad_key = |why: String| StartUplinkError::BadFile { what, path: broker.key.clone(), why };
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| bad_key(error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad_key(error.to_string()))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|error| bad_key(format!("it does not fit the certificate ({error})")))?;
    Ok(Arc::new(config))
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, StartUplinkError> {
    std::fs::read(path).map_err(|source| StartUplinkError::ReadFile { what, path: path.to_owned(), source })
}

fn read_certificates(
    what: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, StartUplinkError> {
    let pem = read(what, path)?;
    let bad = |why: String| StartUplinkError::BadFile { what, path: path.to_owned(), why };
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad(error.to_string()))?;
    if certificates.is_empty() {
        return Err(bad("there is no PEM certificate in it".to_owned()));
    }
    Ok(certificates)
}
