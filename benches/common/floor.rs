//! What the operations are held against: the least that their work takes, done with nothing around it.
//!
//! A floor keeps no index, records no names, survives no crash but for the one sync that is part of it, and checks nothing.

use std::ffi::{CString, OsString};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lua_store::id::{ObjectId, ObjectKind};
use lua_store::limits::{THREADS_MAX, ZSTD_LEVEL};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, openat, statat};
use zstd_safe::{CCtx, CParameter, DCtx, compress_bound};

/// How many files a thread takes at a time.
const TAKEN_FILES: usize = 32;
/// Room for the names that one `getdents` gives, in bytes.
const NAMES_BYTES: usize = 32 << 10;
/// The history's own folder, which no floor looks into.
const HISTORY: &std::ffi::CStr = c".lua";

/// As many threads as the library has.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX)
}

/// Splits `count` things among the threads, some at a time, and gives what each thread made.
fn share_out<T: Send>(count: usize, work: impl Fn(&mut dyn Iterator<Item = usize>) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let run = || {
        let batches = std::iter::from_fn(|| Some(next.fetch_add(TAKEN_FILES, Ordering::Relaxed)).filter(|first| *first < count));
        work(&mut batches.flat_map(|first| first..(first + TAKEN_FILES).min(count)))
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads()).map(|_| scope.spawn(run)).collect();
        handles.into_iter().map(|handle| handle.join().expect("a thread of the floor ends well")).collect()
    })
}

/// The floor of a first push: reads, hashes and compresses every file, each by itself, and writes all of it in one go to a new
/// file, which is made durable. Which files there are is known beforehand. Gives the bytes written.
pub fn store_files(root: &Path, files: &[PathBuf], target: &Path) -> usize {
    let parts = share_out(files.len(), |numbers| {
        let mut context = new_compressor();
        let (mut content, mut compressed, mut part) = (Vec::new(), Vec::new(), Vec::new());
        for number in numbers {
            content.clear();
            let mut file = File::open(root.join(&files[number])).expect("a file of the workspace can be opened");
            file.read_to_end(&mut content).expect("a file of the workspace can be read");
            part.extend_from_slice(blake3::hash(&content).as_bytes());
            compress_with(&mut context, &content, &mut compressed);
            part.extend_from_slice(&compressed);
        }
        part
    });
    append_durably(target, &parts)
}

/// Appends to a file, makes that durable, and gives the bytes appended.
pub fn append_durably<T: AsRef<[u8]>>(target: &Path, parts: &[T]) -> usize {
    let mut file = File::options().append(true).create(true).open(target).expect("a file can be made beside the workspace");
    for part in parts {
        file.write_all(part.as_ref()).expect("the disk has room");
    }
    file.sync_data().expect("the disk takes what was written");
    parts.iter().map(|part| part.as_ref().len()).sum()
}

fn new_compressor() -> CCtx<'static> {
    let mut context = CCtx::create();
    context.set_parameter(CParameter::CompressionLevel(ZSTD_LEVEL)).expect("zstd knows the level");
    context
}

fn compress_with(context: &mut CCtx<'_>, content: &[u8], compressed: &mut Vec<u8>) {
    compressed.clear();
    compressed.reserve(compress_bound(content.len()));
    context.compress2(compressed, content).expect("there is room for the worst case");
}

/// A folder that is still to be walked: the one above it, and its name there.
struct Unwalked {
    above: Option<Arc<OwnedFd>>,
    name: CString,
}

/// Folders to be walked, and how many are being walked: none of either is the end.
struct Walk {
    waiting: Vec<Unwalked>,
    busy: usize,
}

/// The floor of a push that finds nothing changed: lists every folder and looks at every name, with several threads, each name
/// relative to its folder. Gives the number of names.
pub fn walk(root: &Path) -> usize {
    let name = CString::new(root.as_os_str().as_encoded_bytes()).expect("a path has no zero byte");
    let walk = Mutex::new(Walk { waiting: vec![Unwalked { above: None, name }], busy: 0 });
    let lock = || walk.lock().unwrap_or_else(PoisonError::into_inner);
    let run = || {
        let mut names = 0;
        loop {
            let mut state = lock();
            let Some(folder) = state.waiting.pop() else {
                if state.busy == 0 {
                    return names;
                }
                drop(state);
                std::thread::yield_now();
                continue;
            };
            state.busy += 1;
            drop(state);
            let (seen, below) = walk_folder(&folder);
            names += seen;
            let mut state = lock();
            state.waiting.extend(below);
            state.busy -= 1;
        }
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads()).map(|_| scope.spawn(run)).collect();
        handles.into_iter().map(|handle| handle.join().expect("a thread of the floor ends well")).sum()
    })
}

