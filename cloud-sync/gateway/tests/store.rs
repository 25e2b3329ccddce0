//! Batches into a real Postgres, without a broker: what is stored, what is answered, what the records mean.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends where it stands")]

mod common;

use std::sync::Arc;

use common::device::{Device, code, sealed};
use common::{Bed, furnished};
use prim_gateway::db::Role;
use prim_gateway::export::{Wish, export};
use prim_gateway::ingest::{self, Checked, Committed, Depth, Refusal, Registry, Store};
use prim_gateway::worker;
use prim_ids::{ActionId, AgendaItemId, DecisionId, NoteId, ParticipantId, RequestId, Stream, UtteranceId};
use prim_proto::{
    ActionStatus, Actor, Audit, AuditKey, Batch, Body, ConsentAnswer, DingPlace, Erasables, Hash, Hole,
    HoleReason, KeySet, Note, Placed, PolicyMode, PublicKey, SilenceCause, Where,
};

struct Gateway {
    bed: Bed,
    store: Store,
    registry: Registry,
    key: AuditKey,
}

impl Gateway {
    async fn open() -> Self {
        let bed = furnished().await;
        let key = AuditKey::from_seed([200; 32]);
        let own = AuditKey::from_seed([200; 32]);
        let store = Store::new(bed.database.clone(), "gw-1".parse().unwrap(), own);
        Self { bed, store, registry: Registry::default(), key }
    }

    async fn check(&mut self, device: &Device, stream: Stream, payload: &[u8]) -> Result<Checked, Refusal> {
        let known =
            self.registry.load(self.store.connection().await.unwrap(), &device.address).await.unwrap();
        ingest::check(&device.topic(stream), payload, &known.unwrap())
    }

    async fn checked(&mut self, device: &Device, stream: Stream, records: &[Placed]) -> Checked {
        let payload = device.batch(stream, records).encode();
        self.check(device, stream, &payload).await.unwrap()
    }

    async fn send(&mut self, device: &Device, stream: Stream, records: &[Placed]) -> Committed {
        let checked = self.checked(device, stream, records).await;
        self.store.commit(&[checked], Depth::Full).await.unwrap_or_else(|e| panic!("{e:?}")).remove(0)
    }
}

#[tokio::test]
async fn duplicates_and_disorder_store_each_record_once() {
    let mut gateway = Gateway::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    let all = device.audits(30);
    let first = gateway.send(&device, Stream::Audit, &all[..10]).await;
    assert_eq!((first.ack.through_seq, first.stored, first.duplicates), (10, 10, 0));
    // The same again, an overlap, one out of order, and all of it in one transaction.
    let again = gateway.send(&device, Stream::Audit, &all[..10]).await;
    assert_eq!((again.ack.through_seq, again.stored, again.duplicates), (10, 0, 10));
    let early = gateway.send(&device, Stream::Audit, &all[20..]).await;
    assert_eq!(
        (early.ack.through_seq, early.stored, early.asks),
        (10, 0, true),
        "a gap is asked about, not passed"
    );
    let overlap = gateway.send(&device, Stream::Audit, &all[5..20]).await;
    assert_eq!((overlap.ack.through_seq, overlap.stored, overlap.duplicates), (20, 10, 5));
    let group = [
        gateway.checked(&device, Stream::Audit, &all[20..25]).await,
        gateway.checked(&device, Stream::Audit, &all[20..25]).await,
        gateway.checked(&device, Stream::Audit, &all[24..]).await,
    ];
    let done = gateway.store.commit(&group, Depth::Full).await.unwrap();
    assert!(done.iter().all(|committed| committed.ack.through_seq == 30));
    assert_eq!(done.iter().map(|committed| committed.stored).sum::<usize>(), 10);
    assert_eq!(gateway.bed.count("records"), 30);
    assert_eq!(gateway.bed.count("(SELECT DISTINCT seq, hash FROM records) AS d"), 30);
    assert_eq!(gateway.bed.count("holes") + gateway.bed.count("quarantine"), 0);
    assert_eq!(gateway.bed.count("audit WHERE event = 'daemon' AND payload ->> 'state' = 'started'"), 30);
    let row = gateway.bed.text("SELECT encode(hash, 'hex') FROM chain_records WHERE seq = 30 AND device = 'huddle-1' AND org = 'acme'");
    assert_eq!(row, all[29].hash.to_string());
}

