//! One of everything, always the same: what the golden files hold, and an export to tamper with.

#![allow(dead_code, reason = "each test binary uses its own part")]

use prim_ids::*;
use prim_proto::export::{HeadList, KeyLine, Line, Range, RecordLine};
use prim_proto::*;

pub(crate) fn code(text: &str) -> Code {
    text.parse().unwrap()
}

pub(crate) fn device() -> DeviceAddress {
    "acme/room-1".parse().unwrap()
}

pub(crate) fn device_key() -> AuditKey {
    AuditKey::from_seed([1; 32])
}

pub(crate) fn next_device_key() -> AuditKey {
    AuditKey::from_seed([2; 32])
}

pub(crate) fn gateway_key() -> AuditKey {
    AuditKey::from_seed([3; 32])
}

pub(crate) fn gateway() -> InstanceName {
    "gw-1".parse().unwrap()
}

pub(crate) fn keys() -> KeySet {
    let mut keys = KeySet::default();
    keys.trust_device(device(), device_key().public().of_device());
    keys.trust_gateway(gateway(), gateway_key().public().of_gateway());
    keys
}

pub(crate) fn meeting() -> MeetingId {
    MeetingId::from_u128(0x0190_0000_0000_0000_0000_0000_0000_0001)
}

fn person() -> ParticipantId {
    ParticipantId::from_u128(0x0190_0000_0000_0000_0000_0000_0000_0002)
}

fn request() -> RequestId {
    RequestId::from_u128(3)
}

fn item() -> AgendaItemId {
    AgendaItemId::from_u128(4)
}

fn heard() -> UtteranceId {
    UtteranceId::from_u128(5)
}

pub(crate) fn epoch() -> EpochId {
    EpochId::from_u128(6)
}

fn boot() -> BootId {
    BootId::from_u128(7)
}

/// Seals the value of a field.
type Seal<'a> = dyn FnMut(&str, &str) -> Sealed + 'a;

