//! What comes out is the target, to the bit, and what was equal is not touched.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use proptest::prelude::*;

use super::super::apply::apply_with;
use super::super::moves::Moves;
use super::super::testing::*;
use super::super::*;
use crate::tree::testing::MemoryTrees;
use crate::workspace::testing::cases;

fn bring(rig: &Rig, from: &Model, to: &Model, moves: &Moves<'_>) {
    let state = |path: &[u8]| {
        let metadata = rig.temp.path().join(std::ffi::OsStr::from_bytes(path)).symlink_metadata().unwrap();
        // Reading a file that forbids it to its owner moves its ctime.
        (metadata.ino(), metadata.mtime_nsec(), if is_root() { metadata.ctime_nsec() } else { 0 })
    };
    let equal: Vec<&Vec<u8>> = from
        .iter()
        .filter(|(path, thing)| to.get(*path) == Some(thing) && !matches!(thing, Thing::Directory(_)))
        .map(|(path, _)| path)
        .collect();
    let before: Vec<_> = equal.iter().map(|path| state(path)).collect();
    let applied = apply_with(rig.staged(&nothing_left_out).unwrap(), &rig.root, moves).unwrap();
    assert!(applied.kept_directories().is_empty());
    assert_eq!(rig.verify(&applied, &nothing_left_out), []);
    applied.sync(&rig.root).unwrap();
    assert_eq!(rig.discard(applied), []);
    assert_eq!(rig.model(), *to);
    assert_eq!(equal.iter().map(|path| state(path)).collect::<Vec<_>>(), before);
    rig.assert_clean();
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn any_tree_becomes_any_other(from in any_model(), to in any_model()) {
        bring(&Rig::new(&from, &to), &from, &to, &Moves::new(&|_| Ok(())));
    }

    #[test]
    fn also_where_the_file_system_knows_no_flags(from in any_model(), to in any_model()) {
        bring(&Rig::new(&from, &to), &from, &to, &Moves::without_flags(&|_| Ok(())));
    }

    #[test]
    fn trees_are_materialized_exactly(model in any_model()) {
        let rig = Rig::new(&Model::new(), &model);
        let temp = tempfile::tempdir_in(rig.temp.path()).unwrap();
        let target = crate::disk::Dir::open(temp.path(), crate::disk::RootOf::UserPath).unwrap();
        let seen = std::sync::Mutex::new(std::collections::BTreeMap::new());
        let on_file = |path: &crate::path::RelPath, stat: &FileStat| {
            seen.lock().unwrap().insert(path.as_bytes().to_vec(), *stat);
        };
        let library = &rig.library;
        let options = MaterializeOptions { sync: true, ..MaterializeOptions::default() };
        let written = materialize(&target, &library.trees, &rig.to, &library.contents, options, Watch::none(), &on_file).unwrap();
        prop_assert_eq!(read_model(temp.path()), model.clone());
        let count = |wanted: fn(&Thing) -> bool| model.values().filter(|thing| wanted(thing)).count() as u64;
        prop_assert_eq!(written.directories, count(|thing| matches!(thing, Thing::Directory(_))));
        prop_assert_eq!(written.files, count(|thing| !matches!(thing, Thing::Directory(_))));
        for (path, stat) in seen.into_inner().unwrap() {
            let metadata = temp.path().join(std::ffi::OsStr::from_bytes(&path)).metadata().unwrap();
            prop_assert_eq!((stat.inode, stat.bytes, i128::from(metadata.mtime_nsec())), (metadata.ino(), metadata.len(), stat.mtime_ns % 1_000_000_000));
            prop_assert!(!is_root() || stat.ctime_ns % 1_000_000_000 == i128::from(metadata.ctime_nsec()));
        }
    }
}

proptest! {
    #![proptest_config(cases(50))]

    #[test]
    fn also_on_a_disk(from in any_model(), to in any_model()) {
        bring(&Rig::on_disk(&from, &to), &from, &to, &Moves::new(&|_| Ok(())));
    }
}

#[test]
fn every_change_of_kind_at_once() {
    let from = model(&[
        "f-d = 1",
        "f-l = 1",
        "l-f -> x",
        "l-d -> x",
        "d-f/x/y = 1",
        "d-l/x = 1",
        "gone/e/ #555",
        "m = 1 #644",
        "d/ #755",
        "keep/k = 1",
    ]);
    let to = model(&[
        "f-d/x/y = 1",
        "f-d/e/ #555",
        "f-l -> y",
        "l-f = 2",
        "l-d/z -> /",
        "d-f = 3",
        "d-l -> z",
        "new/ #500",
        "m = 1 #755",
        "d/ #1700",
        "keep/k = 1",
        "keep/n = 1",
    ]);
    bring(&Rig::on_disk(&from, &to), &from, &to, &Moves::new(&|_| Ok(())));
    bring(&Rig::on_disk(&to, &from), &to, &from, &Moves::without_flags(&|_| Ok(())));
}

#[test]
fn paths_may_be_longer_than_the_kernel_takes() {
    let folder = vec!["x".repeat(100); 60].join("/");
    let (from, to) = (model(&["f = 1"]), model(&["f = 1"]));
    let deep = |content: &str| {
        let mut deep = Model::new();
        folder
            .match_indices('/')
            .map(|(at, _)| at)
            .chain([folder.len()])
            .for_each(|at| drop(deep.insert(folder[..at].into(), Thing::Directory(0o755))));
        deep.insert(format!("{folder}/f").into_bytes(), Thing::File(0o644, content.into()));
        deep
    };
    let mut rig = Rig::new(&from, &to);
    let (one, two) = (rig.library.store(&deep("1")), rig.library.store(&deep("2")));
    for (from, to) in [(rig.from, one), (one, two), (two, rig.from)] {
        (rig.from, rig.to) = (from, to);
        let applied = rig.apply_gated(&|_| Ok(())).unwrap();
        assert_eq!(rig.verify(&applied, &nothing_left_out), []);
        assert_eq!(rig.discard(applied), []);
    }
    assert_eq!(rig.model().len(), 1);
    rig.assert_clean();
}

