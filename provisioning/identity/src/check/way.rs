//! The way from a certificate to an authority that is trusted, over the authorities that stand behind it in its file.

use prim_ids::WallTime;
use x509_parser::prelude::X509Certificate;

use super::{CheckCertificateError, common_name, holds_at, parse};

/// What is wrong with the way from `own`, over the authorities among `others`, to one of `authorities`.
pub(super) fn issuing_fault(
    own: &X509Certificate<'_>,
    others: &[X509Certificate<'_>],
    authorities: &[Vec<u8>],
    now: WallTime,
) -> Result<Option<CheckCertificateError>, CheckCertificateError> {
    let name = || common_name(own.subject());
    let trusted: Vec<_> =
        authorities.iter().map(|der| parse(der, "authority's")).collect::<Result<_, _>>()?;
    let mut left: Vec<_> = others.iter().collect();
    let (mut at, mut between) = (own, 0);
    loop {
        let is_trusted = trusted.iter().find(|authority| has_issued(authority, at));
        let above = match is_trusted {
            Some(authority) => authority,
            None => match left.iter().position(|authority| has_issued(authority, at)) {
                Some(place) => left.swap_remove(place),
                None => return Ok(Some(lost(name(), at, &trusted))),
            },
        };
        let authority = || common_name(above.subject());
        if room_below(above).is_some_and(|room| room < between) {
            return Ok(Some(CheckCertificateError::TooManyBetween { name: name(), authority: authority() }));
        }
        if is_trusted.is_some() {
            return Ok(None);
        }
        if !holds_at(above, now) {
            return Ok(Some(CheckCertificateError::BetweenOutOfTime {
                name: name(),
                authority: authority(),
            }));
        }
        (at, between) = (above, between + 1);
    }
}

/// The way up ends at `last`, whose authority is not at hand. Whether one is missing between, or it is another authority's
/// altogether, only shows where the trusted ones may have none below them, or are called as the one that is missing.
fn lost(name: String, last: &X509Certificate<'_>, trusted: &[X509Certificate<'_>]) -> CheckCertificateError {
    let is_a_root = last.issuer() == last.subject();
    let namesake = trusted.iter().any(|authority| authority.subject() == last.issuer());
    let none_between = trusted.iter().all(|authority| !authority.is_ca() || room_below(authority) == Some(0));
    if is_a_root || namesake || none_between {
        CheckCertificateError::WrongAuthority { name }
    } else {
        CheckCertificateError::MissingIntermediate { name, issuer: common_name(last.issuer()) }
    }
}

fn has_issued(authority: &X509Certificate<'_>, issued: &X509Certificate<'_>) -> bool {
    authority.is_ca() && issued.verify_signature(Some(authority.public_key())).is_ok()
}

/// How many authorities may stand below this one; any number when it does not say.
fn room_below(authority: &X509Certificate<'_>) -> Option<u32> {
    authority.basic_constraints().ok().flatten()?.value.path_len_constraint
}
