//! Bringing the cache up to date: blocks are appended, or the file is written anew.

use super::{FILE_NAME, StatCache, read_header};
use crate::disk::{Dir, DiskResult, StoreFile, TempFile};
use crate::format::stat_cache::{BlockRef, HEADER_BYTES, Header, block_sum};
use crate::limits::STAT_CACHE_GARBAGE_PERCENT_MAX;

/// Blocks gather in memory up to this many bytes before they are written.
const BUFFER_BYTES: usize = 256 << 10;
/// A file smaller than this is not written anew for the sake of its garbage, in bytes.
const REWRITE_FROM_BYTES: u64 = 64 << 10;

/// What an update did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheUpdate {
    /// The cache was right already.
    Nothing,
    /// So many bytes were added to it.
    Appended(u64),
    /// It was written anew, with so many bytes.
    Rewritten(u64),
    /// Another process brought it up to date in the meantime; ours was not written.
    Overtaken,
}

/// What the header must know of all blocks together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The block of the workspace's root.
    pub root: BlockRef,
    /// Bytes of all blocks that are reachable from it.
    pub live_bytes: u64,
    /// Where the last block ends in the file.
    pub end: u64,
}

/// Takes the blocks of an update. Nothing is seen by readers before [`CacheWriter::finish`].
pub struct CacheWriter {
    target: Target,
    nonce: u64,
    /// Offset in the file of the first byte of `buffer`.
    buffer_at: u64,
    buffer: Vec<u8>,
    added_bytes: u64,
}

enum Target {
    /// Blocks get their places and are forgotten.
    Measure,
    Append(StoreFile),
    New(TempFile),
}

impl CacheWriter {
    /// Whether a cache is better written anew than added to: there is none, or too much of it is garbage.
    pub fn should_rewrite(cache: Option<&StatCache>) -> bool {
        cache.is_none_or(|cache| {
            let blocks = cache.header.end.saturating_sub(HEADER_BYTES as u64);
            let garbage = blocks.saturating_sub(cache.header.live_bytes);
            blocks >= REWRITE_FROM_BYTES && garbage.saturating_mul(100) > blocks.saturating_mul(STAT_CACHE_GARBAGE_PERCENT_MAX)
        })
    }

    /// Adds to the file that this cache was read from; `None` when it is not what it was then.
    pub fn append(dir: &Dir, cache: &StatCache) -> DiskResult<Option<Self>> {
        let file = match dir.open_store_file(FILE_NAME, true, false) {
            Ok(file) => file,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        if read_header(&file)? != Some(cache.header) {
            return Ok(None);
        }
        Ok(Some(Self::new(Target::Append(file), cache.header.nonce, cache.header.end)))
    }

    /// Finds out the places of blocks in a new file, without writing any: its header comes first and must name the last block.
    pub fn measure() -> Self {
        Self::new(Target::Measure, 0, HEADER_BYTES as u64)
    }

    /// Begins a new file in a folder for temporary files. The blocks must be those that were measured.
    pub fn rewrite(tmp: &Dir, extent: Extent) -> DiskResult<Self> {
        let mut file = tmp.temp_file()?;
        let nonce = random_nonce();
        file.write(&header_of(extent, nonce).encode())?;
        Ok(Self::new(Target::New(file), nonce, HEADER_BYTES as u64))
    }

    fn new(target: Target, nonce: u64, buffer_at: u64) -> Self {
        Self { target, nonce, buffer_at, buffer: Vec::new(), added_bytes: 0 }
    }

    /// Adds a block.
    pub fn put(&mut self, block: &[u8]) -> DiskResult<BlockRef> {
        let at = BlockRef { offset: self.end(), bytes: block.len() as u32, sum: block_sum(block) };
        self.buffer.extend_from_slice(block);
        self.added_bytes += block.len() as u64;
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(at)
    }

    /// Where the next block will be.
    pub fn end(&self) -> u64 {
        self.buffer_at + self.buffer.len() as u64
    }

    /// Makes the blocks the cache.
    pub fn finish(mut self, dir: &Dir, extent: Extent) -> DiskResult<CacheUpdate> {
        self.flush()?;
        match self.target {
            Target::Measure => Ok(CacheUpdate::Nothing),
            Target::Append(file) => {
                file.write_at(&header_of(extent, self.nonce).encode(), 0)?;
                Ok(CacheUpdate::Appended(self.added_bytes))
            }
            Target::New(file) => {
                file.publish(dir, FILE_NAME)?;
                Ok(CacheUpdate::Rewritten(self.added_bytes))
            }
        }
    }

    fn flush(&mut self) -> DiskResult<()> {
        match &mut self.target {
            Target::Measure => {}
            Target::Append(file) => file.write_at(&self.buffer, self.buffer_at)?,
            Target::New(file) => file.write(&self.buffer)?,
        }
        self.buffer_at += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

fn header_of(extent: Extent, nonce: u64) -> Header {
    Header { root: extent.root, end: extent.end, live_bytes: extent.live_bytes, nonce }
}

fn random_nonce() -> u64 {
    let mut nonce = [0; 8];
    match rustix::rand::getrandom(&mut nonce, rustix::rand::GetRandomFlags::empty()) {
        Ok(_) => u64::from_le_bytes(nonce),
        // The time does as well: a nonce must differ from those of earlier files, nobody gains by guessing it.
        Err(_) => rustix::time::clock_gettime(rustix::time::ClockId::Realtime).tv_nsec as u64,
    }
}
