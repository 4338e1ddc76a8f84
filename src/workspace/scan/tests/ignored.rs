//! What the rules leave out is listed, counted, and judged anew when they change.

use super::*;

fn counts(files: u64, bytes: u64, directories: u64, example: &str) -> LeftOut {
    LeftOut { files, bytes, directories, example: example.into() }
}

fn sandbox() -> (Sandbox, MemoryTrees) {
    let sandbox = Sandbox::new();
    sandbox.write(".gitignore", "target\nlog\n").write("src/main", "main").write("src/log", "12345").write("log", "123");
    sandbox.write("target/debug/big", "1234567890").write("target/x", "12345").write(".git/HEAD", "ref").write("src/deep/log", "1");
    let mut trees = MemoryTrees::default();
    sandbox.push(&mut trees);
    (sandbox, trees)
}

#[test]
fn what_is_left_out_is_counted_by_rule() {
    let (sandbox, mut trees) = sandbox();
    for _ in 0..2 {
        let push = sandbox.push(&mut trees);
        assert!(push.skipped.is_empty());
        assert_eq!(push.left_out[".gitignore:1:target"], counts(0, 0, 1, "target"));
        assert_eq!(push.left_out["built in:.git"], counts(0, 0, 1, ".git"));
        let log = &push.left_out[".gitignore:2:log"];
        assert_eq!((log.files, log.bytes, log.directories), (3, 9, 0));
        assert_eq!(push.built.files, 2);
        sandbox.tick();
        sandbox.write("src/log", "54321").write("target/x", "more");
    }
}

#[test]
fn a_growing_file_that_is_left_out_changes_no_cache() {
    let (sandbox, mut trees) = sandbox();
    sandbox.tick();
    sandbox.write("src/log", "much longer than before");
    let push = sandbox.push(&mut trees);
    assert_eq!((push.update, push.left_out[".gitignore:2:log"].bytes), (CacheUpdate::Nothing, 27));
}

#[test]
fn directories_that_are_left_out_are_measured_on_request() {
    let (mut sandbox, mut trees) = sandbox();
    sandbox.options.measure_left_out = true;
    for _ in 0..2 {
        let push = sandbox.push(&mut trees);
        assert_eq!(push.left_out[".gitignore:1:target"], counts(2, 15, 1, "target"));
        assert_eq!(push.left_out["built in:.git"], counts(1, 3, 1, ".git"));
    }
}

#[test]
fn a_changed_ignore_file_is_obeyed_everywhere() {
    let (sandbox, mut trees) = sandbox();
    sandbox.tick();
    sandbox.write(".gitignore", "target\n");
    let push = sandbox.push(&mut trees);
    assert_eq!(push.read.len(), 4, "{:?}", push.read);
    sandbox.tick();
    sandbox.write(".gitignore", "src\n");
    let push = sandbox.push(&mut trees);
    assert!(push.content.contains_key(&b"target/debug/big"[..]) && !push.content.contains_key(&b"src"[..]));
    sandbox.tick();
    sandbox.remove(".gitignore");
    assert!(sandbox.push(&mut trees).content.contains_key(&b"src/deep/log"[..]));
    sandbox.tick();
    sandbox.write("src/.luaignore", "deep\n");
    assert!(!sandbox.push(&mut trees).content.contains_key(&b"src/deep"[..]));
    sandbox.tick();
    sandbox.write("src/.luaignore", "peed\n");
    assert!(sandbox.push(&mut trees).content.contains_key(&b"src/deep"[..]));
    assert!(sandbox.push(&mut trees).read.is_empty());
}

#[test]
fn a_new_name_is_judged_by_rules_that_were_not_read_yet() {
    let (sandbox, mut trees) = sandbox();
    sandbox.write("src/deep/.gitignore", "secret\n").write("src/deep/file", "1");
    sandbox.push(&mut trees);
    sandbox.tick();
    sandbox.write("src/deep/secret", "hush").write("src/deep/lower/secret", "hush").write("src/deep/lower/log", "x");
    sandbox.write("src/deep/lower/open", "x");
    let push = sandbox.push(&mut trees);
    assert_eq!(push.read, ["src/deep/lower/open"]);
    assert_eq!(push.left_out["src/deep/.gitignore:1:secret"].files, 2);
}

#[test]
fn an_ignore_file_that_is_left_out_still_rules() {
    let sandbox = Sandbox::new();
    let mut trees = MemoryTrees::default();
    sandbox.write(".gitignore", ".gitignore\nx\n").write("x", "1").write("y", "2");
    let push = sandbox.push(&mut trees);
    assert_eq!(push.read, ["y"]);
    sandbox.tick();
    sandbox.write(".gitignore", ".gitignore\ny\n");
    assert_eq!(sandbox.push(&mut trees).read, ["x"]);
}

#[test]
fn an_ignore_file_that_is_no_file_rules_nothing() {
    let sandbox = Sandbox::new();
    let mut trees = MemoryTrees::default();
    sandbox.write("x", "1").write("rules", "x\n").link("rules", ".gitignore").mkdir(".luaignore");
    assert!(sandbox.push_into(&mut trees, None, &sandbox.options).content.contains_key(&b"x"[..]));
    sandbox.remove(".gitignore");
    rustix::fs::mkfifoat(rustix::fs::CWD, sandbox.path(".gitignore"), rustix::fs::Mode::RUSR).unwrap();
    let push = sandbox.push_into(&mut trees, sandbox.cache(), &sandbox.options);
    assert!(push.content.contains_key(&b"x"[..]));
    assert_eq!(push.skipped.len(), 1);
}

#[test]
fn an_ignore_file_that_is_too_large_is_reported() {
    let sandbox = Sandbox::new();
    sandbox.write("x", "1");
    fs::File::create(sandbox.path(".gitignore")).unwrap().set_len(crate::limits::IGNORE_FILE_BYTES_MAX + 1).unwrap();
    let mut trees = MemoryTrees::default();
    for _ in 0..2 {
        let push = sandbox.push_into(&mut trees, sandbox.cache(), &sandbox.options);
        assert_eq!((push.skipped.len(), &push.skipped[0].path[..]), (1, &b".gitignore"[..]));
    }
}

#[test]
fn very_many_rules_are_told_apart_up_to_a_bound() {
    let sandbox = Sandbox::new();
    let names: Vec<String> = (0..1500).map(|at| format!("name{at}")).collect();
    for name in &names {
        sandbox.write(name, "x");
    }
    sandbox.write(".gitignore", &names.join("\n"));
    let mut trees = MemoryTrees::default();
    for _ in 0..2 {
        let push = sandbox.push(&mut trees);
        assert!(push.left_out.len() <= 1001);
        assert_eq!(push.left_out.values().map(|counts| counts.files).sum::<u64>(), 1500);
    }
}
