//! The answer of `source restore`.

use std::path::Path;
use std::time::Duration;

use lua_store::ops::RestoreOutcome;
use lua_store::patch::readable_size;

use super::count::counted;
use super::page::{Page, STRONG};
use super::time::duration;
use super::{change, escape};

/// Says what was brought back, and where it is: in a folder, or in the workspace.
pub fn put(page: &mut Page, outcome: &RestoreOutcome, folder: Option<&Path>, elapsed: Duration, undo: &str) {
    if let Some(saved) = outcome.saved {
        page.line(format_args!("{saved} holds what was unsaved"));
    }
    let (version, place) = (outcome.version, place(folder));
    let (files, size, took) = (counted(outcome.done.written, "file"), readable_size(outcome.done.bytes), duration(elapsed));
    match (folder, outcome.appended) {
        (None, None) => page.line(format_args!("nothing was changed: the workspace already has all of that as {version} has it")),
        (_, None) => page.line(format_args!("{files} of {version} written to {place} ({size}), {took}")),
        (_, Some(appended)) => {
            let appended = page.paint(STRONG, appended);
            page.line(format_args!("{appended}: {files} of {version} written to {place} ({size}), {took}; {undo} takes it back"));
        }
    }
}

/// Shows what would be written.
pub fn put_plan(page: &mut Page, outcome: &RestoreOutcome, folder: Option<&Path>) {
    let (paths, place) = (counted(outcome.planned.len() as u64, "path"), place(folder));
    page.line(format_args!("{}: {paths} would be written to {place}", page.paint(STRONG, outcome.version)));
    outcome.planned.iter().for_each(|path| page.line(format_args!("  {}", change::path_alone(path))));
}

fn place(folder: Option<&Path>) -> String {
    folder.map_or("the workspace".to_owned(), escape::os_path)
}
