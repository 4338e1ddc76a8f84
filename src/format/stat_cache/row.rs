//! What a block says: about its directory, and about each name in it.

use std::ffi::CStr;

use super::BlockRef;
use crate::format::bytes::{ByteReader, FormatError};
use crate::id::ObjectId;

/// What `stat` says about a file, so that a change of the file changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct StatKey {
    /// Permission bits, within [`MODE_MASK`](crate::format::tree::MODE_MASK).
    pub mode: u16,
    /// Length in bytes.
    pub bytes: u64,
    /// Time of the last change of the content, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Time of the last change of the content or of anything about the file, in nanoseconds since 1970.
    pub ctime_ns: i64,
    /// Number of the inode.
    pub inode: u64,
    /// Number of the device with the file system.
    pub device: u64,
}

impl StatKey {
    pub(super) fn put_without_device(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.mode.to_le_bytes());
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.extend_from_slice(&self.mtime_ns.to_le_bytes());
        out.extend_from_slice(&self.ctime_ns.to_le_bytes());
        out.extend_from_slice(&self.inode.to_le_bytes());
    }

    /// One look at the reader for all fields: this runs for every file of the workspace.
    #[inline]
    pub(super) fn read_without_device(reader: &mut ByteReader<'_>) -> Result<Self, FormatError> {
        let bytes = reader.array::<34>()?;
        let (mode, rest) = ([bytes[0], bytes[1]], bytes[2..].as_chunks::<8>().0);
        Ok(Self {
            mode: u16::from_le_bytes(mode),
            bytes: u64::from_le_bytes(rest[0]),
            mtime_ns: i64::from_le_bytes(rest[1]),
            ctime_ns: i64::from_le_bytes(rest[2]),
            inode: u64::from_le_bytes(rest[3]),
            device: 0,
        })
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        self.put_without_device(out);
        out.extend_from_slice(&self.device.to_le_bytes());
    }

    pub(super) fn read(reader: &mut ByteReader<'_>) -> Result<Self, FormatError> {
        let key = Self::read_without_device(reader)?;
        Ok(Self { device: reader.u64()?, ..key })
    }
}

/// A [`StatKey`] and whether the content behind it can be relied on while the key stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    /// What `stat` said.
    pub key: StatKey,
    /// Whether an equal key proves an equal content.
    pub trusted: bool,
}

/// A fingerprint of all ignore rules that hold in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RulesDigest(pub [u8; 8]);

/// What a block says about the directory itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHead {
    /// Id of the directory's tree.
    pub tree: ObjectId,
    /// Files and links in the directory and below.
    pub files: u64,
    /// Bytes of all these files.
    pub bytes: u64,
    /// The rules that come from the directories above.
    pub rules_above: RulesDigest,
    /// The rules that hold in the directory.
    pub rules: RulesDigest,
    /// The directory; trusted: while it stays the same, its names and what kind each is stay the same.
    pub directory: Witness,
    /// Its `.gitignore` and its `.luaignore`, where these are files.
    pub ignore_files: [Option<Witness>; 2],
}

/// What a row says about its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowNode<'a> {
    /// A recorded file.
    File {
        /// What it looked like when it was read.
        witness: Witness,
        /// Id of its content.
        id: ObjectId,
    },
    /// A recorded directory.
    Directory {
        /// Its permission bits.
        mode: u16,
        /// Its block.
        block: BlockRef,
    },
    /// A recorded symbolic link.
    Symlink {
        /// What it looked like when it was read.
        witness: Witness,
        /// What it points to.
        target: &'a [u8],
    },
    /// Excluded by an ignore rule.
    LeftOut {
        /// Whether it is a directory.
        is_directory: bool,
        /// The rule.
        rule: &'a str,
    },
    /// Could not be recorded, for a reason that lies in its name or kind.
    Skipped {
        /// Whether it is a directory.
        is_directory: bool,
        /// The kind of reason, a number that only its writer understands.
        kind: u8,
        /// The reason.
        why: &'a str,
    },
}

impl RowNode<'_> {
    /// Whether the name is that of a directory.
    pub fn is_directory(&self) -> bool {
        match self {
            Self::File { .. } | Self::Symlink { .. } => false,
            Self::Directory { .. } => true,
            Self::LeftOut { is_directory, .. } | Self::Skipped { is_directory, .. } => *is_directory,
        }
    }
}

/// One name of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// The name.
    pub name: &'a CStr,
    /// What it is.
    pub node: RowNode<'a>,
}
