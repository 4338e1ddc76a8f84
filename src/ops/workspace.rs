//! An open workspace: its folder, its store, its version log; and what every operation does first and last.
//!
//! On disk, in `.lua/` of the workspace, or where its settings say:
//!
//! | file | is | owner |
//! |---|---|---|
//! | `config.toml` | settings | [`Settings`] |
//! | `objects/`, `index/`, `tmp/` | the object store | [`Store`] |
//! | `index.db` | the version log | [`VersionLog`] |
//! | `lock` | locked by the one process that publishes | here |
//! | `checkout.lock` | locked by the one process that writes to the workspace; shared by those that look at it | here |
//! | `remotes/` | what is known of remotes | `sync` |
//! | `cache/stat` | the stat cache | `workspace::stat_cache` |
//! | `checkout.journal`, `tmp/stage-…` | a rollback at work | `workspace::checkout` |
//!
//! Order of writes when a version is made: contents, trees and record (synced), then index, then log, then stat cache. Each may
//! be lost without those before it, and is made again from them by [`Workspace::open`].

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::garbage;
use super::records::{decode, in_order};
use super::settings::Settings;
use super::{Host, Notice, OpsError, OpsResult};
use crate::disk::{Dir, DiskError, Lock, LockMode, RootOf};
use crate::format::record::{Record, RecordBody, VersionNumber};
use crate::store::{Batch, Known, Position, Published, Store, When};
use crate::version_log::{LogError, LogHead, LogPosition, VersionLog, VersionRow};

/// Name of the folder in a workspace that holds its history.
pub const FOLDER: &str = ".lua";
const LOCK: &str = "lock";
const CHECKOUT_LOCK: &str = "checkout.lock";
const COLLECTION_LOCK: &str = "collection.lock";

/// An open workspace.
#[derive(Debug)]
pub struct Workspace {
    root: PathBuf,
    /// The workspace's folder itself.
    pub(super) root_dir: Dir,
    /// `.lua` in it.
    pub(super) local: Dir,
    /// The folder of the store: `.lua`, or another one.
    pub(super) store_dir: Dir,
    settings: Settings,
    pub(super) store: Store,
    pub(super) log: VersionLog,
}

impl Workspace {
    /// The workspace that a folder lies in: the nearest folder, itself or above, that has a `.lua` folder with settings.
    pub fn find_root(start: &Path) -> Option<PathBuf> {
        let is_root = |folder: &&Path| match folder.join(FOLDER).join("config.toml").symlink_metadata() {
            Ok(_) => true,
            // Whoever opens it is told that it may not be read.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => folder.join(FOLDER).symlink_metadata().is_ok(),
            Err(_) => false,
        };
        start.ancestors().find(is_root).map(Path::to_path_buf)
    }

    /// Opens a workspace, and brings to its end whatever was interrupted in it.
    pub fn open(root: &Path, host: &dyn Host) -> OpsResult<Self> {
        let mut workspace = Self::open_unrecovered(root, host)?;
        super::checkout::finish_interrupted(&mut workspace, host)?;
        Ok(workspace)
    }

    /// Opens a workspace without looking for an interrupted rollback.
    pub(super) fn open_unrecovered(root: &Path, host: &dyn Host) -> OpsResult<Self> {
        let root_dir = Dir::open(root, RootOf::UserPath)?;
        let local = match root_dir.open_dir(FOLDER) {
            Err(error) if error.is_not_found() => return Err(OpsError::NotAWorkspace { start: root.to_path_buf() }),
            other => other?,
        };
        check_owner(&local)?;
        let settings = Settings::read(&local)?.ok_or_else(|| OpsError::NotAWorkspace { start: root.to_path_buf() })?;
        let store_dir = match &settings.store {
            Some(path) => Dir::open(path, RootOf::UserPath)?,
            None => local.clone(),
        };
        check_owner(&store_dir)?;
        let store = Store::open(&store_dir)?;
        finish_interrupted_collection(&store_dir, &store)?;
        let log = open_log(&store_dir, &store, host)?;
        let mut workspace = Self { root: root.to_path_buf(), root_dir, local, store_dir, settings, store, log };
        workspace.catch_up_if_behind(host)?;
        Ok(workspace)
    }

