//! Failures told once, in words, with what to do about them.

use std::error::Error;
use std::fmt;

use sqlx::error::DatabaseError;

/// What Postgres says, or the way to it. `sqlx` repeats each cause in its own text and names lines of Postgres's
/// source; this says it once. A refused value is named by its table only: it may be what people said.
#[derive(Debug)]
pub struct Fault(sqlx::Error);

impl Fault {
    /// What Postgres itself answered, when it was reached.
    #[must_use]
    pub fn answer(&self) -> Option<&dyn DatabaseError> {
        self.0.as_database_error()
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

impl Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(answer) = self.answer() {
            let code = answer.code().unwrap_or_default();
            // 22023 is said of a role that is not there; the rest of these classes is about values.
            if code != "22023" && ["22", "23"].iter().any(|class| code.starts_with(class)) {
                let table = answer.table().unwrap_or("a table");
                return write!(f, "Postgres refuses a value for {table} (code {code})");
            }
            f.write_str(answer.message())?;
            return remedy(&code).map_or(Ok(()), |remedy| write!(f, " ({remedy})"));
        }
        match (&self.0, io_kind(&self.0)) {
            (_, Some(std::io::ErrorKind::ConnectionRefused)) => f.write_str(
                "nothing listens there (start Postgres, or correct host and port in the database's URL)",
            ),
            (sqlx::Error::PoolTimedOut, _) => f.write_str("no connection came free in time"),
            (error, _) => f.write_str(&causes(error)),
        }
    }
}

fn io_kind(error: &sqlx::Error) -> Option<std::io::ErrorKind> {
    if let sqlx::Error::Io(error) = error { Some(error.kind()) } else { None }
}

/// What to do about an answer of Postgres, by its code (appendix A of its manual).
fn remedy(code: &str) -> Option<&'static str> {
    Some(match code {
        "28P01" | "28000" => "correct the user or the password in the database's URL",
        "3D000" => "make it with `createdb`, or correct the name at the end of the database's URL",
        "42P01" | "42883" | "42703" | "42704" | "3F000" | "22023" => {
            "the schema is missing or old; run `prim-gateway migrate up` on this database"
        }
        "42501" => {
            "make the login a member of prim_owner, prim_app, prim_ingest and prim_worker, as in migrations/README.md"
        }
        "25006" => "this server is a standby; name the primary in the database's URL",
        "53100" => "make room on the database's disk",
        "53300" => "raise max_connections in Postgres, or lower database.pool",
        "57P03" => "it is starting or stopping; wait",
        _ => return None,
    })
}

/// The whole chain of causes, each once: some libraries put a cause into their own text as well.
#[must_use]
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_its_holder_repeats_is_told_once() {
        let refused = || std::io::Error::from(std::io::ErrorKind::TimedOut);
        let inner = refused().to_string();
        let text = Fault(sqlx::Error::Io(refused())).to_string();
        assert_eq!(text.matches(&inner).count(), 1, "{text}");
    }

    #[test]
    fn a_closed_port_says_what_to_start() {
        let refused = sqlx::Error::Io(std::io::ErrorKind::ConnectionRefused.into());
        let text = Fault(refused).to_string();
        assert!(text.contains("start Postgres"), "{text}");
    }
}
