//! The commands that read the history: `log`, `show`, `cat`, `ls`, `tree`.

mod common;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;

use common::contract::exit;
use common::files::remove;
use common::sandbox::Sandbox;
use serde_json::Value;

/// A name that is no UTF-8.
const ODD_NAME: &[u8] = b"odd \xff name";

/// Five versions: a file that is edited and renamed, one that comes and goes, one that stays.
fn history() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("src/a.txt", "one\ntwo\nthree\nfour\nfive\n");
    sandbox.write("stays.txt", "stays\n");
    sandbox.push();
    sandbox.write("src/a.txt", "one\n2\nthree\nfour\nfive\n");
    sandbox.push();
    remove(&sandbox.path("src/a.txt"));
    sandbox.write("src/b.txt", "one\n2\nthree\nfour\nfive\nsix\n");
    sandbox.push();
    sandbox.write(ODD_NAME, b"raw \x1b[2J \xff\0");
    symlink("stays.txt", sandbox.path("link")).unwrap();
    sandbox.push();
    sandbox.write("src/b.txt", "one\n2\nthree\nfour\n5\nsix\n");
    sandbox.push();
    sandbox
}

fn numbers(log: &Value) -> Vec<u64> {
    log["versions"].as_array().unwrap().iter().map(|version| version["version"].as_u64().unwrap()).collect()
}

#[test]
fn a_log_names_what_each_version_changed() {
    let sandbox = history();
    assert_eq!(numbers(&sandbox.json(&["log"])), [5, 4, 3, 2, 1]);
    assert_eq!(numbers(&sandbox.json(&["log", "-n", "2"])), [5, 4]);
    assert_eq!(numbers(&sandbox.json(&["log", "stays.txt"])), [1]);
    assert_eq!(numbers(&sandbox.json(&["log", "src"])), [5, 3, 2, 1]);
    assert_eq!(numbers(&sandbox.json(&["log", "src/*.txt", "link"])), [5, 4, 3, 2, 1]);
    let run = sandbox.lua(&["log", "stays.txt"]).expect(exit::OK);
    assert_eq!(run.stdout, "v1  2026-01-02 03:04:05  ada (manual lua push)\n  + stays.txt\n");
    let missing = sandbox.lua_json(&["log", "nothing.txt"]).expect(exit::ERROR);
    assert_eq!(missing.value()["error"]["code"], "never_recorded");
}

#[test]
fn a_log_follows_a_file_to_its_former_name() {
    let sandbox = history();
    let followed = sandbox.json(&["log", "src/b.txt"]);
    assert_eq!(numbers(&followed), [5, 3, 2, 1]);
    let renamed = &followed["versions"][1]["files"][0];
    assert_eq!((renamed["status"].as_str(), renamed["from"]["path"].as_str()), (Some("renamed"), Some("src/a.txt")));
    assert_eq!(numbers(&sandbox.json(&["log", "--no-follow", "src/b.txt"])), [5, 3]);
    let gone = sandbox.json(&["log", "src/a.txt"]);
    assert_eq!(numbers(&gone), [3, 2, 1]);
    assert_eq!(gone["versions"][0]["files"][0]["path"], "src/b.txt");
    let patch = sandbox.lua(&["log", "-p", "-n", "1", "src/b.txt"]).expect(exit::OK).stdout;
    assert!(patch.contains("-five\n+5\n") && patch.starts_with("v5"), "{patch}");
    let stat = sandbox.lua(&["log", "--stat", "-n", "1", "src/b.txt"]).expect(exit::OK).stdout;
    assert!(stat.contains("1 insertion(+), 1 deletion(-)"), "{stat}");
}

#[test]
fn deleted_versions_are_passed_over() {
    let sandbox = history();
    sandbox.lua(&["version", "delete", "2", "--force"]).expect(exit::OK);
    let log = sandbox.json(&["log", "src/b.txt"]);
    assert_eq!(numbers(&log), [5, 3, 1]);
    assert_eq!(log["versions"][1]["against"], 1);
    assert_eq!(sandbox.json(&["show", "3"])["against"], 1);
    sandbox.lua(&["show", "2"]).expect(exit::NO_SUCH_VERSION);
    sandbox.lua(&["cat", "2:stays.txt"]).expect(exit::NO_SUCH_VERSION);
}

#[test]
fn a_version_is_shown_with_its_patch() {
    let sandbox = history();
    let shown = sandbox.lua(&["show", "2"]).expect(exit::OK).stdout;
    assert!(shown.starts_with("v2\n  created") && shown.ends_with(" one\n-two\n+2\n three\n four\n five\n"), "{shown}");
    assert_eq!(sandbox.json(&["show", "4", "--name-only"])["files"].as_array().unwrap().len(), 2);
    assert_eq!(sandbox.json(&["show", "4", "link"])["files"][0]["path"], "link");
    let first = sandbox.json(&["show", "1", "--stat"]);
    assert_eq!((first["against"].is_null(), &first["files"][0]["insertions"]), (true, &Value::from(5)));
}

