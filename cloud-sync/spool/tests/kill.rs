//! A writing process is killed at random moments: what it was told is on disk, and the chain is whole.

mod chained;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use chained::{Dice, Told, encode, epoch, moment, roomy, write_loss};
use prim_ids::Stream;
use prim_spool::{OpenSpoolError, Spool};

const FOLDER: &str = "PRIM_SPOOL_TEST_FOLDER";

fn open(folder: &Path) -> Result<Spool, OpenSpoolError> {
    Spool::open(&folder.join("spool.db"), roomy(), epoch(), write_loss())
}

/// Not a test of its own: the process that gets killed. Tells on standard output what it was told is safe.
#[test]
#[ignore = "is started and killed by the test below"]
fn child_that_appends() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let spool = open(Path::new(&folder)).expect("opens");
    let mut out = std::io::stdout();
    for n in 0.. {
        let streams = [Stream::Audit, Stream::Utterance, Stream::Audit];
        let told = if n % 5 == 0 {
            let appended =
                spool.append_many(moment(n), &streams, |i, slot| encode(slot, &format!("many {i}")));
            streams.into_iter().zip(appended.expect("appends")).map(|(s, a)| (s, a.seq, "many")).collect()
        } else {
            let appended =
                spool.append(moment(n), Stream::Note, |slot| encode(slot, "one")).expect("appends");
            vec![(Stream::Note, appended.seq, "one")]
        };
        for (stream, seq, _) in told {
            writeln!(out, "told {stream} {seq}").expect("the parent listens");
        }
        out.flush().expect("the parent listens");
    }
}

#[test]
fn what_a_killed_process_was_told_is_there_and_the_chain_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut dice = Dice(20_261_121);
    let mut told: Vec<(Stream, u64)> = Vec::new();
    for kill in 0..20 {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "child_that_appends", "--ignored", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts itself");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut take = |line: Option<Result<String, std::io::Error>>| {
            let Some(Ok(line)) = line else { return false };
            if let ["told", stream, seq] = line.split(' ').collect::<Vec<_>>().as_slice() {
                told.push((stream.parse().expect("a stream"), seq.parse().expect("a number")));
                return true;
            }
            false
        };
        // It runs ahead of the reader, so the kill falls anywhere in its work.
        let mut promises = 1 + dice.below(30);
        while promises > 0 {
            promises -= u64::from(take(lines.next()));
        }
        child.kill().expect("kills");
        child.wait().expect("is gone");
        // The last line may be cut by the kill.
        let rest: Vec<_> = lines.collect();
        let whole = rest.len().saturating_sub(1);
        for line in rest.into_iter().take(whole) {
            take(Some(line));
        }

        let spool = open(folder.path()).expect("opens after the kill");
        let mut there = Told::default();
        for stream in Stream::ALL {
            for row in chained::rows(&spool, stream) {
                there.note(stream, row.seq, &row.bytes);
            }
        }
        for place in &told {
            assert!(there.0.contains_key(place), "kill {kill}: {place:?} was promised and is gone");
        }
    }
    assert!(told.len() > 100, "only {} records were promised in 20 lives", told.len());
}

#[test]
fn a_second_process_is_refused_in_plain_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let _first = open(folder.path()).expect("opens");
    let error = open(folder.path()).expect_err("the first still holds it");
    assert!(error.to_string().contains("another process holds it"), "{error}");
}
