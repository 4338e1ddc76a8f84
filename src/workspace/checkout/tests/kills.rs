//! Interrupted anywhere, the workspace ends as the old or the new version; failed anywhere, as the old.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use proptest::prelude::*;
use rustix::io::Errno;

use super::super::apply::apply_with;
use super::super::moves::{Gate, Moves};
use super::super::testing::*;
use super::super::*;

/// How a gate ends a run.
#[derive(Clone, Copy, Debug)]
enum End {
    Killed,
    FailsOnce,
    /// Also on the way back from a move in steps.
    FailsTwice,
    FailsFromThereOn,
}

/// Runs what asks a gate, with an end at the `count`-th call. `None`: killed there.
fn run_until<T>(count: u32, end: End, act: impl FnOnce(&Gate<'_>) -> T) -> (Option<T>, u32) {
    let calls = Cell::new(0);
    let gate = |_: &'static str| {
        calls.set(calls.get() + 1);
        match end {
            End::Killed if calls.get() == count => resume_unwind(Box::new("killed")),
            End::FailsOnce if calls.get() == count => Err(Errno::IO),
            End::FailsTwice if (count..count + 2).contains(&calls.get()) => Err(Errno::IO),
            End::FailsFromThereOn if calls.get() >= count => Err(Errno::IO),
            _ => Ok(()),
        }
    };
    let result = catch_unwind(AssertUnwindSafe(|| act(&gate))).ok();
    (result, calls.get())
}

/// What the next command does.
fn finish(rig: &Rig, forward: bool, moves: &Moves<'_>) {
    let recovery = rig.recover();
    let (changes, goal) = if forward { (recovery.forward, rig.to) } else { (recovery.back, rig.from) };
    let plan = CheckoutPlan::new(changes, &left_alone_rule(&rig.journal()));
    let applied = apply_with(rig.staged_plan(plan).unwrap(), &rig.root, moves).unwrap();
    let mismatches = verify(&applied, &rig.root, &rig.library.trees, &goal, &nothing_left_out, &|_, _| ()).unwrap();
    assert_eq!(mismatches, []);
    assert_eq!(rig.discard(applied), []);
}

fn kill_everywhere(from: &Model, to: &Model, flags: bool) {
    let made = |gate: &'static Gate<'static>| if flags { Moves::new(gate) } else { Moves::without_flags(gate) };
    let mut count = 1;
    loop {
        let rig = Rig::new(from, to);
        let staged = rig.staged(&nothing_left_out).unwrap();
        let (applied, calls) = run_until(count, End::Killed, |gate| {
            let moves = if flags { Moves::new(gate) } else { Moves::without_flags(gate) };
            apply_with(staged, &rig.root, &moves).unwrap()
        });
        if applied.is_some() {
            assert!(calls < count);
            return;
        }
        let recovery = rig.recover();
        assert_eq!((recovery.foreign, recovery.conflicts), (vec![], vec![]), "killed before call {count}");
        // Some calls later in the same way forward, again.
        let again = count % 5 + 1;
        let (_, _) = run_until(again, End::Killed, |gate| finish(&rig, count % 3 != 0, &Moves::new(gate)));
        let forward = count % 2 == 0;
        finish(&rig, forward, &made(&|_| Ok(())));
        assert_eq!(rig.model(), *if forward { to } else { from }, "killed before call {count}");
        let expected = match (forward, from == to) {
            (_, true) | (false, _) => Progress::NotBegun,
            (true, false) => Progress::Complete,
        };
        assert_eq!(rig.recover().progress, expected);
        rig.assert_clean();
        count += 1;
    }
}

