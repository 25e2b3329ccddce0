//! `prim audit verify`: is this export what the device wrote?

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{ArgGroup, Args, Subcommand};
use prim_proto::export::{self, Report, VerifyError};
use prim_proto::{KeySet, PublicKey};

use crate::Outcome;

const KEYS_HELP: &str = "A key file holds one key a line:

  device acme/room-1 d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a
  gateway gw-1 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c

A key in PEM does not say whose it is: give it with --device-key or --gateway-key. Get the keys from the people who run the device
and the gateway, not from whoever gave you the export.

Examples:
  prim audit verify meeting.jsonl --keys keys.txt
  prim audit verify meeting.jsonl --device-key room-1.pub.pem --gateway-key gw-1.pub.pem

Exit status: 0 it verifies, 1 it was tampered with (the failure and its record are named), 2 it cannot be checked
(no export, an unreadable file, or no key given for the device or for the gateway).";

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Verify an exported chain with nothing but public keys.
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
#[command(after_help = KEYS_HELP, group = ArgGroup::new("trusted").required(true).multiple(true))]
pub(crate) struct VerifyArgs {
    /// The export (JSON lines).
    file: PathBuf,
    /// Files that name role, name and key, one a line.
    #[arg(long, group = "trusted", num_args = 1.., value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// A public key in PEM of the device. May be repeated, for its earlier keys.
    #[arg(long, group = "trusted", value_name = "FILE")]
    device_key: Vec<PathBuf>,
    /// A public key in PEM of the gateway. May be repeated.
    #[arg(long, group = "trusted", value_name = "FILE")]
    gateway_key: Vec<PathBuf>,
}

pub(crate) fn run(command: &AuditCommand, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let AuditCommand::Verify(args) = command;
    let mut keys = KeySet::default();
    for path in &args.keys {
        keys.merge(read_keys(path)?);
    }
    for path in &args.device_key {
        keys.trust_any_device(read_pem(path)?.of_device());
    }
    for path in &args.gateway_key {
        keys.trust_any_gateway(read_pem(path)?.of_gateway());
    }
    let mut file = open(&args.file)?;
    match export::verify(&mut file, &keys) {
        Ok(report) => {
            write!(out, "{}", describe(&args.file, &report))?;
            Ok(Outcome::Holds)
        }
        Err(error) if error.is_tampering() => {
            writeln!(out, "{} does NOT verify ({}).", args.file.display(), error.name())?;
            writeln!(out, "{error}")?;
            Ok(Outcome::Fails)
        }
        Err(VerifyError::Malformed { line: 1, source }) if source.is_eof() => {
            bail!("verify {}: line 1 is no line of an export; {WHAT_IT_IS}", args.file.display())
        }
        Err(error @ VerifyError::NoGatewayKey { .. }) => {
            bail!(
                "verify {}: {error}; add `--gateway-key FILE` with that gateway's public key",
                args.file.display()
            )
        }
        Err(error @ VerifyError::NoDeviceKey { .. }) => {
            bail!(
                "verify {}: {error}; add `--device-key FILE` with that device's public key",
                args.file.display()
            )
        }
        Err(error) => {
            let first = matches!(error, VerifyError::Malformed { line: 1, .. });
            let hint = if first { format!(" ({WHAT_IT_IS})") } else { String::new() };
            Err(error).with_context(|| format!("verify {}{hint}", args.file.display()))
        }
    }
}

const WHAT_IT_IS: &str = "an export is JSON lines, the first of them the range that a gateway signed; \
    `prim-gateway export --meeting ID --out FILE` writes one";

/// The export, once its beginning shows that it can be one.
fn open(path: &Path) -> anyhow::Result<BufReader<File>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("open the export {name}"))?;
    if file.metadata().with_context(|| format!("look at {name}"))?.is_dir() {
        bail!("verify {name}: it is a folder; name the file in it ({WHAT_IT_IS})");
    }
    let mut reader = BufReader::new(file);
    let head = reader.fill_buf().with_context(|| format!("read {name}"))?;
    if head.iter().all(u8::is_ascii_whitespace) && head.len() < LEAST_BYTES {
        bail!("verify {name}: it is empty; {WHAT_IT_IS}");
    }
    if head.starts_with(&[0x1f, 0x8b]) {
        bail!("verify {name}: it is compressed; unpack it first, for example with `gunzip`");
    }
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if first.contains(&0) || !head.trim_ascii_start().starts_with(b"{") {
        bail!("verify {name}: line 1 is no line of an export; {WHAT_IT_IS}");
    }
    Ok(reader)
}

/// The first line of an export alone is longer.
const LEAST_BYTES: usize = 400;

fn read_text(path: &Path) -> anyhow::Result<String> {
    let name = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("read the key file {name}"))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| anyhow::anyhow!("{name} is no key file: it is not text; want PEM or one key a line"))?;
    if text.trim().is_empty() {
        bail!(
            "the key file {} is empty; get the public keys from those who run device and gateway",
            path.display()
        );
    }
    if text.contains("PRIVATE KEY") {
        bail!("{} holds a private key: give the public one, and keep this one to yourself", path.display());
    }
    Ok(text)
}

fn read_pem(path: &Path) -> anyhow::Result<PublicKey> {
    PublicKey::from_pem(&read_text(path)?)
        .with_context(|| format!("{} is no Ed25519 public key in PEM", path.display()))
}

fn read_keys(path: &Path) -> anyhow::Result<KeySet> {
    let text = read_text(path)?;
    if text.contains("-----BEGIN") {
        let name = path.display();
        bail!("{name} does not say whose key it is: write `--device-key {name}` or `--gateway-key {name}`");
    }
    text.parse().with_context(|| format!("read the key file {}", path.display()))
}

fn describe(file: &Path, report: &Report) -> String {
    let range = &report.range;
    let as_of = jiff::Timestamp::from_millisecond(report.as_of().unix_millis())
        .map_or_else(|_| "an impossible time".to_owned(), |time| time.to_string());
    let mut text = format!(
        "{} verifies.\n\n  device    {}/{}\n  stream    {}, epoch {}\n  records   {} ({} to {})\n  as of     {} (gateway {})\n",
        file.display(),
        range.org,
        range.device,
        range.stream,
        range.epoch,
        report.records,
        range.from,
        range.to,
        as_of,
        range.gateway,
    );
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<9} {value}\n"));
    line("heads", format!("{} signed by the device, counter-signed by the gateway", report.heads));
    if report.rotations > 0 {
        line("keys", format!("{} handed over from old to new", report.rotations));
    }
    if report.erased > 0 {
        line(
            "erased",
            format!("{} records without some of their words; what stood there cannot be read", report.erased),
        );
    }
    for (from, to) in &report.lost {
        line("lost", format!("{from} to {to}: the device says it had to drop them"));
    }
    if report.unknown > 0 {
        line(
            "unknown",
            format!("{} records newer than this program; unchanged all the same", report.unknown),
        );
    }
    text.push_str(
        "\nThis proves that the device wrote these records in this order and that none was changed, added or taken\n\
         away since, as of the time above. It does not prove that what they say is true, nor what came later.\n",
    );
    text
}
