//! Certificates made fresh, judged at moments of our choice.

use super::*;
use crate::{Authority, Validity};

const DAY_MS: i64 = 86_400_000;
const NOW: WallTime = WallTime::from_unix_millis(1_790_000_000_000);

fn at(days: i64) -> WallTime {
    WallTime::from_unix_millis(NOW.unix_millis() + days * DAY_MS)
}

fn world() -> (Authority, crate::Identity) {
    let authority = Authority::create("Test", Validity::days_from(NOW, 365)).unwrap();
    let device = authority
        .issue_device(&"acme".parse().unwrap(), &"huddle-1".parse().unwrap(), Validity::days_from(NOW, 90))
        .unwrap();
    (authority, device)
}

#[test]
fn a_device_certificate_names_organisation_and_device() {
    let (authority, device) = world();
    let facts = check_certificate(&device.certificate_pem, authority.certificate_pem(), NOW).unwrap();
    let org = "acme".parse().unwrap();
    assert_eq!(facts.role, Role::Device { org, device: "huddle-1".parse().unwrap() });
}

#[test]
fn a_gateway_certificate_names_its_instance() {
    let (authority, _) = world();
    let made = authority.issue_gateway(&"gw-1".parse().unwrap(), Validity::days_from(NOW, 1)).unwrap();
    let facts = check_certificate(&made.certificate_pem, authority.certificate_pem(), NOW).unwrap();
    assert_eq!(facts.role, Role::Gateway { instance: "gw-1".parse().unwrap() });
}

#[test]
fn a_device_of_an_organisation_called_gateway_is_refused() {
    let (authority, _) = world();
    let made = authority.issue_device(
        &"gateway".parse().unwrap(),
        &"gw-1".parse().unwrap(),
        Validity::days_from(NOW, 1),
    );
    assert!(matches!(made, Err(crate::IssueError::ReservedName)));
}

#[test]
fn an_expired_certificate_says_so_and_what_to_do() {
    let (authority, device) = world();
    let error = check_certificate(&device.certificate_pem, authority.certificate_pem(), at(93)).unwrap_err();
    assert_eq!(error, CheckCertificateError::Expired { name: "acme/huddle-1".into(), days_ago: 3 });
    assert!(error.to_string().contains("issue a new one"), "{error}");
}

#[test]
fn the_end_of_a_certificate_can_be_read_after_it_too() {
    let (_, device) = world();
    assert_eq!(valid_until(&device.certificate_pem), Ok(at(90)));
    assert!(valid_until("none").is_err());
}

#[test]
fn a_certificate_from_tomorrow_is_not_yet_valid() {
    let (authority, device) = world();
    let error = check_certificate(&device.certificate_pem, authority.certificate_pem(), at(-1)).unwrap_err();
    assert!(matches!(error, CheckCertificateError::NotYetValid { seconds: 86_100, .. }), "{error:?}");
}

#[test]
fn a_certificate_of_another_authority_is_named_as_such() {
    let (_, device) = world();
    let (other, _) = world();
    let error = check_certificate(&device.certificate_pem, other.certificate_pem(), NOW).unwrap_err();
    assert_eq!(error, CheckCertificateError::WrongAuthority { name: "acme/huddle-1".into() });
}

#[test]
fn every_fault_of_a_certificate_is_named_at_once() {
    let (authority, device) = world();
    let ca = authority.certificate_pem();
    let one = Role::Device { org: "acme".parse().unwrap(), device: "huddle-1".parse().unwrap() };
    let two = Role::Device { org: "acme".parse().unwrap(), device: "huddle-2".parse().unwrap() };
    assert_eq!(certificate_faults(&device.certificate_pem, Some(ca), &one, NOW), []);
    let (other, _) = world();
    let faults = certificate_faults(&device.certificate_pem, Some(other.certificate_pem()), &two, at(93));
    let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(text.len(), 3, "{text:?}");
    assert!(text[0].contains("that of the device acme/huddle-1, and this is the device acme/huddle-2"));
    assert!(text[1].contains("not issued by the given authority"), "{text:?}");
    assert!(text[2].contains("expired 3 days ago"), "{text:?}");
}

