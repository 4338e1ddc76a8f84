//! Races: editors that write, rename and create while rollbacks run; attackers that swap folders for links; many processes that do
//! everything at once and are killed and stopped at random.
//!
//! Longer: `LUA_RACE_ROLLBACKS` for the first two, `LUA_RACE_SECONDS` for the third.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::process::{Pid, Signal, kill_process};

use common::contract::{self, exit};
use common::history::did_not_crash;
use common::random::Random;
use common::sandbox::{Sandbox, crashed};
use common::tree_state::TreeState;
use common::{grow, number_from_env, while_repeating};

const EDITORS: usize = 4;
/// How many edits there are at most between the beginnings of two rollbacks: one that takes longer must not have more to do for it, or
/// the next takes longer still.
const EDITS_PER_ROLLBACK: u64 = 300;
const ROLLBACKS_DEFAULT: usize = 12;

/// Paths at which rollbacks between the versions of [`grow::history`] make and remove things, and some that no version knows.
const CONTESTED: [&str; 8] =
    ["src/module2.rs", "src/new99.rs", "src/new3.rs", "empty/x", "other/empty/y", "new/many/levels/z", "src/deep/er/part9.txt", "mine"];

/// Makes a file where there is none, and renames one that it made: nothing it does removes a content.
fn edit(sandbox: &Sandbox, number: u64, written: &Mutex<Vec<String>>) {
    let mut random = Random::new(number);
    let path = sandbox.path(CONTESTED[random.below(CONTESTED.len())]);
    let content = format!("edit {number}: {}", random.text(1 + number as usize % 40));
    let _ = fs::create_dir_all(path.parent().expect("below the workspace"));
    let new_file = if number.is_multiple_of(2) {
        fs::OpenOptions::new().write(true).create_new(true).open(&path).map(|file| (file, None))
    } else {
        let draft = sandbox.path(format!("draft{number}"));
        fs::File::create_new(&draft).map(|file| (file, Some(draft)))
    };
    let Ok((mut file, draft)) = new_file else { return };
    if file.write_all(content.as_bytes()).is_err() {
        return;
    }
    // Closed before it counts: who keeps a file open while a rollback takes it away writes to nothing, which is documented.
    drop(file);
    if let Some(draft) = draft {
        let _ = renameat_with(CWD, &draft, CWD, &path, RenameFlags::NOREPLACE);
    }
    written.lock().unwrap().push(content);
}

#[test]
fn what_editors_make_during_rollbacks_is_somewhere() {
    let sandbox = grow::history();
    let rollbacks = number_from_env("LUA_RACE_ROLLBACKS", ROLLBACKS_DEFAULT);
    let (number, written, done) = (AtomicU64::new(0), Mutex::new(Vec::new()), AtomicUsize::new(0));
    let allowed = AtomicU64::new(0);
    let editor = || {
        if number.load(Ordering::Relaxed) < allowed.load(Ordering::Relaxed) {
            edit(&sandbox, number.fetch_add(1, Ordering::Relaxed), &written);
        }
        std::thread::sleep(Duration::from_micros(500));
    };
    let editors: [&(dyn Fn() + Sync); EDITORS] = [&editor; EDITORS];
    while_repeating(&editors, || {
        for round in 0..rollbacks {
            allowed.store(number.load(Ordering::Relaxed) + EDITS_PER_ROLLBACK, Ordering::Relaxed);
            let run = sandbox.rollback(1 + round as u64 % 3);
            did_not_crash(&run).unwrap();
            assert!(matches!(run.code, exit::OK | exit::ERROR | exit::LEFT_OUT), "{run}");
            done.fetch_add(usize::from(run.code != exit::ERROR), Ordering::Relaxed);
        }
    });
    sandbox.check_push_works().unwrap();
    sandbox.check_verify().unwrap();
    let mut contents = TreeState::capture(&sandbox.store()).contents();
    // Version by version: in a long run their trees together would not fit into memory.
    contents.extend(sandbox.tree().contents());
    for row in sandbox.versions() {
        contents.extend(sandbox.tree_of(row.version).contents());
    }
    let written = written.into_inner().unwrap();
    let lost: Vec<&String> = written.iter().filter(|content| !contents.contains(blake3::hash(content.as_bytes()).as_bytes())).collect();
    println!("{} files were made during {rollbacks} rollbacks, {} of which were carried out", written.len(), done.into_inner());
    assert!(lost.is_empty(), "{} of {} are lost, among them {:?}", lost.len(), written.len(), lost.iter().take(3).collect::<Vec<_>>());
    assert!(!written.is_empty());
}

