//! What a process has open.

use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{OFlags, RenameFlags};
use rustix::io::Errno;

use super::machine::{Call, Machine, Sabotage, State};
use super::names::{Inode, ROOT};
use crate::disk::{Dir, LockMode, system};

/// A process of a machine, until it is dropped.
#[derive(Debug)]
pub struct Process {
    machine: Arc<Machine>,
    number: usize,
}

impl Process {
    /// A new process, on one of the seats.
    pub fn new(machine: &Arc<Machine>, seat: usize) -> Self {
        Self { machine: machine.clone(), number: machine.new_process(seat) }
    }

    /// The folder that holds everything.
    pub fn root(&self) -> Dir {
        let handle = Handle::new(&self.machine, self.number, ROOT, "");
        Dir::new(system::Handle::Simulated(handle), PathBuf::from("/"))
    }

    /// A call that has nothing to do with files: others may run, and the process may die.
    pub fn pause(&self, what: &'static str) {
        let _ = self.machine.call(self.number, Call::Pause, &|| what.to_owned(), |_| Ok(()));
    }

    /// Sleeps.
    pub fn sleep(&self, time_ms: u64) {
        let _ = self.machine.sleep(self.number, time_ms);
    }

    /// Whether one of its calls failed because the seed wanted it.
    pub fn met_faults(&self) -> bool {
        self.machine.faults(self.number) > 0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.machine.end_process(self.number);
    }
}

/// An open file or folder of a process.
#[derive(Debug)]
pub struct Handle {
    machine: Arc<Machine>,
    process: usize,
    inode: Inode,
    opening: u64,
    name: String,
    /// Where `read` goes on.
    cursor: AtomicU64,
}

impl Handle {
    fn new(machine: &Arc<Machine>, process: usize, inode: Inode, name: &str) -> Self {
        let opening = machine.state().open();
        Self { machine: machine.clone(), process, inode, opening, name: name.to_owned(), cursor: AtomicU64::new(0) }
    }

    fn call<T>(&self, call: Call, line: &dyn Fn() -> String, work: impl FnOnce(&mut State) -> Result<T, Errno>) -> io::Result<T> {
        self.machine.call(self.process, call, &|| format!("{} {}", line(), self.name), work)
    }

    pub fn open(&self, name: &str, flags: OFlags) -> io::Result<Self> {
        let inode = self.call(Call::Open, &|| format!("open {name} in"), |state| {
            let found = match state.files.find(self.inode, name) {
                Err(Errno::NOENT) if flags.contains(OFlags::CREATE) => return state.files.make_file(self.inode, name, state.now_ms),
                found => found?,
            };
            if flags.contains(OFlags::EXCL) {
                return Err(Errno::EXIST);
            }
            if flags.contains(OFlags::DIRECTORY) && !state.files.is_folder(found) {
                return Err(Errno::NOTDIR);
            }
            Ok(found)
        })?;
        Ok(Self::new(&self.machine, self.process, inode, name))
    }

    pub fn make_dir(&self, name: &str) -> io::Result<()> {
        self.call(Call::Change, &|| format!("make {name} in"), |state| state.files.make_folder(self.inode, name).map(drop))
    }

    pub fn names(&self) -> io::Result<Vec<OsString>> {
        self.call(Call::Look, &|| "list".to_owned(), |state| Ok(state.files.names(self.inode)?.keys().map(OsString::from).collect()))
    }

    pub fn contains(&self, name: &str) -> io::Result<bool> {
        self.call(Call::Look, &|| format!("look for {name} in"), |state| Ok(state.files.names(self.inode)?.contains_key(name)))
    }

    pub fn unlink(&self, name: &OsStr) -> io::Result<()> {
        let name = name.to_str().ok_or(Errno::INVAL)?;
        self.call(Call::Change, &|| format!("remove {name} from"), |state| state.files.unlink(self.inode, name))
    }

    pub fn rename(&self, name: &str, target: &Self, target_name: &str, flags: RenameFlags) -> io::Result<()> {
        let line = || format!("rename {name} to {}/{target_name}, from", target.name);
        self.call(Call::Change, &line, |state| {
            let replaces = !flags.contains(RenameFlags::NOREPLACE);
            if !replaces && !state.knows_noreplace {
                return Err(Errno::INVAL);
            }
            state.files.rename((self.inode, name), (target.inode, target_name), replaces)
        })
    }

    pub fn link(&self, name: &str, target: &Self, target_name: &str) -> io::Result<()> {
        let line = || format!("link {name} to {}/{target_name}, from", target.name);
        self.call(Call::Change, &line, |state| state.files.link((self.inode, name), (target.inode, target_name)))
    }

    pub fn sync(&self) -> io::Result<()> {
        let mut is_begun = false;
        let synced = self.call(Call::Sync, &|| "sync".to_owned(), |state| {
            is_begun = true;
            match (state.files.is_folder(self.inode), state.sabotage) {
                (true, Sabotage::FolderSync) | (false, Sabotage::FileSync) => {}
                (true, _) => state.files.sync_folder(self.inode),
                (false, _) => state.files.file(self.inode)?.sync(),
            }
            Ok(())
        });
        if synced.is_err() && !is_begun && !std::thread::panicking() {
            let state = &mut *self.machine.state();
            if let Ok(file) = state.files.file(self.inode) {
                file.fail_to_sync(&mut state.random);
            }
        }
        synced
    }

