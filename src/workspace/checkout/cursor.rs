//! The trees of many folders, asked for in the order of a plan: each is read once.

use std::fmt::Display;

use super::contents::CheckoutError;
use crate::format::tree::{Node, Tree};
use crate::id::ObjectId;
use crate::path::RelPath;
use crate::tree::TreeSource;

/// What a root tree says about one folder.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: Vec<u8>,
    /// Its permission bits; the root's are not recorded.
    pub mode: Option<u16>,
    /// What is in it.
    pub tree: Tree,
}

/// Goes through the folders of one root tree.
pub(super) struct TreeCursor<'a, S> {
    source: &'a S,
    root: ObjectId,
    /// The folder asked for last and its parents.
    folders: Vec<Folder>,
}

impl<'a, S> TreeCursor<'a, S>
where
    S: TreeSource,
    S::Error: Display,
{
    pub(super) fn new(source: &'a S, root: &ObjectId) -> Self {
        Self { source, root: *root, folders: Vec::new() }
    }

    /// The folder at a path; `None` when the tree has none there.
    pub(super) fn folder(&mut self, path: &[u8]) -> Result<Option<Folder>, CheckoutError> {
        while self.folders.last().is_some_and(|folder| !is_at_or_below(path, &folder.path)) {
            self.folders.pop();
        }
        if self.folders.is_empty() {
            let tree = self.load(b"", &self.root)?;
            self.folders.push(Folder { path: Vec::new(), mode: None, tree });
        }
        while let Some(last) = self.folders.last() {
            let Some(name) = next_name(path, &last.path) else { return Ok(Some(last.clone())) };
            let Some(Node::Directory { mode, id }) = last.tree.get(name).map(|entry| entry.node) else { return Ok(None) };
            let below = if last.path.is_empty() { name.to_vec() } else { [&last.path[..], b"/", name].concat() };
            let tree = self.load(&below, &id)?;
            self.folders.push(Folder { path: below, mode: Some(mode), tree });
        }
        Ok(None)
    }

    fn load(&self, path: &[u8], id: &ObjectId) -> Result<Tree, CheckoutError> {
        self.source
            .tree(id)
            .map_err(|error| CheckoutError::Tree { path: RelPath::new(path).unwrap_or_default(), reason: error.to_string() })
    }
}

fn is_at_or_below(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty() || (path.starts_with(folder) && matches!(path.get(folder.len()), None | Some(b'/')))
}

/// The component of `path` that follows `folder`.
fn next_name<'a>(path: &'a [u8], folder: &[u8]) -> Option<&'a [u8]> {
    let rest = &path[folder.len()..];
    let rest = if folder.is_empty() { rest } else { rest.get(1..)? };
    rest.split(|&byte| byte == b'/').next().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Library, model};
    use super::*;

    #[test]
    fn folders_are_found_in_any_order() {
        let mut library = Library::default();
        let root = library.store(&model(&["a/b/c/", "a/b/f = 1", "a.b/ #700", "f = 2"]));
        let mut cursor = TreeCursor::new(&library.trees, &root);
        let mut found = |path: &str| cursor.folder(path.as_bytes()).unwrap().map(|folder| (folder.mode, folder.tree.entries().count()));
        assert_eq!(found("a/b/c"), Some((Some(0o755), 0)));
        assert_eq!(found("a/b"), Some((Some(0o755), 2)));
        assert_eq!(found(""), Some((None, 3)));
        assert_eq!(found("a.b"), Some((Some(0o700), 0)));
        assert_eq!((found("a/b/f"), found("f/x"), found("nothing")), (None, None, None));
    }
}
