//! What a version does not hold, and why. Rules never hide work silently.

use lua_store::ops::{LeftOutByRule, LikelySecret, PushReport};
use lua_store::patch::readable_size;
use lua_store::path::RelPath;

use super::count::counted;
use super::escape;
use super::page::{FAINT, Page};

/// Why an unstable path is no certain record.
pub const UNSTABLE: &str = "it changed while it was read";

/// One line for each rule that left something out, those that left out most first; at most `shown_max`, if that is given.
pub fn put_rules(page: &mut Page, rules: &[LeftOutByRule], shown_max: Option<usize>) {
    let mut largest_first: Vec<&LeftOutByRule> = rules.iter().collect();
    largest_first.sort_by(|a, b| (b.bytes, b.files, b.directories, &a.rule).cmp(&(a.bytes, a.files, a.directories, &b.rule)));
    let (shown, others) = largest_first.split_at(shown_max.unwrap_or(usize::MAX).min(largest_first.len()));
    for rule in shown {
        page.line(format_args!("{} by {}: {}", page.paint(FAINT, "left out"), escape::text(&rule.rule), extent(&[rule])));
    }
    if !others.is_empty() {
        page.line(format_args!("and by {}: {}", counted(others.len() as u64, "more rule"), extent(others)));
    }
}

/// What some rules left out together.
fn extent(rules: &[&LeftOutByRule]) -> String {
    let total = |of_rule: fn(&LeftOutByRule) -> u64| rules.iter().map(|rule| of_rule(rule)).fold(0, u64::saturating_add);
    let (directories, file_count, bytes) = (total(|rule| rule.directories), total(|rule| rule.files), total(|rule| rule.bytes));
    let folders = counted(directories, "folder");
    let files = format!("{}, {}", counted(file_count, "file"), readable_size(bytes));
    match (directories, file_count) {
        (0, _) => files,
        (_, 0) => folders,
        _ => format!("{folders}, {files}"),
    }
}

/// One line for each file that looks like it holds a secret, and what can be done; the secret itself is not shown.
pub fn secrets(secrets: &[LikelySecret]) -> Vec<String> {
    let line = |secret: &LikelySecret| format!("looks like a secret: {} ({})", escape::path(secret.path.as_bytes()), secret.rule);
    let mut lines: Vec<String> = secrets.iter().map(line).collect();
    if !lines.is_empty() {
        lines.push("if it is one: remove it, `{lua} push`, and `{lua} purge PATH` takes it out of the history".to_owned());
    }
    lines
}

/// One line for each path whose content was purged.
pub fn purged(paths: &[RelPath]) -> Vec<String> {
    paths.iter().map(|path| format!("purged, and left out: {}", escape::path(path.as_bytes()))).collect()
}

/// One line for each path that could not be recorded or is not certain.
pub fn lines(report: &PushReport) -> Vec<String> {
    let PushReport { skipped, skipped_total, unstable, .. } = report;
    let mut lines: Vec<String> =
        skipped.iter().map(|skipped| format!("not recorded: {}: {}", escape::path(&skipped.path), escape::text(&skipped.reason))).collect();
    let unnamed = skipped_total.saturating_sub(skipped.len() as u64);
    if unnamed > 0 {
        lines.push(format!("not recorded: {}", counted(unnamed, "more path")));
    }
    lines.extend(unstable.iter().map(|unstable| format!("not certain: {}: {UNSTABLE}", escape::path(unstable.as_bytes()))));
    lines
}

#[cfg(test)]
mod tests {
    use lua_store::ops::SkippedPath;
    use lua_store::workspace::scan::SkipKind;

    use super::super::page::Paint;
    use super::*;

    fn rule(rule: &str, files: u64, bytes: u64, directories: u64) -> LeftOutByRule {
        LeftOutByRule { rule: rule.into(), files, bytes, directories, example: Vec::new() }
    }

    #[test]
    fn the_largest_rules_are_named() {
        let rules =
            [rule(".gitignore:1 *.log", 12, 3000, 0), rule("built in", 0, 0, 1), rule(".gitignore:2 target/\u{1b}", 5, 9_000_000, 2)];
        let mut page = Page::new(Paint::Plain, None);
        put_rules(&mut page, &rules, Some(2));
        let expected = "left out by .gitignore:2 target/\\x1b: 2 folders, 5 files, 9.0 MB\n\
                        left out by .gitignore:1 *.log: 12 files, 3.0 kB\n\
                        and by 1 more rule: 1 folder\n";
        assert_eq!(page.text(), expected);
    }

    #[test]
    fn every_skipped_path_has_its_line() {
        let skipped = vec![SkippedPath { path: b"a\nb".to_vec(), kind: SkipKind::Special, reason: "a socket".into() }];
        let unstable = vec![RelPath::new(b"live.db").unwrap()];
        let report = PushReport { skipped, skipped_total: 3, unstable, ..PushReport::default() };
        let expected =
            [r#"not recorded: "a\nb": a socket"#, "not recorded: 2 more paths", "not certain: live.db: it changed while it was read"];
        assert_eq!(lines(&report), expected);
    }
}
