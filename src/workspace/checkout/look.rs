//! Looking at what stands at a place of the workspace, and comparing it with what a tree says.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, FileType, Stat};
use rustix::io::Errno;

use super::access::{mode_of, open_for_reading};
use crate::id::{IdHasher, ObjectId, ObjectKind};
use crate::limits::{COMPARE_BUFFER_BYTES, LINK_TARGET_BYTES_MAX};
use crate::tree::OwnedNode;

/// What the operating system says about a file: enough for the stat cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// Device of the file system.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Last change of the content, in nanoseconds since 1970.
    pub mtime_ns: i128,
    /// Last change of content or attributes, in nanoseconds since 1970. Renaming moves it.
    pub ctime_ns: i128,
    /// Permission bits.
    pub mode: u16,
}

impl FileStat {
    #[allow(clippy::unnecessary_cast)] // The fields have other types on other machines.
    pub(super) fn of(stat: &Stat) -> Self {
        let nanoseconds = |seconds: i64, part: i64| i128::from(seconds) * 1_000_000_000 + i128::from(part);
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            bytes: stat.st_size as u64,
            mtime_ns: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            ctime_ns: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            mode: mode_of(stat),
        }
    }
}

/// What stands at a place.
#[derive(Clone, Debug)]
pub(super) enum Found {
    Nothing,
    File(Stat),
    Directory(Stat),
    Symlink,
    /// A device, socket or pipe.
    Special,
}

impl Found {
    /// How users call it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::File(_) => "a file",
            Self::Directory(_) => "a directory",
            Self::Symlink => "a link",
            Self::Special => "a device, socket or pipe",
        }
    }
}

/// Looks at what has a name in a folder; follows no link and opens nothing.
pub(super) fn look(folder: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<Found> {
    let stat = match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Found::File(stat),
        FileType::Directory => Found::Directory(stat),
        FileType::Symlink => Found::Symlink,
        _ => Found::Special,
    })
}

