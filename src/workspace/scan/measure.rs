//! Counting what is in a directory that is left out. Nothing of it is read, and what cannot be looked at is not counted.

use std::sync::Arc;

use rustix::fs::{AtFlags, FileType};

use super::directory::Below;
use super::names::Names;
use super::queue::{DirHandle, Task};
use super::report::{Report, RuleText};
use super::trust::kind_of;
use super::walker::Shared;

pub(super) fn measure(
    shared: &Shared<'_>,
    names: &mut Names,
    below: &mut Below,
    report: &mut Report,
    handle: &Arc<DirHandle>,
    rule: &RuleText,
) {
    if names.read(handle).is_err() {
        return;
    }
    let (mut files, mut bytes) = (0, 0);
    for (name, _) in names.iter() {
        let Ok(stat) = rustix::fs::statat(handle, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        if kind_of(&stat) == FileType::Directory {
            below.push(name.to_bytes(), Task::Measure(rule.clone()));
        } else {
            files += 1;
            bytes += stat.st_size as u64;
        }
    }
    shared.note_entries(names.len());
    let counts = report.rule(rule, Vec::new);
    counts.files += files;
    counts.bytes += bytes;
}
