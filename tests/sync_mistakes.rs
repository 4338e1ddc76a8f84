//! What goes wrong with a remote by mistake, and remotes that lost a part: the answer is true, says what to do, and nothing is lost.

mod common;

use std::fs;
use std::path::PathBuf;

use common::contract::exit;
use common::far::Far;
use common::sandbox::Sandbox;

/// A machine with two versions, shared.
fn shared(far: &Far) -> Sandbox {
    let sandbox = with_versions(2);
    sandbox.lua(&["remote", "add", &far.url()]).expect(exit::OK);
    sandbox.lua(&["sync"]).expect(exit::OK);
    sandbox
}

fn with_versions(versions: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    for version in 1..=versions {
        sandbox.write("file", format!("version {version}\n"));
        sandbox.json(&["push"]);
    }
    sandbox
}

#[test]
fn what_says_which_history_it_is_is_checked() {
    for is_removed in [false, true] {
        let far = Far::new();
        let sandbox = shared(&far);
        let format = far.path().join("format");
        match is_removed {
            true => fs::remove_file(&format).unwrap(),
            false => fs::write(&format, "something else").unwrap(),
        }
        for command in [&["verify", "--remote"][..], &["verify", "--remote", "--read-data"], &["remote", "check"]] {
            let answer = sandbox.lua(command).expect(exit::DAMAGED);
            assert!(format!("{answer}").contains("format"), "{answer}");
        }
        let other = with_versions(1);
        other.lua(&["remote", "add", &far.url()]).expect(exit::DAMAGED);
        assert_eq!(format.exists(), !is_removed, "no new history is begun beside the old one");
    }
}

#[test]
fn a_version_that_is_recorded_and_not_shared_is_no_failure() {
    let alone = with_versions(1);
    alone.write("file", "new\n");
    let push = alone.lua(&["push", "--sync"]).expect(exit::LEFT_OUT);
    assert!(push.stderr.contains("recorded") && push.stderr.contains("no remote"), "{push}");
    let far = Far::new();
    let sandbox = shared(&far);
    fs::rename(far.path(), far.path().with_extension("away")).unwrap();
    sandbox.write("file", "new\n");
    let push = sandbox.lua_json(&["push", "--sync"]).expect(exit::LEFT_OUT).value();
    assert_eq!(push["version"], 3);
    assert!(push["sync"]["error"].as_str().unwrap().contains("mounted"), "{push}");
}

#[test]
fn force_asks_nothing_and_joins_nothing() {
    let far = Far::new();
    shared(&far);
    let stranger = Sandbox::new();
    stranger.write("file", "something else\n");
    stranger.json(&["push"]);
    stranger.lua(&["remote", "add", &far.url()]).expect(exit::OK);
    for command in [&["pull", "--force"][..], &["sync", "--pull", "--force"], &["sync"]] {
        let refused = stranger.lua(command).expect(exit::USAGE);
        assert!(refused.stderr.contains("none in common") && refused.stderr.contains("sync --force"), "{refused}");
    }
    assert_eq!(fs::read(stranger.path("file")).unwrap(), b"something else\n");
    stranger.lua(&["sync", "--force"]).expect(exit::OK);
    assert_eq!(stranger.versions().len(), 3);
}

#[test]
fn a_sync_says_that_the_files_are_older_now() {
    let far = Far::new();
    let (one, other) = (shared(&far), far.clone());
    one.write("file", "version 3\n");
    one.lua(&["push", "--sync"]).expect(exit::OK);
    let sync = other.lua(&["sync"]).expect(exit::OK);
    assert!(sync.stderr.contains("the files here are as they were") && sync.stderr.contains("lua pull --version v3"), "{sync}");
    other.lua(&["pull", "--force"]).expect(exit::OK);
    let sync = other.lua(&["sync"]).expect(exit::OK);
    assert!(!sync.stderr.contains("the files here"), "{sync}");
}

#[test]
fn the_real_reason_comes_first() {
    let far = Far::new();
    let sandbox = shared(&far);
    sandbox.lua(&["fetch", "99"]).expect(exit::NO_SUCH_VERSION);
    let alone = with_versions(1);
    assert!(alone.lua(&["pull"]).expect(exit::USAGE).stderr.contains("no remote"));
    let nothing = format!("file://{}", far.path().with_extension("new").display());
    let refused = alone.lua(&["remote", "add", &nothing, "--encrypt"]).expect(exit::USAGE);
    assert!(refused.stderr.contains("no passphrase"), "{refused}");
}

#[test]
fn an_empty_place_is_taken_for_one_that_is_not_mounted() {
    let far = Far::new();
    let sandbox = shared(&far);
    let away = far.path().with_extension("away");
    fs::rename(far.path(), &away).unwrap();
    fs::create_dir(far.path()).unwrap();
    for command in [&["sync"][..], &["remote", "check"], &["verify", "--remote"]] {
        let answer = sandbox.lua_json(command).expect(exit::ERROR).value();
        assert_eq!(answer["error"]["code"], "remote_away", "{answer}");
    }
    fs::remove_dir(far.path()).unwrap();
    fs::rename(&away, far.path()).unwrap();
    sandbox.lua(&["sync"]).expect(exit::OK);
}

#[test]
fn a_mistyped_address_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    let nowhere = format!("file://{}", sandbox.outside("mistyped").display());
    let refused = sandbox.lua(&["init", "--restore-sources", "--remote", &nowhere]).expect(exit::ERROR);
    assert!(refused.stderr.contains("address"), "{refused}");
    assert!(!sandbox.store().exists() && !sandbox.outside("mistyped").exists());
}

#[test]
fn a_check_of_a_remote_goes_on_behind_what_is_damaged() {
    let far = Far::new();
    let sandbox = shared(&far);
    sandbox.write("file", "version 3\n");
    sandbox.lua(&["push", "--sync"]).expect(exit::OK);
    let pack = far.objects().into_iter().find(|path| path.starts_with(far.path().join("packs"))).unwrap();
    let problems = |damaged: &[PathBuf]| {
        let before: Vec<Vec<u8>> = damaged.iter().map(|path| fs::read(path).unwrap()).collect();
        for (path, bytes) in damaged.iter().zip(&before) {
            let mut bytes = bytes.clone();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).unwrap();
        }
        let verified = sandbox.lua_json(&["verify", "--remote", "--read-data"]).expect(exit::DAMAGED).value();
        damaged.iter().zip(before).for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        verified["problems"].to_string()
    };
    let both = problems(&[far.path().join("format"), pack]);
    assert!(both.contains("format") && both.contains("packs"), "{both}");
    let entry = problems(&[far.path().join("log/0000000000000001")]);
    assert!(entry.contains("log/0000000000000001"), "{entry}");
    sandbox.lua(&["verify", "--remote", "--read-data"]).expect(exit::OK);
}
