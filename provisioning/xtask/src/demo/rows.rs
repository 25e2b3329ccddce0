//! `cargo xtask rows`: what the last demo wrote, looked at in the Postgres it left, or in the one that still runs.
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use clap::Args;
use prim_bed::{Client, Postgres};

use super::folder::Left;
use super::stage::{DATABASE, postgres_options};
use crate::{say, stop};

/// What there is, in one look.
const OVERVIEW: &str = "SELECT kind, count(*), min(received_at) AS first, max(received_at) AS last FROM records \
     GROUP BY kind ORDER BY kind";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A query, or a command of psql such as `\dt`; without one the server waits for your own client until Ctrl-C.
    ///
    /// Examples:
    ///
    /// cargo xtask rows 'SELECT ts, event, actor, payload FROM audit ORDER BY seq'
    ///
    /// cargo xtask rows 'SELECT speaker, text FROM utterances ORDER BY started_at'
    query: Option<String>,
    /// The data folder of the demo, when it was another than `.prim/demo`.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(
        std::env::var_os("DATABASE_URL").is_none_or(|url| url.is_empty()),
        "DATABASE_URL is set: a demo writes to that server and leaves none of its own, so look there with its own \
         client; for a demo that ran without it, unset DATABASE_URL"
    );
    let left = Left::find(options.data.as_deref())?;
    let mut own = None;
    let client = if left.lock.is_none() {
        let running = Client::of_running(&left.servers, DATABASE).context("find the demo's Postgres")?;
        running.context("a demo has just begun there: ask again when its Postgres runs")?
    } else {
        if !Postgres::is_in(&left.servers) {
            bail!(
                "there is no Postgres in {}: the demo wrote to the server in DATABASE_URL, or ended before it had one",
                left.servers.display()
            );
        }
        let postgres = Postgres::start(&left.servers, &postgres_options()).context("start Postgres again")?;
        own.insert(postgres).client(DATABASE)
    };
    match &options.query {
        Some(query) => ask(&client, query),
        None => wait(&client, &command(options.data.as_deref()), own.is_some()),
    }
}

/// The command that shows what a demo in this data folder wrote.
pub(crate) fn command(data: Option<&Path>) -> String {
    let data = data.map(|data| format!(" --data '{}'", data.display())).unwrap_or_default();
    format!("cargo xtask rows{data}")
}

/// Until Ctrl-C; a server that somebody else runs needs nobody to wait.
fn wait(client: &Client, command: &str, own: bool) -> anyhow::Result<()> {
    ask(client, OVERVIEW)?;
    say::line("To look further, with any client or with the server's own:");
    say::hint(format_args!("DATABASE_URL={}", client.url()));
    say::hint(client.shell_line());
    say::hint(format_args!("{command} 'SELECT …'  (answers one query)"));
    if own {
        say::line("Postgres keeps running for you to look around; Ctrl-C stops it.");
        stop::until_pressed();
    }
    Ok(())
}

/// One query, its answer as psql shows it.
fn ask(client: &Client, query: &str) -> anyhow::Result<()> {
    stop::check()?;
    let status = question(client, query).status().context("start psql")?;
    stop::check()?;
    ensure!(status.success(), "psql could not answer ({status}): its own words are above");
    Ok(())
}

fn question(client: &Client, query: &str) -> Command {
    let mut psql = client.psql();
    psql.args(["-X", "-P", "pager=off", "-v", "ON_ERROR_STOP=1", "-c", query]);
    psql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_were_left_are_shown_after_their_server_was_started_again() {
        let folder = prim_bed::folder().unwrap();
        let first = Postgres::start(folder.path(), &postgres_options()).unwrap();
        first
            .sql(DATABASE, "CREATE TABLE records AS SELECT 'floor.dinged' AS kind, now() AS received_at")
            .unwrap();
        drop(first);
        let again = Postgres::start(folder.path(), &postgres_options()).unwrap();
        let answer = |query: &str| question(&again.client(DATABASE), query).output().unwrap();
        let shown = String::from_utf8(answer(OVERVIEW).stdout).unwrap();
        assert!(
            shown.contains("kind") && shown.contains("floor.dinged") && shown.contains("(1 row)"),
            "{shown}"
        );
        assert!(!answer("SELECT nothing FROM nowhere").status.success());
    }
}
