//! The envelope of both simulator sockets: `[u8 kind][u32 little-endian length][payload]`.

use std::io::{self, Read};

/// The longest payload; a longer one is not read but refused.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;
const HEADER_BYTES: usize = 5;

/// Why no frame could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadFrameError {
    /// The other side closed the socket between two frames.
    #[error("read a frame from the simulator socket: the other side has closed it")]
    Closed,
    /// The header promises more than a frame may have.
    #[error(
        "read a frame from the simulator socket: kind {kind:#04x} announces {bytes} bytes, at most {MAX_PAYLOAD_BYTES} \
         are allowed; the two sides are not of one version or lost step"
    )]
    TooLong {
        /// The frame's kind byte.
        kind: u8,
        /// What it announces.
        bytes: usize,
    },
    /// The socket failed or ended inside a frame.
    #[error("read a frame from the simulator socket")]
    Io(#[source] io::Error),
}

/// Appends one frame to `out`. A payload over [`MAX_PAYLOAD_BYTES`] is a bug of the caller and is cut to nothing
/// in release; callers here have fixed sizes.
pub fn push_frame(out: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    debug_assert!(payload.len() <= MAX_PAYLOAD_BYTES, "a frame of {} bytes", payload.len());
    let payload = if payload.len() <= MAX_PAYLOAD_BYTES { payload } else { &[] };
    out.push(kind);
    out.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(payload);
}

/// Reads one frame from a blocking stream; `payload` is overwritten and kept for its allocation.
///
/// # Errors
/// See [`ReadFrameError`].
pub fn read_frame(from: &mut impl Read, payload: &mut Vec<u8>) -> Result<u8, ReadFrameError> {
    let mut header = [0; HEADER_BYTES];
    let mut filled = 0;
    while filled < HEADER_BYTES {
        match from.read(&mut header[filled..]) {
            Ok(0) if filled == 0 => return Err(ReadFrameError::Closed),
            Ok(0) => return Err(ReadFrameError::Io(io::ErrorKind::UnexpectedEof.into())),
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(ReadFrameError::Io(e)),
        }
    }
    let (kind, bytes) = split_header(header);
    if bytes > MAX_PAYLOAD_BYTES {
        return Err(ReadFrameError::TooLong { kind, bytes });
    }
    payload.clear();
    payload.resize(bytes, 0);
    from.read_exact(payload).map_err(ReadFrameError::Io)?;
    Ok(kind)
}

fn split_header(header: [u8; HEADER_BYTES]) -> (u8, usize) {
    let [kind, a, b, c, d] = header;
    (kind, usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX))
}

/// Puts frames together from pieces of any size, for a socket that is polled.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    read: usize,
}

impl FrameBuffer {
    /// Adds what the socket gave.
    pub fn extend(&mut self, bytes: &[u8]) {
        if self.read > 0 {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame, or `None` until more bytes came.
    ///
    /// # Errors
    /// [`ReadFrameError::TooLong`]; the stream is of no use afterwards.
    pub fn next_frame(&mut self) -> Result<Option<(u8, &[u8])>, ReadFrameError> {
        let rest = &self.bytes[self.read..];
        let Some(header) = rest.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let (kind, bytes) = split_header(*header);
        if bytes > MAX_PAYLOAD_BYTES {
            return Err(ReadFrameError::TooLong { kind, bytes });
        }
        if rest.len() < HEADER_BYTES + bytes {
            return Ok(None);
        }
        let start = self.read + HEADER_BYTES;
        self.read = start + bytes;
        Ok(Some((kind, &self.bytes[start..start + bytes])))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn frames_come_back_from_pieces_of_any_size(
            frames in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..300)), 0..8),
            piece in 1_usize..64,
        ) {
            let mut wire = Vec::new();
            for (kind, payload) in &frames {
                push_frame(&mut wire, *kind, payload);
            }
            let mut polled = FrameBuffer::default();
            let mut got = Vec::new();
            for bytes in wire.chunks(piece) {
                polled.extend(bytes);
                while let Some((kind, payload)) = polled.next_frame().unwrap() {
                    got.push((kind, payload.to_vec()));
                }
            }
            prop_assert_eq!(&got, &frames);

            let mut stream = wire.as_slice();
            let mut payload = Vec::new();
            for frame in &frames {
                prop_assert_eq!(read_frame(&mut stream, &mut payload).unwrap(), frame.0);
                prop_assert_eq!(&payload, &frame.1);
            }
            prop_assert!(matches!(read_frame(&mut stream, &mut payload), Err(ReadFrameError::Closed)));
        }

        #[test]
        fn no_bytes_make_the_reader_panic_or_allocate_much(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut stream = bytes.as_slice();
            let mut payload = Vec::new();
            while read_frame(&mut stream, &mut payload).is_ok() {}
            prop_assert!(payload.capacity() <= 2 * MAX_PAYLOAD_BYTES);
            let mut polled = FrameBuffer::default();
            polled.extend(&bytes);
            while let Ok(Some(_)) = polled.next_frame() {}
        }
    }
}
