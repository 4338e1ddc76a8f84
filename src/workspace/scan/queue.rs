//! The directories that still have to be looked at, and the table of all that were found.
//!
//! One lock for both: a thread that has finished a directory enters its result, adds the directories it found, and takes the
//! next one in a single step. The last one found is taken first, so the work goes down before it goes on: that keeps the
//! number of pending directories small, and with it the handles that they hold.
//!
//! A directory gets its number when it is found, so numbers grow from the root downwards and those found together follow each
//! other. Going through the table backwards comes to every directory after all that lie in it, without recursion.

use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::node::{Cached, DirState, Node, NodeId};
use super::rule_table::RulesHere;
use super::{ScanError, report::RuleText};
use crate::format::stat_cache::{BlockRef, StatKey};

/// Between two directories that are held open there are at most about so many levels.
const LEVELS_BETWEEN_HANDLES: usize = 64;

/// An open directory, counted while it is open.
#[derive(Debug)]
pub(super) struct DirHandle {
    handle: OwnedFd,
    open: Arc<AtomicUsize>,
}

impl AsFd for DirHandle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

impl Drop for DirHandle {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is to be done with a directory.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// It is recorded.
    Record(RecordTask),
    /// It is left out by this rule; its files are counted.
    Measure(RuleText),
}

/// A directory to be recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordTask {
    /// What the directory looked like from above. It may have changed since: then it will look changed next time.
    pub stat: StatKey,
    /// Its block in the stat cache.
    pub block: Option<BlockRef>,
    /// The rules that come from above.
    pub rules: RulesHere,
    /// Length of the directory's path in bytes.
    pub path_bytes: usize,
}

/// A directory that was found in the one just finished: where its name is in [`Finished::child_names`], and what to do.
pub(super) struct Child {
    pub name: Range<usize>,
    pub task: Task,
}

/// A directory to look at now.
pub(super) struct Work {
    pub node: NodeId,
    pub task: Task,
    /// Where it is reached from; `None`: from the root, by its path.
    pub above: Option<Above>,
    /// The nearest directory above that is held open for longer: from there what is in this one can be reached.
    pub held: Option<Above>,
}

/// An open directory above another one.
#[derive(Clone, Debug)]
pub(super) struct Above {
    pub handle: Arc<DirHandle>,
    /// Which directory it is.
    pub node: NodeId,
    /// How far above: 1 when the other one lies in it.
    pub levels: usize,
}

/// A directory that was looked at.
pub(super) struct Finished<'a> {
    pub node: NodeId,
    pub state: DirState,
    pub cached: Option<Cached>,
    pub handle: Option<Arc<DirHandle>>,
    /// As in [`Work`].
    pub held: Option<Above>,
    /// Those to be recorded come first.
    pub children: &'a mut Vec<Child>,
    pub child_names: &'a [u8],
}

/// See the head of the file.
pub(super) struct Queue {
    state: Mutex<QueueState>,
    wake: Condvar,
    open: Arc<AtomicUsize>,
    open_max: usize,
}

#[derive(Default)]
struct QueueState {
    pending: Vec<Work>,
    table: NodeTable,
    busy: usize,
    waiting: usize,
    failure: Option<ScanError>,
    stopped: bool,
}

/// All directories that were found, and their names.
#[derive(Debug, Default)]
pub(super) struct NodeTable {
    pub nodes: Vec<Node>,
    names: Vec<u8>,
}

impl NodeTable {
    fn add(&mut self, above: NodeId, name: &[u8]) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        let start = self.names.len();
        self.names.extend_from_slice(name);
        self.nodes.push(Node::new(above, start..self.names.len()));
        id
    }

    /// A directory's name; empty for the root.
    pub fn name(&self, node: NodeId) -> &[u8] {
        &self.names[self.nodes[node.index()].name.clone()]
    }

    /// A directory's path, components separated by slashes; empty for the root.
    pub fn path(&self, node: NodeId) -> Vec<u8> {
        self.path_from(NodeId::ROOT, node)
    }

    /// A directory's path from another directory above it.
    fn path_from(&self, above: NodeId, node: NodeId) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = node;
        while at != above && at != NodeId::ROOT {
            names.push(self.name(at));
            at = self.nodes[at.index()].above;
        }
        names.reverse();
        names.join(&b'/')
    }
}

