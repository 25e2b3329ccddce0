//! `cargo xtask …`: every task that README and CI name.
//!
//! **What.** `setup` installs what a machine lacks; `demo` runs a whole meeting on this machine, device, broker,
//! gateway, database and simulated room; `rows` shows what it wrote; `test` and `lint` judge the code; `bench` measures the promises;
//! `listen` writes what the ears do to sound; `crash` kills everything at random moments; `fuzz` throws made-up
//! bytes at all readers; `soak` hears hours of a meeting; `arm` hears on another processor; `instructions`
//! counts what hearing costs; `clean` removes what the others left.
//!
//! **Who calls it.** A person, `.ci/run`, nothing else.
//!
//! **What it never does.** It links no native library (it must run before they are installed), opens no fixed
//! port, signals no process it did not start, and changes nothing outside the checkout, its cache folder and
//! `/var/tmp/prim-*` without having said so first.
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod arm;
mod checkout;
mod crash;
mod demo;
mod fuzz;
mod http;
mod instructions;
mod peers;
mod proxy;
mod quality;
mod say;
mod setup;
mod stop;
mod supervise;

#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", about = "The tasks of this checkout", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what this machine lacks for the demo and the tests, after saying what that is.
    Setup(setup::Options),
    /// Run a meeting in a simulated room, end to end, and show it.
    Demo(demo::Options),
    /// Look at the rows that the last demo wrote: starts its Postgres again, or answers one query.
    Rows(demo::rows::Options),
    /// Format check, lints, every test.
    Test(quality::TestOptions),
    /// Format check and lints only.
    Lint,
    /// Measure what Prim promises (benches/budgets.toml); `latency` runs a long meeting.
    Bench(quality::BenchOptions),
    /// Kill device, gateway, broker and database again and again, and see that nothing is lost or repeated.
    Crash(crash::Options),
    /// Throw made-up bytes at everything that reads foreign ones.
    Fuzz(fuzz::Options),
    /// Hours of a simulated meeting through the whole of hearing: memory, time and manners stay.
    Soak(quality::SoakOptions),
    /// Build hearing for 64-bit Arm and compare what it hears under QEMU with what it hears here.
    Arm(arm::Options),
    /// Count the processor's instructions for 10 ms of hearing, beside the table that is kept.
    Instructions(instructions::Options),
    /// Write waves before and after each stage of hearing, with what can be measured of them.
    Listen(quality::ListenOptions),
    /// Remove the demo's data folders.
    Clean,
}

fn main() -> ExitCode {
    let done = stop::listen().and_then(|()| match Cli::parse().task {
        Task::Setup(options) => setup::ensure(setup::Purpose::Test, options).map(|_| {
            say::good("this machine has all that the demo and the tests need");
        }),
        Task::Demo(options) => demo::run(&options),
        Task::Rows(options) => demo::rows::run(&options),
        Task::Test(options) => quality::test(&options),
        Task::Lint => quality::lint(),
        Task::Bench(options) => quality::bench(&options),
        Task::Crash(options) => crash::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Soak(options) => quality::soak(&options),
        Task::Arm(options) => arm::run(&options),
        Task::Instructions(options) => instructions::run(&options),
        Task::Listen(options) => quality::listen(&options),
        Task::Clean => demo::clean(),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<stop::Interrupted>() => {
            say::line("stopped");
            ExitCode::from(130)
        }
        Err(error) => {
            say::bad(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
