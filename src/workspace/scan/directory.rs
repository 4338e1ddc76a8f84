//! A look at one directory: which names are in it, what rules hold in it, and whether its block is still right.

use std::ffi::CStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::{AtFlags, FileType};

use super::ScanError;
use super::listing::{Found, Listing};
use super::names::Names;
use super::node::{ChangedDir, DirState, NodeId};
use super::queue::{Child, DirHandle, RecordTask, Task};
use super::report::{Report, SkipKind};
use super::rule_table::{IGNORE_FILES, IgnoreContents, IgnoreTrouble, RulesHere, read_ignore_file};
use super::trust::DirTrust;
use super::walker::{Shared, Trouble};
use crate::disk::is_exhausted;
use crate::format::stat_cache::{Block, BlockHead, Row, RulesDigest, StatKey, Witness};
use crate::limits::NAME_BYTES_MAX;
use crate::workspace::rules::Rules;

/// The directories that were found in the one being looked at.
#[derive(Default)]
pub(super) struct Below {
    pub recorded: Vec<Child>,
    measured: Vec<Child>,
    pub names: Vec<u8>,
}

impl Below {
    pub fn clear(&mut self) {
        self.recorded.clear();
        self.measured.clear();
        self.names.clear();
    }

    pub fn push(&mut self, name: &[u8], task: Task) {
        let start = self.names.len();
        self.names.extend_from_slice(name);
        let children = if matches!(task, Task::Record(_)) { &mut self.recorded } else { &mut self.measured };
        children.push(Child { name: start..self.names.len(), task });
    }

    /// Puts those to be measured behind those to be recorded.
    pub fn join(&mut self) {
        self.recorded.append(&mut self.measured);
    }
}

/// See the head of the file.
pub(super) struct Pass<'p> {
    pub(super) shared: &'p Shared<'p>,
    pub(super) below: &'p mut Below,
    pub(super) report: &'p mut Report,
    pub(super) node: NodeId,
    pub(super) task: RecordTask,
    pub(super) handle: &'p Arc<DirHandle>,
    block: Option<&'p Block<'p>>,
    /// The rules that hold in the directory, and what they were read from.
    pub(super) rules: RulesHere,
    pub(super) loaded_rules: Option<Arc<Rules>>,
    ignore_files: [Option<Witness>; 2],
    /// The rules are those by which the rows of the block were judged.
    pub(super) reuses_verdicts: bool,
    /// Rows so far that are still right, while all of them are.
    same_rows: usize,
    /// From the first row on that is not.
    listing: Option<Listing>,
    /// Something is in the directory that no row can stand for.
    pub(super) is_incomplete: bool,
    pub(super) path: Option<Vec<u8>>,
    trust: Option<DirTrust>,
}

impl<'p> Pass<'p> {
    pub fn new(
        shared: &'p Shared<'p>,
        below: &'p mut Below,
        report: &'p mut Report,
        node: NodeId,
        task: RecordTask,
        handle: &'p Arc<DirHandle>,
        block: Option<&'p Block<'p>>,
    ) -> Self {
        Self {
            shared,
            below,
            report,
            node,
            task,
            handle,
            block,
            rules: task.rules,
            loaded_rules: None,
            ignore_files: [None; 2],
            reuses_verdicts: false,
            same_rows: 0,
            listing: None,
            is_incomplete: false,
            path: None,
            trust: None,
        }
    }

    /// Looks at everything in the directory.
    pub fn run(mut self, names: &mut Names) -> Result<DirState, Trouble> {
        match self.block.filter(|block| self.names_are_known(block.head())) {
            Some(block) => {
                self.settle_rules(block.head().ignore_files.map(|file| file.is_some()))?;
                for row in block.rows() {
                    let kind = if row.node.is_directory() { FileType::Directory } else { FileType::Unknown };
                    self.judge(row.name, Some(&row), kind)?;
                }
                self.shared.note_entries(block.row_count());
            }
            None => {
                names.read(self.handle)?;
                self.settle_rules(IGNORE_FILES.map(|name| names.has_file(name)))?;
                self.judge_listed(names)?;
                self.shared.note_entries(names.len());
            }
        }
        Ok(self.finish())
    }

    /// Whether no name can have come or gone since the block was written.
    fn names_are_known(&self, head: &BlockHead) -> bool {
        head.directory.trusted && head.directory.key == self.task.stat && !self.shared.options.rehash
    }

    /// Goes through listed names and rows side by side.
    fn judge_listed(&mut self, names: &Names) -> Result<(), Trouble> {
        if self.block.is_none() {
            self.listing = Some(Listing::with_capacity(names.len()));
        }
        let mut rows = self.block.into_iter().flat_map(|block| block.rows()).peekable();
        for (name, kind) in names.iter() {
            while rows.next_if(|row| row.name.to_bytes() < name.to_bytes()).is_some() {
                self.begin_listing();
            }
            let row = rows.next_if(|row| row.name == name);
            self.judge(name, row.as_ref(), kind)?;
        }
        if rows.next().is_some() {
            self.begin_listing();
        }
        Ok(())
    }

    /// Finds out which rules hold in the directory; `present`: which ignore files may be there.
    fn settle_rules(&mut self, present: [bool; 2]) -> Result<(), Trouble> {
        let head = self.block.map(|block| *block.head()).filter(|_| !self.shared.options.rehash);
        if present.contains(&true) {
            match head.filter(|head| self.ignore_files_are_known(head, present)) {
                Some(head) => {
                    self.ignore_files = head.ignore_files;
                    self.rules = self.shared.rule_table.add_unread(self.task.rules, self.node, head.rules);
                }
                None => self.read_rules(present)?,
            }
        }
        self.reuses_verdicts = head.is_some_and(|head| head.rules == self.rules.digest);
        Ok(())
    }

