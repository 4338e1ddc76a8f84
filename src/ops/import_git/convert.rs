//! Trees of git as trees of ours: compared with the tree before, only what differs is read.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use super::files::{FileToImport, FilesTaken, take_files};
use super::unheld::{Unheld, UnheldWhy};
use super::{ImportGitOutcome, OpsError, OpsResult};
use crate::format::tree::{Entry, Node, Tree, TreeBuilder};
use crate::git::{GitId, GitRepository, TreeEntry, TreeEntryKind};
use crate::id::ObjectId;
use crate::limits::LINK_TARGET_BYTES_MAX;
use crate::ops::Host;
use crate::ops::snapshot::TreeWriter;
use crate::path::{RelPath, check_name};
use crate::store::{Batch, Store, Writer, WriterState};
use crate::tree::{OwnedNode, TreeSource};

/// Permission bits of what git knows no bits of.
const FOLDER_MODE: u16 = 0o755;
const FILE_MODE: u16 = 0o644;
const EXECUTABLE_MODE: u16 = 0o755;

/// A tree of git as a tree of ours.
pub struct Converted {
    /// Its id.
    pub root: ObjectId,
    /// The trees that differ from those before.
    pub trees: HashMap<ObjectId, Tree>,
    /// Paths of it that our tree lacks.
    pub unheld: u64,
}

/// Converts one tree after the other.
pub struct Converter<'r> {
    repository: &'r GitRepository,
    writer: Option<WriterState>,
    /// The last tree that was converted, and what came of it.
    last: Option<(GitId, ObjectId)>,
    unheld: Unheld,
    lfs_pointers: u64,
}

/// A folder that differs, before its contents are read.
struct Folder {
    path: RelPath,
    /// What stood in its place.
    former: Option<ObjectId>,
    entries: Vec<(Vec<u8>, Planned)>,
}

/// An entry of a folder that differs.
enum Planned {
    /// As it was before, or complete.
    Known(OwnedNode),
    /// A file that is read: permission bits, and its place in the list of files.
    File(u16, usize),
    /// A folder that differs, by its place in the list of folders, which is behind that of the folder it is in.
    Folder(usize),
}

/// A pair of folders to be compared.
struct Pending {
    /// Its place in the list of folders.
    place: usize,
    git: GitId,
    /// The tree of git before, whose entries are known under the same names in `former`.
    last: Option<GitId>,
}

/// What is collected before anything is put away.
#[derive(Default)]
struct Plan {
    folders: Vec<Folder>,
    files: Vec<FileToImport>,
    pending: Vec<Pending>,
}

impl Plan {
    fn add_folder(&mut self, path: RelPath, git: GitId, last: Option<GitId>, former: Option<ObjectId>) -> usize {
        let place = self.folders.len();
        self.folders.push(Folder { path, former, entries: Vec::new() });
        self.pending.push(Pending { place, git, last });
        place
    }
}

impl<'r> Converter<'r> {
    /// Nothing is known yet.
    pub fn new(repository: &'r GitRepository) -> OpsResult<Self> {
        Ok(Self { repository, writer: Some(WriterState::new()?), last: None, unheld: Unheld::default(), lfs_pointers: 0 })
    }

