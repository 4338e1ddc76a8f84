//! Scans of real directories. Every push is held against a second one that uses no cache and against a plain walk.

mod cache_file;
mod changes;
mod ignored;
mod property;
mod reading;
mod strange;
mod trust;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tempfile::TempDir;

use super::*;
use crate::disk::{Dir, RootOf};
use crate::format::stat_cache::StatKey;
use crate::id::{ObjectId, ObjectKind};
use crate::path::RelPath;
use crate::tree::testing::MemoryTrees;
use crate::tree::{OwnedNode, walk};
use crate::workspace::rules::RuleSettings;
use crate::workspace::stat_cache::CacheUpdate;

/// All that a version would hold, by path.
type Content = BTreeMap<Vec<u8>, OwnedNode>;

/// A workspace, and a folder with its stat cache.
struct Sandbox {
    workspace: TempDir,
    store: TempDir,
    options: ScanOptions,
}

/// What a push gave.
#[derive(Debug)]
struct Pushed {
    built: BuiltTree,
    /// Paths of the files that were read.
    read: Vec<String>,
    /// Paths of the trees that were built.
    trees: Vec<String>,
    skipped: Vec<Skipped>,
    left_out: BTreeMap<String, LeftOut>,
    update: CacheUpdate,
    content: Content,
}

impl Sandbox {
    /// A sandbox whose clock runs two minutes ahead, so that the times of all files are old enough to be relied on.
    fn new() -> Self {
        let now_ns = now_ns() + 120_000_000_000;
        let options = ScanOptions { threads: 2, ..ScanOptions::at(now_ns) };
        let folder = temp_folder();
        Self { workspace: tempfile::tempdir_in(&folder).unwrap(), store: tempfile::tempdir_in(&folder).unwrap(), options }
    }

