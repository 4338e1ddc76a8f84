//! What a purge removes: all contents that some paths had in any version, and every other place where these stand.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::past::{Stay, VersionSpan, stays_of};
use super::super::reach::purged_by;
use super::super::select::PathSelection;
use super::super::{Host, NotFetched, OpsError, OpsResult, Workspace};
use crate::id::ObjectId;
use crate::limits::PURGE_PATHS_NAMED_MAX;
use crate::path::RelPath;
use crate::version_log::VersionRow;

/// What is purged, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PurgePlan {
    /// The contents, in the order of their ids.
    pub contents: Vec<PurgedContent>,
}

/// A content that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgedContent {
    /// Its id.
    pub id: ObjectId,
    /// Its length in bytes.
    pub bytes: u64,
    /// Where it stands, by path.
    pub places: Vec<PurgePlace>,
}

/// Where a content stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgePlace {
    /// The path.
    pub path: RelPath,
    /// In these versions, the oldest first.
    pub versions: Vec<VersionSpan>,
    /// Whether the path was named. Otherwise it loses the content because it has the same bytes.
    pub is_named: bool,
}

/// Finds out what naming these paths means.
///
/// # Errors
/// [`OpsError::NothingToPurge`].
pub fn plan(workspace: &Workspace, paths: &[Vec<u8>], host: &dyn Host) -> OpsResult<PurgePlan> {
    let selection = PathSelection::new(paths)?;
    let mut rows = workspace.log.versions_newest_first(None)?;
    rows.retain(|row| !row.deleted);
    rows.reverse();
    let purged = purged_by(workspace)?;
    let named: HashSet<ObjectId> =
        stays_of(&workspace.store, &rows, &selection, &|_| true, host)?.into_iter().map(|stay| stay.id).collect();
    // What was left at a remote is purged as well: nobody is to fetch it.
    let not_fetched = NotFetched::of(workspace)?;
    let mut stored = HashSet::new();
    for id in named {
        if workspace.store.seems_to_contain(&id)? || not_fetched.has(&id) && !purged.contains_key(&id) {
            stored.insert(id);
        }
    }
    if stored.is_empty() {
        return Err(OpsError::NothingToPurge { what: selection.describe() });
    }
    let all = stays_of(&workspace.store, &rows, &PathSelection::default(), &|id| stored.contains(id), host)?;
    Ok(put_together(&rows, all, &selection))
}

fn put_together(rows: &[VersionRow], stays: Vec<Stay>, selection: &PathSelection) -> PurgePlan {
    use crate::tree::Selection;
    let mut contents: BTreeMap<ObjectId, PurgedContent> = BTreeMap::new();
    // Stays are in the order of path and version.
    for Stay { path, id, bytes, first, last } in stays {
        let places = &mut contents.entry(id).or_insert_with(|| PurgedContent { id, bytes, places: Vec::new() }).places;
        let span = VersionSpan { first: rows[first].record.number, last: rows[last].record.number };
        match places.last_mut().filter(|place| place.path == path) {
            Some(place) => place.versions.push(span),
            None => places.push(PurgePlace { is_named: selection.selects(&path), path, versions: vec![span] }),
        }
    }
    PurgePlan { contents: contents.into_values().collect() }
}

impl PurgePlan {
    /// Refuses what would only be recorded again: contents that the workspace has now, or the newest version.
    ///
    /// # Errors
    /// [`OpsError::StillThere`].
    pub(super) fn refuse_if_still_there(&self, workspace: &Workspace, present: &[(ObjectId, RelPath)]) -> OpsResult<()> {
        let ids: HashSet<&ObjectId> = self.contents.iter().map(|content| &content.id).collect();
        let newest = workspace.log.head()?.newest;
        let mut places: BTreeMap<&RelPath, &'static str> = BTreeMap::new();
        let ends_newest = |place: &&PurgePlace| place.versions.last().map(|span| span.last) == newest;
        let in_newest = self.contents.iter().flat_map(|content| &content.places).filter(ends_newest);
        places.extend(in_newest.map(|place| (&place.path, "the newest version")));
        places.extend(present.iter().filter(|(id, _)| ids.contains(id)).map(|(_, path)| (path, "the workspace")));
        if places.is_empty() {
            return Ok(());
        }
        let paths = places.iter().take(PURGE_PATHS_NAMED_MAX).map(|(path, place)| format!("{path:?} in {place}")).collect();
        Err(OpsError::StillThere { paths, total: places.len() as u64 })
    }

    /// The paths that lose something, each once, in order; with whether they were named.
    pub fn paths(&self) -> Vec<(&RelPath, bool)> {
        let mut paths: HashMap<&RelPath, bool> = HashMap::new();
        for place in self.contents.iter().flat_map(|content| &content.places) {
            *paths.entry(&place.path).or_default() |= place.is_named;
        }
        let mut paths: Vec<_> = paths.into_iter().collect();
        paths.sort_unstable();
        paths
    }

    /// Bytes of the contents.
    pub fn bytes(&self) -> u64 {
        self.contents.iter().map(|content| content.bytes).sum()
    }
}
