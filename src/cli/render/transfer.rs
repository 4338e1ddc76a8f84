//! The answers of `import` and `export`.

use std::path::Path;
use std::time::Duration;

use lua_store::ops::{ImportGitOutcome, ImportGitPlan, UnheldPath, UnheldWhy};
use lua_store::patch::readable_size;

use super::count::counted;
use super::escape;
use super::page::{FAINT, Page, STRONG};
use super::time::duration;

/// Why a path cannot be held, for people.
pub fn why_unheld(why: UnheldWhy) -> &'static str {
    match why {
        UnheldWhy::Submodule => "a submodule",
        UnheldWhy::Name => "no version can hold such a name",
        UnheldWhy::Link => "a link without a usable target",
    }
}

/// Says what was imported.
pub fn put_imported(page: &mut Page, outcome: &ImportGitOutcome, root: &Path, elapsed: Duration) {
    if outcome.already > 0 {
        page.line(format_args!("{} had been imported before", counted(outcome.already, "commit")));
    }
    let Some(newest) = outcome.newest else {
        page.line("there is nothing to import");
        return;
    };
    put_left_out(page, &outcome.unheld, outcome.unheld_total);
    if outcome.lfs_pointers > 0 {
        let pointers = counted(outcome.lfs_pointers, "Git LFS pointer");
        page.line(format_args!("{pointers} kept as they are: the large files are not in the repository"));
    }
    if outcome.cut_messages > 0 {
        page.line(format_args!("{} cut to what a record holds", counted(outcome.cut_messages, "message")));
    }
    let (versions, took) = (counted(outcome.versions, "version"), duration(elapsed));
    let (new, stored) = (readable_size(outcome.new_bytes), readable_size(outcome.stored_bytes));
    page.line(format_args!("{versions} made of {}; {new} new, {stored} stored, {took}", counted(outcome.versions, "commit")));
    page.line(format_args!("{} is the newest version of {}; no file was touched", page.paint(STRONG, newest), escape::os_path(root)));
}

/// Names what could not be held.
fn put_left_out(page: &mut Page, unheld: &[UnheldPath], total: u64) {
    for UnheldPath { path, why } in unheld {
        page.line(format_args!("{}: {}: {}", page.paint(FAINT, "left out"), escape::path(path), why_unheld(*why)));
    }
    let unnamed = total.saturating_sub(unheld.len() as u64);
    if unnamed > 0 {
        page.line(format_args!("{}: {}", page.paint(FAINT, "left out"), counted(unnamed, "more path")));
    }
}

/// Says what would be imported.
pub fn put_import_plan(page: &mut Page, plan: &ImportGitPlan) {
    if plan.already > 0 {
        page.line(format_args!("{} had been imported before", counted(plan.already, "commit")));
    }
    match plan.ends() {
        None => page.line("there is nothing to import"),
        Some((oldest, newest)) => {
            let (commits, first) = (counted(plan.len(), "commit"), page.paint(STRONG, plan.first_version));
            page.line(format_args!("{commits} would be imported, from {} to {}; the first as {first}", oldest.short(), newest.short()));
        }
    }
}