    /// The workspace's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What has just been written as the settings counts from here on.
    pub(super) fn replace_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// The object store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The version log.
    pub fn log(&self) -> &VersionLog {
        &self.log
    }

    /// The newest version.
    pub fn newest(&self) -> OpsResult<Option<VersionRow>> {
        Ok(self.log.newest_version()?)
    }

    /// A version whose contents are to be used.
    pub fn usable_version(&self, number: VersionNumber) -> OpsResult<VersionRow> {
        let row = self.log.version(number)?.ok_or(OpsError::UnknownVersion { number, newest: self.log.head()?.newest })?;
        match row.deleted {
            false => Ok(row),
            true => Err(match self.log.prune_reasons(number, number)?.remove(&number) {
                Some(reason) => OpsError::PrunedVersion { number, reason },
                None => OpsError::DeletedVersion { number },
            }),
        }
    }

    /// Keeps others from writing to the workspace while it is looked at, or (`Exclusive`) from looking at it while it is
    /// written to.
    pub(super) fn lock_checkout(&self, mode: LockMode, host: &dyn Host) -> OpsResult<Lock> {
        Ok(Lock::acquire(&self.local, CHECKOUT_LOCK, mode, &|| host.notice(Notice::WaitingForCheckout))?)
    }

    /// The checkout lock if nobody has it.
    pub(super) fn try_lock_checkout(&self) -> OpsResult<Option<Lock>> {
        Ok(Lock::try_acquire(&self.local, CHECKOUT_LOCK, LockMode::Exclusive)?)
    }

    /// The right to collect, if no other process does.
    pub(super) fn try_lock_collection(&self) -> OpsResult<Option<Lock>> {
        Ok(Lock::try_acquire(&self.store_dir, COLLECTION_LOCK, LockMode::Exclusive)?)
    }

    /// A batch whose writer may rely on whatever it finds in the store. The holder of the publish lock may take one from the store.
    pub(super) fn begin_batch(&mut self, host: &dyn Host) -> OpsResult<Batch> {
        loop {
            let batch = self.store.batch()?;
            if !self.store.is_collection_begun()? {
                return Ok(batch);
            }
            // A collection was killed since the workspace was opened. What it was about to remove is still there, and goes.
            drop(batch);
            drop(self.begin_publish(host)?);
        }
    }

    /// Takes the publish lock and brings store and log up to the present.
    pub(super) fn begin_publish(&mut self, host: &dyn Host) -> OpsResult<Publishing<'_>> {
        let lock = Lock::acquire(&self.store_dir, LOCK, LockMode::Exclusive, &|| host.notice(Notice::WaitingForPublish))?;
        self.store.finish_collection()?;
        self.catch_up(Known::UpTo(position(self.log.head()?.applied)), host)?;
        let head = self.log.head()?;
        Ok(Publishing { workspace: self, head, pending: Vec::new(), settled: position(head.applied), _lock: lock })
    }

    /// Reads what a process that was killed left in the segments, unless another one is publishing right now.
    fn catch_up_if_behind(&mut self, host: &dyn Host) -> OpsResult<()> {
        let applied = position(self.log.head()?.applied);
        if self.store.is_current(applied)? {
            return Ok(());
        }
        let Some(_lock) = self.try_lock_publish()? else {
            // Somebody is publishing. What the log knows is all there is for a reader; the index must know that much.
            if !self.store.is_indexed(applied) {
                self.store.catch_up(Known::ReadOnly(applied))?;
            }
            return Ok(());
        };
        // Another process may have been faster: the log is asked again now that nobody else can write.
        let applied = position(self.log.head()?.applied);
        match self.catch_up(Known::UpTo(applied), host) {
            Err(OpsError::Disk(error)) if error.is_read_only() => self.catch_up_in_memory(applied),
            other => other,
        }
    }

    fn try_lock_publish(&self) -> OpsResult<Option<Lock>> {
        match Lock::try_acquire(&self.store_dir, LOCK, LockMode::Exclusive) {
            Err(error) if error.is_read_only() || error.is_not_found() => Ok(None),
            other => Ok(other?),
        }
    }

    /// For a store that cannot be written: what the log on disk lacks is kept in a log in memory.
    fn catch_up_in_memory(&mut self, applied: Position) -> OpsResult<()> {
        let caught = self.store.catch_up(Known::ReadOnly(applied))?;
        if caught.records.is_empty() {
            return Ok(());
        }
        let all = self.store.catch_up(Known::ReadOnly(Position::default()))?;
        let mut log = VersionLog::in_memory()?;
        log.append(&in_order(&all.records), log_position(all.end))?;
        self.log = log;
        Ok(())
    }

    fn catch_up(&mut self, known: Known, host: &dyn Host) -> OpsResult<()> {
        let caught = self.store.catch_up(known)?;
        if caught.cut_bytes > 0 {
            host.notice(Notice::UnfinishedPushRemoved { bytes: caught.cut_bytes });
        }
        if !caught.records.is_empty() {
            // A repair has put some behind later ones, and the log may have fallen back to before that.
            let known = self.log.head()?.sequence;
            let mut records = decode(&caught.records);
            records.retain(|record| record.sequence > known);
            self.log.append(&records, log_position(caught.end))?;
        }
        Ok(())
    }
}

