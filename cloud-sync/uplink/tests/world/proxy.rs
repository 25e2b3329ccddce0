//! A TCP proxy in front of the broker: passes, refuses, or swallows.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

const PASS: u8 = 0;
const REFUSE: u8 = 1;

#[derive(Debug)]
struct State {
    mode: AtomicU8,
    /// Connections of an older generation are hung up.
    generation: AtomicU64,
    /// Connections of an older generation are swallowed: open at both ends, dead between.
    swallowed: AtomicU64,
    over: AtomicBool,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: Arc<State>,
}

impl Proxy {
    pub(crate) fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        listener.set_nonblocking(true).expect("a socket");
        let state = Arc::new(State {
            mode: AtomicU8::new(PASS),
            generation: AtomicU64::new(0),
            swallowed: AtomicU64::new(0),
            over: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            while !shared.over.load(Ordering::Acquire) {
                match listener.accept() {
                    Ok((near, _)) if shared.mode.load(Ordering::Acquire) == PASS => {
                        if let Ok(far) = TcpStream::connect(("127.0.0.1", target)) {
                            join(near, far, &shared);
                        }
                    }
                    // Refused: dropped at once.
                    Ok(_) => {}
                    Err(_) => std::thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Self { port, state }
    }

    /// Hangs up every connection and refuses new ones.
    pub(crate) fn cut(&self) {
        self.state.mode.store(REFUSE, Ordering::Release);
        self.state.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Lets new connections pass.
    pub(crate) fn heal(&self) {
        self.state.mode.store(PASS, Ordering::Release);
    }

    /// What is connected now goes dead without a word; new connections pass.
    pub(crate) fn swallow(&self) {
        self.state.swallowed.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Release);
        self.state.generation.fetch_add(1, Ordering::AcqRel);
    }
}

fn join(near: TcpStream, far: TcpStream, state: &Arc<State>) {
    for (mut from, mut to) in
        [(near.try_clone().expect("a socket"), far.try_clone().expect("a socket")), (far, near)]
    {
        let state = Arc::clone(state);
        let born = state.generation.load(Ordering::Acquire);
        let swallowed = state.swallowed.load(Ordering::Acquire);
        std::thread::spawn(move || {
            from.set_nonblocking(false).expect("a socket");
            from.set_read_timeout(Some(Duration::from_millis(20))).expect("a socket");
            let mut buffer = [0; 16 * 1024];
            loop {
                if state.generation.load(Ordering::Acquire) != born {
                    break;
                }
                let dead = state.swallowed.load(Ordering::Acquire) != swallowed;
                match from.read(&mut buffer) {
                    // A dead connection stays open at the other end, whatever happens at this one.
                    Ok(0) if dead => std::thread::sleep(Duration::from_millis(20)),
                    Ok(0) => break,
                    Ok(_) if dead => {}
                    Ok(n) => {
                        if to.write_all(&buffer[..n]).is_err() {
                            break;
                        }
                    }
                    Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                    Err(_) if dead => std::thread::sleep(Duration::from_millis(20)),
                    Err(_) => break,
                }
            }
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}