    pub fn sync_filesystem(&self) -> io::Result<()> {
        self.call(Call::Sync, &|| "sync all of".to_owned(), |state| {
            state.files.sync_all();
            Ok(())
        })
    }

    pub fn bytes(&self) -> io::Result<u64> {
        self.call(Call::Look, &|| "length of".to_owned(), |state| {
            let bytes = state.files.file(self.inode)?.bytes() as u64;
            state.mark(bytes);
            Ok(bytes)
        })
    }

    pub fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.call(Call::Change, &|| format!("cut at {bytes}"), |state| {
            state.mark(bytes);
            state.files.file(self.inode)?.truncate(bytes as usize);
            Ok(())
        })
    }

    pub fn written(&self) -> io::Result<SystemTime> {
        self.call(Call::Look, &|| "time of".to_owned(), |state| Ok(time(state.files.file(self.inode)?.written_ms)))
    }

    pub fn touch(&self) -> io::Result<()> {
        self.call(Call::Change, &|| "touch".to_owned(), |state| {
            state.files.file(self.inode)?.written_ms = state.now_ms;
            Ok(())
        })
    }

    pub fn try_lock(&self, mode: LockMode) -> io::Result<bool> {
        self.call(Call::Lock, &|| format!("lock ({mode:?})"), |state| {
            let is_free = state.try_lock(self.inode, self.opening, self.process, mode == LockMode::Exclusive);
            state.mark(u64::from(is_free));
            Ok(is_free)
        })
    }

    pub fn map(&self) -> io::Result<Map> {
        let (content, rewritten) = self.call(Call::Map, &|| "map".to_owned(), |state| {
            let file = state.files.file(self.inode)?;
            Ok((file.content(), file.rewritten()))
        })?;
        let seen = rewritten.load(Ordering::SeqCst);
        Ok(Map { machine: self.machine.clone(), inode: self.inode, rewritten, first: Seen { at: seen, content, later: OnceLock::new() } })
    }

    pub fn now(&self) -> SystemTime {
        time(self.machine.state().now_ms)
    }

    pub fn sleep(&self, duration: Duration) {
        let _ = self.machine.sleep(self.process, duration.as_millis() as u64);
    }

    pub fn random(&self, buffer: &mut [u8]) {
        self.machine.state().random.bytes(buffer);
    }

    pub fn own_numbers(&self) -> (i32, u64) {
        let mut state = self.machine.state();
        (state.process_number(self.process), state.file_number(self.process))
    }
}

impl FileExt for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.call(Call::Read, &|| format!("read {} bytes at {offset} of", buffer.len()), |_| Ok(()))?;
        let content = self.machine.state().files.file(self.inode)?.content();
        let rest = content.get(offset as usize..).unwrap_or_default();
        let bytes = rest.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&rest[..bytes]);
        Ok(bytes)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.call(Call::Write, &|| format!("write {} bytes at {offset} of", bytes.len()), |state| {
            let count = state.written(self.process, bytes.len());
            let parts = bytes[..count].chunks_exact(8);
            parts.filter_map(|part| part.try_into().ok()).for_each(|part| state.mark(u64::from_le_bytes(part)));
            state.mark(offset);
            let now_ms = state.now_ms;
            let file = state.files.file(self.inode)?;
            file.write(offset as usize, &bytes[..count]);
            file.written_ms = now_ms;
            Ok(count)
        })
    }
}

impl io::Read for &Handle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.read_at(buffer, self.cursor.load(Ordering::Relaxed))?;
        self.cursor.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.machine.state().unlock(self.opening);
    }
}

/// A file in memory. It shows what is in the file: bytes that were changed since are looked at anew.
#[derive(Debug)]
pub struct Map {
    machine: Arc<Machine>,
    inode: Inode,
    rewritten: Arc<AtomicU64>,
    first: Seen,
}

/// The bytes as they were at some time, and later.
#[derive(Debug)]
struct Seen {
    at: u64,
    content: Arc<Vec<u8>>,
    later: OnceLock<Box<Seen>>,
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let now = self.rewritten.load(Ordering::SeqCst);
        let mut seen = &self.first;
        while seen.at != now {
            seen = seen.later.get_or_init(|| Box::new(self.look(now)));
        }
        &seen.content
    }
}

impl Map {
    /// What was mapped, as it is now. Where the file ends sooner a process would be ended by a bus error; here it reads zeros.
    fn look(&self, now: u64) -> Seen {
        let mut content = self.machine.state().files.file(self.inode).map(|file| file.content()).unwrap_or_default();
        if content.len() != self.first.content.len() {
            Arc::make_mut(&mut content).resize(self.first.content.len(), 0);
        }
        Seen { at: now, content, later: OnceLock::new() }
    }
}

fn time(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms)
}
