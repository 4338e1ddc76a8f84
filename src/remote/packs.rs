//! Packs of a remote: sending and fetching them, several at a time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::{Remote, RemoteError, RemoteResult, Seen};
use crate::disk::{Dir, TempFile};
use crate::format::pack::pack_id;
use crate::format::remote::PackRef;
use crate::limits::{PACK_LOOK_FIRST_BYTES, REMOTE_ROUND_ENTRIES, REMOTE_TRANSFERS};

impl Remote {
    /// Sends a pack. One that is there already is not sent again, if it is of a size that makes looking worth a request.
    pub fn put_pack(&self, bytes: Vec<u8>, objects: u64) -> RemoteResult<PackRef> {
        let pack = PackRef { id: pack_id(&bytes), bytes: bytes.len() as u64, objects };
        let key = key_of(&pack);
        let is_there = bytes.len() >= PACK_LOOK_FIRST_BYTES && self.bucket.is_there(&key, pack.bytes)?;
        if !is_there {
            self.bucket.put(&key, bytes)?;
        }
        Ok(pack)
    }

    /// The packs that the entries of the log name, from the first one on up to this.
    pub fn all_packs(&self, last: u64) -> RemoteResult<Vec<PackRef>> {
        let (mut seen, mut packs) = (Seen::NOTHING, Vec::new());
        while seen.number < last {
            let found = self.behind(&seen, REMOTE_ROUND_ENTRIES.min((last - seen.number) as usize))?;
            let Some(newest) = found.last() else { break };
            seen = newest.seen;
            packs.extend(found.iter().flat_map(|found| found.entry.packs.iter().copied()));
        }
        Ok(packs)
    }

    /// Fetches a pack into a temporary file, and holds it against its id.
    pub fn get_pack(&self, pack: &PackRef, tmp: &Dir) -> RemoteResult<TempFile> {
        let key = key_of(pack);
        let bytes = self.bucket.get(&key, pack.bytes as usize)?.ok_or_else(|| RemoteError::Missing { key: key.clone() })?;
        if bytes.len() as u64 != pack.bytes || pack_id(&bytes) != pack.id {
            return Err(RemoteError::Damaged { key, why: "it is not what its name says".to_owned() });
        }
        let mut file = tmp.temp_file()?;
        file.write(&bytes)?;
        Ok(file)
    }

    /// Fetches packs, several at a time, in their order. `on_bytes` is told what came so far. Stops early, with an error, when
    /// `cancel` is set.
    pub fn get_packs(
        &self,
        packs: &[PackRef],
        tmp: &Dir,
        cancel: &AtomicBool,
        on_bytes: &(dyn Fn(u64) + Sync),
    ) -> RemoteResult<Vec<TempFile>> {
        let (next, done_bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
        let slots: Vec<Mutex<Option<RemoteResult<TempFile>>>> = packs.iter().map(|_| Mutex::new(None)).collect();
        let failed = AtomicBool::new(false);
        let work = || {
            while !failed.load(Ordering::Relaxed) && !cancel.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let (Some(pack), Some(slot)) = (packs.get(at), slots.get(at)) else { return };
                let got = self.get_pack(pack, tmp);
                failed.fetch_or(got.is_err(), Ordering::Relaxed);
                on_bytes(done_bytes.fetch_add(pack.bytes, Ordering::Relaxed) + pack.bytes);
                *slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(got);
            }
        };
        if packs.len() == 1 {
            work();
        } else {
            std::thread::scope(|scope| (0..REMOTE_TRANSFERS.min(packs.len())).for_each(|_| drop(scope.spawn(work))));
        }
        let taken: Vec<_> = slots.into_iter().map(|slot| slot.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)).collect();
        let stopped = || Err(RemoteError::Unreachable { action: "read", key: "packs".to_owned(), why: "stopped".to_owned() });
        // What failed says more than what was therefore not begun.
        let (mut files, mut unbegun) = (Vec::new(), false);
        for slot in taken {
            match slot {
                Some(got) => files.push(got?),
                None => unbegun = true,
            }
        }
        if unbegun { stopped() } else { Ok(files) }
    }
}

fn key_of(pack: &PackRef) -> String {
    format!("packs/{}", pack.id)
}
