//! Disks that are full, other mounts, files that cannot be changed, damaged contents.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::super::testing::*;
use super::super::*;
use crate::limits::STAGE_BATCH_FILES;

/// A mounted file system that goes with the test. `None` (with a line printed) where mounting is not allowed.
struct Mounted(PathBuf);

impl Mounted {
    fn new(at: &Path, arguments: &[&str]) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted = is_root() && Command::new("mount").args(arguments).arg(at).status().is_ok_and(|status| status.success());
        if !mounted {
            println!("skipped: cannot mount {arguments:?}");
        }
        mounted.then(|| Self(at.to_path_buf()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn bring(rig: &Rig, to: &Model) {
    let applied = rig.apply_gated(&|_| Ok(())).unwrap();
    assert_eq!(rig.verify(&applied, &nothing_left_out), []);
    applied.sync(&rig.root).unwrap();
    assert_eq!(rig.discard(applied), []);
    assert_eq!(rig.model(), *to);
    rig.assert_clean();
}

#[test]
fn a_full_disk_leaves_the_workspace_alone() {
    let temp = tempfile::tempdir().unwrap();
    let Some(_mounted) = Mounted::new(temp.path(), &["-t", "tmpfs", "-o", "size=1m,nr_inodes=60", "tmpfs"]) else { return };
    let from = model(&["a = 1", "d/b = 1"]);
    let mut big = model(&["a = 2"]);
    // By its bytes, by its number of files, and (its directories are not counted before) only while it is written.
    for index in 0..3 {
        big.insert(format!("big-{index}").into_bytes(), Thing::File(0o644, vec![7; 400_000]));
    }
    let mut many = model(&["a = 2"]);
    (0..70).for_each(|index| drop(many.insert(format!("many-{index}").into_bytes(), Thing::Link(b"x".to_vec()))));
    let mut nearly = model(&["a = 2"]);
    nearly.insert(b"nearly".to_vec(), Thing::File(0o644, vec![7; 900_000]));
    (0..40).for_each(|index| drop(nearly.insert(format!("n-{index}").into_bytes(), Thing::File(0o644, vec![7; 10]))));
    let tmp = temp.path().join(".lua/tmp");
    fs::create_dir_all(&tmp).unwrap();
    write_model(temp.path(), &from);
    let mut rig = Rig::around(temp, &tmp, &from, &big);
    for (to, expects_check) in [(&big, true), (&many, true), (&nearly, false)] {
        rig.to = rig.library.store(to);
        let survey = survey(rig.plan(&nothing_left_out), &rig.root, &rig.stage()).unwrap();
        let error = stage(survey, &rig.root, &rig.stage(), &rig.library.contents, Watch::none()).unwrap_err();
        match error {
            WriteError::NoSpace { .. } => assert!(expects_check),
            WriteError::Other(CheckoutError::Place(error)) => assert!(error.is_full() && !expects_check, "{error}"),
            other => panic!("{other}"),
        }
        rig.stage().discard().unwrap();
        assert_eq!(rig.model(), from);
        rig.assert_clean();
    }
    rig.to = rig.library.store(&model(&["a = 2"]));
    bring(&rig, &model(&["a = 2"]));
}

/// A workspace whose folder `m` is another file system.
fn rig_with_mount(from: &Model, to: &Model) -> Option<(Mounted, Rig)> {
    let temp = tempfile::tempdir().unwrap();
    let tmp = temp.path().join(".lua/tmp");
    fs::create_dir_all(&tmp).unwrap();
    let mounted = Mounted::new(&temp.path().join("m"), &["-t", "tmpfs", "-o", "mode=755", "tmpfs"])?;
    let inside = Model::from_iter(from.clone().into_iter().filter(|(path, _)| path != b"m"));
    write_model(temp.path(), &inside);
    Some((mounted, Rig::around(temp, &tmp, from, to)))
}

#[test]
fn other_mounts_in_the_workspace_get_their_own_stage() {
    let from = model(&["a = 1", "m/a = 1", "m/d/b = 1", "m/gone/x = 1"]);
    let to = model(&["a = 2", "m/a -> b", "m/d/b = 2", "m/d/new/x = 2", "m/n/ #500"]);
    let Some((_mounted, mut rig)) = rig_with_mount(&from, &to) else { return };
    let staged = rig.staged(&nothing_left_out).unwrap();
    assert!(rig.path("m/.lua-stage-test-1").is_dir());
    staged.discard(&rig.root).unwrap();
    assert!(!rig.path("m/.lua-stage-test-1").exists());
    rig.assert_clean();
    drop(rig.staged(&nothing_left_out).unwrap());
    assert_eq!(rig.recover().progress, Progress::NotBegun);
    assert!(!rig.path("m/.lua-stage-test-1").exists());
    bring(&rig, &to);
    (rig.from, rig.to) = (rig.to, rig.from);
    bring(&rig, &from);
    // The mount point itself cannot go: everything is taken back.
    rig.from = rig.to;
    rig.to = rig.library.store(&model(&["a = 3"]));
    assert!(matches!(rig.apply_gated(&|_| Ok(())), Err(ApplyError::Undone { .. })));
    assert_eq!(rig.model(), from);
    rig.assert_clean();
}

#[test]
fn what_came_out_on_another_mount_is_looked_at_and_a_mount_that_is_gone_is_not_synced_unnoticed() {
    let from = model(&["m/a = 1"]);
    let to = model(&["m/a = 2"]);
    let Some((mounted, mut rig)) = rig_with_mount(&from, &to) else { return };
    let staged = rig.staged(&nothing_left_out).unwrap();
    fs::write(rig.path("m/a"), "edited").unwrap();
    let conflicts = rig.discard(apply(staged, &rig.root).unwrap());
    assert_eq!(conflicts.iter().map(|conflict| conflict.copy.to_string()).collect::<Vec<_>>(), ["m/a.lua-conflict-1"]);
    assert_eq!(fs::read(rig.path("m/a.lua-conflict-1")).unwrap(), b"edited");
    (rig.from, rig.to) = (rig.to, rig.from);
    let applied = rig.apply_gated(&|_| Ok(())).unwrap();
    applied.sync(&rig.root).unwrap();
    drop(mounted);
    fs::remove_dir(rig.path("m")).unwrap();
    assert!(applied.sync(&rig.root).is_err());
}

#[test]
fn the_same_file_system_mounted_again_is_another_mount() {
    let (from, to) = (model(&["a = 1", "m/a = 1"]), model(&["a = 2", "m/a = 2", "m/b = 2"]));
    let elsewhere = tempfile::tempdir().unwrap();
    let temp = tempfile::tempdir().unwrap();
    let tmp = temp.path().join(".lua/tmp");
    fs::create_dir_all(&tmp).unwrap();
    let Some(_mounted) = Mounted::new(&temp.path().join("m"), &["--bind", elsewhere.path().to_str().unwrap()]) else { return };
    fs::set_permissions(temp.path().join("m"), PermissionsExt::from_mode(0o755)).unwrap();
    write_model(temp.path(), &Model::from_iter(from.clone().into_iter().filter(|(path, _)| path != b"m")));
    bring(&Rig::around(temp, &tmp, &from, &to), &to);
}

#[test]
fn the_store_may_be_on_another_file_system() {
    let (from, to) = (model(&["a = 1", "d/b = 1", "ro/x = 1", "ro/ #555"]), model(&["a = 2", "e/b/c = 1", "ro/x = 2", "ro/ #555"]));
    let temp = tempfile::tempdir().unwrap();
    let Ok(store) = tempfile::tempdir_in("/dev/shm") else { return println!("skipped: no /dev/shm") };
    if store.path().metadata().unwrap().dev() == temp.path().metadata().unwrap().dev() {
        return println!("skipped: one file system");
    }
    write_model(temp.path(), &from);
    bring(&Rig::around(temp, store.path(), &from, &to), &to);
}

/// Directories of the lower layer cannot be renamed there; a checkout renames only its own.
#[test]
fn an_overlay_is_a_file_system_like_others() {
    let (from, to) = (
        model(&["f-d = 1", "d-f/x/y = 1", "m = 1", "d/ #755", "gone/x = 1", "l -> x"]),
        model(&["f-d/x/y = 1", "d-f = 3", "m = 1 #755", "d/ #1700", "new/x = 1", "l -> y"]),
    );
    let Ok(layers) = tempfile::tempdir_in("/dev/shm") else { return println!("skipped: no /dev/shm") };
    ["lower", "upper", "work"].iter().for_each(|name| fs::create_dir(layers.path().join(name)).unwrap());
    write_model(&layers.path().join("lower"), &from);
    let temp = tempfile::tempdir().unwrap();
    let layer = |name: &str| {
        format!("{}={}", if name == "work" { "workdir".to_owned() } else { format!("{name}dir") }, layers.path().join(name).display())
    };
    let options = [layer("lower"), layer("upper"), layer("work")].join(",");
    let Some(_mounted) = Mounted::new(temp.path(), &["-t", "overlay", "-o", &options, "overlay"]) else { return };
    let tmp = temp.path().join(".lua/tmp");
    fs::create_dir_all(&tmp).unwrap();
    let mut rig = Rig::around(temp, &tmp, &from, &to);
    bring(&rig, &to);
    (rig.from, rig.to) = (rig.to, rig.from);
    bring(&rig, &from);
}

#[test]
fn what_cannot_be_changed_undoes_everything() {
    let (from, to) = (model(&["a = 1", "d/b = 1", "z/held = 1", "gone/x = 1"]), model(&["a = 2", "d/c/e = 1", "z/held = 2"]));
    let rig = Rig::on_disk(&from, &to);
    let attribute = |sign: &str, path: &str| {
        let changed = Command::new("chattr").arg(sign).arg(rig.path(path)).stderr(std::process::Stdio::null()).status();
        is_root() && changed.is_ok_and(|status| status.success())
    };
    if !attribute("+i", "z/held") {
        return println!("skipped: no chattr +i here");
    }
    let error = rig.apply_gated(&|_| Ok(())).unwrap_err();
    attribute("-i", "z/held");
    assert!(error.to_string().contains("z/held"), "{error}");
    assert!(matches!(error, ApplyError::Undone { .. }));
    assert_eq!(rig.model(), from);
    rig.assert_clean();
    bring(&rig, &to);
}

#[test]
fn damaged_contents_leave_the_workspace_alone() {
    let (from, to) = (model(&["a = 1"]), model(&["a = 2", "b = missing"]));
    let mut rig = Rig::new(&from, &to);
    rig.library.contents.blobs.remove(&crate::id::ObjectId::of(crate::id::ObjectKind::Blob, b"missing"));
    let survey = survey(rig.plan(&nothing_left_out), &rig.root, &rig.stage()).unwrap();
    let error = stage(survey, &rig.root, &rig.stage(), &rig.library.contents, Watch::none()).unwrap_err();
    assert!(matches!(&error, WriteError::Content { path, .. } if path.as_bytes() == b"b"), "{error}");
    assert_eq!(rig.model(), from);
    rig.stage().discard().unwrap();
}

#[test]
fn staging_can_be_stopped_and_tells_how_far_it_is() {
    let (from, to) = (model(&["a = 1"]), model(&["a = 22", "d/b = 333", "d/c -> x"]));
    let rig = Rig::new(&from, &to);
    let cancel = AtomicBool::new(false);
    let done = std::sync::Mutex::new((0, 0));
    let progress = |files: u64, bytes: u64| {
        let mut done = done.lock().unwrap();
        *done = (done.0 + files, done.1 + bytes);
    };
    let run = || {
        let survey = survey(rig.plan(&nothing_left_out), &rig.root, &rig.stage()).unwrap();
        stage(survey, &rig.root, &rig.stage(), &rig.library.contents, Watch { progress: &progress, cancel: &cancel })
    };
    assert!(run().is_ok());
    assert_eq!(*done.lock().unwrap(), (3, 5));
    rig.stage().discard().unwrap();
    cancel.store(true, Ordering::Relaxed);
    assert!(matches!(run(), Err(WriteError::Cancelled)));
    assert_eq!(rig.model(), from);
    rig.stage().discard().unwrap();
}

#[test]
fn many_files_of_a_folder_are_written_once_each() {
    let count = 2 * STAGE_BATCH_FILES + 7;
    let mut to = model(&["d/"]);
    to.extend((0..count).map(|number| (format!("d/{number}").into_bytes(), Thing::File(0o644, b"x".to_vec()))));
    let rig = Rig::new(&model(&["d/"]), &to);
    let written = AtomicU64::new(0);
    let progress = |files: u64, _: u64| _ = written.fetch_add(files, Ordering::Relaxed);
    let survey = survey(rig.plan(&nothing_left_out), &rig.root, &rig.stage()).unwrap();
    let watch = Watch { progress: &progress, cancel: &AtomicBool::new(false) };
    let staged = stage(survey, &rig.root, &rig.stage(), &rig.library.contents, watch).unwrap();
    assert_eq!(written.into_inner(), count as u64);
    assert_eq!(rig.discard(apply(staged, &rig.root).unwrap()), []);
    assert_eq!(rig.model(), to);
}

#[test]
fn other_names_of_a_file_keep_its_content_and_bits() {
    let (from, to) = (model(&["chmod = 1", "replace = 1", "remove = 1"]), model(&["chmod = 1 #755", "replace = 2"]));
    let rig = Rig::on_disk(&from, &to);
    let outside = tempfile::tempdir().unwrap();
    for name in ["chmod", "replace", "remove"] {
        fs::hard_link(rig.path(name), outside.path().join(name)).unwrap();
    }
    bring(&rig, &to);
    assert_eq!(read_model(outside.path()), from);
}

#[test]
fn journals_are_published_and_removed() {
    let rig = Rig::new(&Model::new(), &Model::new());
    let store = crate::disk::Dir::open(&rig.path(".lua"), crate::disk::RootOf::UserPath).unwrap();
    assert_eq!(read_journal(&store).unwrap(), None);
    publish_journal(&store, &rig.tmp, &rig.journal()).unwrap();
    assert_eq!(read_journal(&store).unwrap(), Some(rig.journal()));
    let too_long = crate::format::journal::Journal { triggered_by: "x".repeat(1 << 20), ..rig.journal() };
    assert!(matches!(publish_journal(&store, &rig.tmp, &too_long), Err(JournalError::Format(_))));
    remove_journal(&store).unwrap();
    remove_journal(&store).unwrap();
    assert_eq!(read_journal(&store).unwrap(), None);
    fs::write(rig.path(".lua/checkout.journal"), "no journal").unwrap();
    assert!(matches!(read_journal(&store), Err(JournalError::Format(_))));
    fs::remove_file(rig.path(".lua/checkout.journal")).unwrap();
    std::os::unix::fs::symlink("elsewhere", rig.path(".lua/checkout.journal")).unwrap();
    assert!(matches!(read_journal(&store), Err(JournalError::Disk(_))));
    rig.assert_clean();
}

#[test]
fn bits_are_set_from_the_inside_out() {
    let rig = Rig::new(&model(&["d/e/ #755"]), &model(&["d/e/ #700", "d/ #600"]));
    let applied = rig.apply_gated(&|_| Ok(())).unwrap();
    assert_eq!(rig.discard(applied), []);
    let mode = |path: &str| rig.path(path).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("d"), 0o600);
    fs::set_permissions(rig.path("d"), PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(mode("d/e"), 0o700);
}

/// They are filled before they get their bits, and moved.
#[test]
fn new_directories_may_forbid_their_owner_everything() {
    let rig = Rig::new(&Model::new(), &model(&["closed/f = 1", "closed/ #000", "new/n/m/f = 2", "new/n/ #600"]));
    let applied = rig.apply_gated(&|_| Ok(())).unwrap();
    assert_eq!(rig.discard(applied), []);
    for (directory, bits, file, content) in [("closed", 0, "closed/f", "1"), ("new/n", 0o600, "new/n/m/f", "2")] {
        assert_eq!(rig.path(directory).metadata().unwrap().permissions().mode() & 0o7777, bits);
        fs::set_permissions(rig.path(directory), PermissionsExt::from_mode(0o700)).unwrap();
        assert_eq!(fs::read_to_string(rig.path(file)).unwrap(), content);
    }
}

/// Root may do nearly everything; others must not need to.
#[test]
fn everything_also_without_the_rights_of_root() {
    if !is_root() {
        return println!("skipped: these tests run without them anyway");
    }
    let place = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    fs::set_permissions(place.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let program = place.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = Command::new(&program);
    command.args(["--test-threads", "2", "checkout::"]).env("TMPDIR", place.path()).current_dir(place.path()).uid(65534).gid(65534);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
