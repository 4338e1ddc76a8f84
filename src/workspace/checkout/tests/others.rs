//! Others who change the workspace meanwhile lose nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::apply::apply_with;
use super::super::moves::Moves;
use super::super::testing::*;
use super::super::*;

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
        for flags in [true, false] {
            let rig = Rig::new(&model(&from), &model(&to));
            let staged = rig.staged(&nothing_left_out).unwrap();
            edit(&rig);
            let moves = if flags { Moves::new(&|_| Ok(())) } else { Moves::without_flags(&|_| Ok(())) };
            let applied = apply_with(staged, &rig.root, &moves).unwrap();
            assert_eq!(rig.verify(&applied, &|path, _| path.as_bytes() == b"d/own"), [], "{name}");
            let kept = applied.kept_directories().len();
            let conflicts = rig.discard(applied);
            assert_eq!(fs::read_to_string(rig.path(kept_at)).ok().as_deref(), Some("X"), "{name}: {conflicts:?}");
            assert_eq!(conflicts.len() + kept, 1, "{name}: {conflicts:?}");
            let mut expected = rig.model();
            expected.retain(|path, _| model(&to).contains_key(path));
            assert_eq!(expected, model(&to), "{name}");
            rig.assert_clean();
        }
    }
}

#[test]
fn what_others_removed_is_gone_already_unless_something_is_to_come_there() {
    let rig = Rig::new(&model(&["d/e/x = 1", "m = 1"]), &model(&["m = 1 #755"]));
    let staged = rig.staged(&nothing_left_out).unwrap();
    fs::remove_dir_all(rig.path("d")).unwrap();
    fs::remove_file(rig.path("m")).unwrap();
    fs::create_dir(rig.path("m")).unwrap();
    fs::set_permissions(rig.path("m"), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    let applied = apply(staged, &rig.root).unwrap();
    assert_eq!(applied.kept_directories(), []);
    assert_eq!(rig.discard(applied), []);
    assert_eq!(rig.model(), model(&["m/ #711"]), "the bits were meant for a file");

    let rig = Rig::new(&model(&["d/x = 1"]), &model(&["d/x = 2"]));
    let staged = rig.staged(&nothing_left_out).unwrap();
    fs::remove_dir_all(rig.path("d")).unwrap();
    assert!(matches!(apply(staged, &rig.root), Err(ApplyError::Undone { .. })));
    rig.assert_clean();
}

#[test]
fn what_others_put_into_the_stage_is_kept_under_a_plain_name() {
    let rig = Rig::new(&model(&["a = 1"]), &model(&["a = 2"]));
    let staged = rig.staged(&nothing_left_out).unwrap();
    fs::write(rig.path(".lua/tmp/test-1/0/y z"), "X").unwrap();
    let conflicts = rig.discard(apply(staged, &rig.root).unwrap());
    assert_eq!(conflicts.iter().map(|conflict| conflict.copy.to_string()).collect::<Vec<_>>(), ["recovered-y_z.lua-conflict-1"]);
    assert_eq!(fs::read(rig.path("recovered-y_z.lua-conflict-1")).unwrap(), b"X");
}

#[test]
fn what_only_looks_edited_is_no_conflict() {
    let rig = Rig::new(&model(&["a = 1", "b = 1", "l -> x"]), &model(&["a = 2"]));
    let staged = rig.staged(&nothing_left_out).unwrap();
    fs::write(rig.path("a"), "1").unwrap();
    fs::remove_file(rig.path("b")).unwrap();
    fs::remove_file(rig.path("l")).unwrap();
    symlink("x", rig.path("l")).unwrap();
    let applied = apply(staged, &rig.root).unwrap();
    assert_eq!(rig.discard(applied), []);
    assert_eq!(rig.model(), model(&["a = 2"]));
}

#[test]
fn late_writes_through_an_open_handle_are_kept() {
    let rig = Rig::new(&model(&["d/a = 1", "d/b = 1"]), &model(&["d/a = 2"]));
    let mut open = ["d/a", "d/b"].map(|path| fs::OpenOptions::new().append(true).open(rig.path(path)).unwrap());
    let applied = apply(rig.staged(&nothing_left_out).unwrap(), &rig.root).unwrap();
    open.iter_mut().for_each(|file| file.write_all(b" and more").unwrap());
    let late = rig.discard(applied);
    assert_eq!(late.len(), 2);
    assert_eq!(rig.model(), model(&["d/a = 2", "d/a.lua-conflict-1 = 1 and more", "d/b.lua-conflict-1 = 1 and more"]));
    rig.assert_clean();
}

/// Four editors that append in place, save by renaming, make and remove, while the workspace goes to and fro and is recorded
/// before each checkout. Every line that was ever written must be in a record, in the workspace, or have been taken out by
/// an editor itself.
#[test]
fn busy_editors_lose_no_line() {
    let lines = ["a = 1", "b = 1", "d/c = 1", "g = 1", "d/e/f = 1"];
    let ends = [model(&lines), model(&["a = 2", "d/e/f/y = 2", "g/x = 2", "b -> a"])];
    let mut rig = Rig::new(&ends[0], &ends[1]);
    let desk = Desk {
        root: rig.temp.path().to_path_buf(),
        written: Mutex::default(),
        accounted: Mutex::default(),
        hands: Mutex::default(),
        stop: AtomicBool::new(false),
    };
    let (mut conflicts, mut checkouts) = (0, 0);
    std::thread::scope(|scope| {
        let _stop = StopAtEnd(&desk.stop);
        for number in 0..4 {
            let desk = &desk;
            scope.spawn(move || (0..).take_while(|_| !desk.stop.load(Ordering::Relaxed)).for_each(|round| desk.edit(number, round)));
        }
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(3);
        for round in 0.. {
            if std::time::Instant::now() > deadline {
                break;
            }
            let record = desk.record();
            desk.accounted.lock().unwrap().extend(record.values().filter_map(content_of));
            (rig.from, rig.to) = (rig.library.store(&record), rig.library.store(&ends[round % 2]));
            let Ok(staged) = rig.staged(&nothing_left_out) else {
                rig.stage().discard().unwrap();
                continue;
            };
            let applied = apply(staged, &rig.root).unwrap();
            // A writer that has a file open from before until after this moment is on its own.
            let _hands = desk.hands.lock().unwrap();
            conflicts += rig.discard(applied).len();
            checkouts += 1;
        }
    });
    let written = desk.written.into_inner().unwrap();
    let mut found = desk.accounted.into_inner().unwrap();
    found.extend(rig.model().values().filter_map(content_of));
    let found: BTreeSet<&[u8]> = found.iter().flat_map(|content| content.split(|&byte| byte == b'\n')).collect();
    let lost: Vec<&String> = written.iter().filter(|line| !found.contains(line.as_bytes())).collect();
    println!("{} lines written, {checkouts} checkouts, {conflicts} conflict copies", written.len());
    assert!(written.len() > 50 && checkouts > 5, "{} lines, {checkouts} checkouts", written.len());
    assert!(lost.is_empty(), "{} lines lost: {:?}", lost.len(), &lost[..lost.len().min(5)]);
    rig.assert_clean();
}

fn content_of(thing: &Thing) -> Option<Vec<u8>> {
    match thing {
        Thing::File(_, content) => Some(content.clone()),
        _ => None,
    }
}

/// Where editors work.
struct Desk {
    root: PathBuf,
    /// Lines that were written in full.
    written: Mutex<Vec<String>>,
    /// Contents that were recorded, or taken out by an editor.
    accounted: Mutex<Vec<Vec<u8>>>,
    /// Held while a file is open: editors would lose each other's lines otherwise.
    hands: Mutex<()>,
    stop: AtomicBool,
}

/// Ends the editors, also when the test fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Desk {
    /// What a push does: looks, then reads; takes what it finds.
    fn record(&self) -> Model {
        let mut record = Model::new();
        let is_store = |entry: &walkdir::DirEntry| entry.depth() == 1 && entry.file_name() == ".lua";
        let entries = walkdir::WalkDir::new(&self.root).min_depth(1).into_iter().filter_entry(|entry| !is_store(entry));
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path().strip_prefix(&self.root).unwrap().to_str().unwrap().to_owned();
            let Ok(metadata) = entry.path().symlink_metadata() else { continue };
            let mode = (metadata.mode() & 0o7777) as u16;
            let thing = if metadata.is_dir() {
                Ok(Thing::Directory(mode))
            } else if metadata.is_symlink() {
                fs::read_link(entry.path()).map(|target| Thing::Link(target.to_str().unwrap().into()))
            } else {
                fs::read(entry.path()).map(|content| Thing::File(mode, content))
            };
            let Ok(thing) = thing else { continue };
            record.insert(path.into_bytes(), thing);
        }
        // A folder that came while this went on may have been missed.
        let whole = record.clone();
        record.retain(|path, _| {
            path.iter().enumerate().all(|(at, byte)| *byte != b'/' || matches!(whole.get(&path[..at]), Some(Thing::Directory(_))))
        });
        record
    }

    fn edit(&self, number: usize, round: usize) {
        // No directory ever comes to the first four.
        let paths = ["a", "b", "d/c", "made", "d/e/f", "d/e/f/y", "g", "g/x"];
        let saves_over = matches!(round % 7, 4 | 5);
        let path = self.root.join(paths[(number * 3 + round) % if saves_over { 4 } else { paths.len() }]);
        let draft = self.root.join(format!(".lua/draft-{number}"));
        let line = format!("editor {number} round {round}");
        let _hands = self.hands.lock().unwrap();
        let edited = match round % 7 {
            0..4 => append(&path, &line),
            _ if saves_over => self.save(&path, &draft, &line, rustix::fs::RenameFlags::EXCHANGE),
            _ => self.save(&path, &draft, &line, rustix::fs::RenameFlags::NOREPLACE),
        };
        if edited.is_ok() {
            self.written.lock().unwrap().push(line);
        }
    }

    /// Saves as editors do, and takes note of what it replaces.
    fn save(&self, path: &Path, draft: &Path, line: &str, flags: rustix::fs::RenameFlags) -> std::io::Result<()> {
        // It may be a link that came out last time.
        let _ = fs::remove_file(draft);
        fs::write(draft, format!("{line}\n"))?;
        rustix::fs::renameat_with(rustix::fs::CWD, draft, rustix::fs::CWD, path, flags)?;
        if let Ok(content) = fs::read(draft) {
            self.accounted.lock().unwrap().push(content);
        }
        Ok(())
    }
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    fs::OpenOptions::new().append(true).open(path)?.write_all(format!("\n{line}\n").as_bytes())
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
                Some(staged) => match apply(staged, &rig.root) {
                    Ok(applied) => {
                        drop(applied.discard(&rig.root));
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
