//! The command grammar behind the keyphrase.

use std::io::Write as _;

use crate::Model;
use crate::decoder::{Decoder, DecoderError, Settings};
use crate::grammar::{Commands, is_loop_word, loop_words};
use crate::letters::sounds;
use crate::recogniser::Recogniser;
use crate::segment::FRAME;
use crate::spotter::Spotted;
use crate::vocabulary::{PRIM, PRIM_SOUNDS};

/// Each word of the phone loop pays this much more than the words of a command do together: smaller favours
/// commands. Tuned on 5 commands and 10 sentences in 4 voices, dry and in a simulated room.
const LOOP_PENALTY: &str = "1e-8";

/// Sound in front of the name that the decoder gets to settle: 100 ms.
const LEAD_FRAMES: u64 = 10;
/// A command is shorter than this, from the name on: five seconds.
const LONGEST: usize = 5 * 16_000;

pub(crate) struct CommandDecoder {
    decoder: Decoder,
}

/// A command in the segment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    /// Its words, without the name.
    pub(crate) words: Vec<String>,
    /// Its last frame in the segment.
    pub(crate) last: u64,
    /// Other speech follows.
    pub(crate) followed: bool,
}

impl CommandDecoder {
    /// `pronouncer` knows the big dictionary.
    pub(crate) fn open(
        model: &Model,
        commands: &Commands,
        pronouncer: &mut Recogniser,
    ) -> Result<Self, DecoderError> {
        let mut dictionary = tempfile::NamedTempFile::new().map_err(DecoderError::Temporary)?;
        let mut lines = format!("{PRIM} {PRIM_SOUNDS}\n");
        for (word, phone) in loop_words() {
            lines.push_str(&format!("{word} {phone}\n"));
        }
        for word in commands.words.iter().filter(|w| *w != PRIM) {
            let main = pronouncer.pronunciation(word).unwrap_or_else(|| sounds(word));
            lines.push_str(&format!("{word} {main}\n"));
            for variant in (2..=4).map(|n| format!("{word}({n})")) {
                if let Some(phones) = pronouncer.pronunciation(&variant) {
                    lines.push_str(&format!("{variant} {phones}\n"));
                }
            }
        }
        dictionary.write_all(lines.as_bytes()).map_err(DecoderError::Temporary)?;
        let settings = Settings::default()
            .with("hmm", model.acoustic.display())
            .with("dict", dictionary.path().display())
            .with("remove_noise", "yes")
            .with("remove_silence", "no")
            .with("lw", 1)
            .with("wip", LOOP_PENALTY);
        let mut decoder = Decoder::open(&settings)?;
        decoder.use_grammar(&commands.jsgf)?;
        Ok(Self { decoder })
    }

    /// The command behind the name, if one stands there.
    pub(crate) fn decode(&mut self, samples: &[i16], name: Spotted) -> Result<Option<Said>, DecoderError> {
        let lead = name.first.saturating_sub(LEAD_FRAMES);
        let start = usize::try_from(lead * FRAME).unwrap_or(usize::MAX);
        let sound = samples.get(start..samples.len().min(start.saturating_add(LONGEST))).unwrap_or_default();
        self.decoder.begin()?;
        self.decoder.feed(sound, true)?;
        self.decoder.end();
        let heard = self.decoder.hypothesis();
        let spoken = heard.iter().filter(|h| !h.word.starts_with(['<', '[', '+', '(']));
        let mut said = Said { words: Vec::new(), last: name.last, followed: false };
        for h in spoken.skip_while(|h| h.word != PRIM).skip(1) {
            if is_loop_word(&h.word) {
                said.followed = true;
            } else if said.followed {
                break;
            } else {
                said.words.push(h.word.split('(').next().unwrap_or_default().to_owned());
                said.last = lead + h.last;
            }
        }
        Ok((!said.words.is_empty()).then_some(said))
    }
}
