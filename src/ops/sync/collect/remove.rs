//! Removing what nothing names from a remote.
//!
//! Named are: what the newest summary names, what the entries behind it name, and, as long as a summary is younger than the grace
//! period, what it has replaced: a reader that knows only what was before may be at work. Of what remains only that goes which is
//! older than the grace period by the storage's own clock: a sync may have sent it and be about to name it. What is that old in the
//! list is never named any more (`attempt`). What was replaced because of a purge goes at once; a reader that misses a pack asks for
//! the newest summary.

use std::collections::HashSet;

use super::RemoteGcOptions;
use crate::format::remote::PackRef;
use crate::id::ObjectId;
use crate::ops::sync::refuse_cancelled;
use crate::ops::{Host, OpsResult};
use crate::remote::{Remote, RemoteError, Stored, storage_time_ms};

/// How many objects of the storage, and their bytes.
type Count = (u64, u64);

/// Removes what nothing names; gives what was removed, and what is too young for it.
pub fn remove(remote: &Remote, purged: &HashSet<ObjectId>, options: &RemoteGcOptions, host: &dyn Host) -> OpsResult<(Count, Count)> {
    // First the list, then the names: what is named in between is not in the list, or is named when the names are read.
    let stored = remote.bucket().stored("packs/")?;
    let now_ms = match options.dry_run {
        true => stored.iter().map(|stored| stored.written_ms).max().unwrap_or(0),
        false => storage_time_ms(remote.bucket())?,
    };
    let old_ms = now_ms - options.grace_ms;
    let named = Named::read(remote, purged, old_ms, host)?;
    let (mut removed, mut waiting) = ((0, 0), (0, 0));
    for Stored { name, bytes, written_ms } in stored {
        refuse_cancelled(host)?;
        if named.names.contains(&name) {
            continue;
        }
        let is_old = written_ms <= old_ms || named.purged_names.contains(&name);
        let count = if is_old { &mut removed } else { &mut waiting };
        *count = (count.0 + 1, count.1 + bytes);
        if is_old && !options.dry_run {
            remote.bucket().remove_named(&name)?;
        }
    }
    Ok((removed, waiting))
}

/// What is named, by the names that the storage has for it.
struct Named<'a> {
    remote: &'a Remote,
    purged: &'a HashSet<ObjectId>,
    names: HashSet<String>,
    /// Packs that have been replaced and hold what was purged.
    purged_names: HashSet<String>,
}

impl<'a> Named<'a> {
    /// Everything that is named, where what was replaced before `old_ms` does not count.
    fn read(remote: &'a Remote, purged: &'a HashSet<ObjectId>, old_ms: i64, host: &dyn Host) -> OpsResult<Self> {
        let mut named = Self { remote, purged, names: HashSet::new(), purged_names: HashSet::new() };
        let summaries = remote.summaries()?;
        // The summaries that are young, and the one before them: what it names was replaced lately.
        let settled = summaries.iter().rposition(|(_, stored)| stored.written_ms <= old_ms);
        let (mut newest, mut oldest_entry) = (None, 0);
        for (number, _) in summaries[settled.unwrap_or(0)..].iter().rev() {
            refuse_cancelled(host)?;
            let summary = remote.summary(*number)?;
            named.names.extend(summary.bundles.iter().map(|bundle| named.name_of(bundle)).collect::<Vec<_>>());
            named.add(&summary.packs, &summary.catalogs, newest.is_none())?;
            oldest_entry = if settled.is_some() { summary.entry } else { 0 };
            newest = newest.or(Some(summary));
        }
        let current = newest.as_ref().map_or(0, |newest| newest.entry);
        let found = remote.entries_themselves(newest.as_ref())?;
        // Those that count first: what they name need not be looked at again.
        for found in found.iter().rev().filter(|found| found.seen.number > oldest_entry) {
            named.add(&found.entry.packs, &found.entry.catalogs, found.seen.number > current)?;
        }
        Ok(named)
    }

    fn name_of(&self, pack: &PackRef) -> String {
        self.remote.bucket().name_of(&format!("packs/{}", pack.id))
    }

    /// Adds packs and catalogs with the packs in them. Replaced ones with anything purged do not count as named.
    fn add(&mut self, packs: &[PackRef], catalogs: &[PackRef], is_current: bool) -> OpsResult<()> {
        for pack in packs {
            let name = self.name_of(pack);
            let is_purged = !is_current && !self.purged.is_empty() && !self.names.contains(&name) && self.holds_purged(pack)?;
            self.put(name, is_purged);
        }
        for catalog in catalogs {
            let name = self.name_of(catalog);
            if self.names.contains(&name) {
                continue;
            }
            let found = match self.remote.get_catalog(catalog) {
                // An older one that went with what was purged.
                Err(RemoteError::Missing { .. }) if !is_current => continue,
                other => other?,
            };
            self.names.insert(name);
            let is_purged = |id: &ObjectId| self.purged.contains(id);
            let purged_packs: HashSet<u32> =
                found.frames.iter().filter(|frame| frame.frame.ids.iter().any(is_purged)).map(|frame| frame.pack).collect();
            for (number, pack) in (0..).zip(&found.packs) {
                self.put(self.name_of(pack), !is_current && purged_packs.contains(&number));
            }
        }
        Ok(())
    }

    fn put(&mut self, name: String, is_purged: bool) {
        if !is_purged {
            self.names.insert(name);
        } else if !self.names.contains(&name) {
            self.purged_names.insert(name);
        }
    }

    fn holds_purged(&self, pack: &PackRef) -> OpsResult<bool> {
        match self.remote.get_frames(pack) {
            Err(RemoteError::Missing { .. }) => Ok(false),
            found => Ok(found?.1.iter().any(|(frame, _)| frame.ids.iter().any(|id| self.purged.contains(id)))),
        }
    }
}
