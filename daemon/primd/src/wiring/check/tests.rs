//! The mistakes of an installer with ten minutes, made with fresh certificates.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use prim_identity::{Authority, Identity, Validity, write_private, write_public};
use prim_ids::WallTime;

use super::super::folder::claim_folder;
use super::*;

/// A device for which everything is there, in a folder of its own.
struct Bench {
    folder: tempfile::TempDir,
    authority: Authority,
    _room: UnixListener,
}

fn today() -> Validity {
    Validity::days_from(clock::wall_now(), 90)
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::create("Test", Validity::days_from(clock::wall_now(), 3650)).unwrap();
        write_public(&folder.path().join("ca.pem"), authority.certificate_pem()).unwrap();
        AuditKey::generate().write(folder.path(), "audit").unwrap();
        let _room = UnixListener::bind(folder.path().join("room.sock")).unwrap();
        let bench = Self { folder, authority, _room };
        bench.put(&bench.device("huddle-2", today()));
        bench.write("meeting.toml", "title = \"Weekly\"\n[[people]]\nname = \"Ana\"\n");
        bench
    }

    fn device(&self, name: &str, validity: Validity) -> Identity {
        self.authority.issue_device(&"acme".parse().unwrap(), &name.parse().unwrap(), validity).unwrap()
    }

    /// As this device's certificate and key.
    fn put(&self, identity: &Identity) {
        identity.write(self.folder.path(), "device").unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn config(&self) -> String {
        let at = |name: &str| self.path(name).display().to_string();
        format!(
            "[device]\norg = \"acme\"\nname = \"huddle-2\"\ndata_dir = \"{}\"\naudit_key = \"{}\"\n[hal]\nkind = \"sim\"\n\
             socket = \"{}\"\n[broker]\nhost = \"localhost\"\nport = 8883\nca = \"{}\"\ncert = \"{}\"\nkey = \"{}\"\n\
             [speech]\nrecogniser = \"none\"\nvoice = \"none\"\n[http]\nlisten = \"127.0.0.1:0\"\n",
            at("data"),
            at("audit.key.pem"),
            at("room.sock"),
            at("ca.pem"),
            at("device.pem"),
            at("device.key.pem"),
        )
    }

    fn check_with(&self, config: &str) -> Report {
        self.write("prim.toml", config);
        check(&self.path("prim.toml"), Some(&self.path("meeting.toml")))
    }

    fn check(&self) -> Report {
        self.check_with(&self.config())
    }
}

/// The one error of `report`, which must name `place` and hold all of `words`.
#[track_caller]
fn only_error(report: &Report, place: &str, words: &[&str]) {
    let errors: Vec<String> =
        report.findings().filter(|f| f.level == Level::Error).map(ToString::to_string).collect();
    assert_eq!(errors.len(), 1, "{report}");
    assert!(errors[0].contains(place), "{place} is not named: {report}");
    for words in words {
        assert!(errors[0].contains(words), "{words:?} is not in {report}");
    }
    assert!(!report.is_well());
}

#[test]
fn a_device_that_lacks_nothing_is_told_so_line_by_line_and_nothing_is_left_behind() {
    let bench = Bench::new();
    let report = bench.check();
    let text = report.to_string();
    assert!(report.is_well(), "{text}");
    assert!(text.lines().all(|line| line.starts_with("ok: ") || line.starts_with("no errors, no warnings")));
    assert!(text.contains("the certificate of the device acme/huddle-2; it holds for 89 days"), "{text}");
    assert!(text.ends_with("no errors, no warnings: primd can start with this.\n"), "{text}");
    assert!(!bench.path("data").exists());
    let mut left: Vec<_> =
        fs::read_dir(bench.folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left.len(), 8, "{left:?}");
}

#[test]
fn the_certificate_of_another_device_or_of_the_gateway_is_an_error_though_it_is_valid() {
    let bench = Bench::new();
    bench.put(&bench.device("huddle-9", today()));
    let matters = ["the broker refuses this device", "use the certificate issued for this one"];
    let whose = "that of the device acme/huddle-9, and this is the device acme/huddle-2";
    only_error(&bench.check(), "device.pem ([broker] cert)", &[whose, matters[0], matters[1]]);
    bench.put(&bench.authority.issue_gateway(&"gw-1".parse().unwrap(), today()).unwrap());
    only_error(&bench.check(), "device.pem ([broker] cert)", &["that of the gateway gw-1", matters[0]]);
}

