//! The threads of a scan: each takes a directory from the queue, looks at it, and enters what it found.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::thread::{Scope, ScopedJoinHandle};

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::directory::{Below, Pass};
use super::measure::measure;
use super::names::Names;
use super::node::{Cached, DirState, NodeId};
use super::queue::{Above, DirHandle, Finished, NodeTable, Queue, RecordTask, Task, Work};
use super::report::{Report, SkipKind};
use super::root::{DIR_FLAGS, WorkspaceRoot, open_beneath};
use super::rule_table::{IGNORE_FILES, IgnoreContents, IgnoreTrouble, RuleTable, RulesHere, read_ignore_file};
use super::trust::{AgeRule, FileSystems};
use super::{ScanError, ScanOptions, ScanProgress};
use crate::disk::is_exhausted;
use crate::format::stat_cache::StatKey;
use crate::workspace::rules::Rules;
use crate::workspace::stat_cache::StatCache;

/// More threads are started when this many directories are pending: a few are faster looked at than a thread is started.
const HELPERS_FROM_PENDING: usize = if cfg!(test) { 1 } else { 8 };
/// At most about so many directories are held open by what is pending.
const HANDLES_MAX: usize = 512;
/// And at most one in so many of those that the process may open.
const HANDLES_SHARE: usize = 4;

/// What all threads of a scan use.
pub(super) struct Shared<'a> {
    pub root: &'a WorkspaceRoot,
    pub cache: Option<&'a StatCache>,
    pub options: &'a ScanOptions,
    pub progress: &'a ScanProgress,
    pub cancelled: &'a AtomicBool,
    pub queue: Queue,
    pub rule_table: RuleTable,
    pub file_systems: FileSystems,
}

/// Walks a workspace: all its directories, and what was not recorded.
pub(super) fn walk(
    root: &WorkspaceRoot,
    rules: Arc<Rules>,
    cache: Option<&StatCache>,
    options: &ScanOptions,
    progress: &ScanProgress,
    cancelled: &AtomicBool,
) -> Result<(NodeTable, Report), ScanError> {
    let stat = StatKey::of(&rustix::fs::fstat(root).map_err(|error| ScanError::Root(error.into()))?);
    let (rule_table, rules) = RuleTable::new(rules);
    let task = RecordTask { stat, block: cache.map(StatCache::root), rules, path_bytes: 0 };
    let queue = Queue::new(task, HANDLES_MAX.min(handles_allowed() / HANDLES_SHARE));
    let file_systems = FileSystems::new(AgeRule::new(options.now_ns, options.stat_trust_age_ms));
    let shared = Shared { root, cache, options, progress, cancelled, queue, rule_table, file_systems };
    let mut report = std::thread::scope(|scope| run_threads(&shared, scope));
    report.finish();
    Ok((shared.queue.into_table()?, report))
}

fn run_threads<'s>(shared: &'s Shared<'s>, scope: &'s Scope<'s, '_>) -> Report {
    let mut helpers: Vec<ScopedJoinHandle<'s, Report>> = Vec::new();
    let mut start_helpers = || {
        if helpers.is_empty() && shared.options.threads > 1 && shared.queue.pending() >= HELPERS_FROM_PENDING {
            helpers.extend((1..shared.options.threads).map(|_| scope.spawn(|| Walker::new(shared).run(&mut || {}))));
        }
    };
    let mut report = Walker::new(shared).run(&mut start_helpers);
    for helper in helpers {
        match helper.join() {
            Ok(other) => report.merge(other),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    report
}

/// How many files the process may have open. The soft limit is raised to the hard one: it is there for `select`, which is not
/// used here.
fn handles_allowed() -> usize {
    static RAISED: Once = Once::new();
    RAISED.call_once(|| {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        // Without the right to do so things stay as they are.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    });
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |handles| usize::try_from(handles).unwrap_or(usize::MAX))
}

impl Shared<'_> {
    /// The rules behind their place in the table.
    pub fn rules(&self, here: RulesHere) -> Arc<Rules> {
        self.rule_table.get(here, &|node| self.read_ignore_files(node))
    }

    /// The path of a directory and its ignore files as they are now.
    pub fn read_ignore_files(&self, node: NodeId) -> (Vec<u8>, IgnoreContents) {
        let path = self.queue.path(node);
        // They were there a moment ago. Their absence will be noticed by those who look at the directory, now or next time.
        let contents = match self.root.open_dir(&path) {
            Ok(directory) => IGNORE_FILES.map(|name| match read_ignore_file(&directory, name) {
                Ok((_, content)) => Some(content),
                Err(trouble) => self.without_rules(trouble),
            }),
            Err(error) => [self.without_rules(IgnoreTrouble::Unreadable(error.into())), None],
        };
        (path, contents)
    }

    /// An ignore file is not obeyed. When that is for want of something, the scan ends: it would record what the user excluded.
    fn without_rules(&self, trouble: IgnoreTrouble) -> Option<Vec<u8>> {
        if let IgnoreTrouble::Unreadable(error) = trouble
            && is_exhausted(&error)
        {
            self.queue.fail(Some(ScanError::Exhausted(error)));
        }
        None
    }
}

/// What an error on a directory means.
pub(super) enum Trouble {
    /// There is no such directory any more.
    Gone,
    /// It cannot be read.
    Unreadable(std::io::Error),
    /// The scan cannot go on.
    Fatal(ScanError),
}

impl Trouble {
    /// That a directory cannot be read, unless it is the system that has run out of something.
    fn unreadable(error: std::io::Error) -> Self {
        if is_exhausted(&error) { Self::Fatal(ScanError::Exhausted(error)) } else { Self::Unreadable(error) }
    }
}

impl From<Errno> for Trouble {
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Self::Gone,
            error => Self::unreadable(error.into()),
        }
    }
}

