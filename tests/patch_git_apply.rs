//! The patches of `lua_store::patch` against real git: `git apply` of our patch on the old files gives exactly the new ones.

#[path = "patch_git_apply/case.rs"]
mod case;
#[path = "patch_git_apply/git.rs"]
mod git;
#[path = "patch_git_apply/random.rs"]
mod random;

use case::{Case, Files, Item};
use git::{assert_applies, assert_applies_in, git, has_git, repository, write_files};
use lua_store::patch::{Extent, FileChange, LineCounts, NotText, RenameDetection, count};
use random::{NAMES, Random, random_case, random_content_pair};

#[test]
fn random_contents_apply_exactly() {
    if !has_git() {
        return;
    }
    let mut random = Random(0x5eed_0001);
    for context_lines in [3, 0, 1, 10] {
        let mut case = Case { old: Files::new(), new: Files::new() };
        for number in 0..100 {
            let (mut old, mut new) = random_content_pair(&mut random);
            if context_lines == 0 {
                // Without context, `git apply` (2.47) may take a line for one that it only begins with, when the latter has
                // no newline: it removes "\r\n" where "\r" should go.
                old.push(b'\n');
                new.push(b'\n');
            }
            case.old.insert(format!("file {number}").into_bytes(), Item::File(0o644, old));
            case.new.insert(format!("file {number}").into_bytes(), Item::File(0o644, new));
        }
        assert_applies(&case, context_lines, &case.new);
    }
}

#[test]
fn counted_lines_are_those_of_the_patch() {
    if !has_git() {
        return;
    }
    let mut random = Random(0x5eed_0002);
    let mut case = Case { old: Files::new(), new: Files::new() };
    for number in 0..150 {
        let (old, new) = random_content_pair(&mut random);
        case.old.insert(format!("{number}").into_bytes(), Item::File(0o644, old));
        case.new.insert(format!("{number}").into_bytes(), Item::File(0o644, new));
    }
    let mut ours = Vec::new();
    for change in case.changes(RenameDetection::Off) {
        let Extent::Lines(LineCounts { insertions, deletions }) = count(&change, &case).unwrap() else {
            panic!("{} is text", change.path())
        };
        ours.push(format!("{insertions}\t{deletions}\t{}", change.path()));
    }
    let folder = repository();
    let theirs = git(folder.path(), &["apply", "--numstat", "-"], &case.patch(3));
    assert_eq!(ours, String::from_utf8(theirs).unwrap().lines().collect::<Vec<_>>());
}

#[test]
fn random_trees_apply_exactly() {
    if !has_git() {
        return;
    }
    let mut random = Random(0x5eed_0003);
    let mut letters = String::new();
    for _ in 0..4 {
        let case = random_case(&mut random);
        let folder = repository();
        write_files(folder.path(), &case.old);
        assert_applies_in(folder.path(), &case, 3, &case.new);
        // And back: a file gives way to a directory one way, a directory to a file the other way.
        let back = Case { old: case.new, new: case.old };
        assert_applies_in(folder.path(), &back, 3, &back.new);
        letters.extend(back.changes(RenameDetection::Similar).iter().map(FileChange::letter));
    }
    assert!("ADMRT".chars().all(|letter| letters.contains(letter)), "some kind of change never came up");
}

fn file(content: &[u8]) -> Item {
    Item::File(0o644, content.to_vec())
}

fn files(items: &[(&str, Item)]) -> Files {
    items.iter().map(|(path, item)| (path.as_bytes().to_vec(), item.clone())).collect()
}

