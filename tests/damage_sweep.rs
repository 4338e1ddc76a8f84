//! Damage to a small store: every byte flipped, every file cut, emptied, removed, swapped with its neighbour, put back to an
//! older state. `lua verify` finds it, or it is harmless: every version comes back exactly and the list is as it was. A wrong
//! byte is never restored and never shown as right, and nothing panics.
//!
//! The program itself is asked in most tests. Every byte, flipped, cleared and set, is more than it can be started for: there the library
//! is asked the same, in this process: `.ci/torture damage`, in parts. The defaults are samples that fit into a run of all tests.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::contract::{self, Row, exit};
use common::files::remove;
use common::history::{Checked, did_not_crash};
use common::random::Random;
use common::sandbox::{Run, Sandbox};
use common::tree_state::{Node, TreeState};
use common::{check_all, grow, number_from_env};
use lua_store::format::record::VersionNumber;
use lua_store::ops::{self, QuietHost, RestoreOptions, RestoreTarget, StatusOptions, VerifyOptions, VerifyOutcome, Workspace};
use lua_store::version_log::VersionRow;

/// Of how many bytes one is flipped. A prime, so that no period of a format hides from it.
const STEP: usize = 401;
/// The same where the library is asked, unless `LUA_DAMAGE_STEP` says otherwise.
const STEP_WITHIN_DEFAULT: usize = 4001;
/// How many times several damages are done at once, unless `LUA_DAMAGE_SEVERAL` says otherwise.
const SEVERAL_DEFAULT: usize = 40;
const SECTOR_BYTES: usize = 512;
/// How many lengths each file is cut to for the program.
const CUTS_PER_FILE: usize = 8;
/// No command may take longer on a damaged store, which is so small that it needs a few milliseconds.
const COMMAND_MS_MAX: u64 = 20_000;

/// A store with everything that a store can have: deltas, groups, a large file, promotions, a rollback, and what all its versions
/// hold.
struct Whole {
    sandbox: Sandbox,
    rows: Vec<Row>,
    trees: BTreeMap<u64, TreeState>,
    /// What the library lists: the versions, and which one is active.
    listed: (Vec<VersionRow>, Option<VersionNumber>),
    /// The store as it was two versions ago.
    older: PathBuf,
}

fn whole() -> Whole {
    let sandbox = grow::history_with_large_file();
    let older = sandbox.outside("older");
    common::files::copy_tree(&sandbox.store(), &older);
    sandbox.lua(&["version", "promote", "2"]).expect(exit::OK);
    sandbox.rollback(1).expect(exit::OK);
    grow::edit_a_little(&sandbox, 7);
    sandbox.push();
    let holdings = sandbox.holdings();
    sandbox.check_verify().unwrap_or_else(|error| panic!("a store that nobody has damaged: {error}"));
    let workspace = Workspace::open(&sandbox.workspace(), &QuietHost::default()).expect("a whole store");
    let listed = ops::list(&workspace, None).expect("a whole store");
    drop(workspace);
    Whole { sandbox, rows: holdings.rows, trees: holdings.trees, listed, older }
}

/// What is done to one file of the store.
#[derive(Clone, Debug)]
enum Damage {
    Flip {
        at: usize,
    },
    Clear {
        at: usize,
    },
    Set {
        at: usize,
    },
    /// So many bytes are no more than zeros: what a disk gives back for a block that was never written.
    Zero {
        at: usize,
        bytes: usize,
    },
    Cut {
        bytes: usize,
    },
    Remove,
    SwapWith(PathBuf),
    PutBack,
    Append,
}

/// A file of the store, by its path in it, and what is done to it.
type Case = (PathBuf, Damage);

fn name_of((path, damage): &Case) -> String {
    format!("{} {damage:?}", path.display())
}

fn files_of(store: &Path) -> Vec<(PathBuf, usize)> {
    let entries = walkdir::WalkDir::new(store).sort_by_file_name().into_iter().map(|entry| entry.expect("a whole store can be walked"));
    let files = entries.filter(|entry| entry.file_type().is_file());
    let measured = files.map(|entry| (entry.path().strip_prefix(store).expect("is below").to_path_buf(), entry.metadata()));
    measured.map(|(path, metadata)| (path, metadata.expect("a file that was just listed").len() as usize)).collect()
}

