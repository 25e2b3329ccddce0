use super::*;
use crate::{Unit, one_of, path, text, whole, yes_or_no};

const KEYS: &[Key] = &[
    text("title", "a title", |_| true, "\"Weekly\"").always(),
    path("device.data_dir", "\"/var/lib/prim\"").always(),
    whole("device.spool_max_mib", 8, 1024, Unit::Mebibytes, "512"),
    whole("speech.endpoint_ms", 200, 3000, Unit::Milliseconds, "500"),
    one_of("speech.voice", &["none", "slt"], "\"slt\""),
    yes_or_no("speech.loud", "false"),
    path("broker.ca", "\"ca.pem\"").in_section(),
    whole("agenda[].planned_s", 5, 86_400, Unit::Seconds, "600").in_section(),
];
const GOOD: &str = "title = \"x\"\n[device]\ndata_dir = \"/d\"\n";

fn said(text: &str) -> String {
    let table: Table = text.parse().unwrap();
    check(&table, KEYS, text).unwrap_err().to_string()
}

fn after_good(text: &str) -> String {
    said(&format!("{GOOD}{text}"))
}

#[test]
fn what_fits_is_accepted() {
    let text = format!(
        "{GOOD}[speech]\nendpoint_ms = 500\nvoice = \"none\"\nloud = true\n[[agenda]]\nplanned_s = 5\n"
    );
    assert_eq!(check(&text.parse().unwrap(), KEYS, &text), Ok(()));
}

#[test]
fn a_unit_beside_a_number_is_told_as_the_number_that_was_meant() {
    assert_eq!(
        after_good("[speech]\nendpoint_ms = \"5 s\"\n"),
        "[speech] endpoint_ms = \"5 s\" (line 5) is text; accepted is a whole number of milliseconds from 200 to 3000, \
         without quotes and unit (5 s would be 5000), for example endpoint_ms = 500"
    );
    assert_eq!(
        after_good("[[agenda]]\nplanned_s = 60\n[[agenda]]\nplanned_s = \"10 min\"\n"),
        "[[agenda]] number 2: planned_s = \"10 min\" (line 7) is text; accepted is a whole number of seconds from 5 to \
         86400, without quotes and unit (10 min would be 600), for example planned_s = 600"
    );
}

#[test]
fn a_number_out_of_range_is_told_with_the_range() {
    assert_eq!(
        after_good("spool_max_mib = 0\n"),
        "[device] spool_max_mib = 0 (line 4) is out of range; accepted is a whole number of MiB from 8 to 1024, for \
         example spool_max_mib = 512"
    );
    assert!(after_good("spool_max_mib = 9.5\n").contains("spool_max_mib = 9.5 (line 4) is a fraction;"));
}

#[test]
fn an_unknown_key_is_told_with_the_nearest_one_and_all_that_there_are() {
    assert_eq!(
        after_good("[speech]\nvoise = \"slt\"\n"),
        "[speech] voise (line 5) is no key, did you mean voice?; [speech] takes endpoint_ms, voice, loud"
    );
    assert_eq!(
        after_good("[speach]\nvoice = \"slt\"\n"),
        "[speach] (line 4) is no key, did you mean [speech]?; there are title, [device], [speech], [broker], [[agenda]]"
    );
    assert_eq!(
        after_good("endpoint_ms = 500\n"),
        "[device] endpoint_ms (line 4) is no key, it belongs under [speech]; [device] takes data_dir, spool_max_mib"
    );
    assert_eq!(
        after_good("colour = 1\n"),
        "[device] colour (line 4) is no key; [device] takes data_dir, spool_max_mib"
    );
}

#[test]
fn a_missing_key_is_told_with_what_to_write() {
    assert_eq!(
        said("title = \"x\"\n"),
        "[device] data_dir is missing; accepted is a path, in quotes, for example data_dir = \"/var/lib/prim\""
    );
    assert!(after_good("[broker]\n").starts_with("[broker] ca is missing;"));
    assert_eq!(
        said("titel = \"x\"\n[device]\ndata_dir = \"/d\"\n"),
        "titel (line 1) is no key, did you mean title?; there are title, [device], [speech], [broker], [[agenda]]",
        "a slip of the hand is told once, not also as what is missing by it"
    );
    assert_eq!(said("title = \"x\"\n[devise]\ndata_dir = \"/d\"\n").lines().count(), 1);
}

#[test]
fn other_words_and_wrong_kinds_are_told_with_what_there_is() {
    assert_eq!(
        after_good("[speech]\nloud = \"yes\"\n"),
        "[speech] loud = \"yes\" (line 5) is text; accepted is true or false, for example loud = false"
    );
    assert_eq!(
        after_good("[speech]\nvoice = \"alan\"\n"),
        "[speech] voice = \"alan\" (line 5) does not fit; accepted is one of \"none\", \"slt\", for example voice = \"slt\""
    );
    assert_eq!(
        said("title = \"x\"\ndevice = 5\n"),
        "device = 5 (line 2) is a number; accepted is a section, which begins with a line [device]"
    );
}

#[test]
fn everything_that_does_not_fit_is_told_at_once_a_line_each() {
    let text =
        said("[speech]\nvoice = \"alan\"\nloud = \"yes\"\n[broker]\n[[agenda]]\n[[agenda]]\nplanned_s = 1\n");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "7 settings do not fit");
    for (line, begin) in lines[1..].iter().zip([
        "  [[agenda]] number 1: planned_s is missing",
        "  [[agenda]] number 2: planned_s = 1 (line 7) is out of range",
        "  [broker] ca is missing",
        "  [speech] loud = \"yes\" (line 3) is text",
        "  [speech] voice = \"alan\" (line 2) does not fit",
        "  title is missing",
        "  [device] data_dir is missing",
    ]) {
        assert!(line.starts_with(begin), "{line:?} is not {begin:?}");
    }
}

proptest::proptest! {
    #[test]
    fn checking_anything_never_panics(text in "[\\[\\]a-e.= \"0-9\n]{0,80}") {
        if let Ok(table) = text.parse::<Table>() {
            let _ = check(&table, KEYS, &text);
        }
    }
}