#[tokio::test]
async fn two_devices_of_the_same_name_do_not_meet() {
    let mut gateway = Gateway::open().await;
    let (mut ours, mut theirs) = (Device::new("acme/huddle-1", 1), Device::new("rival/huddle-1", 2));
    theirs.epoch = ours.epoch;
    let (a, b) = (ours.audits(3), theirs.audits(5));
    let group =
        [gateway.checked(&ours, Stream::Audit, &a).await, gateway.checked(&theirs, Stream::Audit, &b).await];
    let done = gateway.store.commit(&group, Depth::Full).await.unwrap();
    assert_eq!(done.iter().map(|c| c.ack.through_seq).collect::<Vec<_>>(), [3, 5]);
    // Both name the same meeting id: each organisation has its own.
    assert_eq!(gateway.bed.count("meetings"), 2);
}

#[tokio::test]
async fn a_changed_record_is_quarantined_and_the_first_one_stays() {
    let mut gateway = Gateway::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    let all = device.audits(4);
    gateway.send(&device, Stream::Audit, &all).await;
    // The same device after its disk was put back: other records under the same numbers.
    let mut copy = Device::new("acme/huddle-1", 1);
    let mut other = copy.audits(1);
    let body = Body::Audit(Audit::Daemon { state: code("stopped") });
    other.push(copy.write(body, Erasables::default()));
    let done = gateway.send(&copy, Stream::Audit, &other).await;
    assert_eq!((done.duplicates, done.quarantined, done.ack.through_seq), (1, 1, 4));
    let rejected = &done.ack.rejected[0];
    assert_eq!((rejected.from, rejected.to, rejected.reason.as_str()), (2, 2, "hash_conflict"));
    gateway.send(&copy, Stream::Audit, &other).await;
    assert_eq!(gateway.bed.count("quarantine"), 1, "the same forgery is kept once");
    assert_eq!(
        gateway.bed.text("SELECT encode(hash, 'hex') FROM records WHERE seq = 2"),
        all[1].hash.to_string()
    );
    // And its continuation does not fit ours: quarantined too, and it does not wedge.
    let body = || Body::Audit(Audit::Daemon { state: code("fork") });
    let more: Vec<Placed> = (0..4).map(|_| copy.write(body(), Erasables::default())).collect();
    let done = gateway.send(&copy, Stream::Audit, &more).await;
    assert_eq!(
        (done.ack.through_seq, done.quarantined),
        (6, 3),
        "3 and 4 conflict, 5 forks, 6 goes on from it"
    );
    assert_eq!(gateway.bed.text("SELECT reason FROM holes"), "forked");
}

#[tokio::test]
async fn what_the_device_lost_becomes_a_hole_that_its_own_record_explains() {
    let mut gateway = Gateway::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    let all = device.audits(20);
    gateway.send(&device, Stream::Audit, &all[..5]).await;
    let asked = gateway.send(&device, Stream::Audit, &all[15..18]).await;
    assert_eq!((asked.ack.through_seq, asked.asks), (5, true));
    let admitted = gateway.send(&device, Stream::Audit, &all[15..18]).await;
    assert_eq!((admitted.ack.through_seq, admitted.asks), (18, false));
    assert_eq!(
        gateway.bed.text("SELECT from_seq || '-' || to_seq || coalesce(reason, '?') FROM holes"),
        "6-15?"
    );
    let hole =
        Hole { from: 6, to: 15, reason: HoleReason::QuotaBytes, before: all[4].hash, last: all[14].hash };
    let record = device.write_to(Stream::Audit, Body::Hole(hole), Erasables::default());
    let mut rest = all[18..].to_vec();
    rest.push(record);
    assert_eq!(gateway.send(&device, Stream::Audit, &rest).await.ack.through_seq, 21);
    assert_eq!(gateway.bed.text("SELECT reason || explained_by_seq FROM holes"), "quota_bytes21");
    // Late records of the hole are still taken, once.
    assert_eq!(gateway.send(&device, Stream::Audit, &all[6..8]).await.stored, 2);
    assert_eq!(gateway.send(&device, Stream::Audit, &all[6..8]).await.stored, 0);
    let (_, report) = exported(
        &mut gateway,
        &device,
        &Wish::Device { device: device.address.clone(), stream: Stream::Audit, epoch: None },
        &[device.key.public()],
    )
    .await;
    assert_eq!(report.unwrap().lost, [(6, 6), (9, 15)]);
}

