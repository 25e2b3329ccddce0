//! A gateway process, its broker and its Postgres, and a device that speaks MQTT.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::device::Device;
use crate::common::{Bed, durable};
use prim_bed::{Mosquitto, MosquittoOptions, World, free_port};
use prim_ids::Stream;
use prim_proto::{Ack, GatewayPresence, State, Topic};
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v5::Packet;
use rumqttc::{AsyncClient, Event, MqttOptions, PublishOptions, TlsConfiguration, Transport};
use tokio::sync::mpsc;

pub(crate) struct Site {
    pub(crate) bed: Bed,
    pub(crate) broker: Mosquitto,
    pub(crate) world: World,
    pub(crate) http: u16,
    pub(crate) gateway: Option<Child>,
}

impl Site {
    pub(crate) async fn open() -> Self {
        let bed = durable().await;
        let world = World::create().unwrap();
        let broker =
            Mosquitto::start(bed.folder.path(), &MosquittoOptions::of(&world, &["gw-1".parse().unwrap()]))
                .unwrap();
        let mut site = Self { bed, broker, world, http: free_port(), gateway: None };
        site.write_config();
        site.start();
        site
    }

    /// A gateway that is well, and the device `acme/huddle-1` connected to its broker.
    pub(crate) async fn with_a_device() -> (Self, Device, Online) {
        let site = Self::open().await;
        site.healthy(200).await;
        let device = Device::new("acme/huddle-1", 1);
        let online = site.online(&device).await;
        (site, device, online)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.bed.folder.path().join(name)
    }

    pub(crate) fn write_config(&self) {
        let folder = self.bed.folder.path();
        self.world.authority.write(folder).unwrap();
        let gateway =
            self.world.authority.issue_gateway(&"gw-1".parse().unwrap(), self.world.validity).unwrap();
        gateway.write(folder, "gateway").unwrap();
        prim_identity::AuditKey::generate().write(folder, "audit").unwrap();
        let config = format!(
            "instance = \"gw-1\"\n[broker]\nport = {}\nca = {:?}\ncert = {:?}\nkey = {:?}\n[http]\nlisten = \
             \"127.0.0.1:{}\"\n[store]\nfolder = {:?}\n[audit]\nkey = {:?}\n[worker]\npoll_ms = 100\nquiet_ms = 100\n",
            self.broker.port(),
            self.path("ca.pem"),
            self.path("gateway.pem"),
            self.path("gateway.key.pem"),
            self.http,
            self.path("objects"),
            self.path("audit.key.pem"),
        );
        std::fs::write(self.path("gateway.toml"), config).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_prim-gateway"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.path("gateway.toml"))
            .env("DATABASE_URL", self.bed.postgres.url())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn start(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.path("gateway.log")).unwrap();
        self.gateway = Some(self.command(&["serve"]).stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    pub(crate) fn kill(&mut self) {
        let mut gateway = self.gateway.take().unwrap();
        gateway.kill().unwrap();
        gateway.wait().unwrap();
    }

    /// Status and body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.http)) else {
            return (0, String::new());
        };
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        let code = text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        (code, text)
    }

    pub(crate) async fn healthy(&self, wanted: u16) -> String {
        let mut last = String::new();
        wait_for("health", async || {
            let (code, text) = self.get("/health");
            last = text;
            code == wanted
        })
        .await;
        last
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("gateway.log")).unwrap_or_default()
    }

    pub(crate) async fn online(&self, device: &Device) -> Online {
        let DeviceParts { certificate, key } = {
            let address = &device.address;
            let made = self
                .world
                .authority
                .issue_device(&address.org, &address.device, self.world.validity)
                .unwrap();
            DeviceParts { certificate: made.certificate_pem, key: made.key_pem }
        };
        let mut options = MqttOptions::new(device.address.to_string(), ("127.0.0.1", self.broker.port()));
        options.set_keep_alive(15).set_transport(Transport::tls_with_config(TlsConfiguration::Simple {
            ca: self.world.authority.certificate_pem().as_bytes().to_vec(),
            alpn: None,
            client_auth: Some((certificate.into_bytes(), key.into_bytes())),
        }));
        let (client, mut events) = AsyncClient::builder(options).capacity(100).build();
        let ack = Topic::Ack(device.address.clone()).to_string();
        let (sender, incoming) = mpsc::unbounded_channel();
        let (subscriber, filters) = (client.clone(), [ack.clone(), Topic::all_gateways()]);
        let task = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    // A broker that was killed has forgotten what we wanted.
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        for filter in &filters {
                            subscriber.try_subscribe(filter.as_str(), QoS::AtLeastOnce).unwrap();
                        }
                    }
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
                        let _ = sender.send((topic, publish.payload.to_vec()));
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
        let mut online = Online { client, incoming, task, ack };
        online.presence(true).await;
        online
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if self.gateway.is_some() {
            self.kill();
        }
    }
}

pub(crate) struct DeviceParts {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A device's connection.
pub(crate) struct Online {
    pub(crate) client: AsyncClient,
    pub(crate) incoming: mpsc::UnboundedReceiver<(String, Vec<u8>)>,
    pub(crate) task: tokio::task::JoinHandle<()>,
    pub(crate) ack: String,
}

impl Drop for Online {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Online {
    pub(crate) async fn publish(&self, topic: &Topic, payload: Vec<u8>) {
        self.client.publish(topic.to_string(), payload, PublishOptions::new(QoS::AtLeastOnce)).await.unwrap();
    }

    /// The device says that it is there, in its session of this number.
    pub(crate) async fn tell_state(&self, device: &Device, session: u64) {
        let state = State {
            v: 1,
            online: true,
            session,
            boot: device.boot,
            proto_min: 1,
            proto_max: 1,
            capabilities: Vec::new(),
            busy_until: None,
        };
        self.publish(&Topic::State(device.address.clone()), state.encode()).await;
    }

    pub(crate) async fn next(&mut self, what: &str) -> (String, Vec<u8>) {
        tokio::time::timeout(Duration::from_secs(30), self.incoming.recv())
            .await
            .unwrap_or_else(|_| panic!("no {what} within 30 s"))
            .unwrap()
    }

    pub(crate) async fn acked(&mut self) -> Ack {
        loop {
            let (topic, payload) = self.next("acknowledgement").await;
            if topic == self.ack {
                return Ack::read(&payload).unwrap();
            }
        }
    }

    pub(crate) async fn presence(&mut self, online: bool) {
        loop {
            let (topic, payload) = self.next("presence").await;
            if topic.starts_with("prim/1/gateway/")
                && GatewayPresence::read(&payload).unwrap().online == online
            {
                return;
            }
        }
    }

    /// Sends until it is acknowledged, as a spool does.
    pub(crate) async fn deliver(&mut self, device: &Device, records: &[prim_proto::Placed]) {
        let batch = device.batch(Stream::Audit, records);
        let through = batch.contents.head.head.seq;
        let payload = batch.encode();
        for _ in 0..60 {
            self.publish(&device.topic(Stream::Audit), payload.clone()).await;
            let until = tokio::time::Instant::now() + Duration::from_secs(1);
            while let Ok(Some((topic, payload))) = tokio::time::timeout_at(until, self.incoming.recv()).await
            {
                if topic == self.ack && Ack::read(&payload).unwrap().through_seq >= through {
                    return;
                }
            }
        }
        panic!("never acknowledged");
    }
}

pub(crate) async fn wait_for(what: &str, mut ready: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !ready().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what} did not come within 30 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
