//! The names of a directory that changed, and what each is. About 130 bytes for each name.

use std::collections::HashMap;

use super::report::SkipKind;
use crate::format::stat_cache::{Row, RowNode, StatKey, Witness};
use crate::id::ObjectId;
use crate::path::check_name;

/// See the head of the file.
#[derive(Debug, Default)]
pub(super) struct Listing {
    names: Vec<u8>,
    pub entries: Vec<Entry>,
    texts: Vec<Box<str>>,
    text_numbers: HashMap<Box<str>, u32>,
    children: u32,
}

/// One name.
#[derive(Debug)]
pub(super) struct Entry {
    name_start: usize,
    name_bytes: u8,
    pub node: EntryNode,
}

/// What a name stands for. The ranges and numbers are places in the [`Listing`].
#[derive(Debug)]
pub(super) enum EntryNode {
    File(FileEntry),
    /// The directory with this place among the directories of this one.
    Directory {
        mode: u16,
        child: u32,
    },
    Symlink {
        witness: Witness,
        target_start: usize,
        target_bytes: u16,
    },
    LeftOut {
        is_directory: bool,
        rule: u32,
    },
    Skipped {
        is_directory: bool,
        kind: SkipKind,
        why: u32,
    },
}

/// A file.
#[derive(Debug)]
pub(super) struct FileEntry {
    pub key: StatKey,
    pub content: Content,
}

/// What is known about a file's content.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    /// It must be read. The id is that of an earlier content.
    ToRead(Option<ObjectId>),
    /// It has this id, and the length that the file's key says; trusted: while that key stays the same.
    Known { id: ObjectId, trusted: bool },
    /// It could not be read: the file is not recorded.
    Dropped,
}

/// What a name stands for, on its way into a [`Listing`].
#[derive(Debug)]
pub(super) enum Found<'a> {
    File(FileEntry),
    Directory { mode: u16 },
    Symlink { witness: Witness, target: &'a [u8] },
    LeftOut { is_directory: bool, rule: &'a str },
    Skipped { is_directory: bool, kind: SkipKind, why: &'a str },
}

impl<'a> Found<'a> {
    /// What a row of the stat cache says that a name stands for.
    pub fn of_row(row: RowNode<'a>) -> Self {
        match row {
            RowNode::File { witness, id } => {
                Self::File(FileEntry { key: witness.key, content: Content::Known { id, trusted: witness.trusted } })
            }
            RowNode::Directory { mode, .. } => Self::Directory { mode },
            RowNode::Symlink { witness, target } => Self::Symlink { witness, target },
            RowNode::LeftOut { is_directory, rule } => Self::LeftOut { is_directory, rule },
            RowNode::Skipped { is_directory, kind, why } => Self::Skipped { is_directory, kind: SkipKind::of_number(kind), why },
        }
    }
}

impl Listing {
    /// An empty list with room for so many names.
    pub fn with_capacity(names: usize) -> Self {
        Self { entries: Vec::with_capacity(names), ..Self::default() }
    }

    /// Adds a name. Directories must come in the order in which they were handed to the queue.
    pub fn push(&mut self, name: &[u8], found: Found<'_>) {
        let node = match found {
            Found::File(file) => EntryNode::File(file),
            Found::Directory { mode } => {
                self.children += 1;
                EntryNode::Directory { mode, child: self.children - 1 }
            }
            Found::Symlink { witness, target } => {
                let target_start = self.put(target);
                EntryNode::Symlink { witness, target_start, target_bytes: target.len() as u16 }
            }
            Found::LeftOut { is_directory, rule } => EntryNode::LeftOut { is_directory, rule: self.text_number(rule) },
            Found::Skipped { is_directory, kind, why } => EntryNode::Skipped { is_directory, kind, why: self.text_number(why) },
        };
        let name_start = self.put(name);
        self.entries.push(Entry { name_start, name_bytes: name.len() as u8, node });
    }

    /// Adds what a row of the stat cache says.
    pub fn push_row(&mut self, row: &Row<'_>) {
        let name = row.name.to_bytes();
        let found = match row.node {
            // No scan writes such a row, but whoever made up this cache must not bring the name into a tree.
            RowNode::File { .. } | RowNode::Symlink { .. } if check_name(name).is_err() => {
                Found::Skipped { is_directory: false, kind: SkipKind::Name, why: "its name cannot be recorded" }
            }
            node => Found::of_row(node),
        };
        self.push(name, found);
    }

    /// The name of an entry.
    pub fn name(&self, entry: &Entry) -> &[u8] {
        &self.names[entry.name_start..entry.name_start + usize::from(entry.name_bytes)]
    }

    /// The target of a link.
    pub fn target(&self, target_start: usize, target_bytes: u16) -> &[u8] {
        &self.names[target_start..target_start + usize::from(target_bytes)]
    }

    /// The rule or reason with this number.
    pub fn text(&self, number: u32) -> &str {
        &self.texts[number as usize]
    }

    /// Gives back memory that was reserved for more names.
    pub fn shrink(&mut self) {
        self.names.shrink_to_fit();
        self.entries.shrink_to_fit();
        self.text_numbers = HashMap::new();
    }

    fn put(&mut self, bytes: &[u8]) -> usize {
        let start = self.names.len();
        self.names.extend_from_slice(bytes);
        start
    }

    fn text_number(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.text_numbers.get(text) {
            return number;
        }
        let number = self.texts.len() as u32;
        self.texts.push(text.into());
        self.text_numbers.insert(text.into(), number);
        number
    }
}
