//! Reads a git repository: a folder with a `.git` folder, a linked worktree, or a bare repository. Packs and loose objects, alternates,
//! packed references. No settings are obeyed, no hook or filter is run, nothing is written; replacements and grafts are not seen.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use gix_object::{Find, Kind};
use gix_ref::file::ReferenceExt;

use super::GitError;
use crate::limits::{GIT_CACHE_BYTES, GIT_FILE_BYTES_MAX, GIT_OBJECT_BYTES_MAX};

const HASH: gix_hash::Kind = gix_hash::Kind::Sha1;

/// Hash of an object of git.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GitId(gix_hash::ObjectId);

impl GitId {
    /// The first 12 hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.0.to_hex_with_len(12).to_string()
    }
}

impl fmt::Display for GitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for GitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitId({})", self.short())
    }
}

/// A commit.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its tree.
    pub tree: GitId,
    /// The commits before it; in a shallow clone those that are there.
    pub parents: Vec<GitId>,
    /// `Name <address>`.
    pub author: String,
    /// When the author made it, in milliseconds since 1970-01-01 UTC.
    pub authored_ms: i64,
    /// When it was put where it is, likewise; orders commits.
    pub committed_ms: i64,
    /// What its author says.
    pub message: String,
}

/// What an entry of a tree of git is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeEntryKind {
    /// A file.
    File,
    /// A file with its execute bits set.
    Executable,
    /// A symbolic link; its content is the target.
    Symlink,
    /// A folder.
    Directory,
    /// A commit of another repository.
    Submodule,
}

/// An entry of a tree of git.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// Its name, which nobody has checked.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: TreeEntryKind,
    /// Hash of its content, tree or commit.
    pub id: GitId,
}

/// An open repository. A clone reads beside the original, from another thread.
#[derive(Clone)]
pub struct GitRepository {
    objects: gix_odb::HandleArc,
    folder: PathBuf,
    common: PathBuf,
    /// Commits whose parents a shallow clone has left out.
    shallow: HashSet<GitId>,
}

impl GitRepository {
    /// Opens the repository that a folder lies in: of the folder itself or of one above.
    pub fn find(start: &Path) -> Result<Self, GitError> {
        let not_found = || GitError::NotARepository { path: start.to_path_buf() };
        let start = start.canonicalize().map_err(|_| not_found())?;
        let folder = start.ancestors().find_map(git_folder).ok_or_else(not_found)?;
        Self::open(folder)
    }

    fn open(folder: PathBuf) -> Result<Self, GitError> {
        let common = match read_small(&folder.join("commondir"))? {
            Some(text) => folder.join(text.trim_end()),
            None => folder.clone(),
        };
        let settings = read_small(&common.join("config"))?.unwrap_or_default().to_lowercase();
        if settings.contains("objectformat") && settings.contains("sha256") {
            return Err(GitError::Unsupported { path: folder, why: "its objects have SHA-256 names" });
        }
        let options = gix_odb::store::init::Options { alloc_limit_bytes: Some(GIT_OBJECT_BYTES_MAX), ..Default::default() };
        let unreadable = |path: &Path, why: String| GitError::Unreadable { path: path.to_path_buf(), why };
        let objects = gix_odb::at_opts(common.join("objects"), HASH, [], options).and_then(gix_odb::Handle::into_arc);
        let mut objects = objects.map_err(|error| unreadable(&common, error.to_string()))?;
        objects.set_pack_cache(|| Box::new(gix_pack::cache::lru::MemoryCappedHashmap::new(GIT_CACHE_BYTES)));
        let shallow = read_small(&common.join("shallow"))?.unwrap_or_default();
        let shallow = shallow.lines().filter_map(|line| gix_hash::ObjectId::from_hex(line.as_bytes()).ok()).map(GitId).collect();
        Ok(Self { objects, folder, common, shallow })
    }

