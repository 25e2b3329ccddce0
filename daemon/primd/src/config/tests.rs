use super::example::{assert_same_keys, uncommented};
use super::*;

const GOOD: &str = r#"
    [device]
    org = "acme"
    name = "huddle-2"
    data_dir = "/var/lib/prim"
    audit_key = "/etc/prim/audit.pem"
    [hal]
    kind = "sim"
    socket = "/run/prim/room.sock"
"#;

fn fails_with(text: &str) -> String {
    parse(text, Path::new("prim.toml")).unwrap_err().to_string()
}

#[test]
fn the_smallest_configuration_is_enough() {
    let config = parse(GOOD, Path::new("prim.toml")).unwrap();
    assert_eq!(config.speech.endpoint_ms, 500);
    assert!(config.broker.is_none());
}

#[test]
fn recogniser_and_voice_can_be_switched_off() {
    let config = parse(&format!("{GOOD}\n[speech]\nrecogniser = \"none\"\n"), Path::new("prim.toml"));
    let speech = config.unwrap().speech;
    assert_eq!((speech.recogniser.name(), speech.voice.name()), (None, Some("flite-slt")));
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    assert_eq!(
        fails_with(&format!("{GOOD}\n[speech]\nvoise = \"slt\"\n")),
        "use the configuration prim.toml: [speech] voise (line 12) is no key, did you mean voice?; [speech] takes \
         recogniser, voice, vad, voiceprints, models_dir, onnx_runtime, endpoint_ms"
    );
}

#[test]
fn a_wrong_unit_is_refused_with_the_number_that_was_meant() {
    assert_eq!(
        fails_with(&format!("{GOOD}\n[speech]\nendpoint_ms = \"0.5 s\"\n")),
        "use the configuration prim.toml: [speech] endpoint_ms = \"0.5 s\" (line 12) is text; accepted is a whole \
         number of milliseconds from 200 to 3000, without quotes and unit (0.5 s would be 500), for example \
         endpoint_ms = 500"
    );
    assert_eq!(
        fails_with(&format!("{GOOD}\n[speech]\nendpoint_ms = 1\n")),
        "use the configuration prim.toml: [speech] endpoint_ms = 1 (line 12) is out of range; accepted is a whole \
         number of milliseconds from 200 to 3000, for example endpoint_ms = 500"
    );
}

#[test]
fn a_name_that_cannot_stand_in_a_certificate_is_refused_with_the_letters_that_can() {
    assert_eq!(
        fails_with(&GOOD.replace("acme", "Acme Ltd")),
        "use the configuration prim.toml: [device] org = \"Acme Ltd\" (line 3) does not fit; accepted is 1 to 40 of \
         a-z, 0-9 and '-', beginning with a letter, in quotes, for example org = \"acme\""
    );
}

#[test]
fn an_empty_file_names_everything_to_write() {
    let said = fails_with("");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "use the configuration prim.toml: 5 settings do not fit");
    assert_eq!(
        lines[1],
        "  [device] org is missing; accepted is 1 to 40 of a-z, 0-9 and '-', beginning with a letter, in quotes, for \
         example org = \"acme\""
    );
    for (line, key) in lines[2..].iter().zip(["name", "data_dir", "audit_key", "kind"]) {
        assert!(line.contains(&format!("] {key} is missing; accepted is")), "{line}");
    }
}

#[test]
fn a_file_that_is_no_toml_is_told_with_the_line() {
    let said = fails_with(&format!("{GOOD}\n[speech\n"));
    assert!(
        said.starts_with("understand the configuration prim.toml: TOML parse error at line 11"),
        "{said}"
    );
}

const EXAMPLE: &str = include_str!("../../prim.example.toml");

#[test]
fn the_example_is_accepted_as_it_stands_and_shows_the_defaults() {
    let example = parse(EXAMPLE, Path::new("prim.example.toml")).unwrap();
    let bare = parse(GOOD, Path::new("prim.toml")).unwrap();
    assert_eq!(format!("{:?}", example.speech), format!("{:?}", bare.speech));
    assert_eq!(example.http.listen, bare.http.listen);
    assert_eq!(example.device.spool_max_mib, bare.device.spool_max_mib);
    assert_eq!(example.device.witness, None);
}

#[test]
fn the_example_and_the_list_of_keys_and_what_is_read_are_the_same() {
    let whole = uncommented(EXAMPLE);
    parse(&whole, Path::new("prim.example.toml")).unwrap();
    assert_same_keys::<PrimConfig>(&whole, KEYS);
}

#[test]
fn an_address_open_to_the_network_is_refused() {
    let said = fails_with(&format!("{GOOD}\n[http]\nlisten = \"0.0.0.0:9610\"\n"));
    assert!(said.contains("loopback address") && said.contains("no login"), "{said}");
}