/// One thread.
struct Walker<'s> {
    shared: &'s Shared<'s>,
    names: Names,
    below: Below,
    report: Report,
}

impl Drop for Walker<'_> {
    fn drop(&mut self) {
        // The others must not wait for what this thread will never enter.
        if std::thread::panicking() {
            self.shared.queue.fail(None);
        }
    }
}

impl<'s> Walker<'s> {
    fn new(shared: &'s Shared<'s>) -> Self {
        Self { shared, names: Names::new(), below: Below::default(), report: Report::default() }
    }

    /// Works until there is nothing left to do; calls `after_each` after each directory.
    fn run(mut self, after_each: &mut dyn FnMut()) -> Report {
        let queue = &self.shared.queue;
        let mut name = Vec::new();
        let mut next = queue.first(&mut name);
        while let Some(work) = next {
            if self.shared.cancelled.load(Ordering::Relaxed) {
                queue.fail(Some(ScanError::Cancelled));
                break;
            }
            self.below.clear();
            let (node, is_root) = (work.node, work.node == NodeId::ROOT);
            let (state, cached, handle) = match self.look(&work, &name) {
                Ok((state, cached, handle)) => (state, cached, Some(handle)),
                Err(Trouble::Fatal(error)) => {
                    queue.fail(Some(error));
                    break;
                }
                Err(Trouble::Gone) if is_root => {
                    queue.fail(Some(ScanError::Root(Errno::NOENT.into())));
                    break;
                }
                Err(Trouble::Unreadable(error)) if is_root => {
                    queue.fail(Some(ScanError::Root(error)));
                    break;
                }
                Err(Trouble::Gone) => (DirState::Absent, None, None),
                Err(Trouble::Unreadable(error)) => {
                    self.below.clear();
                    self.report.skip(|| queue.path(node), SkipKind::Unreadable, &error.to_string());
                    (DirState::Absent, None, None)
                }
            };
            self.below.join();
            let (children, child_names) = (&mut self.below.recorded, &self.below.names[..]);
            next = queue.next(Finished { node, state, cached, handle, held: work.held, children, child_names }, &mut name);
            after_each();
        }
        std::mem::take(&mut self.report)
    }

    fn look(&mut self, work: &Work, name: &[u8]) -> Result<(DirState, Option<Cached>, Arc<DirHandle>), Trouble> {
        let Self { shared, names, below, report } = self;
        let handle = shared.queue.hold(open(shared, work, name)?);
        let (state, cached) = match &work.task {
            Task::Record(task) => {
                let block = task.block.and_then(|at| Some((at, shared.cache?.block(at)?)));
                let cached = block.as_ref().map(|(at, block)| Cached::new(*at, block.head()));
                let pass = Pass::new(shared, below, report, work.node, *task, &handle, block.as_ref().map(|(_, block)| block));
                (pass.run(names)?, cached)
            }
            Task::Measure(rule) => {
                measure(shared, names, below, report, &handle, rule);
                (DirState::Absent, None)
            }
        };
        Ok((state, cached, handle))
    }
}

/// Opens a directory from the nearest one above it that is open.
fn open(shared: &Shared<'_>, work: &Work, name: &[u8]) -> Result<OwnedFd, Errno> {
    match &work.above {
        None => shared.root.open_dir(&shared.queue.path(work.node)),
        Some(Above { handle, levels: 1, .. }) => rustix::io::retry_on_intr(|| rustix::fs::openat(handle, name, DIR_FLAGS, Mode::empty())),
        Some(above) => open_beneath(above.handle.as_fd(), &shared.queue.path_from(above.node, work.node), DIR_FLAGS),
    }
}
