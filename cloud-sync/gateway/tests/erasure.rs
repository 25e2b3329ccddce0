//! An erased meeting's words are nowhere in Postgres, in whatever order its batches and its erasure arrive.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends where it stands")]

mod common;

use common::device::{Device, sealed};
use common::{Bed, enrol, furnished};
use prim_gateway::ingest::{self, Checked, CommitError, Depth, Registry, Store};
use prim_ids::{AgendaItemId, EpochId, MeetingId, NoteId, Stream};
use prim_proto::{Actor, Audit, AuditKey, Body, ChainFields, Erasables, Note, Placed, link};

/// Stands in every word that is said in these meetings.
const WORD: &str = "xyzzy";

struct Site {
    bed: Bed,
    gateways: [Store; 2],
    registry: Registry,
}

impl Site {
    async fn open() -> Self {
        let bed = furnished().await;
        let gateway = |name: &str, key| {
            Store::new(bed.database.clone(), name.parse().unwrap(), AuditKey::from_seed([key; 32]))
        };
        let gateways = [gateway("gw-1", 200), gateway("gw-2", 201)];
        Self { bed, gateways, registry: Registry::default() }
    }

    async fn checked(&mut self, device: &Device, (stream, records): &(Stream, Vec<Placed>)) -> Checked {
        let connection = self.gateways[0].connection().await.unwrap();
        let known = self.registry.get(connection, &device.address).await.unwrap().unwrap();
        let payload = device.batch(*stream, records).encode();
        ingest::check(&device.topic(*stream), &payload, &known).unwrap()
    }

    /// The tables in which a word of these meetings stands, and how often.
    fn words(&self) -> Vec<String> {
        let tables = self.bed.text(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = 'public' AND c.relkind = 'r'",
        );
        let hex: String = WORD.bytes().map(|byte| format!("{byte:02x}")).collect();
        let found = |table: &str| {
            self.bed.count(&format!("{table} AS t WHERE t::text LIKE '%{WORD}%' OR t::text LIKE '%{hex}%'"))
        };
        tables.lines().filter(|table| found(table) > 0).map(str::to_owned).collect()
    }
}

/// A meeting's batches: its beginning, its erasure, what was said, a note, and a copy of the device that says otherwise.
fn batches(device: &mut Device) -> Vec<(Stream, Vec<Placed>)> {
    let beginning = {
        let (title, e) = sealed(&[("title", WORD)]);
        let item = Audit::AgendaItem {
            item: AgendaItemId::from_u128(1),
            position: 0,
            title: title[0],
            planned_ms: 5,
        };
        device.write(Body::Audit(item), e)
    };
    let erased = Audit::MeetingErased { records: 9, by: Actor::Panel { id: None } };
    let erased = device.write(Body::Audit(erased), Erasables::default());
    let mut fork = Device::new(&device.address.to_string(), 1);
    (fork.epoch, fork.meeting) = (device.epoch, device.meeting);
    let mut other: Vec<Placed> =
        (7..10).map(|id| fork.says(id, None, &format!("{WORD} of the copy"))).collect();
    let last = other.pop().unwrap();
    other.push(nameless(last));
    let said = vec![device.says(1, None, WORD), newer(device.says(2, None, WORD))];
    let mut note = |id| {
        let (text, e) = sealed(&[("text", WORD)]);
        let note = Note::Noted {
            id: NoteId::from_u128(id),
            supersedes: None,
            item: None,
            utterances: Vec::new(),
            text: text[0],
            by: Actor::Panel { id: None },
        };
        device.write(Body::Note(note), e)
    };
    let notes = vec![note(1), nameless(note(2))];
    vec![
        (Stream::Audit, vec![beginning]),
        (Stream::Audit, vec![erased]),
        (Stream::Utterance, said),
        (Stream::Note, notes),
        (Stream::Utterance, other),
    ]
}