#[tokio::test]
async fn nobody_else_can_speak_for_a_device() {
    let mut gateway = Gateway::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    let records = device.audits(3);
    let honest = device.batch(Stream::Audit, &records).encode();
    let reason =
        |checked: Result<Checked, Refusal>| checked.map(|_| "taken").unwrap_or_else(|refusal| refusal.reason);

    let stranger = device.batch_signed(Stream::Audit, &records, &AuditKey::from_seed([66; 32])).encode();
    assert_eq!(reason(gateway.check(&device, Stream::Audit, &stranger).await), "foreign_key");
    let text = String::from_utf8(honest.clone()).unwrap();
    let sig = text.find("\"sig\":\"").unwrap();
    assert!(sig > 0);
    let at = text.rfind("\"sig\":\"").unwrap() + 7;
    let mut forged = text.clone();
    let flipped = if &text[at..=at] == "0" { "1" } else { "0" };
    forged.replace_range(at..=at, flipped);
    assert_eq!(reason(gateway.check(&device, Stream::Audit, forged.as_bytes()).await), "signature");
    let changed = text.replacen("started", "stopped", 1);
    assert_eq!(reason(gateway.check(&device, Stream::Audit, changed.as_bytes()).await), "signature");

    let rival = Device::new("rival/huddle-1", 2);
    assert_eq!(reason(gateway.check(&rival, Stream::Audit, &honest).await), "foreign_topic");
    assert_eq!(reason(gateway.check(&device, Stream::Note, &honest).await), "foreign_topic");
    assert_eq!(reason(gateway.check(&device, Stream::Audit, b"{\"batch\":{\"v\":1}}").await), "malformed");
    assert_eq!(reason(gateway.check(&device, Stream::Audit, b"not json").await), "malformed");
    assert_eq!(reason(gateway.check(&device, Stream::Audit, &vec![b' '; 300 * 1024]).await), "oversized");
    let newer = text.replacen("\"v\":1", "\"v\":7", 1);
    let refusal = gateway.check(&device, Stream::Audit, newer.as_bytes()).await.unwrap_err();
    assert_eq!(refusal.reason, "newer_version");
    assert_eq!(refusal.claim.map(|claim| (claim.from, claim.to)), Some((1, 3)));
    assert_eq!(reason(gateway.check(&device, Stream::Audit, &honest).await), "taken");
    gateway.bed.text("UPDATE devices SET active = false");
    assert_eq!(reason(gateway.check(&device, Stream::Audit, &honest).await), "device_inactive");
}

#[tokio::test]
async fn records_of_a_newer_version_are_parked_and_foolish_ones_kept_as_rejected() {
    let mut gateway = Gateway::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    let first = device.audits(1);
    let chain = |raw: String, prev: Hash| Placed {
        hash: prim_proto::link(prev, raw.as_bytes()),
        raw,
        erasables: Erasables::default(),
    };
    let at = |seq: u64, v: u32, prev: Hash, kind: &str| {
        first[0]
            .raw
            .replacen("\"v\":1", &format!("\"v\":{v}"), 1)
            .replacen("\"seq\":1", &format!("\"seq\":{seq}"), 1)
            .replacen(&Hash::ZERO.to_string(), &prev.to_string(), 1)
            .replacen("{\"kind\":\"daemon\",\"state\":\"started\"}", kind, 1)
    };
    let newer = chain(at(2, 9, first[0].hash, "{\"kind\":\"daemon\",\"state\":\"started\"}"), first[0].hash);
    let unknown = chain(at(3, 1, newer.hash, "{\"kind\":\"teleport\"}"), newer.hash);
    let broken = chain(at(4, 1, unknown.hash, "{\"kind\":\"daemon\",\"state\":7}"), unknown.hash);
    let nul = chain(
        at(5, 1, broken.hash, "{\"kind\":\"daemon\",\"state\":\"started\",\"x\":\"\\u0000\"}"),
        broken.hash,
    );
    let all = [first[0].clone(), newer, unknown, broken, nul];
    let done = gateway.send(&device, Stream::Audit, &all).await;
    assert_eq!(done.ack.through_seq, 5);
    assert_eq!(done.ack.rejected.iter().map(|r| (r.from, r.to)).collect::<Vec<_>>(), [(4, 5)]);
    let status = "SELECT string_agg(status, ',' ORDER BY seq) FROM records";
    assert_eq!(gateway.bed.text(status), "accepted,parked,parked,rejected,rejected");
    assert_eq!(gateway.bed.count("audit WHERE payload IS NOT NULL"), 1, "the view reads what it can");
}

