//! Asking a program on this machine how it is: one GET, one status line.
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(2);
/// A page of metrics is far smaller.
const MOST_BYTES: u64 = 1 << 20;

/// Does `http://127.0.0.1:<port><path>` answer 200?
pub(crate) fn is_ok(port: u16, path: &str) -> bool {
    ask(port, path).is_some_and(|answer| answer.split(' ').nth(1) == Some("200"))
}

/// The body, whatever the status: a health page says more than whether all is well.
pub(crate) fn page(port: u16, path: &str) -> Option<String> {
    ask(port, path)?.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

fn ask(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), LIMIT).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    use super::*;

    fn answering(line: &'static str) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while reader.read_line(&mut asked).is_ok_and(|count| count > 2) {}
            let _ = write!(stream, "{line}\r\n\r\nthe body");
        });
        port
    }

    #[test]
    fn only_two_hundred_is_good_health() {
        assert!(is_ok(answering("HTTP/1.1 200 OK"), "/health"));
        assert!(!is_ok(answering("HTTP/1.1 503 Service Unavailable"), "/health"));
    }

    #[test]
    fn a_page_is_read_whatever_its_status() {
        for line in ["HTTP/1.1 200 OK", "HTTP/1.1 503 Service Unavailable"] {
            assert_eq!(page(answering(line), "/health").as_deref(), Some("the body"));
        }
    }

    #[test]
    fn nobody_there_is_no_good_health() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        assert!(!is_ok(port, "/health"));
    }
}