    /// Whether the ignore files are those that the block was written with.
    fn ignore_files_are_known(&self, head: &BlockHead, present: [bool; 2]) -> bool {
        let is_known = |at: usize| match (head.ignore_files[at], present[at]) {
            (None, false) => true,
            (Some(witness), true) => {
                let stat = rustix::fs::statat(self.handle, IGNORE_FILES[at], AtFlags::SYMLINK_NOFOLLOW);
                witness.trusted && stat.is_ok_and(|stat| StatKey::of(&stat) == witness.key)
            }
            _ => false,
        };
        head.rules_above == self.task.rules.digest && is_known(0) && is_known(1)
    }

    fn read_rules(&mut self, present: [bool; 2]) -> Result<(), Trouble> {
        let mut contents: IgnoreContents = [None, None];
        for at in (0..present.len()).filter(|&at| present[at]) {
            match read_ignore_file(self.handle, IGNORE_FILES[at]) {
                Ok((key, content)) => {
                    self.ignore_files[at] = Some(Witness { key, trusted: self.trust().trusts(&key) });
                    contents[at] = Some(content);
                }
                Err(IgnoreTrouble::Absent) => {}
                Err(IgnoreTrouble::TooLarge) => self.skip_ignore_file(IGNORE_FILES[at], "is too large to be obeyed"),
                // Without the rules it would record what the user excluded.
                Err(IgnoreTrouble::Unreadable(error)) if is_exhausted(&error) => return Err(Trouble::Fatal(ScanError::Exhausted(error))),
                Err(IgnoreTrouble::Unreadable(error)) => self.skip_ignore_file(IGNORE_FILES[at], &error.to_string()),
            }
        }
        if contents.iter().any(Option::is_some) {
            let path = self.path().to_vec();
            let read = |node| self.shared.read_ignore_files(node);
            self.rules = self.shared.rule_table.add_read(self.task.rules, self.node, &path, &contents, &read);
        }
        Ok(())
    }

    fn skip_ignore_file(&mut self, name: &CStr, why: &str) {
        self.is_incomplete = true;
        let path = self.path_of(name);
        self.report.skip(|| path, SkipKind::Unreadable, why);
    }

    /// The next name is as its row says.
    pub(super) fn same(&mut self, row: &Row<'_>) {
        match &mut self.listing {
            Some(listing) => listing.push_row(row),
            None => self.same_rows += 1,
        }
    }

    /// The next name is not, or has none.
    pub(super) fn found(&mut self, name: &CStr, found: Found<'_>) {
        if name.count_bytes() > NAME_BYTES_MAX {
            // Only what is not recorded has such a name (FUSE allows it), and no row can stand for it.
            self.is_incomplete = true;
            return;
        }
        self.begin_listing().push(name.to_bytes(), found);
    }

    /// From here on the directory is not what its block says.
    pub(super) fn begin_listing(&mut self) -> &mut Listing {
        let (block, same_rows) = (self.block, self.same_rows);
        self.listing.get_or_insert_with(|| {
            let mut listing = Listing::with_capacity(block.map_or(0, |block| block.row_count()));
            block.into_iter().flat_map(|block| block.rows()).take(same_rows).for_each(|row| listing.push_row(&row));
            listing
        })
    }

    /// How far what is in the directory can be relied on.
    pub(super) fn trust(&mut self) -> DirTrust {
        let (shared, device, handle) = (self.shared, self.task.stat.device, self.handle);
        *self.trust.get_or_insert_with(|| shared.file_systems.trust(device, handle))
    }

    /// The directory's path.
    pub(super) fn path(&mut self) -> &[u8] {
        let (shared, node) = (self.shared, self.node);
        self.path.get_or_insert_with(|| shared.queue.path(node))
    }

    /// The path of a name in the directory.
    pub(super) fn path_of(&mut self, name: &CStr) -> Vec<u8> {
        let mut path = self.path().to_vec();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.to_bytes());
        path
    }

    fn finish(mut self) -> DirState {
        // Names that were not listed are as trusted as they were; the block is only rewritten when something else changed.
        let was_trusted = self.block.is_some_and(|block| self.names_are_known(block.head()));
        let trusted = !self.is_incomplete && (was_trusted || self.trust().trusts(&self.task.stat));
        let directory = Witness { key: self.task.stat, trusted };
        let rules_above = self.task.rules.digest;
        // When an ignore file changed since its digest was taken, what counts is by which rules names were judged.
        let rules = self.loaded_rules.as_ref().map_or(self.rules.digest, |rules| RulesDigest(rules.digest()));
        let ignore_files = self.ignore_files;
        let is_same = self.block.is_some_and(|block| {
            let head = block.head();
            head.directory == directory && head.rules_above == rules_above && head.rules == rules && head.ignore_files == ignore_files
        });
        if is_same && self.listing.is_none() {
            return DirState::Same;
        }
        let trust = self.trust();
        let listing = self.listing.map(|mut listing| {
            listing.shrink();
            listing.into()
        });
        DirState::Changed(Box::new(ChangedDir { directory, rules_above, rules, ignore_files, trust, listing }))
    }
}

impl Shared<'_> {
    /// Counts a directory with so many names.
    pub fn note_entries(&self, entries: usize) {
        self.progress.directories.fetch_add(1, Ordering::Relaxed);
        self.progress.entries.fetch_add(entries as u64, Ordering::Relaxed);
    }
}
