//! What becomes of one name: left out, skipped, as it was, or changed.

use std::borrow::Cow;
use std::ffi::CStr;

use rustix::fs::{AtFlags, FileType, Stat};
use rustix::io::Errno;

use super::directory::Pass;
use super::listing::{Content, FileEntry, Found};
use super::queue::{RecordTask, Task};
use super::report::SkipKind;
use super::trust::kind_of;
use super::walker::Trouble;
use crate::format::stat_cache::{Row, RowNode, StatKey, Witness, kept_text};
use crate::limits::{LINK_TARGET_BYTES_MAX, PATH_BYTES_MAX};
use crate::path::check_name;
use crate::workspace::rules::Verdict;

/// What the rules say about a name.
enum Standing<'r> {
    Record,
    LeftOut(Cow<'r, str>),
    Refused(Cow<'r, str>),
}

impl Pass<'_> {
    /// Decides on the next name. `row`: what the block says about it; `kind`: what the directory says it is.
    pub(super) fn judge(&mut self, name: &CStr, row: Option<&Row<'_>>, kind: FileType) -> Result<(), Trouble> {
        // A directory that is left out is not even looked at: it may be a mount point behind which nobody answers.
        if kind == FileType::Directory
            && let Standing::LeftOut(rule) = self.standing(name, row, true)
        {
            self.leave_out_directory(name, row, &rule);
            return Ok(());
        }
        let stat = match rustix::fs::statat(self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(error) => return self.absent(name, row, error),
        };
        if let Some(row) = row.filter(|row| self.is_as_before(row, &stat)) {
            self.same(row);
            return Ok(());
        }
        let is_directory = kind_of(&stat) == FileType::Directory;
        match self.standing(name, row, is_directory) {
            Standing::LeftOut(rule) if is_directory => self.leave_out_directory(name, row, &rule),
            Standing::LeftOut(rule) => {
                let counts = self.left_out_counts(name, &rule);
                counts.files += 1;
                counts.bytes += stat.st_size as u64;
                self.settle(name, row, RowNode::LeftOut { is_directory, rule: kept_text(&rule) });
            }
            Standing::Refused(why) => self.skip(name, row, is_directory, SkipKind::Name, &why),
            Standing::Record => return self.record(name, row, &stat),
        }
        Ok(())
    }

    fn standing<'r>(&mut self, name: &CStr, row: Option<&Row<'r>>, is_directory: bool) -> Standing<'r> {
        match row.filter(|row| self.reuses_verdicts && row.node.is_directory() == is_directory).map(|row| row.node) {
            Some(RowNode::LeftOut { rule, .. }) => Standing::LeftOut(Cow::Borrowed(rule)),
            Some(RowNode::Skipped { kind, why, .. }) if SkipKind::of_number(kind) == SkipKind::Name => {
                Standing::Refused(Cow::Borrowed(why))
            }
            Some(_) => Standing::Record,
            None => self.ask(name, is_directory),
        }
    }

    fn ask(&mut self, name: &CStr, is_directory: bool) -> Standing<'static> {
        let rules = match &self.loaded_rules {
            Some(rules) => rules.clone(),
            None => self.loaded_rules.insert(self.shared.rules(self.rules)).clone(),
        };
        match rules.verdict(self.path(), name.to_bytes(), is_directory) {
            Verdict::Record => Standing::Record,
            Verdict::LeaveOut(rule) => Standing::LeftOut(Cow::Owned(rule.to_string())),
            Verdict::Refuse(why) => Standing::Refused(Cow::Borrowed(why)),
        }
    }

    /// Whether a file or a link is recorded as its row says. Nearly every name ends here.
    fn is_as_before(&self, row: &Row<'_>, stat: &Stat) -> bool {
        let (kind, witness) = match &row.node {
            RowNode::File { witness, .. } => (FileType::RegularFile, witness),
            RowNode::Symlink { witness, .. } => (FileType::Symlink, witness),
            RowNode::Directory { .. } | RowNode::LeftOut { .. } | RowNode::Skipped { .. } => return false,
        };
        self.reuses_verdicts && self.proves(witness, &StatKey::of(stat)) && kind_of(stat) == kind
    }

    /// Decides on a name that the rules let pass.
    fn record(&mut self, name: &CStr, row: Option<&Row<'_>>, stat: &Stat) -> Result<(), Trouble> {
        let key = StatKey::of(stat);
        let kind = kind_of(stat);
        match (kind, row.map(|row| (row, row.node))) {
            (FileType::RegularFile, Some((row, RowNode::File { witness, .. }))) if self.proves(&witness, &key) => self.same(row),
            (FileType::Symlink, Some((row, RowNode::Symlink { witness, .. }))) if self.proves(&witness, &key) => self.same(row),
            (FileType::Directory, Some((row, RowNode::Directory { mode, block }))) if mode == key.mode => {
                self.below.push(name.to_bytes(), Task::Record(self.task_below(name, key, Some(block))));
                self.same(row);
            }
            _ => return self.record_changed(name, row, kind, key),
        }
        Ok(())
    }

    fn proves(&self, witness: &Witness, key: &StatKey) -> bool {
        witness.trusted && witness.key == *key && !self.shared.options.rehash
    }

    /// Decides on a name that is new, or not provably what its row says.
    fn record_changed(&mut self, name: &CStr, row: Option<&Row<'_>>, kind: FileType, key: StatKey) -> Result<(), Trouble> {
        let is_directory = kind == FileType::Directory;
        if let Err(error) = check_name(name.to_bytes()) {
            self.skip(name, row, is_directory, SkipKind::Name, &error.to_string());
            return Ok(());
        }
        if self.path_bytes_of(name) > PATH_BYTES_MAX {
            self.skip(name, row, is_directory, SkipKind::Name, "its path is too long");
            return Ok(());
        }
        match kind {
            FileType::RegularFile => {
                let earlier = match row.map(|row| row.node) {
                    Some(RowNode::File { id, .. }) => Some(id),
                    _ => None,
                };
                self.found(name, Found::File(FileEntry { key, content: Content::ToRead(earlier) }));
            }
            FileType::Directory => {
                let block = match row.map(|row| row.node) {
                    Some(RowNode::Directory { block, .. }) => Some(block),
                    _ => None,
                };
                self.below.push(name.to_bytes(), Task::Record(self.task_below(name, key, block)));
                self.found(name, Found::Directory { mode: key.mode });
            }
            FileType::Symlink => return self.record_link(name, row, key),
            kind => self.skip(name, row, false, SkipKind::Special, name_of_special(kind)),
        }
        Ok(())
    }

    fn record_link(&mut self, name: &CStr, row: Option<&Row<'_>>, key: StatKey) -> Result<(), Trouble> {
        let target = match rustix::fs::readlinkat(self.handle, name, Vec::new()) {
            Ok(target) => target,
            // It is no link any more.
            Err(Errno::INVAL) => return self.absent(name, row, Errno::NOENT),
            Err(error) => return self.absent(name, row, error),
        };
        let target = target.to_bytes();
        if target.is_empty() || target.len() > LINK_TARGET_BYTES_MAX {
            self.skip(name, row, false, SkipKind::Name, "its target is empty or too long");
            return Ok(());
        }
        let witness = Witness { key, trusted: self.trust().trusts(&key) };
        self.settle(name, row, RowNode::Symlink { witness, target });
        Ok(())
    }

    fn leave_out_directory(&mut self, name: &CStr, row: Option<&Row<'_>>, rule: &str) {
        self.left_out_counts(name, rule).directories += 1;
        if self.shared.options.measure_left_out {
            self.below.push(name.to_bytes(), Task::Measure(kept_text(rule).into()));
        }
        self.settle(name, row, RowNode::LeftOut { is_directory: true, rule: kept_text(rule) });
    }

    fn left_out_counts(&mut self, name: &CStr, rule: &str) -> &mut super::LeftOut {
        let (shared, node) = (self.shared, self.node);
        self.report.rule(kept_text(rule), || join(shared.queue.path(node), name))
    }

    /// Notes a name that cannot be recorded.
    fn skip(&mut self, name: &CStr, row: Option<&Row<'_>>, is_directory: bool, kind: SkipKind, why: &str) {
        let (shared, node) = (self.shared, self.node);
        self.report.skip(|| join(shared.queue.path(node), name), kind, why);
        self.settle(name, row, RowNode::Skipped { is_directory, kind: kind.number(), why: kept_text(why) });
    }

    /// Enters what a name is: as its row says, or not.
    fn settle(&mut self, name: &CStr, row: Option<&Row<'_>>, node: RowNode<'_>) {
        match row.filter(|row| row.node == node) {
            Some(row) => self.same(row),
            None => self.found(name, Found::of_row(node)),
        }
    }

    /// A name that could not be looked at is not recorded; unless it is just gone, that is noted.
    fn absent(&mut self, name: &CStr, row: Option<&Row<'_>>, error: Errno) -> Result<(), Trouble> {
        match Trouble::from(error) {
            Trouble::Gone => {}
            Trouble::Unreadable(error) => {
                self.is_incomplete = true;
                let (shared, node) = (self.shared, self.node);
                self.report.skip(|| join(shared.queue.path(node), name), SkipKind::Unreadable, &error.to_string());
            }
            fatal => return Err(fatal),
        }
        if row.is_some() {
            self.begin_listing();
        }
        Ok(())
    }

    fn task_below(&self, name: &CStr, stat: StatKey, block: Option<crate::format::stat_cache::BlockRef>) -> RecordTask {
        RecordTask { stat, block, rules: self.rules, path_bytes: self.path_bytes_of(name) }
    }

    fn path_bytes_of(&self, name: &CStr) -> usize {
        match self.task.path_bytes {
            0 => name.count_bytes(),
            above => above + 1 + name.count_bytes(),
        }
    }
}

fn join(mut path: Vec<u8>, name: &CStr) -> Vec<u8> {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name.to_bytes());
    path
}

fn name_of_special(kind: FileType) -> &'static str {
    match kind {
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        FileType::BlockDevice | FileType::CharacterDevice => "a device",
        _ => "neither file, directory nor link",
    }
}
