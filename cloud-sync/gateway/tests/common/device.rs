//! A device without a daemon: chains, batches, signatures.

use std::collections::HashMap;

use prim_ids::{BootId, EpochId, MeetingId, MonoTime, ParticipantId, Stream, UtteranceId, WallTime};
use prim_proto::{
    AuditKey, Batch, BatchContents, BatchRow, Body, Code, DeviceAddress, Draft, Ear, Erasables, Hash, Head,
    Placed, Salt, Sealer, Topic, Utterance,
};

pub const WALL: i64 = 1_795_000_000_000;

pub struct Device {
    pub address: DeviceAddress,
    pub key: AuditKey,
    pub epoch: EpochId,
    pub boot: BootId,
    pub meeting: MeetingId,
    tips: HashMap<Stream, (u64, Hash)>,
    now: u64,
}

impl Device {
    pub fn new(name: &str, key: u8) -> Self {
        Self {
            address: name.parse().unwrap(),
            key: AuditKey::from_seed([key; 32]),
            epoch: EpochId::from_u128(0x0192_0000_0000_0000_0000_0000_0000_0001 + u128::from(key)),
            boot: BootId::from_u128(77),
            meeting: MeetingId::from_u128(0x0192_0000_0000_0000_0000_0000_0000_00aa),
            tips: HashMap::new(),
            now: 1000,
        }
    }

    /// The next record of the body's stream.
    pub fn write(&mut self, body: Body, erasables: Erasables) -> Placed {
        let stream = body.stream().expect("holes are written with write_to");
        self.write_to(stream, body, erasables)
    }

    pub fn write_to(&mut self, stream: Stream, body: Body, erasables: Erasables) -> Placed {
        self.now += 100;
        let draft = Draft {
            org: self.address.org.clone(),
            device: self.address.device.clone(),
            boot: self.boot,
            stream,
            at: MonoTime::from_millis(self.now),
            wall: Some(WallTime::from_unix_millis(WALL + i64::try_from(self.now).unwrap())),
            wall_synced: true,
            meeting: Some(self.meeting),
            body,
            erasables,
        };
        let (seq, prev) = self.tips.get(&stream).copied().unwrap_or((0, Hash::ZERO));
        let placed = draft.place(self.epoch, seq + 1, prev);
        self.tips.insert(stream, (seq + 1, placed.hash));
        placed
    }

    /// `count` small audit records.
    pub fn audits(&mut self, count: usize) -> Vec<Placed> {
        (0..count)
            .map(|_| {
                let body = Body::Audit(prim_proto::Audit::Daemon { state: code("started") });
                self.write(body, Erasables::default())
            })
            .collect()
    }

    /// The same records, to be sent again.
    pub fn audits_again(&self, records: &[Placed]) -> Vec<Placed> {
        records.to_vec()
    }

    pub fn says(&mut self, id: u128, who: Option<ParticipantId>, words: &str) -> Placed {
        let mut sealer = Sealer::default();
        let text = sealer.seal("text", Salt([3; 16]), words);
        let body = Body::Utterance(Utterance::Heard {
            id: UtteranceId::from_u128(id),
            participant: who,
            ear: Ear::Room,
            bearing_centideg: Some(4500),
            speaker_label: Some(1),
            started_ms: MonoTime::from_millis(self.now - 50),
            ended_ms: MonoTime::from_millis(self.now + 40),
            text,
            confidence_permille: Some(800),
            policy: None,
        });
        self.write(body, sealer.finish())
    }

    pub fn batch(&self, stream: Stream, records: &[Placed]) -> Batch {
        self.batch_signed(stream, records, &self.key)
    }

    pub fn batch_signed(&self, stream: Stream, records: &[Placed], key: &AuditKey) -> Batch {
        let chain = |placed: &Placed| prim_proto::ChainFields::of(&placed.raw).unwrap();
        let last = records.last().unwrap();
        let head = Head {
            v: 1,
            org: self.address.org.clone(),
            device: self.address.device.clone(),
            boot: self.boot,
            stream,
            epoch: self.epoch,
            seq: chain(last).seq,
            hash: last.hash,
            at_mono_ms: MonoTime::from_millis(self.now),
        };
        let rows =
            records.iter().map(|placed| BatchRow { r: placed.raw.clone(), e: placed.erasables.clone() });
        let contents = BatchContents {
            v: 1,
            org: self.address.org.clone(),
            device: self.address.device.clone(),
            boot: self.boot,
            stream,
            epoch: self.epoch,
            seq: chain(&records[0]).seq,
            sent_at_mono_ms: MonoTime::from_millis(self.now),
            sent_at_wall_ms: None,
            rows: rows.collect(),
            head: head.sign(key),
        };
        contents.sign(key).unwrap()
    }

    pub fn topic(&self, stream: Stream) -> Topic {
        Topic::Up { from: self.address.clone(), stream }
    }
}

pub fn code(text: &str) -> Code {
    text.parse().unwrap()
}

/// An erasable value under its field's name.
pub fn sealed(fields: &[(&str, &str)]) -> (Vec<prim_proto::Sealed>, Erasables) {
    let mut sealer = Sealer::default();
    let hashes = fields.iter().map(|(field, value)| sealer.seal(field, Salt([9; 16]), value)).collect();
    (hashes, sealer.finish())
}
