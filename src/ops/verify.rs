//! Reads the whole history and says, in versions and paths, what cannot be brought back; and repairs what can be made anew.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::records::{best_chain, readable};
use super::workspace::{Workspace, log_position};
use super::{Host, NotFetched, OpsError, OpsResult, Phase, Purged};
use crate::disk::{Dir, Lock, LockMode, RootOf};
use crate::format::record::{Record, VersionNumber};
use crate::format::tree::{Node, Tree};
use crate::id::{ObjectId, ObjectKind};
use crate::path::RelPath;
use crate::store::{CatchUp, CheckReport, Known, Position, Store};
use crate::tree::TreeSource;
use crate::version_log::{VersionLog, VersionRow};

/// How thoroughly to look.
#[derive(Clone, Copy, Debug, Default)]
pub struct VerifyOptions {
    /// Check only that every object of every version is where the index says; read trees, but no contents.
    pub quick: bool,
}

/// A path that cannot be brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedPath {
    /// In these versions, in order.
    pub versions: Vec<VersionNumber>,
    /// Which path: a file, or a folder with everything below it.
    pub path: RelPath,
    /// What is wrong with it.
    pub what: String,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct VerifyOutcome {
    /// Versions looked at; deleted ones are not.
    pub versions: u64,
    /// Objects found whole.
    pub objects: u64,
    /// Bytes read from the segments.
    pub bytes: u64,
    /// What cannot be brought back.
    pub damaged: Vec<DamagedPath>,
    /// What was purged on purpose.
    pub purged: Vec<DamagedPath>,
    /// Paths of versions whose contents are at a remote and have not been fetched.
    pub not_fetched: u64,
    /// Places of the segments that are not as they were written.
    pub store_damage: Vec<String>,
    /// What is wrong with the version log.
    pub log_damage: Option<String>,
}

impl VerifyOutcome {
    /// Whether all is as it was written.
    pub fn is_ok(&self) -> bool {
        self.loses_nothing() && self.store_damage.is_empty()
    }

    /// Whether every version can be brought back: what is damaged, if anything, is needed by none.
    pub fn loses_nothing(&self) -> bool {
        self.damaged.is_empty() && self.log_damage.is_none()
    }
}

/// Reads and checks every object of every version. Changes nothing.
pub fn verify(workspace: &mut Workspace, options: &VerifyOptions, host: &dyn Host) -> OpsResult<VerifyOutcome> {
    let log_damage = workspace.log.verify().err().map(|error| error.to_string());
    let versions = live_versions(&workspace.log)?;
    // What stands behind it may be in the making, or be cut off again: no version needs it.
    let end = super::workspace::position(workspace.log.head()?.applied);
    let report = if options.quick { None } else { Some(read_all(&workspace.store, host)?) };
    let purged = Purged::of(workspace)?;
    let not_fetched = NotFetched::of(workspace)?;
    let Losses { damaged, purged, not_fetched } = losses(&workspace.store, (&purged, &not_fetched), &versions, report.as_ref())?;
    let report = report.unwrap_or_default();
    Ok(VerifyOutcome {
        versions: versions.len() as u64,
        objects: report.whole.len() as u64,
        bytes: report.bytes,
        damaged: of_live_versions(damaged, &workspace.log)?,
        purged,
        not_fetched,
        store_damage: report
            .damages
            .iter()
            .filter(|damage| Position { segment: damage.segment, offset: damage.offset } < end)
            .map(|damage| format!("segment {} at {}: {}", damage.segment, damage.offset, damage.why))
            .collect(),
        log_damage: log_damage.or_else(|| log_mismatch(workspace)),
    })
}

/// What a repair did.
#[derive(Clone, Debug, Default)]
pub struct RepairOutcome {
    /// Entries of the log that were found.
    pub records: u64,
    /// Versions among them.
    pub versions: u64,
    /// Objects found whole.
    pub objects: u64,
    /// Where the former log was kept.
    pub kept_aside: Option<PathBuf>,
    /// What cannot be brought back all the same.
    pub still_damaged: Vec<DamagedPath>,
}