/// The target of a link.
pub(super) fn read_link(folder: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<Vec<u8>> {
    Ok(rustix::fs::readlinkat(folder, name, Vec::with_capacity(LINK_TARGET_BYTES_MAX + 1))?.into_bytes())
}

/// What reading a file gave.
pub(super) struct ReadFile {
    pub id: ObjectId,
    /// What the operating system said of it after it was read.
    pub stat: Stat,
    /// It has no byte that is not zero. A power cut leaves such files where a new one was about to be.
    pub is_blank: bool,
}

/// Reads files to compute their ids; keeps its buffer.
pub(super) struct Hashing {
    buffer: Vec<u8>,
}

impl Hashing {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; COMPARE_BUFFER_BYTES] }
    }

    /// Reads a file. `None` when it changed while it was read, or is no regular file.
    pub(super) fn file(&mut self, folder: BorrowedFd<'_>, name: &[u8]) -> std::io::Result<Option<ReadFile>> {
        let mut file = File::from(open_for_reading(folder, name)?);
        let before = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(before.st_mode) != FileType::RegularFile {
            return Ok(None);
        }
        let mut hasher = IdHasher::new(ObjectKind::Blob);
        let mut is_blank = true;
        loop {
            match file.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(count) => {
                    hasher.update(&self.buffer[..count]);
                    is_blank = is_blank && is_zero(&self.buffer[..count]);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let stat = rustix::fs::fstat(file.as_fd())?;
        let (old, new) = (FileStat::of(&before), FileStat::of(&stat));
        Ok(((old.bytes, old.mtime_ns) == (new.bytes, new.mtime_ns)).then(|| ReadFile { id: hasher.finish(), stat, is_blank }))
    }

    /// Whether the content of what was found (bytes of a file, target of a link) is the node's; permission bits do not matter.
    pub(super) fn has_content(&mut self, folder: BorrowedFd<'_>, name: &[u8], found: &Found, node: &OwnedNode) -> std::io::Result<bool> {
        match (found, node) {
            (Found::File(stat), OwnedNode::File { bytes, id, .. }) => {
                Ok(FileStat::of(stat).bytes == *bytes && self.file(folder, name)?.is_some_and(|read| read.id == *id))
            }
            (Found::Symlink, OwnedNode::Symlink { target }) => Ok(read_link(folder, name)? == *target),
            _ => Ok(false),
        }
    }

    /// What stands at a place as a node of a tree, by reading it; a directory has the id zero.
    pub(super) fn node(&mut self, folder: BorrowedFd<'_>, name: &[u8]) -> std::io::Result<FoundNode> {
        let found = look(folder, name)?;
        Ok(match &found {
            Found::Nothing => FoundNode::Nothing,
            Found::Special => FoundNode::Strange,
            Found::Directory(stat) => FoundNode::Node(OwnedNode::Directory { mode: mode_of(stat), id: ObjectId::ZERO }),
            Found::Symlink => FoundNode::Node(OwnedNode::Symlink { target: read_link(folder, name)? }),
            Found::File(_) => self.file(folder, name)?.map_or(FoundNode::Strange, FoundNode::of_file),
        })
    }
}

/// What stands at a place, as a node of a tree.
#[derive(Debug)]
pub(super) enum FoundNode {
    Nothing,
    Node(OwnedNode),
    /// A file without any byte that is not zero.
    Blank(OwnedNode),
    /// Nothing that a tree can hold, or a file that changed while it was read.
    Strange,
}

impl FoundNode {
    fn of_file(read: ReadFile) -> Self {
        let node = OwnedNode::File { mode: mode_of(&read.stat), bytes: FileStat::of(&read.stat).bytes, id: read.id };
        if read.is_blank { Self::Blank(node) } else { Self::Node(node) }
    }

    pub(super) fn node(&self) -> Option<&OwnedNode> {
        match self {
            Self::Node(node) | Self::Blank(node) => Some(node),
            Self::Nothing | Self::Strange => None,
        }
    }
}

/// Whether a file without content can be what a power cut left of writing one of these: it is no longer than one of them.
pub(super) fn is_torn(blank_bytes: u64, nodes: [Option<&OwnedNode>; 2]) -> bool {
    nodes.into_iter().flatten().any(|node| matches!(node, OwnedNode::File { bytes, .. } if blank_bytes <= *bytes))
}

/// Whether all bytes are zero.
pub(super) fn is_zero(block: &[u8]) -> bool {
    block.chunks(64).all(|chunk| chunk.iter().fold(0, |sum, &byte| sum | byte) == 0)
}

/// Whether two nodes are equal as far as the entry itself goes: a directory is compared by its permission bits alone.
pub(super) fn is_same_entry(one: Option<&OwnedNode>, other: Option<&OwnedNode>) -> bool {
    match (one, other) {
        (Some(OwnedNode::Directory { mode, .. }), Some(OwnedNode::Directory { mode: other, .. })) => mode == other,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_nodes() {
        let temp = tempfile::tempdir().unwrap();
        let folder = File::open(temp.path()).unwrap();
        std::fs::write(temp.path().join("f"), "text").unwrap();
        std::fs::write(temp.path().join("zeros"), [0; 9]).unwrap();
        std::os::unix::fs::symlink("to/there", temp.path().join("l")).unwrap();
        rustix::fs::mknodat(&folder, "p", FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        let mut hashing = Hashing::new();
        let mut node = |name: &[u8]| hashing.node(folder.as_fd(), name).unwrap();
        let text = ObjectId::of(ObjectKind::Blob, b"text");
        assert!(matches!(node(b"f"), FoundNode::Node(OwnedNode::File { bytes: 4, id, .. }) if id == text));
        assert!(matches!(node(b"zeros"), FoundNode::Blank(OwnedNode::File { bytes: 9, .. })));
        assert_eq!(node(b"l").node(), Some(&OwnedNode::Symlink { target: b"to/there".to_vec() }));
        assert!(matches!((node(b"p"), node(b"f/x")), (FoundNode::Strange, FoundNode::Nothing)));
    }
}