impl Queue {
    /// A queue that holds the root; at most about `open_max` directories are held open by what is pending.
    pub fn new(root: RecordTask, open_max: usize) -> Self {
        let mut state = QueueState::default();
        let node = state.table.add(NodeId::ROOT, b"");
        state.pending.push(Work { node, task: Task::Record(root), above: None, held: None });
        Self { state: Mutex::new(state), wake: Condvar::new(), open: Arc::default(), open_max }
    }

    /// Counts an open directory.
    pub fn hold(&self, handle: OwnedFd) -> Arc<DirHandle> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Arc::new(DirHandle { handle, open: self.open.clone() })
    }

    /// The next directory, whose name is put into `name`. Waits while others may still find some; `None` at the end.
    pub fn first(&self, name: &mut Vec<u8>) -> Option<Work> {
        self.take(self.lock(), name)
    }

    /// Enters a directory's result and goes on to the next as [`Queue::first`] does.
    pub fn next(&self, finished: Finished<'_>, name: &mut Vec<u8>) -> Option<Work> {
        let open = self.open.load(Ordering::Relaxed);
        let levels = finished.held.as_ref().map_or(LEVELS_BETWEEN_HANDLES, |held| held.levels);
        // The second half of what may be held open goes to one in many levels: nothing pending is far from an open directory.
        let holds = open < self.open_max / 2 || levels >= LEVELS_BETWEEN_HANDLES && open < self.open_max;
        let mut state = self.lock();
        state.enter(finished, holds);
        state.busy -= 1;
        // One is for this thread.
        match state.pending.len().saturating_sub(1).min(state.waiting) {
            0 => {}
            1 => self.wake.notify_one(),
            _ => self.wake.notify_all(),
        }
        self.take(state, name)
    }

    /// Number of directories that no thread has taken yet.
    pub fn pending(&self) -> usize {
        self.lock().pending.len()
    }

    /// A directory's path.
    pub fn path(&self, node: NodeId) -> Vec<u8> {
        self.lock().table.path(node)
    }

    /// A directory's path from another directory above it.
    pub fn path_from(&self, above: NodeId, node: NodeId) -> Vec<u8> {
        self.lock().table.path_from(above, node)
    }

    /// Stops all threads; the first failure is the one that is reported.
    pub fn fail(&self, failure: Option<ScanError>) {
        let mut state = self.lock();
        state.stopped = true;
        state.failure = state.failure.take().or(failure);
        self.wake.notify_all();
    }

    /// The table, when all threads have ended.
    pub fn into_table(self) -> Result<NodeTable, ScanError> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        match state.failure {
            Some(failure) => Err(failure),
            None => Ok(state.table),
        }
    }

    fn take(&self, mut state: MutexGuard<'_, QueueState>, name: &mut Vec<u8>) -> Option<Work> {
        loop {
            if state.stopped {
                return None;
            }
            if let Some(work) = state.pending.pop() {
                state.busy += 1;
                name.clear();
                name.extend_from_slice(state.table.name(work.node));
                return Some(work);
            }
            if state.busy == 0 {
                state.stopped = true;
                self.wake.notify_all();
                return None;
            }
            state.waiting += 1;
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    fn enter(&mut self, finished: Finished<'_>, holds: bool) {
        let first_child = self.table.nodes.len() as u32;
        let recorded = finished.children.iter().filter(|child| matches!(child.task, Task::Record(_))).count();
        let node = &mut self.table.nodes[finished.node.index()];
        node.state = finished.state;
        node.cached = finished.cached;
        (node.first_child, node.child_count) = (first_child, recorded as u32);
        let here = finished.handle.map(|handle| Above { handle, node: finished.node, levels: 1 });
        let farther = finished.held.map(|held| Above { levels: held.levels + 1, ..held });
        let count = finished.children.len();
        for (at, child) in finished.children.drain(..).enumerate() {
            let id = self.table.add(finished.node, &finished.child_names[child.name]);
            let held = if holds { here.clone() } else { farther.clone() };
            // The last one is taken at once, by the same thread: for that one the handle need not be held.
            let above = if at + 1 == count { here.clone() } else { held.clone() };
            self.pending.push(Work { node: id, task: child.task, above, held });
        }
    }
}
