//! Trees: the content of one directory as an object. Entries are sorted by name as bytes, so that the same files give the
//! same tree on every machine; there are no times in it.

use std::sync::Arc;

use super::bytes::{ByteReader, FormatError, put_prefixed, put_varint};
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{LINK_TARGET_BYTES_MAX, NAME_BYTES_MAX};
use crate::path::check_name;

/// The permission bits that are recorded: read, write, execute, and set-user-id, set-group-id, sticky.
pub const MODE_MASK: u16 = 0o7777;

/// What one entry of a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node<'a> {
    /// A regular file.
    File {
        /// Permission bits, within [`MODE_MASK`].
        mode: u16,
        /// Length of the content in bytes.
        bytes: u64,
        /// Id of the content as a blob.
        id: ObjectId,
    },
    /// A directory.
    Directory {
        /// Permission bits, within [`MODE_MASK`].
        mode: u16,
        /// Id of the directory's tree.
        id: ObjectId,
    },
    /// A symbolic link.
    Symlink {
        /// What it points to, as it was found.
        target: &'a [u8],
    },
}

/// One entry of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The entry's name: passes [`check_name`].
    pub name: &'a [u8],
    /// What it is.
    pub node: Node<'a>,
}

/// Puts a tree together from entries in the order of their names.
#[derive(Default)]
pub struct TreeBuilder {
    bytes: Vec<u8>,
    last_name: Vec<u8>,
}

impl TreeBuilder {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next entry.
    ///
    /// # Panics
    /// When the name does not come after the one before it: a caller's mistake that would make a tree no reader accepts.
    pub fn push(&mut self, entry: Entry<'_>) {
        assert!(self.bytes.is_empty() || self.last_name.as_slice() < entry.name, "entries of a tree must be sorted by name");
        self.last_name.clear();
        self.last_name.extend_from_slice(entry.name);
        let out = &mut self.bytes;
        match entry.node {
            Node::File { mode, bytes, id } => {
                put_varint(out, u64::from(mode & MODE_MASK) << 2);
                put_prefixed(out, entry.name);
                put_varint(out, bytes);
                out.extend_from_slice(id.as_bytes());
            }
            Node::Directory { mode, id } => {
                put_varint(out, u64::from(mode & MODE_MASK) << 2 | 1);
                put_prefixed(out, entry.name);
                out.extend_from_slice(id.as_bytes());
            }
            Node::Symlink { target } => {
                put_varint(out, 2);
                put_prefixed(out, entry.name);
                put_prefixed(out, target);
            }
        }
    }

    /// The finished tree.
    pub fn finish(self) -> Tree {
        Tree { bytes: self.bytes.into() }
    }
}

/// A directory as an object: checked when it is read, so that going through it cannot fail.
///
/// Always true: entries are sorted by name, no name stands twice, every name passes [`check_name`], every target is 1 to
/// [`LINK_TARGET_BYTES_MAX`] bytes without a zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    bytes: Arc<[u8]>,
}

impl Tree {
    /// The directory without entries.
    pub fn empty() -> Self {
        TreeBuilder::new().finish()
    }

