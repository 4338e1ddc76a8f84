//! Patches of single changes.

use super::super::testing::{MemoryContents, directory, link, path, place, with_mode};
use super::*;

fn patch(contents: &MemoryContents, change: &FileChange) -> String {
    let mut out = Vec::new();
    render(change, contents, &PatchOptions::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn with_modes(change: FileChange, old_mode: u16, new_mode: u16) -> FileChange {
    match change {
        FileChange::Modified { path, from, to } => {
            FileChange::Modified { path, from: with_mode(from, old_mode), to: with_mode(to, new_mode) }
        }
        other => other,
    }
}

#[test]
fn files_come_and_go() {
    let mut contents = MemoryContents::default();
    let added = contents.added("d/new file", b"1\n");
    assert_eq!(
        patch(&contents, &added),
        "diff --git a/d/new file b/d/new file\nnew file mode 100644\n--- /dev/null\n+++ b/d/new file\t\n@@ -0,0 +1 @@\n+1\n"
    );
    let removed = contents.removed("old", b"1");
    assert_eq!(
        patch(&contents, &removed),
        "diff --git a/old b/old\ndeleted file mode 100644\n--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n\\ No newline at end of file\n"
    );
    let empty = contents.added("empty", b"");
    assert_eq!(patch(&contents, &empty), "diff --git a/empty b/empty\nnew file mode 100644\n");
}

#[test]
fn modes_are_said_or_noted() {
    let mut contents = MemoryContents::default();
    let same = contents.modified("x", b"1\n", b"1\n");
    assert_eq!(patch(&contents, &with_modes(same.clone(), 0o644, 0o755)), "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n");
    assert_eq!(patch(&contents, &with_modes(same.clone(), 0o644, 0o600)), "Mode of x changed (0644 → 0600)\n");
    assert!(patch(&contents, &with_modes(same.clone(), 0o644, 0o700)).starts_with("Mode of x changed (0644 → 0700)\ndiff --git"));
    let both = with_modes(contents.modified("y", b"1\n", b"2\n"), 0o644, 0o755);
    assert_eq!(patch(&contents, &both), "diff --git a/y b/y\nold mode 100644\nnew mode 100755\n--- a/y\n+++ b/y\n@@ -1 +1 @@\n-1\n+2\n");
}

#[test]
fn renames_name_both_paths() {
    let mut contents = MemoryContents::default();
    let exact = contents.renamed(("a\tb", b"1\n"), ("c", b"1\n"), 100);
    let header = "diff --git \"a/a\\tb\" b/c\nsimilarity index 100%\nrename from \"a\\tb\"\nrename to c\n";
    assert_eq!(patch(&contents, &exact), header);
    let changed = contents.renamed(("a", b"1\n2\n"), ("b", b"1\n2\n3\n"), 66);
    assert!(patch(&contents, &changed).contains("similarity index 66%\nrename from a\nrename to b\n--- a/a\n+++ b/b\n@@ -1,2 +1,3 @@\n"));
}

#[test]
fn links_are_contents_of_their_own_mode() {
    let mut contents = MemoryContents::default();
    let retyped = contents.retyped("x", b"1\n", link(b"target"));
    let expected = concat!(
        "diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n",
        "diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+target\n\\ No newline at end of file\n",
    );
    assert_eq!(patch(&contents, &retyped), expected);
    let moved = FileChange::Modified { path: path("l"), from: link(b"a"), to: link(b"b") };
    assert!(
        patch(&contents, &moved).starts_with("diff --git a/l b/l\nold mode 120000\nnew mode 120000\n--- a/l\n+++ b/l\n@@ -1 +1 @@\n-a\n")
    );
}

#[test]
fn what_is_not_compared_is_noted() {
    let mut contents = MemoryContents::default();
    let changes = [
        contents.added("new", b"\0"),
        contents.removed("gone", &[0; 12_345]),
        contents.modified("x\ny", b"\0", &[0; 1500]),
        contents.renamed(("a", b"\0"), ("b", b"\0\0"), 50),
        contents.retyped("turns", b"\0\0", link(b"t")),
        with_modes(contents.modified("both", b"\0", b"text"), 0o755, 0o644),
        MemoryContents::unreadable_added("big", 40_000_000),
    ];
    let notes: String = changes.iter().map(|change| patch(&contents, change)).collect();
    let expected = "\
        Binary file new added (1 B)\n\
        Binary file gone removed (12 kB)\n\
        Binary file \"x\\ny\" changed (1 B → 1.5 kB)\n\
        Binary file a renamed to b and changed, 50% similar (1 B → 2 B)\n\
        Binary file turns became a symbolic link (2 B)\n\
        Binary file both changed (1 B → 4 B)\n\
        Mode of both changed (0755 → 0644)\n\
        File big added (40 MB; too large to compare line by line)\n";
    assert_eq!(notes, expected);
}

#[test]
fn directories_give_nothing() {
    let contents = MemoryContents::default();
    assert_eq!(patch(&contents, &FileChange::Added(place("d", directory(0o755)))), "");
    let modified = FileChange::Modified { path: path("d"), from: directory(0o755), to: directory(0o700) };
    assert_eq!(patch(&contents, &modified), "");
}

#[test]
fn a_content_that_cannot_be_read_is_an_error() {
    let change = MemoryContents::unreadable_added("lost", 5);
    let result = render(&change, &MemoryContents::default(), &PatchOptions::default(), &mut Vec::new());
    assert_eq!(result, Err("New lost was read".to_owned()));
}
