//! Comparing neighbouring versions ahead of whoever goes back through them, on all cores.
//!
//! Most versions did not change what is looked for, and to find that out takes as long for each. So a run of the versions that come
//! next is compared at once, each core a part of it; the runs grow, because whoever wants only the latest change should not pay for
//! more than a few.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::OpsResult;
use super::super::select::PathSelection;
use super::trees::PastTrees;
use crate::id::ObjectId;
use crate::limits::thread_count;
use crate::store::Store;
use crate::tree::{Change, diff_selected};
use crate::version_log::VersionRow;

/// Versions of the first run.
const RUN_VERSIONS_MIN: usize = 8;
/// Versions of the longest run.
const RUN_VERSIONS_MAX: usize = 4096;
/// How many times as long as the one before it a run is.
const RUN_GROWTH: usize = 4;
/// Shorter runs are compared sooner than a thread is started.
const THREADS_FROM_VERSIONS: usize = 64;
/// A thread stops when it has found so many changes that nobody has asked for yet.
const CHANGES_AHEAD_MAX: usize = 4096;

/// What a version changed; `None` when it was not looked at.
type Looked = Option<OpsResult<Vec<Change>>>;

/// The comparisons of the versions that come next.
pub struct Ahead<'w> {
    /// Those of each thread: it goes through neighbours, which share trees.
    trees: Vec<PastTrees<'w>>,
    looked: VecDeque<Looked>,
    run_versions: usize,
}

impl<'w> Ahead<'w> {
    /// Nothing is compared yet.
    pub fn new(store: &'w Store) -> Self {
        let threads = thread_count();
        let trees = (0..threads).map(|_| PastTrees::new(store)).collect();
        Self { trees, looked: VecDeque::new(), run_versions: RUN_VERSIONS_MIN }
    }

    /// What the first of the versions, newest first, changed in the selection. The next call must be for the one behind it, with the
    /// same selection, unless [`Ahead::forget`] was called.
    pub fn next(&mut self, rows: &[VersionRow], selection: &PathSelection, cancelled: &AtomicBool) -> OpsResult<Vec<Change>> {
        if self.looked.is_empty() {
            self.look(rows, selection, cancelled);
        }
        match self.looked.pop_front().flatten() {
            Some(changes) => changes,
            None => changes_at(&self.trees[0], rows, 0, selection),
        }
    }

    /// Forgets what was compared ahead.
    pub fn forget(&mut self) {
        self.looked.clear();
    }

    /// What differs between two trees.
    pub fn changes(&self, from: Option<&ObjectId>, to: &ObjectId, selection: &PathSelection) -> OpsResult<Vec<Change>> {
        changes(&self.trees[0], from, to, selection)
    }

    fn look(&mut self, rows: &[VersionRow], selection: &PathSelection, cancelled: &AtomicBool) {
        let run = self.run_versions.min(rows.len());
        self.run_versions = (self.run_versions * RUN_GROWTH).min(RUN_VERSIONS_MAX);
        let threads = if run < THREADS_FROM_VERSIONS { 1 } else { self.trees.len() };
        let part = run.div_ceil(threads).max(1);
        let look_at = |trees, start: usize| look_at(trees, rows, start..run.min(start + part), selection, cancelled);
        std::thread::scope(|scope| {
            let starts = (0..run).step_by(part);
            let mut parts = self.trees.iter().zip(starts);
            let first = parts.next();
            let others: Vec<_> = parts.map(|(trees, start)| scope.spawn(move || look_at(trees, start))).collect();
            self.looked.extend(first.into_iter().flat_map(|(trees, start)| look_at(trees, start)));
            for other in others {
                self.looked.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
        });
    }
}

/// What the versions of a part changed; of the last ones nothing, if that is too much or nobody waits any more.
fn look_at(
    trees: &PastTrees<'_>,
    rows: &[VersionRow],
    part: std::ops::Range<usize>,
    selection: &PathSelection,
    cancelled: &AtomicBool,
) -> Vec<Looked> {
    let mut found = 0;
    let look = |place| {
        if found > CHANGES_AHEAD_MAX || cancelled.load(Ordering::Relaxed) {
            return None;
        }
        let changes = changes_at(trees, rows, place, selection);
        found += changes.as_ref().map_or(0, Vec::len);
        Some(changes)
    };
    part.map(look).collect()
}

fn changes_at(trees: &PastTrees<'_>, rows: &[VersionRow], place: usize, selection: &PathSelection) -> OpsResult<Vec<Change>> {
    changes(trees, rows.get(place + 1).map(|before| &before.record.root), &rows[place].record.root, selection)
}

fn changes(trees: &PastTrees<'_>, from: Option<&ObjectId>, to: &ObjectId, selection: &PathSelection) -> OpsResult<Vec<Change>> {
    let mut changes = Vec::new();
    diff_selected(trees, from, Some(to), selection, &mut |change| changes.push(change))?;
    Ok(changes)
}
