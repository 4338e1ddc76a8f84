//! Summaries of the log: `summaries/` and a number, created only if absent. The newest one counts. It brings no trust of its own: the
//! entries in its bundles are held against their chain, and packs against their ids, as if they had been fetched one by one.

use super::{Creation, Found, Remote, RemoteError, RemoteResult, Seen, Stored};
use crate::format::summary::Summary;
use crate::limits::{REMOTE_ENTRY_BYTES_MAX, REMOTE_ROUND_ENTRIES, SUMMARY_FROM_ENTRIES};

const FOLDER: &str = "summaries/";

impl Remote {
    /// The summaries that are there, by their numbers. One request for each thousand.
    pub fn summaries(&self) -> RemoteResult<Vec<(u64, Stored)>> {
        let number = |stored: Stored| Some((stored.name.strip_prefix(FOLDER)?.parse().ok()?, stored));
        let mut found: Vec<(u64, Stored)> = self.bucket.stored(FOLDER)?.into_iter().filter_map(number).collect();
        found.sort_by_key(|(number, _)| *number);
        Ok(found)
    }

    /// A summary.
    pub fn summary(&self, number: u64) -> RemoteResult<Summary> {
        let key = summary_key(number);
        let bytes = self.bucket.get(&key, REMOTE_ENTRY_BYTES_MAX)?.ok_or_else(|| RemoteError::Missing { key: key.clone() })?;
        let summary = Summary::decode(&bytes).map_err(|error| RemoteError::format(&key, &error))?;
        if summary.repository != self.repository() || summary.number != number {
            return Err(RemoteError::Damaged { key, why: "it does not belong there".to_owned() });
        }
        Ok(summary)
    }

    /// The newest summary, if there is one.
    pub fn newest_summary(&self) -> RemoteResult<Option<Summary>> {
        self.summaries()?.last().map(|(number, _)| self.summary(*number)).transpose()
    }

    /// Publishes a summary, unless somebody else was faster: then nothing has changed. Whatever the storage answers, what is there in
    /// the end decides.
    pub fn create_summary(&self, summary: &Summary) -> RemoteResult<Creation> {
        let (key, bytes) = (summary_key(summary.number), summary.encode());
        let is_ours = match self.bucket.create(&key, &bytes) {
            Ok(Creation::Created) => true,
            Err(error) if !error.is_ambiguous() => return Err(error),
            answer => match (self.bucket.get(&key, REMOTE_ENTRY_BYTES_MAX)?, answer) {
                (Some(found), _) => found == bytes,
                (None, Err(error)) => return Err(error),
                (None, Ok(_)) => false,
            },
        };
        Ok(if is_ours { Creation::Created } else { Creation::Exists })
    }

    /// All entries behind what was seen, up to this number. Where there are many, those that a summary covers come in bundles, and name
    /// the packs of the summary instead of their own.
    pub fn all_behind(&self, seen: &Seen, last: u64) -> RemoteResult<Vec<Found>> {
        let mut found = Vec::new();
        if seen.number > 0 {
            let asked = SUMMARY_FROM_ENTRIES.min(usize::try_from(last.saturating_sub(seen.number)).unwrap_or(usize::MAX));
            found = self.behind(seen, asked)?;
            if found.len() < SUMMARY_FROM_ENTRIES {
                return Ok(found);
            }
        }
        match self.newest_summary()? {
            Some(summary) if summary.entry <= last => self.behind_with(&summary, seen),
            _ => {
                self.add_rest(&mut found, seen, last)?;
                Ok(found)
            }
        }
    }

    /// All entries behind what was seen, those that the newest summary covers with its packs. `None` where there is no summary.
    pub fn all_behind_merged(&self, seen: &Seen) -> RemoteResult<Option<Vec<Found>>> {
        self.newest_summary()?.map(|summary| self.behind_with(&summary, seen)).transpose()
    }

    /// All entries behind what was seen, those that a summary covers with its packs.
    pub fn behind_with(&self, summary: &Summary, seen: &Seen) -> RemoteResult<Vec<Found>> {
        let mut found = self.bundled(summary, seen)?;
        found.iter_mut().for_each(|found| (found.entry.packs, found.entry.catalogs) = Default::default());
        if let Some(first) = found.first_mut() {
            (first.entry.packs, first.entry.catalogs) = (summary.packs.clone(), summary.catalogs.clone());
        }
        self.add_rest(&mut found, seen, u64::MAX)?;
        Ok(found)
    }

    /// All entries with the packs that they have named themselves, those that a summary covers from its bundles.
    pub fn entries_themselves(&self, summary: Option<&Summary>) -> RemoteResult<Vec<Found>> {
        let mut found = summary.map_or_else(|| Ok(Vec::new()), |summary| self.bundled(summary, &Seen::NOTHING))?;
        self.add_rest(&mut found, &Seen::NOTHING, u64::MAX)?;
        Ok(found)
    }

    /// The entries of a summary's bundles behind what was seen.
    fn bundled(&self, summary: &Summary, seen: &Seen) -> RemoteResult<Vec<Found>> {
        let mut found: Vec<Found> = Vec::new();
        let mut first: u64 = 1;
        for bundle in &summary.bundles {
            let next = first.saturating_add(bundle.objects);
            if next > seen.number + 1 {
                let entries = self.get_bundle(bundle)?;
                for (_, bytes) in (first..).zip(&entries).filter(|(number, _)| *number > seen.number) {
                    let last = found.last().map_or(*seen, |found| found.seen);
                    found.push(self.checked(bytes, &last)?);
                }
            }
            first = next;
        }
        if found.last().is_some_and(|last| (last.seen.number, last.seen.id) != (summary.entry, summary.entry_id)) {
            return Err(RemoteError::Damaged { key: summary_key(summary.number), why: "its bundles end elsewhere".to_owned() });
        }
        Ok(found)
    }

    /// Adds the entries that follow, one request each.
    fn add_rest(&self, found: &mut Vec<Found>, seen: &Seen, last: u64) -> RemoteResult<()> {
        loop {
            let newest = found.last().map_or(*seen, |found| found.seen);
            let asked = REMOTE_ROUND_ENTRIES.min(usize::try_from(last.saturating_sub(newest.number)).unwrap_or(usize::MAX));
            let more = self.behind(&newest, asked)?;
            let is_last = more.len() < asked || asked == 0;
            found.extend(more);
            if is_last {
                return Ok(());
            }
        }
    }
}

fn summary_key(number: u64) -> String {
    format!("{FOLDER}{number:016}")
}
