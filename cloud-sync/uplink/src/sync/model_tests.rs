//! The machine against a naive world: a network that loses, repeats and reorders, a device and a gateway that
//! crash. What the gateway stores must be what was appended, once and in order; and when the world heals, it must
//! be all of it within a bounded number of steps.

use proptest::prelude::*;

use super::*;

/// The device's disk: survives its crashes. `rows[0]` is number 1; the first `deleted` are gone.
#[derive(Debug, Default)]
struct Disk {
    rows: Vec<u32>,
    deleted: u64,
}

/// The gateway's database: survives its crashes.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<u32>,
}

#[derive(Debug, Clone)]
struct Batch {
    from: u64,
    rows: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Append(u8),
    /// The n-th message on its way up arrives.
    DeliverUp(u8),
    RepeatUp(u8),
    LoseUp(u8),
    /// The gateway cannot trust the n-th message: it stores nothing of it and says so.
    RefuseUp(u8),
    DeliverDown(u8),
    RepeatDown(u8),
    LoseDown(u8),
    Wait(u16),
    CutLink(u32),
    CrashDevice,
    CrashGateway,
    GatewayAway,
    GatewayBack,
}

struct World {
    disk: Disk,
    table: Table,
    sync: Sync,
    now: MonoTime,
    link: bool,
    gateway: bool,
    gateway_session: u64,
    up: Vec<Batch>,
    /// Acknowledgements on their way, and what each refuses.
    down: Vec<(u64, Option<Rejection>)>,
    next: u32,
    lives: u64,
    sends: u64,
}

const BATCH: usize = 4;

impl World {
    fn new() -> Self {
        let now = MonoTime::ZERO;
        let sync = Sync::new(now, Timing::default(), EpochId::from_u128(1), 1);
        let mut world = Self {
            disk: Disk::default(),
            table: Table::default(),
            sync,
            now,
            link: true,
            gateway: true,
            gateway_session: 1,
            up: Vec::new(),
            down: Vec::new(),
            next: 0,
            lives: 1,
            sends: 0,
        };
        world.feed(Input::SpoolGrew { stream: Stream::Audit, head: 0 });
        world
    }

    fn feed(&mut self, input: Input) {
        self.sync.handle_input(self.now, input);
        self.carry_out();
    }

    fn see_gateway(&mut self) {
        let instance = "g1".parse().unwrap();
        self.feed(Input::GatewaySeen { instance, session: self.gateway_session, online: self.gateway });
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.sync.poll_output() {
            match output {
                Output::Connect { .. } if self.link => {
                    self.sync.handle_input(self.now, Input::Connected);
                    let instance = "g1".parse().unwrap();
                    let seen =
                        Input::GatewaySeen { instance, session: self.gateway_session, online: self.gateway };
                    self.sync.handle_input(self.now, seen);
                }
                Output::Connect { .. } => {
                    self.sync.handle_input(self.now, Input::Disconnected { random: 0x1234_5678 });
                }
                Output::SendBatch { stream, from } => {
                    let first = from.max(self.disk.deleted + 1);
                    let rows: Vec<_> =
                        self.disk.rows.iter().skip(first as usize - 1).take(BATCH).copied().collect();
                    let answer = if rows.is_empty() {
                        Input::NothingToSend { stream }
                    } else {
                        let through = first + rows.len() as u64 - 1;
                        self.sends += 1;
                        if self.link {
                            self.up.push(Batch { from: first, rows });
                        }
                        Input::BatchSent { stream, through }
                    };
                    self.sync.handle_input(self.now, answer);
                }
                Output::DeleteThrough { through, .. } => {
                    assert!(through <= self.table.rows.len() as u64, "deleted what no gateway has");
                    self.disk.deleted = self.disk.deleted.max(through);
                }
                // The broker answers a state, the gateway repeats its acknowledgement on it.
                Output::PublishState { session, online } => {
                    self.sync.handle_input(self.now, Input::OwnStateSeen { session, online });
                    if self.gateway && !self.table.rows.is_empty() {
                        self.down.push((self.table.rows.len() as u64, None));
                    }
                }
                Output::Disconnect => {}
                // After a crash the machine does not know what it had deleted; what never was is never told.
                Output::Report(Report::Refused { rejection, .. }) => {
                    assert!(rejection.from <= rejection.to && rejection.to <= self.disk.rows.len() as u64);
                }
                Output::Report(other) => panic!("no gateway said anything like {other:?}"),
            }
        }
    }

    fn gateway_takes(&mut self, batch: &Batch) {
        if !self.gateway {
            return;
        }
        let stored = self.table.rows.len() as u64;
        assert!(batch.from <= stored + 1, "a batch from {} when {stored} are stored", batch.from);
        let known = (stored + 1 - batch.from) as usize;
        self.table.rows.extend(batch.rows.iter().skip(known));
        self.down.push((self.table.rows.len() as u64, None));
    }

    fn gateway_refuses(&mut self, batch: &Batch) {
        if !self.gateway {
            return;
        }
        // What is stored already is not refused, whatever comes of its repetition.
        let stored = self.table.rows.len() as u64;
        let (from, to) = (batch.from.max(stored + 1), batch.from + batch.rows.len() as u64 - 1);
        let rejection = Rejection { from, to, reason: "foreign_key".parse().unwrap() };
        self.down.push((stored, (from <= to).then_some(rejection)));
    }

    fn device_takes(&mut self, (through, refused): (u64, Option<Rejection>)) {
        if self.link {
            self.feed(Input::AckReceived(Ack {
                v: 1,
                stream: Stream::Audit,
                epoch: EpochId::from_u128(1),
                through_seq: through,
                rejected: refused.into_iter().collect(),
                gateway: "g1".parse().unwrap(),
            }));
        }
    }

