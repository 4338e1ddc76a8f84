//! The workspace as it is now, as a tree: scanned, the files that changed read, the trees of changed folders built. With a batch
//! everything new goes into it; without one only ids are computed, for a status, a difference or a dry run.

mod base;
mod intake;
mod jobs;
mod secrets;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use self::base::FormerPaths;
use self::intake::{Route, Taken, take_in};
#[cfg(feature = "git")]
pub use self::jobs::group_order;
use self::jobs::{ToRead, divide};
#[cfg(any(test, feature = "fuzzing"))]
pub use self::secrets::suspected_in_both_ways;
use super::{Host, OpsError, OpsResult, Phase, Workspace};
use crate::disk::Dir;
use crate::format::tree::Tree;
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{GROUP_BYTES_TARGET, GROUP_MEMBER_BYTES_MAX, SECRET_SCAN_FIRST_PUSH_BYTES_MAX, SECRETS_NAMED_MAX, STAT_TRUST_AGE_MS};
use crate::path::RelPath;
use crate::store::{Batch, Store, StoreError, StoreResult, Writer};
use crate::tree::TreeSource;
use crate::workspace::rules::{RuleSettings, Rules};
use crate::workspace::scan::{
    BuildError, BuiltTree, FileIndex, ReadContent, Scan, ScanError, ScanOptions, ScanProgress, WorkspaceRoot, scan,
};
use crate::workspace::stat_cache::StatCache;

/// Folder of the caches in `.lua`.
pub(super) const CACHE_FOLDER: &str = "cache";

/// How to look at the workspace.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotOptions {
    /// Read all files, whatever the stat cache says.
    pub rehash: bool,
    /// Count what is in folders that the rules leave out.
    pub measure_left_out: bool,
    /// How old a ctime must be to be relied on, in milliseconds.
    pub stat_trust_age_ms: i64,
    /// Look for likely secrets in new contents.
    pub finds_secrets: bool,
}

impl Default for SnapshotOptions {
    fn default() -> Self {
        Self { rehash: false, measure_left_out: false, stat_trust_age_ms: STAT_TRUST_AGE_MS, finds_secrets: false }
    }
}

/// The workspace as it is.
#[derive(Debug)]
pub struct Snapshot {
    /// Its tree.
    pub tree: BuiltTree,
    /// The scan, for what it left out, and for the stat cache.
    pub scan: Scan,
    /// Trees that may not be in the store yet.
    trees: HashMap<ObjectId, Tree>,
    /// Files that changed during each try to read them.
    pub unstable: Vec<RelPath>,
    /// New contents that look like they hold a secret, at most the first of them.
    pub secrets: Vec<LikelySecret>,
}

/// A file that looks like it holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LikelySecret {
    /// The file.
    pub path: RelPath,
    /// What kind of secret, for people.
    pub rule: &'static str,
}

impl Snapshot {
    /// The trees of the snapshot and those of the store.
    pub fn trees<'a>(&'a self, store: &'a Store) -> SnapshotTrees<'a> {
        SnapshotTrees { trees: &self.trees, store }
    }

    /// Brings the stat cache up to date. Only for the holder of the publish lock, once the trees are in the store. A cache that
    /// cannot be written costs time at the next push and nothing else, so it is no error.
    pub fn update_cache(&mut self, workspace: &Workspace) {
        let written = workspace.local.make_dir(CACHE_FOLDER).and_then(|cache| {
            let tmp = workspace.local.make_dir("tmp")?;
            self.scan.update_cache(&cache, &tmp)
        });
        drop(written);
    }
}

/// The trees of a snapshot and those of the store, as one.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotTrees<'a> {
    trees: &'a HashMap<ObjectId, Tree>,
    store: &'a Store,
}

#[cfg(feature = "git")]
impl<'a> SnapshotTrees<'a> {
    /// Trees that may not be in the store yet, and the store.
    pub fn new(trees: &'a HashMap<ObjectId, Tree>, store: &'a Store) -> Self {
        Self { trees, store }
    }
}

