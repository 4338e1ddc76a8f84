//! When an equal `stat` is believed.

use super::*;
use crate::workspace::scan::trust::{AgeRule, FileSystems};

/// A sandbox with the real time.
fn young() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.options.now_ns = now_ns();
    sandbox
}

#[test]
fn young_files_are_read_again_until_they_are_old() {
    let mut sandbox = young();
    let mut trees = MemoryTrees::default();
    sandbox.write("a", "1").write("d/b", "2");
    for _ in 0..3 {
        assert_eq!(sandbox.push(&mut trees).read.len(), 2);
    }
    // The rows are not trusted, so this push reads once more; it can trust what it reads.
    sandbox.options.now_ns += 61_000_000_000;
    let push = sandbox.push(&mut trees);
    assert_eq!((push.read.len(), push.trees.len()), (2, 0));
    assert!(matches!(push.update, CacheUpdate::Appended(_)));
    let push = sandbox.push(&mut trees);
    assert_eq!((push.read.len(), push.update), (0, CacheUpdate::Nothing));
    // What was trusted once stays so, whatever the clock says.
    sandbox.options.now_ns = 0;
    assert!(sandbox.push(&mut trees).read.is_empty());
}

#[test]
fn the_age_can_be_set() {
    let mut sandbox = young();
    let mut trees = MemoryTrees::default();
    sandbox.write("a", "1");
    sandbox.tick();
    (sandbox.options.now_ns, sandbox.options.stat_trust_age_ms) = (now_ns(), 0);
    assert_eq!(sandbox.push(&mut trees).read.len(), 1);
    assert_eq!(sandbox.push(&mut trees).read.len(), 0);
}

#[test]
fn unstable_contents_are_read_again() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "1").write("b", "1");
    let mut scan = sandbox.scan_with(None, &sandbox.options).unwrap();
    let id = ObjectId::of(ObjectKind::Blob, b"1");
    for at in 0..2 {
        let stat = scan.file(FileIndex(at)).unwrap().stat;
        scan.set_content(FileIndex(at), ReadContent { id, bytes: 1, stat, unstable: at == 0 });
    }
    scan.build_trees::<()>(&mut |_, _, _| Ok(())).unwrap();
    let (dir, tmp) = sandbox.cache_dir();
    scan.update_cache(&dir, &tmp).unwrap();
    let scan = sandbox.scan_with(sandbox.cache(), &sandbox.options).unwrap();
    assert_eq!(scan.file(FileIndex(0)).unwrap().path.as_bytes(), b"a");
    assert_eq!(scan.file(FileIndex(0)).unwrap().earlier, Some(id));
}

#[test]
fn times_in_the_future_are_not_believed() {
    let sandbox = Sandbox::new();
    let mut trees = MemoryTrees::default();
    sandbox.write("a", "1");
    let future = std::time::SystemTime::now() + std::time::Duration::from_secs(1 << 33);
    fs::File::options().write(true).open(sandbox.path("a")).unwrap().set_modified(future).unwrap();
    for _ in 0..3 {
        assert_eq!(sandbox.push(&mut trees).read.len(), 1);
    }
}

fn old() -> StatKey {
    StatKey { ctime_ns: 900, mtime_ns: 900, ..StatKey::default() }
}

#[test]
fn ages_are_compared_without_overflow() {
    let root = WorkspaceRoot::open(Path::new(".")).unwrap();
    let device = StatKey::of(&rustix::fs::fstat(&root).unwrap()).device;
    for (now, age, key, trusted) in [
        (1000, 0, old(), true),
        (899, 0, old(), false),
        (i64::MAX, i64::MAX, old(), false),
        (i64::MIN, 1, old(), false),
        (1_000_000_900, 1_000, old(), true),
        (1_000_000_899, 1_000, old(), false),
        (1_000_000_900, 1_000, StatKey { mtime_ns: 1_000_000_901, ..old() }, false),
        (1_000_000_900, 1_000, StatKey { mtime_ns: i64::MIN, ..old() }, true),
    ] {
        let trust = FileSystems::new(AgeRule::new(now, age)).trust(device, &root);
        let is_reliable = trust.trusts(&StatKey { ctime_ns: i64::MIN, mtime_ns: i64::MIN, device, ..old() });
        assert_eq!(trust.trusts(&StatKey { device, ..key }), trusted && is_reliable, "{now} {age} {key:?}");
        assert!(!trust.trusts(&StatKey { device: device + 1, ..key }), "another device");
    }
}

#[test]
fn nothing_in_memory_is_believed() {
    let Ok(temp) = tempfile::tempdir_in("/dev/shm") else {
        println!("nothing_in_memory_is_believed: skipped, there is no /dev/shm");
        return;
    };
    let sandbox = Sandbox { workspace: temp, ..Sandbox::new() };
    let mut trees = MemoryTrees::default();
    sandbox.write("d/a", "1").link("x", "d/l");
    for round in 0..3 {
        let push = sandbox.push(&mut trees);
        assert_eq!(push.read.len(), 1);
        assert!(round == 0 || push.update == CacheUpdate::Nothing);
    }
}
