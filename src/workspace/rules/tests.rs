//! Precedence of the kinds of rules, digests, explanations, and hostile ignore files.

use std::collections::HashMap;
use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

const PLAIN: RuleSettings = RuleSettings { include_git: false };
const WITH_GIT: RuleSettings = RuleSettings { include_git: true };

/// Rules inside the root with these ignore files; an empty text is no file.
fn root(gitignore: &str, luaignore: &str) -> Arc<Rules> {
    enter(&Rules::new(PLAIN), "", gitignore, luaignore)
}

fn enter(rules: &Arc<Rules>, dir: &str, gitignore: &str, luaignore: &str) -> Arc<Rules> {
    rules.enter(dir.as_bytes(), some(gitignore), some(luaignore))
}

fn some(text: &str) -> Option<&[u8]> {
    (!text.is_empty()).then_some(text.as_bytes())
}

/// The rule that leaves a file out, as `file:line:pattern`; empty when the file is recorded.
fn left_out_by(rules: &Rules, dir: &str, name: &str) -> String {
    match rules.verdict(dir.as_bytes(), name.as_bytes(), false) {
        Verdict::Record => String::new(),
        Verdict::LeaveOut(rule) => rule.to_string(),
        Verdict::Refuse(protected) => format!("refused:{protected}"),
    }
}

#[test]
fn luaignore_is_asked_before_gitignore() {
    let rules = root("*.log\n!keep.log\nbuild", "!build\nkeep.*");
    assert_eq!(left_out_by(&rules, "", "a.log"), ".gitignore:1:*.log");
    assert_eq!(left_out_by(&rules, "", "keep.log"), ".luaignore:2:keep.*");
    assert_eq!(left_out_by(&rules, "", "build"), "");
}

#[test]
fn the_deepest_file_of_a_kind_is_asked_first_and_luaignore_above_beats_gitignore_below() {
    let above = root("a\nb", "c\nd");
    let below = enter(&above, "x", "!a\nc", "!d");
    for (name, expected) in [("a", ""), ("b", ".gitignore:2:b"), ("c", ".luaignore:1:c"), ("d", "")] {
        assert_eq!(left_out_by(&below, "x", name), expected, "{name}");
    }
    let deepest = enter(&below, "x/y", "", "!c\n/a");
    assert_eq!(left_out_by(&deepest, "x/y", "c"), "");
    assert_eq!(left_out_by(&deepest, "x/y", "a"), "x/y/.luaignore:2:/a");
    assert_eq!(left_out_by(&deepest, "x/y/z", "a"), "");
}

#[test]
fn built_in_rules_cannot_be_overruled() {
    let rules = root("!.lua\n!.git", "!.lua\n!.git");
    assert_eq!(left_out_by(&rules, "a/b", ".lua"), "built in:.lua");
    assert_eq!(left_out_by(&rules, "a/b", ".git"), "built in:.git");
    assert_eq!(left_out_by(&Rules::new(WITH_GIT), "", ".lua"), "built in:.lua");
    assert_eq!(left_out_by(&Rules::new(WITH_GIT), "", ".git"), "");
}

#[test]
fn other_names_of_the_folders_are_refused_unless_left_out() {
    let rules = root("!LUA~1", "*~2");
    for (name, expected) in [(".Lua", "refused:.lua"), ("LUA~1", "refused:.lua"), (".GIT", "refused:.git"), ("git~2", ".luaignore:1:*~2")] {
        assert_eq!(left_out_by(&rules, "", name), expected, "{name}");
    }
    assert_eq!(left_out_by(&Rules::new(WITH_GIT), "", ".GIT"), "refused:.git");
}

#[test]
fn gitignore_does_not_reach_into_an_included_git_folder() {
    let rules = Rules::new(WITH_GIT).enter(b"", Some(b".*\n*.pack\nlogs"), Some(b"/.git/hooks"));
    for (dir, name, expected) in [
        ("", ".git", ""),
        (".git/objects/pack", "a.pack", ""),
        (".git", "logs", ""),
        (".git", "hooks", ".luaignore:1:/.git/hooks"),
        ("x", "a.pack", ".gitignore:2:*.pack"),
        ("x.git", "logs", ".gitignore:3:logs"),
        ("x/.git", "logs", ""),
    ] {
        assert_eq!(left_out_by(&rules, dir, name), expected, "{dir}/{name}");
    }
}

#[test]
fn files_that_say_nothing_leave_the_rules_as_they_are() {
    let rules = root("a", "");
    for (gitignore, luaignore) in [("", ""), ("# note\n\n", ""), ("", "[\n"), ("\r\n", "/")] {
        assert!(Arc::ptr_eq(&rules, &enter(&rules, "x", gitignore, luaignore)), "{gitignore:?} {luaignore:?}");
    }
}