#[test]
fn a_selection_is_materialized_with_its_folders_alone() {
    struct Texts;
    impl crate::tree::Selection for Texts {
        fn enters(&self, path: &crate::path::RelPath) -> bool {
            path.as_bytes() != b"closed"
        }
        fn selects(&self, path: &crate::path::RelPath) -> bool {
            path.as_bytes().ends_with(b".txt")
        }
    }
    let rig = Rig::new(&Model::new(), &model(&["a/b/x.txt = 1", "a/c/y = 1", "e/", "closed/z.txt = 1", "d.txt/"]));
    let temp = tempfile::tempdir().unwrap();
    let target = crate::disk::Dir::open(temp.path(), crate::disk::RootOf::UserPath).unwrap();
    let options = MaterializeOptions { selection: Some(&Texts), ..MaterializeOptions::default() };
    let write = |options| materialize(&target, &rig.library.trees, &rig.to, &rig.library.contents, options, Watch::none(), &|_, _| ());
    assert_eq!(write(options).unwrap(), Materialized { files: 1, bytes: 1, directories: 3 });
    assert_eq!(read_model(temp.path()), model(&["a/b/x.txt = 1", "d.txt/"]));
    assert!(matches!(write(options), Err(WriteError::NotEmpty)));
    let error = write(MaterializeOptions { into_non_empty: true, ..options }).unwrap_err();
    assert!(error.to_string().contains("a/b/x.txt"), "{error}");
    assert_eq!(read_model(temp.path()), model(&["a/b/x.txt = 1", "d.txt/"]));
    let error = write(MaterializeOptions { into_non_empty: true, expected_bytes: Some(1 << 60), ..options }).unwrap_err();
    assert!(matches!(error, WriteError::NoSpace { .. }));
}

#[test]
fn a_version_of_which_a_tree_is_missing_is_not_materialized_and_the_place_is_named() {
    let rig = Rig::new(&Model::new(), &model(&["a/b/x = 1", "c = 2"]));
    let lost = rig.library.trees.0.iter().find(|(_, tree)| tree.get(b"x").is_some()).map(|(id, _)| *id).unwrap();
    let mut trees = MemoryTrees::default();
    trees.0.extend(rig.library.trees.0.iter().filter(|(id, _)| **id != lost).map(|(id, tree)| (*id, tree.clone())));
    let temp = tempfile::tempdir().unwrap();
    let target = crate::disk::Dir::open(temp.path(), crate::disk::RootOf::UserPath).unwrap();
    let written = materialize(&target, &trees, &rig.to, &rig.library.contents, MaterializeOptions::default(), Watch::none(), &|_, _| ());
    assert!(matches!(written, Err(WriteError::Other(CheckoutError::Tree { path, .. })) if path.as_bytes() == b"a/b"));
}

#[test]
fn reading_back_finds_whatever_is_wrong() {
    let (from, to) = (model(&["d/a = 1", "d/same = 1", "e/x = 1"]), model(&["d/a = 2", "d/same = 1", "l -> t", "n/b = 2", "m/ #700"]));
    type Tamper = fn(&Rig);
    let tampers: &[(Tamper, &str)] = &[
        (|rig| fs::write(rig.path("d/a"), "3").unwrap(), "d/a has another content"),
        (
            |rig| fs::set_permissions(rig.path("d/a"), PermissionsExt::from_mode(0o600)).unwrap(),
            "d/a has the permission bits 600 instead of 644",
        ),
        (|rig| fs::remove_file(rig.path("d/same")).unwrap(), "d/same is missing"),
        (|rig| fs::remove_file(rig.path("n/b")).unwrap(), "n/b is missing"),
        (|rig| fs::remove_dir(rig.path("m")).unwrap(), "m is missing"),
        (|rig| fs::write(rig.path("n/more"), "").unwrap(), "n/more is not in the version"),
        (|rig| fs::create_dir(rig.path("e")).unwrap(), "e is not in the version"),
        (
            |rig| fs::set_permissions(rig.path("d"), PermissionsExt::from_mode(0o700)).unwrap(),
            "d has the permission bits 700 instead of 755",
        ),
        (
            |rig| fs::set_permissions(rig.path("m"), PermissionsExt::from_mode(0o755)).unwrap(),
            "m has the permission bits 755 instead of 700",
        ),
        (
            |rig| {
                fs::remove_file(rig.path("l")).unwrap();
                symlink("other", rig.path("l")).unwrap();
            },
            "l has another content",
        ),
        (
            |rig| {
                fs::remove_file(rig.path("l")).unwrap();
                fs::create_dir(rig.path("l")).unwrap();
            },
            "l is a directory",
        ),
    ];
    for (tamper, expected) in tampers {
        let rig = Rig::new(&from, &to);
        let applied = rig.apply_gated(&|_| Ok(())).unwrap();
        tamper(&rig);
        let found: Vec<String> = rig.verify(&applied, &nothing_left_out).iter().map(Mismatch::to_string).collect();
        assert_eq!(found, [*expected]);
    }
}
