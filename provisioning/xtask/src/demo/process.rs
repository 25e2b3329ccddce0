//! What the device's process costs, read from `/proc` by its watcher: the most memory it had, and the time its threads
//! were on a core.
use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Map, Value, json};

/// The thread that runs the front end, voice detection and segmentation. What this reports is therefore a little
/// more than the front end alone.
const FRONT_END_THREAD: &str = "prim-ears";

/// Watches one process from now on.
#[derive(Debug)]
pub(crate) struct Gauge {
    proc: PathBuf,
    since: Instant,
    front_end_ticks: u64,
    all_ticks: u64,
}

impl Gauge {
    pub(crate) fn start(pid: u32) -> Self {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        let mut gauge = Self { proc, since: Instant::now(), front_end_ticks: 0, all_ticks: 0 };
        (gauge.front_end_ticks, gauge.all_ticks) = (gauge.front_end(), gauge.all());
        gauge
    }

    /// The figures, while the process still runs.
    pub(crate) fn figures(&self) -> Map<String, Value> {
        let seconds = self.since.elapsed().as_secs_f64();
        // Linux counts in USER_HZ, which is 100 on every architecture Prim is built for.
        let percent = |ticks: u64, before: u64| tenth(ticks.saturating_sub(before) as f64 / seconds);
        Map::from_iter([
            ("front_end_cpu_percent".to_owned(), json!(percent(self.front_end(), self.front_end_ticks))),
            ("primd_cpu_percent".to_owned(), json!(percent(self.all(), self.all_ticks))),
            ("primd_rss_with_models_mb".to_owned(), json!(self.peak_rss_mb())),
        ])
    }

    /// The most that was resident since the process began, as the kernel counts it; none of a process that has gone.
    pub(crate) fn peak_rss_mb(&self) -> Option<f64> {
        let status = std::fs::read_to_string(self.proc.join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
        Some(tenth(kib / 1024.0))
    }

    fn all(&self) -> u64 {
        std::fs::read_to_string(self.proc.join("stat")).ok().and_then(|stat| ticks(&stat)).unwrap_or(0)
    }

    fn front_end(&self) -> u64 {
        let threads = std::fs::read_dir(self.proc.join("task")).into_iter().flatten().flatten();
        threads
            .filter(|thread| {
                std::fs::read_to_string(thread.path().join("comm"))
                    .is_ok_and(|name| name.trim() == FRONT_END_THREAD)
            })
            .filter_map(|thread| ticks(&std::fs::read_to_string(thread.path().join("stat")).ok()?))
            .sum()
    }
}

/// User and system time of a `stat` line, whose second field may hold any character but ends with `)`.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_read_past_a_name_with_brackets() {
        let stat = "7 (a) b (c) S 1 1 1 0 -1 4194304 100 0 0 0 25 17 0 0 20 0 1 0 5 0 0";
        assert_eq!(ticks(stat), Some(42));
    }

    #[test]
    fn a_living_process_has_a_peak_that_never_falls_and_a_dead_one_has_none() {
        let own = Gauge::start(std::process::id());
        let before = own.peak_rss_mb().unwrap();
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        let with = own.peak_rss_mb().unwrap();
        assert!(before > 1.0 && with >= before + 30.0, "{before} MB, then {with} MB");
        drop(std::hint::black_box(block));
        assert!(own.peak_rss_mb().unwrap() >= before + 30.0, "what was once needed counts");
        assert_eq!(Gauge::start(u32::MAX).peak_rss_mb(), None);
    }
}