impl TreeSource for SnapshotTrees<'_> {
    type Error = StoreError;

    fn tree(&self, id: &ObjectId) -> StoreResult<Tree> {
        self.trees.get(id).map_or_else(|| self.store.tree(id), |tree| Ok(tree.clone()))
    }
}

/// Takes a snapshot. The caller holds the checkout lock, at least shared.
pub fn take(workspace: &Workspace, options: &SnapshotOptions, batch: Option<&Batch>, host: &dyn Host) -> OpsResult<Snapshot> {
    match take_with(workspace, usable_cache(workspace)?, options, batch, host) {
        Err(Failure::CacheDamaged) => {}
        Err(Failure::Ops(error)) => return Err(error),
        Ok(snapshot) => return Ok(snapshot),
    }
    take_with(workspace, None, options, batch, host).map_err(|failure| match failure {
        Failure::Ops(error) => error,
        // Without a cache none can be damaged.
        Failure::CacheDamaged => OpsError::Scan(ScanError::Root(std::io::ErrorKind::Other.into())),
    })
}

enum Failure {
    CacheDamaged,
    Ops(OpsError),
}

impl<E: Into<OpsError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Ops(error.into())
    }
}

fn take_with(
    workspace: &Workspace,
    cache: Option<Arc<StatCache>>,
    options: &SnapshotOptions,
    batch: Option<&Batch>,
    host: &dyn Host,
) -> Result<Snapshot, Failure> {
    let root = WorkspaceRoot::open(workspace.root()).map_err(ScanError::Root)?;
    let scan_options = ScanOptions {
        rehash: options.rehash,
        measure_left_out: options.measure_left_out,
        stat_trust_age_ms: options.stat_trust_age_ms,
        ..ScanOptions::at(now_ns())
    };
    let progress = ScanProgress::default();
    let rules = Rules::new(RuleSettings { include_git: workspace.settings().include_git });
    let cached_root = cache.as_ref().and_then(|cache| cache.root_tree());
    let mut scan = scan(&root, rules, cache, &scan_options, &progress, host.cancel_flag())?;
    host.progress(Phase::Scanning, progress.entries.into_inner(), None);
    let newest = workspace.newest()?.map(|row| row.record.root);
    let mut former = FormerPaths::new(&workspace.store, newest, cached_root);
    let secret_bytes_max = match (options.finds_secrets, newest) {
        (false, _) => 0,
        (true, None) => SECRET_SCAN_FIRST_PUSH_BYTES_MAX,
        (true, Some(_)) => usize::MAX,
    };
    let threads = scan_options.threads;
    let route = Route { root: &root, store: &workspace.store, batch, threads, mends: options.rehash, secret_bytes_max };
    let (unstable, secrets) = read_files(route, &scan, &mut former, host)?;
    let (tree, trees) = build_trees(&mut scan, &mut former, route)?;
    Ok(Snapshot { tree, scan, trees, unstable, secrets })
}

/// Reads the files that the scan could not rely on; gives those that never stood still, and those that look like they hold a secret.
fn read_files(
    route: Route<'_>,
    scan: &Scan,
    former: &mut FormerPaths<'_>,
    host: &dyn Host,
) -> OpsResult<(Vec<RelPath>, Vec<LikelySecret>)> {
    let mut files: Vec<ToRead> = Vec::with_capacity(scan.files_to_read());
    for number in 0..scan.files_to_read() {
        let Some(file) = scan.file(FileIndex(number as u32)) else { continue };
        let base = former.content(&file.path, file.earlier);
        files.push(ToRead { file: number, bytes: file.stat.bytes, path: file.path, base });
    }
    let jobs = divide(&files);
    let (mut unstable, mut secrets) = (Vec::new(), Vec::new());
    take_in(route, &files, &jobs, host, &mut |place, taken| {
        let file = FileIndex(files[place].file as u32);
        match taken {
            Taken::Content { id, bytes, stat, unstable: is_unstable, secret } => {
                // What the version before has at this path was named when it came.
                let secret = secret.filter(|_| files[place].base != Some(id));
                secrets.extend(secret.map(|rule| LikelySecret { path: files[place].path.clone(), rule }));
                scan.set_content(file, ReadContent { id, bytes, stat, unstable: is_unstable });
                unstable.extend(is_unstable.then(|| files[place].path.clone()));
            }
            Taken::Not(error) => scan.drop_file(file, error.into()),
        }
    })?;
    unstable.sort_unstable();
    secrets.sort_unstable();
    secrets.truncate(SECRETS_NAMED_MAX);
    Ok((unstable, secrets))
}