fn apply(whole: &Whole, store: &Path, (path, damage): &Case) -> std::io::Result<()> {
    let file = store.join(path);
    match damage {
        Damage::Flip { at } => change_byte(&file, *at, |byte| byte ^ 1 << (at % 8)),
        Damage::Clear { at } => change_byte(&file, *at, |_| 0),
        Damage::Set { at } => change_byte(&file, *at, |_| 0xff),
        Damage::Zero { at, bytes } => (*at..at + bytes).try_for_each(|at| change_byte(&file, at, |_| 0)),
        Damage::Cut { bytes } => fs::OpenOptions::new().write(true).open(&file)?.set_len(*bytes as u64),
        Damage::Remove => fs::remove_file(&file),
        Damage::SwapWith(other) => {
            let (here, there) = (fs::read(&file)?, fs::read(store.join(other))?);
            fs::write(&file, there)?;
            fs::write(store.join(other), here)
        }
        Damage::PutBack => fs::copy(whole.older.join(path), &file).map(drop),
        Damage::Append => {
            let mut content = fs::read(&file)?;
            content.extend([0x5a; 100]);
            fs::write(&file, content)
        }
    }
}

fn change_byte(file: &Path, at: usize, change: impl FnOnce(u8) -> u8) -> std::io::Result<()> {
    let mut content = fs::read(file)?;
    // Another damage may have cut it off.
    if let Some(byte) = content.get_mut(at) {
        *byte = change(*byte);
    }
    fs::write(file, content)
}

fn sweep<C: Sync>(what: &str, whole: &Whole, cases: &[C], name: fn(&C) -> String, check: fn(&Whole, &C) -> Checked<()>) {
    let findings = check_all(cases, name, |case| check(whole, case));
    println!("{what}: {} cases", cases.len());
    assert!(!cases.is_empty(), "{what}: nothing to damage");
    findings.assert_none(what);
}

fn check(whole: &Whole, case: &Case) -> Checked<()> {
    let sandbox = Sandbox::copy_of(&whole.sandbox);
    apply(whole, &sandbox.store(), case).map_err(|error| format!("cannot be damaged: {error}"))?;
    let verify = run(&sandbox, &["verify", "--json"])?;
    let found = match verify.code {
        exit::OK => false,
        exit::DAMAGED => true,
        // So damaged that it is not opened at all; the message says so.
        code if exit::is_refusal(code) && !(verify.stdout.is_empty() && verify.stderr.is_empty()) => true,
        _ => return Err(verify.to_string()),
    };
    let list = run(&sandbox, &["source", "list", "--all", "--json"])?;
    if !found && (list.code != exit::OK || contract::list(&list.stdout)? != whole.rows) {
        return Err(format!("verify found nothing, but the list is another one: {list}"));
    }
    let mut lost = BTreeSet::new();
    for (&version, tree) in &whole.trees {
        if !check_restored(&sandbox, version, tree)? {
            lost.insert(version);
        }
    }
    if !found && !lost.is_empty() {
        return Err(format!("verify found nothing, but cannot be restored: {lost:?}"));
    }
    if verify.code == exit::DAMAGED {
        let report = contract::verify(&verify.stdout)?;
        let named: BTreeSet<u64> = report.damaged.iter().flat_map(|damage| damage.versions.clone()).collect();
        // Without a whole list nobody knows which versions there are.
        if report.log_damage.is_none() && named != lost {
            return Err(format!("verify names {named:?}, but what cannot be restored is {lost:?}: {}", verify.stdout));
        }
    }
    // The workspace is as the last push left it, so whoever says anything about it must say that.
    let status = run(&sandbox, &["status", "--json"])?;
    if status.code == exit::OK && !found && !contract::status(&status.stdout)?.clean {
        return Err(format!("the workspace is unchanged, but: {status}"));
    }
    Ok(())
}