#[test]
fn folders_that_are_swapped_for_links_lead_nowhere() {
    let sandbox = grow::history();
    let canary = sandbox.outside("canary");
    for name in ["src", "src/deep", "src/deep/er", "new"] {
        fs::create_dir_all(canary.join(name)).unwrap();
        fs::write(canary.join(name).join("module1.rs"), "not yours").unwrap();
        fs::write(canary.join(name).join("part1.txt"), "not yours").unwrap();
    }
    let before = TreeState::capture(&canary);
    // Beside the workspace, so that no rollback removes them; names at the root only, so that the attacker does not walk into his
    // own trap. Each name is swapped by one thread.
    let swaps = AtomicU64::new(0);
    let swap = |name: &str, to: &str| {
        let (path, link) = (sandbox.path(name), sandbox.outside(&format!("link-{name}")));
        if fs::symlink_metadata(&link).is_err() {
            symlink(canary.join(to), &link).unwrap();
        }
        if renameat_with(CWD, &path, CWD, &link, RenameFlags::EXCHANGE).is_ok() {
            let _ = renameat_with(CWD, &path, CWD, &link, RenameFlags::EXCHANGE);
            swaps.fetch_add(2, Ordering::Relaxed);
        }
    };
    let (swap_src, swap_others) = (
        || swap("src", "src"),
        || {
            swap("new", "new");
            swap("README.md", "src/module1.rs");
        },
    );
    let mut codes = BTreeMap::new();
    while_repeating(&[&swap_src, &swap_others], || {
        for round in 0..number_from_env("LUA_RACE_ROLLBACKS", ROLLBACKS_DEFAULT) {
            let run = sandbox.rollback(1 + round as u64 % 3);
            did_not_crash(&run).unwrap();
            *codes.entry(run.code).or_insert(0) += 1;
        }
    });
    println!("{} swaps during rollbacks that ended with {codes:?}", swaps.load(Ordering::Relaxed));
    before.assert_same(&TreeState::capture(&canary), "what lies outside");
    assert!(swaps.into_inner() > 0);
    sandbox.check_verify().unwrap();
}

const PROCESSES_DEFAULT: usize = 8;
const SECONDS_DEFAULT: usize = 4;
const WAIT_MS_MAX: u64 = 30_000;

/// Writes a file whose folder may be removed and made by others at any time.
fn write_beside_rollbacks(path: &Path, content: &str) {
    let folder = path.parent().expect("a folder of the workspace");
    let written = (0..1000).any(|_| fs::create_dir_all(folder).and_then(|()| fs::write(path, content)).is_ok());
    assert!(written, "{} cannot be written", path.display());
}

/// What one of many processes does, with some of the workspace as its own.
fn command_of(random: &mut Random, sandbox: &Sandbox, process: usize) -> Vec<String> {
    let version = 1 + random.below(3);
    let line = match random.below(12) {
        0..=3 => {
            write_beside_rollbacks(&sandbox.path(format!("own{process}/file")), &random.text(20));
            "push".to_owned()
        }
        4 => format!("source rollback --version {version} --force"),
        5 => "source list --all".to_owned(),
        6 => "status".to_owned(),
        7 => "verify --quick".to_owned(),
        8 => format!("version promote {version}"),
        9 => "gc".to_owned(),
        10 => "prune --keep-last 5 --force".to_owned(),
        _ => "verify".to_owned(),
    };
    line.split(' ').chain(["--json"]).map(str::to_owned).collect()
}

