//! `grep` and `when`: contents of many versions.

mod common;

use common::contract::exit;
use common::files::remove;
use common::sandbox::Sandbox;
use serde_json::{Value, json};

/// Five versions: a line comes, moves down, goes with its file into another one, and goes.
fn history() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("src/a.rs", "fn one() {}\n");
    sandbox.write("data.bin", b"needle\0");
    sandbox.write("same.txt", "needle stays\n");
    sandbox.push();
    sandbox.write("src/a.rs", "fn one() {}\nlet needle = 1;\n");
    sandbox.push();
    sandbox.write("src/a.rs", "// new\nfn one() {}\nlet needle = 1;\n");
    sandbox.push();
    remove(&sandbox.path("src/a.rs"));
    sandbox.write("src/it's b.rs", "// new\nfn one() {}\nlet needle = 1;\n");
    sandbox.push();
    sandbox.write("src/it's b.rs", "// new\n");
    sandbox.push();
    sandbox
}

fn found(answer: &Value) -> Vec<(String, Value)> {
    let matches = answer["matches"].as_array().unwrap().iter();
    matches.map(|found| (found["path"].as_str().unwrap().to_owned(), found["versions"].clone())).collect()
}

#[test]
fn the_newest_version_is_searched_unless_others_are_named() {
    let sandbox = history();
    let run = sandbox.lua(&["grep", "-n", "needle"]).expect(exit::OK);
    assert_eq!(run.stdout, "v5:data.bin: binary file matches\nv5:same.txt:1:needle stays\n");
    assert_eq!(run.stderr, "searched v5, the newest version; --all-versions searches all\n");
    let run = sandbox.lua(&["grep", "-n", "--versions", "2", "needle", "src"]).expect(exit::OK);
    assert_eq!(run.stdout, "v2:src/a.rs:2:let needle = 1;\n");
}

#[test]
fn equal_lines_of_many_versions_are_one_match() {
    let sandbox = history();
    let run = sandbox.lua(&["grep", "-n", "--all-versions", "needle"]).expect(exit::OK);
    let expected = "\
v1–v5:data.bin: binary file matches
v1–v5:same.txt:1:needle stays
v2–v3:src/a.rs:3:let needle = 1;
v4:src/it's b.rs:3:let needle = 1;
";
    assert_eq!(run.stdout, expected);
    let answer = sandbox.json(&["grep", "--all-versions", "needle"]);
    // A content that stood at two paths counts once: a moved file is not searched twice.
    assert_eq!(answer["contents"], 6);
    assert_eq!(found(&answer)[2], ("src/a.rs".to_owned(), json!([[2, 3]])));
}

#[test]
fn versions_that_came_back_are_ranges_of_their_own() {
    let sandbox = history();
    sandbox.lua(&["rollback", "2", "--force"]).expect(exit::OK);
    let answer = sandbox.json(&["grep", "--versions", "2..", "needle", "src/a.rs"]);
    assert_eq!(found(&answer), [("src/a.rs".to_owned(), json!([[2, 3], [6, 6]]))]);
    assert_eq!(answer["matches"][0]["lines"][0]["number"], 2, "the number in the newest version");
    sandbox.lua(&["version", "delete", "3", "--force"]).expect(exit::OK);
    let answer = sandbox.json(&["grep", "--all-versions", "needle", "src/a.rs"]);
    assert_eq!(found(&answer), [("src/a.rs".to_owned(), json!([[2, 2], [6, 6]]))]);
}

