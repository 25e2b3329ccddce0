//! The device's memory without models and simulator: the same program once more, after the meeting, in the same room and
//! with the same plan, but with recogniser and voice switched off. The kernel says what it needed at most.
//!
//! **What this covers:** front end, voice detection (its weights are part of the program), floor, spool, adapters and the
//! TLS link to a broker, in the first ten seconds of the meeting; and of the recogniser's and the voice's libraries what
//! the loader touches, because they are linked. **What not:** what a long meeting gathers, and batches under way: no
//! gateway takes any, so that this run leaves nothing in the database.
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use prim_bed::{Mosquitto, free_port};
use serde_json::{Value, json};

use super::folder::Folder;
use super::keys::Keys;
use super::process::Gauge;
use super::stage::{self, RoomOptions};
use crate::supervise::Running;
use crate::{http, stop};

/// So long it hears the people of the room before its memory is read.
const HEARS: Duration = Duration::from_secs(10);

/// The second run. Fields are dropped in this order: the device first.
#[derive(Debug)]
pub(crate) struct Bare {
    device: Running,
    _room: Running,
    _broker: Mosquitto,
    http_port: u16,
    since: Instant,
}

impl Bare {
    /// Start it and see that it is well.
    pub(crate) fn start(folder: &Folder, keys: &Keys, options: &RoomOptions<'_>) -> anyhow::Result<Self> {
        let (hal, loopback) = (folder.socket("bare-hal"), folder.socket("bare-loopback"));
        let broker = stage::start_broker(&folder.bare_servers()?, keys)?;
        // It ends before a second recording would begin, or does not get that far into the first.
        let options = &RoomOptions { waves: options.waves.get(..1).unwrap_or_default(), ..*options };
        let mut room = stage::launch_room(folder, "bare-room", options)
            .arg("--hal")
            .arg(&hal)
            .arg("--loopback")
            .arg(&loopback)
            .arg("--record")
            .arg(folder.bare("record")?)
            .start(&folder.logs())?;
        stage::await_room(&mut room, options, [hal.clone(), loopback.clone()])?;
        let http_port = free_port();
        let mut config = stage::device_config(keys, broker.port(), http_port);
        config["hal"]["socket"] = json!(hal);
        config["adapter"]["loopback"]["socket"] = json!(loopback);
        config["device"]["data_dir"] = json!(folder.bare("device")?);
        config["speech"] = json!({ "recogniser": "none", "voice": "none" });
        let mut device = stage::start_device(folder, "bare-primd", &config)?;
        let well = || http::page(http_port, "/health").is_some_and(|page| is_well_but_for_a_gateway(&page));
        stage::become_well("primd without models", &mut device, well)?;
        Ok(Self { device, _room: room, _broker: broker, http_port, since: Instant::now() })
    }

    /// When it has heard the room for long enough: the most memory it had, in MB; then it ends.
    pub(crate) fn peak_rss_mb(mut self) -> anyhow::Result<f64> {
        while self.since.elapsed() < HEARS {
            stop::check()?;
            self.device.still_runs()?;
            std::thread::sleep(Duration::from_millis(100));
        }
        let page = http::page(self.http_port, "/health").context("ask primd without models how it is")?;
        ensure!(has_no_models(&page), "primd was to run without models; it says {page}");
        Gauge::start(self.device.pid()).peak_rss_mb().context("read its memory from /proc")
    }
}

/// Whether the health page is of a device that hears and has neither recogniser nor voice.
fn has_no_models(page: &str) -> bool {
    let page: Value = serde_json::from_str(page).unwrap_or_default();
    [("microphones", "up"), ("recogniser", "off"), ("voice", "off")]
        .iter()
        .all(|(part, is)| page[part] == *is)
}

/// Whether nothing is amiss but what is left out on purpose: nobody behind the broker takes what it sends.
fn is_well_but_for_a_gateway(page: &str) -> bool {
    let health: Value = serde_json::from_str(page).unwrap_or_default();
    let reasons = health["reasons"].as_object().is_some_and(|all| all.keys().all(|part| part == "gateway"));
    has_no_models(page) && health["link"]["broker"] == "up" && health["link"]["why"].is_null() && reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_ready_when_nothing_but_the_gateway_is_missing() {
        let page = |heard: &str, broker: &str, part: &str| {
            format!(
                r#"{{"microphones":"{heard}","recogniser":"off","voice":"off","link":{{"broker":"{broker}","why":null}},
                "reasons":{{"{part}":"look there"}}}}"#
            )
        };
        assert!(is_well_but_for_a_gateway(&page("up", "up", "gateway")));
        assert!(!is_well_but_for_a_gateway(&page("silent", "up", "gateway")));
        assert!(!is_well_but_for_a_gateway(&page("up", "down", "gateway")));
        assert!(!is_well_but_for_a_gateway(&page("up", "up", "disk")));
        assert!(!is_well_but_for_a_gateway("not there yet"));
    }

    #[test]
    fn only_a_device_that_hears_without_models_is_measured() {
        let page = |heard: &str, recogniser: &str| {
            format!(r#"{{"status":"ok","microphones":"{heard}","recogniser":"{recogniser}","voice":"off"}}"#)
        };
        assert!(has_no_models(&page("up", "off")));
        assert!(!has_no_models(&page("silent", "off")));
        assert!(!has_no_models(&page("up", "up")));
        assert!(!has_no_models("<html>"));
    }
}
