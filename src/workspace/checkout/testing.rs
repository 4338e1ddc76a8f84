//! Contents, trees and workspaces for tests: a workspace is modelled by a map from paths to what stands there.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use proptest::prelude::*;

use super::apply::apply_with;
use super::moves::{Gate, Moves};
use super::{
    Applied, ApplyError, CheckoutPlan, ConflictCopy, ContentReader, Contents, LeftOut, Mismatch, ReadError, Recovery, Stage, StagedPlan,
    SurveyError, Watch, recover, stage, survey, verify,
};
use crate::disk::{Dir, RootOf};
use crate::format::tree::{Entry, Node, TreeBuilder};
use crate::id::{ObjectId, ObjectKind};
use crate::path::RelPath;
use crate::tree::testing::MemoryTrees;
use crate::tree::{Change, OwnedNode, diff};

/// Contents in memory, handed out in pieces.
pub(super) struct MemoryContents {
    pub blobs: HashMap<ObjectId, Vec<u8>>,
    pub piece_bytes: usize,
}

impl Default for MemoryContents {
    fn default() -> Self {
        Self { blobs: HashMap::new(), piece_bytes: 64 << 10 }
    }
}

/// The content is not there.
#[derive(Debug, thiserror::Error)]
#[error("no blob {0}")]
pub(super) struct NoBlob(ObjectId);

impl Contents for MemoryContents {
    type Error = NoBlob;
    type Reader<'a> = &'a MemoryContents;

    fn reader(&self) -> &MemoryContents {
        self
    }
}

impl ContentReader for &MemoryContents {
    type Error = NoBlob;

    fn read(&mut self, id: &ObjectId, out: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> Result<(), ReadError<NoBlob>> {
        let blob = self.blobs.get(id).ok_or(ReadError::Content(NoBlob(*id)))?;
        blob.chunks(self.piece_bytes).try_for_each(out).map_err(ReadError::Out)
    }
}

/// Puts a file's content in, and gives its node.
pub(super) fn memory_file(contents: &mut MemoryContents, content: &[u8], mode: u16) -> OwnedNode {
    let id = ObjectId::of(ObjectKind::Blob, content);
    contents.blobs.insert(id, content.to_vec());
    OwnedNode::File { mode, bytes: content.len() as u64, id }
}

pub(super) fn path(text: &str) -> RelPath {
    RelPath::new(text.as_bytes()).unwrap()
}

pub(super) fn file(text: &str) -> Option<OwnedNode> {
    Some(OwnedNode::File { mode: 0o644, bytes: text.len() as u64, id: ObjectId::of(ObjectKind::Blob, text.as_bytes()) })
}

pub(super) fn directory(mode: u16) -> Option<OwnedNode> {
    Some(OwnedNode::Directory { mode, id: ObjectId::ZERO })
}

/// What stands at a path of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    File(u16, Vec<u8>),
    Directory(u16),
    Link(Vec<u8>),
    Pipe,
}

/// A whole workspace; parents of everything in it are in it.
pub(super) type Model = BTreeMap<Vec<u8>, Thing>;

/// A model from lines: `path = content`, `path/`, `path -> target`, `path |` (a pipe), each with an octal mode behind a `#` if it is not the usual.
pub(super) fn model(lines: &[&str]) -> Model {
    let mut model = Model::new();
    for line in lines {
        let (line, mode) = line.split_once(" #").map_or((*line, None), |(line, mode)| (line, Some(u16::from_str_radix(mode, 8).unwrap())));
        let (path, thing) = if let Some((path, content)) = line.split_once(" = ") {
            (path, Thing::File(mode.unwrap_or(0o644), content.as_bytes().to_vec()))
        } else if let Some(path) = line.strip_suffix(" |") {
            (path, Thing::Pipe)
        } else if let Some((path, target)) = line.split_once(" -> ") {
            (path, Thing::Link(target.as_bytes().to_vec()))
        } else {
            (line.strip_suffix('/').unwrap(), Thing::Directory(mode.unwrap_or(0o755)))
        };
        for (at, _) in path.match_indices('/') {
            model.entry(path[..at].into()).or_insert(Thing::Directory(0o755));
        }
        model.insert(path.into(), thing);
    }
    model
}

/// Contents and trees of models.
#[derive(Default)]
pub(super) struct Library {
    pub contents: MemoryContents,
    pub trees: MemoryTrees,
}

