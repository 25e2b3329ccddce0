//! The uplink against a real Mosquitto: mutual TLS, access list, cuts, kills, wills.

mod world;

use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prim_identity::{Authority, Validity};
use prim_ids::{EpochId, MeetingId, MonoTime, Stream, WallTime};
use prim_proto::{Ack, LiveEvent, Topic};
use prim_uplink::{ProblemKind, StartUplinkError, Uplink, UplinkEvent, UplinkHandle};
use tokio::sync::mpsc::Receiver;
use world::gateway::Gateway;
use world::proxy::Proxy;
use world::{Device, World, wait_for};

fn gateway(world: &World, device: &Device) -> Gateway {
    Gateway::start(world, device.config.audit_key.public())
}

fn everything_arrives(gateway: &Gateway, device: &Device) {
    wait_for("everything arriving", || gateway.rows().len() >= device.appended().len());
    assert_eq!(gateway.rows(), device.appended());
    wait_for("the spool emptying", || device.queued() == 0);
}

fn append(device: &mut Device, uplink: &UplinkHandle, stream: Stream, count: u64) {
    device.append(stream, count);
    uplink.notify_appended(stream);
}

fn wait_for_event(events: &mut Receiver<UplinkEvent>, wanted: impl Fn(&UplinkEvent) -> bool) -> UplinkEvent {
    let mut found = None;
    wait_for("the event", || {
        found = events.try_recv().ok().filter(|event| wanted(event));
        found.is_some()
    });
    found.expect("just seen")
}

fn wait_for_problem(uplink: &UplinkHandle) -> prim_uplink::Problem {
    wait_for("a problem showing", || uplink.status().problem.is_some());
    uplink.status().problem.expect("just seen")
}

#[test]
fn records_of_several_streams_arrive_once_signed_traced_and_leave_the_spool() {
    let world = World::new();
    let mut device = world.device("huddle-1");
    device.append(Stream::Event, 700);
    let gateway = gateway(&world, &device);
    let (uplink, _events) = device.start();
    append(&mut device, &uplink, Stream::Metric, 300);
    append(&mut device, &uplink, Stream::Event, 10);
    everything_arrives(&gateway, &device);
    wait_for("the status being true", || {
        let status = uplink.status();
        status.link_up && status.gateway_present && status.queued == 0 && status.problem.is_none()
    });
    let seen = gateway.seen();
    // One batch holds one stream and at most so many rows; how many more there are is the scheduler's choice.
    let rows = prim_proto::MAX_BATCH_ROWS as u64;
    let fewest = 710_u64.div_ceil(rows) + 300_u64.div_ceil(rows);
    assert!(seen.batches >= fewest, "a batch is bounded: {} for 1 010 records", seen.batches);
    assert!(seen.traces.len() as u64 == seen.batches && seen.traces.iter().all(|t| t.len() == 55));
}

#[test]
fn a_connection_takes_little_memory() {
    // The most that was resident since this process began; nextest gives each test a process of its own.
    fn peak_mib() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
    }
    let world = World::new();
    let device = world.device("huddle-1");
    let before = peak_mib();
    let (uplink, _events) = device.start();
    wait_for("the link", || uplink.status().link_up);
    let more = peak_mib() - before;
    assert!(more < 15, "the peak grew by {more} MiB, and the whole device may have 60");
}

#[test]
fn nothing_is_sent_without_a_gateway_and_everything_when_one_comes() {
    let world = World::new();
    let mut device = world.device("huddle-1");
    let (uplink, _events) = device.start();
    append(&mut device, &uplink, Stream::Event, 20);
    wait_for("the link and the count", || {
        let status = uplink.status();
        status.link_up && status.queued == 20
    });
    assert_eq!(uplink.status().batches_sent, 0);
    let gateway = gateway(&world, &device);
    everything_arrives(&gateway, &device);
}