    fn crash_device(&mut self) {
        self.lives += 1;
        self.sync = Sync::new(self.now, Timing::default(), EpochId::from_u128(1), self.lives * 1_000_000);
        let head = self.disk.rows.len() as u64;
        self.feed(Input::SpoolGrew { stream: Stream::Audit, head });
    }

    fn wait(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
        self.sync.handle_timeout(self.now);
        self.carry_out();
    }

    fn step(&mut self, step: Step) {
        let pick = |n: u8, len: usize| (len > 0).then(|| usize::from(n) % len.max(1));
        match step {
            Step::Append(n) => {
                for _ in 0..n {
                    self.disk.rows.push(self.next);
                    self.next += 1;
                }
                let head = self.disk.rows.len() as u64;
                self.feed(Input::SpoolGrew { stream: Stream::Audit, head });
            }
            Step::DeliverUp(n) => {
                if let Some(n) = pick(n, self.up.len()) {
                    let batch = self.up.remove(n);
                    self.gateway_takes(&batch);
                }
            }
            Step::RepeatUp(n) => {
                if let Some(n) = pick(n, self.up.len()) {
                    self.up.push(self.up[n].clone());
                }
            }
            Step::LoseUp(n) => {
                if let Some(n) = pick(n, self.up.len()) {
                    self.up.remove(n);
                }
            }
            Step::RefuseUp(n) => {
                if let Some(n) = pick(n, self.up.len()) {
                    let batch = self.up.remove(n);
                    self.gateway_refuses(&batch);
                }
            }
            Step::DeliverDown(n) => {
                if let Some(n) = pick(n, self.down.len()) {
                    let answer = self.down.remove(n);
                    self.device_takes(answer);
                }
            }
            Step::RepeatDown(n) => {
                if let Some(n) = pick(n, self.down.len()) {
                    self.down.push(self.down[n].clone());
                }
            }
            Step::LoseDown(n) => {
                if let Some(n) = pick(n, self.down.len()) {
                    self.down.remove(n);
                }
            }
            Step::Wait(ms) => self.wait(u64::from(ms)),
            Step::CutLink(random) => {
                self.link = !self.link;
                if !self.link {
                    self.feed(Input::Disconnected { random });
                }
            }
            Step::CrashDevice => self.crash_device(),
            // Committed, and every acknowledgement on its way lost.
            Step::CrashGateway => {
                self.down.clear();
                self.gateway_session += 1;
                self.see_gateway();
            }
            Step::GatewayAway => {
                self.gateway = false;
                self.see_gateway();
            }
            Step::GatewayBack => {
                self.gateway = true;
                self.gateway_session += 1;
                self.see_gateway();
            }
        }
        self.check();
    }

    fn check(&self) {
        assert_eq!(self.table.rows, self.disk.rows[..self.table.rows.len()], "stored once and in order");
        assert!(self.disk.deleted <= self.table.rows.len() as u64);
    }

    /// A good world: everything arrives at once. Gives the rounds that were needed.
    fn heal(&mut self) -> u64 {
        self.link = true;
        self.gateway = true;
        self.gateway_session += 1;
        self.see_gateway();
        let mut rounds = 0;
        while self.disk.deleted < self.disk.rows.len() as u64 {
            rounds += 1;
            assert!(rounds < 10_000, "no progress: {:?}", self.sync);
            if !self.up.is_empty() {
                self.step(Step::DeliverUp(0));
            } else if !self.down.is_empty() {
                self.step(Step::DeliverDown(0));
            } else {
                let at =
                    self.sync.poll_timeout().expect("records wait, so something must be going to happen");
                self.wait(at.since(self.now).as_millis() as u64);
            }
        }
        rounds
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_u8..7).prop_map(Step::Append),
        6 => any::<u8>().prop_map(Step::DeliverUp),
        1 => any::<u8>().prop_map(Step::RepeatUp),
        1 => any::<u8>().prop_map(Step::LoseUp),
        1 => any::<u8>().prop_map(Step::RefuseUp),
        6 => any::<u8>().prop_map(Step::DeliverDown),
        1 => any::<u8>().prop_map(Step::RepeatDown),
        1 => any::<u8>().prop_map(Step::LoseDown),
        4 => any::<u16>().prop_map(Step::Wait),
        1 => any::<u32>().prop_map(Step::CutLink),
        1 => Just(Step::CrashDevice),
        1 => Just(Step::CrashGateway),
        1 => Just(Step::GatewayAway),
        2 => Just(Step::GatewayBack),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_record_arrives_once_in_order_and_soon_after_the_world_heals(
        steps in proptest::collection::vec(step(), 0..120),
    ) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        let behind = world.disk.rows.len() as u64 - world.disk.deleted;
        let on_the_way = (world.up.len() + world.down.len()) as u64;
        let rounds = world.heal();
        prop_assert_eq!(&world.table.rows, &world.disk.rows);
        // Per batch one delivery and one acknowledgement each, what was still on its way, a reconnect and waits.
        let bound = 4 * (behind / BATCH as u64 + 1) + 2 * on_the_way + 40;
        prop_assert!(rounds <= bound, "{rounds} rounds for {behind} records, at most {bound} expected");
    }

    #[test]
    fn without_inputs_time_alone_never_sends_faster_than_the_ack_limit(waits in proptest::collection::vec(1_u64..3_000, 1..200)) {
        let mut world = World::new();
        world.wait(0);
        world.step(Step::Append(2));
        let began = world.now;
        for ms in waits {
            world.up.clear();
            world.wait(ms);
        }
        let most = 1 + world.now.since(began).as_millis() as u64 / 5_000;
        prop_assert!(world.sends <= most, "{} sends, at most {most}", world.sends);
    }
}
