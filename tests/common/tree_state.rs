//! An exact picture of a directory tree: every name as bytes, what stands there, permission bits, contents by hash, targets of
//! links, empty directories, and on request modification times. Two pictures are compared into lines that people can read.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};

/// The hash of a file's content.
pub type ContentHash = blake3::Hash;

/// What stands at a path.
#[derive(Clone, PartialEq, Eq)]
pub enum Node {
    /// A regular file.
    File {
        /// Permission bits with set-user-id, set-group-id, sticky.
        mode: u32,
        /// Length in bytes.
        bytes: u64,
        /// Hash of the content.
        content: ContentHash,
    },
    /// A directory.
    Directory {
        /// As for a file.
        mode: u32,
    },
    /// A symbolic link.
    Symlink {
        /// What it points to, as it stands there.
        target: Vec<u8>,
    },
    /// A FIFO, a socket, a device.
    Special,
}

impl Node {
    /// A file with this content.
    pub fn file(content: &[u8], mode: u32) -> Self {
        Node::File { mode, bytes: content.len() as u64, content: blake3::hash(content) }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::File { mode, bytes, content } => write!(f, "file {mode:04o}, {bytes} bytes, {}", &content.to_hex()[..8]),
            Node::Directory { mode } => write!(f, "directory {mode:04o}"),
            Node::Symlink { target } => write!(f, "link to {}", target.escape_ascii()),
            Node::Special => write!(f, "special file"),
        }
    }
}

/// Whether modification times belong to the picture. Versions hold none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// They are left out.
    Without,
    /// They are part of it.
    With,
}

/// Seconds and nanoseconds of a modification time.
type Mtime = (i64, i64);

/// An exact picture of a directory tree, without the store of the tool at its root.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct TreeState(BTreeMap<Vec<u8>, (Node, Option<Mtime>)>);

impl TreeState {
    /// The tree below a folder; the folder itself has no entry.
    pub fn capture(root: &Path) -> Self {
        Self::capture_with(root, Times::Without)
    }

    /// The tree below a folder with or without modification times.
    pub fn capture_with(root: &Path, times: Times) -> Self {
        let mut state = Self::default();
        // By handle, since a path may be longer than the system takes. A parent stays open while it has folders to go into.
        let mut pending = Vec::new();
        state.look_into(Rc::new(open_directory(rustix::fs::CWD, root.as_os_str())), b"", times, &mut pending);
        while let Some((parent, path)) = pending.pop() {
            let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(&path);
            let folder = Rc::new(open_directory(&*parent, OsStr::from_bytes(name)));
            drop(parent);
            state.look_into(folder, &path, times, &mut pending);
        }
        state
    }

    /// Adds what stands in one folder, and notes the folders in it with the handle of this one.
    fn look_into(&mut self, folder: Rc<OwnedFd>, path: &[u8], times: Times, pending: &mut Vec<(Rc<OwnedFd>, Vec<u8>)>) {
        for name in names_in(&folder) {
            if path.is_empty() && name == b".lua" {
                continue;
            }
            let below = if path.is_empty() { name.clone() } else { [path, b"/", &name].concat() };
            let (node, mtime) = look_at(&folder, &name);
            if matches!(node, Node::Directory { .. }) {
                pending.push((folder.clone(), below.clone()));
            }
            self.0.insert(below, (node, (times == Times::With).then_some(mtime)));
        }
    }

    /// Puts an entry into the picture, for pictures that are not taken from a disk.
    pub fn insert(&mut self, path: impl Into<Vec<u8>>, node: Node) {
        self.0.insert(path.into(), (node, None));
    }

    /// What stands at a path.
    pub fn get(&self, path: impl AsRef<[u8]>) -> Option<&Node> {
        self.0.get(path.as_ref()).map(|(node, _)| node)
    }

    /// All paths, sorted as bytes.
    pub fn paths(&self) -> impl Iterator<Item = &[u8]> {
        self.0.keys().map(Vec::as_slice)
    }

