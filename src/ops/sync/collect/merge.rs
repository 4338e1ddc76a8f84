//! Merging packs: frames are copied as they are, each object once, in an order in which everything stands behind what it is made
//! against. Only what is a delta against a purged content, or in a group with one, is made anew.

use std::collections::{HashMap, HashSet};

use super::Use;
use super::inventory::Inventory;
use crate::format::catalog::{Catalog, CatalogFrame, frames_of_pack};
use crate::format::frame::{Content, Frame};
use crate::format::pack::{PackBuilder, PackFrame};
use crate::format::remote::PackRef;
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{CATALOG_OBJECTS_MAX, PACK_BYTES_TARGET, PACK_MERGE_BYTES, PACK_OBJECTS_MAX};
use crate::ops::sync::attempt::Attempt;
use crate::ops::sync::fetch::take_contents;
use crate::ops::sync::refuse_cancelled;
use crate::ops::{Host, OpsResult, Workspace};
use crate::remote::Remote;
use crate::store::{Incoming, Packer};

/// What is to be written anew.
pub struct Plan {
    /// Packs that are, of both kinds.
    packs: HashSet<ObjectId>,
    is_purging: bool,
    merged_bytes: u64,
    kept: u64,
    /// Contents that are not kept.
    pub dropped_objects: u64,
    /// Their bytes, about.
    pub dropped_bytes: u64,
}

impl Plan {
    /// Whether it changes anything that counts.
    pub fn is_worth_it(&self) -> bool {
        self.packs.len() > 2 || self.is_purging || self.dropped_bytes > self.merged_bytes
    }

    /// About how many packs there are when it is carried out.
    pub fn packs_after(&self) -> u64 {
        self.kept + if self.packs.is_empty() { 0 } else { 1 + self.merged_bytes / PACK_BYTES_TARGET as u64 }
    }
}

/// Decides which packs are written anew: small ones, those with anything purged, and those of which more than half is of no use.
pub fn plan(inventory: &Inventory, in_use: &Use) -> Plan {
    let mut plan = Plan { packs: HashSet::new(), is_purging: false, merged_bytes: 0, kept: 0, dropped_objects: 0, dropped_bytes: 0 };
    for whole in &inventory.whole {
        let frames = whole.read.as_ref().map(|(_, frames)| frames.iter().map(|(frame, base)| (frame, base)));
        plan.decide(&whole.pack, frames.is_some(), frames.into_iter().flatten(), in_use);
    }
    for (pack, frames) in &inventory.listed {
        let frames = frames.iter().map(|frame| (&frame.frame, &frame.base));
        plan.decide(pack, pack.bytes < PACK_MERGE_BYTES, frames, in_use);
    }
    plan
}

impl Plan {
    fn decide<'a>(
        &mut self,
        pack: &PackRef,
        is_small: bool,
        frames: impl Iterator<Item = (&'a PackFrame, &'a Option<ObjectId>)>,
        in_use: &Use,
    ) {
        let (mut dead, mut dead_bytes, mut is_purged) = (0, 0, false);
        for (frame, base) in frames.filter(|(frame, _)| frame.kind == ObjectKind::Blob) {
            let purged = |id: &ObjectId| in_use.purged.contains(id);
            is_purged |= frame.ids.iter().any(purged) || base.as_ref().is_some_and(purged);
            if !frame.ids.iter().any(|id| in_use.live.contains(id)) {
                (dead, dead_bytes) = (dead + frame.ids.len() as u64, dead_bytes + u64::from(frame.bytes));
            }
        }
        if is_small || is_purged || 2 * dead_bytes > pack.bytes {
            self.packs.insert(pack.id);
            self.is_purging |= is_purged;
            self.dropped_objects += dead;
            self.dropped_bytes += dead_bytes;
            self.merged_bytes += pack.bytes - dead_bytes.min(pack.bytes);
        } else {
            self.kept += 1;
        }
    }
}

/// The packs that hold everything afterwards.
#[derive(Default)]
pub struct Merged {
    /// Those that everybody takes in, in order.
    pub whole: Vec<PackRef>,
    /// Those of which catalogs tell.
    pub listed: Vec<(PackRef, Vec<CatalogFrame>)>,
}

impl Merged {
    /// All of them.
    pub fn packs(&self) -> impl Iterator<Item = &PackRef> {
        self.whole.iter().chain(self.listed.iter().map(|(pack, _)| pack))
    }
}

/// A frame that may be copied, and where its bytes are in the spool.
struct Copied {
    offset: u64,
    frame: PackFrame,
    base: Option<ObjectId>,
    /// It goes with the trees.
    is_needed_by_all: bool,
}

