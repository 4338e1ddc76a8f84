//! Paths that differ, one to a line: `+` new, `-` gone, `~` different, `>` renamed.

use lua_store::patch::FileChange;
use lua_store::path::RelPath;
use lua_store::tree::{Change, OwnedNode};

use super::escape;
use super::page::{ADDED, CHANGED, Page, REMOVED};

/// A path of a workspace as it is shown.
pub fn path_alone(path: &RelPath) -> String {
    self::path(path, false)
}

/// A path of a workspace as it is shown; a folder's ends in a slash.
pub fn path(path: &RelPath, is_directory: bool) -> String {
    let mut shown = escape::path(path.as_bytes()).into_owned();
    if is_directory {
        shown.push('/');
    }
    shown
}

/// A line for a change as people see it.
pub fn put(page: &mut Page, change: &FileChange) {
    let name = name(change);
    match change {
        FileChange::Added(_) => put_signed(page, '+', &name),
        FileChange::Removed(_) => put_signed(page, '-', &name),
        FileChange::Modified { .. } => put_signed(page, '~', &name),
        FileChange::Renamed { .. } => put_signed(page, '>', &name),
        FileChange::Retyped { to, .. } => put_signed(page, '~', &format!("{name} ({})", retyped(to))),
    }
}

/// The path of a change, with the former one if it was renamed.
pub fn name(change: &FileChange) -> String {
    let now = path(change.path(), change.is_of_directory());
    match change {
        FileChange::Renamed { from, .. } => format!("{} → {now}", path(&from.path, false)),
        _ => now,
    }
}

/// A line for a change of a single path.
pub fn put_plain(page: &mut Page, change: &Change) {
    let is_directory = change.to.as_ref().or(change.from.as_ref()).is_some_and(OwnedNode::is_directory);
    let sign = match (&change.from, &change.to) {
        (None, _) => '+',
        (Some(_), None) => '-',
        (Some(_), Some(_)) => '~',
    };
    put_signed(page, sign, &path(&change.path, is_directory));
}

fn put_signed(page: &mut Page, sign: char, words: &str) {
    let style = match sign {
        '+' => ADDED,
        '-' => REMOVED,
        _ => CHANGED,
    };
    page.line(format_args!("  {} {words}", page.paint(style, sign)));
}

fn retyped(to: &OwnedNode) -> &'static str {
    match to {
        OwnedNode::Symlink { .. } => "now a symbolic link",
        OwnedNode::File { .. } => "now a file",
        OwnedNode::Directory { .. } => "now a folder",
    }
}

#[cfg(test)]
mod tests {
    use lua_store::id::ObjectId;
    use lua_store::patch::Place;

    use super::super::page::Paint;
    use super::*;

    #[test]
    fn every_kind_of_change_has_its_sign() {
        let path = |text: &str| RelPath::new(text.as_bytes()).unwrap();
        let file = || OwnedNode::File { mode: 0o644, bytes: 1, id: ObjectId::ZERO };
        let place = |text| Place { path: path(text), node: file() };
        let link = OwnedNode::Symlink { target: b"x".to_vec() };
        let changes = [
            FileChange::Added(Place { path: path("new folder"), node: OwnedNode::Directory { mode: 0o755, id: ObjectId::ZERO } }),
            FileChange::Removed(place("gone\t")),
            FileChange::Modified { path: path("same"), from: file(), to: file() },
            FileChange::Renamed { from: place("a"), to: place("b"), similarity_percent: 100 },
            FileChange::Retyped { path: path("turned"), from: file(), to: link },
        ];
        let mut page = Page::new(Paint::Plain, None);
        changes.iter().for_each(|change| put(&mut page, change));
        assert_eq!(page.text(), "  + new folder/\n  - \"gone\\t\"\n  ~ same\n  > a → b\n  ~ turned (now a symbolic link)\n");
    }
}