    /// Checks the bytes of a tree.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        Self::decode_beside(bytes, &Self::empty())
    }

    /// Checks the bytes of a tree that may have much in common with another one: entries that both begin or end with were checked
    /// when that one was made.
    pub fn decode_beside(bytes: &[u8], checked: &Self) -> Result<Self, FormatError> {
        let same_bytes = common_prefix_bytes(bytes, &checked.bytes);
        let (mut others, mut last) = checked.entries_behind(same_bytes);
        let mut reader = ByteReader::new(&bytes[checked.bytes.len() - others.rest.len()..], "tree");
        while reader.remaining() > 0 && reader.rest() != others.rest {
            let entry = read_entry(&mut reader)?;
            check_name(entry.name).map_err(|_| reader.malformed("a name that may not stand in a tree"))?;
            if last.is_some_and(|last| last >= entry.name) {
                return Err(reader.malformed("its names are not sorted"));
            }
            last = Some(entry.name);
            // What is left of the other stands behind this name, so that it may follow as it is.
            others.skip_to_behind(entry.name);
        }
        Ok(Self { bytes: bytes.into() })
    }

    /// The tree's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The tree's id.
    pub fn id(&self) -> ObjectId {
        ObjectId::of(ObjectKind::Tree, &self.bytes)
    }

    /// The entries in the order of their names.
    pub fn entries(&self) -> Entries<'_> {
        Entries { rest: &self.bytes }
    }

    /// The entries of this tree and of another from the first in which they differ: those before have the same bytes in both, and
    /// are read in one of them only.
    pub fn entries_from_difference<'t>(&'t self, other: &'t Self) -> (Entries<'t>, Entries<'t>) {
        let (own, _) = self.entries_behind(common_prefix_bytes(&self.bytes, &other.bytes));
        let others = Entries { rest: &other.bytes[self.bytes.len() - own.rest.len()..] };
        (own, others)
    }

    /// The entries behind those that lie within the first bytes whole, and the name of the last of those.
    fn entries_behind(&self, first_bytes: usize) -> (Entries<'_>, Option<&[u8]>) {
        let (mut behind, mut last) = (self.entries(), None);
        let mut next = self.entries();
        while let Some(entry) = next.next_raw().filter(|_| self.bytes.len() - next.rest.len() <= first_bytes) {
            (behind.rest, last) = (next.rest, Some(entry.name));
        }
        (behind, last)
    }

    /// The entry with this name.
    pub fn get(&self, name: &[u8]) -> Option<Entry<'_>> {
        self.entries().take_while(|entry| entry.name <= name).find(|entry| entry.name == name)
    }
}

/// The entries of a tree, or those behind one of them.
#[derive(Clone, Debug)]
pub struct Entries<'t> {
    rest: &'t [u8],
}

impl<'t> Entries<'t> {
    /// Whether the same entries follow in both.
    pub fn ends_as(&self, other: &Self) -> bool {
        self.rest == other.rest
    }

    fn next_raw(&mut self) -> Option<RawEntry<'t>> {
        let mut reader = ByteReader::new(self.rest, "tree");
        // The bytes were checked when the tree was made: an entry that cannot be read means that all have been.
        let entry = read_entry(&mut reader).ok()?;
        self.rest = reader.rest();
        Some(entry)
    }

    /// Passes over the entries up to this name.
    fn skip_to_behind(&mut self, name: &[u8]) {
        let mut next = self.clone();
        while next.next_raw().is_some_and(|entry| entry.name <= name) {
            self.rest = next.rest;
        }
    }
}

impl<'t> Iterator for Entries<'t> {
    type Item = Entry<'t>;

    fn next(&mut self) -> Option<Entry<'t>> {
        self.next_raw().map(Entry::from)
    }
}

/// How many bytes both begin with. Blocks are compared at once.
fn common_prefix_bytes(one: &[u8], other: &[u8]) -> usize {
    const BLOCK_BYTES: usize = 64;
    let same_blocks = one.chunks_exact(BLOCK_BYTES).zip(other.chunks_exact(BLOCK_BYTES)).take_while(|(one, other)| one == other).count();
    let behind = same_blocks * BLOCK_BYTES;
    behind + one[behind..].iter().zip(&other[behind..]).take_while(|(one, other)| one == other).count()
}

/// An entry whose parts are where the tree has them. Most entries are passed over, and nothing of those should be copied.
struct RawEntry<'t> {
    mode: u16,
    name: &'t [u8],
    node: RawNode<'t>,
}

