//! Others who change the workspace meanwhile lose nothing.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::apply::apply_with;
use super::super::moves::Moves;
use super::super::testing::*;
use super::super::*;
use crate::path::RelPath;

/// What a scan sees.
fn scan(rig: &Rig) -> HashMap<RelPath, Seen> {
    let paths = rig.model().into_keys().map(|path| RelPath::new(&path).unwrap());
    let seen = |path: &RelPath| {
        let metadata = rig.path(&path.to_string()).symlink_metadata().unwrap();
        let mtime_ns = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
        Seen { inode: metadata.ino(), bytes: metadata.len(), mtime_ns }
    };
    paths
        .map(|path| {
            let seen = seen(&path);
            (path, seen)
        })
        .collect()
}

/// All contents in the workspace.
fn contents(rig: &Rig) -> BTreeSet<Vec<u8>> {
    rig.model()
        .into_values()
        .filter_map(|thing| match thing {
            Thing::File(_, content) => Some(content),
            _ => None,
        })
        .collect()
}

type Edit = fn(&Rig);

#[test]
fn edits_between_scan_and_apply_are_kept_beside() {
    let from = ["replaced = 1", "removed = 1", "d/in = 1", "tree = 1", "dir/x = 1"];
    let to = ["replaced = 2", "added = 2", "new/x = 2", "tree/x = 2", "dir = 2"];
    let edits: &[(&str, Edit, &str)] = &[
        ("in place, same length", |rig| fs::write(rig.path("replaced"), "X").unwrap(), "replaced.lua-conflict-1"),
        (
            "saved by an editor",
            |rig| {
                fs::write(rig.path("s"), "X").unwrap();
                fs::rename(rig.path("s"), rig.path("removed")).unwrap();
            },
            "removed.lua-conflict-1",
        ),
        ("in a directory that goes", |rig| fs::write(rig.path("d/in"), "X").unwrap(), "d/in.lua-conflict-1"),
        ("before a tree", |rig| fs::write(rig.path("tree"), "X").unwrap(), "tree.lua-conflict-1"),
        ("in a directory that becomes a file", |rig| fs::write(rig.path("dir/x"), "X").unwrap(), "x.lua-conflict-1"),
        ("made where one comes", |rig| fs::write(rig.path("added"), "X").unwrap(), "added.lua-conflict-1"),
        (
            "directory made where one comes",
            |rig| {
                fs::create_dir(rig.path("new")).unwrap();
                fs::write(rig.path("new/own"), "X").unwrap();
            },
            "new.lua-conflict-1/own",
        ),
        (
            "file turned directory",
            |rig| {
                fs::remove_file(rig.path("replaced")).unwrap();
                fs::create_dir(rig.path("replaced")).unwrap();
                fs::write(rig.path("replaced/own"), "X").unwrap();
            },
            "replaced.lua-conflict-1/own",
        ),
        ("made in a directory that goes", |rig| fs::write(rig.path("d/own"), "X").unwrap(), "d/own"),
        ("made in a directory that becomes a file", |rig| fs::write(rig.path("dir/own"), "X").unwrap(), "dir.lua-conflict-1/own"),
    ];
    for (name, edit, kept_at) in edits {
        for trusts_times in [true, false] {
            for flags in [true, false] {
                let rig = Rig::new(&model(&from), &model(&to));
                let seen = scan(&rig);
                let staged = rig.staged(&nothing_left_out).unwrap();
                edit(&rig);
                let moves = if flags { Moves::new(&|_| Ok(())) } else { Moves::without_flags(&|_| Ok(())) };
                let lookup = |path: &RelPath| seen.get(path).copied().filter(|_| trusts_times);
                let applied = apply_with(staged, &rig.root, &lookup, &moves).unwrap();
                assert_eq!(fs::read_to_string(rig.path(kept_at)).ok().as_deref(), Some("X"), "{name}: {:?}", applied.conflicts());
                assert_eq!(applied.conflicts().len() + applied.kept_directories().len(), 1, "{name}: {:?}", applied.conflicts());
                assert_eq!(rig.verify(&applied, &|path, _| path.as_bytes() == b"d/own"), [], "{name}");
                assert_eq!(applied.discard(&rig.root, &lookup).unwrap(), [], "{name}");
                let mut expected = rig.model();
                expected.retain(|path, _| model(&to).contains_key(path));
                assert_eq!(expected, model(&to), "{name}");
                rig.assert_clean();
            }
        }
    }
}

#[test]
fn what_only_looks_edited_is_no_conflict() {
    let rig = Rig::new(&model(&["a = 1", "b = 1", "l -> x"]), &model(&["a = 2"]));
    let seen = scan(&rig);
    let staged = rig.staged(&nothing_left_out).unwrap();
    fs::write(rig.path("a"), "1").unwrap();
    fs::remove_file(rig.path("b")).unwrap();
    fs::remove_file(rig.path("l")).unwrap();
    symlink("x", rig.path("l")).unwrap();
    let applied = apply(staged, &rig.root, &|path| seen.get(path).copied()).unwrap();
    assert_eq!(applied.conflicts(), []);
    assert_eq!(rig.discard(applied), []);
    assert_eq!(rig.model(), model(&["a = 2"]));
}

