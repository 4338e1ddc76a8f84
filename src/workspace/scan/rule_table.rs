//! Which ignore rules hold where, without reading them as long as their digest is enough.
//!
//! The stat cache holds a digest of the rules for each directory, so in an unchanged tree no ignore file is opened. Only when
//! a verdict is asked for, the rules are put together: those from above first, from the ignore files on the way down.

use std::ffi::CStr;
use std::io::Read;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FileType, Mode, OFlags};

use super::node::NodeId;
use super::trust::kind_of;
use crate::format::stat_cache::{RulesDigest, StatKey};
use crate::limits::IGNORE_FILE_BYTES_MAX;
use crate::workspace::rules::Rules;

/// The ignore files, in the order in which their contents are given to [`Rules::enter`].
pub(super) const IGNORE_FILES: [&CStr; 2] = [c".gitignore", c".luaignore"];

/// The rules that hold in a directory: their place in the table and their digest.
#[derive(Clone, Copy, Debug)]
pub(super) struct RulesHere {
    place: u32,
    pub digest: RulesDigest,
}

/// Contents of the ignore files of one directory.
pub(super) type IgnoreContents = [Option<Vec<u8>>; 2];

/// See the head of the file.
pub(super) struct RuleTable {
    entries: Mutex<Vec<RuleEntry>>,
}

struct RuleEntry {
    above: u32,
    /// The directory with the ignore files.
    node: NodeId,
    rules: Option<Arc<Rules>>,
}

impl RuleTable {
    /// A table with the rules that hold before any ignore file is read.
    pub fn new(rules: Arc<Rules>) -> (Self, RulesHere) {
        let here = RulesHere { place: 0, digest: RulesDigest(rules.digest()) };
        (Self { entries: Mutex::new(vec![RuleEntry { above: 0, node: NodeId::ROOT, rules: Some(rules) }]) }, here)
    }

    /// Adds the rules of a directory with ignore files that are known to be unchanged.
    pub fn add_unread(&self, above: RulesHere, node: NodeId, digest: RulesDigest) -> RulesHere {
        RulesHere { place: self.add(RuleEntry { above: above.place, node, rules: None }), digest }
    }

    /// Adds the rules of a directory with these ignore files.
    pub fn add_read(
        &self,
        above: RulesHere,
        node: NodeId,
        path: &[u8],
        contents: &IgnoreContents,
        read: &dyn Fn(NodeId) -> (Vec<u8>, IgnoreContents),
    ) -> RulesHere {
        let rules = enter(&self.get(above, read), path, contents);
        let digest = RulesDigest(rules.digest());
        RulesHere { place: self.add(RuleEntry { above: above.place, node, rules: Some(rules) }), digest }
    }

    /// The rules themselves. `read` gives the path and the ignore files of a directory.
    pub fn get(&self, here: RulesHere, read: &dyn Fn(NodeId) -> (Vec<u8>, IgnoreContents)) -> Arc<Rules> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unread = Vec::new();
        let mut place = here.place as usize;
        let mut rules = loop {
            match &entries[place].rules {
                Some(rules) => break rules.clone(),
                None => unread.push(place),
            }
            place = entries[place].above as usize;
        };
        for place in unread.into_iter().rev() {
            let (path, contents) = read(entries[place].node);
            rules = enter(&rules, &path, &contents);
            entries[place].rules = Some(rules.clone());
        }
        rules
    }

    fn add(&self, entry: RuleEntry) -> u32 {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(entry);
        entries.len() as u32 - 1
    }
}

fn enter(above: &Arc<Rules>, path: &[u8], contents: &IgnoreContents) -> Arc<Rules> {
    above.enter(path, contents[0].as_deref(), contents[1].as_deref())
}

/// Why an ignore file is not obeyed.
pub(super) enum IgnoreTrouble {
    /// It is not there, or is no file.
    Absent,
    /// It is larger than [`IGNORE_FILE_BYTES_MAX`].
    TooLarge,
    /// It cannot be read.
    Unreadable(std::io::Error),
}

/// Reads an ignore file and what it looked like before that. No link is followed and no pipe waited for.
pub(super) fn read_ignore_file(directory: impl AsFd, name: &CStr) -> Result<(StatKey, Vec<u8>), IgnoreTrouble> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let handle = match rustix::io::retry_on_intr(|| rustix::fs::openat(&directory, name, flags, Mode::empty())) {
        Ok(handle) => handle,
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => return Err(IgnoreTrouble::Absent),
        Err(error) => return Err(IgnoreTrouble::Unreadable(error.into())),
    };
    let stat = rustix::fs::fstat(&handle).map_err(|error| IgnoreTrouble::Unreadable(error.into()))?;
    if kind_of(&stat) != FileType::RegularFile {
        return Err(IgnoreTrouble::Absent);
    }
    let mut content = Vec::new();
    let read = std::fs::File::from(handle).take(IGNORE_FILE_BYTES_MAX + 1).read_to_end(&mut content);
    read.map_err(IgnoreTrouble::Unreadable)?;
    if content.len() as u64 > IGNORE_FILE_BYTES_MAX {
        return Err(IgnoreTrouble::TooLarge);
    }
    Ok((StatKey::of(&stat), content))
}
