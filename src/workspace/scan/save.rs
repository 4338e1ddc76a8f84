//! Bringing the stat cache up to date with what was scanned and read.

use super::listing::{Content, EntryNode};
use super::node::{DirState, NodeId, NodeResult, RecordedDir};
use super::result::Scan;
use crate::disk::{Dir, DiskResult};
use crate::format::stat_cache::{BlockBuilder, BlockHead, BlockRef, RowNode, Witness};
use crate::workspace::stat_cache::{CacheUpdate, CacheWriter, Extent, StatCache};

impl Scan {
    /// Writes the blocks of directories that changed, or whose files can now be relied on, into the cache in `dir`. The trees
    /// must have been built, and be stored: the cache says that they are. The caller holds the store's lock for writers.
    ///
    /// # Durability
    /// None, and none is needed: after a crash there is the old cache, the new one, or none.
    pub fn update_cache(&mut self, dir: &Dir, tmp: &Dir) -> DiskResult<CacheUpdate> {
        let Some(&NodeResult::Recorded(root)) = self.results.first() else { return Ok(CacheUpdate::Nothing) };
        let cache = self.cache.clone();
        match cache.filter(|cache| !CacheWriter::should_rewrite(Some(cache))) {
            Some(_) if root.is_same_block => Ok(CacheUpdate::Nothing),
            Some(cache) => self.append(&cache, dir),
            None => self.rewrite(dir, tmp),
        }
    }

    fn append(&mut self, cache: &StatCache, dir: &Dir) -> DiskResult<CacheUpdate> {
        let Some(mut writer) = CacheWriter::append(dir, cache)? else { return Ok(CacheUpdate::Overtaken) };
        match self.write_blocks(&mut writer, Some(cache))? {
            Some(extent) if extent.root == cache.root() => Ok(CacheUpdate::Nothing),
            Some(extent) => writer.finish(dir, extent),
            None => Ok(CacheUpdate::Nothing),
        }
    }

    fn rewrite(&mut self, dir: &Dir, tmp: &Dir) -> DiskResult<CacheUpdate> {
        // Twice the same: the header stands first in the file and names the block that comes last.
        let Some(extent) = self.write_blocks(&mut CacheWriter::measure(), None)? else { return Ok(CacheUpdate::Nothing) };
        let mut writer = CacheWriter::rewrite(tmp, extent)?;
        match self.write_blocks(&mut writer, None)? {
            Some(written) if written == extent => writer.finish(dir, extent),
            _ => Ok(CacheUpdate::Nothing),
        }
    }

    /// Writes the blocks that differ from those of `old`, all without it; `None` when a block that is needed is damaged.
    fn write_blocks(&mut self, writer: &mut CacheWriter, old: Option<&StatCache>) -> DiskResult<Option<Extent>> {
        let mut places: Vec<Option<BlockRef>> = vec![None; self.table.nodes.len()];
        let mut live_bytes = 0;
        for at in (0..self.table.nodes.len()).rev() {
            let NodeResult::Recorded(directory) = self.results[at] else { continue };
            let earlier = self.table.nodes[at].cached.map(|cached| cached.at).filter(|_| old.is_some());
            let place = match earlier.filter(|_| directory.is_same_block) {
                Some(place) => place,
                None => {
                    let was_loaded = !self.table.nodes[at].state.has_rows_of_block();
                    if self.load_listing(NodeId(at as u32)).is_none() {
                        return Ok(None);
                    }
                    let block = self.encode(NodeId(at as u32), &directory, &places);
                    if !was_loaded {
                        self.forget_listing(at);
                    }
                    match earlier.zip(old).filter(|(place, old)| old.block_bytes(*place) == Some(&block)) {
                        Some((place, _)) => place,
                        None => writer.put(&block)?,
                    }
                }
            };
            live_bytes += u64::from(place.bytes);
            places[at] = Some(place);
        }
        Ok(places.first().copied().flatten().map(|root| Extent { root, live_bytes, end: writer.end() }))
    }

    fn encode(&self, id: NodeId, directory: &RecordedDir, places: &[Option<BlockRef>]) -> Vec<u8> {
        let node = &self.table.nodes[id.index()];
        let mut block = BlockBuilder::new();
        let DirState::Changed(changed) = &node.state else { return Vec::new() };
        // What is not recorded and has no row must be looked for again.
        let mut is_complete = true;
        for (listing, entry) in changed.listing().iter().flat_map(|listing| listing.entries.iter().map(move |entry| (listing, entry))) {
            let row = match &entry.node {
                EntryNode::File(file) => match file.content {
                    Content::Known { id, trusted, .. } => Some(RowNode::File { witness: Witness { key: file.key, trusted }, id }),
                    Content::ToRead(_) | Content::Dropped => None,
                },
                EntryNode::Directory { mode, child } => {
                    places[(node.first_child + child) as usize].map(|block| RowNode::Directory { mode: *mode, block })
                }
                EntryNode::Symlink { witness, target_start, target_bytes } => {
                    Some(RowNode::Symlink { witness: *witness, target: listing.target(*target_start, *target_bytes) })
                }
                EntryNode::LeftOut { is_directory, rule } => {
                    Some(RowNode::LeftOut { is_directory: *is_directory, rule: listing.text(*rule) })
                }
                EntryNode::Skipped { is_directory, kind, why } => {
                    Some(RowNode::Skipped { is_directory: *is_directory, kind: kind.number(), why: listing.text(*why) })
                }
            };
            match row {
                Some(row) => block.push(listing.name(entry), row),
                None => is_complete = false,
            }
        }
        block.finish(&BlockHead {
            tree: directory.tree,
            files: directory.files,
            bytes: directory.bytes,
            rules_above: changed.rules_above,
            rules: changed.rules,
            directory: Witness { trusted: changed.directory.trusted && is_complete, ..changed.directory },
            ignore_files: changed.ignore_files,
        })
    }

    /// Frees what was only loaded from a block: a whole cache is written anew without being in memory at once.
    fn forget_listing(&mut self, at: usize) {
        if let DirState::Changed(changed) = &mut self.table.nodes[at].state {
            changed.listing = None;
        }
    }
}