/// The same as [`check`], asked of the library.
fn check_within(whole: &Whole, case: &Case) -> Checked<()> {
    let sandbox = if goes_by_cache(&case.0) { Sandbox::copy_of(&whole.sandbox) } else { Sandbox::with_store_of(&whole.sandbox) };
    apply(whole, &sandbox.store(), case).map_err(|error| format!("cannot be damaged: {error}"))?;
    unless_it_panics(|| {
        let answers = Answers::of(whole, &sandbox)?;
        answers.judge(whole)?;
        // Files that were just copied are read with a rest of 100 ms, so only what matters for it is tried.
        if answers.found || !goes_by_cache(&case.0) { Ok(()) } else { check_status(&sandbox) }
    })
}

fn unless_it_panics<T>(ask: impl FnOnce() -> Checked<T>) -> Checked<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(ask)).unwrap_or_else(|_| Err("it panicked".to_owned()))
}

/// Whether what stands in a file of the store is held against the workspace.
fn goes_by_cache(damaged: &Path) -> bool {
    damaged.starts_with("cache")
}

fn check_status(sandbox: &Sandbox) -> Checked<()> {
    let host = QuietHost::default();
    let status = Workspace::open(&sandbox.workspace(), &host)
        .and_then(|mut workspace| ops::status(&mut workspace, &StatusOptions::default(), &host));
    match status {
        Ok(status) if !status.changes.is_empty() => Err(format!("the workspace is unchanged, but: {:?}", status.changes)),
        _ => Ok(()),
    }
}

/// Several damages at once: the same is asked, then the store is repaired, and whatever came back before comes back after that.
fn check_several(whole: &Whole, (_, cases): &(u64, Vec<Case>)) -> Checked<()> {
    let sandbox = Sandbox::with_store_of(&whole.sandbox);
    for case in cases {
        match apply(whole, &sandbox.store(), case) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(format!("cannot be damaged: {error}")),
            _ => {}
        }
    }
    // Segments and log know the versions, each by itself. Where both are damaged, nobody may be left who knows of the newest ones.
    let is_hit = |name: &str| cases.iter().any(|(path, _)| path.to_string_lossy().starts_with(name));
    let somebody_knows = !(is_hit("objects") && is_hit("index.db"));
    let ask = || {
        let answers = Answers::of(whole, &sandbox)?;
        let judged = if somebody_knows { answers.judge(whole) } else { Ok(()) };
        judged.map(|()| answers.lost)
    };
    let lost = unless_it_panics(ask)?;
    let restored = whole.trees.keys().map(|version| sandbox.outside(&format!("v{version}")));
    restored.filter(|folder| folder.exists()).for_each(|folder| remove(&folder));
    // What cannot be repaired is left as it was.
    let _ = unless_it_panics(|| Ok(ops::repair(&sandbox.workspace(), &QuietHost::default())))?;
    let lost_then = unless_it_panics(ask).map_err(|error| format!("after a repair: {error}"))?;
    if lost_then.is_subset(&lost) { Ok(()) } else { Err(format!("{lost:?} could not be restored, and after a repair {lost_then:?}")) }
}

/// What the library says of a store.
struct Answers {
    /// Whether it was called damaged, or could not be opened.
    found: bool,
    listed: Option<(Vec<VersionRow>, Option<VersionNumber>)>,
    /// The versions that are said to be damaged; `None` without a whole list of them.
    named: Option<BTreeSet<u64>>,
    /// The versions that do not come back.
    lost: BTreeSet<u64>,
}

impl Answers {
    /// Asks. An error if anything comes back that was never put in.
    fn of(whole: &Whole, sandbox: &Sandbox) -> Checked<Self> {
        let host = QuietHost::default();
        // Opened anew each time, as commands do. A store that is not opened at all is found damaged.
        let open = || Workspace::open(&sandbox.workspace(), &host);
        let verified = open().and_then(|mut workspace| ops::verify(&mut workspace, &VerifyOptions::default(), &host)).ok();
        let is_whole = |found: &VerifyOutcome| found.damaged.is_empty() && found.store_damage.is_empty() && found.log_damage.is_none();
        let found = !verified.as_ref().is_some_and(is_whole);
        let listed = open().and_then(|workspace| ops::list(&workspace, None)).ok();
        let versions = |found: VerifyOutcome| found.damaged.iter().flat_map(|damage| &damage.versions).map(|version| version.0).collect();
        let named = verified.filter(|verified| verified.log_damage.is_none()).map(versions);
        let mut lost = BTreeSet::new();
        let mut workspace = open().ok();
        for (&version, tree) in &whole.trees {
            let to = sandbox.outside(&format!("v{version}"));
            let options = RestoreOptions {
                version: Some(VersionNumber(version)),
                target: RestoreTarget::Directory(to.clone()),
                patterns: Vec::new(),
                by: String::new(),
                dry_run: false,
            };
            let restored = workspace.as_mut().is_some_and(|workspace| ops::restore(workspace, &options, &host).is_ok());
            if !holds_nothing_wrong(restored, version, tree, &to)? {
                lost.insert(version);
            }
        }
        Ok(Self { found, listed, named, lost })
    }

