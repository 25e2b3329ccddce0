//! Changing the audit key: the old key consents to the new one in a record of the audit, and gateways and auditors follow
//! the record.
//!
//! It is ordered at the device, by whoever owns the key file, while the daemon is stopped, and only when nothing waits to
//! be sent: what a gateway has not seen yet must not be signed with a key it does not know. The steps survive a power
//! cut at any place: the new key waits in `<audit_key>.next`, the record goes into the spool, then the new file takes the
//! old one's place. What was cut is finished, or undone, when the folder is opened next.
//!
//! The public half lies beside the key for auditors: `audit.pub.pem` beside `audit.key.pem`. A change keeps the old one as
//! `audit.1.pub.pem`, the next as `audit.2.pub.pem`, and so on, before it writes the new one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use prim_identity::{AuditKey, load_public_key, public_key_to_pem, write_public};
use prim_ids::Stream;
use prim_proto::witness::{Line, Step};
use prim_proto::{self as proto, Audit, Body, DeviceAddress, PublicKey, Reading};
use prim_spool::{Encoded, Moment, Spool};

use crate::clock;
use crate::ledger::{Identity, Ledger};
use crate::witness::Witness;

/// How many records are read at once when the change is looked for.
const PAGE: usize = 256;

/// What the daemon must know of a change of key when it starts.
#[derive(Debug)]
pub(crate) struct Signing {
    pub(crate) key: AuditKey,
    /// No gateway has the record of the change to `key` yet: it stands in the audit at this number.
    pub(crate) changed_at: Option<u64>,
}

/// What a change of key left for auditors to take.
#[derive(Debug)]
pub struct Changed {
    /// The new key's public half.
    pub key: PublicKey,
    /// The file it stands in.
    pub new_file: PathBuf,
    /// The file the old one's public half was kept in.
    pub old_file: PathBuf,
}

/// Reads the key at `path`, after finishing or undoing what a power cut left of a change.
pub(crate) fn open(path: &Path, spool: &Spool) -> anyhow::Result<Signing> {
    let next = next_to(path);
    if next.exists() {
        let new = AuditKey::load(&next)?;
        if changed_at(spool, &public(&new))?.is_some() {
            show(path, &AuditKey::load(path)?, &new)?;
            take_the_place(&next, path)?;
            tracing::warn!("finished a change of the audit key that was cut off");
        } else {
            fs::remove_file(&next).with_context(|| format!("remove {}", next.display()))?;
            tracing::warn!("undid a change of the audit key that was cut off before it was on record");
        }
    }
    let key = AuditKey::load(path)?;
    let changed_at = changed_at(spool, &public(&key))?;
    Ok(Signing { key, changed_at })
}

/// Changes the key at `path`.
pub(crate) fn change(
    path: &Path,
    spool: &Spool,
    identity: &Identity,
    witness: Option<&Witness>,
) -> anyhow::Result<Changed> {
    let old = open(path, spool)?;
    let waiting = spool.depth()?.rows;
    if waiting > 0 {
        bail!(
            "change the audit key: {waiting} records wait to be sent under the old one; start primd with its gateway in \
             reach, stop it when nothing waits, and order it again"
        );
    }
    let new = AuditKey::generate();
    let next = next_to(path);
    write_new(&new, path, &next)?;
    let device = DeviceAddress { org: identity.org.clone(), device: identity.device.clone() };
    let consent = proto::AuditKey::from_seed(old.key.signing().to_bytes());
    let rotation = consent.rotate_to(&device, public(&new));
    let now = Moment { boot: identity.boot, at: clock::mono_now() };
    let mut ledger = Ledger::new(identity.clone());
    let draft =
        ledger.draft(now.at, Body::Audit(Audit::KeyRotated { rotation }), proto::Erasables::default());
    let mut line = None;
    let note = |line: Option<Line>| {
        if let (Some(witness), Some(line)) = (witness, line) {
            witness.note([line]);
        }
    };
    spool.append(now, Stream::Audit, |slot| {
        let placed = draft.place(slot.epoch, slot.seq, proto::Hash(slot.prev));
        let place = (slot.stream, slot.epoch, slot.seq);
        line = Some(Line { step: Step::Placed, place, hash: placed.hash });
        note(line);
        Encoded { bytes: placed.raw.into_bytes(), erasable: None, hash: placed.hash.0, meeting: None }
    })?;
    note(line.map(|line| Line { step: Step::Kept, ..line }));
    let (new_file, old_file) = show(path, &old.key, &new)?;
    take_the_place(&next, path)?;
    Ok(Changed { key: public(&new), new_file, old_file })
}

