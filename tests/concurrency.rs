//! Many processes on one workspace: pushes in different folders, readers, rollbacks. Version numbers have no gaps, every version
//! that was printed exists, nothing that was written is lost, nothing hangs.

mod common;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::contract::{self, Push, exit};
use common::history::did_not_crash;
use common::random::Random;
use common::sandbox::{Run, Sandbox};
use common::tree_state::{Node, TreeState};
use common::while_repeating;

const PUSHERS: usize = 8;
const READERS: usize = 2;
const PUSHES_EACH: usize = 6;
const ROLLBACKS: usize = 3;
/// No command may take longer, with all the others at work.
const COMMAND_MS_MAX: u64 = 30_000;

fn run(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let run = sandbox.try_run(sandbox.command(arguments), Duration::from_millis(COMMAND_MS_MAX)).unwrap_or_else(|error| panic!("{error}"));
    did_not_crash(&run).unwrap_or_else(|error| panic!("{error}"));
    run
}

fn folder(pusher: usize) -> String {
    format!("folder{pusher}")
}

/// Edits its own folder and pushes, several times: what was printed with what had been written, in pairs.
fn push_edits(sandbox: &Sandbox, pusher: usize) -> Vec<(Push, String)> {
    let mut random = Random::new(pusher as u64);
    let edit_and_push = |number| {
        let content = format!("edit {number} of {pusher}\n{}", random.text(20));
        sandbox.write(format!("{}/file", folder(pusher)), &content);
        let run = run(sandbox, &["push", "--json"]);
        // 3: another one's file changed while it was read, and is named.
        assert!(matches!(run.code, exit::OK | exit::LEFT_OUT), "{run}");
        (contract::push(&run.stdout).unwrap_or_else(|error| panic!("{error}")), content)
    };
    (0..PUSHES_EACH).map(edit_and_push).collect()
}

/// Reads whatever can be read while `work` goes on. The list only ever grows.
fn with_readers<T>(sandbox: &Sandbox, work: impl FnOnce() -> T) -> T {
    let longest = AtomicUsize::new(0);
    let read = || {
        let at_least = longest.load(Ordering::SeqCst);
        let list = run(sandbox, &["source", "list", "--all", "--json"]).expect(exit::OK);
        let rows = contract::list(&list.stdout).unwrap_or_else(|error| panic!("{error}"));
        assert!(rows.len() >= at_least, "{at_least} versions were listed, and now {}", rows.len());
        assert_eq!(rows.iter().filter(|row| row.active).count(), 1, "one version is active: {}", contract::in_short(&rows));
        longest.fetch_max(rows.len(), Ordering::SeqCst);
        run(sandbox, &["status", "--json"]).expect(exit::OK);
        run(sandbox, &["verify", "--quick", "--json"]).expect(exit::OK);
    };
    let readers: [&(dyn Fn() + Sync); READERS] = [&read; READERS];
    while_repeating(&readers, work)
}

fn push_from_all(sandbox: &Sandbox, beside: impl FnOnce()) -> Vec<Vec<(Push, String)>> {
    std::thread::scope(|scope| {
        let pushers: Vec<_> = (0..PUSHERS).map(|pusher| scope.spawn(move || push_edits(sandbox, pusher))).collect();
        beside();
        pushers.into_iter().map(|pusher| pusher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

fn workspace() -> Sandbox {
    let sandbox = Sandbox::new();
    for pusher in 0..PUSHERS {
        sandbox.write(format!("{}/file", folder(pusher)), format!("begin {pusher}"));
    }
    sandbox.push();
    sandbox
}

#[test]
fn pushes_of_many_processes_are_all_recorded() {
    let sandbox = workspace();
    let printed = with_readers(&sandbox, || push_from_all(&sandbox, || {}));
    sandbox.check_verify().unwrap();
    let holdings = sandbox.holdings();
    assert!(holdings.rows.len() <= 1 + PUSHERS * PUSHES_EACH, "no more versions than pushes");
    for (pusher, pushes) in printed.iter().enumerate() {
        let mut last = 0;
        for (push, content) in pushes {
            assert!(push.version >= last, "v{} was printed after v{last}", push.version);
            last = push.version;
            let tree = holdings.trees.get(&push.version).unwrap_or_else(|| panic!("v{} was printed and does not exist", push.version));
            // Nobody else writes in this folder, so the version that the push printed has the edit in it.
            let expected = Node::file(content.as_bytes(), 0o644);
            assert!(tree.get(format!("{}/file", folder(pusher))) == Some(&expected), "v{} lacks an edit of {pusher}", push.version);
        }
    }
    let made: Vec<u64> = printed.iter().flatten().filter(|(push, _)| push.changed).map(|(push, _)| push.version).collect();
    let distinct: BTreeSet<u64> = made.iter().copied().collect();
    assert_eq!(distinct.len(), made.len(), "no version was made by two pushes");
    assert_eq!(made.len() + 1, holdings.rows.len(), "every version was printed by the push that made it");
    sandbox.check_push_works().unwrap();
}

#[test]
fn rollbacks_among_pushes_lose_nothing() {
    let sandbox = workspace();
    let rollbacks = Mutex::new(Vec::new());
    let roll_back = || {
        for _ in 0..ROLLBACKS {
            let run = run(&sandbox, &["source", "rollback", "--version", "1", "--force", "--json"]);
            // It may give up when files change under its hands; it may not pretend.
            assert!(matches!(run.code, exit::OK | exit::ERROR | exit::LEFT_OUT), "{run}");
            rollbacks.lock().unwrap().push(run.code);
        }
    };
    let printed = with_readers(&sandbox, || push_from_all(&sandbox, roll_back));
    println!("exit codes of the rollbacks: {:?}", rollbacks.into_inner().unwrap());
    sandbox.check_verify().unwrap();
    let holdings = sandbox.holdings();
    // What was written is in a version, in the workspace, or in a copy that was put aside in the store's folder.
    let mut contents = holdings.contents();
    contents.extend(TreeState::capture(&sandbox.store()).contents());
    for (push, content) in printed.iter().flatten() {
        assert!(holdings.trees.contains_key(&push.version), "v{} was printed and does not exist", push.version);
        assert!(contents.contains(blake3::hash(content.as_bytes()).as_bytes()), "lost: {content:?}, printed v{}", push.version);
    }
    sandbox.check_push_works().unwrap();
}

#[test]
fn a_killed_process_holds_up_nobody() {
    let sandbox = workspace();
    let mut random = Random::new(3);
    for round in 0..10 {
        sandbox.write("folder0/file", random.text(200));
        let mut pusher =
            sandbox.command(&["push"]).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(random.below(12) as u64));
        pusher.kill().unwrap();
        pusher.wait().unwrap();
        let started = Instant::now();
        sandbox.check_push_works().unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert!(started.elapsed() < Duration::from_millis(COMMAND_MS_MAX), "round {round}");
    }
    sandbox.check_verify().unwrap();
}