#[test]
fn digests_differ_with_everything_that_decides() {
    let plain = Rules::new(PLAIN);
    let in_root = root("a", "");
    let different = [
        Arc::clone(&plain),
        Rules::new(WITH_GIT),
        Arc::clone(&in_root),
        Rules::new(WITH_GIT).enter(b"", Some(b"a"), None),
        root("b", ""),
        root("", "a"),
        root("a", "a"),
        enter(&plain, "x", "a", ""),
        enter(&in_root, "x", "a", ""),
        enter(&in_root, "y", "a", ""),
        enter(&in_root, "x", "", "a"),
        enter(&enter(&in_root, "x", "a", ""), "x/y", "a", ""),
    ];
    for (at, rules) in different.iter().enumerate() {
        for other in &different[..at] {
            assert_ne!(rules.digest(), other.digest(), "{rules:?} {other:?}");
        }
    }
    assert_eq!(root("a", "b").digest(), root("a", "b").digest());
}

#[test]
fn explanations_name_the_rule_whichever_way_it_decides() {
    let files: HashMap<&str, (&str, &str)> = [("", ("*.o\n!b.o\nout/", "!a.o")), ("src", ("", "*.tmp"))].into();
    let read = |dir: &[u8]| -> Result<IgnoreFiles, Infallible> {
        let (gitignore, luaignore) = files.get(std::str::from_utf8(dir).unwrap()).copied().unwrap_or_default();
        Ok(IgnoreFiles { gitignore: some(gitignore).map(<[u8]>::to_vec), luaignore: some(luaignore).map(<[u8]>::to_vec) })
    };
    for (path, recorded, rule, decided) in [
        ("x.o", false, ".gitignore:1:*.o", "x.o"),
        ("src/deep/b.o", true, ".gitignore:2:!b.o", "src/deep/b.o"),
        ("src/a.o", true, ".luaignore:1:!a.o", "src/a.o"),
        ("src/a.tmp", false, "src/.luaignore:1:*.tmp", "src/a.tmp"),
        ("src/out/a.o", false, ".gitignore:3:out/", "src/out"),
        ("src/out", true, "", "src/out"),
        ("src/.lua/lock", false, "built in:.lua", "src/.lua"),
        ("plain", true, "", "plain"),
        ("/x.o", false, ".gitignore:1:*.o", "x.o"),
        ("", true, "", ""),
    ] {
        let Ok(found) = explain(PLAIN, path.as_bytes(), false, read);
        assert_eq!(found.verdict == Verdict::Record, recorded, "{path}");
        assert_eq!(found.rule.map(|rule| rule.to_string()).unwrap_or_default(), rule, "{path}");
        assert_eq!(found.decided, decided.as_bytes(), "{path}");
    }
    let refused = explain(PLAIN, b"a/.GIT/x", false, read);
    assert_eq!(refused, Ok(Explanation { verdict: Verdict::Refuse(".git"), rule: None, decided: b"a/.GIT".to_vec() }));
}

#[test]
fn rules_of_very_deep_directories_are_let_go_without_recursion() {
    let mut rules = Rules::new(PLAIN);
    let dir = "a/".repeat(20_000) + "a";
    for depth in 0..20_000 {
        rules = rules.enter(&dir.as_bytes()[..2 * depth + 1], Some(b"x"), Some(b"y"));
    }
    assert_eq!(left_out_by(&rules, &dir, "z"), "");
}

#[test]
fn hostile_files_take_time_in_proportion_to_their_size() {
    let bytes = 1 << 20;
    let nested_brackets = [b"[", &*b"[:".repeat(bytes / 2), b"]"].concat();
    let repeated = [&b"["[..], b"*/", b"\\ ", b"**/[a]?", b" ", b"a\n"].map(|unit| unit.repeat(bytes / unit.len()));
    for text in repeated.into_iter().chain([nested_brackets]) {
        let rules = Rules::new(PLAIN).enter(b"", Some(&text), None);
        assert_eq!(left_out_by(&rules, "a", "b"), "");
    }
}

/// Ignore files of bytes that mean something to them.
fn ignore_file() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"ab*?[]!/\\\n\r #-^:\0.".as_slice()),
        1 => any::<u8>(),
    ];
    prop::collection::vec(byte, 0..200)
}

proptest! {
    #[test]
    fn any_bytes_are_rules_of_some_sort(
        (gitignore, luaignore) in (ignore_file(), ignore_file()),
        (dir, name) in (ignore_file(), ignore_file()),
    ) {
        let above = Rules::new(PLAIN).enter(b"", Some(&gitignore), Some(&luaignore));
        let rules = above.enter(&dir, Some(&luaignore), Some(&gitignore));
        let found = rules.explain(&dir, &name, true);
        prop_assert_eq!(found.verdict, rules.verdict(&dir, &name, true));
        let _ = rules.verdict(b"shorter", &name, false);
    }
}