    /// The repository's own folder: `.git`, or a bare repository.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The commit that a name stands for: a branch, a tag, `HEAD`, or the beginning of a hash; with `~N` behind it the N-th commit
    /// before that one, along first parents.
    pub fn resolve(&self, name: &str) -> Result<GitId, GitError> {
        let unknown = |why: &str| GitError::UnknownRevision { name: name.to_owned(), why: why.to_owned() };
        let (base, back) = match name.rsplit_once('~') {
            Some((base, "")) => (base, 1),
            Some((base, back)) => (base, back.parse::<u32>().map_err(|_| unknown("what follows ~ is no number"))?),
            None => (name, 0),
        };
        let mut found = match self.reference(base)? {
            Some(found) => found,
            None => self.by_prefix(base).map_err(unknown)?,
        };
        for _ in 0..back {
            found = *self.commit(found)?.parents.first().ok_or_else(|| unknown("the history does not reach back that far"))?;
        }
        // Says so if it is no commit.
        self.commit(found).map(|_| found)
    }

    fn reference(&self, name: &str) -> Result<Option<GitId>, GitError> {
        let Ok(partial) = <&gix_ref::PartialNameRef>::try_from(name) else { return Ok(None) };
        let unknown = |why: String| GitError::UnknownRevision { name: name.to_owned(), why };
        let refs = gix_ref::file::Store::for_linked_worktree(self.folder.clone(), self.common.clone(), HASH);
        let found = refs.try_find(partial).map_err(|error| unknown(error.to_string()))?;
        let Some(mut found) = found else { return Ok(None) };
        match found.peel_to_id(&refs, &self.objects) {
            Ok(id) => Ok(Some(GitId(id))),
            Err(_) if name == "HEAD" => Err(unknown("the repository has no commit yet".to_owned())),
            Err(error) => Err(unknown(error.to_string())),
        }
    }

    fn by_prefix(&self, digits: &str) -> Result<GitId, &'static str> {
        let prefix = gix_hash::Prefix::from_hex(digits).map_err(|_| "there is no such branch or tag")?;
        match self.objects.lookup_prefix(prefix, None) {
            Ok(Some(Ok(id))) => self.peel_tags(GitId(id)),
            Ok(Some(Err(()))) => Err("several objects begin like that"),
            Ok(None) | Err(_) => Err("there is no such branch, tag or commit"),
        }
    }

    /// What an annotated tag is for, in the end.
    fn peel_tags(&self, id: GitId) -> Result<GitId, &'static str> {
        let (mut at, mut buffer) = (id.0, Vec::new());
        while let Ok(Some(data)) = self.objects.try_find(&at, &mut buffer) {
            if data.kind != Kind::Tag {
                return Ok(GitId(at));
            }
            let tag = gix_object::TagRefIter::from_bytes(data.data, HASH).target_id();
            at = tag.map_err(|_| "it is a damaged tag")?;
        }
        Err("it leads to an object that is not there")
    }

    /// A commit.
    pub fn commit(&self, id: GitId) -> Result<Commit, GitError> {
        const WHAT: &str = "commit";
        let mut buffer = Vec::new();
        let data = self.object(id, Kind::Commit, WHAT, &mut buffer)?;
        let damaged = |why: String| GitError::Damaged { what: WHAT, id: id.to_string(), why };
        let commit = read_commit(data).map_err(damaged)?;
        Ok(if self.shallow.contains(&id) { Commit { parents: Vec::new(), ..commit } } else { commit })
    }

    /// The entries of a tree, sorted by name as bytes, as no tree of git is.
    pub fn tree(&self, id: GitId) -> Result<Vec<TreeEntry>, GitError> {
        const WHAT: &str = "tree";
        if id.0 == gix_hash::ObjectId::empty_tree(HASH) {
            return Ok(Vec::new());
        }
        let mut buffer = Vec::new();
        let data = self.object(id, Kind::Tree, WHAT, &mut buffer)?;
        let damaged = |why: &str| GitError::Damaged { what: WHAT, id: id.to_string(), why: why.to_owned() };
        tree_entries(data).map_err(damaged)
    }

    /// The content of a file or link. It is in memory as a whole, which git's format of packs makes hard to avoid.
    pub fn content<'b>(&self, id: GitId, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], GitError> {
        self.object(id, Kind::Blob, "content", buffer)
    }

    /// An object, held against its hash.
    fn object<'b>(&self, id: GitId, kind: Kind, what: &'static str, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], GitError> {
        let damaged = |why: String| GitError::Damaged { what, id: id.to_string(), why };
        let found = self.objects.try_find(&id.0, buffer).map_err(|error| damaged(error.to_string()))?;
        let found = found.ok_or_else(|| GitError::Missing { what, id: id.to_string() })?;
        if found.kind != kind {
            return Err(damaged(format!("it is a {}", found.kind)));
        }
        found.verify_checksum(&id.0).map_err(|error| damaged(error.to_string()))?;
        Ok(found.data)
    }
}