    /// All paths with what stands there.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Node)> {
        self.0.iter().map(|(path, (node, _))| (path.as_slice(), node))
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The picture without the paths that the condition is true for.
    pub fn without(mut self, mut leave_out: impl FnMut(&[u8]) -> bool) -> Self {
        self.0.retain(|path, _| !leave_out(path));
        self
    }

    /// Hashes of all contents of files: what must not get lost.
    pub fn contents(&self) -> BTreeSet<[u8; 32]> {
        let hash = |(node, _): &(Node, _)| match node {
            Node::File { content, .. } => Some(*content.as_bytes()),
            _ => None,
        };
        self.0.values().filter_map(hash).collect()
    }

    /// How another tree differs from this one, a line for each path: `+` only there, `-` only here, `~` in both, not equal.
    pub fn differences(&self, other: &TreeState) -> Vec<String> {
        let paths: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let line = |path: &Vec<u8>| {
            let shown = path.escape_ascii();
            match (self.0.get(path), other.0.get(path)) {
                (Some(here), Some(there)) if here == there => None,
                (Some((here, _)), Some((there, _))) if here != there => Some(format!("~ {shown}: {here} → {there}")),
                (Some((_, here)), Some((_, there))) => Some(format!("~ {shown}: time {here:?} → {there:?}")),
                (Some((here, _)), None) => Some(format!("- {shown}: {here}")),
                (None, Some((there, _))) => Some(format!("+ {shown}: {there}")),
                (None, None) => None,
            }
        };
        paths.into_iter().filter_map(line).collect()
    }

    /// An error with all differences unless the other tree equals this one.
    pub fn same(&self, found: &TreeState) -> Result<(), String> {
        let differences = self.differences(found);
        if differences.is_empty() { Ok(()) } else { Err(format!("the tree is not the expected one:\n  {}", differences.join("\n  "))) }
    }

    /// Fails the test with all differences unless the other tree equals this one.
    #[track_caller]
    pub fn assert_same(&self, found: &TreeState, when: &str) {
        if let Err(differences) = self.same(found) {
            panic!("{when}: {differences}");
        }
    }
}

fn open_directory(parent: impl std::os::fd::AsFd, name: &OsStr) -> OwnedFd {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::empty()).unwrap_or_else(|error| panic!("open the folder {name:?}: {error}"))
}

fn names_in(folder: &OwnedFd) -> Vec<Vec<u8>> {
    let entries = Dir::read_from(folder).expect("an open folder can be listed");
    let names = entries.map(|entry| entry.expect("an open folder can be listed").file_name().to_bytes().to_vec());
    names.filter(|name| name != b"." && name != b"..").collect()
}

fn look_at(folder: &OwnedFd, name: &[u8]) -> (Node, Mtime) {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
        .unwrap_or_else(|error| panic!("look at {}: {error}", name.escape_ascii()));
    let mode = stat.st_mode & 0o7777;
    let node = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Node::File { mode, bytes: stat.st_size as u64, content: hash_of(folder, name, &stat) },
        FileType::Directory => Node::Directory { mode },
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(folder, name, Vec::new());
            Node::Symlink { target: target.unwrap_or_else(|error| panic!("read a link: {error}")).into_bytes() }
        }
        _ => Node::Special,
    };
    (node, (stat.st_mtime as i64, stat.st_mtime_nsec as i64))
}

fn hash_of(folder: &OwnedFd, name: &[u8], stat: &Stat) -> ContentHash {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, Mode::empty());
    let file = std::fs::File::from(file.unwrap_or_else(|error| panic!("open {}: {error}", name.escape_ascii())));
    let mut hasher = blake3::Hasher::new();
    let bytes = std::io::copy(&mut &file, &mut hasher).unwrap_or_else(|error| panic!("read {}: {error}", name.escape_ascii()));
    assert_eq!(bytes, stat.st_size as u64, "{} changed while a test looked at it", name.escape_ascii());
    hasher.finalize()
}
