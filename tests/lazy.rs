//! What a machine need not have: contents of former versions stay at the remote until they are asked for, and what is not here is
//! neither lost nor in the way.

mod common;

use common::contract::exit;
use common::far::Far;
use common::random::Random;
use common::sandbox::Sandbox;
use lua_store::format::record::VersionNumber;
use lua_store::id::{ObjectId, ObjectKind};
use lua_store::ops::{self, OpsError, QuietHost, VersionPath, Workspace};
use lua_store::path::RelPath;
use lua_store::store::StoreError;
use serde_json::Value;

const VERSIONS: u64 = 4;

/// A machine whose versions have a large file and many small ones, none of which compresses, and a remote with all of them.
fn shared() -> (Far, Sandbox) {
    let far = Far::new();
    let one = far.machine();
    let mut random = Random::new(5);
    one.write("keep", "the same in all versions");
    let mut large = random.bytes(1_300_000);
    for version in 1..=VERSIONS {
        for file in 0..4 {
            one.write(format!("folder/{file}"), random.bytes(90_000));
        }
        large[version as usize * 250_000] ^= 1;
        one.write("large", &large);
        one.write("note", format!("version {version}"));
        one.json(&["push", "-m", &format!("version {version}")]);
    }
    one.json(&["sync"]);
    (far, one)
}

fn not_fetched(sandbox: &Sandbox) -> u64 {
    let verified: Value = sandbox.json(&["verify"]);
    assert_eq!(verified["ok"], true, "{verified}");
    verified["not_fetched"].as_u64().unwrap_or(0)
}

/// Bytes of the segments.
fn stored(sandbox: &Sandbox) -> u64 {
    let files = std::fs::read_dir(sandbox.store().join("objects")).expect("segments");
    files.map(|file| file.expect("a file").metadata().expect("a length").len()).sum()
}

#[test]
fn a_new_machine_fetches_what_it_restores_and_the_rest_when_asked() {
    let (far, one) = shared();
    let other = far.clone();
    other.tree().assert_same(&one.tree(), "the active version's files");
    assert_eq!(other.versions(), one.versions());
    assert!(4 * stored(&other) < 3 * stored(&one), "{} of {}", stored(&other), stored(&one));
    assert!(not_fetched(&other) > 0);
    // Looking at trees needs no contents, and asks nobody.
    let away = far.path().with_extension("away");
    std::fs::rename(far.path(), &away).unwrap();
    other.lua(&["ls", "2"]).expect(exit::OK);
    other.lua(&["gc"]).expect(exit::OK);
    other.write("mine", "1");
    other.lua(&["push"]).expect(exit::OK);
    let before = other.tree();
    let run = other.lua(&["source", "rollback", "--version", "2", "--force"]);
    assert_eq!(run.code, exit::ERROR, "{run}");
    assert!(run.stderr.contains("of v2") && run.stderr.contains("fetch --all"), "{run}");
    before.assert_same(&other.tree(), "what cannot be fetched changes nothing");
    std::fs::rename(&away, far.path()).unwrap();
    let run = other.lua(&["source", "rollback", "--version", "2", "--force"]).expect(exit::OK);
    assert!(run.stderr.contains("fetched from origin"), "{run}");
    other.tree().assert_same(&one.tree_of(2), "a version that was fetched for the rollback");
    assert_eq!(other.lua(&["cat", "3:note"]).expect(exit::OK).stdout, "version 3");
    let sent = other.json(&["sync"]);
    assert_eq!(sent["sent"], 2, "{sent}");
    assert!(sent["sent_bytes"].as_u64().unwrap() < 4096, "{sent}");
    let refused = other.lua_json(&["remote", "remove", "origin"]).expect(exit::ERROR).value();
    assert_eq!(refused["error"]["code"], "only_there", "{refused}");
    let rest = other.json(&["fetch", "--all"]);
    assert!(rest["contents"].as_u64().unwrap() > 0, "{rest}");
    assert_eq!(not_fetched(&other), 0);
    assert_eq!(other.json(&["fetch", "--all"])["contents"], 0);
    other.tree_of(3).assert_same(&one.tree_of(3), "a version that was fetched");
    other.lua(&["remote", "remove", "origin"]).expect(exit::OK);
    one.json(&["sync"]);
    one.tree_of(VERSIONS + 2).assert_same(&one.tree_of(2), "what came back");
}

#[test]
fn looking_back_fetches_what_it_needs() {
    let (far, one) = shared();
    for command in [
        &["grep", "version 2", "--all-versions", "note"][..],
        &["blame", "3:note"],
        &["diff", "1", "2", "note"],
        &["log", "--patch", "note"],
    ] {
        let other = far.clone();
        let (expected, found) = (one.lua(command), other.lua(command));
        assert_eq!(expected.code, found.code, "{command:?}: {expected} {found}");
        assert!(found.stderr.contains("fetched from origin"), "{command:?}: {found}");
    }
}

#[test]
fn what_was_fetched_and_is_lost_is_damage() {
    let (far, _) = shared();
    let other = far.clone();
    other.json(&["fetch", "1"]);
    let segments = other.store().join("objects");
    let mut names: Vec<_> = std::fs::read_dir(&segments).unwrap().map(|file| file.unwrap().path()).collect();
    names.sort();
    let newest = names.pop().unwrap();
    let mut bytes = std::fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&newest, bytes).unwrap();
    other.lua(&["verify"]).expect(exit::DAMAGED);
}

