//! Voiceprints by a speaker network: 80 mel bands in, one vector out.

use std::path::{Path, PathBuf};

use ort::session::Session;
use ort::value::TensorRef;
use prim_models::{EmbedError, LONGEST_TURN, SHORTEST_TURN, SpeakerEmbedding, Voiceprint};

use crate::Runtime;
use crate::fbank::{BANDS, Fbank};

/// Numbers of a print: fewer tell nobody apart, more are no speaker network's.
const SIZES: std::ops::RangeInclusive<usize> = 16..=4096;

/// Why a file takes no voiceprints.
#[derive(Debug, thiserror::Error)]
pub enum OpenVoiceprintsError {
    /// No file, or no network that the runtime understands.
    #[error("read the speaker network {}: {why}; put it there again", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the runtime said.
        why: String,
    },
    /// A network, but none for speakers.
    #[error(
        "use the speaker network {}: {why}; a network is needed that takes mel energies [1, frames, 80] and gives one \
         vector, as WeSpeaker exports them",
        path.display()
    )]
    AnotherNetwork {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
}

/// A network that takes voiceprints. It remembers nothing of one turn for the next.
#[derive(Debug)]
pub struct Voiceprints {
    session: Session,
    input: String,
    fbank: Fbank,
}

impl Voiceprints {
    /// Opens the network and tries it once on silence, so that a wrong one is known now.
    ///
    /// # Errors
    /// [`OpenVoiceprintsError`] names the file and what is wrong with it.
    pub fn open(runtime: &Runtime, network: &Path) -> Result<Self, OpenVoiceprintsError> {
        let path = || network.to_owned();
        // One thread: it runs beside what must not wait.
        let open = || -> ort::Result<Session> {
            Session::builder(&runtime.0)?
                .with_intra_threads(1)?
                .with_inter_threads(1)?
                .commit_from_file(network)
        };
        let session =
            open().map_err(|e| OpenVoiceprintsError::Unreadable { path: path(), why: e.to_string() })?;
        let another = |why: String| OpenVoiceprintsError::AnotherNetwork { path: path(), why };
        let [input] = session.inputs() else {
            return Err(another(format!("it takes {} inputs instead of one", session.inputs().len())));
        };
        let input = input.name().to_owned();
        let mut prints = Self { session, input, fbank: Fbank::new() };
        let numbers = prints.run(&[0.0; SHORTEST_TURN]).map_err(another)?;
        if !SIZES.contains(&numbers.len()) {
            return Err(another(format!("its vector has {} numbers", numbers.len())));
        }
        Ok(prints)
    }

    /// What the network says of `sound`; in words what does not fit.
    fn run(&mut self, sound: &[f32]) -> Result<Vec<f32>, String> {
        let energies = self.fbank.of(sound);
        let frames = Fbank::frames(sound.len());
        let mut ask = || -> ort::Result<Vec<f32>> {
            let energies = TensorRef::from_array_view(([1_usize, frames, BANDS], &*energies))?;
            let outputs = self.session.run(ort::inputs![self.input.as_str() => energies])?;
            let first = outputs.values().next();
            let Some(first) = first else { return Ok(Vec::new()) };
            Ok(first.try_extract_tensor::<f32>()?.1.to_vec())
        };
        ask().map_err(|error| error.to_string())
    }
}

impl SpeakerEmbedding for Voiceprints {
    fn embed(&mut self, turn: &[f32]) -> Result<Voiceprint, EmbedError> {
        if turn.len() < SHORTEST_TURN {
            return Err(EmbedError::TooShort { given: turn.len(), wanted: SHORTEST_TURN });
        }
        let mut numbers =
            self.run(&turn[..turn.len().min(LONGEST_TURN)]).map_err(|why| EmbedError::Engine { why })?;
        let print = Voiceprint::new(&numbers);
        numbers.fill(0.0);
        std::hint::black_box(&numbers);
        print.ok_or_else(|| EmbedError::Engine { why: "the network gave no direction".to_owned() })
    }
}
