//! Every record arrived, once and linked, a cut of the link included.

use serde_json::{Value, json};

use super::super::rows::Rows;
use super::Figures;
use super::inputs::Tip;
use crate::record::{Recording, What};

pub(super) fn records(f: &mut Figures, r: &Recording, rows: &Rows, tips: Option<&[Tip]>) {
    let stored: usize = rows.chains.iter().map(|c| c.rows.len()).sum();
    let duplicates: u64 = rows.chains.iter().map(|c| c.duplicates).sum();
    let mut linked = !rows.chains.is_empty() && rows.chains.iter().all(|c| c.linked);
    if !linked {
        f.problems.push("the chain of records in Postgres is broken, has a hole or is empty".into());
    }
    f.put("records_duplicate", json!(duplicates));
    f.put("records_quarantined", json!(rows.quarantined));
    f.put("batches_rejected", json!(rows.rejected));
    for (n, what) in [
        (duplicates, "records stand twice"),
        (rows.quarantined, "records are in quarantine"),
        (rows.rejected, "payloads were rejected"),
    ] {
        if n > 0 {
            f.problems.push(format!("{n} {what}"));
        }
    }
    match tips {
        None => {
            f.put("records_in_postgres", json!(stored));
            f.put("records_spooled", Value::Null);
            f.problems.push("the spool's heads were not given, so the set cannot be compared".into());
        }
        Some(tips) => {
            // The chain's hash at a sequence number stands for every record up to it, so equal heads of linked chains
            // are equal sets of sequence and hash.
            let epochs: Vec<&str> = tips.iter().map(|t| t.epoch.as_str()).collect();
            let here: usize =
                rows.chains.iter().filter(|c| epochs.contains(&c.epoch.as_str())).map(|c| c.rows.len()).sum();
            f.put("records_in_postgres", json!(here));
            f.put("records_spooled", json!(tips.iter().map(|t| t.seq).sum::<u64>()));
            for Tip { stream, epoch, seq, hash } in tips.iter().filter(|t| t.seq > 0) {
                let last = rows
                    .chains
                    .iter()
                    .find(|c| c.stream == *stream && c.epoch == *epoch)
                    .and_then(|c| c.rows.last_key_value());
                if last.is_none_or(|(n, h)| n != seq || h != hash) {
                    linked = false;
                    let stands = last.map_or(0, |(n, _)| *n);
                    f.problems.push(format!("stream {stream} ends at {seq} on the device and at {stands} in Postgres, or with another hash"));
                }
            }
        }
    }
    f.put("chain_ok", json!(linked));

    // When the cable was cut, the room's clock says. When a floor record was made, only its maker can: its time counts
    // from the boot of the machine they share and stands in the chain. The demo holds the same cut against the floor's
    // moves that its own watcher saw meanwhile, by its own clock, so that this figure does not stand alone.
    let mut cuts = Vec::new();
    for h in &r.happened {
        if let What::Link { cut } = h.what {
            match cuts.last_mut() {
                Some((_, to)) if !cut => *to = h.boot_ms,
                Some(_) | None if cut => cuts.push((h.boot_ms, f64::INFINITY)),
                Some(_) | None => {}
            }
        }
    }
    if let Some((from, to)) = cuts.first() {
        let inside = rows
            .audit
            .iter()
            .filter(|a| a.kind.starts_with("floor.") && (*from..*to).contains(&a.at_ms))
            .count();
        f.put("link_cut_s", json!(((to - from) / 100.0).round() / 10.0));
        f.put("floor_records_in_cut", json!(inside));
        if to - from < 20_000.0 || inside == 0 {
            f.problems.push("the link was not cut for 20 s with floor activity inside".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::super::rows::Chain;
    use super::super::inputs::Inputs;
    use super::super::made::Made;
    use super::super::measure;
    use super::*;

    #[test]
    fn the_spool_and_postgres_hold_the_same_set_or_it_is_said_which_stream_differs() {
        let mut m = Made::new();
        let row = |n: u8| vec![n; 32];
        m.rows.chains = vec![Chain {
            stream: "audit".into(),
            epoch: "E".into(),
            rows: BTreeMap::from([(1, row(1)), (2, row(2))]),
            duplicates: 0,
            linked: true,
        }];
        let figures = |m: &Made, end: (u64, u8)| {
            let tip = |stream: &str, seq, hash| Tip {
                stream: stream.into(),
                epoch: "E".into(),
                seq,
                hash: row(hash),
            };
            let tips = [tip("audit", end.0, end.1), tip("note", 0, 0)];
            measure(&Inputs {
                recording: &m.recording,
                partials: &[],
                rows: Some(&m.rows),
                tips: Some(&tips),
            })
        };
        let same = figures(&m, (2, 2));
        assert_eq!(
            (same.json["chain_ok"].as_bool(), same.json["records_spooled"].as_u64()),
            (Some(true), Some(2))
        );
        assert_eq!(same.json["records_in_postgres"].as_u64(), Some(2));
        for tip in [(3, 3), (2, 9)] {
            let other = figures(&m, tip);
            assert_eq!(other.json["chain_ok"].as_bool(), Some(false));
            assert!(other.problems.iter().any(|p| p.contains("stream audit")), "{:?}", other.problems);
        }
    }
}