/// Carries a plan out.
pub fn merge(
    workspace: &Workspace,
    remote: &Remote,
    inventory: &Inventory,
    in_use: &Use,
    (plan, attempt): (Plan, &Attempt),
    host: &dyn Host,
) -> OpsResult<Merged> {
    let mut writer = MergeWriter::new(remote, attempt, host);
    let mut spool = workspace.store.tmp().temp_file()?;
    let mut copied: Vec<Copied> = Vec::new();
    // Where in the order of what everybody takes in a pack stays as it is.
    let mut kept: Vec<(usize, PackRef)> = Vec::new();
    let old = inventory.spool.map()?;
    for whole in &inventory.whole {
        let Some((at, frames)) = whole.read.as_ref().filter(|_| plan.packs.contains(&whole.pack.id)) else {
            kept.push((copied.len(), whole.pack));
            continue;
        };
        let bytes_of = |frame: &PackFrame| {
            let start = (*at + u64::from(frame.offset)) as usize;
            old.get(start..start + frame.bytes as usize).unwrap_or_default()
        };
        let is_tree_list = |frame: &PackFrame| {
            let is_list = || Frame::parse(bytes_of(frame)).is_ok_and(|parsed| parsed.header.content == Content::ChunkList);
            frame.kind == ObjectKind::Tree && is_list()
        };
        // The chunks of a tree look like contents.
        let is_needed_as_a_whole = frames.iter().any(|(frame, _)| is_tree_list(frame));
        for (frame, base) in frames {
            let is_needed_by_all = is_needed_as_a_whole || frame.kind == ObjectKind::Tree;
            copied.push(Copied { offset: spool.bytes(), frame: frame.clone(), base: *base, is_needed_by_all });
            spool.write(bytes_of(frame))?;
        }
    }
    for (pack, frames) in &inventory.listed {
        if !plan.packs.contains(&pack.id) {
            writer.merged.listed.push((*pack, frames.clone()));
            continue;
        }
        let at = spool.bytes();
        refuse_cancelled(host)?;
        spool.write(&remote.get_whole(pack)?)?;
        copied.extend(frames.iter().map(|CatalogFrame { frame, base, .. }| Copied {
            offset: at + u64::from(frame.offset),
            frame: frame.clone(),
            base: *base,
            is_needed_by_all: false,
        }));
    }
    let wanted = wanted(&copied, &writer.merged.listed, in_use);
    let bytes = spool.map()?;
    let (mut met, mut anew) = (HashSet::new(), Vec::new());
    let mut kept = kept.into_iter().peekable();
    for (at, copied) in copied.iter().enumerate() {
        while let Some((_, pack)) = kept.next_if(|(place, _)| *place <= at) {
            writer.keep(pack)?;
        }
        let is_new = copied.frame.ids.iter().filter(|id| met.insert((copied.frame.kind, **id))).count() > 0;
        if !is_new || !wanted.contains(&at) {
            continue;
        }
        let purged = |id: &ObjectId| copied.frame.kind == ObjectKind::Blob && in_use.purged.contains(id);
        if copied.frame.ids.iter().any(purged) || copied.base.as_ref().is_some_and(purged) {
            anew.extend(copied.frame.ids.iter().filter(|id| !purged(id)));
            continue;
        }
        let frame = bytes.get(copied.offset as usize..).and_then(|rest| rest.get(..copied.frame.bytes as usize)).unwrap_or_default();
        writer.copy(&copied.frame, frame, copied.is_needed_by_all)?;
    }
    kept.try_for_each(|(_, pack)| writer.keep(pack))?;
    make_anew(workspace, remote, inventory, in_use, (&mut writer, &anew), host)?;
    writer.finish()
}

/// The frames that are wanted, as places: what lives, and what others are made against.
fn wanted(copied: &[Copied], kept: &[(PackRef, Vec<CatalogFrame>)], in_use: &Use) -> HashSet<usize> {
    let mut places: HashMap<&ObjectId, usize> = HashMap::new();
    for (at, copied) in copied.iter().enumerate() {
        copied.frame.ids.iter().for_each(|id| _ = places.entry(id).or_insert(at));
    }
    let is_wanted = |copied: &Copied| {
        copied.is_needed_by_all || copied.frame.kind == ObjectKind::Tree || copied.frame.ids.iter().any(|id| in_use.live.contains(id))
    };
    let mut pending: Vec<usize> = (0..copied.len()).filter(|&at| is_wanted(&copied[at])).collect();
    let needed_by_kept = kept.iter().flat_map(|(_, frames)| frames).filter_map(|frame| frame.base.as_ref());
    pending.extend(needed_by_kept.filter_map(|base| places.get(base)));
    let mut wanted = HashSet::new();
    while let Some(at) = pending.pop() {
        if wanted.insert(at) {
            let base = copied[at].base.as_ref().filter(|base| !in_use.purged.contains(base));
            pending.extend(base.and_then(|base| places.get(base)));
        }
    }
    wanted
}

