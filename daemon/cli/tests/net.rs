//! `prim models pull` and `prim doctor` against a server on this machine that behaves badly on purpose.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

fn prim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_prim")).args(args).output().expect("prim runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// How the server treats one request after the other; the last one counts for all that follow.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// The whole answer, or the range asked for.
    Good,
    /// Says its full length and closes after so many bytes.
    CutAfter(usize),
    /// Ignores ranges.
    NoRanges,
    Status(u16),
}

struct Server {
    address: String,
    /// The `Range` headers of the requests.
    ranges: Arc<Mutex<Vec<Option<String>>>>,
}

fn serve(content: Vec<u8>, manners: Vec<Manner>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let ranges = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ranges);
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().flatten().enumerate() {
            let manner = manners[n.min(manners.len() - 1)];
            answer(stream, &content, manner, &seen);
        }
    });
    Server { address, ranges }
}

fn answer(mut stream: TcpStream, content: &[u8], manner: Manner, seen: &Mutex<Vec<Option<String>>>) {
    let mut range = None;
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let Ok(line) = line else { return };
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("range: ") {
            range = Some(value.to_owned());
        }
    }
    seen.lock().unwrap().push(range.clone());
    let from = range.and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let (status, from) = match manner {
        Manner::Status(status) => (status, 0),
        Manner::NoRanges => (200, 0),
        Manner::Good | Manner::CutAfter(_) => match from {
            Some(from) if from >= content.len() => (416, content.len()),
            Some(from) => (206, from),
            None => (200, 0),
        },
    };
    let body = &content[from..];
    let sent = if let Manner::CutAfter(n) = manner { &body[..n.min(body.len())] } else { body };
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(sent);
}

fn sha256(bytes: &[u8], folder: &Path) -> String {
    // Through the program itself: write the file, let `verify` say what it found.
    let store = folder.join("hashing");
    std::fs::create_dir_all(store.join("x")).unwrap();
    std::fs::write(store.join("x/w.bin"), bytes).unwrap();
    let manifest = manifest(folder, "http://unused.example/w.bin", &"0".repeat(64));
    let output =
        prim(&["models", "verify", "x", "--manifest", &manifest, "--store", store.to_str().unwrap()]);
    let text = said(&output);
    let at = text.find("sha256 is ").expect("a hash") + "sha256 is ".len();
    text[at..at + 64].to_owned()
}

fn manifest(folder: &Path, address: &str, sha256: &str) -> String {
    let path = folder.join("manifest.toml");
    let text = format!(
        r#"[[model]]
name = "x"
kind = "stt"
engine = "e"
version = "1"
licence = "MIT"
rate_hz = 16000
source = {{ store = "{address}" }}
files = [{{ role = "weights", path = "x/w.bin", sha256 = "{sha256}" }}]
budget = {{ memory_mb = 1, cpu_percent = 1 }}
"#
    );
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn weights() -> Vec<u8> {
    (0..300_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Pulls `weights()` from a server with these manners.
fn pull(folder: &Path, manners: Vec<Manner>, hash: &str) -> (Output, Server) {
    let server = serve(weights(), manners);
    let manifest = manifest(folder, &format!("{}/w.bin", server.address), hash);
    let store = folder.join("store");
    let output = prim(&["models", "pull", "x", "--manifest", &manifest, "--store", store.to_str().unwrap()]);
    (output, server)
}

#[test]
fn a_model_is_fetched_checked_and_not_fetched_twice() {
    let folder = tempfile::tempdir().unwrap();
    let hash = sha256(&weights(), folder.path());
    let (output, _) = pull(folder.path(), vec![Manner::Good], &hash);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(std::fs::read(folder.path().join("store/x/w.bin")).unwrap(), weights());
    let (output, server) = pull(folder.path(), vec![Manner::Good], &hash);
    assert!(said(&output).contains("is here already"), "{}", said(&output));
    assert!(server.ranges.lock().unwrap().is_empty(), "nothing was asked for");
}

#[test]
fn a_transfer_that_breaks_off_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let hash = sha256(&weights(), folder.path());
    let manners = vec![Manner::CutAfter(100_000), Manner::CutAfter(50_000), Manner::Good];
    let (output, server) = pull(folder.path(), manners, &hash);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(std::fs::read(folder.path().join("store/x/w.bin")).unwrap(), weights());
    let ranges = server.ranges.lock().unwrap().clone();
    assert_eq!(ranges.len(), 3, "{ranges:?}");
    assert!(ranges[0].is_none() && ranges[1].is_some() && ranges[2].is_some(), "{ranges:?}");
}

#[test]
fn a_server_without_ranges_begins_again_and_the_file_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let hash = sha256(&weights(), folder.path());
    let (output, _) = pull(folder.path(), vec![Manner::CutAfter(100_000), Manner::NoRanges], &hash);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(std::fs::read(folder.path().join("store/x/w.bin")).unwrap(), weights());
}

#[test]
fn a_transfer_that_never_gets_on_gives_up_and_the_next_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let hash = sha256(&weights(), folder.path());
    let (output, _) = pull(folder.path(), vec![Manner::CutAfter(100_000), Manner::CutAfter(0)], &hash);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("run the command again to go on at byte 100000"), "{}", said(&output));
    let (output, server) = pull(folder.path(), vec![Manner::Good], &hash);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(server.ranges.lock().unwrap()[0].as_deref(), Some("bytes=100000-"));
}

