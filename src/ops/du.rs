//! Which paths and which versions cost what of the store.
//!
//! An object is stored once, however many paths and versions have it. Here it counts for the oldest version that has it, and for
//! the path at which it stands there (of several the one that a walk meets first), so that all numbers add up to the whole.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::footprint::{Footprint, history_bytes};
use super::select::PathSelection;
use super::{Host, OpsResult, Workspace};
use crate::format::index::IdPrefix;
use crate::format::record::VersionNumber;
use crate::path::RelPath;
use crate::store::Costs;
use crate::tree::Selection;
use crate::version_log::VersionRow;

/// What to look at.
#[derive(Clone, Debug, Default)]
pub struct DuOptions {
    /// Only contents at these paths and below them, or at paths that match these patterns; empty means all.
    pub paths: Vec<Vec<u8>>,
}

/// What a path costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathCost {
    /// The path.
    pub path: RelPath,
    /// Stored bytes of the contents that stood there first.
    pub bytes: u64,
    /// How many contents.
    pub contents: u64,
    /// The first and the last version that brought one of them.
    pub versions: (VersionNumber, VersionNumber),
}

/// What a version costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionCost {
    /// Its entry.
    pub row: VersionRow,
    /// Stored bytes of what no older version has.
    pub added_bytes: u64,
    /// Stored bytes of what no other version has: about what dropping it gives back.
    pub own_bytes: u64,
}

/// Stored bytes by what they are. All together are the files of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct DuTotals {
    /// Contents of files.
    pub contents: u64,
    /// Trees of folders.
    pub trees: u64,
    /// Entries of the log in the segments, and what segments have of their own.
    pub records: u64,
    /// What no version reaches.
    pub dead: u64,
    /// Indexes, caches, and all other files.
    pub other: u64,
}

impl DuTotals {
    /// All of it.
    pub fn all(&self) -> u64 {
        self.contents + self.trees + self.records + self.dead + self.other
    }
}

/// What costs what.
#[derive(Clone, Debug, Default)]
pub struct DuOutcome {
    /// The paths, those that cost most first.
    pub paths: Vec<PathCost>,
    /// The versions that were not deleted, newest first.
    pub versions: Vec<VersionCost>,
    /// The whole store, whatever was selected.
    pub totals: DuTotals,
}

/// Counts. Changes nothing. Takes about 150 bytes of memory for each object.
pub fn du(workspace: &Workspace, options: &DuOptions, host: &dyn Host) -> OpsResult<DuOutcome> {
    let selection = PathSelection::new(&options.paths)?;
    let mut rows = workspace.log.versions_newest_first(None)?;
    rows.retain(|row| !row.deleted);
    let costs = workspace.store.costs()?;
    let mut count = Count { workspace, selection: &selection, costs: &costs, host, first: HashMap::new(), outcome: DuOutcome::default() };
    count.outcome.versions = rows.into_iter().map(|row| VersionCost { row, added_bytes: 0, own_bytes: 0 }).collect();
    count.additions()?;
    count.own()?;
    let Count { mut outcome, .. } = count;
    let DuTotals { contents, trees, .. } = outcome.totals;
    outcome.totals.dead = costs.object_bytes().saturating_sub(contents + trees);
    outcome.totals.records = costs.segment_bytes.saturating_sub(costs.object_bytes());
    outcome.totals.other = history_bytes(workspace)?.saturating_sub(costs.segment_bytes);
    Ok(outcome)
}

struct Count<'a> {
    workspace: &'a Workspace,
    selection: &'a PathSelection,
    costs: &'a Costs,
    host: &'a dyn Host,
    /// The oldest version that has an object, as its place in the list.
    first: HashMap<IdPrefix, usize>,
    outcome: DuOutcome,
}

impl Count<'_> {
    fn counts(&self, path: &RelPath, is_tree: bool) -> bool {
        if is_tree { self.selection.is_all() } else { self.selection.selects(path) }
    }

    /// From the oldest version to the newest: what each brought, and where.
    fn additions(&mut self) -> OpsResult<()> {
        let mut footprint = Footprint::default();
        let mut paths: BTreeMap<RelPath, PathCost> = BTreeMap::new();
        for place in (0..self.outcome.versions.len()).rev() {
            let (root, number) = (self.outcome.versions[place].row.record.root, self.outcome.versions[place].row.record.number);
            footprint.add(&self.workspace.store, &root, self.host, &mut |met| {
                let mut bytes = 0;
                for (part, part_bytes) in self.costs.parts(met.id) {
                    if let std::collections::hash_map::Entry::Vacant(vacant) = self.first.entry(part) {
                        vacant.insert(place);
                        bytes += part_bytes;
                    }
                }
                *if met.is_tree { &mut self.outcome.totals.trees } else { &mut self.outcome.totals.contents } += bytes;
                if !self.counts(met.path, met.is_tree) {
                    return;
                }
                self.outcome.versions[place].added_bytes += bytes;
                if !met.is_tree && bytes > 0 {
                    let nothing = || PathCost { path: met.path.clone(), bytes: 0, contents: 0, versions: (number, number) };
                    let cost = paths.entry(met.path.clone()).or_insert_with(nothing);
                    *cost = PathCost {
                        bytes: cost.bytes + bytes,
                        contents: cost.contents + 1,
                        versions: (cost.versions.0, number),
                        ..cost.clone()
                    };
                }
            })?;
        }
        self.outcome.paths = paths.into_values().collect();
        self.outcome.paths.sort_by_key(|cost| std::cmp::Reverse(cost.bytes));
        Ok(())
    }

    /// From the newest version to the oldest: what is met in the version that had it first is in no other.
    fn own(&mut self) -> OpsResult<()> {
        let mut footprint = Footprint::default();
        let mut seen: HashSet<IdPrefix> = HashSet::new();
        for place in 0..self.outcome.versions.len() {
            let root = self.outcome.versions[place].row.record.root;
            footprint.add(&self.workspace.store, &root, self.host, &mut |met| {
                let counts = self.counts(met.path, met.is_tree);
                for (part, bytes) in self.costs.parts(met.id) {
                    if seen.insert(part) && counts && self.first.get(&part) == Some(&place) {
                        self.outcome.versions[place].own_bytes += bytes;
                    }
                }
            })?;
        }
        Ok(())
    }
}