/// Packs contents anew, without anything purged.
fn make_anew(
    workspace: &Workspace,
    remote: &Remote,
    inventory: &Inventory,
    in_use: &Use,
    (writer, contents): (&mut MergeWriter<'_>, &[ObjectId]),
    host: &dyn Host,
) -> OpsResult<()> {
    let mut rest = contents;
    while !rest.is_empty() {
        let mut incoming = Incoming::new(&workspace.store, in_use.purged.clone())?;
        let count = take_contents(workspace, remote, &inventory.located, (&mut incoming, rest), host)?;
        let (now, later) = rest.split_at(count);
        let wanted = now.iter().map(|id| (ObjectKind::Blob, *id)).collect();
        let mut packer = Packer::new(&workspace.store, wanted, &|_| false, writer.attempt.stamp())?;
        for id in now {
            if let Some(pack) = packer.add(ObjectKind::Blob, id)? {
                writer.put_listed(pack)?;
            }
        }
        if let Some(pack) = packer.finish() {
            writer.put_listed(pack)?;
        }
        rest = later;
    }
    Ok(())
}

/// Puts merged packs together and sends them.
struct MergeWriter<'a> {
    remote: &'a Remote,
    attempt: &'a Attempt,
    host: &'a dyn Host,
    whole: PackBuilder,
    listed: PackBuilder,
    merged: Merged,
}

impl<'a> MergeWriter<'a> {
    fn new(remote: &'a Remote, attempt: &'a Attempt, host: &'a dyn Host) -> Self {
        let [whole, listed] = [(); 2].map(|()| PackBuilder::new(attempt.stamp()));
        Self { remote, attempt, host, whole, listed, merged: Merged::default() }
    }

    fn copy(&mut self, frame: &PackFrame, bytes: &[u8], is_needed_by_all: bool) -> OpsResult<()> {
        let builder = if is_needed_by_all { &mut self.whole } else { &mut self.listed };
        builder.push(frame.kind, frame.ids.clone(), bytes);
        if builder.bytes() < PACK_BYTES_TARGET && builder.objects() < PACK_OBJECTS_MAX {
            return Ok(());
        }
        if is_needed_by_all { self.flush_whole() } else { self.flush_listed() }
    }

    /// What comes later may be made against what is in this pack, and this pack against what came before.
    fn keep(&mut self, pack: PackRef) -> OpsResult<()> {
        self.flush_whole()?;
        self.merged.whole.push(pack);
        Ok(())
    }

    fn flush_whole(&mut self) -> OpsResult<()> {
        if let Some((bytes, objects)) = self.whole.finish_if_any() {
            let pack = self.put(bytes, objects)?;
            self.merged.whole.push(pack);
        }
        Ok(())
    }

    fn flush_listed(&mut self) -> OpsResult<()> {
        self.listed.finish_if_any().map_or(Ok(()), |pack| self.put_listed(pack))
    }

    fn put_listed(&mut self, (bytes, objects): (Vec<u8>, u64)) -> OpsResult<()> {
        let frames = frames_of_pack(&bytes)?;
        let pack = self.put(bytes, objects)?;
        let frames = frames.into_iter().map(|(frame, base)| CatalogFrame { pack: 0, frame, base }).collect();
        self.merged.listed.push((pack, frames));
        Ok(())
    }

    fn put(&self, bytes: Vec<u8>, objects: u64) -> OpsResult<PackRef> {
        refuse_cancelled(self.host)?;
        Ok(self.remote.put_pack(bytes, objects, self.attempt.is_resumed())?)
    }

    fn finish(mut self) -> OpsResult<Merged> {
        self.flush_whole()?;
        self.flush_listed()?;
        Ok(self.merged)
    }
}

/// Sends catalogs of packs.
pub fn put_catalogs(remote: &Remote, listed: &[(PackRef, Vec<CatalogFrame>)], attempt: &Attempt) -> OpsResult<Vec<PackRef>> {
    let (mut catalogs, mut catalog) = (Vec::new(), Catalog::default());
    for (at, (pack, frames)) in listed.iter().enumerate() {
        catalog.push(*pack, frames.iter().map(|frame| (frame.frame.clone(), frame.base)));
        if catalog.objects() >= CATALOG_OBJECTS_MAX || at + 1 == listed.len() {
            let catalog = Catalog { stamp: attempt.stamp(), ..std::mem::take(&mut catalog) };
            catalogs.push(remote.put_pack(catalog.encode(), catalog.objects(), attempt.is_resumed())?);
        }
    }
    Ok(catalogs)
}