#[test]
fn patterns_mean_what_is_asked() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "Foo.bar\nfoobar\nother\nFoo\n");
    sandbox.push();
    let lines = |arguments: &[&str]| sandbox.lua(&[&["grep", "-n"], arguments].concat()).stdout;
    assert_eq!(lines(&["foo"]), "v1:a:2:foobar\n");
    assert_eq!(lines(&["-i", "foo"]), "v1:a:1:Foo.bar\nv1:a:2:foobar\nv1:a:4:Foo\n");
    assert_eq!(lines(&["-F", "o.b"]), "v1:a:1:Foo.bar\n");
    assert_eq!(lines(&["-wi", "foo"]), "v1:a:1:Foo.bar\nv1:a:4:Foo\n");
    assert_eq!(lines(&["^other$"]), "v1:a:3:other\n");
    assert_eq!(lines(&["-c", "(?i)foo"]), "v1:a:3\n");
    assert_eq!(lines(&["-l", "o"]), "v1:a\n");
    assert_eq!(lines(&["-A1", "-B", "1", "other"]), "v1:a-2-foobar\nv1:a:3:other\nv1:a-4-Foo\n");
    sandbox.lua(&["grep", "nothing at all"]).expect(exit::ERROR);
    assert_eq!(sandbox.lua_json(&["grep", "nothing at all"]).expect(exit::ERROR).value()["matches"], json!([]));
    assert_eq!(sandbox.lua_json(&["grep", "("]).expect(exit::USAGE).value()["error"]["code"], "bad_expression");
    assert_eq!(
        sandbox.lua_json(&["grep", "--versions", "7..", "x"]).expect(exit::NO_SUCH_VERSION).value()["error"]["code"],
        "unknown_version"
    );
}

#[test]
fn contents_drive_no_terminal() {
    let sandbox = Sandbox::new();
    sandbox.write("evil\u{1b}[2J", b"hit \x1b]0;title\x07 \xff\n");
    sandbox.push();
    let run = sandbox.lua(&["grep", "hit"]).expect(exit::OK);
    assert_eq!(run.stdout, "v1:\"evil\\x1b[2J\":hit \\x1b]0;title\\x07 \\xff\n");
}

#[test]
fn when_tells_where_a_text_went() {
    let sandbox = history();
    let run = sandbox.lua(&["when", "-F", "let needle"]).expect(exit::OK);
    let entry = "2026-01-02 03:04:05  ada (manual lua push)";
    let expected = format!(
        "src/a.rs\n  appeared in v2  {entry}\n  vanished in v4  {entry}, with the file\n  appeared at the same time in src/it's b.rs\n  \
         bring it back: lua source restore --version 3 src/a.rs\n\
         src/it's b.rs\n  appeared in v4  {entry}\n  vanished in v5  {entry}\n  \
         bring it back: lua source restore --version 4 'src/it'\\''s b.rs'\n"
    );
    assert_eq!(run.stdout, expected);
    let answer = sandbox.json(&["when", "needle", "same.txt"]);
    let presence = &answer["presences"][0];
    assert_eq!((presence["appeared"]["version"].as_u64(), presence["vanished"].is_null()), (Some(1), true));
    sandbox.lua(&["when", "no such text"]).expect(exit::ERROR);
}

#[test]
fn the_command_that_when_names_brings_the_text_back() {
    let sandbox = history();
    let answer = sandbox.json(&["when", "-F", "let needle", "src/it's b.rs"]);
    let words = answer["presences"][0]["restore"].as_str().unwrap();
    let mut shell = sandbox.command_of("/bin/sh".as_ref(), &["-c", &words.replacen("lua", common::sandbox::LUA, 1)]);
    shell.env("LUA_AUTHOR", "ada");
    sandbox.run(shell).expect(exit::OK);
    assert_eq!(std::fs::read(sandbox.path("src/it's b.rs")).unwrap(), b"// new\nfn one() {}\nlet needle = 1;\n");
}

#[test]
fn what_fits_nearly_everything_is_refused_before_it_fills_the_memory() {
    let sandbox = Sandbox::new();
    sandbox.write("many", "a\n".repeat(2_000_000));
    sandbox.push();
    let run = sandbox.lua_json(&["grep", "a"]).expect(exit::ERROR);
    assert_eq!(run.value()["error"]["code"], "too_many_matches", "{run}");
    let counted = sandbox.lua(&["grep", "-c", "a"]).expect(exit::OK);
    assert_eq!(counted.stdout, "v1:many:2000000\n");
}
