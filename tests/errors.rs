//! Every error that the library can give is given in some test: a list of all variants of all error types is read out of the sources, and
//! each must be named by a test, by its own name or by the word that scripts see.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;

use common::contract::exit;
use common::far::s3_variables;
use common::files::chmod;
use common::sandbox::Sandbox;
use lua_store::ops::{self, GcOptions, Host, OpsError, PushOptions, QuietHost, VerifyOptions, Workspace};
use rustix::fs::{FileType, Mode, mknodat};

/// A message of fewer bytes may be said by something else.
const SAYS_BYTES_MIN: usize = 15;

/// Sources by their paths, below a folder.
fn sources(folder: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = walkdir::WalkDir::new(root.join(folder)).into_iter().map(|entry| entry.unwrap().into_path());
    let read = |path: std::path::PathBuf| {
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        fs::read_to_string(&path).ok().map(|text| (name, text))
    };
    files.filter(|path| path.is_file()).filter_map(read).collect()
}

/// The text of all tests. Not that of `cli/failure.rs`, which makes errors only to look at their words.
fn tests() -> String {
    let of_library = sources("src").into_iter().filter(|(path, _)| path != "src/cli/failure.rs").filter_map(|(path, text)| {
        let is_test = ["/tests/", "/tests.rs", "_tests.rs", "testing.rs"].iter().any(|part| path.contains(part));
        let begin = text.find("mod tests {");
        if is_test { Some(text) } else { begin.map(|at| text[at..].to_owned()) }
    });
    of_library.chain(sources("tests").into_values()).collect::<Vec<_>>().join("\n")
}

/// A variant of an error.
#[derive(Debug)]
struct Variant {
    /// `Type::Variant`.
    name: String,
    /// What it says: the longest part of its message that is always the same. Empty for one that passes on the error in it.
    says: String,
}

fn variants(text: &str) -> Vec<Variant> {
    let mut found = Vec::new();
    let enums = text.split("Error)]\n").skip(1).filter_map(|text| text.strip_prefix("pub enum "));
    for text in enums {
        let name: String = text.chars().take_while(char::is_ascii_alphanumeric).collect();
        let body = text.split("\n}\n").next().unwrap_or_default();
        let mut says = String::new();
        for line in body.lines().skip(1) {
            let Some(line) = line.strip_prefix("    ").filter(|line| !line.starts_with([' ', '}', '/'])) else { continue };
            if line.starts_with('#') {
                let message = line.strip_prefix("#[error(\"").and_then(|line| line.split('"').next());
                let parts = message.into_iter().flat_map(|message| message.split(['{', '}']).step_by(2));
                says = parts.max_by_key(|part| part.len()).map_or(says, str::to_owned);
                continue;
            }
            let variant: String = line.chars().take_while(char::is_ascii_alphanumeric).collect();
            found.push(Variant { name: format!("{name}::{variant}"), says: std::mem::take(&mut says) });
        }
    }
    found
}

/// The words for scripts that `cli/failure.rs` has for a variant.
fn words(failure: &str, variant: &str) -> Vec<String> {
    let arms = failure.match_indices(variant).filter_map(|(at, _)| {
        let arm = failure[at + variant.len()..].split("=>").nth(1)?;
        let arm = arm.trim_start_matches([' ', '{', '\n']).strip_prefix("says(")?;
        arm.split('"').nth(1)
    });
    arms.map(|word| format!("\"{word}\"")).collect()
}

/// Whether tests name a variant: itself, its word for scripts, or what it says, if that is long enough to be said by nothing else.
fn is_named(tests: &str, failure: &str, variant: &Variant) -> bool {
    let is_whole = |at: usize| !tests[at + variant.name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric());
    let by_name = tests.match_indices(&variant.name).any(|(at, _)| is_whole(at));
    let by_word = words(failure, &variant.name).iter().any(|word| tests.contains(word));
    let says = variant.says.trim_matches([' ', ':', ',', ';']);
    by_name || by_word || says.len() >= SAYS_BYTES_MIN && tests.contains(says)
}

