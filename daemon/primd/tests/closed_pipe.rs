//! `primd --check 2>&1 | head -1`: whoever reads one line and leaves gets no crash.

use std::process::{Command, Stdio};

#[test]
fn a_check_whose_reader_has_left_ends_with_the_reports_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_primd"))
        .arg("--check")
        .arg("--config")
        .arg(folder.path().join("no-such.toml"))
        .stdin(Stdio::null())
        .stdout(writer.try_clone().unwrap())
        .stderr(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}
