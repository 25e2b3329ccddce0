//! Opening models by name: the manifest says which engine, the engine's factory makes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{Kind, Manifest, ModelEntry, Source, Stt, Tts, Vad};

type Factory<T> = Box<dyn Fn(&ModelEntry) -> Result<Box<T>, OpenModelError> + Send + Sync>;

/// Engines by name, models by manifest.
pub struct ModelRegistry {
    manifest: Manifest,
    store: PathBuf,
    vad: BTreeMap<String, Factory<dyn Vad>>,
    stt: BTreeMap<String, Factory<dyn Stt>>,
    tts: BTreeMap<String, Factory<dyn Tts>>,
}

impl std::fmt::Debug for ModelRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelRegistry")
            .field("models", &self.manifest.iter().map(|e| e.name.as_str()).collect::<Vec<_>>())
            .field(
                "engines",
                &self.vad.keys().chain(self.stt.keys()).chain(self.tts.keys()).collect::<Vec<_>>(),
            )
            .finish_non_exhaustive()
    }
}

/// Why a model does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenModelError {
    /// The manifest has no such model.
    #[error("open model {name}: the manifest does not name it; it names {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// It is another kind of model.
    #[error("open model {name}: it is a {is}, not a {wanted}")]
    WrongKind {
        /// The name.
        name: String,
        /// What it is.
        is: Kind,
        /// What was asked for.
        wanted: Kind,
    },
    /// No factory for its engine.
    #[error("open model {name}: this program is built without the engine {engine}")]
    NoEngine {
        /// The name.
        name: String,
        /// The engine.
        engine: String,
    },
    /// A Debian package is missing.
    #[error(
        "open model {name}: {path} is missing; install Debian package {package}: apt-get install {package}"
    )]
    MissingPackage {
        /// The name.
        name: String,
        /// The missing file.
        path: String,
        /// The package.
        package: String,
    },
    /// A downloaded file is missing.
    #[error("open model {name}: {path} is missing; fetch it from {address}")]
    MissingFile {
        /// The name.
        name: String,
        /// The missing file.
        path: String,
        /// Where it comes from.
        address: String,
    },
    /// A file cannot be read.
    #[error("open model {name}: read {path}")]
    Unreadable {
        /// The name.
        name: String,
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file has other bytes than the manifest says.
    #[error(
        "open model {name}: {path} has sha256 {found}, the manifest says {wanted}; delete it and fetch it again"
    )]
    Damaged {
        /// The name.
        name: String,
        /// The file.
        path: String,
        /// Its hash.
        found: String,
        /// The manifest's hash.
        wanted: String,
    },
    /// An option the engine does not understand.
    #[error("open model {name}: option {option}: {why}")]
    Option {
        /// The name.
        name: String,
        /// The option.
        option: String,
        /// What is wrong and what to write.
        why: String,
    },
    /// The engine refused.
    #[error("open model {name} with {engine}: {why}")]
    Engine {
        /// The name.
        name: String,
        /// The engine.
        engine: String,
        /// What it said.
        why: String,
    },
}

impl ModelRegistry {
    /// A registry without engines; downloaded models are looked for in `/var/lib/prim/models`.
    #[must_use]
    pub fn new(manifest: Manifest) -> Self {
        Self {
            manifest,
            store: PathBuf::from("/var/lib/prim/models"),
            vad: BTreeMap::new(),
            stt: BTreeMap::new(),
            tts: BTreeMap::new(),
        }
    }