fn walk_folder(folder: &Unwalked) -> (usize, Vec<Unwalked>) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = match &folder.above {
        Some(above) => openat(above, folder.name.as_c_str(), flags, Mode::empty()),
        None => openat(CWD, folder.name.as_c_str(), flags, Mode::empty()),
    };
    let handle = Arc::new(handle.expect("a folder of the workspace can be opened"));
    let (mut seen, mut below) = (0, Vec::new());
    let mut buffer = Vec::with_capacity(NAMES_BYTES);
    let mut entries = RawDir::new(&*handle, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry.expect("a folder of the workspace can be listed");
        let name = entry.file_name();
        if name == c"." || name == c".." || name == HISTORY {
            continue;
        }
        let stat = statat(&*handle, name, AtFlags::SYMLINK_NOFOLLOW).expect("a name of the workspace can be looked at");
        seen += 1;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            below.push(Unwalked { above: Some(handle.clone()), name: name.to_owned() });
        }
    }
    (seen, below)
}

/// Some files of one folder, with their contents.
pub struct MemoryFolder {
    /// The folder, relative to the workspace.
    pub path: PathBuf,
    /// Names and contents.
    pub files: Vec<(OsString, Vec<u8>)>,
}

/// The floor of writing a version into an empty folder: makes the folders, then writes each file in the folder's own thread,
/// then one sync.
pub fn create_files(target: &Path, folders: &[MemoryFolder]) {
    for folder in folders {
        fs::create_dir_all(target.join(&folder.path)).expect("a folder can be made");
    }
    let next = AtomicUsize::new(0);
    let run = || {
        while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
            let path = target.join(&folder.path);
            let handle = File::open(&path).expect("the folder that was just made can be opened");
            for (name, content) in &folder.files {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                let file = openat(&handle, name, flags, Mode::from_raw_mode(0o644)).expect("a file can be made");
                File::from(file).write_all(content).expect("the disk has room");
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(run);
        }
    });
    let folder = File::open(target).expect("the folder that was just filled can be opened");
    rustix::fs::syncfs(&folder).expect("the disk takes what was written");
}

/// The floor of listing versions: takes every row of the log's table out of SQLite and does nothing with it. Gives the bytes.
pub fn select_rows(database: &Path) -> usize {
    let connection = rusqlite::Connection::open_with_flags(database, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY);
    let connection = connection.expect("the log is a database of SQLite");
    let mut statement = connection.prepare("SELECT record FROM log ORDER BY sequence DESC").expect("the log has this table");
    let bytes = statement.query_map([], |row| row.get_ref(0).map(|record| record.as_blob().map_or(0, <[u8]>::len)));
    bytes.expect("the log can be read").map(|bytes| bytes.expect("a row can be read")).sum()
}

/// A compressed frame and the lengths of the objects in it, one after the other.
pub struct MemoryFrame {
    compressed: Vec<u8>,
    lengths: Vec<usize>,
}

impl MemoryFrame {
    /// Puts contents together and compresses them.
    pub fn new<T: AsRef<[u8]>>(contents: &[T]) -> Self {
        let joined: Vec<u8> = contents.iter().flat_map(|content| content.as_ref()).copied().collect();
        let mut compressed = Vec::new();
        compress_with(&mut new_compressor(), &joined, &mut compressed);
        Self { compressed, lengths: contents.iter().map(|content| content.as_ref().len()).collect() }
    }

    fn raw_bytes(&self) -> usize {
        self.lengths.iter().sum()
    }
}

/// The floor of a verified read: decompresses frames that are in memory and computes the id of each object in them. Gives how
/// many of the ids begin with a zero byte, so that none is computed for nothing.
pub fn decompress_and_hash(frames: &[MemoryFrame]) -> usize {
    let mut context = DCtx::create();
    let (mut content, mut zeroes) = (Vec::new(), 0);
    for frame in frames {
        content.clear();
        content.reserve(frame.raw_bytes());
        context.decompress(&mut content, &frame.compressed).expect("what was compressed can be decompressed");
        let mut rest = content.as_slice();
        for length in &frame.lengths {
            let (object, others) = rest.split_at(*length);
            zeroes += usize::from(ObjectId::of(ObjectKind::Blob, object).as_bytes()[0] == 0);
            rest = others;
        }
    }
    zeroes
}
