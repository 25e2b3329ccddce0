//! The shared library that runs networks: found, loaded once, kept.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::LoadDynamicError;
use ort::environment::Environment;

/// Names the file `libonnxruntime.so` where no setting does.
pub const RUNTIME_VARIABLE: &str = "PRIM_ONNX_RUNTIME";

/// What `cargo xtask setup` unpacks below its cache folder.
const UNPACKED: &str = "prim/onnxruntime-1.32.0/onnxruntime/capi/libonnxruntime.so.1.32.0";

const ADVICE: &str = "put the file libonnxruntime.so of the Python wheel onnxruntime (1.24 or newer, folder \
                      onnxruntime/capi) on this machine and name it in [speech] onnx_runtime or PRIM_ONNX_RUNTIME";

/// The library is one for the whole process, whoever loads it.
static LOADED: Mutex<Option<Environment>> = Mutex::new(None);

/// The loaded library.
#[derive(Debug, Clone)]
pub struct Runtime(pub(crate) Environment);

/// Why networks cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum LoadRuntimeError {
    /// Nobody named the library, and it is in none of the usual places.
    #[error("find ONNX Runtime: it is not in {looked}; {ADVICE}")]
    NotFound {
        /// Where it was looked for.
        looked: String,
    },
    /// The named file is not there.
    #[error("load ONNX Runtime: there is no file {}; {ADVICE}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The named file is no library for this machine, or another library.
    #[error("load ONNX Runtime: {} is not that library ({why}); {ADVICE}", path.display())]
    NotTheLibrary {
        /// The file.
        path: PathBuf,
        /// What the loader said.
        why: String,
    },
    /// The library is older than the calls that are made to it.
    #[error("load ONNX Runtime: {} is version {found}, 1.{minor} or newer is needed; {ADVICE}", path.display(), minor = ort::MINOR_VERSION)]
    TooOld {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// The library loads and does not start.
    #[error("start ONNX Runtime from {}: {why}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What it said.
        why: String,
    },
}

/// Where the library is: what [`RUNTIME_VARIABLE`] names, else what `cargo xtask setup` unpacked, else the system's own.
///
/// # Errors
/// [`LoadRuntimeError::NotFound`] says where it was looked for and what to do. A named file is not looked at.
pub fn find_runtime() -> Result<PathBuf, LoadRuntimeError> {
    let set = |key: &str| std::env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(named) = set(RUNTIME_VARIABLE) {
        return Ok(named);
    }
    let own_cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let caches = own_cache.into_iter().chain([PathBuf::from("/var/cache")]);
    let places: Vec<PathBuf> = caches
        .map(|cache| cache.join(UNPACKED))
        .chain(["/usr/local/lib", "/usr/lib"].map(|folder| Path::new(folder).join("libonnxruntime.so")))
        .collect();
    places.iter().find(|place| place.is_file()).cloned().ok_or_else(|| LoadRuntimeError::NotFound {
        looked: places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", "),
    })
}

impl Runtime {
    /// Loads `library`, or gives the one that this process has loaded before: there can be only one.
    ///
    /// # Errors
    /// [`LoadRuntimeError`] says what the file is instead and what to do; another file may then be tried.
    pub fn load(library: &Path) -> Result<Self, LoadRuntimeError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(environment) = &*loaded {
            return Ok(Self(environment.clone()));
        }
        let path = library.to_owned();
        // Absolute, because the loader would look for a bare name elsewhere.
        let Some(file) = std::fs::canonicalize(&path).ok().filter(|file| file.is_file()) else {
            return Err(LoadRuntimeError::Missing { path });
        };
        let builder = match ort::init_from(file) {
            Ok(builder) => builder,
            Err(LoadDynamicError::BadVersion { version_str, .. }) => {
                return Err(LoadRuntimeError::TooOld { path, found: version_str });
            }
            Err(LoadDynamicError::Dlopen { error, .. }) => {
                return Err(LoadRuntimeError::NotTheLibrary { path, why: error.to_string() });
            }
            Err(error @ (LoadDynamicError::MissingApi { .. } | LoadDynamicError::InvalidVersionString)) => {
                return Err(LoadRuntimeError::NotTheLibrary { path, why: error.to_string() });
            }
        };
        let environment = builder
            .with_name("prim")
            .with_telemetry(false)
            .build()
            .map_err(|error| LoadRuntimeError::Refused { path, why: error.to_string() })?;
        *loaded = Some(environment.clone());
        Ok(Self(environment))
    }
}
