//! `models/manifest.toml`: every model Prim knows, where it comes from, what it costs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Voice activity.
    Vad,
    /// Speech to text.
    Stt,
    /// Text to speech.
    Tts,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Vad => "voice activity detector",
            Self::Stt => "recogniser",
            Self::Tts => "voice",
        })
    }
}

/// Where the model's files come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A Debian package; apt verifies the bytes, so the files carry no hash.
    Debian(String),
    /// Compiled into this crate.
    BuiltIn(String),
    /// A file below the model folder, placed there from this address; every file carries its hash.
    Store(String),
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// What the engine calls it, for example `acoustic`.
    pub role: String,
    /// Absolute for Debian packages, relative to the model folder for the store. May be a folder for Debian.
    pub path: PathBuf,
    /// Lower-case hexadecimal; required for the store.
    pub sha256: Option<String>,
}

/// What a model may cost while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Resident memory in MiB.
    pub memory_mb: u32,
    /// Percent of one core of the reference device while it works in real time.
    pub cpu_percent: u32,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// The name used in configuration.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// The engine that runs it.
    pub engine: String,
    /// The model's version.
    pub version: String,
    /// SPDX.
    pub licence: String,
    /// Frames per second in or out.
    pub rate_hz: u32,
    /// Where it comes from.
    pub source: Source,
    /// Its files.
    #[serde(default)]
    pub files: Vec<ModelFile>,
    /// Its cost.
    pub budget: Budget,
    /// Engine options, for example `voice = "slt"`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

impl ModelEntry {
    /// The path of the file with this role, if the entry names one.
    #[must_use]
    pub fn file(&self, role: &str) -> Option<&std::path::Path> {
        self.files.iter().find(|f| f.role == role).map(|f| f.path.as_path())
    }
}

/// All models.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    models: Vec<ModelEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    model: Vec<ModelEntry>,
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not TOML of this shape.
    #[error("read the model manifest: correct the line named below")]
    Syntax(#[source] toml::de::Error),
    /// Two models of one name.
    #[error("read the model manifest: the name {name} stands twice, names are unique")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A downloaded file without a good hash.
    #[error("read the model manifest: {name}: file {path} needs sha256 with 64 hexadecimal digits")]
    Hash {
        /// The model.
        name: String,
        /// The file.
        path: String,
    },
    /// A path that would leave its place.
    #[error("read the model manifest: {name}: {path} must be {wanted}")]
    Path {
        /// The model.
        name: String,
        /// The file.
        path: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// A rate of zero.
    #[error("read the model manifest: {name}: rate_hz must be 8000 to 192000")]
    Rate {
        /// The model.
        name: String,
    },
}

impl Manifest {
    /// Reads and checks a manifest; touches no file.
    ///
    /// # Errors
    /// [`ManifestError`] names the model and what to correct.
    pub fn parse(toml_text: &str) -> Result<Self, ManifestError> {
        let document: Document = toml::from_str(toml_text).map_err(ManifestError::Syntax)?;
        for (i, entry) in document.model.iter().enumerate() {
            if document.model.iter().take(i).any(|e| e.name == entry.name) {
                return Err(ManifestError::Duplicate { name: entry.name.clone() });
            }
            check(entry)?;
        }
        Ok(Self { models: document.model })
    }

    /// The model of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ModelEntry> {
        self.models.iter().find(|e| e.name == name)
    }

    /// All models in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &ModelEntry> {
        self.models.iter()
    }
}

fn check(entry: &ModelEntry) -> Result<(), ManifestError> {
    let name = || entry.name.clone();
    if !(8_000..=192_000).contains(&entry.rate_hz) {
        return Err(ManifestError::Rate { name: name() });
    }
    for file in &entry.files {
        let path = || file.path.display().to_string();
        let good_hash =
            file.sha256.as_ref().is_none_or(|h| h.len() == 64 && h.bytes().all(|b| b.is_ascii_hexdigit()));
        let (hash_needed, place) = match &entry.source {
            Source::Debian(_) => (false, (!file.path.is_absolute()).then_some("absolute")),
            Source::Store(_) => (true, (!stays_below(&file.path)).then_some("relative and without ..")),
            Source::BuiltIn(_) => (false, Some("absent: a built-in model has no files")),
        };
        if let Some(wanted) = place {
            return Err(ManifestError::Path { name: name(), path: path(), wanted });
        }
        if !good_hash || (hash_needed && file.sha256.is_none()) {
            return Err(ManifestError::Hash { name: name(), path: path() });
        }
    }
    Ok(())
}

fn stays_below(path: &std::path::Path) -> bool {
    path.components().all(|c| matches!(c, std::path::Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: &str = r#"
        [[model]]
        name = "x"
        kind = "stt"
        engine = "e"
        version = "1"
        licence = "MIT"
        rate_hz = 16000
        source = { store = "https://models.example/x" }
        files = [{ role = "weights", path = "x/w.bin", sha256 = "HASH" }]
        budget = { memory_mb = 1, cpu_percent = 1 }
    "#;

    fn one() -> String {
        ONE.replace("HASH", &"a".repeat(64))
    }

    #[test]
    fn the_committed_manifest_is_valid() {
        let manifest = Manifest::parse(crate::BUILT_IN_MANIFEST).unwrap();
        for name in ["pocketsphinx-en-us", "flite-slt", "earshot"] {
            assert!(manifest.get(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_downloaded_file_needs_a_hash() {
        assert!(Manifest::parse(&one()).is_ok());
        let short = Manifest::parse(ONE).unwrap_err().to_string();
        assert!(short.contains("sha256 with 64"), "{short}");
    }

    #[test]
    fn a_path_cannot_leave_the_model_folder() {
        let error = Manifest::parse(&one().replace("x/w.bin", "../w.bin")).unwrap_err().to_string();
        assert!(error.contains("without .."), "{error}");
    }

    #[test]
    fn unknown_keys_and_doubled_names_are_refused() {
        assert!(Manifest::parse(&one().replace("licence", "license")).is_err());
        assert!(matches!(
            Manifest::parse(&format!("{}{}", one(), one())),
            Err(ManifestError::Duplicate { name }) if name == "x"
        ));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
            let _ = Manifest::parse(&text);
        }

        #[test]
        fn no_damage_makes_the_parser_panic(at in 0_usize..300, with in "\\PC{0,8}") {
            let mut text: Vec<char> = one().chars().collect();
            let at = at.min(text.len());
            text.splice(at..(at + 3).min(text.len()), with.chars());
            let _ = Manifest::parse(&text.into_iter().collect::<String>());
        }
    }
}
