//! The crates of the workspace: where each lives, which tier it stands on, whom it imports.
use std::process::Command;

use serde::Deserialize;

/// What the layout says about one crate.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Folder from the top of the checkout.
    pub folder: &'static str,
    /// Name in its manifest.
    pub name: &'static str,
    /// A crate imports lower tiers only.
    pub tier: u8,
    /// Pure: no clock, no files, no threads, no runtime.
    pub pure: bool,
}

const fn place(folder: &'static str, name: &'static str, tier: u8, pure: bool) -> Place {
    Place { folder, name, tier, pure }
}

/// The layout. A crate that is not in it has no place yet: give it one here, and say in README.md what it is.
pub const PLACES: &[Place] = &[
    place("cloud-sync/ids", "prim-ids", 0, true),
    place("dsp/audio", "prim-audio", 0, true),
    place("daemon/meeting", "prim-meeting", 1, true),
    place("dsp/frontend", "prim-dsp", 1, true),
    place("cloud-sync/proto", "prim-proto", 1, true),
    place("provisioning/settings", "prim-settings", 1, false),
    place("hal/api", "prim-hal", 2, false),
    place("models/api", "prim-models", 2, false),
    place("daemon/adapter", "prim-adapter", 2, false),
    place("cloud-sync/spool", "prim-spool", 2, false),
    place("hal/linux", "prim-hal-linux", 3, false),
    place("hal/desktop", "prim-hal-desktop", 3, false),
    place("hal/sim", "prim-hal-sim", 3, false),
    place("models/earshot", "prim-models-earshot", 3, false),
    place("models/webrtc-vad", "prim-models-webrtc-vad", 3, false),
    place("models/onnx", "prim-models-onnx", 3, false),
    place("models/pocketsphinx", "prim-models-pocketsphinx", 3, false),
    place("models/flite", "prim-models-flite", 3, false),
    place("daemon/adapter-room", "prim-adapter-room", 3, false),
    place("daemon/setup-web", "prim-setup-web", 3, false),
    place("cloud-sync/uplink", "prim-uplink", 3, false),
    place("provisioning/identity", "prim-identity", 3, false),
    place("daemon/primd", "primd", 4, false),
    place("daemon/cli", "prim-cli", 4, false),
    place("cloud-sync/gateway", "prim-gateway", 4, false),
    place("hil-tests/bed", "prim-bed", 5, false),
    place("hil-tests/scenarios", "prim-scenarios", 5, false),
    place("hil-tests/wave", "prim-wave", 5, false),
    place("hil-tests/sim", "prim-hil-sim", 5, false),
    place("hil-tests/crash", "prim-crash", 5, false),
    place("hil-tests/vm", "prim-hil-vm", 5, false),
    place("hil-tests/tidy", "prim-tidy", 5, false),
    place("benches", "prim-benches", 5, false),
    place("provisioning/xtask", "prim-xtask", 5, false),
];

/// Where a crate belongs, by its name.
#[must_use]
pub fn place_of(name: &str) -> Option<&'static Place> {
    PLACES.iter().find(|place| place.name == name)
}

/// A member of the workspace as its manifest has it.
#[derive(Debug, Deserialize)]
pub struct Package {
    /// `prim-meeting`.
    pub name: String,
    /// Everything it imports, tests included.
    pub dependencies: Vec<Dependency>,
    /// Where its manifest is.
    pub manifest_path: String,
    /// Its libraries, programs, tests and benches.
    pub targets: Vec<Target>,
}

/// One line of a manifest's dependency tables.
#[derive(Debug, Deserialize)]
pub struct Dependency {
    /// The other crate.
    pub name: String,
    /// Absent for `[dependencies]`, else `dev` or `build`.
    pub kind: Option<String>,
}

/// One thing cargo builds from a package.
#[derive(Debug, Deserialize)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// `lib`, `bin`, `test`, `bench`, …
    pub kind: Vec<String>,
    /// Its root file.
    pub src_path: String,
}

impl Package {
    /// What the shipped code imports: tests may reach further.
    pub fn shipped(&self) -> impl Iterator<Item = &str> {
        self.dependencies
            .iter()
            .filter(|dependency| dependency.kind.as_deref() != Some("dev"))
            .map(|dependency| dependency.name.as_str())
    }

    /// Its folder from the top of the checkout.
    #[must_use]
    pub fn folder(&self) -> String {
        let root = crate::root();
        let manifest = std::path::Path::new(&self.manifest_path);
        let folder = manifest.parent().and_then(|folder| folder.strip_prefix(&root).ok());
        folder.map(|folder| folder.display().to_string()).unwrap_or_default()
    }

    /// Does any of its targets have this kind (`lib`, `bin`, …)?
    #[must_use]
    pub fn has(&self, kind: &str) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|each| each == kind))
    }
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// The members of the workspace.
///
/// # Panics
///
/// When cargo cannot read the manifests: then nothing else holds either.
#[must_use]
pub fn members() -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(crate::root())
        .output()
        .expect("cargo starts: it runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout).expect("cargo metadata speaks JSON");
    metadata.packages
}
