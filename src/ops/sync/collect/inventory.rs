//! What a remote consists of: the entries behind the newest summary, the packs that count, and what is in them.

use crate::disk::{Dir, TempFile};
use crate::format::catalog::{Catalog, CatalogFrame};
use crate::format::remote::{PackRef, RemoteEntry};
use crate::format::summary::Summary;
use crate::id::ObjectId;
use crate::limits::{PACK_MERGE_BYTES, REMOTE_TRANSFERS};
use crate::ops::sync::absent::Absent;
use crate::ops::sync::take_in::refuse_cancelled;
use crate::ops::{Host, OpsResult};
use crate::remote::{Frames, Remote, RemoteError, Seen};

/// A pack that everybody takes in as a whole.
pub struct Whole {
    pub pack: PackRef,
    /// Of a small one that was read: where its bytes are in the spool, its frames, and what they are made against.
    pub read: Option<(u64, Frames)>,
}

/// What a remote consists of.
pub struct Inventory {
    /// The newest summary.
    pub summary: Option<Summary>,
    /// The bytes of the entries behind it.
    pub entries: Vec<Vec<u8>>,
    /// Number and id of the last entry.
    pub last: (u64, ObjectId),
    /// The packs that everybody takes in, in order.
    pub whole: Vec<Whole>,
    /// The packs of which catalogs tell, with their frames.
    pub listed: Vec<(PackRef, Vec<CatalogFrame>)>,
    /// Catalogs that count now.
    pub catalogs: Vec<PackRef>,
    /// Where each object is.
    pub located: Absent,
    /// The bytes of the packs that were read.
    pub spool: TempFile,
}

impl Inventory {
    /// Reads it, up to an entry. Small packs are read as a whole, of the others the catalogs.
    pub fn read(remote: &Remote, entry: u64, tmp: &Dir, host: &dyn Host) -> OpsResult<Self> {
        let summary = remote.newest_summary()?;
        let covered = summary.as_ref().map_or(0, |summary| summary.entry);
        if covered > entry {
            return Err(RemoteError::Collected.into());
        }
        let mut found = match &summary {
            Some(summary) => remote.behind_with(summary, &Seen::NOTHING)?,
            None => remote.all_behind(&Seen::NOTHING, entry)?,
        };
        // What came meanwhile is none of this run's business.
        found.retain(|found| found.seen.number <= entry);
        let mut inventory = Self {
            summary,
            entries: Vec::new(),
            last: found.last().map_or((0, ObjectId::ZERO), |last| (last.seen.number, last.seen.id)),
            whole: Vec::new(),
            listed: Vec::new(),
            catalogs: found.iter().flat_map(|found| found.entry.catalogs.clone()).collect(),
            located: Absent::default(),
            spool: tmp.temp_file()?,
        };
        let packs = found.iter().flat_map(|found| found.entry.packs.clone()).collect();
        for found in found.into_iter().filter(|found| found.seen.number > covered) {
            let bytes = found.entry.encode();
            if RemoteEntry::id_of(&bytes) != found.seen.id {
                let why = "it is not written as entries are".to_owned();
                return Err(RemoteError::Damaged { key: format!("log/{:016}", found.seen.number), why }.into());
            }
            inventory.entries.push(bytes);
        }
        inventory.read_catalogs(remote, host)?;
        inventory.read_packs(remote, packs, host)?;
        Ok(inventory)
    }

    /// The packs that count, each once.
    pub fn packs(&self) -> impl Iterator<Item = &PackRef> {
        self.whole.iter().map(|whole| &whole.pack).chain(self.listed.iter().map(|(pack, _)| pack))
    }

    fn read_catalogs(&mut self, remote: &Remote, host: &dyn Host) -> OpsResult<()> {
        for catalog in self.catalogs.clone() {
            refuse_cancelled(host)?;
            let Catalog { packs, frames, .. } = remote.get_catalog(&catalog)?;
            let mut listed: Vec<(PackRef, Vec<CatalogFrame>)> = packs.into_iter().map(|pack| (pack, Vec::new())).collect();
            for frame in frames {
                let Some((pack, frames)) = listed.get_mut(frame.pack as usize) else { continue };
                self.located.push(*pack, frame.frame.clone(), frame.base);
                frames.push(frame);
            }
            listed.retain(|(pack, _)| self.listed.iter().all(|(known, _)| known.id != pack.id));
            self.listed.extend(listed);
        }
        Ok(())
    }

    fn read_packs(&mut self, remote: &Remote, packs: Vec<PackRef>, host: &dyn Host) -> OpsResult<()> {
        let mut known = std::collections::HashSet::new();
        let packs: Vec<PackRef> = packs.into_iter().filter(|pack| known.insert(pack.id)).collect();
        let small: Vec<PackRef> = packs.iter().filter(|pack| pack.bytes < PACK_MERGE_BYTES).copied().collect();
        let mut read = Vec::with_capacity(small.len());
        for some in small.chunks(REMOTE_TRANSFERS) {
            for (bytes, frames) in get_all(remote, some, host)? {
                read.push((self.spool.bytes(), frames));
                self.spool.write(&bytes)?;
            }
        }
        let mut read = read.into_iter();
        for pack in packs {
            let read = if pack.bytes < PACK_MERGE_BYTES { read.next() } else { None };
            for (frame, base) in read.iter().flat_map(|(_, frames)| frames) {
                self.located.push(pack, frame.clone(), *base);
            }
            self.whole.push(Whole { pack, read });
        }
        Ok(())
    }
}

/// Fetches a few packs at the same time.
fn get_all(remote: &Remote, packs: &[PackRef], host: &dyn Host) -> OpsResult<Vec<(Vec<u8>, Frames)>> {
    refuse_cancelled(host)?;
    std::thread::scope(|scope| {
        let threads: Vec<_> = packs.iter().map(|pack| scope.spawn(move || remote.get_frames(pack))).collect();
        let gone = || Err(RemoteError::Unreachable { action: "read", key: "packs".to_owned(), why: "stopped".to_owned() });
        threads.into_iter().map(|thread| Ok(thread.join().unwrap_or_else(|_| gone())?)).collect()
    })
}