#[test]
fn other_bytes_than_the_manifest_says_are_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let (output, _) = pull(folder.path(), vec![Manner::Good], &"a".repeat(64));
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("the file was thrown away"), "{}", said(&output));
    assert_eq!(std::fs::read_dir(folder.path().join("store/x")).unwrap().count(), 0);
}

#[test]
fn no_network_says_how_to_do_without() {
    let folder = tempfile::tempdir().unwrap();
    // A port that was free a moment ago, and nobody listens on.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let manifest = manifest(folder.path(), &format!("http://127.0.0.1:{port}/w.bin"), &"a".repeat(64));
    let output =
        prim(&["models", "pull", "x", "--manifest", &manifest, "--store", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let text = said(&output);
    assert!(text.contains("there is no network") && text.contains("copy the file to"), "{text}");
}

#[test]
fn an_answer_that_is_no_file_names_its_status() {
    let folder = tempfile::tempdir().unwrap();
    let (output, _) = pull(folder.path(), vec![Manner::Status(404)], &"a".repeat(64));
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("the server answers 404"), "{}", said(&output));
}

#[test]
fn list_and_verify_tell_missing_from_changed() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = manifest(folder.path(), "http://models.example/w.bin", &"a".repeat(64));
    let store = folder.path().to_str().unwrap();
    let output = prim(&["models", "list", "--manifest", &manifest, "--store", store]);
    assert!(said(&output).contains("missing: prim models pull x"), "{}", said(&output));
    let output = prim(&["models", "verify", "--manifest", &manifest, "--store", store]);
    assert_eq!(output.status.code(), Some(1));
    std::fs::create_dir(folder.path().join("x")).unwrap();
    std::fs::write(folder.path().join("x/w.bin"), "other").unwrap();
    let output = prim(&["models", "verify", "--manifest", &manifest, "--store", store]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("was changed"), "{}", said(&output));
    let output = prim(&["models", "verify", "y", "--manifest", &manifest, "--store", store]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("names no model y"), "{}", said(&output));
}

#[test]
fn the_built_in_manifest_can_be_listed() {
    let output = prim(&["models", "list"]);
    assert!(output.status.success());
    assert!(said(&output).contains("pocketsphinx-en-us"), "{}", said(&output));
}

#[test]
fn doctor_reads_a_health_page_by_the_configurations_address() {
    let folder = tempfile::tempdir().unwrap();
    let page = r#"{"status":"degraded","microphones":"up","recogniser":"up","voice":"up",
        "link":{"broker":"down","gateway":"down","why":"connection refused"},
        "spool":{"condition":"ok","records":3,"bytes":900,"would_drop_first":null},"adapters":[]}"#;
    let server = serve(page.as_bytes().to_vec(), vec![Manner::Status(503)]);
    let config = folder.path().join("prim.toml");
    let listen = server.address.strip_prefix("http://").unwrap();
    std::fs::write(&config, format!("[http]\nlisten = \"{listen}\"\n")).unwrap();
    let output = prim(&["doctor", "--config", config.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("sent later (connection refused)"), "{}", said(&output));

    let good = page.replace("degraded", "ok").replace("down", "up");
    let server = serve(good.into_bytes(), vec![Manner::Good]);
    let output = prim(&["doctor", "--url", &server.address]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("Everything works."), "{}", said(&output));
}

#[test]
fn doctor_without_a_daemon_says_what_to_look_at() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let output = prim(&["doctor", "--url", &format!("http://127.0.0.1:{port}")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("is primd running?"), "{}", said(&output));
    let output = prim(&["doctor", "--config", "/nonexistent.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("--url"), "{}", said(&output));
}
