//! HTTP with limits: a small page, or a large file that goes on where it stopped and is checked at the end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

/// Connecting, with name resolution.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// From the request to the first byte of the answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// One attempt at a body; the next goes on where it stopped.
const BODY_LIMIT: Duration = Duration::from_secs(600);
/// Attempts in a row that bring nothing new.
const FRUITLESS_ATTEMPTS: u32 = 2;
/// The largest speech models have some 3 GB.
const MAX_FILE_BYTES: u64 = 8 << 30;

/// Why a page or file was not fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("connect to {url}: there is no network, or nobody answers there")]
    NoConnection {
        url: String,
        #[source]
        source: Box<ureq::Error>,
    },
    #[error("fetch {url}: the server answers {status}")]
    Status { url: String, status: u16 },
    #[error("fetch {url}")]
    Http {
        url: String,
        #[source]
        source: Box<ureq::Error>,
    },
    #[error(
        "fetch {url}: the transfer broke off {attempts} times without a byte more; run the command again to go on at byte {at}"
    )]
    Stuck {
        url: String,
        attempts: u32,
        at: u64,
        #[source]
        source: io::Error,
    },
    #[error("fetch {url}: it is longer than {limit} bytes")]
    TooLong { url: String, limit: u64 },
    #[error("read the answer of {url}")]
    Read {
        url: String,
        #[source]
        source: io::Error,
    },
    #[error("write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("fetch {url}: its sha256 is {found}, the manifest says {wanted}; the file was thrown away")]
    WrongHash { url: String, found: String, wanted: String },
}

fn agent(whole: Option<Duration>) -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_connect(Some(CONNECT_LIMIT))
        .timeout_resolve(Some(CONNECT_LIMIT))
        .timeout_recv_response(Some(ANSWER_LIMIT))
        .timeout_recv_body(Some(BODY_LIMIT))
        .timeout_global(whole)
        .max_redirects(5)
        .http_status_as_error(false)
        .build()
        .into()
}

fn failed(url: &str, source: ureq::Error) -> FetchError {
    let (url, source) = (url.to_owned(), Box::new(source));
    let unreachable = matches!(
        *source,
        ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::Io(_)
            | ureq::Error::Timeout(_)
    );
    if unreachable { FetchError::NoConnection { url, source } } else { FetchError::Http { url, source } }
}

/// A small page as text, whatever its status: a health page says 503 and still has something to tell.
pub(crate) fn page(url: &str, limit: Duration, max_bytes: u64) -> Result<String, FetchError> {
    let answer = agent(Some(limit)).get(url).call().map_err(|source| failed(url, source))?;
    let status = answer.status().as_u16();
    if !matches!(status, 200 | 503) {
        return Err(FetchError::Status { url: url.to_owned(), status });
    }
    let mut text = String::new();
    let mut body = answer.into_body().into_reader().take(max_bytes + 1);
    body.read_to_string(&mut text).map_err(|source| FetchError::Read { url: url.to_owned(), source })?;
    if text.len() as u64 > max_bytes {
        return Err(FetchError::TooLong { url: url.to_owned(), limit: max_bytes });
    }
    Ok(text)
}

/// Fetches `url` to `to`, which appears only when its hash is right. What came so far stays in `<to>.part`, also
/// between runs.
pub(crate) fn file(url: &str, to: &Path, sha256: &str) -> Result<u64, FetchError> {
    let part = part_of(to);
    let write = |source| FetchError::Write { path: part.clone(), source };
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(write)?;
    }
    let agent = agent(None);
    let mut fruitless = 0;
    loop {
        let before = std::fs::metadata(&part).map_or(0, |meta| meta.len());
        match transfer(&agent, url, &part, before)? {
            Transfer::Whole => break,
            Transfer::Broken(source) => {
                let at = std::fs::metadata(&part).map_or(0, |meta| meta.len());
                fruitless = if at > before { 0 } else { fruitless + 1 };
                if fruitless >= FRUITLESS_ATTEMPTS {
                    return Err(FetchError::Stuck { url: url.to_owned(), attempts: fruitless, at, source });
                }
            }
        }
    }
    let found = sha256_of(&part).map_err(write)?;
    if !found.eq_ignore_ascii_case(sha256) {
        std::fs::remove_file(&part).map_err(write)?;
        return Err(FetchError::WrongHash { url: url.to_owned(), found, wanted: sha256.to_owned() });
    }
    std::fs::rename(&part, to).map_err(write)?;
    std::fs::metadata(to).map(|meta| meta.len()).map_err(write)
}

enum Transfer {
    Whole,
    Broken(io::Error),
}

fn transfer(agent: &ureq::Agent, url: &str, part: &Path, have: u64) -> Result<Transfer, FetchError> {
    let mut request = agent.get(url);
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let answer = match request.call() {
        Ok(answer) => answer,
        // Once something came, a lost connection is worth another try.
        Err(ureq::Error::Io(source)) if have > 0 => return Ok(Transfer::Broken(source)),
        Err(source) => return Err(failed(url, source)),
    };
    let append = match answer.status().as_u16() {
        200 => false,
        206 => true,
        // There is nothing beyond what we have: the hash decides.
        416 if have > 0 => return Ok(Transfer::Whole),
        status => return Err(FetchError::Status { url: url.to_owned(), status }),
    };
    let write = |source| FetchError::Write { path: part.to_owned(), source };
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(!append)
        .append(append)
        .open(part)
        .map_err(write)?;
    let mut at = if append { have } else { 0 };
    let expected = answer.body().content_length().map(|length| at + length);
    let mut body = answer.into_body().into_reader();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(source) => {
                file.sync_all().map_err(write)?;
                return Ok(Transfer::Broken(source));
            }
        };
        at += n as u64;
        if at > MAX_FILE_BYTES {
            return Err(FetchError::TooLong { url: url.to_owned(), limit: MAX_FILE_BYTES });
        }
        file.write_all(&buffer[..n]).map_err(write)?;
    }
    file.sync_all().map_err(write)?;
    Ok(match expected {
        Some(length) if at < length => Transfer::Broken(io::ErrorKind::UnexpectedEof.into()),
        Some(_) | None => Transfer::Whole,
    })
}

fn part_of(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// The file's sha256 in lowercase hex.
pub(crate) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut sha = Sha256::new();
    io::copy(&mut file, &mut sha)?;
    Ok(hex::encode(sha.finalize()))
}
