//! The file with the stat cache: opened, read block by block, and brought up to date.
//!
//! The file is mapped and its blocks are used where they lie; a scan asks for the block of each directory it comes to, by the
//! reference that stands in the block of the directory above, so there is nothing to look up. The bytes are specified in
//! `format::stat_cache`.
//!
//! A file that is missing, torn, of another version or damaged counts as no cache; a damaged block counts as no block. Both
//! cost time only. So nothing here waits for the disk, and an update that finds the file changed under it gives up.
//!
//! Readers take no lock: blocks are only ever added behind the end that a header names, or the file is replaced as a whole,
//! so what an old header names stays as it was. Writers must hold the lock of the store.

mod writer;

pub use writer::{CacheUpdate, CacheWriter, Extent};

use crate::disk::{Dir, DiskResult, Map, StoreFile};
use crate::format::stat_cache::{Block, BlockRef, HEADER_BYTES, Header};
use crate::id::ObjectId;

/// Name of the file in the folder of caches.
pub const FILE_NAME: &str = "stat";

/// How often a header that is being overwritten by another process is read before the cache counts as damaged.
const HEADER_TRIES: u32 = 3;

/// An open stat cache, as it was when it was opened.
#[derive(Debug)]
pub struct StatCache {
    map: Map,
    header: Header,
}

impl StatCache {
    /// Opens the cache in a folder; `None` when there is none that can be used.
    pub fn open(dir: &Dir) -> Option<Self> {
        let file = dir.open_store_file(FILE_NAME, false, false).ok()?;
        let header = (0..HEADER_TRIES).find_map(|_| read_header(&file).ok().flatten())?;
        let cache = Self { map: file.map().ok()?, header };
        cache.block(header.root).is_some().then_some(cache)
    }

    /// The block of the workspace's root.
    pub fn root(&self) -> BlockRef {
        self.header.root
    }

    /// Id of the tree that the whole workspace had when the cache was written.
    ///
    /// The cache names ids of objects and cannot know whether the store still has them. It has, as long as it keeps the
    /// version with this tree; a cache with any other tree must not be used.
    pub fn root_tree(&self) -> Option<ObjectId> {
        Some(self.block(self.header.root)?.head().tree)
    }

    /// A block; `None` when it is not as it was written.
    pub fn block(&self, at: BlockRef) -> Option<Block<'_>> {
        Block::decode(at.find(&self.map)?).ok()
    }

    /// The bytes of a block as they stand in the file.
    pub(super) fn block_bytes(&self, at: BlockRef) -> Option<&[u8]> {
        at.find(&self.map)
    }
}

/// The file's header, `None` when it is none.
fn read_header(file: &StoreFile) -> DiskResult<Option<Header>> {
    let mut bytes = [0; HEADER_BYTES];
    file.read_at(&mut bytes, 0)?;
    Ok(Header::decode(&bytes).ok())
}
