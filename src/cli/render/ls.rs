//! The answers of `ls` and `tree`.

use lua_store::ops::{EntriesOutcome, Entry, VersionPath};
use lua_store::path::RelPath;
use lua_store::tree::OwnedNode;

use super::count::{counted, number};
use super::escape;
use super::page::{FAINT, Page, STRONG};

/// Lists entries, with names relative to the folder they are in.
pub fn put(page: &mut Page, outcome: &EntriesOutcome, long: bool) {
    let size_columns = outcome.entries.iter().map(|entry| size(&entry.node).len()).max().unwrap_or(0);
    for Entry { path, node } in &outcome.entries {
        let name = name(&below(&outcome.folder, path), node);
        if long {
            let purged = if outcome.purged.has_node(node) { " (purged)" } else { "" };
            page.line(format_args!("{}  {:>size_columns$}  {name}{}{purged}", mode(node), size(node), arrow(node)));
        } else {
            page.line(name);
        }
    }
}

/// Draws entries as a tree.
pub fn put_tree(page: &mut Page, place: &VersionPath, outcome: &EntriesOutcome) {
    let named = if place.path.is_root() { String::new() } else { format!(":{}", escape::path(place.path.as_bytes())) };
    page.line(page.paint(STRONG, format_args!("{}{named}", place.version)));
    // Which of the folders above the present entry have more entries to come, decided from the last entry on.
    let depths: Vec<usize> = outcome.entries.iter().map(|entry| depth(&outcome.folder, &entry.path)).collect();
    let mut more: Vec<bool> = Vec::new();
    let mut lines = Vec::with_capacity(depths.len());
    for (entry, &depth) in outcome.entries.iter().zip(&depths).rev() {
        more.truncate(depth + 1);
        more.resize(depth + 1, false);
        let stems: String = more[..depth].iter().map(|&more| if more { "│   " } else { "    " }).collect();
        let branch = if more[depth] { "├── " } else { "└── " };
        more[depth] = true;
        lines.push(format!("{stems}{branch}{}{}", name(last_name(&entry.path), &entry.node), arrow(&entry.node)));
    }
    lines.iter().rev().for_each(|line| page.line(line));
    let folders = outcome.entries.iter().filter(|entry| entry.node.is_directory()).count() as u64;
    let others = outcome.entries.len() as u64 - folders;
    page.line(page.paint(FAINT, format_args!("{}, {}", counted(folders, "folder"), counted(others, "file"))));
}

fn depth(folder: &RelPath, path: &RelPath) -> usize {
    (path.components().count() - folder.components().count()).saturating_sub(1)
}

/// The part of a path that is below a folder.
fn below(folder: &RelPath, path: &RelPath) -> Vec<u8> {
    path.components().skip(folder.components().count()).collect::<Vec<_>>().join(&b'/')
}

fn last_name(path: &RelPath) -> &[u8] {
    path.components().last().unwrap_or_default()
}

fn name(name: &(impl AsRef<[u8]> + ?Sized), node: &OwnedNode) -> String {
    let slash = if node.is_directory() { "/" } else { "" };
    format!("{}{slash}", escape::path(name.as_ref()))
}

fn arrow(node: &OwnedNode) -> String {
    match node {
        OwnedNode::Symlink { target } => format!(" -> {}", escape::path(target)),
        _ => String::new(),
    }
}

fn size(node: &OwnedNode) -> String {
    match node {
        OwnedNode::File { bytes, .. } => number(*bytes),
        OwnedNode::Directory { .. } => "-".to_owned(),
        OwnedNode::Symlink { target } => number(target.len() as u64),
    }
}

/// Kind and permission bits as `ls -l` writes them.
fn mode(node: &OwnedNode) -> String {
    let (kind, mode) = match node {
        OwnedNode::File { mode, .. } => ('-', *mode),
        OwnedNode::Directory { mode, .. } => ('d', *mode),
        OwnedNode::Symlink { .. } => ('l', 0o777),
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use lua_store::format::record::VersionNumber;
    use lua_store::id::ObjectId;

    use super::super::page::Paint;
    use super::*;

    fn outcome(folder: &str) -> EntriesOutcome {
        let entry = |path: &str, node| Entry { path: RelPath::new(path.as_bytes()).unwrap(), node };
        let file = |mode, bytes| OwnedNode::File { mode, bytes, id: ObjectId::ZERO };
        let directory = OwnedNode::Directory { mode: 0o1775, id: ObjectId::ZERO };
        let entries = vec![
            entry("d/a", directory.clone()),
            entry("d/a/x\u{1b}", file(0o4644, 12345)),
            entry("d/a/z", directory),
            entry("d/b", OwnedNode::Symlink { target: b"a".to_vec() }),
        ];
        EntriesOutcome { folder: RelPath::new(folder.as_bytes()).unwrap(), entries, ..EntriesOutcome::default() }
    }

    #[test]
    fn names_are_relative_to_the_folder() {
        let mut page = Page::new(Paint::Plain, None);
        put(&mut page, &outcome("d"), true);
        let expected = "\
drwxrwxr-t       -  a/
-rwSr--r--  12,345  \"a/x\\x1b\"
drwxrwxr-t       -  a/z/
lrwxrwxrwx       1  b -> a
";
        assert_eq!(page.text(), expected);
    }

    #[test]
    fn branches_end_at_the_last_entry() {
        let mut page = Page::new(Paint::Plain, None);
        let place = VersionPath { version: VersionNumber(3), path: RelPath::new(b"d").unwrap() };
        put_tree(&mut page, &place, &outcome("d"));
        let expected = "v3:d\n├── a/\n│   ├── \"x\\x1b\"\n│   └── z/\n└── b -> a\n2 folders, 2 files\n";
        assert_eq!(page.text(), expected);
    }
}
