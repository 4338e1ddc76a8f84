//! Checks for the fuzzer: ignore files of anybody.

use super::file::RuleFile;
use super::{RuleSettings, Rules, Verdict};
use crate::format::fuzzing::halves;

/// An ignore file, and a path in its folder: the quick way to the deciding rule finds what trying every rule in the plainest way finds, and
/// the explanation says what the verdict says.
pub(crate) fn ignore_rules(bytes: &[u8]) {
    let (path, text) = halves(bytes);
    let (folder, name) = match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&b""[..], path),
    };
    if name.is_empty() {
        return;
    }
    if let Some(file) = RuleFile::parse(text) {
        for is_directory in [false, true] {
            let quick = file.last_match(folder, name, is_directory);
            assert_eq!(quick, file.last_match_by_trying_all(folder, name, is_directory));
        }
    }
    for include_git in [false, true] {
        let built_in = Rules::new(RuleSettings { include_git });
        for (gitignore, luaignore) in [(Some(text), None), (None, Some(text))] {
            let rules = built_in.enter(b"", gitignore, luaignore);
            for is_directory in [false, true] {
                verdicts(&built_in, &rules, (folder, name), is_directory);
            }
        }
    }
    let digest = || Rules::new(RuleSettings::default()).enter(b"", Some(text), None).digest();
    assert_eq!(digest(), digest());
}

fn verdicts(built_in: &Rules, rules: &Rules, (folder, name): (&[u8], &[u8]), is_directory: bool) {
    let verdict = rules.verdict(folder, name, is_directory);
    let explained = rules.explain(folder, name, is_directory);
    assert_eq!(explained.verdict, verdict);
    if let Verdict::LeaveOut(rule) = &verdict {
        assert_eq!(explained.rule.as_ref(), Some(rule));
        assert!(!rule.whitelists());
    }
    // What no rule can bring back.
    if !matches!(built_in.verdict(folder, name, is_directory), Verdict::Record) {
        assert_ne!(verdict, Verdict::Record);
    }
}