/// Every body of every stream, with its erasable values.
pub(crate) fn bodies() -> Vec<(Stream, Body, Erasables)> {
    let mut all: Vec<(Stream, Body, Erasables)> = Vec::new();
    let mut add = |make: &dyn Fn(&mut Seal<'_>) -> Body| {
        let mut sealer = Sealer::default();
        let mut n = 0;
        let body = make(&mut |field, value| {
            n += 1;
            sealer.seal(field, Salt([n; 16]), value)
        });
        all.push((body.stream().unwrap_or(Stream::Metric), body, sealer.finish()));
    };
    let by = Actor::Person { id: person() };
    let (request, item, participant) = (request(), item(), person());

    add(&|seal| {
        Body::Audit(Audit::MeetingStarted {
            title: seal("title", "Budget \"2027\""),
            mode: PolicyMode::ProactiveTimekeeper,
            ding: DingPlace::Room,
        })
    });
    add(&|_| Body::Audit(Audit::MeetingEnded { duration_ms: 180_000 }));
    add(&|seal| {
        Body::Audit(Audit::ParticipantPlanned {
            participant,
            name: seal("name", "Ana Núñez"),
            place: Where::Remote,
            role: Role::Host,
        })
    });
    add(&|seal| {
        Body::Audit(Audit::ParticipantJoined {
            participant,
            name: seal("name", "Ana Núñez"),
            place: Where::Room,
            role: Role::Host,
        })
    });
    add(&|_| Body::Audit(Audit::ParticipantLeft { participant }));
    add(&|_| {
        Body::Audit(Audit::ConsentAnswered {
            participant: Some(participant),
            answer: ConsentAnswer::Yes,
            ear: Some(Ear::Room),
            way: code("for_the_room"),
            by: Actor::UnknownVoice,
            utterance: None,
        })
    });
    add(&|_| Body::Audit(Audit::ConsentChanged { storing: true, room: true, remote: false }));
    add(&|_| Body::Audit(Audit::ModeChanged { mode: PolicyMode::CoachOnly, by: Actor::Panel { id: None } }));
    add(&|_| Body::Audit(Audit::DingChanged { place: DingPlace::Off, by }));
    add(&|_| Body::Audit(Audit::Addressed { command: Some(code("time_left")), participant: None }));
    add(&|seal| {
        Body::Audit(Audit::FloorRequested {
            request,
            reason: code("timebox_over"),
            evidence: Some(seal("evidence", "planned_ms=60000 spent_ms=61000")),
            utterance: Some(heard()),
            by: Actor::Prim,
        })
    });
    add(&|_| Body::Audit(Audit::FloorVerdict { request, verdict: Verdict::Ask, reason: code("must_ask") }));
    add(&|_| {
        Body::Audit(Audit::FloorDingIntended {
            request,
            place: DingPlace::Room,
            silence_ms: 700,
            waited_for: vec![WaitedFor { ear: Ear::Remote, participant: Some(participant) }],
        })
    });
    add(&|_| Body::Audit(Audit::FloorDinged { request }));
    add(&|_| Body::Audit(Audit::FloorAllowed { request, by: Actor::Button, waited_ms: 4_200 }));
    add(&|_| Body::Audit(Audit::FloorDeclined { request, by }));
    add(&|_| Body::Audit(Audit::FloorWithdrawn { request, reason: code("moot") }));
    add(&|_| Body::Audit(Audit::FloorCarded { request, reason: code("no_gap") }));
    add(&|_| Body::Audit(Audit::FloorExpired { request, reason: code("unanswered") }));
    add(&|_| Body::Audit(Audit::FloorStopped { request: None, by: Actor::UnknownVoice }));
    add(&|_| Body::Audit(Audit::FloorServed { request, by: Actor::Policy }));
    add(&|seal| {
        Body::Audit(Audit::SayIntended {
            say: 1,
            request: Some(request),
            permission: code("button"),
            planned_ms: 3_100,
            waited_ms: 1_400,
            waited_for: vec![WaitedFor { ear: Ear::Room, participant: None }],
            text: seal("text", "Budget has used its two minutes."),
        })
    });
    add(&|_| Body::Audit(Audit::SayStarted { say: 1 }));
    add(&|_| Body::Audit(Audit::SayFinished { say: 1, spoken_ms: 3_080 }));
    add(&|seal| {
        Body::Audit(Audit::SaySilenced {
            say: 2,
            cause: SilenceCause::BargeIn,
            spoken_ms: 900,
            cut_clause: Some(1),
            cut_played_ms: Some(200),
            partly: Some(seal("partly", "Budget has used its time.")),
            unsaid: Some(seal("unsaid", "Shall we go on?")),
        })
    });
    add(&|seal| {
        Body::Audit(Audit::CardShown {
            to: CardAudience::Person { id: participant },
            what: code("whole_answer"),
            reason: Some(code("too_long")),
            unsaid: Some(seal("unsaid", "Three actions are open.")),
        })
    });
    add(&|_| Body::Audit(Audit::NotNoted { what: code("note"), reason: code("no_consent") }));
    add(&|_| Body::Audit(Audit::Button { gesture: code("meant"), effect: code("allow"), held_ms: 240 }));
    add(&|_| Body::Audit(Audit::Mute { which: MuteKind::Soft, on: true, by: Actor::Button }));
    add(&|_| {
        Body::Audit(Audit::PeripheralChanged {
            which: Peripheral::Light,
            state: PeripheralState::Degraded,
            reason: Some(code("no_answer")),
        })
    });
    add(&|seal| {
        Body::Audit(Audit::AgendaItem {
            item,
            position: 1,
            title: seal("title", "Hiring"),
            planned_ms: 60_000,
        })
    });
    add(&|_| {
        Body::Audit(Audit::Timebox {
            item,
            moved: code("ended"),
            planned_ms: 60_000,
            spent_ms: 61_500,
            left_ms: None,
            by: Actor::Prim,
        })
    });
    add(&|_| Body::Audit(Audit::Drift { item, away: true, towards: None, utterances: vec![heard()] }));
    add(&|_| Body::Audit(Audit::ResetOrdered { by: Actor::Button }));
    add(&|_| {
        Body::Audit(Audit::KeyRotated {
            rotation: device_key().rotate_to(&device(), next_device_key().public()),
        })
    });
    add(&|_| Body::Audit(Audit::ClockOffset { offset_ms: -1_500, source: code("ntp") }));
    add(&|_| Body::Audit(Audit::MeetingErased { records: 41, by }));
    add(&|_| Body::Audit(Audit::Daemon { state: code("started") }));

    add(&|seal| {
        Body::Utterance(Utterance::Heard {
            id: heard(),
            participant: Some(participant),
            ear: Ear::Room,
            bearing_centideg: Some(12_050),
            speaker_label: Some(2),
            started_ms: MonoTime::from_millis(1_000),
            ended_ms: MonoTime::from_millis(2_400),
            text: seal("text", "we have decided to hire two people"),
            confidence_permille: Some(812),
            policy: None,
        })
    });
    add(&|seal| {
        Body::Utterance(Utterance::Revised {
            id: heard(),
            participant: None,
            text: seal("text", "we decided to hire two people"),
            confidence_permille: None,
        })
    });

    add(&|seal| {
        Body::Note(Note::Noted {
            id: NoteId::from_u128(8),
            supersedes: None,
            item: Some(item),
            utterances: vec![heard()],
            text: seal("text", "check the lease"),
            by,
        })
    });
    add(&|seal| {
        Body::Note(Note::Decided {
            id: DecisionId::from_u128(9),
            supersedes: Some(DecisionId::from_u128(8)),
            item: None,
            utterances: vec![],
            title: seal("title", "hire two people"),
            text: None,
            by,
        })
    });
    add(&|seal| {
        Body::Note(Note::ActionTaken {
            id: ActionId::from_u128(10),
            supersedes: None,
            item: Some(item),
            utterances: vec![heard()],
            title: seal("title", "post the jobs"),
            text: Some(seal("text", "due: Friday")),
            owner: Some(participant),
            due: Day::from_ymd(2026, 12, 4),
            status: ActionStatus::Open,
            by,
        })
    });
    add(&|_| Body::Note(Note::NoteWithdrawn { id: NoteId::from_u128(8), by }));
    add(&|_| Body::Note(Note::DecisionWithdrawn { id: DecisionId::from_u128(9), by }));
    add(&|_| Body::Note(Note::ActionWithdrawn { id: ActionId::from_u128(10), by }));

    add(&|_| Body::Event(Event::DeviceStarted { version: code("0.1.0") }));
    add(&|_| Body::Event(Event::DeviceStopped { reason: code("asked") }));
    add(&|_| {
        Body::Event(Event::DevicePeripheral {
            which: Peripheral::Mic,
            state: PeripheralState::Up,
            reason: None,
        })
    });
    add(&|_| Body::Event(Event::AudioOverrun { lost_frames: 480 }));
    add(&|_| Body::Event(Event::SpoolState { state: code("reserve"), queued_bytes: 1 << 30 }));
    add(&|_| Body::Event(Event::Link { up: false, reason: Some(code("timeout")) }));

    add(&|_| {
        Body::Usage(Usage::Session { participant, duration_ms: 180_000, heard_ms: 95_000, spoken_ms: 9_000 })
    });
    add(&|_| {
        Body::Usage(Usage::Model { model: code("flite-rms"), tokens_in: 0, tokens_out: 0, audio_ms: 9_000 })
    });

    add(&|_| Body::Metric(Metric::Reading { name: code("front_end_cpu_permille"), value: 61 }));
    add(&|_| {
        Body::Metric(Metric::Summary {
            name: code("first_partial_ms"),
            count: 30,
            p50: 310,
            p95: 480,
            max: 512,
        })
    });
    add(&|_| {
        Body::Hole(Hole {
            from: 3,
            to: 9,
            reason: HoleReason::QuotaBytes,
            before: Hash([4; 32]),
            last: Hash([5; 32]),
        })
    });
    all
}

