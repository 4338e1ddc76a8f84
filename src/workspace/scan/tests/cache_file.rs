//! A damaged or foreign cache costs time and nothing else.

use super::*;

const CACHE: &str = "stat";

fn sandbox() -> (Sandbox, MemoryTrees, BuiltTree) {
    let sandbox = Sandbox::new();
    let mut trees = MemoryTrees::default();
    sandbox.write(".gitignore", "log\n").write("a", "1").write("log", "1").write("d/b", "2").write("d/e/c", "3").mkdir("empty");
    sandbox.link("a", "d/link");
    let built = sandbox.push(&mut trees).built;
    (sandbox, trees, built)
}

/// Pushes with what stands in the cache file, in memory only: what is in the file stays.
fn root_with_cache(sandbox: &Sandbox) -> (BuiltTree, usize) {
    let mut scan = sandbox.scan_with(sandbox.cache(), &sandbox.options).unwrap();
    let read = sandbox.read_all(&scan).len();
    (scan.build_trees::<()>(&mut |_, _, _| Ok(())).unwrap(), read)
}

#[test]
fn no_flipped_bit_gives_a_wrong_tree() {
    let (sandbox, _, built) = sandbox();
    let path = sandbox.store.path().join(CACHE);
    let good = fs::read(&path).unwrap();
    let intact = root_with_cache(&sandbox).1;
    let mut read = 0;
    for at in 0..good.len() {
        for flip in [1 << (at % 8), 0xff] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            fs::write(&path, &bad).unwrap();
            let (root, files) = root_with_cache(&sandbox);
            assert_eq!(root, built, "byte {at} of {}", good.len());
            read += files;
        }
    }
    assert!(read > intact, "damage must cost time");
}

#[test]
fn no_flipped_bit_hides_an_edit() {
    let (sandbox, mut trees, built) = sandbox();
    let path = sandbox.store.path().join(CACHE);
    let good = fs::read(&path).unwrap();
    sandbox.tick();
    sandbox.write("d/e/c", "4").remove("empty").write("d/new", "5");
    let after = sandbox.push_into(&mut trees, None, &sandbox.options).built;
    assert_ne!(after, built);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&path, &bad).unwrap();
        assert_eq!(root_with_cache(&sandbox).0, after, "byte {at} of {}", good.len());
    }
}

#[test]
fn torn_files_are_no_cache() {
    let (sandbox, mut trees, built) = sandbox();
    let path = sandbox.store.path().join(CACHE);
    let good = fs::read(&path).unwrap();
    for length in (0..good.len()).step_by(7) {
        fs::write(&path, &good[..length]).unwrap();
        assert_eq!(root_with_cache(&sandbox).0, built, "{length} bytes");
        // The header was written and the blocks were not.
        let mut zeros = good[..length].to_vec();
        zeros.resize(good.len(), 0);
        fs::write(&path, &zeros).unwrap();
        assert_eq!(root_with_cache(&sandbox).0, built, "{length} bytes and zeros");
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(root_with_cache(&sandbox).0, built);
    fs::remove_dir(&path).unwrap();
    assert!(matches!(sandbox.push(&mut trees).update, CacheUpdate::Rewritten(_)));
}

#[test]
fn the_cache_of_another_workspace_is_harmless() {
    let (one, _, built) = sandbox();
    let (other, _, _) = sandbox();
    fs::copy(other.store.path().join(CACHE), one.store.path().join(CACHE)).unwrap();
    assert_eq!(root_with_cache(&one), (built, 4));
}

#[test]
fn an_update_that_was_overtaken_is_not_written() {
    let (sandbox, mut trees, _) = sandbox();
    let old = sandbox.cache();
    sandbox.tick();
    sandbox.write("a", "changed");
    sandbox.push(&mut trees);
    let good = fs::read(sandbox.store.path().join(CACHE)).unwrap();
    sandbox.tick();
    sandbox.write("d/b", "changed too");
    let push = sandbox.push_into(&mut trees, old.clone(), &sandbox.options);
    assert_eq!(push.update, CacheUpdate::Overtaken);
    assert_eq!(fs::read(sandbox.store.path().join(CACHE)).unwrap(), good);
    // The same when the file was written anew, or is gone.
    fs::remove_file(sandbox.store.path().join(CACHE)).unwrap();
    assert_eq!(sandbox.push_into(&mut trees, old.clone(), &sandbox.options).update, CacheUpdate::Overtaken);
    sandbox.push(&mut trees);
    sandbox.tick();
    sandbox.write("d/b", "once more");
    assert_eq!(sandbox.push_into(&mut trees, old, &sandbox.options).update, CacheUpdate::Overtaken);
}

#[test]
fn readers_keep_the_cache_that_they_opened() {
    let (sandbox, mut trees, _) = sandbox();
    let old = sandbox.cache().unwrap();
    let root = old.root_tree().unwrap();
    for round in 0..20 {
        sandbox.tick();
        sandbox.write("a", &format!("changed {round}"));
        sandbox.push(&mut trees);
    }
    assert_eq!(old.root_tree(), Some(root));
    assert_ne!(sandbox.cache().unwrap().root_tree(), Some(root));
    let push = sandbox.push_into(&mut trees, Some(old), &sandbox.options);
    assert!(push.read.iter().all(|path| path == "a"));
}

#[test]
fn what_a_killed_writer_left_is_written_over() {
    let (sandbox, mut trees, _) = sandbox();
    let path = sandbox.store.path().join(CACHE);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(&[0xaa; 5000]);
    fs::write(&path, &bytes).unwrap();
    sandbox.tick();
    sandbox.write("d/b", "changed");
    assert!(matches!(sandbox.push(&mut trees).update, CacheUpdate::Appended(_)));
    let after = root_with_cache(&sandbox);
    assert!(after.1 == 0);
}

#[test]
fn a_cache_that_rots_while_it_is_in_use_is_named() {
    let (sandbox, _, _) = sandbox();
    let path = sandbox.store.path().join(CACHE);
    sandbox.tick();
    sandbox.write("d/e/c", "4");
    let good = fs::read(&path).unwrap();
    let mut scan = sandbox.scan_with(sandbox.cache(), &sandbox.options).unwrap();
    sandbox.read_all(&scan);
    // The rows of the folders above are asked for when their trees are built.
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0xff; good.len()], 0).unwrap();
    let built = scan.build_trees::<()>(&mut |_, _, _| Ok(()));
    assert!(matches!(built, Err(BuildError::CacheDamaged)), "{built:?}");
}
