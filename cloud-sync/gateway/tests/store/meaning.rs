//! What the records of a meeting mean, and the files made of them.

use prim_gateway::db::Role;
use prim_gateway::export::Wish;
use prim_gateway::worker;
use prim_ids::{ActionId, AgendaItemId, DecisionId, NoteId, ParticipantId, RequestId, Stream, UtteranceId};
use prim_proto::{
    ActionStatus, Actor, Audit, Body, ConsentAnswer, DingPlace, Erasables, Note, Placed, PolicyMode,
    SilenceCause, Where,
};

use crate::Gateway;
use crate::common::device::{Device, code, sealed};
use crate::exports::exported;

fn person(n: u128) -> ParticipantId {
    ParticipantId::from_u128(n)
}

/// A small meeting over three streams.
pub(crate) fn meeting(device: &mut Device) -> [(Stream, Vec<Placed>); 3] {
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
            ") One minute over. (Prim fell silent because somebody began to talk. Heard in part: “Shall we go on?” Not \
             said: “Or wait?”)"
        ) && read("transcript.md").contains("**Prim (AI)** (")
    );
    assert!(!read("transcript.md").contains("Never heard"));
    gateway.send(&device, words.0, &words.1).await;
    assert!(worker::make(&pool, store.as_ref(), &org, &id).await.unwrap(), "late words make them anew");
    for name in ["transcript.md", "transcript.vtt", "transcript.srt"] {
        assert!(read(name).contains("We ship on Friday"), "{name}");
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