#[test]
fn every_error_is_given_in_some_test() {
    let (sources, tests) = (sources("src"), tests());
    let failure = &sources["src/cli/failure.rs"];
    let all: Vec<Variant> = sources.values().flat_map(|text| variants(text)).collect();
    assert!(all.len() > 120, "{}: the sources are not understood", all.len());
    let given = |variant: &&Variant| variant.says.is_empty() || is_named(&tests, failure, variant);
    let missing: Vec<&str> = all.iter().filter(|variant| !given(variant)).map(|variant| variant.name.as_str()).collect();
    assert!(missing.is_empty(), "no test gives: {missing:?}");
}

/// Runs a command that fails, and gives the word that says why.
#[track_caller]
fn why(sandbox: &Sandbox, command: &[&str]) -> String {
    let run = sandbox.lua_json(command);
    assert!(!run.crashed() && run.code != exit::OK, "{run}");
    run.value()["error"]["code"].as_str().unwrap_or_else(|| panic!("no error in {run}")).to_owned()
}

#[test]
fn what_is_not_there_is_said() {
    let sandbox = Sandbox::new();
    sandbox.lua(&["init"]).expect(exit::OK);
    assert_eq!(why(&sandbox, &["promote", "newest"]), "no_version");
    assert_eq!(why(&sandbox, &["undo", "--force"]), "no_rollback");
    assert_eq!(why(&sandbox, &["sync"]), "no_remote");
    assert_eq!(why(&sandbox, &["remote", "remove", "nobody"]), "unknown_remote");
    let url = format!("file://{}", sandbox.outside("shared").display());
    assert_eq!(why(&sandbox, &["remote", "add", "a.b", &url]), "bad_remote_name");
    sandbox.lua(&["remote", "add", "shared", &url]).expect(exit::OK);
    assert_eq!(why(&sandbox, &["remote", "add", "shared", &url]), "remote_exists");
    let elsewhere = Sandbox::new();
    let nothing = format!("file://{}", elsewhere.outside("nothing").display());
    assert_eq!(why(&elsewhere, &["init", "--restore-sources", "--remote", &nothing]), "remote_empty");
    let run = sandbox.lua(&["promote", "99999999999999999999"]);
    assert!(run.code == exit::USAGE && run.stderr.contains("no version has a number that large"), "{run}");
    sandbox.write("a", "one");
    sandbox.push();
    assert_eq!(why(&sandbox, &["source", "restore", "--version", "1", "*.none"]), "no_match");
}

#[test]
fn what_stands_in_the_way_is_named_and_stays() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "one");
    sandbox.write("keys", "a secret that is long enough to be looked for");
    sandbox.push();
    fs::remove_file(sandbox.path("a")).unwrap();
    sandbox.push();
    mknodat(rustix::fs::CWD, sandbox.path("a"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    assert_eq!(why(&sandbox, &["source", "rollback", "--version", "1", "--force"]), "in_the_way");
    fs::remove_file(sandbox.path("a")).unwrap();
    sandbox.write(".LUA", "no tree can hold it");
    assert_eq!(why(&sandbox, &["source", "rollback", "--version", "1", "--force"]), "unrecordable");
    fs::remove_file(sandbox.path(".LUA")).unwrap();
    assert_eq!(why(&sandbox, &["purge", "keys", "--force"]), "still_there");
    fs::remove_file(sandbox.path("keys")).unwrap();
    sandbox.push();
    sandbox.lua(&["purge", "keys", "--force"]).expect(exit::OK);
    let run = sandbox.lua(&["diff", "1", "3"]);
    assert!(run.stdout.contains("purged"), "{run}"); // NotText::Purged
    let mut inside = sandbox.command(&["at", "1", "--json", "--", "true"]);
    inside.env("TMPDIR", sandbox.workspace());
    assert_eq!(sandbox.run(inside).value()["error"]["code"], "scratch_in_workspace");
    sandbox.write(".gitignore", "/*\n");
    assert_eq!(why(&sandbox, &["push"]), "nearly_nothing_left");
}

#[test]
fn damage_is_called_by_its_name() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "a content that is put away as it is: 0123456789");
    sandbox.push();
    fs::write(sandbox.store().join("checkout.journal"), "no journal").unwrap();
    assert_eq!(why(&sandbox, &["push"]), "journal_damaged");
    fs::remove_file(sandbox.store().join("checkout.journal")).unwrap();
    let segment = sandbox.store().join("objects/000001.seg");
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(10).position(|window| window == b"0123456789").expect("it does not shrink");
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    assert_eq!(why(&sandbox, &["cat", "1:a"]), "object_damaged");
    sandbox.write(".lua/config.toml", "format = 1\nstore = 7\n");
    assert_eq!(why(&sandbox, &["push"]), "settings");
}

