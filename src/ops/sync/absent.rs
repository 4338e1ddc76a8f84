//! What of a history is at a remote and not here: `remotes/NAME.absent` in the folder of the store, a catalog of the frames that were
//! left there.
//!
//! It is written before the versions that need it, and shortened after contents have come. So whatever a crash leaves, it names at least
//! all that is not here, and a content that is here is never looked for in it.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use super::state::Remotes;
use crate::disk::Dir;
use crate::format::catalog::{Catalog, CatalogFrame};
use crate::format::pack::PackFrame;
use crate::format::remote::PackRef;
use crate::id::ObjectId;
use crate::limits::ABSENT_BYTES_MAX;
use crate::ops::{OpsError, OpsResult, Workspace};
use crate::store::{Store, StoreError};

/// What was left at a remote.
#[derive(Clone, Debug, Default)]
pub struct Absent {
    catalog: Catalog,
    /// By object the frame that holds it.
    frames: HashMap<ObjectId, usize>,
    is_changed: bool,
}

impl Absent {
    /// What was left at one remote.
    pub fn of_remote(remotes: &Remotes, name: &str) -> OpsResult<Self> {
        Ok(Self::new(read(&remotes.dir, name)?))
    }

    fn new(catalog: Catalog) -> Self {
        let mut absent = Self::default();
        absent.add(catalog);
        absent.is_changed = false;
        absent
    }

    /// Whether an object is known to be there.
    pub fn has(&self, id: &ObjectId) -> bool {
        self.frames.contains_key(id)
    }

    /// Adds what a catalog says. Of an object in two frames the first counts: what a delta is made against stands before it.
    pub fn add(&mut self, catalog: Catalog) {
        for CatalogFrame { pack, frame, base } in catalog.frames {
            if let Some(pack) = catalog.packs.get(pack as usize) {
                self.push(*pack, frame, base);
            }
        }
    }

    /// Adds a frame.
    pub fn push(&mut self, pack: PackRef, frame: PackFrame, base: Option<ObjectId>) {
        self.is_changed = true;
        for id in &frame.ids {
            self.frames.entry(*id).or_insert(self.catalog.frames.len());
        }
        let number = match self.catalog.packs.last() {
            Some(last) if last.id == pack.id => self.catalog.packs.len() - 1,
            _ => {
                self.catalog.packs.push(pack);
                self.catalog.packs.len() - 1
            }
        };
        self.catalog.frames.push(CatalogFrame { pack: number as u32, frame, base });
    }

    /// The frame that holds an object, and its pack.
    pub fn frame_of(&self, id: &ObjectId) -> Option<(&PackRef, &CatalogFrame)> {
        let frame = self.catalog.frames.get(*self.frames.get(id)?)?;
        Some((self.catalog.packs.get(frame.pack as usize)?, frame))
    }

    /// Counts as what is there from here on.
    pub fn replace(&mut self, catalog: Catalog) {
        *self = Self::default();
        self.add(catalog);
        self.is_changed = true;
    }

    /// All of it.
    pub fn into_catalog(self) -> Catalog {
        self.catalog
    }

    /// Every object that is known to be there.
    pub fn ids(&self) -> impl Iterator<Item = &ObjectId> {
        self.frames.keys()
    }

    /// Forgets the frames all of whose objects are here.
    pub fn forget_present(&mut self, store: &Store) -> OpsResult<()> {
        let mut catalog = std::mem::take(&mut self.catalog);
        let was = (catalog.frames.len(), self.is_changed);
        let mut kept = Vec::with_capacity(catalog.frames.len());
        let used: HashSet<usize> = self.frames.values().copied().collect();
        for (at, frame) in std::mem::take(&mut catalog.frames).into_iter().enumerate() {
            let is_here = |id: &ObjectId| store.seems_settled(id);
            if used.contains(&at) && !frame.frame.ids.iter().map(is_here).collect::<Result<Vec<_>, _>>()?.into_iter().all(|here| here) {
                kept.push(frame);
            }
        }
        *self = Self::default();
        let is_same = kept.len() == was.0;
        catalog.frames = kept;
        self.add(catalog);
        self.is_changed = was.1 || !is_same;
        Ok(())
    }

