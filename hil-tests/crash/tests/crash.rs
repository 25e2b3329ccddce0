//! Everything is killed, nothing is lost. `PRIM_CRASH_SEED` repeats a run, `PRIM_CRASH_KILLS` makes a longer one.

use prim_crash::{Options, run};

fn number(key: &str) -> Option<u64> {
    std::env::var(key)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{key} is no number: {text:?}")))
}

#[test]
fn whatever_is_killed_nothing_is_lost_nothing_comes_twice_and_no_ding_is_repeated() {
    let seed = number("PRIM_CRASH_SEED").unwrap_or_else(|| prim_hal_sim::boot_nanos() % 1_000_000);
    let kills = number("PRIM_CRASH_KILLS").map_or(20, |kills| u32::try_from(kills).expect("a sane number"));
    let report = run(&Options { kills, seed, keep: false }, &mut |line| eprintln!("{line}"))
        .unwrap_or_else(|error| panic!("seed {seed}: failed to {error:#}"));
    eprintln!("{report}");
    assert!(report.problems.is_empty(), "seed {seed}: {:#?}", report.problems);
    assert!(report.dings > 0, "seed {seed}: nothing rang, so nothing was shown about dings");
}
