//! Voice activity by Silero's network (v5 and v6, 16 kHz).

use std::path::{Path, PathBuf};

use ort::session::Session;
use ort::value::TensorRef;
use prim_models::{Vad, VadError};

use crate::Runtime;

/// Samples of one frame: 32 ms at 16 kHz, fixed by the network.
const FRAME: usize = 512;
/// Samples of the frame before that the network sees again.
const CONTEXT: usize = 64;
/// Numbers that the network hands from frame to frame: 2 × 1 × 128.
const STATE: usize = 256;

/// Why a file is no detector.
#[derive(Debug, thiserror::Error)]
pub enum OpenSileroError {
    /// No file, or no network that the runtime understands.
    #[error("read the network {}: {why}; fetch it again", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the runtime said.
        why: String,
    },
    /// A network, but not this one.
    #[error(
        "use the network {}: it is not Silero's for voice activity, version 5 or 6 ({why}); fetch that one",
        path.display()
    )]
    AnotherNetwork {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
}

/// One detector per stream: it remembers what it has heard.
#[derive(Debug)]
pub struct Silero {
    session: Session,
    /// The context and the frame as the network takes them.
    sound: Box<[f32]>,
    state: Box<[f32]>,
}

impl Silero {
    /// Opens the network and tries it once on silence, so that a wrong one is known now.
    ///
    /// # Errors
    /// [`OpenSileroError`] names the file and what is wrong with it.
    pub fn open(runtime: &Runtime, network: &Path) -> Result<Self, OpenSileroError> {
        // One thread: a frame takes some hundred microseconds, waking others would take longer.
        let open = || -> ort::Result<Session> {
            Session::builder(&runtime.0)?
                .with_intra_threads(1)?
                .with_inter_threads(1)?
                .commit_from_file(network)
        };
        let session = open().map_err(|error| OpenSileroError::Unreadable {
            path: network.to_owned(),
            why: error.to_string(),
        })?;
        let sound = vec![0.0; CONTEXT + FRAME].into_boxed_slice();
        let mut silero = Self { session, sound, state: vec![0.0; STATE].into_boxed_slice() };
        silero.run().map_err(|why| OpenSileroError::AnotherNetwork { path: network.to_owned(), why })?;
        silero.reset();
        Ok(silero)
    }

    /// Judges `sound` and takes the state over; in words what does not fit.
    fn run(&mut self) -> Result<f32, String> {
        let Self { session, sound, state } = self;
        let mut judge = || -> ort::Result<Result<f32, String>> {
            let outputs = session.run(ort::inputs![
                "input" => TensorRef::from_array_view(([1_usize, CONTEXT + FRAME], &**sound))?,
                "state" => TensorRef::from_array_view(([2_usize, 1, STATE / 2], &**state))?,
                "sr" => TensorRef::from_array_view(((), &[16_000_i64][..]))?,
            ])?;
            let (Some(probability), Some(next)) = (outputs.get("output"), outputs.get("stateN")) else {
                return Ok(Err("it has no outputs `output` and `stateN`".to_owned()));
            };
            let (_, probability) = probability.try_extract_tensor::<f32>()?;
            let (_, next) = next.try_extract_tensor::<f32>()?;
            let (&[probability], STATE) = (probability, next.len()) else {
                return Ok(Err(format!(
                    "it gives {} probabilities and {} numbers of state instead of 1 and {STATE}",
                    probability.len(),
                    next.len()
                )));
            };
            state.copy_from_slice(next);
            Ok(Ok(probability))
        };
        judge().map_err(|error| error.to_string())?
    }
}

impl Vad for Silero {
    fn frame_len(&self) -> usize {
        FRAME
    }

    fn probability(&mut self, frame: &[f32]) -> Result<f32, VadError> {
        if frame.len() != FRAME {
            return Err(VadError::FrameLength { given: frame.len(), wanted: FRAME });
        }
        self.sound.copy_within(FRAME.., 0);
        for (own, &s) in self.sound[CONTEXT..].iter_mut().zip(frame) {
            *own = if s.is_nan() { 0.0 } else { s.clamp(-1.0, 1.0) };
        }
        let p = self.run().map_err(|why| VadError::Engine { why })?;
        Ok(if p.is_finite() { p.clamp(0.0, 1.0) } else { 0.0 })
    }

    fn reset(&mut self) {
        self.sound.fill(0.0);
        self.state.fill(0.0);
    }
}
