//! A change of the audit key, with real programs from the microphone to the verified export.

#[test]
fn a_changed_key_is_followed_by_gateway_and_auditor_and_one_that_nobody_handed_over_is_refused_by_name() {
    let problems = prim_crash::change_keys(&mut |line| eprintln!("{line}"))
        .unwrap_or_else(|e| panic!("failed to {e:#}"));
    assert_eq!(problems, Vec::<String>::new());
}
