//! What comes out is the target, to the bit, and what was equal is not touched.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use proptest::prelude::*;

use super::super::apply::apply_with;
use super::super::moves::Moves;
use super::super::testing::*;
use super::super::*;

fn bring(from: &Model, to: &Model, moves: &Moves<'_>) {
    let rig = Rig::new(from, to);
    let state = |path: &[u8]| {
        let metadata = rig.temp.path().join(std::ffi::OsStr::from_bytes(path)).symlink_metadata().unwrap();
        (metadata.ino(), metadata.mtime_nsec(), metadata.ctime_nsec())
    };
    let equal: Vec<&Vec<u8>> = from
        .iter()
        .filter(|(path, thing)| to.get(*path) == Some(thing) && !matches!(thing, Thing::Directory(_)))
        .map(|(path, _)| path)
        .collect();
    let before: Vec<_> = equal.iter().map(|path| state(path)).collect();
    let applied = apply_with(rig.staged(&nothing_left_out).unwrap(), &rig.root, &|_| None, moves).unwrap();
    assert!(applied.conflicts().is_empty() && applied.kept_directories().is_empty());
    assert_eq!(rig.verify(&applied, &nothing_left_out), []);
    applied.sync(&rig.root).unwrap();
    assert_eq!(rig.discard(applied), []);
    assert_eq!(rig.model(), *to);
    assert_eq!(equal.iter().map(|path| state(path)).collect::<Vec<_>>(), before);
    rig.assert_clean();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_tree_becomes_any_other(from in any_model(), to in any_model()) {
        bring(&from, &to, &Moves::new(&|_| Ok(())));
    }

    #[test]
    fn also_where_the_file_system_knows_no_flags(from in any_model(), to in any_model()) {
        bring(&from, &to, &Moves::without_flags(&|_| Ok(())));
    }

    #[test]
    fn trees_are_materialized_exactly(model in any_model()) {
        let rig = Rig::new(&Model::new(), &model);
        let temp = tempfile::tempdir().unwrap();
        let target = crate::disk::Dir::open(temp.path(), crate::disk::RootOf::UserPath).unwrap();
        let seen = std::sync::Mutex::new(std::collections::BTreeMap::new());
        let on_file = |path: &crate::path::RelPath, stat: &FileStat| drop(seen.lock().unwrap().insert(path.as_bytes().to_vec(), *stat));
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
            prop_assert_eq!(stat.ctime_ns % 1_000_000_000, i128::from(metadata.ctime_nsec()));
        }
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
    bring(&from, &to, &Moves::new(&|_| Ok(())));
    bring(&to, &from, &Moves::without_flags(&|_| Ok(())));
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
