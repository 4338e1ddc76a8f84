//! The fault sweep: a command is run again and again, with a fault at each of its mutating system calls in turn, and each time
//! the promises of the tool are checked on what is left.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::contract::{exit, in_short};
use super::files::set_mtime;
use super::history::{Checked, Holdings, did_not_crash, succeeded};
use super::inject::{self, End, Fault, Plan, Traced};
use super::sandbox::{Run, Sandbox, crashed};
use super::tree_state::TreeState;
use super::{check_all, number_from_env, skip};

/// Of how many calls one gets a fault, unless `LUA_SWEEP_STEP` says otherwise; 1 is all. Each kind of fault begins at another
/// call, so that no call is left out by all of them.
const STEP_DEFAULT: usize = 29;

/// A command to be swept.
pub struct Scenario {
    /// Its name, for messages.
    pub name: &'static str,
    /// A workspace as it is before the command.
    pub before: Sandbox,
    /// The command's arguments in a sandbox; `--json` is added.
    pub arguments: fn(&Sandbox) -> Vec<String>,
    /// What its success must mean, besides that all is as after a run without faults.
    pub on_success: fn(&Sandbox, &str) -> Checked<()>,
}

/// One fault at one call.
struct Point {
    fault: &'static str,
    plan: Plan,
}