impl Library {
    /// Stores a model and gives the id of its root.
    pub(super) fn store(&mut self, model: &Model) -> ObjectId {
        let mut below: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, OwnedNode>> = BTreeMap::new();
        let mut paths: Vec<&Vec<u8>> = model.keys().collect();
        paths.sort_by_key(|path| std::cmp::Reverse(path.iter().filter(|&&byte| byte == b'/').count()));
        for path in paths {
            let (folder, name) = super::plan::split(path);
            let node = match &model[path] {
                Thing::File(mode, content) => memory_file(&mut self.contents, content, *mode),
                Thing::Link(target) => OwnedNode::Symlink { target: target.clone() },
                Thing::Pipe => continue,
                Thing::Directory(mode) => {
                    let id = self.store_tree(&below.remove(path).unwrap_or_default());
                    OwnedNode::Directory { mode: *mode, id }
                }
            };
            below.entry(folder.to_vec()).or_default().insert(name.to_vec(), node);
        }
        self.store_tree(&below.remove(&b""[..]).unwrap_or_default())
    }

    fn store_tree(&mut self, entries: &BTreeMap<Vec<u8>, OwnedNode>) -> ObjectId {
        let mut builder = TreeBuilder::new();
        for (name, node) in entries {
            let node = match node {
                OwnedNode::File { mode, bytes, id } => Node::File { mode: *mode, bytes: *bytes, id: *id },
                OwnedNode::Directory { mode, id } => Node::Directory { mode: *mode, id: *id },
                OwnedNode::Symlink { target } => Node::Symlink { target },
            };
            builder.push(Entry { name, node });
        }
        let tree = builder.finish();
        let id = tree.id();
        self.trees.0.insert(id, tree);
        id
    }

    pub(super) fn changes(&self, from: &ObjectId, to: &ObjectId) -> Vec<Change> {
        let mut changes = Vec::new();
        diff(&self.trees, Some(from), Some(to), &mut |change| changes.push(change)).unwrap();
        changes
    }
}

fn os_path(root: &Path, path: &[u8]) -> std::path::PathBuf {
    root.join(std::ffi::OsStr::from_bytes(path))
}

/// Makes a model in an empty directory.
pub(super) fn write_model(root: &Path, model: &Model) {
    for (path, thing) in model {
        let path = os_path(root, path);
        match thing {
            Thing::File(_, content) => fs::write(path, content).unwrap(),
            Thing::Directory(_) => fs::create_dir(path).unwrap(),
            Thing::Pipe => {
                rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
            }
            Thing::Link(target) => std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(target), path).unwrap(),
        }
    }
    for (path, thing) in model.iter().rev() {
        if let Thing::File(mode, _) | Thing::Directory(mode) = thing {
            fs::set_permissions(os_path(root, path), PermissionsExt::from_mode(u32::from(*mode))).unwrap();
        }
    }
}

fn read_whatever_mode(path: &Path, mode: u16) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|_| {
        fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
        let content = fs::read(path).unwrap();
        fs::set_permissions(path, PermissionsExt::from_mode(u32::from(mode))).unwrap();
        content
    })
}

