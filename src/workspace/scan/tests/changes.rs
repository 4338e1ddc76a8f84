//! Every kind of change is noticed, and nothing is read that did not change.

use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Timespec, Timestamps};

use super::*;

/// A workspace that was pushed, and pushed again: all is in the cache.
fn pushed() -> (Sandbox, MemoryTrees) {
    let sandbox = Sandbox::new();
    let mut trees = MemoryTrees::default();
    sandbox.write("a", "content a").write("d/x", "content x").write("d/y", "content y").write("d/e/z", "content z").write("f/g", "g");
    sandbox.mkdir("empty").link("../d/x", "d/link").link("nowhere", "dangling");
    let first = sandbox.push(&mut trees);
    assert_eq!(first.read.len(), 5);
    assert!(matches!(first.update, CacheUpdate::Rewritten(_)));
    sandbox.tick();
    (sandbox, trees)
}

/// Pushes after a change: these files are read, and these trees are built.
fn expect(sandbox: &Sandbox, trees: &mut MemoryTrees, read: &[&str], built: &[&str]) {
    let push = sandbox.push(trees);
    let sorted = |mut paths: Vec<String>| {
        paths.sort();
        paths
    };
    assert_eq!(sorted(push.read), read, "read");
    assert_eq!(sorted(push.trees), built, "built");
    let again = sandbox.push(trees);
    assert_eq!((again.read, again.trees, again.update), (vec![], vec![], CacheUpdate::Nothing));
    assert_eq!(again.built, push.built);
}

fn set_mtime(path: &Path, mtime: SystemTime) {
    let since = mtime.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let time = Timespec { tv_sec: since.as_secs() as i64, tv_nsec: since.subsec_nanos().into() };
    rustix::fs::utimensat(rustix::fs::CWD, path, &Timestamps { last_access: time, last_modification: time }, AtFlags::empty()).unwrap();
}

#[test]
fn nothing_changed_reads_and_writes_nothing() {
    let (sandbox, mut trees) = pushed();
    expect(&sandbox, &mut trees, &[], &[]);
}

#[test]
fn an_edit_with_the_same_size_and_the_old_mtime_is_seen() {
    let (sandbox, mut trees) = pushed();
    let path = sandbox.path("d/x");
    let mtime = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "CONTENT X").unwrap();
    set_mtime(&path, mtime);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), mtime);
    expect(&sandbox, &mut trees, &["d/x"], &[".", "d"]);
}

#[test]
fn a_touched_file_is_read_but_gives_no_tree() {
    let (sandbox, mut trees) = pushed();
    set_mtime(&sandbox.path("d/x"), SystemTime::now() - Duration::from_secs(1000));
    expect(&sandbox, &mut trees, &["d/x"], &[]);
}

#[test]
fn files_that_swap_their_places_are_seen() {
    let (sandbox, mut trees) = pushed();
    let (x, y, aside) = (sandbox.path("d/x"), sandbox.path("d/y"), sandbox.path("d/aside"));
    let mtime = fs::metadata(&x).unwrap().modified().unwrap();
    set_mtime(&y, mtime);
    sandbox.push(&mut trees);
    sandbox.tick();
    for (from, to) in [(&x, &aside), (&y, &x), (&aside, &y)] {
        fs::rename(from, to).unwrap();
    }
    expect(&sandbox, &mut trees, &["d/x", "d/y"], &[".", "d"]);
}

#[test]
fn a_file_renamed_over_another_is_seen() {
    let (sandbox, mut trees) = pushed();
    let mtime = fs::metadata(sandbox.path("d/x")).unwrap().modified().unwrap();
    sandbox.write("d/new", "CONTENT X");
    set_mtime(&sandbox.path("d/new"), mtime);
    fs::rename(sandbox.path("d/new"), sandbox.path("d/x")).unwrap();
    expect(&sandbox, &mut trees, &["d/x"], &[".", "d"]);
}

#[test]
fn permission_bits_are_seen() {
    let (sandbox, mut trees) = pushed();
    sandbox.chmod("d/x", 0o755);
    expect(&sandbox, &mut trees, &["d/x"], &[".", "d"]);
    sandbox.tick();
    sandbox.chmod("d/e", 0o700);
    expect(&sandbox, &mut trees, &[], &[".", "d"]);
    sandbox.tick();
    sandbox.chmod("d/e", 0o2775).chmod("a", 0o4711);
    expect(&sandbox, &mut trees, &["a"], &[".", "d"]);
}

#[test]
fn a_new_target_of_a_link_is_seen() {
    let (sandbox, mut trees) = pushed();
    sandbox.remove("d/link").link("../d/y", "d/link");
    expect(&sandbox, &mut trees, &[], &[".", "d"]);
}