#[test]
fn records_survive_a_broker_killed_while_they_flow() {
    let mut world = World::new();
    let mut device = world.device("huddle-1");
    let gateway = gateway(&world, &device);
    let (uplink, _events) = device.start();
    for round in 0..3 {
        append(&mut device, &uplink, Stream::Event, 40);
        if round == 1 {
            wait_for("a batch under way", || uplink.status().batches_sent > 0);
        }
        world.broker.kill_group();
        append(&mut device, &uplink, Stream::Event, 15);
        wait_for("the link going down", || !uplink.status().link_up);
        world.broker.restart().expect("the same port");
    }
    everything_arrives(&gateway, &device);
}

#[test]
fn a_lost_acknowledgement_makes_the_batch_go_again_and_nothing_twice() {
    let world = World::new();
    let mut device = world.device("huddle-1");
    let gateway = gateway(&world, &device);
    gateway.acknowledging.store(false, Ordering::Release);
    let (uplink, _events) = device.start();
    append(&mut device, &uplink, Stream::Event, 30);
    wait_for("the batch going again", || gateway.seen().batches >= 2);
    assert_eq!(device.queued(), 30);
    gateway.acknowledging.store(true, Ordering::Release);
    everything_arrives(&gateway, &device);
}

#[test]
fn a_cut_link_is_shown_and_what_was_said_in_the_cut_arrives_after_it() {
    let world = World::new();
    let mut device = world.device("huddle-1");
    let proxy = Proxy::to(world.broker.port());
    device.config.broker.port = proxy.port;
    let gateway = gateway(&world, &device);
    let (uplink, mut events) = device.start();
    append(&mut device, &uplink, Stream::Event, 10);
    everything_arrives(&gateway, &device);
    proxy.cut();
    wait_for("the cut showing", || !uplink.status().link_up);
    append(&mut device, &uplink, Stream::Event, 25);
    wait_for("the queue showing", || uplink.status().queued == 25);
    assert!(uplink.status().problem.is_some());
    proxy.heal();
    everything_arrives(&gateway, &device);
    wait_for("the problem going away", || uplink.status().problem.is_none());
    wait_for_event(&mut events, |event| *event == UplinkEvent::StatusChanged);
}

#[test]
fn a_link_that_goes_dead_without_a_word_is_noticed_by_the_keep_alive() {
    let world = World::new();
    let mut device = world.device("huddle-1");
    let proxy = Proxy::to(world.broker.port());
    device.config.broker.port = proxy.port;
    let gateway = gateway(&world, &device);
    let (uplink, _events) = device.start();
    wait_for("the link", || uplink.status().link_up && uplink.status().gateway_present);
    let session = uplink.status().session;
    proxy.swallow();
    append(&mut device, &uplink, Stream::Event, 5);
    everything_arrives(&gateway, &device);
    assert!(uplink.status().session > session);
}

#[test]
fn a_late_will_does_not_leave_a_living_device_offline() {
    let world = World::new();
    let mut device = world.device("huddle-1");
    let proxy = Proxy::to(world.broker.port());
    device.config.broker.port = proxy.port;
    let gateway = gateway(&world, &device);
    let (uplink, _events) = device.start();
    wait_for("the first state", || gateway.seen().states.iter().any(|s| s.online));
    let first = uplink.status().session;
    // The old connection lives on at the broker until the new one takes its place: then its will is published.
    proxy.swallow();
    wait_for("the will", || gateway.seen().states.iter().any(|s| !s.online && s.session == first));
    wait_for("the true state as the last word", || {
        gateway.seen().states.last().is_some_and(|s| s.online && s.session > first)
    });
    // And it stays the last word.
    append(&mut device, &uplink, Stream::Event, 5);
    everything_arrives(&gateway, &device);
    assert!(gateway.seen().states.last().is_some_and(|s| s.online));
}

#[test]
fn a_clock_set_back_does_not_leave_the_device_behind_its_own_old_state() {
    let world = World::new();
    let mut device = world.device("huddle-1");
    let gateway = gateway(&world, &device);
    let (uplink, _events) = device.start();
    wait_for("the first state", || gateway.seen().states.iter().any(|s| s.online));
    assert!(uplink.shutdown(Duration::from_secs(3)));
    wait_for("the goodbye", || gateway.seen().states.last().is_some_and(|s| !s.online && s.session == 1_000));
    device.config.first_session = 10;
    let (_uplink, _events) = device.start();
    wait_for("a number above the old one", || {
        gateway.seen().states.last().is_some_and(|s| s.online && s.session > 1_000)
    });
}