#[test]
fn a_certificate_out_of_its_time_or_of_another_authority_is_an_error_with_what_to_do() {
    let bench = Bench::new();
    let days = |from: i64, until: i64| {
        let at = |days: i64| WallTime::from_unix_millis(clock::wall_now().unix_millis() + days * 86_400_000);
        Validity { from: at(from), until: at(until) }
    };
    let place = "device.pem ([broker] cert)";
    bench.put(&bench.device("huddle-2", days(-90, -3)));
    only_error(&bench.check(), place, &["expired 3 days ago; issue a new one"]);
    bench.put(&bench.device("huddle-2", days(2, 90)));
    only_error(&bench.check(), place, &["not valid for another", "set the clock right"]);
    bench.put(&bench.device("huddle-2", days(-9, 9)));
    let report = bench.check();
    assert!(report.is_well() && report.to_string().contains("warn: "), "{report}");
    assert!(report.to_string().contains("it expires in 8 days; have a new one issued"), "{report}");
    bench.put(&bench.device("huddle-2", today()));
    let other = Authority::create("Other", today()).unwrap();
    write_public(&bench.path("ca.pem"), other.certificate_pem()).unwrap();
    only_error(&bench.check(), place, &["not issued by the given authority"]);
    fs::copy(bench.path("device.pem"), bench.path("ca.pem")).unwrap();
    let text = bench.check().to_string();
    assert!(text.contains("ca.pem ([broker] ca): cannot trust the authority acme/huddle-2"), "{text}");
}

#[test]
fn a_certificate_through_an_intermediate_authority_is_well_and_a_missing_intermediate_is_an_error() {
    let mut bench = Bench::new();
    let root = Authority::create_root("Root", today()).unwrap();
    bench.authority = root.create_below("Site", today()).unwrap();
    write_public(&bench.path("ca.pem"), root.certificate_pem()).unwrap();
    bench.put(&bench.device("huddle-2", today()));
    let report = bench.check();
    assert!(report.is_well(), "{report}");
    let whole = fs::read_to_string(bench.path("device.pem")).unwrap();
    let own = whole.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap();
    fs::write(bench.path("device.pem"), own).unwrap();
    let what =
        ["leads to the authority \"Site Prim device authority\"", "put its certificate into the same file"];
    only_error(&bench.check(), "device.pem ([broker] cert)", &what);
}

#[test]
fn a_key_of_another_certificate_or_one_that_others_may_read_is_an_error() {
    let bench = Bench::new();
    let key = bench.path("device.key.pem");
    let own = fs::read_to_string(&key).unwrap();
    write_private(&key, &bench.device("huddle-2", today()).key_pem).unwrap();
    only_error(&bench.check(), "device.key.pem", &["not the key of certificate acme/huddle-2"]);
    write_private(&key, &own).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    only_error(&bench.check(), "device.key.pem", &["chmod 600", "pass as this device"]);
}

#[test]
fn a_board_that_is_not_there_or_is_none_is_an_error() {
    let bench = Bench::new();
    let board = bench.path("board.toml");
    let config = bench.config().replace("[broker]", &format!("board = {board:?}\n[broker]"));
    only_error(
        &bench.check_with(&config),
        "board.toml ([hal] board)",
        &["No such file", "leave the key out"],
    );
    bench.write("board.toml", "name = \"desk\"\n");
    only_error(&bench.check_with(&config), "board.toml ([hal] board)", &["missing field `mic`"]);
}

#[test]
fn a_speaker_network_that_is_not_there_is_an_error_and_one_that_is_there_is_told_with_what_becomes_of_voices()
{
    let bench = Bench::new();
    let (network, library) = (bench.path("speakers.onnx"), bench.path("libonnxruntime.so"));
    fs::write(&library, b"a library").unwrap();
    let keys =
        format!("[speech]\nvoiceprints = {network:?}\nonnx_runtime = {library:?}\nvad = \"earshot\"\n");
    let config = bench.config().replace("[speech]\n", &keys);
    only_error(
        &bench.check_with(&config),
        "[speech] voiceprints",
        &["no such file", "leave the key out", "direction"],
    );
    fs::write(&network, b"a network").unwrap();
    let text = bench.check_with(&config).to_string();
    assert!(text.contains("[speech] voiceprints): not used: no words are recognised"), "{text}");
    let text = bench.check_with(&config.replace("recogniser = \"none\"\n", "")).to_string();
    assert!(text.contains("a file, not tried for want of ONNX Runtime; voices are compared"), "{text}");
}

#[test]
fn a_witness_that_cannot_be_written_is_an_error_and_one_in_the_data_folder_a_warning() {
    let bench = Bench::new();
    let with = |witness: &str| bench.config().replace("[hal]", &format!("witness = \"{witness}\"\n[hal]"));
    let at = |name: &str| bench.path(name).display().to_string();
    only_error(
        &bench.check_with(&with(&at("stick/witness"))),
        "[device] witness",
        &["is not there; make it"],
    );
    only_error(&bench.check_with(&with(&at(""))), "[device] witness", &["it is a folder"]);
    only_error(
        &bench.check_with(&with("/proc/witness")),
        "[device] witness",
        &["nothing can be made in /proc"],
    );
    fs::create_dir(bench.path("data")).unwrap();
    fs::set_permissions(bench.path("data"), fs::Permissions::from_mode(0o700)).unwrap();
    let report = bench.check_with(&with(&at("data/witness")));
    assert!(report.is_well() && report.to_string().contains("best on another medium"), "{report}");
    assert!(!bench.path("data/witness").exists());
}