fn fail_everywhere(from: &Model, to: &Model, flags: bool) {
    for end in [End::FailsOnce, End::FailsTwice, End::FailsFromThereOn] {
        let mut count = 1;
        loop {
            let rig = Rig::new(from, to);
            let staged = rig.staged(&nothing_left_out).unwrap();
            let (applied, calls) = run_until(count, end, |gate| {
                let moves = if flags { Moves::new(gate) } else { Moves::without_flags(gate) };
                apply_with(staged, &rig.root, &moves)
            });
            match applied.unwrap() {
                Ok(_) => {
                    assert!(calls < count);
                    break;
                }
                Err(ApplyError::Undone { conflicts, .. }) => assert_eq!(conflicts, []),
                Err(ApplyError::Stuck { .. }) => {
                    assert!(!matches!(end, End::FailsOnce));
                    finish(&rig, false, &Moves::new(&|_| Ok(())));
                }
            }
            assert_eq!(rig.model(), *from, "failed at call {count}, {end:?}");
            rig.assert_clean();
            count += 1;
        }
    }
}

fn rich_pair() -> (Model, Model) {
    let from = model(&[
        "f-d = 1",
        "f-l = 1",
        "l-d -> x",
        "d-f/x/y = 1",
        "gone/e/ #555",
        "gone/f = 2",
        "m = 1",
        "d/ #755",
        "d/ro/x = 1",
        "d/ro/ #555",
    ]);
    let to = model(&[
        "f-d/x/y = 1",
        "f-l -> y",
        "l-d/z -> /",
        "d-f = 3",
        "new/ #500",
        "new/a/b = 4",
        "m = 1 #755",
        "d/ #1700",
        "d/ro/x = 2",
        "d/ro/n = 2",
        "d/ro/ #555",
    ]);
    (from, to)
}

#[test]
fn killed_at_each_step_it_ends_old_or_new() {
    let (from, to) = rich_pair();
    for flags in [true, false] {
        kill_everywhere(&from, &to, flags);
        kill_everywhere(&to, &from, flags);
    }
}

