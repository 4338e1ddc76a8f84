//! A collection that dies at any of its requests leaves a remote from which everything comes.

mod racing;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::ops::{
    FetchWhat, InitOptions, PushOptions, QuietHost, SyncOptions, VerifyOptions, fetch_contents, init, push, restore_sources, sync, verify,
};
use crate::remote::Bucket;
use crate::remote::testing::{Directory, Fate, Scripted};

/// A storage that after some requests is not reached any more, as by a process that was killed; whether the last one is carried out,
/// though nobody hears of it.
fn dying(far: &Path, requests: u64, last_is_done: bool) -> Box<dyn Bucket> {
    let left = AtomicU64::new(requests);
    let script = move |_: &str, _: &str| match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
        Ok(1) if last_is_done => Fate::AnswerLost,
        Ok(2..) => Fate::Answered,
        _ => Fate::RequestLost,
    };
    Box::new(Scripted::new(directory(far), script))
}

const VERSIONS: u64 = 5;

fn access(folder: &Path) -> RemoteAccess {
    RemoteAccess { state_folder: Some(folder.join("state")), agrees: true, ..RemoteAccess::default() }
}

fn directory(far: &Path) -> Directory {
    Directory::open(far, false).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// A workspace whose versions were sent one by one.
fn shared(folder: &Path) -> Workspace {
    shared_versions(folder, VERSIONS, 10)
}

/// As [`shared`], with a file that has so many lines more in each version.
fn shared_versions(folder: &Path, versions: u64, lines: usize) -> Workspace {
    let root = folder.join("work");
    std::fs::create_dir_all(&root).unwrap();
    init(&root, &InitOptions::default(), &QuietHost::default()).unwrap();
    let mut workspace = Workspace::open(&root, &QuietHost::default()).unwrap();
    let url = format!("file://{}", folder.join("far").display());
    let add = super::super::AddOptions { name: "origin".to_owned(), url, ..Default::default() };
    super::super::remote_add(&workspace, &add, &access(folder), &QuietHost::default()).unwrap();
    for version in 1..=versions {
        std::fs::write(root.join("file"), format!("line {version}\n").repeat(lines * version as usize)).unwrap();
        std::fs::write(root.join(format!("file {}", version % 50)), version.to_string()).unwrap();
        push(&mut workspace, &PushOptions::default(), &QuietHost::default()).unwrap();
        sync(&mut workspace, &SyncOptions::default(), &access(folder), &QuietHost::default()).unwrap();
    }
    workspace
}

/// So many versions come from there, and are whole.
fn assert_whole(far: &Path, versions: u64, what: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (root, url) = (folder.path().join("clone"), format!("file://{}", far.display()));
    std::fs::create_dir_all(&root).unwrap();
    let access = access(folder.path());
    let made = restore_sources(&root, &InitOptions::default(), &url, ("ada", &access), &QuietHost::default());
    let (made, ..) = made.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(made.versions, versions, "{what}");
    let mut workspace = Workspace::open(&root, &QuietHost::default()).unwrap();
    fetch_contents(&mut workspace, &FetchWhat::All, &access, &QuietHost::default()).unwrap();
    let verified = verify(&mut workspace, &VerifyOptions::default(), &QuietHost::default()).unwrap();
    assert!(verified.is_ok() && verified.not_fetched == 0, "{what}: {verified:?}");
}

fn run(workspace: &mut Workspace, bucket: Box<dyn Bucket>) -> OpsResult<RemoteGcOutcome> {
    let repository = crate::ops::remote_list(workspace).unwrap()[0].repository.parse().unwrap();
    let options = RemoteGcOptions { grace_ms: 0, ..RemoteGcOptions::default() };
    collect(workspace, &Remote::known(bucket, repository), VERSIONS, &options, &QuietHost::default())
}

/// Every request with `LUA_REMOTE_SWEEP_STEP=1`, else a sample.
#[test]
fn killed_at_any_request_everything_comes_from_it() {
    let step = std::env::var("LUA_REMOTE_SWEEP_STEP").ok().and_then(|step| step.parse().ok()).unwrap_or(13);
    let folder = tempfile::tempdir().unwrap();
    let mut workspace = shared(folder.path());
    for requests in (1..).step_by(step) {
        let far = folder.path().join(format!("far {requests}"));
        copy(&folder.path().join("far"), &far);
        let died = run(&mut workspace, dying(&far, requests, (requests / step as u64).is_multiple_of(2))).is_err();
        assert_whole(&far, VERSIONS, &format!("killed at request {requests}"));
        run(&mut workspace, Box::new(directory(&far))).unwrap();
        assert_whole(&far, VERSIONS, &format!("finished after request {requests}"));
        let left = std::fs::read_dir(far.join("packs")).unwrap().count();
        assert!(left <= 8, "{left} packs are left of those killed at request {requests}");
        if !died {
            assert!(requests > 20, "{requests}");
            return;
        }
    }
}

/// A figure: requests and bytes of a clone before and after merging, of as many pushes as `LUA_REMOTE_PUSHES` says.
#[test]
#[ignore = "takes minutes; a figure, not a check"]
fn clone_of_many_small_pushes() {
    let pushes = std::env::var("LUA_REMOTE_PUSHES").ok().and_then(|pushes| pushes.parse().ok()).unwrap_or(1000);
    let folder = tempfile::tempdir().unwrap();
    let mut workspace = shared_versions(folder.path(), pushes, 0);
    let clone = |name: &str| {
        let (root, access) = (folder.path().join(name), access(folder.path()));
        std::fs::create_dir_all(&root).unwrap();
        let url = format!("file://{}", folder.path().join("far").display());
        let began = std::time::Instant::now();
        let (_, outcome, _) = restore_sources(&root, &InitOptions::default(), &url, ("ada", &access), &QuietHost::default()).unwrap();
        assert_eq!(outcome.received, pushes);
        println!("{name}: {} requests, {} bytes, {:?}", outcome.requests, outcome.received_bytes, began.elapsed());
    };
    clone("before");
    let options = RemoteGcOptions { grace_ms: 0, ..RemoteGcOptions::default() };
    let merged = remote_gc(&mut workspace, &options, &access(folder.path()), &QuietHost::default()).unwrap();
    println!("{merged:?}");
    clone("after");
}