/// The same record with a meeting that nobody can read.
fn nameless(placed: Placed) -> Placed {
    let at = placed.raw.find("\"meeting\":\"").unwrap() + "\"meeting\":".len();
    let mut raw = placed.raw.clone();
    raw.replace_range(at..at + 28, "[\"of the twentieth century\"]");
    let prev = ChainFields::of(&raw).unwrap().prev;
    Placed { hash: link(prev, raw.as_bytes()), raw, ..placed }
}

/// The same record as a later version of this program would write it: stored, but not understood.
fn newer(placed: Placed) -> Placed {
    let raw = placed.raw.replacen("\"v\":1", "\"v\":9", 1);
    assert_ne!(raw, placed.raw);
    let prev = ChainFields::of(&raw).unwrap().prev;
    Placed { hash: link(prev, raw.as_bytes()), raw, ..placed }
}

fn orders(of: usize) -> Vec<Vec<usize>> {
    if of == 0 {
        return vec![Vec::new()];
    }
    let insert = |order: Vec<usize>| {
        (0..of).map(move |place| {
            let mut longer = order.clone();
            longer.insert(place, of - 1);
            longer
        })
    };
    orders(of - 1).into_iter().flat_map(insert).collect()
}

/// How a case's batches are put into transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    OneByOne,
    OneTransaction,
    TwoGateways,
}

async fn arrive(site: &mut Site, batches: &[Checked], how: Arrival) {
    let [one, two] = &mut site.gateways;
    match how {
        Arrival::OneByOne => {
            for batch in batches {
                one.commit(std::slice::from_ref(batch), Depth::Full).await.unwrap();
            }
        }
        Arrival::OneTransaction => {
            one.commit(batches, Depth::Full).await.unwrap();
        }
        Arrival::TwoGateways => {
            for pair in batches.chunks(2) {
                let (left, right) = pair.split_at(1);
                let (left, right) = tokio::join!(again(one, left), again(two, right));
                left.unwrap();
                right.unwrap();
            }
        }
    }
}

/// Two gateways that met in one row: the one that Postgres sent away tries again, as the delivery does.
async fn again(store: &mut Store, batches: &[Checked]) -> Result<(), CommitError> {
    let mut last = Ok(());
    for _ in 0..5 {
        last = store.commit(batches, Depth::Full).await.map(drop);
        if !matches!(last, Err(CommitError::Away { .. })) {
            break;
        }
    }
    last
}

#[tokio::test]
async fn no_order_of_arrival_leaves_a_word_of_an_erased_meeting() {
    let mut site = Site::open().await;
    for how in [Arrival::OneByOne, Arrival::OneTransaction, Arrival::TwoGateways] {
        // Every order for itself; every third in the others, where it is the company that counts.
        let step = if how == Arrival::OneByOne { 1 } else { 3 };
        for (number, order) in (1_u128..).zip(orders(5)).step_by(step) {
            // A device of its own: with a meeting erased, it would keep no nameless words from the beginning.
            let case = number * 4 + how as u128;
            let name = format!("case-{case}");
            enrol(&site.bed.database, "acme", &name, &AuditKey::from_seed([1; 32])).await;
            let mut device = Device::new(&format!("acme/{name}"), 1);
            device.epoch = EpochId::from_u128(0x0193 << 112 | case);
            device.meeting = MeetingId::from_u128(0x0193 << 112 | case);
            let batches = batches(&mut device);
            let mut checked = Vec::new();
            for index in &order {
                checked.push(site.checked(&device, &batches[*index]).await);
            }
            arrive(&mut site, &checked, how).await;
            // What waited for what was before it, and what was under way twice.
            arrive(&mut site, &checked, Arrival::OneByOne).await;
            arrive(&mut site, &checked, Arrival::OneByOne).await;
        }
        assert_eq!(site.words(), Vec::<String>::new(), "{how:?}");
    }
    // It was all there: only the words are not.
    assert_eq!(site.bed.count("meetings WHERE erased_at IS NULL"), 0);
    assert_eq!(
        site.bed.count("(SELECT DISTINCT meeting_id FROM records WHERE meeting_id IS NOT NULL) AS d"),
        200
    );
    let rejected_notes =
        "records r JOIN cursors c ON c.id = r.cursor_id WHERE c.stream = 'note' AND r.status = 'rejected'";
    assert_eq!(site.bed.count(rejected_notes), 200);
    assert!(site.bed.count("quarantine WHERE meeting_id IS NULL") > 0);
    assert!(site.bed.count("quarantine") > 0 && site.bed.count("records WHERE status = 'parked'") > 0);
}

