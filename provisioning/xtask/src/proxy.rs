//! A length of network cable: a TCP proxy between the device and the broker that can be cut and mended.
//!
//! Cut means what a pulled cable means to the two ends after a moment: connections die and new ones are
//! refused. Bytes read from one end and not yet written to the other are lost, as they would be.
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;

/// How often an idle copier looks whether the cable is still whole.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
struct Cable {
    cut: AtomicBool,
    gone: AtomicBool,
    refused: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

/// The proxy; dropping it cuts for good.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    cable: Arc<Cable>,
}

impl Proxy {
    /// Listen on a free port of this machine and pass every connection on to `upstream`.
    pub(crate) fn start(upstream: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("open the proxy's port")?;
        let address = listener.local_addr().context("read the proxy's port")?;
        let cable = Arc::new(Cable::default());
        let shared = Arc::clone(&cable);
        std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || accept(&listener, upstream, &shared))
            .context("start the proxy's thread")?;
        Ok(Self { address, cable })
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn cut(&self) {
        self.cable.cut.store(true, Ordering::SeqCst);
        self.cable.drop_all();
    }

    pub(crate) fn mend(&self) {
        self.cable.cut.store(false, Ordering::SeqCst);
    }

    /// Connections refused while cut: proof that the device did try.
    pub(crate) fn refused(&self) -> u64 {
        self.cable.refused.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cable.gone.store(true, Ordering::SeqCst);
        self.cable.drop_all();
        // Wakes the accepting thread, which then sees `gone`.
        let _ = TcpStream::connect_timeout(&self.address, LOOK);
    }
}

impl Cable {
    fn broken(&self) -> bool {
        self.cut.load(Ordering::SeqCst) || self.gone.load(Ordering::SeqCst)
    }

    fn drop_all(&self) {
        for stream in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn keep(&self, stream: &TcpStream) {
        if let Ok(copy) = stream.try_clone() {
            self.open.lock().unwrap_or_else(PoisonError::into_inner).push(copy);
        }
    }
}

fn accept(listener: &TcpListener, upstream: SocketAddr, cable: &Arc<Cable>) {
    for near in listener.incoming() {
        if cable.gone.load(Ordering::SeqCst) {
            return;
        }
        let Ok(near) = near else { continue };
        if cable.broken() {
            cable.refused.fetch_add(1, Ordering::SeqCst);
            continue;
        }
        let Ok(far) = TcpStream::connect_timeout(&upstream, Duration::from_secs(2)) else { continue };
        cable.keep(&near);
        cable.keep(&far);
        if cable.broken() {
            cable.drop_all();
        }
        if let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) {
            copy_on_thread(near, far, cable);
            copy_on_thread(far_too, near_too, cable);
        }
    }
}

fn copy_on_thread(from: TcpStream, to: TcpStream, cable: &Arc<Cable>) {
    let cable = Arc::clone(cable);
    let spawned =
        std::thread::Builder::new().name("proxy-copy".to_owned()).spawn(move || copy(from, to, &cable));
    // Without a thread both streams are dropped here, which the two ends see as a broken connection.
    drop(spawned);
}

fn copy(mut from: TcpStream, mut to: TcpStream, cable: &Cable) {
    let mut buffer = vec![0_u8; 16 * 1024];
    let _ = from.set_read_timeout(Some(LOOK));
    let _ = to.set_nodelay(true);
    while !cable.broken() {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                if cable.broken() || to.write_all(buffer.get(..count).unwrap_or_default()).is_err() {
                    break;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests;