    fn judge(&self, whole: &Whole) -> Checked<()> {
        let Self { found, listed, named, lost } = self;
        if !found && listed.as_ref() != Some(&whole.listed) {
            return Err(format!("verify found nothing, but the list is another one: {listed:?}"));
        }
        if !found && !lost.is_empty() {
            return Err(format!("verify found nothing, but cannot be restored: {lost:?}"));
        }
        match named {
            Some(named) if named != lost => Err(format!("verify names {named:?}, but what cannot be restored is {lost:?}")),
            _ => Ok(()),
        }
    }
}

fn run(sandbox: &Sandbox, arguments: &[&str]) -> Checked<Run> {
    let run = sandbox.try_run(sandbox.command(arguments), Duration::from_millis(COMMAND_MS_MAX))?;
    did_not_crash(&run)?;
    Ok(run)
}

/// Restores a version: whether it came back. An error if anything wrong came back.
fn check_restored(sandbox: &Sandbox, version: u64, tree: &TreeState) -> Checked<bool> {
    let to = sandbox.outside(&format!("v{version}"));
    let run = run(sandbox, &["source", "restore", "--version", &version.to_string(), "--to", &to.to_string_lossy()])?;
    holds_nothing_wrong(run.code == exit::OK, version, tree, &to)
}

/// Looks at what a version was restored to; gives `is_whole`.
fn holds_nothing_wrong(is_whole: bool, version: u64, tree: &TreeState, to: &Path) -> Checked<bool> {
    let found = if to.exists() { TreeState::capture(to) } else { TreeState::default() };
    if is_whole {
        tree.same(&found).map_err(|error| format!("v{version} was restored without an error, but {error}"))?;
        return Ok(true);
    }
    // Whatever could be restored may be there, but not a wrong file, and not a right one under a wrong name.
    for (path, node) in found.iter() {
        let expected = tree.get(path);
        let right = match (node, expected) {
            // The bits of a folder are set when it is complete.
            (Node::Directory { .. }, Some(Node::Directory { .. })) => true,
            _ => expected == Some(node),
        };
        if !right {
            let expected = expected.map_or("nothing".to_owned(), ToString::to_string);
            return Err(format!("v{version}, not restored for damage, left {}: {node} instead of {expected}", path.escape_ascii()));
        }
    }
    Ok(false)
}

#[test]
fn bytes_flipped() {
    let whole = whole();
    let flips = |(path, bytes): (PathBuf, usize)| (0..bytes).step_by(STEP).map(move |at| (path.clone(), Damage::Flip { at }));
    let cases: Vec<Case> = files_of(&whole.sandbox.store()).into_iter().flat_map(flips).collect();
    sweep("bytes_flipped", &whole, &cases, name_of, check);
}

#[test]
fn every_byte_flipped_cleared_and_set() {
    let whole = whole();
    let step = number_from_env("LUA_DAMAGE_STEP", STEP_WITHIN_DEFAULT).max(1);
    // Which of the bytes in a step: so that all of them can be had in parts.
    let first = number_from_env("LUA_DAMAGE_FIRST", 0);
    let each = |(path, bytes): (PathBuf, usize)| {
        (first..bytes)
            .step_by(step)
            .flat_map(move |at| [Damage::Flip { at }, Damage::Clear { at }, Damage::Set { at }].map(|damage| (path.clone(), damage)))
    };
    // In which files: those below this path.
    let below = std::env::var("LUA_DAMAGE_BELOW").unwrap_or_default();
    let files = files_of(&whole.sandbox.store()).into_iter().filter(|(path, _)| path.starts_with(&below));
    let cases: Vec<Case> = files.flat_map(each).collect();
    sweep("every_byte_flipped_cleared_and_set", &whole, &cases, name_of, check_within);
}