pub(crate) fn draft(stream: Stream, at: u64, body: Body, erasables: Erasables) -> Draft {
    let DeviceAddress { org, device } = device();
    Draft {
        org,
        device,
        boot: boot(),
        stream,
        at: MonoTime::from_millis(at),
        wall: Some(WallTime::from_unix_millis(1_795_000_000_000 + at as i64)),
        wall_synced: true,
        meeting: Some(meeting()),
        body,
        erasables,
    }
}

/// A chain in which every body of `stream` stands once.
pub(crate) fn chain(stream: Stream) -> Vec<Placed> {
    let bodies = bodies().into_iter().filter(|(s, ..)| *s == stream);
    link_up(bodies.enumerate().map(|(i, (_, body, erasables))| draft(stream, 10 * i as u64, body, erasables)))
}

pub(crate) fn link_up(drafts: impl IntoIterator<Item = Draft>) -> Vec<Placed> {
    let mut prev = Hash::ZERO;
    let mut placed = Vec::new();
    for (i, draft) in drafts.into_iter().enumerate() {
        let record = draft.place(epoch(), i as u64 + 1, prev);
        prev = record.hash;
        placed.push(record);
    }
    placed
}

pub(crate) fn head(stream: Stream, seq: u64, hash: Hash, key: &AuditKey) -> SignedHead {
    let DeviceAddress { org, device } = device();
    let at_mono_ms = MonoTime::from_millis(99_000);
    Head { v: 1, org, device, boot: boot(), stream, epoch: epoch(), seq, hash, at_mono_ms }.sign(key)
}

