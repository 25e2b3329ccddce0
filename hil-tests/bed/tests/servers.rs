//! The servers come up, are killed whole, and come back with their data.

use std::path::Path;
use std::process::{Command, Stdio};

use prim_bed::{Client, Mosquitto, MosquittoOptions, Postgres, PostgresOptions, World, folder};
use prim_identity::Identity;

#[test]
fn postgres_killed_whole_comes_back_with_what_was_committed() {
    let folder = folder().unwrap();
    let mut postgres =
        Postgres::start(folder.path(), &PostgresOptions { durable: true, ..Default::default() }).unwrap();
    postgres.sql("prim", "CREATE TABLE t AS SELECT 42 AS n").unwrap();
    postgres.kill_group();
    assert!(postgres.sql("prim", "SELECT 1").is_err());
    postgres.restart().unwrap();
    assert_eq!(postgres.sql("prim", "SELECT n FROM t").unwrap(), "42");
    let way_in = Client::of_running(folder.path(), "prim").unwrap();
    assert_eq!(way_in, Some(postgres.client("prim")), "somebody else finds the way in");
    let pid = postgres.pid().unwrap();
    drop(postgres);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

/// Publishes with Debian's own client; the answer is whether the broker took it.
fn publish(broker: &Mosquitto, folder: &Path, who: &Identity, topic: &str) -> bool {
    let files = who.write(folder, &who.name.replace('/', "-")).expect("the folder is ours");
    let output = Command::new("mosquitto_pub")
        .args(["-h", "127.0.0.1", "-V", "5", "-q", "1", "-m", "hello", "-t", topic, "-p"])
        .arg(broker.port().to_string())
        .arg("--cafile")
        .arg(folder.join("ca.pem"))
        .arg("--cert")
        .arg(&files.certificate)
        .arg("--key")
        .arg(&files.key)
        .stdin(Stdio::null())
        .output()
        .expect("run `cargo xtask setup`: mosquitto_pub is missing");
    let said = String::from_utf8_lossy(&output.stderr);
    output.status.success() && !said.contains("Not authorized") && !said.contains("Warning")
}

#[test]
fn a_device_may_write_below_its_own_name_only() {
    let folder = folder().unwrap();
    let world = World::create().unwrap();
    let device = world
        .authority
        .issue_device(&"acme".parse().unwrap(), &"huddle-1".parse().unwrap(), world.validity)
        .unwrap();
    let gateway = world.authority.issue_gateway(&"gw-1".parse().unwrap(), world.validity).unwrap();
    let stranger = World::create().unwrap();
    let forged = stranger
        .authority
        .issue_device(&"acme".parse().unwrap(), &"huddle-1".parse().unwrap(), stranger.validity)
        .unwrap();
    let mut broker =
        Mosquitto::start(folder.path(), &MosquittoOptions::of(&world, &["gw-1".parse().unwrap()])).unwrap();
    world.authority.write(folder.path()).unwrap();
    let may = |who: &Identity, topic: &str| publish(&broker, folder.path(), who, topic);

    for topic in ["state", "up/audit", "live/x", "twin/reported", "job/7/status"] {
        assert!(may(&device, &format!("prim/1/acme/huddle-1/{topic}")), "own {topic}");
        assert!(!may(&device, &format!("prim/1/acme/huddle-2/{topic}")), "another's {topic}");
        assert!(!may(&device, &format!("prim/1/other/huddle-1/{topic}")), "another organisation's {topic}");
        assert!(
            !may(&gateway, &format!("prim/1/acme/huddle-1/{topic}")),
            "the gateway never speaks for a device"
        );
    }
    for topic in ["ack", "twin/desired", "job/7", "panel/x"] {
        assert!(
            !may(&device, &format!("prim/1/acme/huddle-1/{topic}")),
            "a device does not answer itself: {topic}"
        );
        assert!(may(&gateway, &format!("prim/1/acme/huddle-1/{topic}")), "gateway {topic}");
    }
    assert!(may(&gateway, "prim/1/gateway/gw-1"));
    assert!(!may(&gateway, "prim/1/gateway/gw-2"));
    assert!(!may(&device, "prim/1/gateway/gw-1"));
    assert!(!may(&device, "anything"));
    assert!(!may(&forged, "prim/1/acme/huddle-1/state"), "a certificate of another authority");
    broker.kill_group();
    broker.restart().unwrap();
}