/// One to four damages of any kind, anywhere.
fn any_damages(files: &[(PathBuf, usize)], random: &mut Random) -> Vec<Case> {
    let damage = |random: &mut Random| {
        let (path, file_bytes) = &files[random.below(files.len())];
        let at = random.below((*file_bytes).max(1));
        let neighbours: Vec<&PathBuf> =
            files.iter().map(|(other, _)| other).filter(|other| *other != path && other.parent() == path.parent()).collect();
        let damage = match random.below(16) {
            0..6 => Damage::Flip { at },
            6..9 => Damage::Zero { at: at / SECTOR_BYTES * SECTOR_BYTES, bytes: SECTOR_BYTES },
            9..11 => Damage::Cut { bytes: at },
            11 => Damage::Append,
            12 => Damage::Remove,
            13 if !neighbours.is_empty() => Damage::SwapWith(neighbours[random.below(neighbours.len())].clone()),
            14 => Damage::PutBack,
            _ => Damage::Set { at },
        };
        (path.clone(), damage)
    };
    (0..1 + random.below(4)).map(|_| damage(random)).collect()
}

#[test]
fn several_damages_at_once_and_a_repair() {
    let whole = whole();
    // Where the contents are is where damage hurts: half of it goes there.
    let all = files_of(&whole.sandbox.store());
    let (contents, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(path, _)| path.starts_with("objects"));
    let files: Vec<_> = contents.iter().cycle().take(others.len()).chain(&others).cloned().collect();
    let first = number_from_env("LUA_DAMAGE_SEED", 0) as u64;
    let seeds = first..first + number_from_env("LUA_DAMAGE_SEVERAL", SEVERAL_DEFAULT) as u64;
    let cases: Vec<(u64, Vec<Case>)> = seeds.map(|seed| (seed, any_damages(&files, &mut Random::new(seed)))).collect();
    let name = |(seed, cases): &(u64, Vec<Case>)| format!("{seed}: {}", cases.iter().map(name_of).collect::<Vec<_>>().join(", "));
    sweep("several_damages_at_once_and_a_repair", &whole, &cases, name, check_several);
}

#[test]
fn every_file_cut_at_every_sector() {
    let whole = whole();
    let cuts = |(path, file_bytes): (PathBuf, usize)| {
        (0..file_bytes).step_by(SECTOR_BYTES).map(move |bytes| (path.clone(), Damage::Cut { bytes }))
    };
    let cases: Vec<Case> = files_of(&whole.sandbox.store()).into_iter().flat_map(cuts).collect();
    sweep("every_file_cut_at_every_sector", &whole, &cases, name_of, check_within);
}

#[test]
fn every_file_cut_or_grown() {
    let whole = whole();
    let mut cases = Vec::new();
    for (path, bytes) in files_of(&whole.sandbox.store()).into_iter().filter(|(_, bytes)| *bytes > 0) {
        let mut lengths: Vec<usize> = (0..CUTS_PER_FILE).map(|part| bytes * part / CUTS_PER_FILE).collect();
        lengths.push(bytes - 1);
        lengths.dedup();
        cases.extend(lengths.into_iter().map(|bytes| (path.clone(), Damage::Cut { bytes })));
        cases.push((path, Damage::Append));
    }
    sweep("every_file_cut_or_grown", &whole, &cases, name_of, check);
}

#[test]
fn every_file_removed_swapped_or_put_back() {
    let whole = whole();
    let files: Vec<PathBuf> = files_of(&whole.sandbox.store()).into_iter().map(|(path, _)| path).collect();
    let mut cases: Vec<Case> = files.iter().map(|path| (path.clone(), Damage::Remove)).collect();
    for (place, path) in files.iter().enumerate() {
        let neighbours = files[place + 1..].iter().filter(|other| other.parent() == path.parent());
        cases.extend(neighbours.map(|other| (path.clone(), Damage::SwapWith(other.clone()))));
    }
    cases.extend(files.iter().filter(|path| whole.older.join(path).is_file()).map(|path| (path.clone(), Damage::PutBack)));
    sweep("every_file_removed_swapped_or_put_back", &whole, &cases, name_of, check);
}
