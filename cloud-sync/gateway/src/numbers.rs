//! The numbers of `/metrics`, each with its meaning. No label holds a name of a person, a device or a meeting.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// A commit takes some ten milliseconds; 20 s is where it is given up.
const COMMIT_BUCKETS_S: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0];

const COUNTERS: [(&str, &str); 11] = [
    ("prim_ingest_batches_total", "Batches committed and acknowledged."),
    (
        "prim_ingest_records_total",
        "Records in committed batches, by what became of them: stored, duplicate, quarantined.",
    ),
    ("prim_ingest_rejected_total", "Payloads that could not be accepted, by reason."),
    (
        "prim_ingest_rejected_not_kept_total",
        "Rejected payloads beyond ingest.rejected_per_minute of their sender: counted, not kept.",
    ),
    ("prim_ingest_refused_values_total", "Groups of batches with a value that Postgres refused."),
    ("prim_ingest_gaps_asked_total", "Batches with a gap before them that the device was asked to fill."),
    (
        "prim_ingest_others_meeting_total",
        "Records that name a meeting of another device: kept as bytes, without effect on the meeting.",
    ),
    ("prim_ingest_shed_total", "Messages dropped because more than the window was under way."),
    ("prim_worker_meetings_total", "Meetings whose files were made."),
    ("prim_worker_failures_total", "Meetings whose files could not be made and will be tried again."),
    ("prim_postgres_failures_total", "Attempts of a part that Postgres did not answer or refused."),
];

/// Installs the recorder and names every number, so that it is there before it first counts.
///
/// # Errors
/// When a recorder is installed already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let commits = "prim_ingest_commit_seconds";
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(commits.to_owned()), &COMMIT_BUCKETS_S)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    for (name, meaning) in COUNTERS {
        describe_counter!(name, meaning);
    }
    for fate in ["stored", "duplicate", "quarantined"] {
        counter!("prim_ingest_records_total", "fate" => fate).increment(0);
    }
    for (name, _) in COUNTERS.iter().filter(|(name, _)| !LABELLED.contains(name)) {
        counter!(*name).increment(0);
    }
    describe_histogram!(
        "prim_ingest_commit_seconds",
        Unit::Seconds,
        "How long the transaction of one group of batches took."
    );
    describe_gauge!("prim_database_up", "1 while Postgres takes batches, else 0.");
    describe_gauge!("prim_broker_connected", "1 while the broker is connected and subscribed, else 0.");
    describe_gauge!(
        "prim_broker_certificate_expiry_timestamp_seconds",
        Unit::Seconds,
        "When the certificate broker.cert expires, in seconds since 1970."
    );
}

/// Counted by label only.
const LABELLED: [&str; 2] = ["prim_ingest_records_total", "prim_ingest_rejected_total"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_meaning_a_type_and_a_name_with_its_unit() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let page = metrics::with_local_recorder(&recorder, || {
            describe();
            metrics::histogram!("prim_ingest_commit_seconds").record(0.5);
            metrics::gauge!("prim_database_up").set(1.0);
            recorder.handle().render()
        });
        let names: Vec<&str> = page
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert!(names.len() > 10, "{page}");
        for name in names {
            assert!(page.contains(&format!("# HELP {name} ")), "{name} has no HELP: {page}");
        }
        for line in page.lines().filter(|line| line.starts_with("# TYPE ")) {
            assert_eq!(line.ends_with(" counter"), line.contains("_total "), "{line}");
        }
    }

    #[test]
    fn every_number_in_the_source_is_named_here() {
        let sources = [
            include_str!("ingest/deliver.rs"),
            include_str!("ingest/deliver/limit.rs"),
            include_str!("ingest/mqtt.rs"),
            include_str!("ingest/prepare.rs"),
            include_str!("worker.rs"),
        ];
        for name in sources.iter().flat_map(|text| text.split("counter!(\"").skip(1)) {
            let name = name.split('"').next().unwrap();
            assert!(COUNTERS.iter().any(|(known, _)| *known == name), "{name} has no meaning in numbers.rs");
        }
    }
}
