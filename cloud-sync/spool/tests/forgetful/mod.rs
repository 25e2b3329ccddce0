//! A disk that forgets: an SQLite file layer in memory where only what was synced survives a power cut.
//!
//! Writes that were not synced are kept apart. At a cut each of them is kept, dropped or torn at a 512-byte sector,
//! by dice, in any combination: a real disk may reorder them. While the power is off every call fails, so a connection
//! from before the cut cannot tidy up.
//!
//! The folder forgets as well. A file that was never synced is gone (the spool syncs its own file and the folder before
//! SQLite opens it, and SQLite syncs the folder with a new WAL's first sync). A file that was deleted without syncing the
//! folder may come back, with what was last synced of it, until the folder is synced for another reason.

#![expect(unsafe_code, reason = "an SQLite VFS is a table of C functions")]
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::PathBuf;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::ffi;

use crate::chained::Dice;

const SECTOR: usize = 512;

#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { to: usize },
}

#[derive(Debug, Default)]
struct FileState {
    /// What the platter has; `None` until the first sync.
    durable: Option<Vec<u8>>,
    /// What readers see.
    current: Vec<u8>,
    /// What was done since the last sync.
    unsynced: Vec<Change>,
}

#[derive(Debug)]
struct State {
    files: BTreeMap<String, FileState>,
    /// Deleted, and the folder was not synced since: name and what the platter has.
    deleted: BTreeMap<String, Vec<u8>>,
    powered: bool,
    /// Calls that change something until the power goes.
    fuse: Option<u64>,
    capacity: Option<u64>,
    /// A real file that takes its space from this disk too.
    reserve: Option<PathBuf>,
    syncs: u64,
    resurrected: u64,
    temporary: u64,
}

/// One disk; clones are the same disk.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    state: Arc<Mutex<State>>,
    name: String,
}

