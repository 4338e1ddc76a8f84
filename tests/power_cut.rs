//! Power cuts during every command that writes, on ext4, xfs and btrfs: what was acknowledged is there, the next command finds the
//! old or the new state, whole, and nothing needs a manual step. The checks are those of `fault_sweep`.
//!
//! The harness proves itself first: with git's defaults and with SQLite's rollback journal at `synchronous=FULL` it must find
//! that acknowledged work is lost, and with SQLite's write-ahead log, which holds, it must find nothing.
//!
//! `LUA_POWER_CUT_STATES=0` looks at every state instead of a sample; `LUA_POWER_CUT_SUBSETS` says with how many random subsets of
//! the unflushed writes each moment is looked at. Needs root, FUSE, loop devices and the tools of the file systems.

mod common;

use std::path::Path;
use std::time::Duration;

use common::contract::exit;
use common::files::copy_tree;
use common::history::succeeded;
use common::power_cut::{Outcome, record, replay};
use common::sandbox::Sandbox;
use common::skip_for_lack_of_devices;
use common::sweep::{Scenario, check_aftermath, expected};
use common::volume::{FileSystem, Volume};

fn cut(file_system: FileSystem, scenario: &Scenario) {
    let name = format!("{} on {file_system:?}", scenario.name);
    if let Some(reason) = common::scenarios::unavailable(scenario.name) {
        return common::skip(&name, &reason);
    }
    let mut volume = match Volume::new(file_system) {
        Ok(volume) => volume,
        Err(reason) => return skip_for_lack_of_devices(&name, &reason),
    };
    let expected = expected(scenario);
    let mut answer = String::new();
    copy_tree(&scenario.before.workspace(), &Sandbox::at(&volume.path()).workspace());
    let recording = record(&mut volume, |path, recorder| {
        let sandbox = Sandbox::at(path);
        let arguments = (scenario.arguments)(&sandbox);
        let run = sandbox.lua_json(&arguments);
        recorder.acknowledge(scenario.name);
        succeeded(&run)?;
        answer = run.stdout;
        Ok(())
    });
    let check = |path: &Path, acknowledged: &[&str]| {
        let answer = (!acknowledged.is_empty()).then_some(answer.as_bytes());
        check_aftermath(scenario, &expected, &Sandbox::at(path), answer, "nothing more")
    };
    let outcome = recording.and_then(|recording| replay(&mut volume, &recording, check)).unwrap_or_else(|error| panic!("{name}: {error}"));
    println!("{name}: {} states, {} of them not mountable", outcome.states, outcome.unmountable);
    outcome.findings.assert_none(&name);
}

macro_rules! on {
    ($name:ident, $file_system:ident) => {
        mod $name {
            use crate::common::scenarios::for_each_scenario;
            use crate::common::sweep::Scenario;

            fn cut(scenario: &Scenario) {
                crate::cut(crate::FileSystem::$file_system, scenario);
            }

            for_each_scenario!(cut);
        }
    };
}

on!(ext4, Ext4);
on!(ext4_writeback, Ext4Writeback);
on!(xfs, Xfs);
on!(btrfs, Btrfs);

/// Commits of SQLite with these settings, each acknowledged, and what power cuts do to them.
fn cuts_of_sqlite(file_system: FileSystem, settings: &str) -> Option<Outcome> {
    let name = format!("{settings} on {file_system:?}");
    let mut volume = Volume::new(file_system).map_err(|reason| skip_for_lack_of_devices(&name, &reason)).ok()?;
    let open = |path: &Path| {
        let connection = rusqlite::Connection::open(path.join("db"))?;
        connection.execute_batch(settings)?;
        Ok(connection)
    };
    let said = |error: rusqlite::Error| error.to_string();
    open(&volume.path()).and_then(|connection| connection.execute_batch("CREATE TABLE t (n INTEGER)")).expect("a new database");
    let recording = record(&mut volume, |path, recorder| {
        for number in 1..=5 {
            open(path).and_then(|connection| connection.execute("INSERT INTO t VALUES (?1)", [number])).map_err(said)?;
            recorder.acknowledge(number.to_string());
        }
        Ok(())
    });
    let check = |path: &Path, acknowledged: &[&str]| {
        let rows: i64 =
            open(path).and_then(|connection| connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))).map_err(said)?;
        if rows >= acknowledged.len() as i64 { Ok(()) } else { Err(format!("{rows} rows")) }
    };
    let outcome = recording.and_then(|recording| replay(&mut volume, &recording, check)).unwrap_or_else(|error| panic!("{name}: {error}"));
    println!("{name}: of {} states {} lose a commit", outcome.states, outcome.findings.len());
    Some(outcome)
}

#[test]
fn the_harness_finds_what_sqlite_with_a_rollback_journal_loses() {
    for file_system in [FileSystem::Ext4, FileSystem::Xfs, FileSystem::Btrfs] {
        let Some(outcome) = cuts_of_sqlite(file_system, "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL;") else { return };
        assert!(outcome.findings.len() > 0, "{file_system:?}: the known loss was not found");
        assert_eq!(outcome.unmountable, 0);
    }
}

#[test]
fn the_harness_finds_nothing_where_sqlite_holds() {
    for file_system in [FileSystem::Ext4, FileSystem::Xfs, FileSystem::Btrfs] {
        let Some(outcome) = cuts_of_sqlite(file_system, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;") else { return };
        outcome.findings.assert_none("a write-ahead log that is synced");
    }
}

#[test]
fn the_harness_finds_what_git_loses_by_default() {
    const NAME: &str = "the_harness_finds_what_git_loses_by_default";
    let git = |path: &Path, arguments: &[&str]| {
        let sandbox = Sandbox::at(path);
        let identity = ["-c", "user.name=g", "-c", "user.email=g@g", "-c", "gc.auto=0"];
        let command = sandbox.command_of("git".as_ref(), &[&identity[..], arguments].concat());
        let run = sandbox.try_run(command, Duration::from_secs(30))?;
        if run.code == exit::OK { Ok(run.stdout) } else { Err(run.to_string()) }
    };
    let mut volume = match Volume::new(FileSystem::Ext4) {
        Ok(volume) => volume,
        Err(reason) => return skip_for_lack_of_devices(NAME, &reason),
    };
    if let Err(error) = git(&volume.path(), &["init", "--quiet", "--template="]) {
        return common::skip(NAME, &error);
    }
    let recording = record(&mut volume, |path, recorder| {
        for number in 1..=3 {
            Sandbox::at(path).write(format!("file{number}"), format!("content {number}"));
            git(path, &["add", "."])?;
            git(path, &["commit", "--quiet", "-m", "one more"])?;
            recorder.acknowledge(git(path, &["rev-parse", "HEAD"])?.trim());
        }
        Ok(())
    });
    let mut damaged = 0;
    let check = |path: &Path, acknowledged: &[&str]| {
        let Some(newest) = acknowledged.last() else { return Ok(()) };
        damaged += usize::from(git(path, &["fsck", "--strict"]).is_err());
        git(path, &["merge-base", "--is-ancestor", newest, "HEAD"]).map(drop)
    };
    let outcome = recording.and_then(|recording| replay(&mut volume, &recording, check)).unwrap_or_else(|error| panic!("{error}"));
    println!("git's defaults on ext4: of {} states {} lose a commit, {damaged} fail fsck", outcome.states, outcome.findings.len());
    assert!(outcome.findings.len() > 0, "the known loss was not found");
}