#[test]
fn what_git_cannot_do_is_said() {
    /// Where git keeps `content`.
    const BLOB: &str = "6b/584e8ece562ebffc15d38808cd6b98fc3d97ea";
    if Command::new("git").arg("--version").output().is_err() {
        return common::skip("what_git_cannot_do_is_said", "git is not installed");
    }
    let sandbox = Sandbox::new();
    for content in ["one", "two", "three"] {
        sandbox.write("a", content);
        sandbox.push();
    }
    sandbox.lua(&["version", "delete", "2", "--force"]).expect(exit::OK);
    assert_eq!(why(&sandbox, &["export", "git", "--versions", "2..2", "--to", "../range"]), "nothing_in_range");
    // A git that fails.
    let tools = sandbox.outside("tools");
    fs::create_dir(&tools).unwrap();
    fs::write(tools.join("git"), "#!/bin/sh\necho broken >&2\nexit 1\n").unwrap();
    chmod(&tools.join("git"), 0o755);
    let mut broken = sandbox.command(&["export", "git", "--to", "../other", "--json"]);
    broken.env("PATH", format!("{}:/usr/bin:/bin", tools.display()));
    assert_eq!(sandbox.run(broken).value()["error"]["code"], "git_failed");
    let mut without = sandbox.command(&["export", "git", "--to", "../other", "--json"]);
    without.env("PATH", sandbox.outside("nowhere"));
    assert_eq!(sandbox.run(without).value()["error"]["code"], "no_git");
    // Repositories that are not what they should be. The objects of this one would be another's.
    let lost = sandbox.outside("lost");
    fs::create_dir(&lost).unwrap();
    fs::write(lost.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(lost.join("commondir"), "../nowhere\n").unwrap();
    assert_eq!(why(&Sandbox::new(), &["import", "git", lost.to_str().expect("the sandbox's paths are text")]), "git_unreadable");
    let repository = sandbox.outside("repository");
    let git = |arguments: &[&str]| {
        let mut command = sandbox.command_of(Path::new("git"), &["-C".as_ref(), repository.as_os_str()]);
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.org"]).args(arguments);
        assert!(command.output().unwrap().status.success(), "{arguments:?}");
    };
    fs::create_dir(&repository).unwrap();
    git(&["init", "--quiet", "--template="]);
    fs::write(repository.join("file"), "content").unwrap();
    git(&["add", "file"]);
    git(&["commit", "--quiet", "-m", "first"]);
    let other = Sandbox::new();
    let import = ["import", "git", repository.to_str().expect("the sandbox's paths are text")];
    // The blob of `content`, replaced by another object.
    let objects = repository.join(".git/objects");
    let files: Vec<_> = walkdir::WalkDir::new(&objects).into_iter().flatten().filter(|entry| entry.file_type().is_file()).collect();
    let (blob, others): (Vec<_>, Vec<_>) = files.iter().map(walkdir::DirEntry::path).partition(|path| path.ends_with(BLOB));
    let blob = blob[0];
    chmod(blob, 0o644);
    fs::copy(others[0], blob).unwrap();
    assert_eq!(why(&other, &import), "git_damaged");
    fs::write(repository.join(".git/config"), "[extensions]\n\tobjectFormat = sha256\n").unwrap();
    assert_eq!(why(&other, &import), "git_unsupported");
}

#[test]
fn answers_that_cannot_be_written_are_errors() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "one");
    sandbox.push();
    let run = sandbox.run(sandbox.command_of(Path::new("sh"), &["-c", &format!("{} export tar > /dev/full", common::sandbox::LUA)]));
    assert!(run.code != exit::OK && run.stderr.contains("cannot write what is exported"), "{run}");
}

