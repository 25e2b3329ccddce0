//! Whose words they are: bearings, people and the labels of voices.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::super::rows::Rows;
use super::spread::Spread;
use super::{Figures, Spoken, overlap};
use crate::record::Recording;

pub(super) fn speakers(f: &mut Figures, r: &Recording, rows: &Rows, spoken: &[Spoken<'_>]) {
    let mut bearings = Vec::new();
    let (mut right, mut wrong, mut unknown) = (0, 0, 0);
    let mut labelled = Vec::new();
    for u in &rows.utterances {
        let best = spoken
            .iter()
            .filter(|l| l.said.bearing_deg.is_none() == u.remote)
            .max_by(|a, b| overlap(u, a).total_cmp(&overlap(u, b)));
        let Some(line) =
            best.filter(|l| overlap(u, l) >= 0.5 * (u.ended_ms - u.started_ms).min(l.off_ms - l.on_ms))
        else {
            continue;
        };
        if let (Some(heard), Some(sat)) = (u.bearing_deg, line.said.bearing_deg) {
            let d = f64::from(heard - sat).rem_euclid(360.0);
            bearings.push(d.min(360.0 - d));
        }
        if line.said.bearing_deg.is_some() {
            labelled.push((u.label, line.said.person));
        }
        let seat = r.summary.people.get(line.said.person).and_then(|s| s.participant).map(|p| p.to_string());
        match (&u.participant, seat) {
            (None, _) => unknown += 1,
            (Some(a), Some(b)) if *a == b => right += 1,
            (Some(_), _) => wrong += 1,
        }
    }
    let bearings = Spread::new(bearings);
    f.put("bearing_error_deg_p50", json!(bearings.quantile(0.5).map(|v| (v * 10.0).round() / 10.0)));
    f.put("bearing_error_deg_p95", json!(bearings.quantile(0.95).map(|v| (v * 10.0).round() / 10.0)));
    f.put("bearing_error_deg_n", json!(bearings.n()));
    f.put("speakers_right", json!(right));
    f.put("speakers_wrong", json!(wrong));
    f.put("speakers_unknown", json!(unknown));
    let told = told_apart(&labelled);
    f.put("speaker_labels", json!(told.labels));
    f.put("speaker_labels_right", json!(told.right));
    f.put("speaker_labels_wrong", json!(told.wrong));
    f.put("speaker_labels_none", json!(told.none));
    if told.wrong > 0 {
        f.problems.push(format!("{} utterances bear the label of somebody else in the room", told.wrong));
    }
}

/// How well labels tell people apart, in utterances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct ToldApart {
    labels: usize,
    right: usize,
    wrong: usize,
    none: usize,
}

/// Each label belongs to the one person, and each person to the one label, that have most utterances in common (as the
/// diarization error rate is counted); all else is wrong.
fn told_apart(labelled: &[(Option<i16>, usize)]) -> ToldApart {
    let mut common: BTreeMap<(i16, usize), usize> = BTreeMap::new();
    for (label, person) in labelled {
        if let Some(label) = label {
            *common.entry((*label, *person)).or_default() += 1;
        }
    }
    let mut pairs: Vec<_> = common.iter().collect();
    pairs.sort_by_key(|(pair, n)| (std::cmp::Reverse(**n), **pair));
    let (mut labels, mut people) = (BTreeSet::new(), BTreeSet::new());
    let mut told =
        ToldApart { none: labelled.iter().filter(|(l, _)| l.is_none()).count(), ..ToldApart::default() };
    for ((label, person), n) in pairs {
        if labels.contains(label) || people.contains(person) {
            told.wrong += n;
        } else {
            told.right += n;
            people.insert(*person);
        }
        labels.insert(*label);
    }
    told.labels = labels.len();
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_person_and_a_person_one_label() {
        let told =
            told_apart(&[(Some(1), 0), (Some(1), 0), (Some(2), 1), (None, 1), (Some(1), 1), (Some(3), 0)]);
        assert_eq!(told, ToldApart { labels: 3, right: 3, wrong: 2, none: 1 });
    }
}