#[tokio::test]
async fn an_erasure_beside_a_value_that_postgres_refuses_is_carried_out_all_the_same() {
    let mut site = Site::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    let all = batches(&mut device);
    let said = site.checked(&device, &all[2]).await;
    site.gateways[0].commit(&[said], Depth::Full).await.unwrap();
    assert!(!site.words().is_empty(), "the words are there to be erased");
    site.bed.text("ALTER TABLE agenda_items ADD CHECK (planned_ms < 1)");
    let audit = (Stream::Audit, [all[0].1.clone(), all[1].1.clone()].concat());
    let group = [site.checked(&device, &audit).await];
    let refused = site.gateways[0].commit(&group, Depth::Full).await.unwrap_err();
    assert!(matches!(refused, CommitError::Poison { .. }), "{refused:?}");
    site.gateways[0].commit(&group, Depth::BytesOnly).await.unwrap();
    assert_eq!(site.words(), Vec::<String>::new());
}

#[tokio::test]
async fn words_whose_meeting_cannot_be_read_are_kept_until_a_meeting_of_their_device_is_erased() {
    let mut site = Site::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    let mut rival = Device::new("rival/huddle-1", 2);
    let said =
        |device: &mut Device| vec![device.says(1, None, "plain"), nameless(device.says(2, None, WORD))];
    let (ours, theirs) = ((Stream::Utterance, said(&mut device)), (Stream::Utterance, said(&mut rival)));
    let (first, second) = (site.checked(&device, &ours).await, site.checked(&rival, &theirs).await);
    let done = site.gateways[0].commit(&[first, second], Depth::Full).await.unwrap();
    assert_eq!(done[0].ack.rejected[0].reason.as_str(), "malformed");
    let kept = "records WHERE erasable LIKE '%xyzzy%'";
    assert_eq!(site.bed.count(kept), 2, "nothing is lost while nobody erases");

    // Another meeting of the device is erased: the nameless words could be its.
    device.meeting = MeetingId::from_u128(0x0194 << 112);
    let erased = Audit::MeetingErased { records: 0, by: Actor::Panel { id: None } };
    let order = (Stream::Audit, vec![device.write(Body::Audit(erased), Erasables::default())]);
    let order = site.checked(&device, &order).await;
    site.gateways[0].commit(&[order], Depth::Full).await.unwrap();
    assert_eq!(site.bed.count(kept), 1, "the other device's stay");
    assert_eq!(
        site.bed.count("records WHERE erasable LIKE '%plain%'"),
        2,
        "and so do words of a known meeting"
    );
    assert_eq!(site.bed.count("records WHERE status = 'rejected'"), 2, "the records themselves stay");

    // What comes later is kept without its words, from that device alone.
    device.meeting = MeetingId::from_u128(0x0195 << 112);
    let late = |device: &mut Device| {
        let (text, e) = sealed(&[("text", WORD)]);
        let note = Note::Noted {
            id: NoteId::from_u128(7),
            supersedes: None,
            item: None,
            utterances: Vec::new(),
            text: text[0],
            by: Actor::Panel { id: None },
        };
        (Stream::Note, vec![nameless(device.write(Body::Note(note), e))])
    };
    let (ours, theirs) = (late(&mut device), late(&mut rival));
    let group = [site.checked(&device, &ours).await, site.checked(&rival, &theirs).await];
    site.gateways[1].commit(&group, Depth::Full).await.unwrap();
    assert_eq!(site.bed.count(kept), 2);
    assert_eq!(site.bed.count("records WHERE status = 'rejected'"), 4);
}
