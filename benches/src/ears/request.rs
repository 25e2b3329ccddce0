//! What the bench `ears` was asked to do, read from its arguments before anything is measured.
use std::ffi::OsString;
use std::path::PathBuf;

use thiserror::Error;

use super::Stage;

/// One call of the bench.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Figures of stages.
    Measure {
        /// In the order of [`Stage::ALL`], each once.
        stages: Vec<Stage>,
        /// Where the rows stand and go.
        json: Option<PathBuf>,
        /// Where the page goes.
        page: Option<PathBuf>,
    },
    /// Waves before and after each stage, into this folder.
    Listen(PathBuf),
}

/// The arguments make no request.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RequestError {
    /// An option stands alone.
    #[error("{option} names nothing: write {option} {what}")]
    NoValue {
        /// As it was written.
        option: &'static str,
        /// What belongs behind it.
        what: &'static str,
    },
    /// Neither a stage nor an option.
    #[error("measure {0}: there is no such stage; the stages are {names}", names = Stage::names())]
    UnknownStage(String),
}

impl Request {
    /// The request of the arguments behind the program's name.
    ///
    /// # Errors
    /// An option without its value, or a stage that is not known.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, RequestError> {
        let (mut wanted, mut json, mut page) = (Vec::new(), None, None);
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = |option, what| {
                let value =
                    arguments.next().filter(|v| !v.is_empty() && !v.to_string_lossy().starts_with("--"));
                value.map(PathBuf::from).ok_or(RequestError::NoValue { option, what })
            };
            match argument.to_string_lossy().as_ref() {
                "--json" => json = Some(value("--json", "FILE")?),
                "--table" => page = Some(value("--table", "FILE")?),
                "--listen" => return Ok(Self::Listen(value("--listen", "FOLDER")?)),
                // What cargo adds of itself.
                "--bench" => {}
                name => match Stage::named(name) {
                    Some(stage) => wanted.push(stage),
                    None => return Err(RequestError::UnknownStage(name.to_owned())),
                },
            }
        }
        let asked = |stage: &&Stage| wanted.is_empty() || wanted.contains(stage);
        Ok(Self::Measure { stages: Stage::ALL.iter().filter(asked).copied().collect(), json, page })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Request, RequestError> {
        Request::read(arguments.iter().map(OsString::from))
    }

    #[test]
    fn nothing_named_is_every_stage_in_their_order() {
        let every = Request::Measure { stages: Stage::ALL.to_vec(), json: None, page: None };
        assert_eq!(read(&["--bench"]).unwrap(), every);
        let two = vec![Stage::Echo, Stage::Beam];
        let json = Some("rows.json".into());
        let asked = read(&["beam", "--json", "rows.json", "echo", "beam"]).unwrap();
        assert_eq!(asked, Request::Measure { stages: two, json, page: None });
        assert_eq!(read(&["--listen", "waves"]).unwrap(), Request::Listen("waves".into()));
    }

    #[test]
    fn an_option_without_its_value_is_refused() {
        for arguments in [&["--json"][..], &["--json", "--table", "page"], &["--json", ""]] {
            assert_eq!(read(arguments).unwrap_err().to_string(), "--json names nothing: write --json FILE");
        }
        assert!(read(&["--table"]).is_err() && read(&["--listen"]).is_err());
    }

    #[test]
    fn an_unknown_stage_is_refused_with_those_there_are() {
        let said = read(&["echo", "ecko"]).unwrap_err().to_string();
        assert!(said.starts_with("measure ecko: ") && said.ends_with(", real, who"), "{said}");
        assert!(read(&["--jsn", "rows.json"]).is_err());
    }
}
