//! Too little of everything: a disk that is full at any point of a command, no inodes left, limits on the size of files, on open
//! files and on memory. The command succeeds or says why not; what it left is checked as after a fault (see `fault_sweep`).
//!
//! `LUA_FULL_DISK_STEP=1` tries every block of free space and every inode; the default is a sample. The parts with disks need root
//! and loop devices.

mod common;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::contract::exit;
use common::files::{copy_tree, remove};
use common::history::{Checked, did_not_crash};
use common::sandbox::{LUA, Run, Sandbox};
use common::sweep::{Expected, Scenario, check_aftermath, check_run, expected};
use common::volume::{OwnMounts, own_mounts, run as run_tool};
use common::{Findings, number_from_env, scenarios, skip_for_lack_of_devices};

/// How many amounts are tried, unless `LUA_FULL_DISK_STEP` says otherwise.
const AMOUNTS_DEFAULT: u64 = 12;
const BLOCK_BYTES: u64 = 4096;
/// Room beyond what a run without limits takes, in which nothing may fail any more.
const AMPLE: u64 = 64;

/// A file system that is mounted for a test.
struct Mounted {
    folder: tempfile::TempDir,
    _mounts: OwnMounts,
}

impl Mounted {
    fn new(mount: impl FnOnce(&Path, &str) -> Result<(), String>) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("mounting needs root".to_owned());
        }
        let mounts = own_mounts()?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        fs::create_dir(folder.path().join("mount")).map_err(|error| error.to_string())?;
        mount(folder.path(), &folder.path().join("mount").to_string_lossy())?;
        Ok(Self { folder, _mounts: mounts })
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("mount")
    }

    fn free(&self) -> rustix::fs::StatVfs {
        rustix::fs::statvfs(self.path()).expect("a mounted file system")
    }

    /// A copy of the scenario's workspace on it, in a folder of its own.
    fn sandbox(&self, scenario: &Scenario) -> Sandbox {
        let root = self.path().join("sandbox");
        fs::create_dir(&root).expect("room for a folder");
        let sandbox = Sandbox::at(&root);
        copy_tree(&scenario.before.workspace(), &sandbox.workspace());
        run_tool(&["sync", "--file-system", &self.path().to_string_lossy()]).expect("sync");
        sandbox
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = run_tool(&["umount", &self.path().to_string_lossy()]);
    }
}

fn run(scenario: &Scenario, sandbox: &Sandbox) -> Run {
    sandbox.lua_json(&(scenario.arguments)(sandbox))
}

/// The amounts to be tried: from nothing to more than enough.
fn amounts(end: u64) -> impl Iterator<Item = u64> {
    let step = number_from_env("LUA_FULL_DISK_STEP", (end / AMOUNTS_DEFAULT) as usize);
    (0..=end).step_by(step.max(1))
}

/// Tries a scenario with each amount of something; `squeeze` leaves that much of it and `release` all.
fn squeeze(
    scenario: &Scenario,
    mounted: &Mounted,
    needed: fn(&rustix::fs::StatVfs) -> u64,
    leave: impl Fn(u64) -> Checked<()>,
    release: impl Fn(),
) {
    let expected = expected(scenario);
    let used = {
        let sandbox = mounted.sandbox(scenario);
        let before = needed(&mounted.free());
        assert_eq!(run(scenario, &sandbox).code, exit::OK, "{}: with room enough", scenario.name);
        before.saturating_sub(needed(&mounted.free()))
    };
    remove(&mounted.path().join("sandbox"));
    let (mut findings, mut succeeded, mut tried) = (Findings::default(), 0, 0);
    for amount in amounts(used + AMPLE) {
        let sandbox = mounted.sandbox(scenario);
        let run = leave(amount).map(|()| run(scenario, &sandbox));
        // Looking at things must work on a full disk, too.
        let look = sandbox.lua_json(&["source", "list"]);
        release();
        tried += 1;
        let checked = run.and_then(|run| {
            did_not_crash(&look)?;
            succeeded += usize::from(run.code == exit::OK);
            check_run(scenario, &expected, &sandbox, &run)
        });
        findings.check(&format!("{}, {amount} left", scenario.name), checked);
        remove(&mounted.path().join("sandbox"));
    }
    println!("{}: {tried} amounts, of which {succeeded} were enough; needed were {used}", scenario.name);
    findings.assert_none(scenario.name);
    assert!(succeeded > 0 && succeeded < tried, "{}: both sides of the limit were tried", scenario.name);
}

fn full_disk(scenario: &Scenario) {
    let mount = |folder: &Path, to: &str| {
        let image = folder.join("image").to_string_lossy().into_owned();
        run_tool(&["truncate", "--size", "48M", &image])?;
        run_tool(&["mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096", &image])?;
        run_tool(&["mount", "-o", "loop", &image, to]).map(drop)
    };
    let mounted = match Mounted::new(mount) {
        Ok(mounted) => mounted,
        Err(reason) => return skip_for_lack_of_devices(&format!("full_disk {}", scenario.name), &reason),
    };
    let ballast = mounted.path().join("ballast");
    let leave = |blocks: u64| {
        let excess = mounted.free().f_bavail.saturating_sub(blocks);
        // The ballast needs a few blocks for itself: then it is made so much smaller.
        let fill = |own: u64| {
            let bytes = excess.saturating_sub(own).max(1) * BLOCK_BYTES;
            run_tool(&["fallocate", "--length", &bytes.to_string(), &ballast.to_string_lossy()]).map(drop)
        };
        (0..8).map(fill).find(Result::is_ok).ok_or("the disk cannot be filled")?
    };
    squeeze(
        scenario,
        &mounted,
        |free| free.f_bavail,
        leave,
        || {
            let _ = fs::remove_file(&ballast);
        },
    );
}