impl Disk {
    /// A new empty disk, registered with SQLite under its own name.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let state = Arc::new(Mutex::new(State {
            files: BTreeMap::new(),
            deleted: BTreeMap::new(),
            powered: true,
            fuse: None,
            capacity: None,
            reserve: None,
            syncs: 0,
            resurrected: 0,
            temporary: 0,
        }));
        let name = format!("forgetful-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        register(&name, Arc::clone(&state));
        Self { state, name }
    }

    /// What to open a connection with.
    pub(crate) fn vfs(&self) -> &str {
        &self.name
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The power goes after `changes` more writes, truncations or syncs.
    pub(crate) fn cut_after(&self, changes: u64) {
        self.lock().fuse = Some(changes);
    }

    /// Whether the power is on.
    pub(crate) fn is_powered(&self) -> bool {
        self.lock().powered
    }

    /// How often something was synced.
    pub(crate) fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// The disk has this many bytes, of which the real file at `reserve` takes its share.
    pub(crate) fn limit(&self, capacity: u64, reserve: PathBuf) {
        let mut state = self.lock();
        state.capacity = Some(capacity);
        state.reserve = Some(reserve);
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> u64 {
        self.lock().used()
    }

    /// The power comes back: what was not synced is kept, lost or torn as the dice say.
    pub(crate) fn power_on(&self, dice: &mut Dice) {
        let mut state = self.lock();
        state.powered = true;
        state.fuse = None;
        let fate = dice.below(3);
        state.files.retain(|_, file| {
            let Some(durable) = file.durable.as_mut() else { return false };
            for change in file.unsynced.drain(..) {
                // Some cuts lose everything unsynced, some a part, some tear writes as well.
                if fate == 0 || dice.below(2) == 0 {
                    continue;
                }
                apply(durable, &if fate == 2 { tear(change, dice) } else { change });
            }
            file.current = durable.clone();
            true
        });
        for (name, durable) in std::mem::take(&mut state.deleted) {
            if dice.below(2) == 0 {
                state.resurrected += 1;
                let current = durable.clone();
                let back = FileState { durable: Some(durable), current, unsynced: Vec::new() };
                state.files.entry(name).or_insert(back);
            }
        }
    }

    /// How often a deleted file came back.
    pub(crate) fn resurrected(&self) -> u64 {
        self.lock().resurrected
    }
}

fn tear(change: Change, dice: &mut Dice) -> Change {
    match change {
        Change::Write { at, mut bytes } => {
            let sectors = bytes.len().div_ceil(SECTOR) as u64;
            let kept = usize::try_from(dice.below(sectors + 1)).expect("few sectors") * SECTOR;
            bytes.truncate(kept);
            Change::Write { at, bytes }
        }
        Change::Truncate { to } => Change::Truncate { to },
    }
}

fn apply(file: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { at, bytes } => {
            if file.len() < at + bytes.len() {
                file.resize(at + bytes.len(), 0);
            }
            file[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        Change::Truncate { to } => file.truncate(*to),
    }
}

impl State {
    fn used(&self) -> u64 {
        let reserve =
            self.reserve.as_ref().and_then(|path| std::fs::metadata(path).ok()).map_or(0, |m| m.len());
        self.files.values().map(|file| file.current.len() as u64).sum::<u64>() + reserve
    }

    /// Burns the fuse; whether the power is still on for this change.
    fn changes(&mut self) -> bool {
        if let Some(left) = self.fuse.as_mut() {
            if *left == 0 {
                self.powered = false;
            } else {
                *left -= 1;
            }
        }
        self.powered
    }

    fn change(&mut self, name: &str, change: Change) -> c_int {
        if !self.changes() {
            return ffi::SQLITE_IOERR_WRITE;
        }
        let used = self.used();
        let Some(file) = self.files.get(name) else { return ffi::SQLITE_IOERR_WRITE };
        if let (Some(capacity), Change::Write { at, bytes }) = (self.capacity, &change) {
            let growth = (at + bytes.len()).saturating_sub(file.current.len()) as u64;
            if growth > 0 && used + growth > capacity {
                return ffi::SQLITE_FULL;
            }
        }
        let file = self.files.get_mut(name).expect("it was there above");
        apply(&mut file.current, &change);
        file.unsynced.push(change);
        ffi::SQLITE_OK
    }

    fn sync(&mut self, name: &str) -> c_int {
        if !self.changes() {
            return ffi::SQLITE_IOERR_FSYNC;
        }
        self.syncs += 1;
        let Some(file) = self.files.get_mut(name) else { return ffi::SQLITE_IOERR_FSYNC };
        file.unsynced.clear();
        if file.durable.replace(file.current.clone()).is_none() {
            // A new file's first sync syncs the folder, and with it what was deleted there.
            self.deleted.clear();
        }
        ffi::SQLITE_OK
    }
}

/// What SQLite holds for an open file. `base` must come first: SQLite sees only that.
#[repr(C)]
struct OpenFile {
    base: ffi::sqlite3_file,
    state: *const Mutex<State>,
    name: *mut String,
    /// Temporary files go when they are closed.
    temporary: bool,
}

fn register(name: &str, state: Arc<Mutex<State>>) {
    let name = CString::new(name).expect("no zero in the name");
    let vfs = Box::new(ffi::sqlite3_vfs {
        iVersion: 2,
        szOsFile: c_int::try_from(size_of::<OpenFile>()).expect("a small struct"),
        mxPathname: 1024,
        pNext: ptr::null_mut(),
        zName: name.into_raw(),
        pAppData: Arc::into_raw(state).cast_mut().cast(),
        xOpen: Some(x_open),
        xDelete: Some(x_delete),
        xAccess: Some(x_access),
        xFullPathname: Some(x_full_pathname),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(x_randomness),
        xSleep: Some(x_sleep),
        xCurrentTime: Some(x_current_time),
        xGetLastError: Some(x_get_last_error),
        xCurrentTimeInt64: Some(x_current_time_int64),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    });
    // SAFETY: the table and everything it points to are leaked, so they outlive every connection; all functions
    // that version 2 requires are there, and the name is unique, so no other table is replaced.
    let code = unsafe { ffi::sqlite3_vfs_register(Box::into_raw(vfs), 0) };
    assert_eq!(code, ffi::SQLITE_OK, "SQLite takes the file layer");
}

fn methods() -> *const ffi::sqlite3_io_methods {
    static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
        // Version 1 has no shared memory: WAL works in exclusive locking mode only, as the spool asks for.
        iVersion: 1,
        xClose: Some(x_close),
        xRead: Some(x_read),
        xWrite: Some(x_write),
        xTruncate: Some(x_truncate),
        xSync: Some(x_sync),
        xFileSize: Some(x_file_size),
        xLock: Some(x_lock),
        xUnlock: Some(x_lock),
        xCheckReservedLock: Some(x_check_reserved_lock),
        xFileControl: Some(x_file_control),
        xSectorSize: Some(x_sector_size),
        xDeviceCharacteristics: Some(x_device_characteristics),
        xShmMap: None,
        xShmLock: None,
        xShmBarrier: None,
        xShmUnmap: None,
        xFetch: None,
        xUnfetch: None,
    };
    &raw const METHODS
}

/// # Safety
/// `vfs` is the table made in `register`.
unsafe fn state_of<'a>(vfs: *mut ffi::sqlite3_vfs) -> MutexGuard<'a, State> {
    // SAFETY: pAppData is the leaked Arc's pointer, valid for ever.
    let state = unsafe { &*(*vfs).pAppData.cast::<Mutex<State>>() };
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// # Safety
/// `file` was filled by `x_open` and not closed.
unsafe fn file_of<'a>(file: *mut ffi::sqlite3_file) -> (MutexGuard<'a, State>, &'a str) {
    // SAFETY: SQLite gives back the memory that x_open filled, whose state is leaked and whose name lives until
    // x_close.
    unsafe {
        let open = &*file.cast::<OpenFile>();
        let state = (*open.state).lock().unwrap_or_else(PoisonError::into_inner);
        (state, (*open.name).as_str())
    }
}

/// # Safety
/// `name` is a C string.
unsafe fn text(name: *const c_char) -> String {
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}

unsafe extern "C" fn x_open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls with this table, a C string or null, szOsFile bytes at `file`, and a writable int or null.
    unsafe {
        (*file).pMethods = ptr::null();
        let shared = (*vfs).pAppData.cast::<Mutex<State>>();
        let mut state = state_of(vfs);
        if !state.powered {
            return ffi::SQLITE_CANTOPEN;
        }
        let temporary = name.is_null();
        let name = if temporary {
            state.temporary += 1;
            format!("temporary {}", state.temporary)
        } else {
            text(name)
        };
        if !state.files.contains_key(&name) {
            if flags & ffi::SQLITE_OPEN_CREATE == 0 {
                return ffi::SQLITE_CANTOPEN;
            }
            state.files.insert(name.clone(), FileState::default());
        }
        let open = OpenFile {
            base: ffi::sqlite3_file { pMethods: methods() },
            state: shared,
            name: Box::into_raw(Box::new(name)),
            temporary,
        };
        file.cast::<OpenFile>().write(open);
        if !out_flags.is_null() {
            *out_flags = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn x_close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes each file it opened once.
    unsafe {
        let (mut state, name) = file_of(file);
        if (*file.cast::<OpenFile>()).temporary {
            state.files.remove(name);
        }
        drop(state);
        drop(Box::from_raw((*file.cast::<OpenFile>()).name));
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn x_read(file: *mut ffi::sqlite3_file, to: *mut c_void, n: c_int, at: i64) -> c_int {
    // SAFETY: SQLite gives an open file and `n` writable bytes.
    unsafe {
        let (state, name) = file_of(file);
        let Some(bytes) = state.files.get(name).filter(|_| state.powered).map(|file| &file.current) else {
            return ffi::SQLITE_IOERR_READ;
        };
        let (n, at) = (usize::try_from(n).unwrap_or(0), usize::try_from(at).unwrap_or(usize::MAX));
        let have = bytes.len().saturating_sub(at).min(n);
        let to = std::slice::from_raw_parts_mut(to.cast::<u8>(), n);
        if have > 0 {
            to[..have].copy_from_slice(&bytes[at..at + have]);
        }
        to[have..].fill(0);
        if have == n { ffi::SQLITE_OK } else { ffi::SQLITE_IOERR_SHORT_READ }
    }
}

unsafe extern "C" fn x_write(file: *mut ffi::sqlite3_file, from: *const c_void, n: c_int, at: i64) -> c_int {
    // SAFETY: SQLite gives an open file and `n` readable bytes.
    unsafe {
        let (mut state, name) = file_of(file);
        let bytes = std::slice::from_raw_parts(from.cast::<u8>(), usize::try_from(n).unwrap_or(0)).to_vec();
        state.change(name, Change::Write { at: usize::try_from(at).unwrap_or(0), bytes })
    }
}

unsafe extern "C" fn x_truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: SQLite gives an open file.
    let (mut state, name) = unsafe { file_of(file) };
    state.change(name, Change::Truncate { to: usize::try_from(size).unwrap_or(0) })
}

unsafe extern "C" fn x_sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: SQLite gives an open file.
    let (mut state, name) = unsafe { file_of(file) };
    state.sync(name)
}

unsafe extern "C" fn x_file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    // SAFETY: SQLite gives an open file and a writable number.
    unsafe {
        let (state, name) = file_of(file);
        let Some(open) = state.files.get(name).filter(|_| state.powered) else {
            return ffi::SQLITE_IOERR_FSTAT;
        };
        *size = i64::try_from(open.current.len()).unwrap_or(i64::MAX);
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn x_lock(_file: *mut ffi::sqlite3_file, _level: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn x_check_reserved_lock(_file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: SQLite gives a writable int.
    unsafe { *out = 0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn x_file_control(_file: *mut ffi::sqlite3_file, _op: c_int, _arg: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn x_sector_size(_file: *mut ffi::sqlite3_file) -> c_int {
    SECTOR as c_int
}

unsafe extern "C" fn x_device_characteristics(_file: *mut ffi::sqlite3_file) -> c_int {
    0
}

unsafe extern "C" fn x_delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    // SAFETY: SQLite calls with this table and a C string.
    let (mut state, name) = unsafe { (state_of(vfs), text(name)) };
    if !state.changes() {
        return ffi::SQLITE_IOERR_DELETE;
    }
    let Some(file) = state.files.remove(&name) else { return ffi::SQLITE_IOERR_DELETE_NOENT };
    if let Some(durable) = file.durable {
        state.deleted.insert(name, durable);
    }
    if sync_folder != 0 {
        state.deleted.clear();
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn x_access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    _flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls with this table, a C string and a writable int.
    unsafe {
        let state = state_of(vfs);
        // SQLite asks whether a WAL exists; an empty file counts as none there, as on a real disk.
        *out = c_int::from(state.files.get(&text(name)).is_some_and(|file| !file.current.is_empty()));
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn x_full_pathname(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    n: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite gives a C string and `n` writable bytes.
    unsafe {
        let bytes = CStr::from_ptr(name).to_bytes_with_nul();
        if bytes.len() > usize::try_from(n).unwrap_or(0) {
            return ffi::SQLITE_CANTOPEN;
        }
        ptr::copy_nonoverlapping(bytes.as_ptr().cast(), out, bytes.len());
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn x_randomness(_vfs: *mut ffi::sqlite3_vfs, n: c_int, out: *mut c_char) -> c_int {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    // SAFETY: SQLite gives `n` writable bytes. It takes salts of the WAL from here: they must differ.
    let out = unsafe { std::slice::from_raw_parts_mut(out.cast::<u8>(), usize::try_from(n).unwrap_or(0)) };
    let mut dice = Dice(COUNT.fetch_add(1, Ordering::Relaxed));
    for byte in out {
        *byte = (dice.next() & 0xFF) as u8;
    }
    n
}

unsafe extern "C" fn x_sleep(_vfs: *mut ffi::sqlite3_vfs, micros: c_int) -> c_int {
    micros
}

unsafe extern "C" fn x_current_time(_vfs: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    // SAFETY: SQLite gives a writable number.
    unsafe { *out = 2_460_000.5 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn x_current_time_int64(_vfs: *mut ffi::sqlite3_vfs, out: *mut i64) -> c_int {
    // SAFETY: SQLite gives a writable number.
    unsafe { *out = 2_460_000 * 86_400_000 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn x_get_last_error(_vfs: *mut ffi::sqlite3_vfs, _n: c_int, _out: *mut c_char) -> c_int {
    0
}