#[test]
fn rejected_records_are_reported_and_do_not_hold_up_the_rest() {
    let world = World::new();
    let mut device = world.device("huddle-1");
    let gateway = gateway(&world, &device);
    gateway.rejecting.store(4, Ordering::Release);
    let (uplink, mut events) = device.start();
    append(&mut device, &uplink, Stream::Event, 10);
    let event = wait_for_event(&mut events, |event| matches!(event, UplinkEvent::Rejected { .. }));
    assert!(
        matches!(event, UplinkEvent::Rejected { stream: Stream::Event, from: 4, to: 4, .. }),
        "{event:?}"
    );
    wait_for("the spool emptying", || device.queued() == 0);
    assert_eq!(gateway.rows().len(), 9);
    assert_eq!(uplink.status().rejected, 1);
}

#[test]
fn acknowledgements_for_another_epoch_or_of_nothing_delete_nothing_and_are_reported() {
    let world = World::new();
    let mut device = world.device("huddle-1");
    let gateway = gateway(&world, &device);
    gateway.acknowledging.store(false, Ordering::Release);
    let (uplink, mut events) = device.start();
    append(&mut device, &uplink, Stream::Event, 3);
    wait_for("a batch", || gateway.seen().batches > 0);
    let mut ack = Ack {
        v: 1,
        stream: Stream::Event,
        epoch: EpochId::from_u128(1),
        through_seq: 3,
        rejected: Vec::new(),
        gateway: "g1".parse().unwrap(),
    };
    let topic = Topic::Ack(device.config.device.clone());
    gateway.publish(&topic, ack.encode());
    wait_for_event(&mut events, |event| matches!(event, UplinkEvent::ForeignEpoch { through: 3, .. }));
    ack.epoch = device.spool.epoch();
    ack.through_seq = 4;
    gateway.publish(&topic, ack.encode());
    wait_for_event(&mut events, |event| {
        matches!(event, UplinkEvent::ImpossibleAck { through: 4, head: 3, .. })
    });
    gateway.publish(&topic, b"no acknowledgement at all".to_vec());
    assert_eq!(device.queued(), 3);
}