/// Puts the new key's public half where the old one's was, and keeps that under the first number that is free; says where
/// both are. Again is harmless: what a power cut left half done is found, and done no second time.
fn show(path: &Path, old: &AuditKey, new: &AuditKey) -> anyhow::Result<(PathBuf, PathBuf)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".pem").unwrap_or(&name);
    let stem = stem.strip_suffix(".key").unwrap_or(stem);
    let new_file = path.with_file_name(format!("{stem}.pub.pem"));
    let mut numbered = (1_u32..).map(|number| path.with_file_name(format!("{stem}.{number}.pub.pem")));
    let taken = |file: &PathBuf| file.exists() && load_public_key(file).ok() != Some(old.public());
    let old_file =
        numbered.find(|file| !taken(file)).context("keep the old public key: no number is free")?;
    if !old_file.exists() {
        write_public(&old_file, &public_key_to_pem(&old.public()))?;
    }
    write_public(&new_file, &public_key_to_pem(&new.public()))?;
    sync_folder(folder_of(path))?;
    Ok((new_file, old_file))
}

fn public(key: &AuditKey) -> PublicKey {
    proto::AuditKey::from_seed(key.signing().to_bytes()).public()
}

fn next_to(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    PathBuf::from(name)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// `AuditKey::write` names its files itself; the secret one becomes `next`, the public one is [shown](show) later.
fn write_new(key: &AuditKey, path: &Path, next: &Path) -> anyhow::Result<()> {
    let folder = folder_of(path);
    let stem = format!(".{}.new", path.file_stem().unwrap_or_default().to_string_lossy());
    let (secret, shown) = key.write(folder, &stem)?;
    let _ = fs::remove_file(shown);
    fs::rename(&secret, next).with_context(|| format!("write the new key to {}", next.display()))?;
    sync_folder(folder)
}

fn take_the_place(next: &Path, path: &Path) -> anyhow::Result<()> {
    fs::rename(next, path).with_context(|| format!("put the new key in the place of {}", path.display()))?;
    sync_folder(folder_of(path))
}

fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    File::open(folder)
        .and_then(|f| f.sync_all())
        .with_context(|| format!("sync the folder {}", folder.display()))
}

/// Where the change to `new` stands in the audit, if no gateway has it yet.
fn changed_at(spool: &Spool, new: &PublicKey) -> anyhow::Result<Option<u64>> {
    let mut from = 1;
    loop {
        let rows = spool.read(Stream::Audit, from, PAGE)?;
        let Some(last) = rows.last() else { return Ok(None) };
        from = last.seq + 1;
        let is_it = |raw: &[u8]| rotation_in(raw).is_some_and(|rotation| rotation.new == *new);
        if let Some(row) = rows.iter().find(|row| is_it(&row.bytes)) {
            return Ok(Some(row.seq));
        }
    }
}

/// The change of key in a raw record, if it is one.
fn rotation_in(raw: &[u8]) -> Option<proto::Rotation> {
    let Ok(Reading::Known(record)) = Reading::of(std::str::from_utf8(raw).ok()?) else { return None };
    let Some(Body::Audit(Audit::KeyRotated { rotation })) = record.body else { return None };
    Some(rotation)
}

#[cfg(test)]
mod tests {
    use prim_ids::{BootId, EpochId};
    use prim_spool::Limits;

    use super::*;

    struct Bench {
        folder: tempfile::TempDir,
        spool: Spool,
        identity: Identity,
        path: PathBuf,
    }