#[test]
fn the_certificate_of_a_gateway_or_a_broker_is_not_a_devices() {
    let (authority, device) = world();
    let ca = authority.certificate_pem();
    let owner = role(&device.name);
    let validity = Validity::days_from(NOW, 1);
    let gateway = authority.issue_gateway(&"gw-1".parse().unwrap(), validity).unwrap();
    let text = certificate_faults(&gateway.certificate_pem, Some(ca), &owner, NOW)[0].to_string();
    assert!(text.contains("that of the gateway gw-1"), "{text}");
    let broker = authority.issue_broker(&["localhost"], validity).unwrap();
    let text = certificate_faults(&broker.certificate_pem, Some(ca), &owner, NOW)[0].to_string();
    assert!(text.contains("neither a device nor a gateway"), "{text}");
    let fault = &certificate_faults(&broker.certificate_pem, Some(ca), &role("broker"), NOW)[0];
    assert!(matches!(fault, CheckCertificateError::NotForClients { .. }), "{fault}");
}

#[test]
fn an_old_and_a_new_authority_may_stand_in_one_file_and_a_device_is_none() {
    let (old, _) = world();
    let (new, device) = world();
    let both = format!("{}{}", old.certificate_pem(), new.certificate_pem());
    check_certificate(&device.certificate_pem, &both, NOW).unwrap();
    let error = check_authority(&device.certificate_pem, NOW).unwrap_err();
    assert_eq!(error, CheckCertificateError::NotAnAuthority { name: "acme/huddle-1".into() });
    let past = Authority::create("Old", Validity::days_from(at(-10), 5)).unwrap();
    check_authority(&format!("{}{}", past.certificate_pem(), new.certificate_pem()), NOW).unwrap();
}

#[test]
fn an_authority_past_its_time_is_not_trusted() {
    let authority = Authority::create("Old", Validity::days_from(at(-10), 5)).unwrap();
    let made = authority.issue_broker(&["localhost"], Validity::days_from(NOW, 90)).unwrap();
    let error = check_certificate(&made.certificate_pem, authority.certificate_pem(), NOW).unwrap_err();
    assert!(matches!(error, CheckCertificateError::AuthorityOutOfTime { .. }), "{error:?}");
}

#[test]
fn an_authority_reads_back_and_issues_what_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, _) = world();
    authority.write(folder.path()).unwrap();
    let again = Authority::load(folder.path()).unwrap();
    let made = again.issue_broker(&["localhost", "127.0.0.1"], Validity::days_from(NOW, 90)).unwrap();
    let facts = check_certificate(&made.certificate_pem, authority.certificate_pem(), NOW).unwrap();
    assert_eq!(facts.role, Role::Server { name: "broker".into() });
}

/// A root, an authority below it, and a device's identity from the one below.
fn tree() -> (Authority, Authority, crate::Identity) {
    let root = Authority::create_root("Root", Validity::days_from(NOW, 365)).unwrap();
    let below = root.create_below("Site", Validity::days_from(NOW, 60)).unwrap();
    let device = huddle(&below);
    (root, below, device)
}

fn huddle(authority: &Authority) -> crate::Identity {
    let validity = Validity::days_from(NOW, 90);
    authority.issue_device(&"acme".parse().unwrap(), &"huddle-1".parse().unwrap(), validity).unwrap()
}

fn faults(certificate: &str, authority: &str, now: WallTime) -> Vec<CheckCertificateError> {
    certificate_faults(certificate, Some(authority), &role("acme/huddle-1"), now)
}

/// The first certificate of a file, and the rest.
fn split(pem: &str) -> (&str, &str) {
    const END: &str = "-----END CERTIFICATE-----\n";
    pem.split_at(pem.find(END).unwrap() + END.len())
}

#[test]
fn a_certificate_with_the_intermediate_behind_it_is_accepted_and_holds_as_long_as_both() {
    let (root, below, device) = tree();
    assert_eq!(faults(&device.certificate_pem, root.certificate_pem(), NOW), []);
    let facts = check_certificate(&device.certificate_pem, root.certificate_pem(), NOW).unwrap();
    assert_eq!((facts.until, valid_until(&device.certificate_pem)), (at(60), Ok(at(60))));
    let with_the_root = format!("{}{}", device.certificate_pem, root.certificate_pem());
    assert_eq!(faults(&with_the_root, root.certificate_pem(), NOW), [], "the root does no harm");
    let (own, _) = split(&device.certificate_pem);
    assert_eq!(faults(own, below.certificate_pem(), NOW), [], "and who trusts the intermediate needs none");
}