fn person(n: u128) -> ParticipantId {
    ParticipantId::from_u128(n)
}

/// A small meeting over three streams.
fn meeting(device: &mut Device) -> [(Stream, Vec<Placed>); 3] {
    let (title, e) = sealed(&[("title", "Weekly plan")]);
    let mut audit = vec![device.write(
        Body::Audit(Audit::MeetingStarted {
            title: title[0],
            mode: PolicyMode::ProactiveTimekeeper,
            ding: DingPlace::Room,
        }),
        e,
    )];
    let mut write =
        |device: &mut Device, body: Audit, e: Erasables| audit.push(device.write(Body::Audit(body), e));
    for (n, name, place) in [(1, "Ana", Where::Room), (2, "Bo\0b", Where::Remote)] {
        let (name, e) = sealed(&[("name", name)]);
        let joined = Audit::ParticipantJoined {
            participant: person(n),
            name: name[0],
            place,
            role: prim_proto::Role::Member,
        };
        write(device, joined, e);
        let yes = Audit::ConsentAnswered {
            participant: Some(person(n)),
            answer: ConsentAnswer::Yes,
            ear: None,
            way: code("platform"),
            by: Actor::Person { id: person(n) },
            utterance: None,
        };
        write(device, yes, Erasables::default());
    }
    write(device, Audit::ConsentChanged { storing: true, room: true, remote: true }, Erasables::default());
    let (item_title, e) = sealed(&[("title", "Budget")]);
    let item = AgendaItemId::from_u128(50);
    write(device, Audit::AgendaItem { item, position: 0, title: item_title[0], planned_ms: 60_000 }, e);
    let by = Actor::Prim;
    write(
        device,
        Audit::Timebox {
            item,
            moved: code("over"),
            planned_ms: 60_000,
            spent_ms: 61_000,
            left_ms: Some(-1_000),
            by,
        },
        Erasables::default(),
    );
    let request = RequestId::from_u128(7);
    write(device, Audit::FloorDinged { request }, Erasables::default());
    let (text, e) = sealed(&[("text", "One minute over. Shall we go on? Or wait?")]);
    let (say, permission) = (1, code("button"));
    write(
        device,
        Audit::SayIntended {
            say,
            request: Some(request),
            permission,
            planned_ms: 2000,
            waited_ms: 0,
            waited_for: Vec::new(),
            text: text[0],
        },
        e,
    );
    write(device, Audit::SayStarted { say }, Erasables::default());
    let (words, e) = sealed(&[("partly", "Shall we go on?"), ("unsaid", "Or wait?")]);
    let (cause, spoken_ms) = (SilenceCause::BargeIn, 900);
    let silenced = Audit::SaySilenced {
        say,
        cause,
        spoken_ms,
        cut_clause: Some(1),
        cut_played_ms: Some(200),
        partly: Some(words[0]),
        unsaid: Some(words[1]),
    };
    write(device, silenced, e);
    let (never, e) = sealed(&[("text", "Never heard")]);
    let permission = code("policy");
    write(
        device,
        Audit::SayIntended {
            say: 2,
            request: None,
            permission,
            planned_ms: 900,
            waited_ms: 0,
            waited_for: Vec::new(),
            text: never[0],
        },
        e,
    );
    let words =
        vec![device.says(301, Some(person(1)), "we ship on Friday"), device.says(302, None, "who is this")];
    let links = vec![UtteranceId::from_u128(301)];
    let (t, e) = sealed(&[("title", "Ship on Friday")]);
    let by = Actor::Person { id: person(1) };
    let decided = |id: u128, supersedes: Option<u128>, title| Note::Decided {
        id: DecisionId::from_u128(id),
        supersedes: supersedes.map(DecisionId::from_u128),
        item: Some(item),
        utterances: links.clone(),
        title,
        text: None,
        by,
    };
    let mut notes = vec![device.write(Body::Note(decided(401, None, t[0])), e)];
    let (t, e) = sealed(&[("title", "Ship on Monday")]);
    notes.push(device.write(Body::Note(decided(402, Some(401), t[0])), e));
    let (t, e) = sealed(&[("title", "Write the release notes"), ("text", "by Thursday")]);
    let action = Note::ActionTaken {
        id: ActionId::from_u128(501),
        supersedes: None,
        item: Some(item),
        utterances: links.clone(),
        title: t[0],
        text: Some(t[1]),
        owner: Some(person(1)),
        due: prim_ids::Day::from_ymd(2026, 12, 3),
        status: ActionStatus::Open,
        by,
    };
    notes.push(device.write(Body::Note(action), e));
    notes.push(
        device.write(Body::Note(Note::NoteWithdrawn { id: NoteId::from_u128(9), by }), Erasables::default()),
    );
    let mut write =
        |device: &mut Device, body: Audit| audit.push(device.write(Body::Audit(body), Erasables::default()));
    write(device, Audit::MeetingEnded { duration_ms: 180_000 });
    [(Stream::Audit, audit), (Stream::Utterance, words), (Stream::Note, notes)]
}