/// The right to publish: held from the look at the newest version to the moment the next one is durable.
pub(super) struct Publishing<'w> {
    workspace: &'w mut Workspace,
    /// The log with what is pending.
    pub head: LogHead,
    /// Entries that are in the segments and not yet durable.
    pending: Vec<Record>,
    /// Up to where the segments are durable.
    settled: Position,
    _lock: Lock,
}

impl Publishing<'_> {
    /// The workspace.
    pub fn workspace(&self) -> &Workspace {
        self.workspace
    }

    /// The number that the next version will have.
    pub fn next_number(&self) -> VersionNumber {
        VersionNumber(self.head.newest.map_or(0, |number| number.0) + 1)
    }

    /// Adds one entry to the log, with the contents of a batch before it.
    ///
    /// # Durability
    /// On return entry and contents are durable.
    pub fn commit(&mut self, batch: Batch, body: RecordBody, host: &dyn Host) -> OpsResult<Published> {
        self.settle()?;
        let published = self.add(batch, body, host.now_ms(), When::Now)?;
        self.append_to_log()?;
        Ok(published)
    }

    /// Adds several entries, each with the time at which it was made in milliseconds, with the contents of a batch before them; all
    /// or none. They may supersede earlier ones, and come from elsewhere: every rule of the log is held against them first.
    ///
    /// # Errors
    /// [`LogError::NotNext`] for entries that break a rule.
    ///
    /// # Durability
    /// On return entries and contents are durable.
    pub fn commit_all(&mut self, batch: Batch, bodies: Vec<(i64, RecordBody)>) -> OpsResult<()> {
        self.settle()?;
        let (mut head, mut records) = (self.head, Vec::with_capacity(bodies.len()));
        for (created_ms, body) in bodies {
            let record = Record { sequence: head.sequence + 1, previous: head.id, created_ms, body };
            head = head
                .followed_by(&record, Record::id_of(&record.encode()))
                .map_err(|why| LogError::NotNext { sequence: record.sequence, why })?;
            records.push(record);
        }
        self.workspace.log.check_append(&records)?;
        let bytes: Vec<Vec<u8>> = records.iter().map(Record::encode).collect();
        let (dir, tmp) = (&self.workspace.store_dir, self.workspace.store.tmp());
        records.iter().for_each(|record| garbage::note(dir, tmp, &record.body, record.sequence));
        let published = self.workspace.store.publish_records(batch, &bytes)?;
        self.head = LogHead { applied: log_position(published.end), ..head };
        self.pending = records;
        self.append_to_log()
    }

    /// Adds one entry, made at a time in milliseconds, whose contents the next one can build upon at once.
    ///
    /// # Durability
    /// Entry and contents are durable when [`Publishing::settle`] has returned; before that nobody may be told of them. A process
    /// that is killed leaves a whole number of entries, which the next command takes in.
    #[cfg(feature = "git")]
    pub fn commit_later(&mut self, batch: Batch, body: RecordBody, created_ms: i64) -> OpsResult<Published> {
        self.add(batch, body, created_ms, When::Later)
    }

    fn add(&mut self, batch: Batch, body: RecordBody, created_ms: i64, when: When) -> OpsResult<Published> {
        let record = Record { sequence: self.head.sequence + 1, previous: self.head.id, created_ms, body };
        let bytes = record.encode();
        let head = self.head.followed_by(&record, Record::id_of(&bytes));
        let head = head.map_err(|why| LogError::NotNext { sequence: record.sequence, why })?;
        garbage::note(&self.workspace.store_dir, self.workspace.store.tmp(), &record.body, record.sequence);
        let published = self.workspace.store.publish_when(batch, &bytes, when)?;
        self.head = LogHead { applied: log_position(published.end), ..head };
        self.pending.push(record);
        Ok(published)
    }

    /// Adds one entry in a segment of its own, so that all segments before it can be collected.
    ///
    /// # Durability
    /// As [`Publishing::commit`].
    pub fn commit_sealing(&mut self, body: RecordBody, host: &dyn Host) -> OpsResult<Published> {
        self.settle()?;
        let batch = self.workspace.store.batch()?;
        let published = self.add(batch, body, host.now_ms(), When::Sealing)?;
        self.append_to_log()?;
        Ok(published)
    }

    /// Makes pending entries durable and tells the log of them.
    ///
    /// # Durability
    /// On return all entries that were added are durable.
    pub fn settle(&mut self) -> OpsResult<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.workspace.store.settle(self.settled)?;
        self.append_to_log()
    }

    fn append_to_log(&mut self) -> OpsResult<()> {
        self.settled = position(self.head.applied);
        let records = std::mem::take(&mut self.pending);
        // The entries are durable, so this is a success even if the log does not take them: then the next command adds them.
        let _ = self.workspace.log.append(&records, self.head.applied);
        self.head = self.workspace.log.head()?;
        Ok(())
    }
}