type Change = fn(&mut Vec<u8>);

fn packs(far: &Far) -> impl Iterator<Item = std::path::PathBuf> {
    far.objects().into_iter().filter(|path| path.parent().is_some_and(|folder| folder.ends_with("packs")))
}

fn change_packs(far: &Far, change: Change) {
    for path in packs(far) {
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn what_is_damaged_at_a_remote_is_said_to_be() {
    let (far, one) = shared();
    let other = far.clone();
    let good = Far::new();
    common::files::copy_tree(&far.path(), &good.path());
    let restore = || {
        common::files::remove(&far.path());
        common::files::copy_tree(&good.path(), &far.path());
    };
    let changes: [(&str, Change); 3] = [
        ("a bit in everything", |bytes| bytes.iter_mut().step_by(500).for_each(|byte| *byte ^= 1)),
        ("cut", |bytes| bytes.truncate(bytes.len() / 3)),
        ("empty", Vec::clear),
    ];
    for (what, change) in changes {
        change_packs(&far, change);
        for command in [&["fetch", "--all"][..], &["source", "rollback", "--version", "2", "--force"], &["cat", "2:folder/1"]] {
            let run = other.lua_json(command);
            assert_eq!((run.code, &run.value()["error"]["code"]), (exit::DAMAGED, &Value::from("remote_damaged")), "{what}: {run}");
        }
        let run = other.lua(&["fetch", "--all"]).expect(exit::DAMAGED);
        assert!(run.stderr.contains("verify --remote"), "{what}: {run}");
        other.lua(&["verify", "--remote", "--read-data"]).expect(exit::DAMAGED);
        restore();
    }
    other.json(&["fetch", "--all"]);
    other.tree_of(2).assert_same(&one.tree_of(2), "all that was not taken from what was damaged");
    // Gone altogether.
    let new = far.clone();
    packs(&far).for_each(|path| std::fs::remove_file(path).unwrap());
    let run = new.lua_json(&["fetch", "--all"]).expect(exit::DAMAGED);
    assert_eq!(run.value()["error"]["code"], "remote_missing", "{run}");
    // A remote that is only away is not damaged.
    common::files::remove(&far.path());
    for (command, code) in [(["fetch", "--all"], "remote_unreachable"), (["cat", "2:folder/1"], "not_fetched")] {
        let run = new.lua_json(&command).expect(exit::ERROR);
        assert_eq!(run.value()["error"]["code"], code, "{run}");
    }
}

/// A long list of what is not here costs nobody anything who needs nothing of it.
#[test]
fn what_is_not_here_is_looked_up_only_where_something_is_missing() {
    let (far, one) = shared();
    let other = far.clone();
    let newest = VERSIONS.to_string();
    std::fs::write(other.store().join("remotes/origin.absent"), "nobody reads this").unwrap();
    other.write("note", "my own");
    other.push();
    let mine = (VERSIONS + 1).to_string();
    for command in
        [&["cat", &format!("{newest}:note")][..], &["diff", &newest, &mine], &["rollback", &newest, "--force"], &["fetch", &mine]]
    {
        other.lua(command).expect(exit::OK);
    }
    one.write("note", "of another machine");
    one.push();
    one.json(&["sync"]);
    let synced = other.json(&["sync"]);
    assert_eq!((&synced["received"], &synced["sent"]), (&1.into(), &2.into()), "{synced}");
    let run = other.lua_json(&["cat", "2:folder/1"]).expect(exit::ERROR);
    assert!(run.value()["error"]["message"].as_str().unwrap_or_default().contains("origin.absent"), "{run}");
    // Nor is it replaced by one that lacks what was in it.
    one.json(&["sync"]);
    one.write("large", Random::new(6).bytes(1_300_000));
    one.push();
    one.json(&["sync"]);
    let run = other.lua_json(&["sync"]).expect(exit::ERROR);
    assert_eq!(run.value()["error"]["code"], "settings", "{run}");
    assert_eq!(std::fs::read(other.store().join("remotes/origin.absent")).unwrap(), b"nobody reads this");
}

/// Whoever asks the library for a content without fetching it learns that it is elsewhere, and not that it is damaged.
#[test]
fn a_content_that_is_at_a_remote_alone_is_not_here_and_not_lost() {
    let (far, _one) = shared();
    let other = far.clone();
    let workspace = Workspace::open(&other.workspace(), &QuietHost::default()).unwrap();
    let place = VersionPath { version: VersionNumber(2), path: RelPath::new(b"folder/1").unwrap() };
    let error = ops::cat(&workspace, &place, &mut |_| Ok(())).unwrap_err();
    let OpsError::Store(StoreError::Missing { id, .. }) = error else { panic!("{error}") };
    assert!(matches!(ops::missing_or_not_here(&workspace, error), OpsError::NotHere { id: named } if named == id));
    let lost = OpsError::Store(StoreError::Missing { kind: ObjectKind::Blob, id: ObjectId::ZERO });
    assert!(matches!(ops::missing_or_not_here(&workspace, lost), OpsError::Store(StoreError::Missing { .. })));
}