#[test]
fn files_directories_and_links_that_become_each_other_are_seen() {
    let (sandbox, mut trees) = pushed();
    sandbox.remove("a").write("a/b/c", "deep");
    expect(&sandbox, &mut trees, &["a/b/c"], &[".", "a", "a/b"]);
    sandbox.tick();
    sandbox.remove("d").write("d", "now a file");
    expect(&sandbox, &mut trees, &["d"], &["."]);
    sandbox.tick();
    sandbox.remove("d").link("a", "d").remove("dangling").write("dangling", "file");
    expect(&sandbox, &mut trees, &["dangling"], &["."]);
    sandbox.tick();
    sandbox.remove("a").link("f", "a");
    expect(&sandbox, &mut trees, &[], &["."]);
}

#[test]
fn new_and_deleted_names_are_seen() {
    let (sandbox, mut trees) = pushed();
    sandbox.write("d/e/new", "new");
    expect(&sandbox, &mut trees, &["d/e/new"], &[".", "d", "d/e"]);
    sandbox.tick();
    sandbox.remove("d/e/new");
    expect(&sandbox, &mut trees, &[], &[".", "d", "d/e"]);
    sandbox.tick();
    sandbox.remove("f");
    expect(&sandbox, &mut trees, &[], &["."]);
    sandbox.tick();
    sandbox.write("f/g", "g").mkdir("d/empty/in/empty");
    expect(&sandbox, &mut trees, &["f/g"], &[".", "d", "d/empty", "d/empty/in", "d/empty/in/empty", "f"]);
    sandbox.tick();
    sandbox.remove("empty");
    expect(&sandbox, &mut trees, &[], &["."]);
}

#[test]
fn an_edit_through_a_second_name_is_seen() {
    let (sandbox, mut trees) = pushed();
    fs::hard_link(sandbox.path("d/x"), sandbox.path("f/same")).unwrap();
    sandbox.push(&mut trees);
    sandbox.tick();
    sandbox.write("f/same", "CONTENT X");
    expect(&sandbox, &mut trees, &["d/x", "f/same"], &[".", "d", "f"]);
}

#[test]
fn a_renamed_directory_is_seen() {
    let (sandbox, mut trees) = pushed();
    fs::rename(sandbox.path("d"), sandbox.path("moved")).unwrap();
    let push = sandbox.push(&mut trees);
    assert_eq!(push.read.len(), 3);
    expect(&sandbox, &mut trees, &[], &[]);
}

#[test]
fn an_exchange_of_two_directories_is_seen() {
    let (sandbox, mut trees) = pushed();
    let root = sandbox.root();
    rustix::fs::renameat_with(&root, "d", &root, "f", rustix::fs::RenameFlags::EXCHANGE).unwrap();
    let push = sandbox.push(&mut trees);
    assert_eq!(push.read.len(), 4);
    expect(&sandbox, &mut trees, &[], &[]);
}

#[test]
fn only_changed_blocks_are_appended() {
    let sandbox = Sandbox::new();
    let mut trees = MemoryTrees::default();
    for at in 0..50 {
        sandbox.write(&format!("{at}/{at}/file"), "content");
    }
    let CacheUpdate::Rewritten(all) = sandbox.push(&mut trees).update else { panic!() };
    sandbox.tick();
    sandbox.write("7/7/file", "changed");
    let CacheUpdate::Appended(some) = sandbox.push(&mut trees).update else { panic!() };
    assert!(some < all / 2, "{some} of {all} bytes");
}

#[test]
fn garbage_is_cleared_out() {
    let sandbox = Sandbox::new();
    let mut trees = MemoryTrees::default();
    for at in 0..1200 {
        sandbox.write(&format!("d/{at:0>240}"), "");
    }
    let mut rewritten = 0;
    for round in 0..9 {
        sandbox.write("d/changing", &round.to_string());
        let update = sandbox.push(&mut trees).update;
        rewritten += usize::from(matches!(update, CacheUpdate::Rewritten(_)));
        sandbox.tick();
    }
    assert!((2..6).contains(&rewritten), "{rewritten}");
    let bytes = fs::metadata(sandbox.store.path().join("stat")).unwrap().len();
    assert!(bytes < 4 << 20, "{bytes}");
}

#[test]
fn rehash_reads_everything() {
    let (mut sandbox, mut trees) = pushed();
    sandbox.options.rehash = true;
    let push = sandbox.push(&mut trees);
    assert_eq!((push.read.len(), push.trees.len()), (5, 0));
}