#[test]
fn live_events_go_out_and_panel_requests_come_in() {
    let world = World::new();
    let device = world.device("huddle-1");
    let gateway = gateway(&world, &device);
    let (uplink, mut events) = device.start();
    wait_for("the link", || uplink.status().link_up);
    let meeting = MeetingId::from_u128(5);
    let live = LiveEvent::Mute { at_ms: MonoTime::from_millis(7), on: true };
    for _ in 0..300 {
        uplink.publish_live(meeting, &live);
    }
    let until = std::time::Instant::now() + world::SOON;
    while gateway.seen().live.len() as u64 + uplink.status().live_dropped < 300 {
        let arrived = gateway.seen().live.len();
        assert!(std::time::Instant::now() < until, "{arrived} arrived, {:?}", uplink.status());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(gateway.seen().live.len() >= 200, "the newest 256 fit the queue");
    assert_eq!(gateway.seen().live[0], live.encode().into_bytes());
    let panel = Topic::Panel { to: device.config.device.clone(), meeting };
    gateway.publish(&panel, b"{\"allow\":true}".to_vec());
    let event = wait_for_event(&mut events, |event| matches!(event, UplinkEvent::Panel { .. }));
    assert_eq!(event, UplinkEvent::Panel { meeting, payload: b"{\"allow\":true}".to_vec() });
}

#[test]
fn a_broker_of_another_authority_is_named_as_such() {
    let world = World::new();
    let mut device = world.device("huddle-1");
    let other = Authority::create("Other", world.certificates.validity).unwrap();
    let path = world.folder.path().join("identities/other-ca.pem");
    prim_identity::write_public(&path, other.certificate_pem()).unwrap();
    device.config.broker.ca = path;
    let (uplink, _events) = device.start();
    let problem = wait_for_problem(&uplink);
    assert_eq!(problem.kind, ProblemKind::WrongAuthority, "{problem}");
    assert!(problem.to_string().contains("[broker] ca"), "{problem}");
}

#[test]
fn a_device_of_another_authority_is_told_that_it_is_refused() {
    let world = World::new();
    let mut device = world.device("huddle-1");
    let other = Authority::create("Other", world.certificates.validity).unwrap();
    let address = &device.config.device;
    let identity = other.issue_device(&address.org, &address.device, world.certificates.validity).unwrap();
    let files = world.files(&identity, "impostor");
    (device.config.broker.cert, device.config.broker.key) = (files.certificate, files.key);
    let (uplink, _events) = device.start();
    let problem = wait_for_problem(&uplink);
    assert_eq!(problem.kind, ProblemKind::IdentityRefused, "{problem}");
}

#[test]
fn a_certificate_through_an_intermediate_authority_connects_and_without_the_intermediate_it_is_told_what_lacks()
 {
    let mut certificates = prim_bed::World::create().unwrap();
    let validity = certificates.validity;
    // Broker and device trust the root alone; both have their certificates from an authority below it.
    let root = Authority::create_root("Root", validity).unwrap();
    certificates.authority = root.create_below("Site", validity).unwrap();
    certificates.broker = certificates.authority.issue_broker(&["localhost"], validity).unwrap();
    let world = World::with_broker_identity(certificates, |options| {
        options.ca_pem = root.certificate_pem().to_owned();
    });
    let device = world.device("huddle-1");
    fs::write(&device.config.broker.ca, root.certificate_pem()).unwrap();
    let whole = fs::read_to_string(&device.config.broker.cert).unwrap();
    let own = whole.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap();
    assert!(own.len() < whole.len(), "an intermediate stands behind it");
    fs::write(&device.config.broker.cert, own).unwrap();
    let (uplink, _events) = device.start();
    let problem = wait_for_problem(&uplink);
    assert_eq!(problem.kind, ProblemKind::IdentityRefused, "{problem}");
    assert!(problem.to_string().contains("behind the device's own"), "{problem}");
    // Put there, it is used at the next attempt.
    fs::write(&device.config.broker.cert, &whole).unwrap();
    wait_for("the link", || uplink.status().link_up && uplink.status().problem.is_none());
}

#[test]
fn expired_certificates_of_either_side_are_named_as_such() {
    let past = Validity {
        from: WallTime::from_unix_millis(1_500_000_000_000),
        until: WallTime::from_unix_millis(1_600_000_000_000),
    };
    let certificates = prim_bed::World::create().unwrap();
    let expired = certificates.authority.issue_broker(&["localhost"], past).unwrap();
    let world = World::with_broker_identity(certificates, |options| options.identity = expired);
    let (uplink, _events) = world.device("huddle-1").start();
    let problem = wait_for_problem(&uplink);
    assert_eq!(problem.kind, ProblemKind::Expired, "{problem}");
    assert!(problem.to_string().contains("broker"), "{problem}");
    drop(uplink);

    let world = World::new();
    let mut device = world.device("huddle-1");
    let address = &device.config.device;
    let identity = world.certificates.authority.issue_device(&address.org, &address.device, past).unwrap();
    let files = world.files(&identity, "late");
    (device.config.broker.cert, device.config.broker.key) = (files.certificate, files.key);
    let (uplink, _events) = device.start();
    let problem = wait_for_problem(&uplink);
    assert_eq!(problem.kind, ProblemKind::Expired, "{problem}");
    assert!(problem.to_string().contains("this device's certificate"), "{problem}");
}

#[test]
fn a_broker_certificate_for_another_name_is_named_as_such() {
    let certificates = prim_bed::World::create().unwrap();
    let elsewhere = certificates.authority.issue_broker(&["broker.example"], certificates.validity).unwrap();
    let world = World::with_broker_identity(certificates, |options| options.identity = elsewhere);
    let (uplink, _events) = world.device("huddle-1").start();
    let problem = wait_for_problem(&uplink);
    assert_eq!(problem.kind, ProblemKind::WrongName, "{problem}");
}

#[test]
fn a_device_that_calls_itself_by_another_name_is_stopped_by_the_access_list_and_sees_it() {
    let world = World::new();
    let gateway_key = world.device("huddle-1").config.audit_key.public();
    let gateway = Gateway::start(&world, gateway_key);
    let mut device = world.device("huddle-1");
    device.config.device = "acme/huddle-2".parse().unwrap();
    device.append(Stream::Event, 3);
    let (uplink, _events) = device.start();
    let problem = wait_for_problem(&uplink);
    let forbidden = [ProblemKind::NotAuthorized, ProblemKind::IdentityRefused];
    assert!(forbidden.contains(&problem.kind), "{problem}");
    assert!(problem.to_string().contains("access list"), "{problem}");
    assert_eq!(gateway.rows(), []);
    assert_eq!(device.queued(), 3, "nothing is lost by it");
}

#[test]
fn a_refusal_by_the_broker_stays_shown_when_the_link_is_lost_after_it_and_goes_with_a_connection() {
    let mut world = World::new();
    let device = world.device("huddle-1");
    let good = fs::read_to_string(&device.config.broker.cert).unwrap();
    let good_key = fs::read_to_string(&device.config.broker.key).unwrap();
    let other = Authority::create("Other", world.certificates.validity).unwrap();
    let address = &device.config.device;
    let identity = other.issue_device(&address.org, &address.device, world.certificates.validity).unwrap();
    fs::write(&device.config.broker.cert, &identity.certificate_pem).unwrap();
    fs::write(&device.config.broker.key, &identity.key_pem).unwrap();
    let (uplink, mut events) = device.start();
    assert_eq!(wait_for_problem(&uplink).kind, ProblemKind::IdentityRefused);
    world.broker.kill_group();
    while events.try_recv().is_ok() {}
    // Long enough for some attempts at a broker that is not there.
    let attempts = uplink.status().session + 5;
    wait_for("some attempts", || uplink.status().session >= attempts);
    assert_eq!(uplink.status().problem.map(|problem| problem.kind), Some(ProblemKind::IdentityRefused));
    fs::write(&device.config.broker.cert, good).unwrap();
    fs::write(&device.config.broker.key, good_key).unwrap();
    world.broker.restart().expect("the same port");
    wait_for("the problem going away", || uplink.status().link_up && uplink.status().problem.is_none());
}

#[test]
fn a_closed_port_is_unreachable_and_a_missing_file_is_an_error_at_start() {
    let world = World::new();
    let mut device = world.device("huddle-1");
    device.config.broker.port = prim_bed::free_port();
    let (uplink, _events) = device.start();
    let problem = wait_for_problem(&uplink);
    assert_eq!(problem.kind, ProblemKind::Unreachable, "{problem}");

    device.config.broker.key = world.folder.path().join("nowhere.pem");
    let error = Uplink::start(device.config.clone(), device.spool.clone()).unwrap_err();
    assert!(matches!(error, StartUplinkError::ReadFile { .. }));
    assert!(error.to_string().contains("nowhere.pem"), "{error}");
    device.config.broker.key = world.ca();
    let error = Uplink::start(device.config.clone(), device.spool.clone()).unwrap_err();
    assert!(matches!(error, StartUplinkError::BadFile { .. }), "{error}");
}

#[test]
fn a_shutdown_keeps_its_limit_even_when_the_broker_is_dead() {
    let world = World::new();
    let mut device = world.device("huddle-1");
    let proxy = Proxy::to(world.broker.port());
    device.config.broker.port = proxy.port;
    let (uplink, _events) = device.start();
    wait_for("the link", || uplink.status().link_up);
    proxy.swallow();
    let began = std::time::Instant::now();
    assert!(uplink.shutdown(Duration::from_millis(300)));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