#[test]
fn a_missing_intermediate_is_named_with_where_to_put_it() {
    let (root, _, device) = tree();
    let (own, _) = split(&device.certificate_pem);
    let [fault] = &faults(own, root.certificate_pem(), NOW)[..] else { panic!("one fault") };
    assert!(matches!(fault, CheckCertificateError::MissingIntermediate { .. }), "{fault}");
    let text = fault.to_string();
    assert!(text.contains("leads to the authority \"Site Prim device authority\""), "{text}");
    assert!(text.contains("into the same file, behind acme/huddle-1's own"), "{text}");
}

#[test]
fn the_chain_of_another_root_is_of_another_authority_or_lacks_a_link() {
    let (_, _, device) = tree();
    let (renewed, _, _) = tree();
    let wrong = [CheckCertificateError::WrongAuthority { name: "acme/huddle-1".into() }];
    assert_eq!(
        faults(&device.certificate_pem, renewed.certificate_pem(), NOW),
        wrong,
        "the same name, another key"
    );
    let (alone, _) = world();
    assert_eq!(
        faults(&device.certificate_pem, alone.certificate_pem(), NOW),
        wrong,
        "it can have none below it"
    );
    let other = Authority::create_root("Other", Validity::days_from(NOW, 365)).unwrap();
    let [fault] = &faults(&device.certificate_pem, other.certificate_pem(), NOW)[..] else {
        panic!("one fault")
    };
    assert!(fault.to_string().contains("leads to the authority \"Root Prim device authority\""), "{fault}");
    let (_, foreign, _) = tree();
    let (own, _) = split(&device.certificate_pem);
    let mixed = format!("{own}{}", foreign.certificate_pem());
    let (root, _, _) = tree();
    assert_eq!(faults(&mixed, root.certificate_pem(), NOW).len(), 1, "another's intermediate is no link");
}

#[test]
fn an_intermediate_that_has_expired_or_stands_first_is_named() {
    let (root, below, device) = tree();
    let [between, ..] = &faults(&device.certificate_pem, root.certificate_pem(), at(70))[..] else {
        panic!("a fault")
    };
    assert!(matches!(between, CheckCertificateError::BetweenOutOfTime { .. }), "{between}");
    let (own, _) = split(&device.certificate_pem);
    let turned = format!("{}{own}", below.certificate_pem());
    let [first] = &faults(&turned, root.certificate_pem(), NOW)[..] else { panic!("one fault") };
    assert!(
        first.to_string().contains("\"Site Prim device authority\" stands first in it; put the own"),
        "{first}"
    );
}

#[test]
fn more_authorities_than_one_allows_below_it_are_no_way_up() {
    let (root, below, _) = tree();
    let deeper = below.create_below("Desk", Validity::days_from(NOW, 30)).unwrap();
    let pem = format!("{}{}", huddle(&deeper).certificate_pem, below.certificate_pem());
    let [fault] = &faults(&pem, root.certificate_pem(), NOW)[..] else { panic!("one fault") };
    let CheckCertificateError::TooManyBetween { authority, .. } = fault else { panic!("{fault}") };
    assert_eq!(authority, "Site Prim device authority");
}

#[test]
fn an_authority_below_a_root_reads_back_and_goes_on_issuing_with_its_own_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (root, below, _) = tree();
    below.write(folder.path()).unwrap();
    let again = Authority::load(folder.path()).unwrap();
    assert_eq!(faults(&huddle(&again).certificate_pem, root.certificate_pem(), NOW), []);
}

proptest::proptest! {
    #[test]
    fn checking_anything_never_panics(text in ".{0,200}", bytes in proptest::collection::vec(0u8.., 0..200)) {
        let _ = check_certificate(&text, &text, NOW);
        let _ = certificate_faults(&text, Some(&text), &role("a/b"), NOW);
        let _ = X509Certificate::from_der(&bytes);
    }
}