impl fmt::Debug for GitRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitRepository({})", self.folder.display())
    }
}

/// Reads the bytes of a commit.
pub(super) fn read_commit(data: &[u8]) -> Result<Commit, String> {
    let commit = gix_object::CommitRef::from_bytes(data, HASH).map_err(|error| error.to_string())?;
    let author = commit.author().map_err(|error| error.to_string())?.trim();
    // A committer that cannot be read costs the order of commits only.
    let committed = commit.committer().map_or(0, |committer| committer.seconds());
    Ok(Commit {
        tree: GitId(commit.tree()),
        parents: commit.parents().map(GitId).collect(),
        author: format!("{} <{}>", lossy(author.name), lossy(author.email)).trim_start().to_owned(),
        authored_ms: author.seconds().saturating_mul(1000),
        committed_ms: committed.saturating_mul(1000),
        message: lossy(commit.message),
    })
}

/// Reads the bytes of a tree: its entries, sorted by name as bytes.
pub(super) fn tree_entries(data: &[u8]) -> Result<Vec<TreeEntry>, &'static str> {
    let entries = gix_object::TreeRefIter::from_bytes(data, HASH).map(|entry| entry.map(|entry| owned(&entry)));
    let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(|_| "it is malformed")?;
    entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    if entries.windows(2).any(|pair| pair[0].name == pair[1].name) {
        return Err("it has a name twice");
    }
    Ok(entries)
}

fn owned(entry: &gix_object::tree::EntryRef<'_>) -> TreeEntry {
    use gix_object::tree::EntryKind;
    let kind = match entry.mode.kind() {
        EntryKind::Blob => TreeEntryKind::File,
        EntryKind::BlobExecutable => TreeEntryKind::Executable,
        EntryKind::Link => TreeEntryKind::Symlink,
        EntryKind::Tree => TreeEntryKind::Directory,
        EntryKind::Commit => TreeEntryKind::Submodule,
    };
    TreeEntry { name: entry.filename.to_vec(), kind, id: GitId(entry.oid.to_owned()) }
}

/// The folder of the repository that a folder is: its `.git`, where its `.git` points to, or itself.
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let inner = folder.join(".git");
    if is_git_folder(&inner) {
        return Some(inner);
    }
    if let Ok(Some(text)) = read_small(&inner) {
        let target = folder.join(text.strip_prefix("gitdir: ")?.trim_end_matches(['\n', '\r']));
        return is_git_folder(&target).then_some(target);
    }
    is_git_folder(folder).then(|| folder.to_path_buf())
}

/// Whether a folder looks like one of git: `HEAD`, and its own or another's objects.
fn is_git_folder(folder: &Path) -> bool {
    folder.join("HEAD").symlink_metadata().is_ok() && (folder.join("objects").is_dir() || folder.join("commondir").is_file())
}

/// A small text file; `None` when there is none.
fn read_small(path: &Path) -> Result<Option<String>, GitError> {
    let unreadable = |error: std::io::Error| GitError::Unreadable { path: path.to_path_buf(), why: error.to_string() };
    if !path.is_file() {
        return Ok(None);
    }
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(GIT_FILE_BYTES_MAX).read_to_end(&mut text)).map_err(unreadable)?;
    Ok(Some(lossy(&text)))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
