//! The measuring program's queries run on the gateway's real tables.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use prim_hil_sim::measure::{NotedRow, read_rows};
use prim_hil_sim::script::NotedKind;
use prim_proto::{Hash, link};

const ORG: &str = "01HZZZZZZZZZZZZZZZZZZZZZZ1";
const DEVICE: &str = "01HZZZZZZZZZZZZZZZZZZZZZZ2";
const EPOCH: &str = "01HZZZZZZZZZZZZZZZZZZZZZZ3";
const MEETING: &str = "01HZZZZZZZZZZZZZZZZZZZZZZ4";
const WHO: &str = "01HZZZZZZZZZZZZZZZZZZZZZZ5";

fn migrations() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cloud-sync/gateway/migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|f| f.to_string_lossy().ends_with(".up.sql"));
    files.sort();
    files.iter().map(|f| format!("BEGIN;\n{}\nCOMMIT;\n", std::fs::read_to_string(f).unwrap())).collect()
}

fn rows() -> String {
    let ding = format!(r#"{{"body":{{"kind":"floor.dinged","request":"R1"}},"meeting":"{MEETING}"}}"#);
    let one = link(Hash::ZERO, ding.as_bytes());
    let spoke = r#"{"body":{"kind":"say.started","say":1}}"#;
    let two = link(one, spoke.as_bytes());
    format!(
        r#"INSERT INTO organisations (id, name, display_name) VALUES ('{ORG}', 'acme', 'Acme');
         INSERT INTO devices (org_id, id, name) VALUES ('{ORG}', '{DEVICE}', 'huddle');
         INSERT INTO cursors (org_id, device_id, stream, epoch) VALUES ('{ORG}', '{DEVICE}', 'audit', '{EPOCH}');
         INSERT INTO records (cursor_id, seq, received_at, org_id, meeting_id, kind, status, at_mono_ms, hash, raw) VALUES
           (1, 1, now(), '{ORG}', '{MEETING}', 'floor.dinged', 'accepted', 4200, '\x{one}', '{ding}'),
           (1, 2, now(), '{ORG}', '{MEETING}', 'say.started', 'accepted', 4300, '\x{two}', '{spoke}');
         INSERT INTO meetings (org_id, id, title) VALUES ('{ORG}', '{MEETING}', 'Demo');
         INSERT INTO utterances (org_id, meeting_id, id, speaker, participant_id, ear, bearing_centideg, text, boot,
             started_mono_ms, ended_mono_ms, started_at) VALUES
           ('{ORG}', '{MEETING}', '01HZZZZZZZZZZZZZZZZZZZZZZ6', 'person', '{WHO}', 'room', 3550, 'hello', '{EPOCH}', 1000, 1500, now()),
           ('{ORG}', '{MEETING}', '01HZZZZZZZZZZZZZZZZZZZZZZ7', 'person', NULL, 'remote', NULL, 'hi', '{EPOCH}', 500, 900, now()),
           ('{ORG}', '{MEETING}', '01HZZZZZZZZZZZZZZZZZZZZZZ8', 'prim', NULL, NULL, NULL, 'left', '{EPOCH}', 2000, 2500, now());
         INSERT INTO agenda_items (org_id, meeting_id, id, title) VALUES ('{ORG}', '{MEETING}', '01HZZZZZZZZZZZZZZZZZZZZZA1', 'Opening');
         INSERT INTO decisions (org_id, meeting_id, id, title) VALUES ('{ORG}', '{MEETING}', '01HZZZZZZZZZZZZZZZZZZZZZZ9', 'May');
         INSERT INTO actions (org_id, meeting_id, id, title, owner_participant_id, due, agenda_item_id, utterances, withdrawn_by, supersedes)
           VALUES
           ('{ORG}', '{MEETING}', '01HZZZZZZZZZZZZZZZZZZZZZB1', 'Wait', NULL, NULL, NULL, '[]', NULL, NULL),
           ('{ORG}', '{MEETING}', '01HZZZZZZZZZZZZZZZZZZZZZB2', 'Lights', '{WHO}', '2026-12-04', '01HZZZZZZZZZZZZZZZZZZZZZA1',
            '["01HZZZZZZZZZZZZZZZZZZZZZZ6"]', NULL, '01HZZZZZZZZZZZZZZZZZZZZZB1'),
           ('{ORG}', '{MEETING}', '01HZZZZZZZZZZZZZZZZZZZZZB3', 'Taken back', NULL, NULL, NULL, '[]', '{{}}', NULL);
         INSERT INTO artifacts (org_id, meeting_id, kind, name, uri, mime, size_bytes, content_hash) VALUES
           ('{ORG}', '{MEETING}', 'summary', 'summary.json', 'file:///s', 'application/json', 2, '\x{one}');"#
    )
}

#[test]
fn everything_that_is_measured_is_read_from_the_gateways_tables() {
    let folder = prim_bed::folder().unwrap();
    let postgres = prim_bed::Postgres::start(folder.path(), &prim_bed::PostgresOptions::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = "measured";
    postgres.create_database(database).unwrap();
    let url = postgres.url_of(database);
    postgres.sql(database, &migrations()).unwrap();
    let error = runtime.block_on(read_rows(&url, None)).unwrap_err().to_string();
    assert!(error.contains("there is none"), "{error}");

    postgres.sql(database, &rows()).unwrap();
    for wanted in [None, Some(MEETING)] {
        let rows = runtime.block_on(read_rows(&url, wanted)).unwrap();
        assert_eq!(rows.meeting, MEETING);
        let [remote, room] = &rows.utterances[..] else { panic!("{:?}", rows.utterances) };
        assert!(remote.remote && remote.bearing_deg.is_none() && remote.text == "hi");
        assert!(!room.remote && room.bearing_deg == Some(35.5) && room.participant.as_deref() == Some(WHO));
        assert_eq!((room.started_ms, room.ended_ms), (1000.0, 1500.0));
        assert_eq!(rows.audit.len(), 2);
        assert_eq!((rows.audit[0].kind.as_str(), rows.audit[0].text("request")), ("floor.dinged", "R1"));
        let may = NotedRow {
            kind: NotedKind::Decision,
            title: "May".into(),
            owner: None,
            due: None,
            item: None,
            utterances: Vec::new(),
        };
        let lights = NotedRow {
            kind: NotedKind::Action,
            title: "Lights".into(),
            owner: Some(WHO.into()),
            due: Some("2026-12-04".parse().unwrap()),
            item: Some("Opening".into()),
            utterances: vec![room.id.clone()],
        };
        assert_eq!((&rows.noted[..], rows.notes), (&[lights, may][..], 0), "what holds, in its order");
        assert_eq!(rows.artifacts, ["summary.json"]);
        let [chain] = &rows.chains[..] else { panic!("{:?}", rows.chains) };
        assert!(chain.linked && chain.rows.len() == 2 && chain.duplicates == 0);
        assert_eq!((chain.stream.as_str(), chain.epoch.as_str()), ("audit", EPOCH));
    }
    postgres.sql(database, "UPDATE records SET raw = replace(raw, 'R1', 'R2')").unwrap();
    assert!(
        !runtime.block_on(read_rows(&url, None)).unwrap().chains[0].linked,
        "a changed byte breaks the chain"
    );
}