#[test]
fn a_push_onto_a_full_disk() {
    full_disk(&scenarios::incremental_push());
}

#[test]
fn a_large_push_onto_a_full_disk() {
    full_disk(&scenarios::large_push());
}

#[test]
fn a_first_push_onto_a_full_disk() {
    full_disk(&scenarios::first_push());
}

#[test]
fn a_rollback_on_a_full_disk() {
    full_disk(&scenarios::rollback_with_unsaved_work());
}

fn no_inodes(scenario: &Scenario) {
    let mounted = match Mounted::new(|_, to| run_tool(&["mount", "-t", "tmpfs", "-o", "size=64m,nr_inodes=100000", "tmpfs", to]).map(drop))
    {
        Ok(mounted) => mounted,
        Err(reason) => return skip_for_lack_of_devices(&format!("no_inodes {}", scenario.name), &reason),
    };
    let path = mounted.path().to_string_lossy().into_owned();
    let remount = |inodes: u64| run_tool(&["mount", "-o", &format!("remount,size=64m,nr_inodes={inodes}"), &path]).map(drop);
    let leave = |inodes: u64| {
        let free = mounted.free();
        remount(free.f_files - free.f_ffree + inodes)
    };
    squeeze(scenario, &mounted, |free| free.f_ffree, leave, || remount(100_000).expect("more inodes"));
}

#[test]
fn a_push_without_inodes() {
    no_inodes(&scenarios::first_push());
}

#[test]
fn a_rollback_without_inodes() {
    no_inodes(&scenarios::rollback_with_unsaved_work());
}

/// Runs the scenario's command under a limit of the system.
fn run_limited(scenario: &Scenario, sandbox: &Sandbox, limit: &str) -> Checked<Run> {
    let mut words = vec![limit.to_owned(), LUA.to_owned()];
    words.extend((scenario.arguments)(sandbox));
    words.push("--json".to_owned());
    sandbox.try_run(sandbox.command_of("prlimit".as_ref(), &words), Duration::from_secs(30))
}

/// Tries scenarios under limits; `check` judges what came of it.
fn limited(limits: &[String], check: fn(&Scenario, &Expected, &Sandbox, &Run) -> Checked<()>) {
    for scenario in [scenarios::first_push(), scenarios::large_push(), scenarios::rollback_with_unsaved_work()] {
        let expected = expected(&scenario);
        let mut findings = Findings::default();
        let mut succeeded = 0;
        for limit in limits {
            let sandbox = Sandbox::copy_of(&scenario.before);
            let checked = run_limited(&scenario, &sandbox, limit).and_then(|run| {
                succeeded += usize::from(run.code == exit::OK);
                check(&scenario, &expected, &sandbox, &run)
            });
            findings.check(&format!("{} with {limit}", scenario.name), checked);
        }
        println!("{}: {} limits like {}, {succeeded} were enough", scenario.name, limits.len(), limits[0]);
        findings.assert_none(scenario.name);
    }
}

#[test]
fn a_limit_on_the_size_of_files() {
    let sizes = [0, 1, 11, 40, 100, 1000, 4096, 10_000, 33_000, 100_000, 1 << 20, 5 << 20, 1 << 30];
    limited(&sizes.map(|bytes: u64| format!("--fsize={bytes}")), check_run);
}

#[test]
fn a_limit_on_open_files() {
    static EXHAUSTED: AtomicBool = AtomicBool::new(false);
    let limits: Vec<String> = (6..26).chain([32, 48, 64, 256]).map(|files| format!("--nofile={files}")).collect();
    limited(&limits, |scenario, expected, sandbox, run| match run.code {
        // The program's loader could not open its libraries.
        127 => Ok(()),
        _ => {
            EXHAUSTED.fetch_or(run.stdout.contains("\"exhausted\""), Ordering::Relaxed);
            check_run(scenario, expected, sandbox, run)
        }
    });
    assert!(EXHAUSTED.load(Ordering::Relaxed), "no scan met its limit: `ScanError::Exhausted`");
}

#[test]
fn a_limit_on_memory() {
    let limits: Vec<String> = (8..64).step_by(8).chain([96, 128, 256, 512, 4096]).map(|mib: u64| format!("--as={}", mib << 20)).collect();
    // Without memory a program may be ended; it may not leave anything half done, and not claim anything.
    limited(&limits, |scenario, expected, sandbox, run| {
        let answer = (run.code == exit::OK).then_some(run.stdout.as_bytes());
        check_aftermath(scenario, expected, sandbox, answer, &run.to_string())
    });
}

#[test]
fn a_push_that_does_not_fit_gives_its_room_back_at_once() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "x");
    sandbox.json(&["push"]);
    let segment = sandbox.store().join("objects/000001.seg");
    let before = fs::metadata(&segment).unwrap().len();
    sandbox.write("large", common::random::Random::new(1).bytes(900_000));
    // The log's own files stay smaller than that.
    let run = sandbox.run(sandbox.command_of("prlimit".as_ref(), &["--fsize=600000", LUA, "push"]));
    assert_eq!(run.code, exit::NO_SPACE, "{run}");
    assert_eq!(fs::metadata(&segment).unwrap().len(), before);
    let next = sandbox.lua(&["push"]).expect(exit::OK);
    assert!(!next.stderr.contains("interrupted"), "{next}");
}