    /// Where trees come from.
    pub fn repository(&self) -> &'r GitRepository {
        self.repository
    }

    /// Says what was met on the way.
    pub fn report(self, outcome: &mut ImportGitOutcome) {
        outcome.unheld = self.unheld.ever;
        outcome.unheld_total = self.unheld.total;
        outcome.lfs_pointers = self.lfs_pointers;
    }

    /// Converts a tree, and puts what is new of it into a batch. `former` is the tree of the version before, against which deltas
    /// are made.
    pub fn convert(&mut self, store: &Store, batch: &Batch, git: GitId, former: Option<ObjectId>, host: &dyn Host) -> OpsResult<Converted> {
        if let Some((_, root)) = self.last.filter(|(last, _)| *last == git) {
            return Ok(Converted { root, trees: HashMap::new(), unheld: self.unheld.count() });
        }
        let mut plan = self.plan(store, git, former, host)?;
        let state = self.writer.take().map_or_else(WriterState::new, Ok)?;
        let FilesTaken { state, contents, lfs_pointers } = take_files(self.repository, store, batch, state, &mut plan.files, host)?;
        let writer = TreeWriter::new(Writer::resume(store, batch, state));
        let (root, trees, writer) = build(plan.folders, &contents, writer)?;
        self.writer = Some(writer.into_state());
        self.lfs_pointers += lfs_pointers;
        self.last = Some((git, root));
        Ok(Converted { root, trees, unheld: self.unheld.count() })
    }

    /// Compares trees from the top down.
    fn plan(&mut self, store: &Store, git: GitId, former: Option<ObjectId>, host: &dyn Host) -> OpsResult<Plan> {
        let mut plan = Plan::default();
        // What was converted last is only of use where its outcome is known, whatever others have pushed since.
        let (last, former) = self.last.map_or((None, former), |(git, root)| (Some(git), Some(root)));
        plan.add_folder(RelPath::root(), git, last, former);
        while let Some(pending) = plan.pending.pop() {
            if host.cancel_flag().load(Ordering::Relaxed) {
                return Err(OpsError::Cancelled);
            }
            self.plan_folder(store, &pending, &mut plan)?;
        }
        Ok(plan)
    }

    fn plan_folder(&mut self, store: &Store, pending: &Pending, plan: &mut Plan) -> OpsResult<()> {
        let entries = self.repository.tree(pending.git)?;
        let last = pending.last.map_or(Ok(Vec::new()), |last| self.repository.tree(last))?;
        let former = plan.folders[pending.place].former.map_or_else(|| Ok(Tree::empty()), |id| store.tree(&id))?;
        let path = plan.folders[pending.place].path.clone();
        let former: HashMap<&[u8], Node<'_>> = former.entries().map(|entry| (entry.name, entry.node)).collect();
        for gone in last.iter().filter(|gone| find(&entries, &gone.name).is_none()) {
            self.unheld.remove(&joined(&path, &gone.name));
        }
        for entry in entries {
            let before = Before { git: find(&last, &entry.name), ours: former.get(entry.name.as_slice()).copied() };
            if let Some(planned) = self.plan_entry(&path, &entry, before, plan)? {
                plan.folders[pending.place].entries.push((entry.name, planned));
            }
        }
        Ok(())
    }

    /// What becomes of an entry; `None` for one that cannot be held.
    fn plan_entry(&mut self, folder: &RelPath, entry: &TreeEntry, before: Before<'_>, plan: &mut Plan) -> OpsResult<Option<Planned>> {
        if before.git.is_some_and(|git| (git.kind, git.id) == (entry.kind, entry.id)) {
            return Ok(before.ours.map(|node| Planned::Known(node.into())));
        }
        let whole = joined(folder, &entry.name);
        let same_kind = before.git.is_some_and(|git| git.kind == entry.kind);
        if !(same_kind && entry.kind == TreeEntryKind::Directory) {
            self.unheld.remove(&whole);
        }
        let path = match check_name(&entry.name).and_then(|()| folder.join(&entry.name)) {
            // Git itself holds no such name; a version must not either, since a checkout would leave it out.
            Ok(path) if entry.name != b".git" => path,
            _ => {
                self.unheld.add(whole, UnheldWhy::Name);
                return Ok(None);
            }
        };
        let content = |before: &Before<'_>| match before.ours {
            Some(Node::File { id, .. }) => Some(id),
            _ => None,
        };
        let mut file = |mode| {
            plan.files.push(FileToImport { git: entry.id, path: path.clone(), base: content(&before) });
            Some(Planned::File(mode, plan.files.len() - 1))
        };
        Ok(match entry.kind {
            TreeEntryKind::File => file(FILE_MODE),
            TreeEntryKind::Executable => file(EXECUTABLE_MODE),
            TreeEntryKind::Directory => {
                let former = match before.ours {
                    Some(Node::Directory { id, .. }) => Some(id),
                    _ => None,
                };
                let last = before.git.filter(|git| git.kind == TreeEntryKind::Directory).map(|git| git.id);
                Some(Planned::Folder(plan.add_folder(path, entry.id, last, former)))
            }
            TreeEntryKind::Symlink => self.link(whole, entry.id)?,
            TreeEntryKind::Submodule => {
                self.unheld.add(whole, UnheldWhy::Submodule);
                None
            }
        })
    }

    fn link(&mut self, path: Vec<u8>, id: GitId) -> OpsResult<Option<Planned>> {
        let mut buffer = Vec::new();
        let target = self.repository.content(id, &mut buffer)?;
        if target.is_empty() || target.len() > LINK_TARGET_BYTES_MAX || target.contains(&0) {
            self.unheld.add(path, UnheldWhy::Link);
            return Ok(None);
        }
        Ok(Some(Planned::Known(OwnedNode::Symlink { target: target.to_vec() })))
    }
}

/// What stood at a name in the tree before.
#[derive(Clone, Copy)]
struct Before<'a> {
    git: Option<&'a TreeEntry>,
    ours: Option<Node<'a>>,
}

fn find<'a>(entries: &'a [TreeEntry], name: &[u8]) -> Option<&'a TreeEntry> {
    entries.binary_search_by(|entry| entry.name.as_slice().cmp(name)).ok().and_then(|place| entries.get(place))
}

/// A path whose last name may be any.
fn joined(folder: &RelPath, name: &[u8]) -> Vec<u8> {
    if folder.is_root() { name.to_vec() } else { [folder.as_bytes(), b"/", name].concat() }
}

/// Builds the trees from the last folder to the first, so that those below come before those above. Gives the root's id.
fn build<'s>(
    folders: Vec<Folder>,
    contents: &[(ObjectId, u64)],
    mut writer: TreeWriter<'s>,
) -> OpsResult<(ObjectId, HashMap<ObjectId, Tree>, Writer<'s>)> {
    let mut ids = vec![ObjectId::ZERO; folders.len()];
    let mut trees = HashMap::with_capacity(folders.len());
    for (place, folder) in folders.iter().enumerate().rev() {
        let mut builder = TreeBuilder::new();
        for (name, planned) in &folder.entries {
            let node = match planned {
                Planned::Known(node) => borrowed(node),
                Planned::File(mode, file) => Node::File { mode: *mode, id: contents[*file].0, bytes: contents[*file].1 },
                Planned::Folder(below) => Node::Directory { mode: FOLDER_MODE, id: ids[*below] },
            };
            builder.push(Entry { name, node });
        }
        let tree = builder.finish();
        writer.put(&tree, folder.former)?;
        ids[place] = tree.id();
        trees.insert(ids[place], tree);
    }
    Ok((ids[0], trees, writer.finish()?))
}

fn borrowed(node: &OwnedNode) -> Node<'_> {
    match node {
        OwnedNode::File { mode, bytes, id } => Node::File { mode: *mode, bytes: *bytes, id: *id },
        OwnedNode::Directory { mode, id } => Node::Directory { mode: *mode, id: *id },
        OwnedNode::Symlink { target } => Node::Symlink { target },
    }
}