/// Reads a directory as a model, all but `.lua` in its root.
pub(super) fn read_model(root: &Path) -> Model {
    let mut model = Model::new();
    let mut pending = vec![Vec::new()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(os_path(root, &folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_vec();
            if folder.is_empty() && name == b".lua" {
                continue;
            }
            let path = if folder.is_empty() { name } else { [&folder[..], b"/", &name].concat() };
            let metadata = entry.path().symlink_metadata().unwrap();
            let mode = (metadata.mode() & 0o7777) as u16;
            let thing = if metadata.is_dir() {
                pending.push(path.clone());
                Thing::Directory(mode)
            } else if metadata.is_symlink() {
                Thing::Link(fs::read_link(entry.path()).unwrap().into_os_string().into_vec())
            } else if metadata.is_file() {
                Thing::File(mode, read_whatever_mode(&entry.path(), mode))
            } else {
                Thing::Pipe
            };
            model.insert(path, thing);
        }
    }
    model
}

/// A workspace with a store's folder for temporary files, and the trees it moves between.
pub(super) struct Rig {
    pub temp: tempfile::TempDir,
    pub root: Dir,
    pub tmp: Dir,
    pub library: Library,
    pub from: ObjectId,
    pub to: ObjectId,
}

impl Rig {
    /// A workspace in the state `from`, to be brought to `to`; in memory where that can be had, because it is faster.
    pub(super) fn new(from: &Model, to: &Model) -> Self {
        Self::inside(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap(), from, to)
    }

    /// The same on the file system of temporary files.
    pub(super) fn on_disk(from: &Model, to: &Model) -> Self {
        Self::inside(tempfile::tempdir().unwrap(), from, to)
    }

    fn inside(temp: tempfile::TempDir, from: &Model, to: &Model) -> Self {
        let tmp_path = temp.path().join(".lua/tmp");
        fs::create_dir_all(&tmp_path).unwrap();
        write_model(temp.path(), from);
        Self::around(temp, &tmp_path, from, to)
    }

    /// The same around a directory that is there, with a folder for temporary files anywhere.
    pub(super) fn around(temp: tempfile::TempDir, tmp: &Path, from: &Model, to: &Model) -> Self {
        let root = Dir::open(temp.path(), RootOf::UserPath).unwrap();
        let tmp = Dir::open(tmp, RootOf::UserPath).unwrap();
        let mut library = Library::default();
        let (from, to) = (library.store(from), library.store(to));
        Self { temp, root, tmp, library, from, to }
    }

    pub(super) fn path(&self, path: &str) -> std::path::PathBuf {
        self.temp.path().join(path)
    }

    pub(super) fn model(&self) -> Model {
        read_model(self.temp.path())
    }

    pub(super) fn plan(&self, left_out: &LeftOut<'_>) -> CheckoutPlan {
        CheckoutPlan::new(self.library.changes(&self.from, &self.to), left_out)
    }

    pub(super) fn stage(&self) -> Stage {
        Stage::open(&self.tmp, "test-1").unwrap()
    }

    /// Plan, survey and stage.
    pub(super) fn staged(&self, left_out: &LeftOut<'_>) -> Result<StagedPlan, SurveyError> {
        self.staged_plan(self.plan(left_out))
    }

    pub(super) fn staged_plan(&self, plan: CheckoutPlan) -> Result<StagedPlan, SurveyError> {
        let survey = survey(plan, &self.root, &self.stage())?;
        Ok(stage(survey, &self.root, &self.stage(), &self.library.contents, Watch::none()).unwrap())
    }

    /// Everything up to apply, which asks the gate before every change of the workspace.
    pub(super) fn apply_gated(&self, gate: &Gate<'_>) -> Result<Applied, ApplyError> {
        apply_with(self.staged(&nothing_left_out).unwrap(), &self.root, &Moves::new(gate))
    }

    pub(super) fn verify(&self, applied: &Applied, left_out: &LeftOut<'_>) -> Vec<Mismatch> {
        verify(applied, &self.root, &self.library.trees, &self.to, left_out, &|_, _| ()).unwrap()
    }

    pub(super) fn discard(&self, applied: Applied) -> Vec<ConflictCopy> {
        applied.discard(&self.root).unwrap()
    }

    pub(super) fn journal(&self) -> crate::format::journal::Journal {
        crate::format::journal::Journal {
            from: self.from,
            to: self.to,
            sequence: 1,
            triggered_by: "test".into(),
            stage: "test-1".into(),
            left_alone: Vec::new(),
        }
    }

    pub(super) fn recover(&self) -> Recovery {
        recover(&self.journal(), &self.root, &self.tmp, self.library.changes(&self.from, &self.to), &self.library.trees).unwrap()
    }

    /// Nothing may be left in the folder for temporary files.
    pub(super) fn assert_clean(&self) {
        assert!(self.tmp.names().unwrap().is_empty(), "{:?}", self.tmp.names());
    }
}

pub(super) fn nothing_left_out(_: &RelPath, _: bool) -> bool {
    false
}

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A workspace of few paths, so that two of them have much in common.
pub(super) fn any_model() -> impl Strategy<Value = Model> {
    let names: Vec<&[u8]> = vec![b"a", b"b", b"c.txt", b"bad\xff\xfe", b"line\nend", "\u{e4}".as_bytes(), b"-rf", b" "];
    // Others than root cannot enter every directory again to look at it.
    let modes: Vec<u16> =
        if is_root() { vec![0o755, 0o755, 0o700, 0o555, 0o1777, 0o2755, 0o000, 0o600] } else { vec![0o755, 0o755, 0o700, 0o555] };
    let thing = prop_oneof![
        4 => (prop::sample::select(vec![0o644u16, 0o644, 0o755, 0o444, 0, 0o4711]), "[ab]{0,2}").prop_map(|(mode, text)| Thing::File(mode, text.into_bytes())),
        2 => prop::sample::select(modes).prop_map(Thing::Directory),
        1 => "[a/.]{1,3}".prop_map(|target| Thing::Link(target.into_bytes())),
    ];
    let path = prop::collection::vec(prop::sample::select(names), 1..4).prop_map(|names| names.join(&b'/'));
    prop::collection::vec((path, thing), 0..14).prop_map(|lines| {
        let mut model = Model::new();
        for (path, thing) in lines {
            let folders: Vec<usize> = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).collect();
            let fits = folders.iter().all(|&at| !matches!(model.get(&path[..at]), Some(Thing::File(..) | Thing::Link(_))));
            let is_free = model.keys().all(|other| !other.starts_with(&[&path[..], b"/"].concat())) || matches!(thing, Thing::Directory(_));
            if fits && is_free {
                for &at in &folders {
                    model.entry(path[..at].to_vec()).or_insert(Thing::Directory(0o755));
                }
                model.insert(path, thing);
            }
        }
        model
    })
}