#[test]
fn failed_at_each_step_it_is_as_before() {
    let (from, to) = rich_pair();
    for flags in [true, false] {
        fail_everywhere(&from, &to, flags);
        fail_everywhere(&to, &from, flags);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_pair_survives_kills(from in any_model(), to in any_model()) {
        kill_everywhere(&from, &to, true);
    }

    #[test]
    fn any_pair_survives_failures(from in any_model(), to in any_model()) {
        fail_everywhere(&from, &to, true);
    }
}

#[test]
fn killed_while_staging_nothing_has_happened() {
    let (from, to) = rich_pair();
    let rig = Rig::new(&from, &to);
    drop(rig.staged(&nothing_left_out).unwrap());
    // Files that are half written are no edits.
    staged_files(&rig).into_iter().for_each(|file| std::fs::write(file, "ha").unwrap());
    let recovery = rig.recover();
    assert_eq!((recovery.progress, recovery.conflicts), (Progress::NotBegun, vec![]));
    assert_eq!(rig.model(), from);
    rig.assert_clean();
}

/// While one works in a directory, its owner may write and go through it.
#[test]
fn bits_that_a_kill_left_widened_are_put_back_and_are_no_edit() {
    use std::os::unix::fs::PermissionsExt;
    let from = model(&["d/x = 1", "d/ #555", "e/ #555"]);
    let to = model(&["d/x = 2", "d/ #555", "e/ #500"]);
    let rig = Rig::new(&from, &to);
    let chmod = |path: &str, mode| std::fs::set_permissions(rig.path(path), PermissionsExt::from_mode(mode)).unwrap();
    for (directory, mode) in [("d", 0o755), ("e", 0o755), ("e", 0o700)] {
        chmod(directory, mode);
        let recovery = rig.recover();
        assert_eq!((recovery.progress, recovery.foreign), (Progress::Between, vec![]), "{directory} {mode:o}");
        finish(&rig, false, &Moves::new(&|_| Ok(())));
        assert_eq!(rig.model(), from);
    }
    chmod("e", 0o711);
    assert_eq!(rig.recover().foreign, [path("e")]);
    chmod("e", 0o555);
    assert_eq!(rig.recover().progress, Progress::NotBegun);
}

/// A tree that is taken apart where it was could be killed in the midst of that, and half of it is in no version.
#[test]
fn whole_trees_leave_their_slots_before_they_are_taken_apart() {
    use super::super::known::Known;
    use super::super::settle::settle;
    let rig = Rig::new(&Model::new(), &model(&["new/a/b = 1", "new/c = 2"]));
    let staged = rig.staged(&nothing_left_out).unwrap();
    assert_eq!(staged_files(&rig).len(), 2);
    let plan = rig.plan(&nothing_left_out);
    assert_eq!(settle(&Known::new(&plan), &rig.root, &rig.stage(), &[], &Moves::new(&|_| Ok(()))).unwrap(), []);
    assert_eq!(staged_files(&rig), [""; 0].map(std::path::PathBuf::from));
    staged.discard(&rig.root).unwrap();
    rig.assert_clean();
}

#[test]
fn what_was_edited_after_the_kill_is_told() {
    let (from, to) = rich_pair();
    let rig = Rig::new(&from, &to);
    let staged = rig.staged(&nothing_left_out).unwrap();
    // An edit just before: its file is caught in the stage.
    std::fs::write(rig.path("gone/f"), "edited before").unwrap();
    let (killed, _) = run_until(6, End::Killed, |gate| apply_with(staged, &rig.root, &Moves::new(gate)));
    assert!(killed.is_none());
    std::fs::write(rig.path("f-l"), "edited after").unwrap();
    let recovery = rig.recover();
    assert_eq!(recovery.foreign, [path("f-l")]);
    assert_eq!(recovery.conflicts.len(), 1);
    assert_eq!(std::fs::read(rig.path(&recovery.conflicts[0].copy.to_string())).unwrap(), b"edited before");
    assert_eq!(recovery.progress, Progress::Between);
}

/// A power cut may keep renames and lose what was written: empty files, or zeros.
#[test]
fn torn_files_are_no_edits() {
    let (from, to) = rich_pair();
    let rig = Rig::new(&from, &to);
    let applied = rig.apply_gated(&|_| Ok(())).unwrap();
    drop(applied);
    std::fs::write(rig.path("d-f"), "").unwrap();
    std::fs::write(rig.path("new/a/b"), "\0").unwrap();
    let recovery = rig.recover();
    assert_eq!((recovery.progress, recovery.foreign, recovery.conflicts), (Progress::Between, vec![], vec![]));
    // Longer than what was written: that is somebody's.
    std::fs::write(rig.path("new/a/b"), "\0\0").unwrap();
    assert_eq!(rig.recover().foreign, [path("new/a/b")]);
    std::fs::write(rig.path("new/a/b"), "").unwrap();
    finish(&rig, true, &Moves::new(&|_| Ok(())));
    assert_eq!(rig.model(), to);
}

fn staged_files(rig: &Rig) -> Vec<std::path::PathBuf> {
    let entries = walkdir::WalkDir::new(rig.path(".lua/tmp/test-1")).into_iter().map(Result::unwrap);
    entries.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path()).collect()
}

#[test]
fn torn_files_in_the_stage_are_no_edits_and_others_are() {
    let (from, to) = (model(&["a = 1", "b = 1"]), model(&["a = 2", "b = 2"]));
    let rig = Rig::new(&from, &to);
    for (content, kept) in [("", 0), ("own", 2)] {
        let staged = rig.staged(&nothing_left_out).unwrap();
        let (killed, _) = run_until(1, End::Killed, |gate| apply_with(staged, &rig.root, &Moves::new(gate)));
        assert!(killed.is_none());
        staged_files(&rig).into_iter().for_each(|file| std::fs::write(file, content).unwrap());
        let recovery = rig.recover();
        assert_eq!((recovery.progress, recovery.conflicts.len()), (Progress::NotBegun, kept));
        recovery.conflicts.iter().for_each(|conflict| std::fs::remove_file(rig.path(&conflict.copy.to_string())).unwrap());
        assert_eq!(rig.model(), from);
        rig.assert_clean();
    }
}