#[tokio::test]
async fn a_meeting_means_the_same_in_whatever_order_its_streams_arrive() {
    let shape = "SELECT string_agg(line, '; ' ORDER BY line) FROM (
        SELECT 'meeting ' || coalesce(title, '-') || status || mode || storing_consent || duration_ms AS line FROM meetings
        UNION ALL SELECT 'person ' || name || place || role || consent FROM participants
        UNION ALL SELECT 'item ' || title || planned_ms || spent_ms FROM agenda_items
        UNION ALL SELECT 'line ' || speaker || is_chime || sounded || coalesce(text, '-')
            || coalesce(partly, '') || coalesce(unsaid, '-')
            || coalesce(silenced_by, '-') || coalesce(ended_mono_ms - started_mono_ms, -1) FROM utterances
        UNION ALL SELECT 'decision ' || title || ' of ' || agenda_item_id FROM current_decisions
        UNION ALL SELECT 'action ' || title || detail || status || owner_participant_id || ' of ' || agenda_item_id FROM current_actions
        UNION ALL SELECT 'note ' || id FROM current_notes) AS t";
    let mut seen = Vec::new();
    let mut gateway = Gateway::open().await;
    for (key, order) in [(1, [0, 1, 2]), (2, [2, 1, 0])] {
        let mut device = Device::new(if key == 1 { "acme/huddle-1" } else { "rival/huddle-1" }, key);
        let streams = meeting(&mut device);
        for index in order {
            let (stream, records) = &streams[index];
            // One record a batch, so that every prefix is met.
            for record in records {
                gateway.send(&device, *stream, std::slice::from_ref(record)).await;
            }
            let again = gateway.send(&device, *stream, records).await;
            assert_eq!(again.stored, 0);
        }
        seen.push(gateway.bed.text(shape));
        gateway.bed.text("TRUNCATE meetings CASCADE");
    }
    assert_eq!(seen[0], seen[1]);
    assert!(seen[0].contains("meeting Weekly plancompletedproactive_timekeepertrue180000"), "{}", seen[0]);
    assert!(seen[0].contains("person Bo\u{fffd}bremotememberyes"), "{}", seen[0]);
    assert!(
        seen[0].contains(
            "line primfalsetrueOne minute over. Shall we go on? Or wait?Shall we go on?Or wait?barge_in900"
        ),
        "{}",
        seen[0]
    );
    assert!(seen[0].contains("line primfalsefalseNever heard"), "{}", seen[0]);
    assert!(seen[0].contains("line primtruetrue--"), "{}", seen[0]);
    assert!(seen[0].contains("decision Ship on Monday") && !seen[0].contains("Friday;"), "{}", seen[0]);
    assert!(seen[0].contains("action Write the release notesby Thursdayopen"), "{}", seen[0]);
    assert_eq!(seen[0].matches(&format!(" of {}", AgendaItemId::from_u128(50))).count(), 2, "{}", seen[0]);
    assert!(!seen[0].contains("note "), "{}", seen[0]);
}

