//! Random trees and random edits: a scan with the cache gives what a scan without gives.

use proptest::prelude::*;

use super::*;
use crate::workspace::testing::cases;

/// One change, to whatever stands at the path.
#[derive(Clone, Debug)]
enum Edit {
    Write(String, String),
    KeepSizeAndTime(String),
    Remove(String),
    MakeDir(String),
    Link(String, String),
    Chmod(String, u32),
    Rename(String, String),
    HardLink(String, String),
    Ignore(String, String),
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "dd", "a.b"]), 1..4).prop_map(|names| names.join("/"))
}

fn edit() -> impl Strategy<Value = Edit> {
    let content = || "[xy]{0,3}";
    prop_oneof![
        4 => (path(), content()).prop_map(|(path, content)| Edit::Write(path, content)),
        2 => path().prop_map(Edit::KeepSizeAndTime),
        2 => path().prop_map(Edit::Remove),
        1 => path().prop_map(Edit::MakeDir),
        1 => (path(), path()).prop_map(|(target, path)| Edit::Link(target, path)),
        1 => (path(), prop::sample::select(vec![0o644, 0o755, 0o700])).prop_map(|(path, mode)| Edit::Chmod(path, mode)),
        2 => (path(), path()).prop_map(|(from, to)| Edit::Rename(from, to)),
        1 => (path(), path()).prop_map(|(from, to)| Edit::HardLink(from, to)),
        1 => (path(), prop::sample::select(vec!["a", "b", "c\ndd"])).prop_map(|(path, names)| Edit::Ignore(path, names.to_owned())),
    ]
}

/// Does what can be done; many edits name what is not there.
fn apply(sandbox: &Sandbox, edit: &Edit) -> Option<()> {
    let at = |path: &str| sandbox.path(path);
    let is_dir = |path: &Path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let parent = |path: &Path| fs::create_dir_all(path.parent().unwrap()).ok();
    match edit {
        Edit::Write(path, content) => {
            parent(&at(path))?;
            let is_file = fs::symlink_metadata(at(path)).is_ok_and(|metadata| metadata.is_file());
            if is_file || !at(path).is_symlink() { fs::write(at(path), content).ok() } else { None }
        }
        Edit::KeepSizeAndTime(path) => {
            let metadata = fs::symlink_metadata(at(path)).ok().filter(|metadata| metadata.is_file())?;
            fs::write(at(path), "z".repeat(metadata.len() as usize)).ok()?;
            fs::File::options().write(true).open(at(path)).ok()?.set_modified(metadata.modified().ok()?).ok()
        }
        Edit::Remove(path) if is_dir(&at(path)) => fs::remove_dir_all(at(path)).ok(),
        Edit::Remove(path) => fs::remove_file(at(path)).ok(),
        Edit::MakeDir(path) => fs::create_dir_all(at(path)).ok(),
        Edit::Link(target, path) => {
            parent(&at(path))?;
            std::os::unix::fs::symlink(format!("nowhere/{target}"), at(path)).ok()
        }
        Edit::Chmod(path, mode) if !at(path).is_symlink() => fs::set_permissions(at(path), fs::Permissions::from_mode(*mode)).ok(),
        Edit::Chmod(..) => None,
        Edit::Rename(from, to) => {
            parent(&at(to))?;
            fs::rename(at(from), at(to)).ok()
        }
        Edit::HardLink(from, to) => {
            parent(&at(to))?;
            fs::hard_link(at(from), at(to)).ok()
        }
        Edit::Ignore(path, names) => {
            fs::create_dir_all(at(path)).ok()?;
            fs::write(at(path).join(".gitignore"), names).ok()
        }
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn the_cache_changes_nothing_but_the_time(rounds in prop::collection::vec(prop::collection::vec(edit(), 1..12), 1..6)) {
        let sandbox = Sandbox::new();
        let mut trees = MemoryTrees::default();
        for edits in &rounds {
            for edit in edits {
                apply(&sandbox, edit);
            }
            let without = sandbox.scan_with(None, &sandbox.options).map(|mut scan| {
                sandbox.read_all(&scan);
                scan.build_trees::<()>(&mut |_, _, _| Ok(())).unwrap()
            });
            let with = sandbox.push(&mut trees);
            prop_assert_eq!(with.built, without.unwrap());
            sandbox.tick();
        }
    }
}
