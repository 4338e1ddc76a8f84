//! What a scan gives: the files that its caller must read, and places for what they hold.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::listing::{Content, Entry, EntryNode, FileEntry, Listing};
use super::node::{DirState, NodeId, NodeResult};
use super::queue::NodeTable;
use super::read::OpenError;
use super::report::{LeftOut, Report, RuleText, SkipKind, Skipped};
use crate::format::stat_cache::StatKey;
use crate::id::ObjectId;
use crate::path::RelPath;
use crate::workspace::stat_cache::StatCache;

/// A workspace as a scan found it. See the head of the module for what to do with it.
#[derive(Debug)]
pub struct Scan {
    pub(super) cache: Option<Arc<StatCache>>,
    pub(super) table: NodeTable,
    /// The files to be read: directory and place in its listing.
    files: Vec<(NodeId, u32)>,
    report: Mutex<Report>,
    /// One for each directory, once the trees are built.
    pub(super) results: Vec<NodeResult>,
}

/// One of the files that must be read: a number below [`Scan::files_to_read`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileIndex(pub u32);

/// A file that must be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileToRead {
    /// Where it is.
    pub path: RelPath,
    /// What it looked like when it was found.
    pub stat: StatKey,
    /// Id of an earlier content of the path: a good base for a delta.
    pub earlier: Option<ObjectId>,
}

/// What reading a file gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadContent {
    /// Id of the content.
    pub id: ObjectId,
    /// Length of the content in bytes.
    pub bytes: u64,
    /// What the file looked like before it was read.
    pub stat: StatKey,
    /// The file changed while it was read, as often as that was tried.
    pub unstable: bool,
}

/// Why a file is not recorded after all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// It is gone. That is nothing to report: it could have gone a moment earlier.
    Vanished,
    /// It could not be read, and is reported.
    Skipped(SkipKind, String),
}

impl From<OpenError> for DropReason {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Vanished => Self::Vanished,
            OpenError::NotAFile => Self::Skipped(SkipKind::Changed, error.to_string()),
            OpenError::Unreadable(_) => Self::Skipped(SkipKind::Unreadable, error.to_string()),
        }
    }
}

impl Scan {
    pub(super) fn new(cache: Option<Arc<StatCache>>, table: NodeTable, report: Report) -> Self {
        let mut files = Vec::new();
        for (at, node) in table.nodes.iter().enumerate() {
            if let DirState::Changed(changed) = &node.state
                && let Some(listing) = changed.listing()
            {
                let to_read = listing.entries.iter().enumerate().filter(|(_, entry)| file_to_read(entry).is_some());
                files.extend(to_read.map(|(entry, _)| (NodeId(at as u32), entry as u32)));
            }
        }
        Self { cache, table, files, report: Mutex::new(report), results: Vec::new() }
    }

    /// Number of files that must be read. They may be read in any order and by several threads at once; those of one
    /// directory follow each other.
    pub fn files_to_read(&self) -> usize {
        self.files.len()
    }

    /// One of the files that must be read; `None` when there are not so many.
    pub fn file(&self, index: FileIndex) -> Option<FileToRead> {
        let (node, entry) = *self.files.get(index.0 as usize)?;
        let listing = self.listing(node)?;
        let entry = listing.entries.get(entry as usize)?;
        let file = match &entry.node {
            EntryNode::File(file) => file,
            _ => return None,
        };
        let earlier = match file.content {
            Content::ToRead(earlier) => earlier,
            Content::Known { .. } | Content::Dropped => None,
        };
        Some(FileToRead { path: self.path_of(node, listing.name(entry))?, stat: file.key, earlier })
    }

    /// Enters what a file holds.
    pub fn set_content(&self, index: FileIndex, content: ReadContent) {
        self.with_file(index, |file, trusts| {
            let ReadContent { id, bytes, stat, unstable } = content;
            let trusted = !unstable && bytes == stat.bytes && trusts(&stat);
            *file = FileEntry { key: StatKey { bytes, ..stat }, content: Content::Known { id, trusted } };
        });
    }

    /// Enters that a file is not recorded.
    pub fn drop_file(&self, index: FileIndex, reason: DropReason) {
        if let (DropReason::Skipped(kind, why), Some(file)) = (reason, self.file(index)) {
            self.report().skip(|| file.path.as_bytes().to_vec(), kind, &why);
        }
        self.with_file(index, |file, _| file.content = Content::Dropped);
    }

    /// Paths that could not be recorded: some of them (all, unless they are very many), and their number.
    pub fn skipped(&self) -> (Vec<Skipped>, u64) {
        let mut report = self.report();
        report.finish();
        (report.skipped.clone(), report.skipped_count)
    }

    /// What the ignore rules leave out, rule by rule.
    pub fn left_out(&self) -> Vec<(RuleText, LeftOut)> {
        self.report().left_out.clone()
    }

    /// The path of a name in a directory. `None` cannot happen: such paths are not recorded.
    pub(super) fn path_of(&self, node: NodeId, name: &[u8]) -> Option<RelPath> {
        let mut path = self.table.path(node);
        if !path.is_empty() && !name.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        RelPath::new(&path).ok()
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listing(&self, node: NodeId) -> Option<MutexGuard<'_, Listing>> {
        match &self.table.nodes[node.index()].state {
            DirState::Changed(changed) => changed.listing(),
            DirState::Same | DirState::Absent => None,
        }
    }

    fn with_file(&self, index: FileIndex, set: impl FnOnce(&mut FileEntry, &dyn Fn(&StatKey) -> bool)) {
        let Some(&(node, entry)) = self.files.get(index.0 as usize) else { return };
        let DirState::Changed(changed) = &self.table.nodes[node.index()].state else { return };
        let Some(mut listing) = changed.listing() else { return };
        if let EntryNode::File(file) = &mut listing.entries[entry as usize].node {
            set(file, &|key| changed.trust.trusts(key));
        }
    }
}

fn file_to_read(entry: &Entry) -> Option<&FileEntry> {
    match &entry.node {
        EntryNode::File(file) if matches!(file.content, Content::ToRead(_)) => Some(file),
        _ => None,
    }
}