/// Waits for a process; it may be killed, or stopped for a while. Gives its exit code, unless it was killed.
fn wait(mut child: Child, random: &mut Random) -> Option<i32> {
    let pid = Pid::from_child(&child);
    match random.below(6) {
        0 => {
            std::thread::sleep(Duration::from_millis(random.below(40) as u64));
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        1 => {
            std::thread::sleep(Duration::from_millis(random.below(10) as u64));
            let _ = kill_process(pid, Signal::STOP);
            std::thread::sleep(Duration::from_millis(random.below(60) as u64));
            let _ = kill_process(pid, Signal::CONT);
        }
        _ => {}
    }
    child.wait().expect("a child of ours").code()
}

#[test]
fn many_processes_at_once_with_random_kills() {
    let sandbox = grow::history();
    // Those that are rolled back to must not be pruned.
    (1..=3).for_each(|version| assert_eq!(sandbox.lua_json(&["pin", &version.to_string()]).code, exit::OK));
    let end = Instant::now() + Duration::from_secs(number_from_env("LUA_RACE_SECONDS", SECONDS_DEFAULT) as u64);
    let processes = number_from_env("LUA_RACE_PROCESSES", PROCESSES_DEFAULT);
    let printed = Mutex::new(BTreeMap::new());
    let times = Mutex::new(Vec::new());
    let (failed, killed) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for process in 0..processes {
            let (sandbox, printed, times, failed, killed) = (&sandbox, &printed, &times, &failed, &killed);
            scope.spawn(move || {
                let mut random = Random::new(process as u64);
                while Instant::now() < end {
                    let arguments = command_of(&mut random, sandbox, process);
                    let (output, started) = (sandbox.outside(&format!("answer{process}")), Instant::now());
                    let mut command = sandbox.command(&arguments);
                    let answer = fs::File::create(&output).expect("a file beside the workspace");
                    command.stdin(Stdio::null()).stderr(answer.try_clone().expect("a second handle")).stdout(answer);
                    let code = wait(command.spawn().expect("the program starts"), &mut random);
                    times.lock().unwrap().push(started.elapsed());
                    let said = fs::read_to_string(&output).unwrap_or_default();
                    let Some(code) = code else {
                        killed.fetch_add(1, Ordering::Relaxed);
                        continue;
                    };
                    // A rollback gives up when somebody changes what it is about to change.
                    let gives_up = arguments[1] == "rollback" && code == exit::ERROR;
                    let is_done_elsewhere = code == exit::ERROR && said.contains("\"collection_at_work\"");
                    if crashed(code) || !(matches!(code, exit::OK | exit::LEFT_OUT) || gives_up || is_done_elsewhere) {
                        failed.lock().unwrap().push(format!("{arguments:?} ended with {code}: {said}"));
                    }
                    if let ("push", Ok(push)) = (arguments[0].as_str(), contract::push(&said)) {
                        printed.lock().unwrap().insert(push.version, push.tree);
                    }
                }
            });
        }
    });
    let mut times = times.into_inner().unwrap();
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    println!("{} commands of {processes} processes, {} killed; 99 of 100 took less than {p99:?}", times.len(), killed.into_inner());
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} commands failed, among them\n{}", failed.len(), failed.iter().take(4).cloned().collect::<String>());
    assert!(times.last().is_some_and(|longest| *longest < Duration::from_millis(WAIT_MS_MAX)), "{:?}", times.last());
    sandbox.check_push_works().unwrap();
    sandbox.check_verify().unwrap();
    let rows: BTreeMap<u64, String> = sandbox.versions().into_iter().map(|row| (row.version, row.tree)).collect();
    for (version, tree) in printed.into_inner().unwrap() {
        assert_eq!(rows.get(&version), Some(&tree), "v{version} was printed");
    }
}