#[test]
fn late_writes_through_an_open_handle_are_kept() {
    let rig = Rig::new(&model(&["d/a = 1", "d/b = 1"]), &model(&["d/a = 2"]));
    let seen = scan(&rig);
    let mut open = ["d/a", "d/b"].map(|path| fs::OpenOptions::new().append(true).open(rig.path(path)).unwrap());
    let applied = apply(rig.staged(&nothing_left_out).unwrap(), &rig.root, &|path| seen.get(path).copied()).unwrap();
    assert_eq!(applied.conflicts(), []);
    open.iter_mut().for_each(|file| file.write_all(b" and more").unwrap());
    let late = applied.discard(&rig.root, &|path| seen.get(path).copied()).unwrap();
    assert_eq!(late.len(), 2);
    assert_eq!(rig.model(), model(&["d/a = 2", "d/a.lua-conflict-1 = 1 and more", "d/b.lua-conflict-1 = 1 and more"]));
    rig.assert_clean();
}

/// Editors that save in place, save by renaming, make and remove, while the workspace goes to and fro.
#[test]
fn busy_editors_lose_no_byte() {
    let paths = ["a", "b", "d/c", "d/e/f", "g"];
    let (from, to) = (model(&["a = 1", "b = 1", "d/c = 1", "g = 1"]), model(&["a = 2", "d/e/f = 2", "g/x = 2"]));
    let mut rig = Rig::new(&from, &to);
    let (one, two) = (rig.from, rig.to);
    let stop = AtomicBool::new(false);
    // Contents that were complete in the workspace, by path; a later save of the same path by the same editor takes its place.
    let saved: Mutex<HashMap<(usize, usize), String>> = Mutex::default();
    let root = rig.temp.path().to_path_buf();
    let editor = |number: usize| {
        for round in 0.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let at = (number + round) % paths.len();
            let text = format!("editor {number} round {round}");
            let target = root.join(paths[at]);
            // Saved and noted under one lock, so that an apply in another thread comes before or after both.
            let save = || -> std::io::Result<()> {
                let draft = root.join(format!(".lua/draft-{number}"));
                fs::write(&draft, &text)?;
                rename_new(&draft, &target)
            };
            let mut saved = saved.lock().unwrap();
            if save().is_ok() {
                saved.insert((number, round), text);
            }
            drop(saved);
            std::thread::yield_now();
        }
    };
    std::thread::scope(|scope| {
        (0..4).for_each(|number| drop(scope.spawn(move || editor(number))));
        for round in 0..40 {
            (rig.from, rig.to) = if round % 2 == 0 { (one, two) } else { (two, one) };
            let Ok(staged) = rig.staged(&nothing_left_out) else {
                rig.stage().discard().unwrap();
                continue;
            };
            match apply(staged, &rig.root, &|_| None) {
                Ok(applied) => drop(rig.discard(applied)),
                Err(ApplyError::Undone { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let present = contents(&rig);
    let lost: Vec<String> = saved.into_inner().unwrap().into_values().filter(|text| !present.contains(text.as_bytes())).collect();
    assert!(lost.is_empty(), "{} of contents lost: {:?}", lost.len(), &lost[..lost.len().min(5)]);
    rig.assert_clean();
}

/// Gives a file a name that nothing has: an editor that itself destroys nothing.
fn rename_new(from: &Path, to: &Path) -> std::io::Result<()> {
    let cwd = rustix::fs::CWD;
    Ok(rustix::fs::renameat_with(cwd, from, cwd, to, rustix::fs::RenameFlags::NOREPLACE)?)
}

/// The attacker swaps directories for links that lead outside, all the time.
#[test]
fn nothing_is_written_through_links() {
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir(outside.path().join("e")).unwrap();
    fs::write(outside.path().join("canary"), "untouched").unwrap();
    let (from, to) = (model(&["d/e/canary = 1", "d/x = 1"]), model(&["d/e/canary = 2 #777", "d/e/new/y = 2", "d/ #700", "d/e/ #711"]));
    let before = read_model(outside.path());
    let mut rig = Rig::new(&from, &to);
    let (one, two) = (rig.from, rig.to);
    let stop = AtomicBool::new(false);
    let (mut swaps, mut done) = (0u32, 0u32);
    std::thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            let (real, link) = (rig.temp.path().join("d"), rig.temp.path().join(".lua/link"));
            symlink(outside.path(), &link).unwrap();
            let cwd = rustix::fs::CWD;
            let mut swaps = 0;
            while !stop.load(Ordering::Relaxed) || swaps % 2 == 1 {
                swaps += u32::from(rustix::fs::renameat_with(cwd, &real, cwd, &link, rustix::fs::RenameFlags::EXCHANGE).is_ok());
            }
            swaps
        });
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(3);
        let mut rig_ends = (one, two);
        while std::time::Instant::now() < deadline {
            let plan = CheckoutPlan::new(rig.library.changes(&rig_ends.0, &rig_ends.1), &nothing_left_out);
            match survey(plan, &rig.root, &rig.stage())
                .ok()
                .and_then(|survey| stage(survey, &rig.root, &rig.stage(), &rig.library.contents, Watch::none()).ok())
            {
                Some(staged) => match apply(staged, &rig.root, &|_| None) {
                    Ok(applied) => {
                        drop(applied.discard(&rig.root, &|_| None));
                        rig_ends = (rig_ends.1, rig_ends.0);
                        done += 1;
                    }
                    Err(_) => drop(rig.stage().discard()),
                },
                None => rig.stage().discard().unwrap(),
            }
        }
        stop.store(true, Ordering::Relaxed);
        swaps = swapper.join().unwrap();
    });
    println!("{swaps} swaps, {done} checkouts got through");
    assert!(swaps > 100);
    assert_eq!(read_model(outside.path()), before);
    (rig.from, rig.to) = (one, two);
}
