//! The way into a Postgres of the bed, for people and for programs: never with the password on a command line.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::StartError;

/// Whose name the server knows: the owner of everything in it.
const OWNER: &str = "prim";

/// How one database of a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    pub(crate) psql: PathBuf,
    pub(crate) password_file: PathBuf,
    pub(crate) password: String,
    pub(crate) port: u16,
    pub(crate) database: String,
}

impl Client {
    /// The database of the server that somebody else runs in `folder/pg`; `None` when none runs there.
    ///
    /// # Errors
    /// When there is no `psql`, or the server's files cannot be read.
    pub fn of_running(folder: &Path, database: &str) -> Result<Option<Self>, StartError> {
        let folder = folder.join("pg");
        let Ok(running) = std::fs::read_to_string(folder.join("data/postmaster.pid")) else {
            return Ok(None);
        };
        // The fourth line is the port; Postgres writes the file before it answers.
        let Some(port) = running.lines().nth(3).and_then(|line| line.trim().parse().ok()) else {
            return Ok(None);
        };
        let password_file = folder.join("password");
        let password = std::fs::read_to_string(&password_file)
            .map_err(|source| StartError::Prepare { path: password_file.clone(), source })?;
        let psql = crate::postgres::bin_folder()?.join("psql");
        Ok(Some(Self { psql, password_file, password, port, database: database.to_owned() }))
    }

    /// The URL of the owner, with the password: not for logs.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{OWNER}:{}@127.0.0.1:{}/{}", self.password, self.port, self.database)
    }

    /// The server's own `psql`, told everything but what to do.
    #[must_use]
    pub fn psql(&self) -> Command {
        let mut command = Command::new(&self.psql);
        command
            .env("PGPASSWORD", &self.password)
            .env("PGCONNECT_TIMEOUT", "10")
            .args(["-h", "127.0.0.1", "-U", OWNER, "-p"])
            .arg(self.port.to_string())
            .args(["-d", &self.database]);
        command
    }

    /// The same as a line for a shell: it reads the password from its file.
    #[must_use]
    pub fn shell_line(&self) -> String {
        let quoted = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
        let (password, psql) = (quoted(&self.password_file), quoted(&self.psql));
        let (port, database) = (self.port, &self.database);
        format!("PGPASSWORD=\"$(cat {password})\" {psql} -h 127.0.0.1 -p {port} -U {OWNER} {database}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_for_a_shell_holds_no_password_and_survives_odd_folders() {
        let client = Client {
            psql: "/opt/pg/psql".into(),
            password_file: "/srv/ana's room/pg/password".into(),
            password: "hush".into(),
            port: 20_001,
            database: "prim".into(),
        };
        assert_eq!(
            client.shell_line(),
            r#"PGPASSWORD="$(cat '/srv/ana'\''s room/pg/password')" '/opt/pg/psql' -h 127.0.0.1 -p 20001 -U prim prim"#
        );
        let psql = client.psql();
        assert!(psql.get_args().all(|arg| !arg.to_string_lossy().contains("hush")));
    }

    #[test]
    fn where_no_server_runs_there_is_no_way_in() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Client::of_running(folder.path(), "prim").unwrap(), None);
    }
}