fn build_trees(scan: &mut Scan, former: &mut FormerPaths<'_>, route: Route<'_>) -> Result<(BuiltTree, HashMap<ObjectId, Tree>), Failure> {
    let writer = route.batch.map(|batch| Writer::new(route.store, batch)).transpose()?;
    let mut writer = writer.map(|writer| TreeWriter::new(writer.mending(route.mends)));
    let mut trees = HashMap::new();
    let built = scan.build_trees(&mut |path, tree, earlier| {
        if let Some(writer) = &mut writer {
            writer.put(tree, former.folder(path, earlier))?;
        }
        trees.insert(tree.id(), tree.clone());
        Ok::<(), StoreError>(())
    });
    let built = built.map_err(|error| match error {
        BuildError::Sink(error) => Failure::Ops(error.into()),
        BuildError::Unread(_) | BuildError::CacheDamaged => Failure::CacheDamaged,
    })?;
    writer.map(TreeWriter::finish).transpose()?;
    Ok((built, trees))
}

/// Puts trees away: those with a former one as deltas, new ones in groups.
pub struct TreeWriter<'s> {
    writer: Writer<'s>,
    group: Vec<Tree>,
    group_bytes: usize,
}

impl<'s> TreeWriter<'s> {
    /// Puts trees away with this writer.
    pub fn new(writer: Writer<'s>) -> Self {
        Self { writer, group: Vec::new(), group_bytes: 0 }
    }

    /// Puts a tree away; `former` is the one that stood in its place.
    pub fn put(&mut self, tree: &Tree, former: Option<ObjectId>) -> StoreResult<()> {
        let bytes = tree.as_bytes();
        if former.is_some() || bytes.len() > GROUP_MEMBER_BYTES_MAX {
            return self.writer.put(ObjectKind::Tree, bytes, former.as_ref()).map(drop);
        }
        self.group.push(tree.clone());
        self.group_bytes += bytes.len();
        if self.group_bytes >= GROUP_BYTES_TARGET { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> StoreResult<()> {
        self.group_bytes = 0;
        let group = std::mem::take(&mut self.group);
        let contents: Vec<&[u8]> = group.iter().map(Tree::as_bytes).collect();
        self.writer.put_group(ObjectKind::Tree, &contents).map(drop)
    }

    /// Puts the last group away, and gives the writer back.
    pub fn finish(mut self) -> StoreResult<Writer<'s>> {
        self.flush()?;
        Ok(self.writer)
    }
}

/// The stat cache, if what it says about contents is still true of the store: it names a tree that one of the newest versions
/// has, and the contents of a version stay.
fn usable_cache(workspace: &Workspace) -> OpsResult<Option<Arc<StatCache>>> {
    let dir: Dir = match workspace.local.open_dir(CACHE_FOLDER) {
        Ok(dir) => dir,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(cache) = StatCache::open(&dir) else { return Ok(None) };
    let Some(tree) = cache.root_tree() else { return Ok(None) };
    let newest = workspace.log.versions_newest_first(Some(3))?;
    Ok(newest.iter().any(|row| !row.deleted && row.record.root == tree).then(|| Arc::new(cache)))
}

fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