/// A collection waits for nobody, and a check needs a shell.
#[test]
fn what_is_in_use_or_not_installed_is_said() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "one");
    sandbox.push();
    let host = QuietHost::default();
    let mut workspace = Workspace::open(&sandbox.workspace(), &host).unwrap();
    let held = fs::File::create(sandbox.store().join("collection.lock")).unwrap();
    held.lock().unwrap();
    assert!(matches!(ops::gc(&mut workspace, &GcOptions::default(), &host), Err(OpsError::CollectionAtWork)));
    held.unlock().unwrap();
    ops::gc(&mut workspace, &GcOptions::default(), &host).unwrap();
    sandbox.write("a", "two");
    let mut check = sandbox.command(&["push", "--check", "true", "--json"]);
    check.env("PATH", sandbox.outside("nowhere"));
    assert_eq!(sandbox.run(check).expect(exit::ERROR).value()["error"]["code"], "check_not_run");
}

/// What a user stops is left as it was.
#[test]
fn who_is_stopped_says_so() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "one");
    sandbox.push();
    let host = QuietHost::default();
    let mut workspace = Workspace::open(&sandbox.workspace(), &host).unwrap();
    sandbox.write("a", "two");
    let versions = sandbox.versions();
    host.cancel_flag().store(true, Ordering::Relaxed);
    assert!(matches!(ops::push(&mut workspace, &PushOptions::default(), &host), Err(OpsError::Cancelled)));
    assert!(matches!(ops::verify(&mut workspace, &VerifyOptions::default(), &host), Err(OpsError::Cancelled)));
    assert_eq!(sandbox.versions(), versions);
}

/// A history that somebody else owns may be a trap.
#[test]
fn the_history_of_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return common::skip_for_lack_of_devices("the_history_of_somebody_else_is_refused", "only root can give files away");
    }
    let (owner, user) = (12_345, 65_534);
    let sandbox = Sandbox::new();
    sandbox.write("a", "one");
    sandbox.push();
    // The program runs as a user who must be able to reach it.
    let program = sandbox.outside("lua");
    fs::copy(common::sandbox::LUA, &program).unwrap();
    for entry in walkdir::WalkDir::new(sandbox.root()).into_iter().map(Result::unwrap) {
        let owner = if entry.path().starts_with(sandbox.store()) { owner } else { user };
        chown(entry.path(), Some(owner), Some(owner)).unwrap();
        chmod(entry.path(), 0o755);
    }
    for command in [&["push", "--json"][..], &["status", "--json"], &["source", "list", "--json"], &["verify", "--json"]] {
        let mut command = sandbox.command_of(&program, command);
        command.uid(user).gid(user);
        let run = sandbox.run(command);
        assert!(run.code == exit::ERROR && run.value()["error"]["code"] == "foreign_owner", "{run}");
    }
}

/// A server of object storage that lets nobody in.
#[test]
fn storage_that_does_not_let_us_is_said_to() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", server.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut client in server.incoming().map_while(Result::ok) {
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let sandbox = Sandbox::new();
    sandbox.lua(&["init"]).expect(exit::OK);
    let mut add = sandbox.command(&["remote", "add", "s3://lua/place", "--no-encrypt", "--json"]);
    add.envs(s3_variables(&endpoint));
    let run = sandbox.run(add).expect(exit::ERROR);
    assert_eq!(run.value()["error"]["code"], "remote_denied", "{run}");
}
