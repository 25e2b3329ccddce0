//! Who is who: the certificate authority, the certificates of broker, gateway and devices, the audit keys, and
//! the broker's access rules that follow from the names in those certificates.
//!
//! **Who calls it:** `xtask` (makes the demo's identities), `primd` and `prim-gateway` (load their keys, check
//! their certificates before they connect), tests. **What it never does:** talk to a network, log a key, or write
//! a secret that others than its owner can read (files are made 0600 before the first byte goes in).
//!
//! A device has two keys apart: the TLS key of its certificate (`CN = <org>/<device>`), which the broker checks,
//! and an Ed25519 audit key, which signs what it sends, so that a stolen session cannot forge the audit.
//!
//! ```
//! use prim_ids::WallTime;
//! use prim_identity::{Authority, Role, Validity, check_certificate};
//!
//! let now = WallTime::from_unix_millis(1_790_000_000_000);
//! let authority = Authority::create("Demo", Validity::days_from(now, 3650))?;
//! let device = authority.issue_device(&"acme".parse()?, &"huddle-1".parse()?, Validity::days_from(now, 90))?;
//! let facts = check_certificate(&device.certificate_pem, authority.certificate_pem(), now)?;
//! assert_eq!(facts.role, Role::Device { org: "acme".parse()?, device: "huddle-1".parse()? });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(missing_docs)]

mod audit_key;
mod authority;
mod broker;
mod check;
mod files;
mod pair;

pub use audit_key::{AuditKey, LoadAuditKeyError, load_public_key, public_key_from_pem, public_key_to_pem};
pub use authority::{Authority, Identity, IdentityFiles, IssueError, LoadAuthorityError, Validity};
pub use broker::{Broker, BrokerFiles};
pub use check::{
    CertificateFacts, CheckCertificateError, Role, certificate_faults, check_authority, check_certificate,
    valid_until,
};
pub use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
pub use files::{WriteFileError, write_private, write_public};
pub use pair::{CheckKeyError, load_key_of};