    /// Waits until the clock that the file system uses has moved, so that the next change has a time of its own on any kernel.
    fn tick(&self) {
        let probe = self.store.path().join("probe");
        let ctime = || {
            fs::write(&probe, "x").unwrap();
            StatKey::of(&rustix::fs::stat(&probe).unwrap()).ctime_ns
        };
        let before = ctime();
        while ctime() == before {
            std::thread::yield_now();
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.workspace.path().join(path)
    }

    fn write(&self, path: &str, content: &str) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    fn mkdir(&self, path: &str) -> &Self {
        fs::create_dir_all(self.path(path)).unwrap();
        self
    }

    fn remove(&self, path: &str) -> &Self {
        let path = self.path(path);
        if fs::symlink_metadata(&path).unwrap().is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        self
    }

    fn link(&self, target: &str, path: &str) -> &Self {
        std::os::unix::fs::symlink(target, self.path(path)).unwrap();
        self
    }

    fn chmod(&self, path: &str, mode: u32) -> &Self {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn root(&self) -> WorkspaceRoot {
        WorkspaceRoot::open(self.workspace.path()).unwrap()
    }

    fn cache_dir(&self) -> (Dir, Dir) {
        let dir = Dir::open(self.store.path(), RootOf::UserPath).unwrap();
        let tmp = dir.make_dir("tmp").unwrap();
        (dir, tmp)
    }

    fn cache(&self) -> Option<Arc<StatCache>> {
        StatCache::open(&self.cache_dir().0).map(Arc::new)
    }

    fn scan_with(&self, cache: Option<Arc<StatCache>>, options: &ScanOptions) -> Result<Scan, ScanError> {
        let rules = Rules::new(RuleSettings { include_git: false });
        scan(&self.root(), rules, cache, options, &ScanProgress::default(), &AtomicBool::new(false))
    }

    /// Scans and reads everything that must be read, as a push does.
    fn read_all(&self, scan: &Scan) -> Vec<String> {
        let root = self.root();
        let mut read = Vec::new();
        for index in (0..scan.files_to_read()).map(|at| FileIndex(at as u32)) {
            let path = scan.file(index).unwrap().path;
            read.push(path.to_string());
            match root.open_file(&path) {
                Ok(mut open) => {
                    let mut bytes = Vec::new();
                    open.file.read_to_end(&mut bytes).unwrap();
                    let unstable = open.stat_again().unwrap() != open.stat;
                    let id = ObjectId::of(ObjectKind::Blob, &bytes);
                    scan.set_content(index, ReadContent { id, bytes: bytes.len() as u64, stat: open.stat, unstable });
                }
                Err(error) => scan.drop_file(index, error.into()),
            }
        }
        read
    }

    /// Pushes: trees go into `trees`, where those that did not change must already be.
    fn push_into(&self, trees: &mut MemoryTrees, cache: Option<Arc<StatCache>>, options: &ScanOptions) -> Pushed {
        let mut scan = self.scan_with(cache, options).unwrap();
        let read = self.read_all(&scan);
        let mut paths = Vec::new();
        let built = scan.build_trees::<()>(&mut |path, tree, earlier| {
            assert_ne!(earlier, Some(tree.id()));
            assert!(crate::format::tree::Tree::decode(tree.as_bytes()).is_ok());
            paths.push(path.to_string());
            trees.0.insert(tree.id(), tree.clone());
            Ok(())
        });
        let built = built.unwrap();
        let (dir, tmp) = self.cache_dir();
        let update = scan.update_cache(&dir, &tmp).unwrap();
        let (skipped, _) = scan.skipped();
        let left_out = scan.left_out().into_iter().map(|(rule, counts)| (rule.to_string(), counts)).collect();
        let mut content = Content::new();
        walk(trees, &built.root, &(), &mut |path, node| {
            // The id of a directory follows from what is in it.
            let node = match node {
                OwnedNode::Directory { mode, .. } => OwnedNode::Directory { mode, id: ObjectId::ZERO },
                node => node,
            };
            content.insert(path.as_bytes().to_vec(), node);
        })
        .unwrap();
        Pushed { built, read, trees: paths, skipped, left_out, update, content }
    }

    /// Pushes with the cache, and checks that what it gives is what is there.
    fn push(&self, trees: &mut MemoryTrees) -> Pushed {
        let pushed = self.push_into(trees, self.cache(), &self.options);
        let expected = self.look(&pushed);
        assert_eq!(pushed.content, expected);
        let (files, bytes) = totals(&expected);
        assert_eq!((pushed.built.files, pushed.built.bytes), (files, bytes));
        pushed
    }

    /// What is there, by a plain walk; what the push left out or skipped is not entered.
    fn look(&self, pushed: &Pushed) -> Content {
        let mut content = Content::new();
        let mut pending = vec![self.workspace.path().to_path_buf()];
        while let Some(dir) = pending.pop() {
            for entry in fs::read_dir(&dir).unwrap().map(Result::unwrap) {
                let path = entry.path();
                let relative = path.strip_prefix(self.workspace.path()).unwrap().as_os_str().as_bytes().to_vec();
                let is_ignored = is_ignored(&path, self.workspace.path());
                if is_ignored || pushed.skipped.iter().any(|skipped| skipped.path == relative) {
                    continue;
                }
                content.insert(relative, node_of(&path));
                if entry.file_type().unwrap().is_dir() {
                    pending.push(path);
                }
            }
        }
        content
    }
}

/// Whether the stand-in rules of this test leave a path out: a line of an ignore file at or above it is its name.
fn is_ignored(path: &Path, root: &Path) -> bool {
    let name = path.file_name().unwrap();
    let above = path.ancestors().skip(1).take_while(|above| above.starts_with(root));
    let lists_it = |dir: &Path| {
        let content = [".gitignore", ".luaignore"].map(|file| fs::read(dir.join(file)).unwrap_or_default()).join(&b'\n');
        content.split(|&byte| byte == b'\n').any(|line| line == name.as_bytes())
    };
    name == ".lua" || name == ".git" || above.into_iter().any(lists_it)
}

fn node_of(path: &Path) -> OwnedNode {
    let metadata = fs::symlink_metadata(path).unwrap();
    let mode = metadata.permissions().mode() as u16 & 0o7777;
    if metadata.is_dir() {
        OwnedNode::Directory { mode, id: ObjectId::ZERO }
    } else if metadata.is_symlink() {
        OwnedNode::Symlink { target: fs::read_link(path).unwrap().into_os_string().into_vec() }
    } else {
        assert!(!metadata.file_type().is_fifo());
        let bytes = fs::read(path).unwrap();
        OwnedNode::File { mode, bytes: bytes.len() as u64, id: ObjectId::of(ObjectKind::Blob, &bytes) }
    }
}

fn totals(content: &Content) -> (u64, u64) {
    let mut sums = (0, 0);
    for node in content.values() {
        match node {
            OwnedNode::File { bytes, .. } => sums = (sums.0 + 1, sums.1 + bytes),
            OwnedNode::Symlink { .. } => sums.0 += 1,
            OwnedNode::Directory { .. } => {}
        }
    }
    sums
}

/// The folder for temporary files of the build, on the disk that also has the program. `/tmp` is often in memory, where
/// nothing is relied on.
fn temp_folder() -> PathBuf {
    let folder = match std::env::var_os("TMPDIR") {
        Some(folder) => folder.into(),
        None => std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("tmp"),
    };
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn now_ns() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i64
}