    fn bench() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity {
            org: "acme".parse().unwrap(),
            device: "huddle".parse().unwrap(),
            boot: BootId::from_u128(1),
        };
        let write_loss = crate::losses::writer(identity.clone(), None);
        let limits = Limits { reserve_bytes: 4096, ..Limits::default() };
        let file = folder.path().join("spool.sqlite");
        let spool = Spool::open(&file, limits, EpochId::from_u128(7), write_loss).unwrap();
        let (path, _) = AuditKey::generate().write(folder.path(), "audit").unwrap();
        Bench { folder, spool, identity, path }
    }

    fn now_at(bench: &Bench) -> PublicKey {
        public(&AuditKey::load(&bench.path).unwrap())
    }

    #[test]
    fn the_change_is_on_record_with_the_old_keys_consent_and_is_found_until_a_gateway_has_it() {
        let bench = bench();
        let old = now_at(&bench);
        let new = change(&bench.path, &bench.spool, &bench.identity, None).unwrap().key;
        assert!(new != old && now_at(&bench) == new);
        let row = &bench.spool.read(Stream::Audit, 1, 10).unwrap()[0];
        let rotation = rotation_in(&row.bytes).expect("it is the change");
        let device = DeviceAddress { org: "acme".parse().unwrap(), device: "huddle".parse().unwrap() };
        assert!(rotation.holds_for(&device) && rotation.old == old && rotation.new == new);
        assert_eq!(open(&bench.path, &bench.spool).unwrap().changed_at, Some(1));
        let again = change(&bench.path, &bench.spool, &bench.identity, None).unwrap_err().to_string();
        assert!(again.contains("1 records wait"), "{again}");
        bench.spool.acknowledge(Stream::Audit, EpochId::from_u128(7), 1).unwrap();
        assert_eq!(open(&bench.path, &bench.spool).unwrap().changed_at, None);
        let kept = fs::read_dir(bench.folder.path()).unwrap().map(|f| f.unwrap().file_name());
        assert!(!kept.into_iter().any(|name| name.to_string_lossy().contains("new")), "nothing is left over");
    }

    #[test]
    fn an_auditor_finds_the_new_public_key_and_every_earlier_one_by_its_number() {
        let bench = bench();
        let shown = |name: &str| load_public_key(&bench.folder.path().join(name)).unwrap();
        let mut keys = vec![shown("audit.pub.pem")];
        for number in 1..=2 {
            let changed = change(&bench.path, &bench.spool, &bench.identity, None).unwrap();
            bench.spool.acknowledge(Stream::Audit, EpochId::from_u128(7), number).unwrap();
            assert_eq!(changed.new_file, bench.folder.path().join("audit.pub.pem"));
            assert_eq!(changed.old_file, bench.folder.path().join(format!("audit.{number}.pub.pem")));
            keys.push(AuditKey::load(&bench.path).unwrap().public());
        }
        assert_eq!(
            [shown("audit.1.pub.pem"), shown("audit.2.pub.pem"), shown("audit.pub.pem")][..],
            keys[..]
        );
    }

    #[test]
    fn a_change_cut_off_between_the_public_keys_is_finished_without_keeping_the_old_one_twice() {
        let bench = bench();
        let (old, kept) = (AuditKey::load(&bench.path).unwrap(), fs::read(&bench.path).unwrap());
        change(&bench.path, &bench.spool, &bench.identity, None).unwrap();
        let new = AuditKey::load(&bench.path).unwrap();
        fs::rename(&bench.path, next_to(&bench.path)).unwrap();
        prim_identity::write_private(&bench.path, std::str::from_utf8(&kept).unwrap()).unwrap();
        write_public(&bench.folder.path().join("audit.pub.pem"), &public_key_to_pem(&old.public())).unwrap();
        open(&bench.path, &bench.spool).unwrap();
        let shown = |name: &str| load_public_key(&bench.folder.path().join(name)).unwrap();
        assert_eq!((shown("audit.pub.pem"), shown("audit.1.pub.pem")), (new.public(), old.public()));
        assert!(!bench.folder.path().join("audit.2.pub.pem").exists());
    }

    #[test]
    fn a_change_that_was_cut_off_is_finished_when_it_is_on_record_and_undone_when_not() {
        let bench = bench();
        let old = now_at(&bench);
        write_new(&AuditKey::generate(), &bench.path, &next_to(&bench.path)).unwrap();
        open(&bench.path, &bench.spool).unwrap();
        assert!(now_at(&bench) == old && !next_to(&bench.path).exists());

        let kept = fs::read(&bench.path).unwrap();
        let new = change(&bench.path, &bench.spool, &bench.identity, None).unwrap().key;
        fs::rename(&bench.path, next_to(&bench.path)).unwrap();
        prim_identity::write_private(&bench.path, std::str::from_utf8(&kept).unwrap()).unwrap();
        assert_eq!(now_at(&bench), old);
        assert_eq!(open(&bench.path, &bench.spool).unwrap().changed_at, Some(1));
        assert_eq!(now_at(&bench), new);
    }
}
