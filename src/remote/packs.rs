//! Packs of a remote: sending and fetching them, several at a time.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::{Remote, RemoteError, RemoteResult};
use crate::disk::{Dir, TempFile};
use crate::format::catalog::{Catalog, frames_of_pack};
use crate::format::pack::{PackFrame, pack_id};
use crate::format::remote::PackRef;
use crate::format::summary::decode_bundle;
use crate::id::ObjectId;
use crate::limits::{PACK_GAP_BYTES, PACK_LOOK_FIRST_BYTES, REMOTE_TRANSFERS};

/// Frames of a pack, and what each of them is a delta against.
pub type Frames = Vec<(PackFrame, Option<ObjectId>)>;

impl Remote {
    /// Sends a pack. Where an interrupted sync may have sent the same, with the same stamp, that is looked for, if it is of a size that
    /// makes looking worth a request.
    pub fn put_pack(&self, bytes: Vec<u8>, objects: u64, may_be_there: bool) -> RemoteResult<PackRef> {
        let pack = PackRef { id: pack_id(&bytes), bytes: bytes.len() as u64, objects };
        let key = key_of(&pack);
        let looks = may_be_there && bytes.len() >= PACK_LOOK_FIRST_BYTES;
        if !looks || self.bucket.size(&key)? != Some(self.bucket.stored_bytes(pack.bytes)) {
            self.bucket.put(&key, bytes)?;
        }
        Ok(pack)
    }

    /// A pack, a catalog or a bundle as a whole, held against its id.
    ///
    /// # Errors
    /// [`RemoteError::Missing`], [`RemoteError::Damaged`].
    pub fn get_whole(&self, pack: &PackRef) -> RemoteResult<Vec<u8>> {
        let key = key_of(pack);
        let bytes = self.bucket.get(&key, pack.bytes as usize)?.ok_or_else(|| RemoteError::Missing { key: key.clone() })?;
        if bytes.len() as u64 != pack.bytes || pack_id(&bytes) != pack.id {
            return Err(RemoteError::Damaged { key, why: "it is not what its name says".to_owned() });
        }
        Ok(bytes)
    }

    /// A pack as a whole, with its frames and what each of them is a delta against. What is in the frames is not looked at.
    ///
    /// # Errors
    /// As [`Remote::get_whole`].
    pub fn get_frames(&self, pack: &PackRef) -> RemoteResult<(Vec<u8>, Frames)> {
        let bytes = self.get_whole(pack)?;
        let frames = frames_of_pack(&bytes).map_err(|error| RemoteError::format(&key_of(pack), &error))?;
        Ok((bytes, frames))
    }

    /// The entries in a bundle, as many as it should have.
    pub fn get_bundle(&self, bundle: &PackRef) -> RemoteResult<Vec<Vec<u8>>> {
        let key = key_of(bundle);
        let entries = decode_bundle(&self.get_whole(bundle)?).map_err(|error| RemoteError::format(&key, &error))?;
        if entries.len() as u64 != bundle.objects {
            return Err(RemoteError::Damaged { key, why: "it has another number of entries".to_owned() });
        }
        Ok(entries)
    }

    /// A catalog.
    pub fn get_catalog(&self, catalog: &PackRef) -> RemoteResult<Catalog> {
        Catalog::decode(&self.get_whole(catalog)?).map_err(|error| RemoteError::format(&key_of(catalog), &error))
    }

    /// Fetches ranges of a pack, which are in order, one behind the other into a temporary file. What stands between them comes along
    /// where that is cheaper than another request; gives where in the file each of them begins. What came is not held against
    /// anything: whoever decodes it does that.
    pub fn get_parts(&self, pack: &PackRef, ranges: &[Range<u64>], tmp: &Dir) -> RemoteResult<(TempFile, Vec<u64>)> {
        let key = key_of(pack);
        let mut file = tmp.temp_file()?;
        let mut places = Vec::with_capacity(ranges.len());
        for joined in joined(ranges, if self.bucket.has_ranges() { PACK_GAP_BYTES } else { pack.bytes }) {
            let (start, end) = (ranges[joined.start].start, ranges[joined.end - 1].end);
            let bytes = self.bucket.get_range(&key, start..end, pack.bytes as usize)?;
            let bytes = bytes.filter(|bytes| bytes.len() as u64 == end - start).ok_or_else(|| RemoteError::Missing { key: key.clone() })?;
            let at = file.bytes();
            file.write(&bytes)?;
            places.extend(ranges[joined].iter().map(|range| at + range.start - start));
        }
        Ok((file, places))
    }

    /// Fetches a pack into a temporary file, and holds it against its id.
    pub fn get_pack(&self, pack: &PackRef, tmp: &Dir) -> RemoteResult<TempFile> {
        let bytes = self.get_whole(pack)?;
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

/// Groups of ranges between which there are no more than so many bytes.
fn joined(ranges: &[Range<u64>], gap_bytes: u64) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (at, range) in ranges.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if range.start <= ranges[group.end - 1].end + gap_bytes => group.end = at + 1,
            _ => groups.push(at..at + 1),
        }
    }
    groups
}

fn key_of(pack: &PackRef) -> String {
    format!("packs/{}", pack.id)
}
