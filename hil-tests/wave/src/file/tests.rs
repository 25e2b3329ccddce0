use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use super::*;

/// A file of 16 bits, mono, 16 kHz, in a folder that goes with the first value.
fn file(samples: &[i16], promised: u32) -> (tempfile::TempDir, PathBuf) {
    let mut bytes =
        Vec::from(&b"RIFF\0\0\0\x01WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data"[..]);
    bytes.extend((promised * 2).to_le_bytes());
    samples.iter().for_each(|s| bytes.extend(s.to_le_bytes()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.wav");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// As it is shown: with all causes.
fn refused(path: &Path) -> String {
    let error = judge(path).unwrap_err();
    format!("{error}: {}", error.why)
}

#[test]
fn a_good_file_has_its_length_and_nothing_to_say() {
    let (_folder, path) = file(&[3000; 8000], 8000);
    let facts = judge(&path).unwrap();
    assert_eq!((facts.seconds(), facts.notes.len(), facts.scaled_otherwise), (0.5, 0, false));
}

#[test]
fn what_is_no_file_says_so_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let none = refused(&folder.path().join("none.wav"));
    assert!(none.contains("none.wav: there is no such file"), "{none}");
    assert!(refused(folder.path()).contains("it is a folder"));
    assert!(refused(Path::new("/dev/null")).contains("a pipe or a device"));
    let empty = folder.path().join("empty.wav");
    std::fs::write(&empty, b"").unwrap();
    assert!(refused(&empty).contains("empty.wav: the file is empty"));
    let (_folder, nothing) = file(&[], 0);
    assert!(refused(&nothing).contains("no samples"));
}

#[test]
fn a_file_cut_short_is_played_as_far_as_it_goes_with_a_note() {
    let (_folder, path) = file(&[3000; 8000], 16_000);
    let facts = judge(&path).unwrap();
    assert_eq!(facts.notes, [Note::CutShort { promised_s: 1.0, there_s: 0.5 }]);
    assert!(facts.notes[0].to_string().contains("0.5 s are there"));
    let (_folder, nothing) = file(&[], 16_000);
    assert!(refused(&nothing).contains("no samples"));
}

#[test]
fn silence_is_noted_and_played() {
    let (_folder, path) = file(&[1; 800], 800);
    assert_eq!(judge(&path).unwrap().notes, [Note::Silent]);
}

#[test]
fn a_file_of_many_gigabytes_is_refused_before_its_sound_is_read() {
    let (_folder, path) = file(&[3000; 8], 0xffff_ffff / 2);
    // A hole: it has its length and no blocks on the disk.
    let mut out = File::options().write(true).open(&path).unwrap();
    out.seek(SeekFrom::Start(40 << 30)).unwrap();
    out.write_all(&[0]).unwrap();
    assert!(refused(&path).contains("it lasts"), "{}", refused(&path));
    assert!(refused(&path).contains("60:00 minutes can be played"), "{}", refused(&path));
}