#[test]
fn contents_come_out_byte_by_byte() {
    let sandbox = history();
    let mut odd = b"4:".to_vec();
    odd.extend_from_slice(ODD_NAME);
    let output = sandbox.command(&[OsString::from("cat"), OsString::from_vec(odd.clone())]).output().unwrap();
    assert_eq!((output.stdout, output.stderr), (b"raw \x1b[2J \xff\0".to_vec(), Vec::new()));
    let both = sandbox.lua(&["cat", "1:src/a.txt", "newest:link"]).expect(exit::OK).stdout;
    assert_eq!(both, "one\ntwo\nthree\nfour\nfive\nstays.txt");
    let json = sandbox.lua_json(&[OsString::from("cat"), OsString::from_vec(odd)]).expect(exit::OK).value();
    assert_eq!(json["files"][0]["content_bytes"], "726177201b5b324a20ff00");
    assert_eq!(sandbox.lua_json(&["cat", "1:src"]).expect(exit::ERROR).value()["error"]["code"], "other_kind");
    assert_eq!(sandbox.lua_json(&["cat", "1:src/b.txt"]).expect(exit::ERROR).value()["error"]["code"], "not_in_version");
    sandbox.lua(&["cat", "1"]).expect(exit::USAGE);
    sandbox.lua(&["cat", "1:../x"]).expect(exit::USAGE);
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let sandbox = Sandbox::new();
    sandbox.write("large", vec![b'x'; 4 << 20]);
    sandbox.push();
    let mut command = sandbox.command(&["cat", "1:large"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn paths_start_where_the_user_is() {
    let sandbox = history();
    let mut command = sandbox.command(&["cat", "1:a.txt"]);
    command.current_dir(sandbox.path("src"));
    assert!(sandbox.run(command).expect(exit::OK).stdout.starts_with("one\ntwo"));
    let mut command = sandbox.command(&["ls", "1:."]);
    command.current_dir(sandbox.path("src"));
    assert_eq!(sandbox.run(command).expect(exit::OK).stdout, "a.txt\n");
}

#[test]
fn folders_of_versions_are_listed() {
    let sandbox = history();
    let odd = r#""odd \xff name""#;
    assert_eq!(sandbox.lua(&["ls", "5"]).expect(exit::OK).stdout, format!("link\n{odd}\nsrc/\nstays.txt\n"));
    assert_eq!(sandbox.lua(&["ls", "-r", "1"]).expect(exit::OK).stdout, "src/\nsrc/a.txt\nstays.txt\n");
    assert_eq!(sandbox.lua(&["ls", "5:src/"]).expect(exit::OK).stdout, "b.txt\n");
    assert_eq!(sandbox.lua(&["ls", "-l", "5:link"]).expect(exit::OK).stdout, "lrwxrwxrwx  9  link -> stays.txt\n");
    let tree = format!("v5\n├── link -> stays.txt\n├── {odd}\n├── src/\n│   └── b.txt\n└── stays.txt\n1 folder, 4 files\n");
    assert_eq!(sandbox.lua(&["tree", "5"]).expect(exit::OK).stdout, tree);
    let entries = sandbox.json(&["ls", "5"]);
    assert_eq!((&entries["entries"][0]["kind"], &entries["entries"][0]["target"]), (&"link".into(), &"stays.txt".into()));
    assert_eq!(entries["entries"][1]["path_bytes"], "6f646420ff206e616d65");
    assert_eq!(entries["entries"][3]["mode"], "0644");
}

#[test]
fn each_line_names_the_version_that_changed_it() {
    let sandbox = history();
    let blamed = |arguments: &[&str]| -> Vec<u64> {
        let answer = sandbox.json(&[&["blame"], arguments].concat());
        answer["lines"].as_array().unwrap().iter().map(|line| line["changed_in"].as_u64().unwrap()).collect()
    };
    assert_eq!(blamed(&["src/b.txt"]), [1, 2, 1, 1, 5, 3]);
    assert_eq!(blamed(&["3:src/b.txt"]), [1, 2, 1, 1, 1, 3]);
    assert_eq!(blamed(&["1:src/a.txt"]), [1, 1, 1, 1, 1]);
    let words = sandbox.lua(&["blame", "src/b.txt"]).expect(exit::OK).stdout;
    let lines: Vec<&str> = words.lines().collect();
    assert_eq!(lines[1], "v2  2026-01-02 03:04:05  ada  src/a.txt  2) 2");
    assert_eq!(lines[4], "v5  2026-01-02 03:04:05  ada  src/b.txt  5) 5");
    let versions = sandbox.json(&["blame", "src/b.txt"])["versions"].as_array().unwrap().len();
    assert_eq!(versions, 4, "the version that changed nothing of it is not named");
    assert_eq!(sandbox.lua_json(&["blame", "src"]).expect(exit::ERROR).value()["error"]["code"], "other_kind");
    sandbox.write("binary", b"\0");
    sandbox.push();
    assert_eq!(sandbox.lua_json(&["blame", "binary"]).expect(exit::ERROR).value()["error"]["code"], "not_text");
}

/// Random edits, each line of which says in which version it was made: blame must say the same.
#[test]
fn lines_that_say_who_made_them_are_believed() {
    let sandbox = Sandbox::new();
    let mut random = common::random::Random::new(7);
    let mut lines: Vec<String> = (0..20).map(|line| format!("1 line {line}")).collect();
    sandbox.write("file", lines.join("\n") + "\n");
    sandbox.push();
    for version in 2..=25 {
        for edit in 0..3 {
            let at = random.below(lines.len());
            match random.below(3) {
                0 => lines[at] = format!("{version} changed {edit}"),
                1 => lines.insert(at, format!("{version} inserted {edit}")),
                _ => drop(lines.remove(at)),
            }
        }
        sandbox.write("file", lines.join("\n") + "\n");
        sandbox.lua(&["push", "--allow-empty"]).expect(exit::OK);
    }
    let answer = sandbox.json(&["blame", "file"]);
    let blamed: Vec<String> = answer["lines"].as_array().unwrap().iter().map(|line| line["changed_in"].to_string()).collect();
    let said: Vec<String> = lines.iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(blamed, said);
}
