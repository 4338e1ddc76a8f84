//! The answers of `import` and `export`.

use std::path::Path;
use std::time::Duration;

use lua_store::ops::{ExportGitOutcome, ExportTarOutcome, ImportGitOutcome, ImportGitPlan, UnheldPath, UnheldWhy};
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

/// Says what was exported to a repository.
pub fn put_exported_git(page: &mut Page, outcome: &ExportGitOutcome, folder: &Path, elapsed: Duration) {
    exported_git_lines(outcome).into_iter().for_each(|line| page.line(line));
    let (commits, files) = (counted(outcome.versions, "commit"), counted(outcome.files, "file"));
    let (size, took) = (readable_size(outcome.bytes), duration(elapsed));
    page.line(format_args!("{commits} made in {}; {files} written ({size}), {took}", escape::os_path(folder)));
}

/// What git does not hold of the history.
pub fn exported_git_lines(outcome: &ExportGitOutcome) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |count: u64, noun: &str, why: &str| {
        if count > 0 {
            lines.push(format!("{}: {why}", counted(count, noun)));
        }
    };
    say(outcome.deleted, "deleted version", "left out");
    say(outcome.empty_directories, "empty folder", "left out, git holds none");
    say(outcome.other_modes, "file or folder", "permission bits changed to the nearest that git holds");
    say(outcome.git_paths, "path", "left out, git takes nothing named .git");
    say(outcome.purged, "file", "left out, purged from the history");
    lines.extend(outcome.refused_labels.iter().map(|label| format!("label {}: git takes no such name", escape::text(label))));
    lines
}

/// Says what was exported as an archive.
pub fn put_exported_tar(page: &mut Page, outcome: &ExportTarOutcome, file: &Path, elapsed: Duration) {
    let (files, took) = (counted(outcome.files, "file"), duration(elapsed));
    let (size, archive) = (readable_size(outcome.bytes), readable_size(outcome.archive_bytes));
    page.line(format_args!("{}: {files} ({size}) written to {} ({archive}), {took}", outcome.version, escape::os_path(file)));
}
