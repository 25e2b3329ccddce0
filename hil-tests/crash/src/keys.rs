//! A device whose audit key changes, once with the record of it and once without, before a real gateway.

use std::time::Duration;

use prim_ids::Stream;

use crate::evidence::{Outbox, count_rows, count_unwanted};
use crate::room::Room;
use crate::stage::{Stage, Victim};
use crate::storm::send_the_rest;
use crate::wait::wait_for;

/// The device comes up, hears, writes, sends.
const LIMIT: Duration = Duration::from_secs(60);
/// Records of a meeting that are enough for each key.
const ENOUGH: u64 = 10;

/// Lets a device send under its key, change it, send under the new one, and then use a third one of which nothing is on
/// record. Returns everything that is not as it must be.
///
/// # Errors
/// The stage could not be built or did not come to rest.
pub fn change_keys(say: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<String>> {
    let folder = prim_bed::folder()?;
    let mut stage = Stage::build(folder.path())?;
    let room = Room::open(&stage.hal(), &stage.loopback(), &folder.path().join("voices"), 1)?;
    let mut problems = Vec::new();

    meet(&mut stage, &room, say)?;
    say("the device met under its first key; changing it");
    stage.rotate_key()?;
    meet(&mut stage, &room, say)?;
    say("the device met under its second key");
    let heads = stage.sql("SELECT count(DISTINCT counter_signed::jsonb #>> '{signed,key}') FROM heads")?;
    if heads != "2" {
        problems.push(format!("heads of {heads} keys were counter-signed, not of 2"));
    }
    // The auditor knows the first key only: the record leads to the second.
    let streams = stage.sql("SELECT DISTINCT stream FROM cursors WHERE seq > 0 ORDER BY 1")?;
    for stream in streams.lines() {
        if let Some(why) = stage.verify(stream.parse::<Stream>()?)? {
            problems.push(format!("the export of {stream} does not verify: {why}"));
        }
    }
    for (table, rows) in count_unwanted(&stage)? {
        if rows > 0 {
            problems.push(format!("{rows} rows in {table}"));
        }
    }

    let before = count_rows(&stage)?;
    stage.swap_key()?;
    wake(&mut stage, &room, false)?;
    wait_for("the refusal of a key that nobody handed over", LIMIT, || {
        Ok((stage.sql("SELECT count(*) FROM rejected WHERE reason = 'foreign_key'")? != "0").then_some(()))
    })?;
    wait_for("the gateway's word about it", LIMIT, || {
        let log = std::fs::read_to_string(stage.log("prim-gateway")).unwrap_or_default();
        Ok(log
            .lines()
            .any(|line| line.contains("payload rejected") && line.contains("foreign_key"))
            .then_some(()))
    })?;
    stage.stop_device()?;
    let after = count_rows(&stage)?;
    if after != before {
        problems.push(format!("{} records came in under a key that nobody handed over", after - before));
    }
    Ok(problems)
}

/// A meeting until there is enough of it, and everything sent.
fn meet(stage: &mut Stage, room: &Room, say: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    let before = count_rows(stage)?;
    let said = || "SELECT count(*) FROM records WHERE kind = 'utterance'";
    let words: u64 = stage.sql(said())?.parse()?;
    wake(stage, room, true)?;
    wait_for("the first records and words of a meeting", LIMIT, || {
        let more: u64 = stage.sql(said())?.parse()?;
        Ok((count_rows(stage)? >= before + ENOUGH && more > words).then_some(()))
    })?;
    stage.stop_device()?;
    send_the_rest(stage, room, say)?;
    anyhow::ensure!(Outbox::read(stage)?.unsent == 0, "send everything: some records still wait");
    Ok(())
}

fn wake(stage: &mut Stage, room: &Room, meeting: bool) -> anyhow::Result<()> {
    wait_for("the device's light to go out", LIMIT, || Ok((!room.device_is_awake()).then_some(())))?;
    if meeting {
        stage.start(Victim::Device)?
    } else {
        stage.start_idle_device()?
    }
    wait_for("the device's light", LIMIT, || Ok(room.device_is_awake().then_some(())))
}