/// Makes log, index and caches anew from the segments, which are not changed. Objects that are damaged leave the index,
/// so that the next push stores them again if the workspace still has them.
pub fn repair(root: &Path, host: &dyn Host) -> OpsResult<RepairOutcome> {
    let root_dir = Dir::open(root, RootOf::UserPath)?;
    let local = root_dir.open_dir(super::workspace::FOLDER)?;
    let settings = super::Settings::read(&local)?.ok_or_else(|| OpsError::NotAWorkspace { start: root.to_path_buf() })?;
    let store_dir = settings.store.map_or(Ok(local.clone()), |path| Dir::open(&path, RootOf::UserPath))?;
    let _lock = Lock::acquire(&store_dir, "lock", LockMode::Exclusive, &|| host.notice(super::Notice::WaitingForPublish))?;
    let store = Store::open(&store_dir)?;
    store.finish_collection()?;
    store.forget_index()?;
    let caught = store.catch_up(Known::Nothing)?;
    let records = best_chain(readable(&caught.records), known_records(&store_dir));
    let end = write_again(&store, &records, &caught)?;
    let log = VersionLog::rebuild(&store_dir, store.tmp(), records.iter().cloned(), log_position(end))?;
    forget_stat_cache(&local)?;
    let versions = live_versions(&log)?;
    let purged = Purged::in_log(&log, &store)?;
    let report = read_all(&store, host)?;
    Ok(RepairOutcome {
        records: records.len() as u64,
        versions: log.head()?.newest.map_or(0, |newest| newest.0),
        objects: report.whole.len() as u64,
        kept_aside: store_dir.contains("index.db.damaged")?.then(|| store_dir.path_of("index.db.damaged")),
        still_damaged: losses(&store, (&purged, &NotFetched::in_store(&store_dir, &store)?), &versions, Some(&report))?.damaged,
    })
}

/// Puts the entries that the segments have lost behind their end, so that the log can be made anew from them alone. Gives the end.
fn write_again(store: &Store, records: &[Record], caught: &CatchUp) -> OpsResult<Position> {
    let there: HashSet<&[u8]> = caught.records.iter().map(Vec::as_slice).collect();
    let lost: Vec<Vec<u8>> = records.iter().map(Record::encode).filter(|record| !there.contains(&record[..])).collect();
    if lost.is_empty() {
        return Ok(caught.end);
    }
    Ok(store.publish_records(store.batch()?, &lost)?.end)
}

/// The entries that the former log still gives, as far as they are sound.
fn known_records(store_dir: &Dir) -> Vec<Record> {
    VersionLog::open(store_dir).and_then(|log| log.records()).unwrap_or_default()
}

pub(super) fn forget_stat_cache(local: &Dir) -> OpsResult<()> {
    match local.open_dir("cache") {
        Ok(cache) => Ok(cache.names()?.iter().try_for_each(|name| cache.remove_file(name))?),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn live_versions(log: &VersionLog) -> OpsResult<Vec<VersionRow>> {
    let mut versions = log.versions_newest_first(None)?;
    versions.retain(|row| !row.deleted);
    versions.reverse();
    Ok(versions)
}

/// What versions miss that are not deleted now: one that was dropped while it was looked at may have lost its contents.
fn of_live_versions(mut damaged: Vec<DamagedPath>, log: &VersionLog) -> OpsResult<Vec<DamagedPath>> {
    if !damaged.is_empty() {
        let live: BTreeSet<VersionNumber> = live_versions(log)?.iter().map(|row| row.record.number).collect();
        damaged.iter_mut().for_each(|path| path.versions.retain(|number| live.contains(number)));
        damaged.retain(|path| !path.versions.is_empty());
    }
    Ok(damaged)
}

fn read_all(store: &Store, host: &dyn Host) -> OpsResult<CheckReport> {
    let total = store.stored_bytes()?;
    host.progress(Phase::Verifying, 0, Some(total));
    let report = store.check(&mut |done| {
        host.progress(Phase::Verifying, done, Some(total));
        !host.cancel_flag().load(std::sync::atomic::Ordering::Relaxed)
    });
    match report {
        Err(_) if host.cancel_flag().load(std::sync::atomic::Ordering::Relaxed) => Err(OpsError::Cancelled),
        other => Ok(other?),
    }
}

/// Whether the log on disk and the records in the segments tell the same. A collection may have exchanged segments while they were gone
/// through; so what does not agree is looked at once more, while none can.
fn log_mismatch(workspace: &Workspace) -> Option<String> {
    let mismatch = log_mismatch_now(workspace)?;
    // Where no pin can be had nothing is exchanged.
    let Ok(_pin) = workspace.store.pin() else { return Some(mismatch) };
    log_mismatch_now(workspace)
}

/// Segments may be ahead: another process may be publishing right now, and every other command catches up.
fn log_mismatch_now(workspace: &Workspace) -> Option<String> {
    let head = workspace.log.head().ok()?;
    let chain = best_chain(readable(&workspace.store.records().ok()?), Vec::new());
    let at_head = chain.get((head.sequence as usize).wrapping_sub(1)).map_or(ObjectId::ZERO, |record| Record::id_of(&record.encode()));
    let (in_log, in_segments) = (head.sequence, chain.len());
    (at_head != head.id).then(|| format!("the log has {in_log} entries, the segments {in_segments} that continue each other"))
}

/// What is not whole.
struct Losses {
    damaged: Vec<DamagedPath>,
    purged: Vec<DamagedPath>,
    not_fetched: u64,
}

/// Goes through the trees of all versions, each tree once, and collects what is not whole.
fn losses(
    store: &Store,
    (purged, not_fetched): (&Purged, &NotFetched),
    versions: &[VersionRow],
    report: Option<&CheckReport>,
) -> OpsResult<Losses> {
    let mut survey = Survey { store, purged, not_fetched, report, sequence: 0, verdicts: HashMap::new() };
    let mut found: BTreeMap<(RelPath, Loss), BTreeSet<VersionNumber>> = BTreeMap::new();
    for version in versions {
        survey.sequence = version.sequence;
        for (path, loss) in survey.damages_below(&version.record.root)? {
            found.entry((path, loss)).or_default().insert(version.record.number);
        }
    }
    let mut losses = Losses { damaged: Vec::new(), purged: Vec::new(), not_fetched: 0 };
    for ((path, loss), versions) in found {
        let (list, what) = match loss {
            Loss::Damage(what) => (&mut losses.damaged, what),
            Loss::Purged => (&mut losses.purged, "its content was purged".to_owned()),
            Loss::NotFetched => {
                losses.not_fetched += versions.len() as u64;
                continue;
            }
        };
        list.push(DamagedPath { versions: versions.into_iter().collect(), path, what });
    }
    Ok(losses)
}

/// Why a path cannot be brought back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Loss {
    Damage(String),
    Purged,
    NotFetched,
}

struct Survey<'a> {
    store: &'a Store,
    purged: &'a Purged,
    not_fetched: &'a NotFetched,
    report: Option<&'a CheckReport>,
    /// Place in the log of the version at work.
    sequence: u64,
    /// Trees that were gone through: `true` when everything below is whole.
    verdicts: HashMap<ObjectId, bool>,
}

