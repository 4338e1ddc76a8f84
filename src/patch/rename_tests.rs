//! Renames: which files are paired.

use super::super::testing::{MemoryContents, directory, file, link, path, with_mode};
use super::super::{RENAME_PAIRS_MAX, Side};
use super::*;

/// Changes and their contents, put together one by one.
#[derive(Default)]
struct Scene {
    contents: MemoryContents,
    changes: Vec<Change>,
}

impl Scene {
    fn gone(mut self, name: &str, content: &[u8]) -> Self {
        let from = Some(self.contents.put(Side::Old, name, content));
        self.changes.push(Change { path: path(name), from, to: None });
        self
    }

    fn come(mut self, name: &str, content: &[u8]) -> Self {
        let to = Some(self.contents.put(Side::New, name, content));
        self.changes.push(Change { path: path(name), from: None, to });
        self
    }

    fn node(mut self, name: &str, from: Option<OwnedNode>, to: Option<OwnedNode>) -> Self {
        self.changes.push(Change { path: path(name), from, to });
        self
    }

    /// The changes in the form `R 66 old new`.
    fn seen(self, detection: RenameDetection) -> Vec<String> {
        let shown = |change: &FileChange| match change {
            FileChange::Renamed { from, to, similarity_percent } => format!("R {similarity_percent} {} {}", from.path, to.path),
            other => format!("{} {}", other.letter(), other.path()),
        };
        file_changes(self.changes, &self.contents, detection).unwrap().iter().map(shown).collect()
    }
}

fn numbered_lines(numbers: std::ops::Range<u32>) -> Vec<u8> {
    numbers.map(|number| format!("line {number:04}\n")).collect::<String>().into_bytes()
}

#[test]
fn equal_files_of_the_same_name_go_together_first() {
    let scene = Scene::default().gone("a/x", b"1").gone("b/y", b"1").come("c/y", b"1").come("d/x", b"1").come("e", b"1");
    assert_eq!(scene.seen(RenameDetection::Exact), ["R 100 b/y c/y", "R 100 a/x d/x", "A e"]);
}

#[test]
fn exact_detection_reads_nothing() {
    let (one, other) = (Some(file(b"1\n2\n")), Some(file(b"1\n2\n3\n")));
    let scene = Scene::default().node("a", one.clone(), None).node("b", None, one).node("c", other, None);
    assert_eq!(scene.seen(RenameDetection::Exact), ["R 100 a b", "D c"]);
}

#[test]
fn detection_can_be_off() {
    let scene = Scene::default().gone("a", b"1").come("b", b"1");
    assert_eq!(scene.seen(RenameDetection::Off), ["D a", "A b"]);
}

#[test]
fn the_most_similar_is_taken_and_each_only_once() {
    let scene = Scene::default()
        .gone("old", &numbered_lines(0..100))
        .come("far", &numbered_lines(30..130))
        .come("near", &numbered_lines(10..110))
        .come("other", &numbered_lines(60..160));
    assert_eq!(scene.seen(RenameDetection::Similar), ["A far", "R 90 old near", "A other"]);
}

#[test]
fn the_same_name_decides_a_tie() {
    let (old, new) = (numbered_lines(0..100), numbered_lines(10..110));
    let scene = Scene::default().gone("a/x", &old).gone("b/y", &[&old[..99 * 10], b"line 0199\n"].concat()).come("c/y", &new);
    assert_eq!(scene.seen(RenameDetection::Similar), ["D b/y", "R 90 a/x c/y"]);
    let scene = Scene::default().gone("a/x", &old).gone("b/y", &[b"LINE 0000\n", &old[10..]].concat()).come("c/y", &new);
    assert_eq!(scene.seen(RenameDetection::Similar), ["D a/x", "R 90 b/y c/y"]);
}

#[test]
fn similarity_begins_at_one_half_and_ends_below_the_whole() {
    let half = Scene::default().gone("a", &numbered_lines(0..100)).come("b", &numbered_lines(50..150));
    assert_eq!(half.seen(RenameDetection::Similar), ["R 50 a b"]);
    let less = Scene::default().gone("a", &numbered_lines(0..100)).come("b", &numbered_lines(51..151));
    assert_eq!(less.seen(RenameDetection::Similar), ["D a", "A b"]);
    let shuffled = Scene::default().gone("a", b"1\n2\n").come("b", b"2\n1\n");
    assert_eq!(shuffled.seen(RenameDetection::Similar), ["R 99 a b"]);
}

#[test]
fn too_many_pairs_leave_only_the_exact_ones() {
    let side = (RENAME_PAIRS_MAX as f64).sqrt() as u32 + 1;
    let mut scene = Scene::default().gone("same", b"same").come("still same", b"same");
    for number in 0..side {
        let content = Some(file(format!("content {number}").as_bytes()));
        scene = scene.node(&format!("old {number}"), content, None);
        let content = Some(file(format!("CONTENT {number}").as_bytes()));
        scene = scene.node(&format!("zzz {number}"), None, content);
    }
    let seen = scene.seen(RenameDetection::Similar);
    assert_eq!(seen.iter().filter(|line| line.starts_with('R')).collect::<Vec<_>>(), ["R 100 same still same"]);
}

#[test]
fn links_are_renamed_only_when_equal() {
    let scene = Scene::default()
        .node("a", Some(link(b"target")), None)
        .node("b", None, Some(link(b"target")))
        .node("c", Some(link(b"other target")), None)
        .node("d", None, Some(link(b"other targeT")))
        .come("e", b"target");
    assert_eq!(scene.seen(RenameDetection::Similar), ["R 100 a b", "D c", "A d", "A e"]);
}

#[test]
fn kinds_that_change() {
    let scene = Scene::default()
        .node("file to link", Some(file(b"1")), Some(link(b"2")))
        .node("mode", Some(file(b"1")), Some(with_mode(file(b"1"), 0o755)))
        .node("x", Some(file(b"text")), Some(directory(0o755)))
        .come("x/mod", b"text")
        .node("y", Some(directory(0o755)), Some(file(b"3")))
        .node("y/z", Some(directory(0o755)), None);
    assert_eq!(scene.seen(RenameDetection::Similar), ["T file to link", "M mode", "R 100 x x/mod", "A y", "D y/z"]);
}

#[test]
fn directories_are_listed_when_nothing_below_says_it() {
    let scene = Scene::default()
        .node("d", None, Some(directory(0o755)))
        .node("d/empty", None, Some(directory(0o755)))
        .node("mode", Some(directory(0o755)), Some(directory(0o700)))
        .come("mode/file", b"1")
        .node("gone", Some(directory(0o755)), None)
        .node("gone/file", Some(link(b"t")), None);
    assert_eq!(scene.seen(RenameDetection::Similar), ["A d/empty", "D gone/file", "M mode", "A mode/file"]);
}

#[test]
fn a_file_gives_way_to_an_empty_directory() {
    let scene = Scene::default().node("x", Some(file(b"1")), Some(directory(0o755)));
    assert_eq!(scene.seen(RenameDetection::Off), ["D x", "A x"]);
}
