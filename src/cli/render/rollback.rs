//! The plan of a rollback, and what came of it.

use std::time::Duration;

use lua_store::ops::{CheckedOut, RollbackOutcome, RollbackPlan};
use lua_store::patch::readable_size;
use lua_store::path::RelPath;

use super::count::{changes, counted};
use super::page::{FAINT, Page, STRONG};
use super::time::duration;
use super::{change, escape, left_out};

/// Shows a plan; of each kind at most `shown_max` paths.
pub fn put_plan(page: &mut Page, plan: &RollbackPlan, shown_max: usize) {
    page.line(format_args!("Rollback to {}:", page.paint(STRONG, plan.target)));
    if let Some(unsaved) = &plan.unsaved {
        page.line(format_args!("  what is unsaved now ({}) is recorded first, as a version of its own", changes(unsaved)));
    }
    let size = readable_size(plan.write_bytes);
    put_paths(page, &format!("write {}, {size}", counted(plan.write.len() as u64, "file")), &plan.write, shown_max);
    put_paths(page, &format!("remove {}", counted(plan.remove.len() as u64, "path")), &plan.remove, shown_max);
    put_paths(page, &format!("set the mode of {}", counted(plan.chmod.len() as u64, "path")), &plan.chmod, shown_max);
    put_paths(
        page,
        &format!("leave {} alone, which the rules exclude", counted(plan.left_alone.len() as u64, "path")),
        &plan.left_alone,
        shown_max,
    );
    put_paths(
        page,
        &format!("{} purged from it, and not brought back", counted(plan.purged.len() as u64, "path")),
        &plan.purged,
        shown_max,
    );
    if plan.is_empty() {
        page.line("  no file has to change");
    }
}

/// A line and the first paths below it; nothing when there are no paths.
pub fn put_paths(page: &mut Page, heading: &str, paths: &[RelPath], shown_max: usize) {
    if paths.is_empty() {
        return;
    }
    page.line(format_args!("  {heading}"));
    for path in paths.iter().take(shown_max) {
        page.line(format_args!("    {}", change::path_alone(path)));
    }
    if paths.len() > shown_max {
        let more = (paths.len() - shown_max) as u64;
        page.line(page.paint(FAINT, format_args!("    and {} (-v shows all)", counted(more, "more path"))));
    }
}

/// Says what a rollback did.
pub fn put(page: &mut Page, outcome: &RollbackOutcome, elapsed: Duration, undo: &str) {
    let target = outcome.target;
    if let Some(saved) = outcome.saved {
        page.line(format_args!("{saved} holds what was unsaved"));
    }
    let Some(version) = outcome.version else {
        return page.line(format_args!("the workspace is {target} already; nothing was changed"));
    };
    let (written, removed) = (counted(outcome.done.written, "file"), counted(outcome.done.removed, "path"));
    let (size, took) = (readable_size(outcome.done.bytes), duration(elapsed));
    let version = page.paint(STRONG, version);
    page.line(format_args!("{version}: the workspace is {target} again; {written} written ({size}), {removed} removed, {took}"));
    page.line(format_args!("read back and found equal: {}; {undo} takes it back", counted(outcome.done.proved_files, "file")));
}

/// One line for each path that is not as the version has it. What was put aside has been told already.
pub fn lines(done: &CheckedOut) -> Vec<String> {
    let left_alone = done.left_alone.iter().map(|left| format!("left alone, because the rules exclude it: {}", change::path_alone(left)));
    let kept = done.kept.iter().map(|kept| format!("kept, because something is in it that no version holds: {}", change::path_alone(kept)));
    let changed_since = done.changed_since.iter().map(|changed| format!("changed by somebody meanwhile: {}", escape::text(changed)));
    left_out::purged(&done.purged).into_iter().chain(left_alone).chain(kept).chain(changed_since).collect()
}

#[cfg(test)]
mod tests {
    use lua_store::format::record::{ChangeCounts, VersionNumber};

    use super::super::page::Paint;
    use super::*;

    fn shown(put: impl FnOnce(&mut Page)) -> String {
        let mut page = Page::new(Paint::Plain, None);
        put(&mut page);
        page.text()
    }

    #[test]
    fn a_plan_names_what_will_happen() {
        let paths = |count: usize| (0..count).map(|index| RelPath::new(format!("f{index}").as_bytes()).unwrap()).collect::<Vec<_>>();
        let unsaved = Some(ChangeCounts { added: 1, changed: 2, removed: 0 });
        let plan = RollbackPlan {
            purged: vec![],
            target: VersionNumber(5),
            unsaved,
            write: paths(3),
            remove: paths(1),
            chmod: vec![],
            left_alone: vec![],
            write_bytes: 99,
        };
        let expected = "\
Rollback to v5:
  what is unsaved now (+1 ~2) is recorded first, as a version of its own
  write 3 files, 99 B
    f0
    f1
    and 1 more path (-v shows all)
  remove 1 path
    f0
";
        assert_eq!(shown(|page| put_plan(page, &plan, 2)), expected);
        let nothing = RollbackPlan { unsaved: None, write: vec![], remove: vec![], ..plan };
        assert_eq!(shown(|page| put_plan(page, &nothing, 2)), "Rollback to v5:\n  no file has to change\n");
    }

    #[test]
    fn an_outcome_says_what_was_proved() {
        let outcome = RollbackOutcome {
            target: VersionNumber(5),
            version: Some(VersionNumber(8)),
            saved: Some(VersionNumber(7)),
            done: CheckedOut {
                written: 3,
                removed: 1,
                bytes: 99,
                left_alone: vec![RelPath::new(b"out").unwrap()],
                kept: vec![RelPath::new(b"web").unwrap()],
                conflict_copies: vec![],
                changed_since: vec!["a\tb: content".into()],
                purged: vec![],
                proved_files: 1234,
            },
        };
        let expected = "\
v7 holds what was unsaved
v8: the workspace is v5 again; 3 files written (99 B), 1 path removed, 5.00 ms
read back and found equal: 1,234 files; `lua undo` takes it back
";
        let say = |outcome: &RollbackOutcome| shown(|page| put(page, outcome, Duration::from_millis(5), "`lua undo`"));
        assert_eq!(say(&outcome), expected);
        let expected = [
            "left alone, because the rules exclude it: out",
            "kept, because something is in it that no version holds: web",
            "changed by somebody meanwhile: a\\tb: content",
        ];
        assert_eq!(lines(&outcome.done), expected);
        let nothing = RollbackOutcome { version: None, saved: None, ..outcome };
        assert_eq!(say(&nothing), "the workspace is v5 already; nothing was changed\n");
    }
}