impl Survey<'_> {
    fn damages_below(&mut self, root: &ObjectId) -> OpsResult<Vec<(RelPath, Loss)>> {
        let mut damages = Vec::new();
        // Trees on the way down, and in the order of their completion: a tree is whole when all below it are.
        let mut pending = vec![(RelPath::root(), *root)];
        let mut opened: Vec<(ObjectId, usize)> = Vec::new();
        while let Some((path, id)) = pending.pop() {
            if self.verdicts.get(&id) == Some(&true) {
                continue;
            }
            opened.push((id, damages.len()));
            match self.tree(&id)? {
                Err(what) => damages.push((path, Loss::Damage(what))),
                Ok(tree) => self.look_at(&path, &tree, &mut damages, &mut pending)?,
            }
        }
        if damages.is_empty() {
            self.verdicts.extend(opened.into_iter().map(|(id, _)| (id, true)));
        }
        Ok(damages)
    }

    fn look_at(
        &self,
        path: &RelPath,
        tree: &Tree,
        damages: &mut Vec<(RelPath, Loss)>,
        pending: &mut Vec<(RelPath, ObjectId)>,
    ) -> OpsResult<()> {
        for entry in tree.entries() {
            let Ok(path) = path.join(entry.name) else { continue };
            match entry.node {
                Node::Directory { id, .. } => pending.push((path, id)),
                Node::File { id, .. } if !self.is_whole(ObjectKind::Blob, &id)? => {
                    let damage = || Loss::Damage(format!("its content {} is damaged or missing", id.short()));
                    let loss = match self.purged.explains(&id, self.sequence) {
                        true => Loss::Purged,
                        false if self.not_fetched.has(&id) => Loss::NotFetched,
                        false => damage(),
                    };
                    damages.push((path, loss));
                }
                Node::File { .. } | Node::Symlink { .. } => {}
            }
        }
        Ok(())
    }

    fn is_whole(&self, kind: ObjectKind, id: &ObjectId) -> OpsResult<bool> {
        match self.report {
            Some(report) if report.whole.contains(&(kind, *id)) => Ok(true),
            // A frame may have a wrong checksum, and yet some of what is in it be as it was.
            Some(_) => Ok(self.store.seems_to_contain(id)? && self.store.contains(kind, id)?),
            None => Ok(self.store.seems_to_contain(id)?),
        }
    }

    fn tree(&self, id: &ObjectId) -> OpsResult<Result<Tree, String>> {
        match self.store.tree(id) {
            Ok(tree) => Ok(Ok(tree)),
            Err(crate::store::StoreError::Disk(error)) => Err(error.into()),
            Err(error) => Ok(Err(error.to_string())),
        }
    }
}