/// A kind of fault: its name, and the plan that puts it at the call of an ordinal.
type Kind = (&'static str, fn(usize) -> Plan);

/// What a run without faults starts from and leads to.
pub struct Expected {
    before: Holdings,
    after: Holdings,
    /// Whether the workspace has a history before the command. If not, commands may say just that.
    has_history: bool,
}

/// Runs the whole sweep, or the sample that `LUA_SWEEP_STEP` names, and fails with everything that was found.
pub fn sweep(scenario: &Scenario) {
    if let Some(reason) = inject::unavailable().or_else(|| super::scenarios::unavailable(scenario.name)) {
        return skip(scenario.name, &reason);
    }
    let (expected, calls) = expected_and_calls(scenario);
    let points = points(calls.len());
    let findings = check_all(&points, |point| describe(point, &calls), |point| check_point(scenario, &expected, point));
    println!("{}: {} calls, {} faults", scenario.name, calls.len(), points.len());
    findings.assert_none(&format!("{} ({} faults at {} calls)", scenario.name, points.len(), calls.len()));
}

fn describe(point: &Point, calls: &[&str]) -> String {
    let (Plan::At(ordinal, _) | Plan::From(ordinal, _)) = point.plan else { return point.fault.to_owned() };
    // A run with several threads may make more calls than the one that was counted.
    format!("{} at call {ordinal} ({})", point.fault, calls.get(ordinal - 1).unwrap_or(&"?"))
}

fn points(calls: usize) -> Vec<Point> {
    let step = number_from_env("LUA_SWEEP_STEP", STEP_DEFAULT).max(1);
    let kinds: [Kind; 9] = [
        ("kill", |at| Plan::At(at, Fault::Kill)),
        ("kill after", |at| Plan::At(at, Fault::KillAfter)),
        ("EIO", |at| Plan::At(at, Fault::Errno(libc::EIO))),
        ("ENOSPC", |at| Plan::At(at, Fault::Errno(libc::ENOSPC))),
        ("ENOSPC from then on", |at| Plan::From(at, Fault::Errno(libc::ENOSPC))),
        ("short write", |at| Plan::At(at, Fault::Short)),
        ("EINTR", |at| Plan::At(at, Fault::Errno(libc::EINTR))),
        ("EMFILE", |at| Plan::At(at, Fault::Errno(libc::EMFILE))),
        ("EMFILE from then on", |at| Plan::From(at, Fault::Errno(libc::EMFILE))),
    ];
    let of_kind =
        |(place, (fault, plan)): (usize, Kind)| (1 + place % step..=calls).step_by(step).map(move |at| Point { fault, plan: plan(at) });
    kinds.into_iter().enumerate().flat_map(of_kind).collect()
}

/// Runs the command under a plan of faults.
pub fn run_command(scenario: &Scenario, sandbox: &Sandbox, plan: Plan) -> Checked<Traced> {
    let mut arguments = (scenario.arguments)(sandbox);
    arguments.push("--json".to_owned());
    inject::run(sandbox.command(&arguments), plan).map_err(|error| error.to_string())
}

/// What the command leads to, without any fault.
pub fn expected(scenario: &Scenario) -> Expected {
    without_faults(scenario, &mut |sandbox| {
        let run = sandbox.lua_json(&(scenario.arguments)(sandbox));
        assert_eq!(run.code, exit::OK, "{}: {run}", scenario.name);
        run.stdout
    })
}

/// The same, and the calls that can be given a fault.
pub fn expected_and_calls(scenario: &Scenario) -> (Expected, Vec<&'static str>) {
    let mut calls = Vec::new();
    let expected = without_faults(scenario, &mut |sandbox| {
        let traced = run_command(scenario, sandbox, Plan::Count).unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
        assert_eq!(traced.code(), Some(exit::OK), "{}: {traced:?}", scenario.name);
        calls = traced.calls;
        String::from_utf8_lossy(&traced.stdout).into_owned()
    });
    (expected, calls)
}

fn without_faults(scenario: &Scenario, run: &mut dyn FnMut(&Sandbox) -> String) -> Expected {
    let untouched = Sandbox::copy_of(&scenario.before);
    let history = untouched.try_holdings();
    let has_history = history.is_ok();
    let before = history.unwrap_or_else(|_| Holdings::of_workspace(untouched.tree()));
    let sandbox = Sandbox::copy_of(&scenario.before);
    let answer = run(&sandbox);
    let expected = Expected { before, after: sandbox.holdings(), has_history };
    // Last, since it may do more than look.
    (scenario.on_success)(&sandbox, &answer).unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
    expected
}

fn check_point(scenario: &Scenario, expected: &Expected, point: &Point) -> Checked<()> {
    let sandbox = Sandbox::copy_of(&scenario.before);
    let traced = run_command(scenario, &sandbox, point.plan)?;
    let output = || format!("{}{}", String::from_utf8_lossy(&traced.stdout), String::from_utf8_lossy(&traced.stderr));
    let succeeded = match traced.end {
        End::Exited(code) if !crashed(code) => code == exit::OK,
        // The fault of a kill; a signal of the program's own making is a finding.
        End::Killed => false,
        end => return Err(format!("the command ended with {end:?}: {}", output())),
    };
    if !succeeded && traced.end != End::Killed && output().is_empty() {
        return Err("the command failed without a word".to_owned());
    }
    check_aftermath(scenario, expected, &sandbox, succeeded.then_some(&*traced.stdout), &output())
}

/// Checks a command that was run without the injector, under some other hardship, and what it left.
pub fn check_run(scenario: &Scenario, expected: &Expected, sandbox: &Sandbox, run: &Run) -> Checked<()> {
    did_not_crash(run)?;
    let answer = (run.code == exit::OK).then_some(run.stdout.as_bytes());
    if answer.is_none() && run.stdout.is_empty() && run.stderr.is_empty() {
        return Err("the command failed without a word".to_owned());
    }
    check_aftermath(scenario, expected, sandbox, answer, &run.to_string())
}

/// Checks what a command left: `answer` is what it printed if it ended with success, `said` is all that it said.
pub fn check_aftermath(scenario: &Scenario, expected: &Expected, sandbox: &Sandbox, answer: Option<&[u8]>, said: &str) -> Checked<()> {
    // Promise 2: the next command ends what was interrupted.
    let status = sandbox.lua_json(&["status"]);
    did_not_crash(&status)?;
    if expected.has_history {
        super::history::succeeded(&status)?;
    }
    let after_one_command = sandbox.tree();
    let now = holdings_now(sandbox, expected.has_history || answer.is_some())?;
    after_one_command.same(&now.workspace).map_err(|error| format!("one command was not enough to end what was interrupted: {error}"))?;
    check_state(expected, &now, answer.is_some()).map_err(|error| format!("{error}\nthe command had said: {said}"))?;
    if let Some(answer) = answer {
        (scenario.on_success)(sandbox, &String::from_utf8_lossy(answer))?;
    }
    check_can_go_on(sandbox, expected)
}

fn holdings_now(sandbox: &Sandbox, has_history: bool) -> Checked<Holdings> {
    match sandbox.try_holdings() {
        // Killed before there was anything to list.
        Err(_) if !has_history && sandbox.try_versions().is_err() => Ok(Holdings::of_workspace(sandbox.tree())),
        holdings => holdings,
    }
}

/// Whether what is there now is one of the states that a reader may ever see.
fn check_state(expected: &Expected, now: &Holdings, succeeded: bool) -> Checked<()> {
    let Expected { before, after, .. } = expected;
    before.check_nothing_lost(now)?;
    before.check_only_grown(now)?;
    // What has been added is what a run without faults adds, or the beginning of it.
    now.check_only_grown(after)
        .map_err(|error| format!("a version that no run without faults makes, among {}: {error}", in_short(&now.rows)))?;
    let whole = now.rows.len() == after.rows.len();
    let is_old = before.workspace.same(&now.workspace);
    let is_new = after.workspace.same(&now.workspace);
    if let (Err(old), Err(new)) = (&is_old, &is_new) {
        return Err(format!("the workspace is neither old nor new; against the old one: {old}\nagainst the new one: {new}"));
    }
    if is_old.is_err() && !whole {
        return Err(format!("the workspace is the new one, but the versions are {}", in_short(&now.rows)));
    }
    if ![before.marks(), after.marks()].contains(&now.marks()) {
        return Err(format!("the marks of versions are neither old nor new: {:?}", now.marks()));
    }
    let active = now.active();
    let newest = now.rows.first().map(|row| row.version);
    if ![before.active(), after.active(), newest].contains(&active) {
        return Err(format!("v{active:?} is active, which neither was nor should be: {}", in_short(&now.rows)));
    }
    if succeeded && (is_new.is_err() || now.rows != after.rows) {
        let (rows, expected) = (in_short(&now.rows), in_short(&after.rows));
        return Err(format!("exit code 0, but the versions are {rows} instead of {expected}, and the workspace: {is_new:?}"));
    }
    Ok(())
}

/// Promise 6, and that no manual step is needed to work on.
fn check_can_go_on(sandbox: &Sandbox, expected: &Expected) -> Checked<()> {
    if expected.has_history {
        sandbox.check_verify()?;
    }
    make_old(&sandbox.store().join("tmp"));
    sandbox.check_push_works().map_err(|error| format!("the next push: {error}"))?;
    sandbox.check_verify().map_err(|error| format!("after the next push: {error}"))?;
    let leftovers = names_in(&sandbox.store().join("tmp"));
    if leftovers.is_empty() { Ok(()) } else { Err(format!("after the next push there are still in tmp: {leftovers:?}")) }
}

/// Young files may belong to a process that is at work, so they are left alone. All that are there now are made old.
fn make_old(folder: &Path) {
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    names_in(folder).iter().for_each(|name| set_mtime(&folder.join(name), an_hour_ago));
}

fn names_in(folder: &Path) -> Vec<OsString> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok().map(|entry| entry.file_name())).collect()
}

/// Success of `lua source restore --to`: the folder holds the version.
pub fn restored(sandbox: &Sandbox, folder: &str, version: u64) -> Checked<()> {
    let to = sandbox.outside(folder);
    let tree = TreeState::capture(&to);
    sandbox.try_tree_of(version)?.same(&tree).map_err(|error| format!("what was restored is not v{version}: {error}"))
}

/// Success of a rollback: the workspace is the version, the version is the newest and the active one, and doing it again works.
pub fn rolled_back(sandbox: &Sandbox, version: u64) -> Checked<()> {
    let target = sandbox.try_tree_of(version)?;
    target.same(&sandbox.tree())?;
    let rows = sandbox.try_versions()?;
    let newest = rows.first().ok_or("no versions after a rollback")?;
    if !newest.active || !newest.triggered_by.contains(&format!("v{version}")) {
        return Err(format!("the newest version does not tell of the rollback to v{version}: {newest:?}"));
    }
    succeeded(&sandbox.rollback(version))?;
    target.same(&sandbox.tree())
}

/// Success that means nothing but the state that is checked anyway.
pub fn as_without_faults(_: &Sandbox, _: &str) -> Checked<()> {
    Ok(())
}