#[tokio::test]
async fn an_objection_taken_back_by_its_voice_unsettles_the_yes_of_its_side_and_one_lifted_by_name_does_not()
{
    let mut gateway = Gateway::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    let [(_, audit), ..] = meeting(&mut device);
    gateway.send(&device, Stream::Audit, &audit).await;
    for (way, left) in [("everyone_by_name", 2), ("unnamed_voice", 1)] {
        let lifted = Audit::ConsentAnswered {
            participant: None,
            answer: ConsentAnswer::TakenBack,
            ear: Some(prim_proto::Ear::Remote),
            way: code(way),
            by: Actor::UnknownVoice,
            utterance: None,
        };
        let record = device.write(Body::Audit(lifted), Erasables::default());
        gateway.send(&device, Stream::Audit, &[record]).await;
        assert_eq!(gateway.bed.count("participants WHERE consent = 'yes'"), left, "{way}");
    }
}

#[tokio::test]
async fn an_ended_meeting_gets_its_files_once_and_again_when_something_comes_late_and_loses_them_to_erasure()
{
    let mut gateway = Gateway::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    let [audit, words, notes] = meeting(&mut device);
    gateway.send(&device, audit.0, &audit.1).await;
    gateway.send(&device, notes.0, &notes.1).await;
    let folder = gateway.bed.folder.path().join("objects");
    let store = worker::open_store(&folder).unwrap();
    let pool = gateway.bed.database.pool(Role::Worker, 2);
    let (org, id) = (gateway.bed.text("SELECT org_id FROM meetings"), device.meeting.to_string());
    let (one, two) = tokio::join!(
        worker::make(&pool, store.as_ref(), &org, &id),
        worker::make(&pool, store.as_ref(), &org, &id)
    );
    assert!(one.unwrap() || two.unwrap());
    assert!(!worker::make(&pool, store.as_ref(), &org, &id).await.unwrap(), "nothing new, nothing made");
    let read = |name: &str| std::fs::read_to_string(folder.join(format!("acme/{id}/{name}"))).unwrap();
    assert!(
        read("transcript.md").contains(
            ") One minute over. [interrupted: barge in; heard in part: Shall we go on?; not said: Or wait?]"
        ) && read("transcript.md").contains("**[Prim]** (")
    );
    assert!(!read("transcript.md").contains("Never heard"));
    gateway.send(&device, words.0, &words.1).await;
    assert!(worker::make(&pool, store.as_ref(), &org, &id).await.unwrap(), "late words make them anew");
    for name in ["transcript.md", "transcript.vtt", "transcript.srt"] {
        assert!(read(name).contains("we ship on Friday"), "{name}");
    }
    let summary: serde_json::Value = serde_json::from_str(&read("summary.json")).unwrap();
    assert_eq!(summary["decisions"][0]["title"], "Ship on Monday");
    assert_eq!(summary["actions"][0]["owner_name"], "Ana");
    assert_eq!(summary["actions"][0]["due"], "2026-12-03");
    let item = AgendaItemId::from_u128(50).to_string();
    assert_eq!(
        (&summary["agenda"][0]["id"], &summary["agenda"][0]["title"]),
        (&item.into(), &"Budget".into())
    );
    assert_eq!(summary["actions"][0]["agenda_item"], summary["agenda"][0]["id"]);
    assert_eq!(summary["decisions"][0]["agenda_item"], summary["agenda"][0]["id"]);
    assert_eq!(gateway.bed.count("artifacts WHERE version = 2 OR kind = 'summary'"), 4);

    let erased = Audit::MeetingErased { records: 9, by: Actor::Panel { id: None } };
    let record = device.write(Body::Audit(erased), Erasables::default());
    gateway.send(&device, Stream::Audit, &[record]).await;
    let late = device.says(303, Some(person(1)), "a late secret");
    gateway.send(&device, Stream::Utterance, &[late]).await;
    assert_eq!(gateway.bed.count("records WHERE erasable IS NOT NULL"), 0);
    assert_eq!(gateway.bed.count("utterances WHERE coalesce(text, partly, unsaid) IS NOT NULL"), 0);
    assert!(worker::make(&pool, store.as_ref(), &org, &id).await.unwrap());
    for name in ["transcript.md", "transcript.vtt", "transcript.srt", "summary.json"] {
        let text = read(name);
        for word in ["Friday", "Monday", "secret", "Ana", "Weekly"] {
            assert!(!text.contains(word), "{word} in {name}");
        }
    }
    let wish = Wish::Meeting(device.meeting);
    let (_, report) = exported(&mut gateway, &device, &wish, &[device.key.public()]).await;
    assert!(report.unwrap().erased > 0, "an erased chain still verifies");
}

