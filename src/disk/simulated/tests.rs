//! The disk loses what it may lose and nothing else.

use std::sync::Arc;

use super::*;
use crate::disk::Dir;

/// What is found after a power cut that follows some work, for many seeds.
fn after(work: impl Fn(&Dir), look: impl Fn(&Dir) -> String) -> std::collections::BTreeSet<String> {
    let found = (0..200).map(|seed| {
        let machine: Arc<Machine> = Machine::new(seed, Sabotage::None, false);
        machine.begin(1, Faults::default());
        work(&Process::new(&machine, 0).root());
        machine.cut_power();
        machine.begin(1, Faults::default());
        look(&Process::new(&machine, 0).root())
    });
    found.collect()
}

fn names(dir: &Dir) -> String {
    let mut names: Vec<String> = dir.names().unwrap().iter().map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names.join(" ")
}

#[test]
fn bytes_without_a_sync_survive_in_any_part() {
    let work = |dir: &Dir| {
        let file = dir.open_store_file("f", true, true).unwrap();
        file.write_at(&[1; 512], 0).unwrap();
        file.sync_data().unwrap();
        dir.sync().unwrap();
        file.write_at(&[2; 1024], 0).unwrap();
    };
    let look = |dir: &Dir| {
        let bytes = dir.read("f", 1 << 20).unwrap();
        bytes
            .chunks(512)
            .map(|sector| char::from(b'0' + sector[0]))
            .chain([if bytes.len().is_multiple_of(512) { ' ' } else { '?' }])
            .collect()
    };
    let found = after(work, look);
    for expected in ["1 ", "2 ", "12 ", "10 ", "20 ", "22 "] {
        assert!(found.contains(expected), "{expected:?} is not among {found:?}");
    }
    assert_eq!(found.len(), 6, "{found:?}");
}

#[test]
fn names_without_a_sync_of_the_folder_come_and_go() {
    let work = |dir: &Dir| {
        dir.open_store_file("old", true, true).unwrap();
        dir.sync().unwrap();
        dir.open_store_file("new", true, true).unwrap();
        dir.remove_file("old".as_ref()).unwrap();
    };
    let found = after(work, names);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["", "new", "new old", "old"]);
}

#[test]
fn what_was_published_is_there_whole() {
    let work = |dir: &Dir| {
        let tmp = dir.make_dir("tmp").unwrap();
        dir.sync().unwrap();
        dir.publish(&tmp, "f", b"one").unwrap();
        dir.publish(&tmp, "f", b"two").unwrap();
    };
    let found = after(work, |dir| String::from_utf8_lossy(&dir.read("f", 100).unwrap()).into_owned());
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["two"]);
}

#[test]
fn a_map_shows_the_file_and_a_lock_dies_with_its_process() {
    use crate::disk::{Lock, LockMode};
    let machine = Machine::new(1, Sabotage::None, false);
    machine.begin(1, Faults::default());
    let (first, second) = (Process::new(&machine, 0), Process::new(&machine, 0));
    let file = first.root().open_store_file("f", true, true).unwrap();
    file.write_at(b"abc", 0).unwrap();
    let map = second.root().map("f").unwrap();
    file.write_at(b"B", 1).unwrap();
    assert_eq!(&map[..], b"aBc");
    file.truncate(1).unwrap();
    assert_eq!(&map[..], b"a\0\0");
    let lock = Lock::try_acquire(&first.root(), "lock", LockMode::Exclusive).unwrap();
    assert!(lock.is_some());
    assert!(Lock::try_acquire(&second.root(), "lock", LockMode::Shared).unwrap().is_none());
    drop(first);
    assert!(Lock::try_acquire(&second.root(), "lock", LockMode::Shared).unwrap().is_some());
}
