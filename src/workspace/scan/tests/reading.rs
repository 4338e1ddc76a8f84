//! Files that change between the walk and the reading, and the opening of paths.

use super::*;

fn open(sandbox: &Sandbox, path: &str) -> Result<String, OpenError> {
    let mut open = sandbox.root().open_file(&RelPath::new(path.as_bytes()).unwrap())?;
    let mut text = String::new();
    open.file.read_to_string(&mut text).unwrap();
    assert_eq!(open.stat, open.stat_again().unwrap());
    Ok(text)
}

#[test]
fn only_files_below_the_root_are_opened() {
    let sandbox = Sandbox::new();
    let outside = tempfile::tempdir_in(sandbox.store.path()).unwrap();
    fs::write(outside.path().join("x"), "outside").unwrap();
    sandbox.write("d/x", "inside").link(outside.path().to_str().unwrap(), "out").link("d", "in").link("d/x", "link");
    rustix::fs::mkfifoat(rustix::fs::CWD, sandbox.path("pipe"), rustix::fs::Mode::RWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(sandbox.path("socket")).unwrap();
    assert_eq!(open(&sandbox, "d/x").unwrap(), "inside");
    for path in ["out/x", "in/x", "link", "pipe", "socket", "d", "d/x/y"] {
        assert!(matches!(open(&sandbox, path), Err(OpenError::NotAFile)), "{path}");
    }
    assert!(matches!(open(&sandbox, "d/gone"), Err(OpenError::Vanished)));
    assert!(matches!(open(&sandbox, "gone/x"), Err(OpenError::Vanished)));
}

#[test]
fn a_file_that_the_system_does_not_let_us_read_is_said_to_be_one() {
    let sandbox = Sandbox::new();
    sandbox.write("d/x", "1").chmod("d/x", 0).chmod("", 0o755);
    let root = sandbox.root();
    let open_as_nobody = || {
        // Bits hold nothing back from root; the rights of a thread are its own.
        if rustix::process::geteuid().is_root() {
            rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(65_534)).unwrap();
        }
        root.open_file(&RelPath::new(b"d/x").unwrap())
    };
    let opened = std::thread::scope(|scope| scope.spawn(open_as_nobody).join().unwrap());
    assert!(matches!(opened, Err(OpenError::Unreadable(error)) if error.kind() == std::io::ErrorKind::PermissionDenied));
}

#[test]
fn files_that_vanish_or_change_before_they_are_read_are_left_out() {
    let sandbox = Sandbox::new();
    sandbox.write("d/gone", "1").write("d/dir", "1").write("d/link", "1").write("d/stays", "1").write("d/grows", "1");
    let mut scan = sandbox.scan_with(None, &sandbox.options).unwrap();
    sandbox.remove("d/gone").remove("d/dir").mkdir("d/dir").remove("d/link").link("stays", "d/link").write("d/grows", "12345");
    assert_eq!(sandbox.read_all(&scan).len(), 5);
    let mut trees = MemoryTrees::default();
    let built = scan.build_trees::<()>(&mut |_, tree, _| {
        trees.0.insert(tree.id(), tree.clone());
        Ok(())
    });
    assert_eq!((built.as_ref().unwrap().files, built.unwrap().bytes), (2, 6));
    let (skipped, count) = scan.skipped();
    let paths: Vec<(&[u8], SkipKind)> = skipped.iter().map(|skipped| (&skipped.path[..], skipped.kind)).collect();
    assert_eq!((paths, count), (vec![(&b"d/dir"[..], SkipKind::Changed), (b"d/link", SkipKind::Changed)], 2));
    let (dir, tmp) = sandbox.cache_dir();
    scan.update_cache(&dir, &tmp).unwrap();
    assert_eq!(sandbox.push(&mut trees).content.len(), 5);
}

#[test]
fn a_file_that_nobody_read_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.write("d/x", "1");
    let mut scan = sandbox.scan_with(None, &sandbox.options).unwrap();
    let built = scan.build_trees::<()>(&mut |_, _, _| Ok(()));
    assert!(matches!(built, Err(BuildError::Unread(path)) if path.as_bytes() == b"d/x"));
    let (dir, tmp) = sandbox.cache_dir();
    scan.drop_file(FileIndex(0), DropReason::Vanished);
    assert!(matches!(scan.build_trees(&mut |_, _, _| Err("full")), Err(BuildError::Sink("full"))));
    assert!(sandbox.cache().is_none());
    scan.build_trees::<()>(&mut |_, _, _| Ok(())).unwrap();
    scan.update_cache(&dir, &tmp).unwrap();
    assert!(sandbox.cache().is_some());
    assert_eq!(scan.file(FileIndex(7)), None);
}

#[test]
fn directories_that_vanish_are_not_there() {
    let sandbox = Sandbox::new();
    let mut trees = MemoryTrees::default();
    sandbox.write("a/b/x", "1").write("a/c", "1");
    sandbox.push(&mut trees);
    // The cache is told that the directory is the same while it is gone: as if it went after it was looked at from above.
    let cache = sandbox.cache();
    let aside = tempfile::tempdir_in(sandbox.store.path()).unwrap();
    fs::rename(sandbox.path("a"), aside.path().join("a")).unwrap();
    let push = sandbox.push_into(&mut trees, cache, &sandbox.options);
    assert!(push.content.is_empty());
}

#[test]
fn progress_counts_names() {
    let sandbox = Sandbox::new();
    sandbox.write("a/b/x", "1").write("a/c", "1");
    let progress = ScanProgress::default();
    let rules = Rules::new(RuleSettings { include_git: false });
    scan(&sandbox.root(), rules, None, &sandbox.options, &progress, &AtomicBool::new(false)).unwrap();
    assert_eq!((progress.directories.into_inner(), progress.entries.into_inner()), (3, 4));
}