async fn exported(
    gateway: &mut Gateway,
    device: &Device,
    wish: &Wish,
    trusted: &[PublicKey],
) -> (String, Result<prim_proto::export::Report, prim_proto::export::VerifyError>) {
    let path = gateway.bed.folder.path().join("export.jsonl");
    export(&gateway.bed.database, wish, &"gw-1".parse().unwrap(), &gateway.key, &path).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let mut keys = KeySet::default();
    for key in trusted {
        keys.trust_device(device.address.clone(), key.of_device());
    }
    keys.trust_gateway("gw-1".parse().unwrap(), gateway.key.public().of_gateway());
    let report = prim_proto::export::verify(text.as_bytes(), &keys);
    (text, report)
}

#[tokio::test]
async fn an_export_verifies_with_public_keys_alone_and_over_a_rotated_key() {
    let mut gateway = Gateway::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    let first_key = device.key.public();
    let [audit, words, _] = meeting(&mut device);
    gateway.send(&device, Stream::Audit, &audit.1[..4]).await;
    gateway.send(&device, Stream::Audit, &audit.1[4..]).await;
    gateway.send(&device, Stream::Utterance, &words.1).await;
    let wish = Wish::Device { device: device.address.clone(), stream: Stream::Audit, epoch: None };
    let (text, report) = exported(&mut gateway, &device, &wish, &[first_key]).await;
    let report = report.unwrap();
    assert_eq!((report.records, report.heads), (audit.1.len() as u64, 2));
    assert!(text.contains("Weekly plan"));
    let (text, report) =
        exported(&mut gateway, &device, &wish, &[AuditKey::from_seed([5; 32]).public()]).await;
    assert_eq!(report.unwrap_err().name(), "foreign-key");
    let cut: String = text.lines().take(text.lines().count() - 1).map(|line| format!("{line}\n")).collect();
    let mut keys = KeySet::default();
    keys.trust_device(device.address.clone(), first_key.of_device());
    keys.trust_gateway("gw-1".parse().unwrap(), gateway.key.public().of_gateway());
    assert_eq!(prim_proto::export::verify(cut.as_bytes(), &keys).unwrap_err().name(), "cut-tail");

    // The new key signs the batch that brings it; the old one consents inside the record.
    let new = AuditKey::from_seed([77; 32]);
    let rotation = device.key.rotate_to(&device.address, new.public());
    let record = device.write(Body::Audit(Audit::KeyRotated { rotation }), Erasables::default());
    device.key = AuditKey::from_seed([77; 32]);
    let done = gateway.send(&device, Stream::Audit, &[record]).await;
    assert!(done.rotated);
    let more = device.audits(3);
    gateway.send(&device, Stream::Audit, &more).await;
    let old_hand = device
        .batch_signed(Stream::Audit, &device.audits_again(&more), &AuditKey::from_seed([1; 32]))
        .encode();
    assert_eq!(gateway.check(&device, Stream::Audit, &old_hand).await.unwrap_err().reason, "foreign_key");
    let (text, report) = exported(&mut gateway, &device, &wish, &[first_key]).await;
    let report = report.unwrap();
    let keys: Vec<&str> = text.lines().filter(|line| line.starts_with("{\"key\"")).collect();
    assert!(keys.len() == 2 && keys[0].contains("\"from_seq\":1,"), "{keys:?}");
    assert_eq!((report.rotations, report.records), (1, audit.1.len() as u64 + 4));
    // No record in the other streams says that the key changed: the old key's consent does, from the first new head.
    let late = device.says(303, None, "after the change");
    gateway.send(&device, Stream::Utterance, &[late]).await;
    let words_wish = Wish::Device { device: device.address.clone(), stream: Stream::Utterance, epoch: None };
    for trusted in [&[first_key][..], &[new.public()], &[first_key, new.public()]] {
        let (_, report) = exported(&mut gateway, &device, &words_wish, trusted).await;
        match (report, trusted.contains(&first_key)) {
            (Ok(report), true) => assert_eq!(report.records, words.1.len() as u64 + 1),
            (Err(error), false) => assert_eq!(error.name(), "foreign-key"),
            (report, _) => panic!("{trusted:?}: {report:?}"),
        }
    }
    // A meeting's export ends at a signed head, and shows no other meeting's words.
    let (_, report) = exported(&mut gateway, &device, &Wish::Meeting(device.meeting), &[first_key]).await;
    report.unwrap();
}