    /// Looks for downloaded models in `folder`.
    #[must_use]
    pub fn with_store(mut self, folder: impl Into<PathBuf>) -> Self {
        self.store = folder.into();
        self
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// `make` opens every voice activity model of `engine`.
    pub fn register_vad<F>(&mut self, engine: &str, make: F)
    where
        F: Fn(&ModelEntry) -> Result<Box<dyn Vad>, OpenModelError> + Send + Sync + 'static,
    {
        self.vad.insert(engine.to_owned(), Box::new(make));
    }

    /// `make` opens every recogniser of `engine`.
    pub fn register_stt<F>(&mut self, engine: &str, make: F)
    where
        F: Fn(&ModelEntry) -> Result<Box<dyn Stt>, OpenModelError> + Send + Sync + 'static,
    {
        self.stt.insert(engine.to_owned(), Box::new(make));
    }

    /// `make` opens every voice of `engine`.
    pub fn register_tts<F>(&mut self, engine: &str, make: F)
    where
        F: Fn(&ModelEntry) -> Result<Box<dyn Tts>, OpenModelError> + Send + Sync + 'static,
    {
        self.tts.insert(engine.to_owned(), Box::new(make));
    }

    /// Opens a voice activity detector.
    ///
    /// # Errors
    /// [`OpenModelError`] says which file or package is missing and how to get it.
    pub fn open_vad(&self, name: &str) -> Result<Box<dyn Vad>, OpenModelError> {
        self.open(name, Kind::Vad, &self.vad)
    }

    /// Opens a recogniser: one per ear.
    ///
    /// # Errors
    /// [`OpenModelError`] says which file or package is missing and how to get it.
    pub fn open_stt(&self, name: &str) -> Result<Box<dyn Stt>, OpenModelError> {
        self.open(name, Kind::Stt, &self.stt)
    }

    /// Opens a voice.
    ///
    /// # Errors
    /// [`OpenModelError`] says which file or package is missing and how to get it.
    pub fn open_tts(&self, name: &str) -> Result<Box<dyn Tts>, OpenModelError> {
        self.open(name, Kind::Tts, &self.tts)
    }

    fn open<T: ?Sized>(
        &self,
        name: &str,
        wanted: Kind,
        factories: &BTreeMap<String, Factory<T>>,
    ) -> Result<Box<T>, OpenModelError> {
        let entry = self.entry(name, wanted)?;
        let Some(make) = factories.get(&entry.engine) else {
            return Err(OpenModelError::NoEngine { name: name.to_owned(), engine: entry.engine.clone() });
        };
        make(&self.placed(entry)?)
    }

    /// Whether the model is known and its files are there and unchanged, without loading it.
    ///
    /// # Errors
    /// [`OpenModelError`] as for opening it.
    pub fn check(&self, name: &str, wanted: Kind) -> Result<(), OpenModelError> {
        self.entry(name, wanted).and_then(|entry| self.placed(entry)).map(|_| ())
    }

    /// Whether every file of a known model is there, whatever is in it.
    #[must_use]
    pub fn is_here(&self, name: &str, wanted: Kind) -> bool {
        self.entry(name, wanted).is_ok_and(|entry| {
            entry.files.iter().all(|file| match &entry.source {
                Source::Store(_) => self.store.join(&file.path).exists(),
                Source::Debian(_) | Source::BuiltIn(_) => file.path.exists(),
            })
        })
    }

    fn entry(&self, name: &str, wanted: Kind) -> Result<&ModelEntry, OpenModelError> {
        let Some(entry) = self.manifest.get(name) else {
            let known: Vec<_> =
                self.manifest.iter().filter(|e| e.kind == wanted).map(|e| e.name.as_str()).collect();
            return Err(OpenModelError::Unknown { name: name.to_owned(), known: known.join(", ") });
        };
        if entry.kind != wanted {
            return Err(OpenModelError::WrongKind { name: name.to_owned(), is: entry.kind, wanted });
        }
        Ok(entry)
    }

    /// The entry with every path absolute, present and, where the manifest gives a hash, unchanged.
    fn placed(&self, entry: &ModelEntry) -> Result<ModelEntry, OpenModelError> {
        let mut entry = entry.clone();
        for file in &mut entry.files {
            file.path = match &entry.source {
                Source::Store(_) => self.store.join(&file.path),
                Source::Debian(_) | Source::BuiltIn(_) => file.path.clone(),
            };
            let (name, path) = (entry.name.clone(), file.path.display().to_string());
            if !file.path.exists() {
                return Err(match &entry.source {
                    Source::Debian(package) => {
                        OpenModelError::MissingPackage { name, path, package: package.clone() }
                    }
                    Source::Store(address) | Source::BuiltIn(address) => {
                        OpenModelError::MissingFile { name, path, address: address.clone() }
                    }
                });
            }
            if let Some(wanted) = &file.sha256 {
                let found = sha256_of(&file.path).map_err(|source| OpenModelError::Unreadable {
                    name: name.clone(),
                    path: path.clone(),
                    source,
                })?;
                if !found.eq_ignore_ascii_case(wanted) {
                    return Err(OpenModelError::Damaged { name, path, found, wanted: wanted.clone() });
                }
            }
        }
        Ok(entry)
    }
}

fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    std::io::copy(&mut std::fs::File::open(path)?, &mut hasher)?;
    Ok(hasher.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{FakeStt, FakeTts};

    fn registry(source: &str, file: &str) -> ModelRegistry {
        let manifest = Manifest::parse(&format!(
            r#"
            [[model]]
            name = "ears"
            kind = "stt"
            engine = "fake"
            version = "1"
            licence = "MIT"
            rate_hz = 16000
            source = {source}
            files = [{file}]
            budget = {{ memory_mb = 1, cpu_percent = 1 }}
            "#
        ))
        .unwrap();
        let mut registry = ModelRegistry::new(manifest);
        registry.register_stt("fake", |_| Ok(Box::new(FakeStt::new())));
        registry.register_tts("fake", |_| Ok(Box::new(FakeTts::new())));
        registry
    }

    #[test]
    fn a_missing_package_is_named_with_the_command_that_installs_it() {
        let registry = registry(
            r#"{ debian = "pocketsphinx-en-us" }"#,
            r#"{ role = "lm", path = "/nowhere/en-us.lm.bin" }"#,
        );
        let error = registry.open_stt("ears").err().unwrap().to_string();
        assert_eq!(
            error,
            "open model ears: /nowhere/en-us.lm.bin is missing; install Debian package pocketsphinx-en-us: \
             apt-get install pocketsphinx-en-us"
        );
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = registry(r#"{ debian = "p" }"#, "").open_stt("eras").err().unwrap().to_string();
        assert!(error.contains("it names ears"), "{error}");
    }

    #[test]
    fn a_recogniser_is_not_a_voice() {
        let error = registry(r#"{ debian = "p" }"#, "").open_tts("ears").err().unwrap().to_string();
        assert_eq!(error, "open model ears: it is a recogniser, not a voice");
    }

    #[test]
    fn a_damaged_download_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("w.bin"), b"abc").unwrap();
        let good = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let at = |hash: &str| {
            registry(
                r#"{ store = "https://models.example/w" }"#,
                &format!(r#"{{ role = "weights", path = "w.bin", sha256 = "{hash}" }}"#),
            )
            .with_store(folder.path())
            .open_stt("ears")
        };
        assert!(at(good).is_ok());
        let error = at(&good.replace("ba", "bb")).err().unwrap().to_string();
        assert!(error.contains("delete it and fetch it again"), "{error}");
        std::fs::remove_file(folder.path().join("w.bin")).unwrap();
        let error = at(good).err().unwrap().to_string();
        assert!(error.contains("fetch it from https://models.example/w"), "{error}");
    }

    #[test]
    fn an_engine_that_is_not_built_in_is_named() {
        let mut registry = registry(r#"{ debian = "p" }"#, "");
        registry.stt.clear();
        let error = registry.open_stt("ears").err().unwrap().to_string();
        assert!(error.contains("built without the engine fake"), "{error}");
    }
}