    /// Keeps what was left at a remote.
    ///
    /// # Durability
    /// Durable on return.
    pub fn save(&mut self, remotes: &Remotes, name: &str) -> OpsResult<()> {
        if std::mem::take(&mut self.is_changed) { remotes.put_absent(name, &self.catalog) } else { Ok(()) }
    }
}

/// What was left at a remote, read when it is asked for: most syncs need nothing of it.
pub struct Unread<'a> {
    remotes: &'a Remotes,
    name: &'a str,
    read: OnceCell<OpsResult<Absent>>,
}

impl<'a> Unread<'a> {
    /// What was left at one remote.
    pub fn of_remote(remotes: &'a Remotes, name: &'a str) -> Self {
        Self { remotes, name, read: OnceCell::new() }
    }

    fn read(&self) -> &OpsResult<Absent> {
        self.read.get_or_init(|| Absent::of_remote(self.remotes, self.name))
    }

    /// Whether an object is known to be there. What cannot be read says no to everything, until [`Unread::refuse_unreadable`] is asked.
    pub fn has(&self, id: &ObjectId) -> bool {
        self.read().as_ref().is_ok_and(|absent| absent.has(id))
    }

    /// A copy of it, to be changed, unless there is one already.
    pub fn copy_once<'c>(&mut self, copy: &'c mut Option<Absent>) -> OpsResult<&'c mut Absent> {
        if copy.is_none() {
            *copy = self.read().as_ref().ok().cloned();
            self.refuse_unreadable()?;
        }
        Ok(copy.get_or_insert_default())
    }

    /// Whether all that was asked of it could be read.
    pub fn refuse_unreadable(&mut self) -> OpsResult<()> {
        if self.read.get().is_some_and(Result::is_err) { self.read.take().map_or(Ok(()), |read| read.map(drop)) } else { Ok(()) }
    }

    /// Keeps this in the place of what was meant to follow it, which can only be after it was read.
    pub fn put_back(&self) -> OpsResult<()> {
        match self.read.get() {
            Some(Ok(absent)) => self.remotes.put_absent(self.name, &absent.catalog),
            _ => Ok(()),
        }
    }
}

/// The contents that are at some remote and not here, of all remotes of a workspace.
#[derive(Clone, Debug, Default)]
pub struct NotFetched {
    ids: HashSet<ObjectId>,
}

impl NotFetched {
    /// Those of a workspace, as they are now.
    pub fn of(workspace: &Workspace) -> OpsResult<Self> {
        Self::in_store(&workspace.store_dir, &workspace.store)
    }

    /// Those of a store.
    pub(in crate::ops) fn in_store(store_dir: &Dir, store: &Store) -> OpsResult<Self> {
        let mut ids = HashSet::new();
        for name in super::state::names(store_dir)? {
            let Ok(dir) = store_dir.open_dir(super::state::FOLDER) else { break };
            for id in Absent::new(read(&dir, &name)?).ids() {
                if !store.seems_to_contain(id)? {
                    ids.insert(*id);
                }
            }
        }
        Ok(Self { ids })
    }

    /// Whether a content is at a remote and not here.
    pub fn has(&self, id: &ObjectId) -> bool {
        self.ids.contains(id)
    }

    /// Whether everything is here.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// Says of a content that is missing in the store that it is at a remote, if it is; every other error stays.
pub fn missing_or_not_here(workspace: &Workspace, error: OpsError) -> OpsError {
    match error {
        OpsError::Store(StoreError::Missing { id, .. }) if NotFetched::of(workspace).is_ok_and(|absent| absent.has(&id)) => {
            OpsError::NotHere { id }
        }
        error => error,
    }
}

/// Whether no content was left at a remote. Costs a look at one folder.
pub fn has_everything(workspace: &Workspace) -> OpsResult<bool> {
    Ok(super::state::names(&workspace.store_dir)?.is_empty())
}

fn read(dir: &Dir, name: &str) -> OpsResult<Catalog> {
    let file = super::state::absent_file(name);
    let refuse = |why: String| OpsError::Settings { path: dir.path_of(&file), why };
    // It is replaced by rename and never changed, so it need not be copied to be read.
    match dir.map(&file) {
        Err(error) if error.is_not_found() => Ok(Catalog::default()),
        Ok(bytes) if bytes.len() as u64 > ABSENT_BYTES_MAX => Err(refuse("it is too large".to_owned())),
        bytes => Catalog::decode(&bytes?).map_err(|error| refuse(error.to_string())),
    }
}