/// Brings a collection that was interrupted to its end; one that is at work holds the publish lock. Nothing may be read before: the same
/// frames can stand in two segments.
fn finish_interrupted_collection(dir: &Dir, store: &Store) -> OpsResult<()> {
    if !store.is_collection_begun()? {
        return Ok(());
    }
    let lock = match Lock::try_acquire(dir, LOCK, LockMode::Exclusive) {
        Err(error) if error.is_read_only() => None,
        other => other?,
    };
    if lock.is_some() {
        store.finish_collection()?;
    }
    Ok(())
}

/// Opens the log; one that is missing or damaged is made again from the segments.
fn open_log(dir: &Dir, store: &Store, host: &dyn Host) -> OpsResult<VersionLog> {
    match VersionLog::open(dir) {
        Ok(log) => Ok(log),
        Err(LogError::NotFound | LogError::Damaged { .. }) => rebuild_log(dir, store, host),
        Err(LogError::ReadOnly { .. }) => Ok(VersionLog::open_read_only(dir)?),
        Err(error) => Err(error.into()),
    }
}

fn rebuild_log(dir: &Dir, store: &Store, host: &dyn Host) -> OpsResult<VersionLog> {
    let _lock = Lock::acquire(dir, LOCK, LockMode::Exclusive, &|| host.notice(Notice::WaitingForPublish))?;
    // Another process may have rebuilt it while this one waited.
    if let Ok(log) = VersionLog::open(dir) {
        return Ok(log);
    }
    let caught = store.catch_up(Known::Nothing)?;
    let log = VersionLog::rebuild(dir, store.tmp(), in_order(&caught.records).into_iter(), log_position(caught.end))?;
    if !caught.records.is_empty() {
        host.notice(Notice::LogRebuilt);
    }
    Ok(log)
}
/// Refuses a folder of another user: it may be a trap. The superuser may use any.
pub(super) fn check_owner(dir: &Dir) -> OpsResult<()> {
    let user = rustix::process::geteuid();
    let stat = rustix::fs::fstat(dir).map_err(|error| DiskError::new("look at", dir.path(), error))?;
    if user.is_root() || stat.st_uid == user.as_raw() {
        return Ok(());
    }
    Err(OpsError::ForeignOwner { path: dir.path().to_path_buf() })
}

pub(super) fn position(position: LogPosition) -> Position {
    Position { segment: position.segment, offset: position.offset }
}

pub(super) fn log_position(position: Position) -> LogPosition {
    LogPosition { segment: position.segment, offset: position.offset }
}
