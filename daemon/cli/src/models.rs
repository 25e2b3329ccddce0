//! `prim models`: what the manifest names, whether it is there and unchanged, and fetching what is not.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use prim_models::{BUILT_IN_MANIFEST, Manifest, ModelEntry, ModelFile, Source};

use crate::{Outcome, fetch};

pub(crate) const HELP: &str = "Examples:
  prim models list                              what there is, and what to do for one that is missing
  prim models verify                            every model the manifest names
  prim models verify pocketsphinx-en-us
  prim models pull NAME --manifest models.toml  of a manifest of your own; goes on where an earlier run stopped

primd takes a name of this list in [speech] recogniser, voice and vad of its configuration. The models of the built-in manifest
come with the daemon, by apt-get, or are pulled (silero); only models with an address in a manifest are. Without a network: fetch the files
elsewhere, copy them under the store, run `prim models verify`.

Exit status: 0 everything asked for is there and unchanged, 1 it is not, 2 it could not be found out.";

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Every model, and whether it is here.
    List(Where),
    /// Check files against the manifest's hashes.
    Verify(Chosen),
    /// Fetch a model's files.
    Pull(Chosen),
}

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Where {
    /// Another manifest than the one built in.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Where fetched models lie.
    #[arg(long, value_name = "FOLDER", default_value = "/var/lib/prim/models")]
    store: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// Which models; without a name, `verify` takes them all.
    names: Vec<String>,
    #[command(flatten)]
    place: Where,
}

/// How a model's files are.
enum Files {
    BuiltIn,
    Good,
    Missing { path: PathBuf },
    Changed { path: PathBuf, found: String },
}

pub(crate) fn run(command: &ModelsCommand, out: &mut impl Write) -> anyhow::Result<Outcome> {
    match command {
        ModelsCommand::List(place) => list(place, out),
        ModelsCommand::Verify(some) => verify(some, out),
        ModelsCommand::Pull(some) => pull(some, out),
    }
}

fn list(place: &Where, out: &mut impl Write) -> anyhow::Result<Outcome> {
    for entry in place.manifest()?.iter() {
        let here = match presence(entry, &place.store) {
            None => "here".to_owned(),
            Some(_) => format!("missing: {}", remedy(entry)),
        };
        let ModelEntry { name, kind, engine, version, licence, .. } = entry;
        writeln!(out, "{name:<22} {:<24} {engine} {version}, {licence}; {here}", kind.to_string())?;
    }
    Ok(Outcome::Holds)
}

fn verify(some: &Chosen, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let manifest = some.place.manifest()?;
    let mut outcome = Outcome::Holds;
    for entry in chosen(&manifest, &some.names, true)? {
        let words = match check(entry, &some.place.store)? {
            Files::BuiltIn => "built in".to_owned(),
            Files::Good if entry.files.iter().any(|file| file.sha256.is_some()) => {
                "here and unchanged".to_owned()
            }
            Files::Good => "here; its bytes are apt's to check (`debsums`)".to_owned(),
            Files::Missing { path } => {
                outcome = Outcome::Fails;
                format!("{} is missing: {}", path.display(), remedy(entry))
            }
            Files::Changed { path, found } => {
                outcome = Outcome::Fails;
                format!(
                    "{} was changed (its sha256 is {found}): delete it, then {}",
                    path.display(),
                    remedy(entry)
                )
            }
        };
        writeln!(out, "{:<22} {words}", entry.name)?;
    }
    Ok(outcome)
}

fn pull(some: &Chosen, out: &mut impl Write) -> anyhow::Result<Outcome> {
    if some.names.is_empty() {
        bail!("name the models to fetch; `prim models list` shows them");
    }
    let manifest = some.place.manifest()?;
    for entry in chosen(&manifest, &some.names, false)? {
        let address = match &entry.source {
            Source::Store(address) => address,
            Source::Debian(_) | Source::BuiltIn(_) => {
                writeln!(out, "{:<22} nothing to fetch: {}", entry.name, remedy(entry))?;
                continue;
            }
        };
        for file in &entry.files {
            let to = some.place.store.join(&file.path);
            let wanted = file.sha256.as_deref().context("the manifest gives no hash")?;
            if to.exists() && fetch::sha256_of(&to)?.eq_ignore_ascii_case(wanted) {
                writeln!(out, "{:<22} {} is here already", entry.name, to.display())?;
                continue;
            }
            let url = address_of(address, entry, file);
            let bytes = fetch::file(&url, &to, wanted).with_context(|| {
                format!(
                    "pull {}; without a network, copy the file to {} and run `prim models verify`",
                    entry.name,
                    to.display()
                )
            })?;
            writeln!(out, "{:<22} {} fetched, {bytes} bytes, sha256 right", entry.name, to.display())?;
        }
    }
    Ok(Outcome::Holds)
}

/// Where a file comes from: an address that ends in `/`, or of a model with several files, is a folder.
fn address_of(address: &str, entry: &ModelEntry, file: &ModelFile) -> String {
    if address.ends_with('/') || entry.files.len() > 1 {
        let name = file.path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        format!("{}/{name}", address.trim_end_matches('/'))
    } else {
        address.to_owned()
    }
}

fn chosen<'a>(manifest: &'a Manifest, names: &[String], all: bool) -> anyhow::Result<Vec<&'a ModelEntry>> {
    if names.is_empty() && all {
        return Ok(manifest.iter().collect());
    }
    let find = |name: &String| {
        manifest
            .get(name)
            .with_context(|| format!("the manifest names no model {name}; `prim models list` shows all"))
    };
    names.iter().map(find).collect()
}

/// The first file that is not there.
fn presence(entry: &ModelEntry, store: &Path) -> Option<PathBuf> {
    entry.files.iter().map(|file| place(entry, file, store)).find(|path| !path.exists())
}

fn place(entry: &ModelEntry, file: &ModelFile, store: &Path) -> PathBuf {
    match entry.source {
        Source::Store(_) => store.join(&file.path),
        Source::Debian(_) | Source::BuiltIn(_) => file.path.clone(),
    }
}

fn check(entry: &ModelEntry, store: &Path) -> anyhow::Result<Files> {
    if entry.files.is_empty() {
        return Ok(Files::BuiltIn);
    }
    if let Some(path) = presence(entry, store) {
        return Ok(Files::Missing { path });
    }
    for file in &entry.files {
        let path = place(entry, file, store);
        let Some(wanted) = &file.sha256 else { continue };
        let found = fetch::sha256_of(&path).with_context(|| format!("read {}", path.display()))?;
        if !found.eq_ignore_ascii_case(wanted) {
            return Ok(Files::Changed { path, found });
        }
    }
    Ok(Files::Good)
}

fn remedy(entry: &ModelEntry) -> String {
    match &entry.source {
        Source::Debian(package) => format!("apt-get install {package}"),
        Source::BuiltIn(krate) => format!("it is compiled into the daemon ({krate})"),
        Source::Store(_) => format!("prim models pull {}", entry.name),
    }
}

impl Where {
    fn manifest(&self) -> anyhow::Result<Manifest> {
        let text = match &self.manifest {
            None => BUILT_IN_MANIFEST.to_owned(),
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("read the manifest {}", path.display()))?,
        };
        Ok(Manifest::parse(&text)?)
    }
}