#[test]
fn notes_do_not_stop_the_rest_of_the_patch() {
    if !has_git() {
        return;
    }
    let (data, other_data) = (file(b"\0old"), file(b"\0new data"));
    let executable = Item::File(0o755, b"run\n".to_vec());
    let old = files(&[
        ("1 before", file(b"1\n")),
        ("2 changed\n differ", data.clone()),
        ("3 mode only", file(b"run\n")),
        ("4 removed", data.clone()),
        ("5 becomes link", data.clone()),
        ("6 moved", file(b"moved\n")),
        ("7 modes", file(b"m\n")),
        ("8 text", file(b"text, no newline")),
        ("9 last", data.clone()),
    ]);
    let new = files(&[
        ("1 before", file(b"2\n")),
        ("2 changed\n differ", other_data.clone()),
        ("3 mode only", executable.clone()),
        ("3a added", other_data.clone()),
        ("5 becomes link", Item::Link(b"8 text".to_vec())),
        ("6 moved away", file(b"moved\n")),
        ("6z added", other_data.clone()),
        ("7 modes", Item::File(0o600, b"m\n".to_vec())),
        ("8 text", file(b"text, newline\n")),
        ("9 last", other_data),
    ]);
    // What the patch cannot say stays as it was.
    let mut expected = new.clone();
    for name in ["2 changed\n differ", "4 removed", "5 becomes link", "9 last"] {
        expected.insert(name.as_bytes().to_vec(), data.clone());
    }
    expected.retain(|path, _| !path.ends_with(b"added"));
    let case = Case { old, new };
    let patch = String::from_utf8(case.patch(3)).unwrap();
    assert_eq!(patch.lines().filter(|line| line.starts_with("Binary file ")).count(), 6, "{patch}");
    assert!(patch.contains("Mode of 7 modes changed (0644 → 0600)"), "{patch}");
    assert_applies(&case, 3, &expected);
}

#[test]
fn a_file_that_is_too_large_does_not_stop_the_rest() {
    if !has_git() {
        return;
    }
    let large = |byte| Item::File(0o644, vec![byte; lua_store::limits::DIFF_FILE_BYTES_MAX as usize + 1]);
    let old = files(&[("a", large(b'a')), ("b", file(b"1\n")), ("moves", large(b'm'))]);
    let new = files(&[("a", large(b'b')), ("b", file(b"2\n")), ("moved", large(b'm'))]);
    let expected = files(&[("a", large(b'a')), ("b", file(b"2\n")), ("moved", large(b'm'))]);
    let case = Case { old, new };
    let changes = case.changes(RenameDetection::Similar);
    assert!(matches!(count(&changes[0], &case), Ok(Extent::Sizes { why: NotText::TooLarge, .. })));
    assert_applies(&case, 3, &expected);
}

/// The lines of a patch outside of its hunks, without those that hold git's own ids. Links that keep their kind have a line
/// of their own in our patches and are left out of this comparison.
fn header_lines(patch: &[u8]) -> Vec<String> {
    let is_header = |line: &&str| !line.starts_with(['+', '-', ' ', '@', '\\']) || line.starts_with("--- ") || line.starts_with("+++ ");
    let text = String::from_utf8_lossy(patch);
    text.lines().filter(is_header).filter(|line| !line.starts_with("index ")).map(str::to_owned).collect()
}

#[test]
fn headers_are_those_of_git() {
    if !has_git() {
        return;
    }
    let lines = |from: usize, to: usize| file((from..to).map(|number| format!("number {number:03}\n")).collect::<String>().as_bytes());
    let mut old = files(&[("moved", lines(0, 100)), ("moved too", file(b"same\n"))]);
    let mut new = files(&[("moved to", lines(20, 120)), ("t\to", file(b"same\n"))]);
    for (number, name) in NAMES.iter().enumerate() {
        let content = |side: &str| format!("{side} {number}\n").into_bytes();
        old.insert([b"changed/", *name].concat(), file(&content("o")));
        new.insert([b"changed/", *name].concat(), file(&content("n")));
        old.insert([b"mode/", *name].concat(), Item::File(0o644, content("m")));
        new.insert([b"mode/", *name].concat(), Item::File(0o755, content("m")));
        old.insert([b"gone/", *name].concat(), file(&content("a file that goes away")));
        new.insert([b"added/", *name].concat(), Item::Link([b"nowhere/", *name].concat()));
        old.insert([b"retyped/", *name].concat(), file(&content("r")));
        new.insert([b"retyped/", *name].concat(), Item::Link(b"nowhere".to_vec()));
    }
    let case = Case { old, new };
    let folder = repository();
    write_files(folder.path(), &case.old);
    git(folder.path(), &["add", "--all"], b"");
    git(folder.path(), &["commit", "--quiet", "--message=old"], b"");
    git(folder.path(), &["rm", "-r", "--quiet", "."], b"");
    write_files(folder.path(), &case.new);
    git(folder.path(), &["add", "--all"], b"");
    let theirs = git(folder.path(), &["diff", "--cached", "--find-renames", "--histogram"], b"");
    assert_eq!(header_lines(&case.patch(3)), header_lines(&theirs));
}