#[test]
fn folders_and_sockets_that_cannot_be_used_are_errors_and_a_room_that_is_not_there_yet_a_warning() {
    let bench = Bench::new();
    let config = bench.config();
    let data = bench.path("data").display().to_string();
    only_error(&bench.check_with(&config.replace(&data, "/proc/prim")), "[device] data_dir", &["`chown`"]);
    let file = bench.path("ca.pem").display().to_string();
    only_error(&bench.check_with(&config.replace(&data, &file)), "[device] data_dir", &["it is no folder"]);
    let room = bench.path("room.sock").display().to_string();
    only_error(&bench.check_with(&config.replace(&room, &file)), "[hal] socket", &["it is no socket"]);
    let report = bench.check_with(&config.replace("room.sock", "gone.sock"));
    assert!(report.is_well() && report.to_string().contains("primd waits 20 s"), "{report}");
    let status = |path: &str| bench.check_with(&format!("{config}[status]\nsocket = \"{path}\"\n"));
    only_error(&status(&file), "[status] socket", &["that is no socket"]);
    only_error(&status(&format!("/tmp/{}", "x".repeat(110))), "[status] socket", &["107 bytes"]);
    fs::create_dir(bench.path("data")).unwrap();
    fs::set_permissions(bench.path("data"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(bench.path("data").join(RESET_MARK), "").unwrap();
    let report = bench.check();
    assert!(report.is_well(), "{report}");
    for words in ["others may look into it (mode 755)", "factory reset was ordered"] {
        assert!(report.to_string().contains(words), "{words:?} is not in {report}");
    }
}

/// A port that is taken, and the configuration that names it.
fn on_a_taken_port(bench: &Bench) -> (TcpListener, String, String) {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = other.local_addr().unwrap().to_string();
    let config = bench.config().replace("127.0.0.1:0", &listen);
    (other, listen, config)
}

#[test]
fn a_port_that_another_program_has_is_an_error_with_its_address_and_what_to_do() {
    let bench = Bench::new();
    let (other, listen, config) = on_a_taken_port(&bench);
    let place = format!("{listen} ([http] listen)");
    only_error(
        &bench.check_with(&config),
        &place,
        &["another program listens there", "`ss -ltnp`", "set [http] listen to a free port", STOPS],
    );
    drop(other);
    let report = bench.check_with(&config);
    assert!(report.to_string().contains(&format!("ok: {place}: free.")), "{report}");
    TcpListener::bind(&listen).expect("the check gave it back");
}

#[test]
fn a_check_beside_the_running_primd_is_no_error_and_takes_the_port_to_be_that_ones() {
    let bench = Bench::new();
    let (_page, listen, config) = on_a_taken_port(&bench);
    let running = claim_folder(&bench.path("data")).unwrap();
    let report = bench.check_with(&config);
    let text = report.to_string();
    assert!(report.is_well(), "{text}");
    let warned: Vec<&str> = text.lines().filter(|line| line.starts_with("warn: ")).collect();
    assert!(
        matches!(warned[..], [line] if line.contains("data ([device] data_dir): another primd runs with this folder; port and \
                                                     folder are judged as taken by it")),
        "{text}"
    );
    assert!(text.contains(&format!("ok: {listen} ([http] listen): taken, ")), "{text}");
    assert!(text.ends_with("no errors, 1 warning: primd can start with this.\n"), "{text}");
    drop(running);
    only_error(&bench.check_with(&config), &listen, &["another program listens there"]);
    claim_folder(&bench.path("data")).expect("the check holds no lock");
}

#[test]
fn paths_that_hang_on_the_folder_primd_is_started_in_are_a_warning_with_their_keys() {
    let bench = Bench::new();
    let report = bench
        .check_with(&bench.config().replace(&bench.path("audit.key.pem").display().to_string(), "a.pem"));
    let text = report.to_string();
    assert!(
        text.contains("warn: ") && text.contains("from / on: [device] audit_key; write it whole"),
        "{text}"
    );
}

#[test]
fn every_mistake_is_told_in_one_go() {
    let bench = Bench::new();
    for name in ["ca.pem", "device.pem", "device.key.pem", "audit.key.pem"] {
        fs::remove_file(bench.path(name)).unwrap();
    }
    bench.write("meeting.toml", "title = \"x\"\n[[people]]\nname = \"Ana\"\n[[people]]\nname = \"ana\"\n");
    let config = bench.config().replace("recogniser = \"none\"", "recogniser = \"whisper\"");
    let report = bench.check_with(&config);
    let text = report.to_string();
    for place in
        ["ca.pem", "device.pem", "device.key.pem", "audit.key.pem", "[speech] recogniser", "meeting.toml"]
    {
        assert!(
            text.lines().any(|line| line.starts_with("error: ") && line.contains(place)),
            "{place}: {text}"
        );
    }
    assert!(text.ends_with("6 errors, no warnings: mend the errors first.\n"), "{text}");
    let report = bench.check_with(&config.replace("port = 8883", "port = 0").replace("org =", "orgg ="));
    let text = report.to_string();
    assert!(
        text.contains("orgg (line 2) is no key, did you mean org?") && text.contains("port = 0 (line 11)"),
        "{text}"
    );
    assert!(text.contains("the files it names were not looked at"), "{text}");
}