pub(crate) fn batch(stream: Stream, rows: &[Placed], key: &AuditKey) -> Batch {
    let DeviceAddress { org, device } = device();
    let first = ChainFields::of(&rows[0].raw).unwrap().seq;
    let last = rows.last().unwrap();
    BatchContents {
        v: 1,
        org,
        device,
        boot: boot(),
        stream,
        epoch: epoch(),
        seq: first,
        sent_at_mono_ms: MonoTime::from_millis(99_000),
        sent_at_wall_ms: Some(WallTime::from_unix_millis(1_795_000_099_000)),
        rows: rows.iter().map(|row| BatchRow { r: row.raw.clone(), e: row.erasables.clone() }).collect(),
        head: head(stream, ChainFields::of(&last.raw).unwrap().seq, last.hash, key),
    }
    .sign(key)
    .unwrap()
}

/// An export in parts, so that a test can tamper with one and put it together again.
#[derive(Debug, Clone)]
pub(crate) struct Export {
    pub(crate) range: Range,
    pub(crate) keys: Vec<KeyLine>,
    pub(crate) heads: Vec<CounterSigned>,
    pub(crate) records: Vec<RecordLine>,
}

pub(crate) fn counter(head: SignedHead) -> CounterSigned {
    head.counter_sign(gateway(), WallTime::from_unix_millis(1_795_000_100_000), &gateway_key())
}

/// An honest export of `records` with one head at its end.
pub(crate) fn export_of(records: &[Placed], key: &AuditKey) -> Export {
    let DeviceAddress { org, device } = device();
    let first = ChainFields::of(&records[0].raw).unwrap();
    let last = records.last().unwrap();
    let to = ChainFields::of(&last.raw).unwrap().seq;
    Export {
        range: Range {
            v: 1,
            org,
            device,
            stream: first.stream,
            epoch: epoch(),
            from: first.seq,
            to,
            before: first.prev,
            head: last.hash,
            keys: Vec::new(),
            heads: HeadList::of(&[]),
            at_wall_ms: WallTime::from_unix_millis(1_795_000_200_000),
            gateway: gateway(),
        },
        keys: vec![KeyLine { key: device_key().public().of_device(), from_seq: 1, rotation: None }],
        heads: vec![counter(head(first.stream, to, last.hash, key))],
        records: records
            .iter()
            .map(|row| RecordLine { r: row.raw.clone(), h: row.hash, e: row.erasables.clone() })
            .collect(),
    }
}

/// `n` button presses and joinings; nothing that changes keys.
pub(crate) fn plain_chain(n: u64) -> Vec<Placed> {
    link_up((0..n).map(|i| {
        let mut sealer = Sealer::default();
        let body = if i % 2 == 0 {
            Body::Audit(Audit::Button { gesture: code("meant"), effect: code("allow"), held_ms: i })
        } else {
            let name = sealer.seal("name", Salt([i as u8; 16]), "Ana");
            Body::Audit(Audit::ParticipantJoined {
                participant: person(),
                name,
                place: Where::Room,
                role: Role::Member,
            })
        };
        draft(Stream::Audit, i, body, sealer.finish())
    }))
}

impl Export {
    /// The file, as a gateway that signs all of it writes it.
    pub(crate) fn text(&self) -> String {
        self.text_signed_by(&gateway_key())
    }

    /// The file, with an opening by `key`.
    pub(crate) fn text_signed_by(&self, key: &AuditKey) -> String {
        let keys = self.keys.iter().map(KeyLine::digest).collect();
        let mut lines =
            vec![Range { keys, heads: HeadList::of(&self.heads), ..self.range.clone() }.sign(key).encode()];
        lines.extend(self.keys.iter().map(|key| Line::Key(key.clone()).encode()));
        lines.extend(self.heads.iter().map(|head| Line::Head(head.clone()).encode()));
        lines.extend(self.records.iter().map(|record| Line::Record(record.clone()).encode()));
        lines.join("\n") + "\n"
    }
}

/// Ten records, the sixth of which hands over to the next key; a head by each key.
pub(crate) fn rotated() -> Export {
    let drafts = (0..10).map(|i| {
        let body = if i == 5 {
            Audit::KeyRotated { rotation: device_key().rotate_to(&device(), next_device_key().public()) }
        } else {
            Audit::SayStarted { say: i }
        };
        draft(Stream::Audit, i, Body::Audit(body), Erasables::default())
    });
    let records = link_up(drafts);
    let mut export = export_of(&records, &next_device_key());
    export.heads.insert(0, counter(head(Stream::Audit, 4, records[3].hash, &device_key())));
    let rotation = Some(device_key().rotate_to(&device(), next_device_key().public()));
    export.keys.push(KeyLine { key: next_device_key().public().of_device(), from_seq: 6, rotation });
    export
}