#[tokio::test]
async fn a_value_postgres_cannot_hold_spoils_only_its_own_meaning() {
    let mut gateway = Gateway::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    // An agenda item that breaks a constraint nobody thought of.
    gateway.bed.text("ALTER TABLE agenda_items ADD CHECK (planned_ms < 1000)");
    let (title, e) = sealed(&[("title", "x")]);
    let item = Audit::AgendaItem {
        item: AgendaItemId::from_u128(1),
        position: 0,
        title: title[0],
        planned_ms: 5000,
    };
    let records = [device.write(Body::Audit(item), e)];
    let checked = gateway.checked(&device, Stream::Audit, &records).await;
    let error = gateway.store.commit(std::slice::from_ref(&checked), Depth::Full).await.unwrap_err();
    assert!(matches!(error, ingest::CommitError::Poison { .. }), "{error:?}");
    assert_eq!(gateway.bed.count("records"), 0, "all or nothing");
    let done = gateway.store.commit(&[checked], Depth::BytesOnly).await.unwrap().remove(0);
    assert_eq!(done.ack.through_seq, 1);
    assert_eq!(done.ack.rejected[0].reason.as_str(), "refused_value");
    assert_eq!(gateway.bed.text("SELECT status FROM records"), "rejected");
}

#[tokio::test]
async fn two_gateways_writing_the_same_stream_store_it_once() {
    let mut gateway = Gateway::open().await;
    let mut second =
        Store::new(gateway.bed.database.clone(), "gw-2".parse().unwrap(), AuditKey::from_seed([201; 32]));
    let mut device = Device::new("acme/huddle-1", 1);
    let all = device.audits(200);
    let mut batches = Vec::new();
    for chunk in all.chunks(20) {
        batches.push(Arc::new(gateway.checked(&device, Stream::Audit, chunk).await));
    }
    for batch in &batches {
        let group = [Checked::clone(batch)];
        let (one, two) =
            tokio::join!(gateway.store.commit(&group, Depth::Full), second.commit(&group, Depth::Full));
        assert_eq!(one.unwrap()[0].stored + two.unwrap()[0].stored, 20);
    }
    assert_eq!(gateway.bed.count("records"), 200);
    assert_eq!(gateway.bed.text("SELECT seq FROM cursors"), "200");
}

#[test]
fn a_batch_reads_back_what_was_sent() {
    let mut device = Device::new("acme/huddle-1", 1);
    let records = device.audits(2);
    let batch = device.batch(Stream::Audit, &records);
    assert_eq!(Batch::read(&batch.encode()).unwrap(), batch);
}
