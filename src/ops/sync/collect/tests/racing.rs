//! Collections beside others that send what is about to be removed. What an interrupted sync or collection left long ago is named by
//! nothing, so it may go; whoever sends the same contents again meanwhile must not come to name what goes.

use std::fs;
use std::time::{Duration, SystemTime};

use super::*;
use crate::limits::{PACK_LOOK_FIRST_BYTES, REMOTE_GRACE_MS};
use crate::ops::sync::send::send;
use crate::ops::{Notice, remote_list};

/// A week and a day ago.
const LONG_MS: u64 = REMOTE_GRACE_MS as u64 + 24 * 3600 * 1000;

/// The surroundings as they were long ago.
#[derive(Default)]
struct LongAgo(QuietHost);

impl Host for LongAgo {
    fn now_ms(&self) -> i64 {
        self.0.now_ms() - LONG_MS as i64
    }

    fn cancel_flag(&self) -> &std::sync::atomic::AtomicBool {
        self.0.cancel_flag()
    }

    fn progress(&self, _: crate::ops::Phase, _: u64, _: Option<u64>) {}

    fn notice(&self, _: Notice) {}
}

fn packs(far: &Path) -> HashSet<std::path::PathBuf> {
    fs::read_dir(far.join("packs")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// What came since `before` was written long ago; gives how much that is.
fn grow_old(far: &Path, before: &HashSet<std::path::PathBuf>) -> usize {
    let new: Vec<_> = packs(far).into_iter().filter(|path| !before.contains(path)).collect();
    for path in &new {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_millis(LONG_MS)).unwrap();
    }
    new.len()
}

fn reached(workspace: &Workspace, bucket: impl Bucket + 'static) -> Remote {
    Remote::known(Box::new(bucket), remote_list(workspace).unwrap()[0].repository.parse().unwrap())
}

/// Removes what nothing names, as a collection does at its end.
fn remove_unnamed(remote: &Remote) -> (u64, u64) {
    let options = RemoteGcOptions { grace_ms: REMOTE_GRACE_MS, ..RemoteGcOptions::default() };
    let (removed, _) = remove::remove(remote, &HashSet::new(), &options, &QuietHost::default()).unwrap();
    removed
}

/// Another machine with the history of the remote.
fn another_machine(folder: &Path) -> (Workspace, RemoteAccess) {
    let (root, access) = (folder.join("another"), access(&folder.join("elsewhere")));
    fs::create_dir_all(&root).unwrap();
    let url = format!("file://{}", folder.join("far").display());
    restore_sources(&root, &InitOptions::default(), &url, ("ada", &access), &QuietHost::default()).unwrap();
    (Workspace::open(&root, &QuietHost::default()).unwrap(), access)
}

/// A sync that sends a content of so many bytes and is killed before an entry names it.
fn killed_sync(workspace: &mut Workspace, bytes: usize, far: &Path, host: &dyn Host) {
    let mut content = vec![0; bytes];
    blake3::Hasher::new().finalize_xof().fill(&mut content);
    fs::write(workspace.root().join("new"), content).unwrap();
    push(workspace, &PushOptions::default(), host).unwrap();
    let killed = |verb: &str, _: &str| if verb == "create" { Fate::RequestLost } else { Fate::Answered };
    let remote = reached(workspace, Scripted::new(directory(far), killed));
    let remotes = Remotes::lock(workspace, host).unwrap();
    let mut state = remotes.get("origin").unwrap();
    assert!(send(workspace, (&remotes, "origin", &mut state), &remote, host).is_err());
}

#[test]
fn what_was_sent_a_short_while_ago_is_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    shared(folder.path());
    let (mut theirs, access) = another_machine(folder.path());
    let far = folder.path().join("far");
    killed_sync(&mut theirs, 2 * PACK_LOOK_FIRST_BYTES, &far, &QuietHost::default());
    let there = packs(&far);
    let again = sync(&mut theirs, &SyncOptions::default(), &access, &QuietHost::default()).unwrap();
    assert!(again.sent == 1 && again.sent_bytes < PACK_LOOK_FIRST_BYTES as u64, "{again:?}");
    assert_eq!(packs(&far), there);
}

/// The longer content is of a size at which it is looked whether it is there already.
#[test]
fn what_is_sent_again_while_it_is_removed_is_not_lost() {
    for bytes in [10, 2 * PACK_LOOK_FIRST_BYTES] {
        let folder = tempfile::tempdir().unwrap();
        let ours = shared(folder.path());
        let far = folder.path().join("far");
        let (mut theirs, access) = another_machine(folder.path());
        // Long ago a sync was killed before it named what it had sent.
        let before = packs(&far);
        killed_sync(&mut theirs, bytes, &far, &LongAgo::default());
        assert_eq!(grow_old(&far, &before), 1);
        // It is run again while another machine collects.
        let sync_again = move || {
            let outcome = sync(&mut theirs, &SyncOptions::default(), &access, &QuietHost::default()).unwrap();
            assert_eq!(outcome.sent, 1);
        };
        let removed = remove_unnamed(&reached(&ours, Scripted::once(directory(&far), "remove", "packs/", sync_again)));
        assert_eq!(removed.0, 1, "what was left goes");
        assert_whole(&far, VERSIONS + 1, "a sync beside a collection");
    }
}

#[test]
fn what_is_merged_again_while_it_is_removed_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let ours = shared(folder.path());
    let far = folder.path().join("far");
    let (mut theirs, _) = another_machine(folder.path());
    let options = RemoteGcOptions { grace_ms: REMOTE_GRACE_MS, ..RemoteGcOptions::default() };
    // Long ago a collection was killed before its summary.
    let before = packs(&far);
    let killed = |verb: &str, key: &str| if verb == "create" && key.starts_with("summ") { Fate::RequestLost } else { Fate::Answered };
    let remote = reached(&theirs, Scripted::new(directory(&far), killed));
    assert!(collect(&mut theirs, &remote, VERSIONS, &options, &LongAgo::default()).is_err());
    let left = grow_old(&far, &before);
    assert!(left > 0);
    let far_again = far.clone();
    let collect_again = move || {
        let remote = reached(&theirs, directory(&far_again));
        assert!(collect(&mut theirs, &remote, VERSIONS, &options, &QuietHost::default()).unwrap().summarized);
    };
    let removed = remove_unnamed(&reached(&ours, Scripted::once(directory(&far), "remove", "packs/", collect_again)));
    assert_eq!(removed.0, left as u64, "what was left goes");
    assert_whole(&far, VERSIONS, "a collection beside another");
}

#[test]
fn of_two_collections_at_once_one_counts() {
    let folder = tempfile::tempdir().unwrap();
    let mut ours = shared(folder.path());
    let far = folder.path().join("far");
    let (mut theirs, _) = another_machine(folder.path());
    let options = RemoteGcOptions { grace_ms: REMOTE_GRACE_MS, ..RemoteGcOptions::default() };
    let (far_of_theirs, options_of_theirs) = (far.clone(), options.clone());
    let faster = move || {
        let remote = reached(&theirs, directory(&far_of_theirs));
        assert!(collect(&mut theirs, &remote, VERSIONS, &options_of_theirs, &QuietHost::default()).unwrap().summarized);
    };
    let remote = reached(&ours, Scripted::once(directory(&far), "create", "summaries/", faster));
    let collected = collect(&mut ours, &remote, VERSIONS, &options, &QuietHost::default());
    assert!(matches!(collected, Err(crate::ops::OpsError::Remote(RemoteError::Collected))), "{collected:?}");
    assert_whole(&far, VERSIONS, "two collections at once");
}
