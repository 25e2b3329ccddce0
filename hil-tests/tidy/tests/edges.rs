//! Who may import whom. Tests of a crate may import anything; what ships may not.
use prim_tidy::crates::{Package, members, place_of};

fn offenders(wrong: impl Fn(&Package, &str) -> bool) -> Vec<String> {
    let members = members();
    let mut found = Vec::new();
    for package in &members {
        found.extend(
            package
                .shipped()
                .filter(|other| wrong(package, other))
                .map(|other| format!("{} → {other}", package.name)),
        );
    }
    found
}

#[test]
fn every_crate_has_its_place_in_the_layout() {
    for package in members() {
        let place =
            place_of(&package.name).unwrap_or_else(|| panic!("{} has no place in the layout", package.name));
        assert_eq!(package.folder(), place.folder, "{} lives elsewhere in the layout", package.name);
    }
}

#[test]
fn a_crate_imports_lower_tiers_only() {
    let tier = |name: &str| place_of(name).map(|place| place.tier);
    let upwards = offenders(|package, other| match (tier(&package.name), tier(other)) {
        // The top tier measures and drives everything, its own members included.
        (Some(5), _) | (_, None) => false,
        (Some(own), Some(others)) => others >= own,
        (None, Some(_)) => true,
    });
    assert!(upwards.is_empty(), "{upwards:#?}");
}

#[test]
fn the_meeting_hears_facts_and_knows_neither_samples_nor_formats() {
    let wrong = offenders(|package, other| {
        package.name == "prim-meeting" && place_of(other).is_some() && other != "prim-ids"
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn hardware_and_models_do_not_know_each_other() {
    let hal = |name: &str| name.starts_with("prim-hal");
    let models = |name: &str| name.starts_with("prim-models");
    let wrong = offenders(|package, other| {
        (hal(&package.name) && models(other)) || (models(&package.name) && hal(other))
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_gateway_imports_nothing_of_the_device_and_the_device_nothing_of_the_gateway() {
    let of_the_device = |name: &str| {
        place_of(name).is_some_and(|place| {
            ["daemon/", "hal/", "dsp/", "models/"].iter().any(|family| place.folder.starts_with(family))
        })
    };
    let wrong = offenders(|package, other| {
        (package.name == "prim-gateway" && of_the_device(other))
            || (of_the_device(&package.name) && other == "prim-gateway")
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_outside_thing_is_touched_by_its_own_crate_only() {
    let allowed: &[(&str, &[&str])] = &[
        ("alsa", &["prim-hal-linux"]),
        ("gpiocdev", &["prim-hal-linux"]),
        ("rppal", &["prim-hal-linux"]),
        ("sqlx", &["prim-gateway"]),
        ("object_store", &["prim-gateway"]),
        ("rumqttc-next", &["prim-uplink", "prim-gateway"]),
        ("rusqlite", &["prim-spool"]),
        ("sonora", &["prim-dsp"]),
        ("sonora-aec3", &["prim-dsp"]),
        ("earshot", &["prim-models-earshot"]),
        ("webrtc-vad", &["prim-models-webrtc-vad"]),
        ("ort", &["prim-models-onnx"]),
    ];
    let wrong = offenders(|package, other| {
        place_of(&package.name).is_none_or(|place| place.tier < 5)
            && allowed
                .iter()
                .any(|(thing, owners)| *thing == other && !owners.contains(&package.name.as_str()))
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_mqtt_client_is_named_in_two_files_only() {
    let word = concat!("rumqttc", "_next");
    let naming: Vec<String> = prim_tidy::files()
        .into_iter()
        .filter(|file| file.name.ends_with(".rs") && file.name.contains("/src/"))
        .filter(|file| !file.name.starts_with("hil-tests/"))
        .filter(|file| file.text().is_some_and(|text| text.contains(word)))
        .map(|file| file.name)
        .collect();
    assert!(
        naming.iter().all(|name| name.ends_with("/mqtt.rs")) && naming.len() <= 2,
        "the client's name may appear in uplink's mqtt.rs and the gateway's ingest/mqtt.rs: {naming:#?}"
    );
}