enum RawNode<'t> {
    File { bytes: u64, id: &'t [u8; ObjectId::BYTES] },
    Directory { id: &'t [u8; ObjectId::BYTES] },
    Symlink { target: &'t [u8] },
}

impl<'t> From<RawEntry<'t>> for Entry<'t> {
    fn from(RawEntry { mode, name, node }: RawEntry<'t>) -> Self {
        let node = match node {
            RawNode::File { bytes, id } => Node::File { mode, bytes, id: ObjectId::from_bytes(*id) },
            RawNode::Directory { id } => Node::Directory { mode, id: ObjectId::from_bytes(*id) },
            RawNode::Symlink { target } => Node::Symlink { target },
        };
        Self { name, node }
    }
}

fn read_entry<'t>(reader: &mut ByteReader<'t>) -> Result<RawEntry<'t>, FormatError> {
    let tag = reader.varint_max(u64::from(MODE_MASK) << 2 | 3)?;
    let mode = (tag >> 2) as u16;
    let name = reader.prefixed(NAME_BYTES_MAX)?;
    let node = match tag & 3 {
        0 => RawNode::File { bytes: reader.varint()?, id: reader.array_ref()? },
        1 => RawNode::Directory { id: reader.array_ref()? },
        2 if mode == 0 => {
            let target = reader.prefixed(LINK_TARGET_BYTES_MAX)?;
            if target.is_empty() || target.contains(&0) {
                return Err(reader.malformed("a link without a target"));
            }
            RawNode::Symlink { target }
        }
        _ => return Err(reader.malformed("unknown kind of entry")),
    };
    Ok(RawEntry { mode, name, node })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Tree {
        let id = ObjectId::of(ObjectKind::Blob, b"x");
        let mut tree = TreeBuilder::new();
        tree.push(Entry { name: b"a", node: Node::File { mode: 0o755, bytes: 1 << 40, id } });
        tree.push(Entry { name: b"b\xff", node: Node::Symlink { target: b"../a" } });
        tree.push(Entry { name: b"c", node: Node::Directory { mode: 0o2775, id } });
        tree.finish()
    }

    #[test]
    fn trees_read_back() {
        let tree = sample();
        assert_eq!(Tree::decode(tree.as_bytes()), Ok(tree.clone()));
        assert_eq!(tree.entries().count(), 3);
        assert_eq!(tree.get(b"b\xff").unwrap().node, Node::Symlink { target: b"../a" });
        assert_eq!(tree.get(b"bb"), None);
    }

    #[test]
    fn evil_trees_are_refused() {
        let id = ObjectId::of(ObjectKind::Blob, b"x");
        let file = |name: &[u8]| {
            let mut bytes = vec![0];
            put_prefixed(&mut bytes, name);
            bytes.push(0);
            bytes.extend_from_slice(id.as_bytes());
            bytes
        };
        for name in [&b".."[..], b".", b"", b"a/b", b"/abs", b"a\0b", b".LUA", b"lua~1", b".Git"] {
            assert!(Tree::decode(&file(name)).is_err(), "{name:?}");
        }
        assert!(Tree::decode(&file(b"ok")).is_ok());
        assert!(Tree::decode(&[file(b"a"), file(b"a")].concat()).is_err(), "twice the same name");
        assert!(Tree::decode(&[file(b"b"), file(b"a")].concat()).is_err(), "not sorted");
        let mut link = vec![2];
        put_prefixed(&mut link, b"l");
        put_prefixed(&mut link, b"");
        assert!(Tree::decode(&link).is_err(), "empty target");
    }

    proptest! {
        #[test]
        fn beside_any_other_tree_the_same_is_decoded(
            names in proptest::collection::vec("[a-c./]{1,2}", 0..8),
            checked in proptest::collection::btree_set("[a-c]{1,2}", 0..8),
            is_sorted: bool,
        ) {
            let id = ObjectId::of(ObjectKind::Blob, b"x");
            let put = |bytes: &mut Vec<u8>, name: &str| {
                bytes.push(0);
                put_prefixed(bytes, name.as_bytes());
                bytes.push(0);
                bytes.extend_from_slice(id.as_bytes());
            };
            let (mut names, mut bytes, mut others) = (names, Vec::new(), Vec::new());
            if is_sorted {
                names.sort();
            }
            names.iter().for_each(|name| put(&mut bytes, name));
            checked.iter().for_each(|name| put(&mut others, name));
            let checked = Tree::decode(&others).unwrap();
            prop_assert_eq!(Tree::decode_beside(&bytes, &checked), Tree::decode(&bytes));
            let cut = &bytes[..bytes.len().saturating_sub(3)];
            prop_assert_eq!(Tree::decode_beside(cut, &checked), Tree::decode(cut));
        }

        #[test]
        fn any_bytes_are_decoded_without_panic(bytes: Vec<u8>) {
            if let Ok(tree) = Tree::decode(&bytes) {
                prop_assert_eq!(tree.as_bytes(), &bytes[..]);
            }
        }
    }
}
