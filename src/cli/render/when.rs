//! The answer of `when`.

use lua_store::ops::{Presence, PresenceEnd, WhenOutcome};

use super::log::heading;
use super::page::{ADDED, FAINT, Page, REMOVED, STRONG};
use super::time::LocalClock;
use super::{escape, shell};

/// Shows each time in which a path had the text.
pub fn put(page: &mut Page, outcome: &WhenOutcome, program: &str, clock: &LocalClock) {
    for presence in &outcome.presences {
        page.line(page.paint(STRONG, escape::path(presence.path.as_bytes())));
        page.line(format_args!("  {} {}", page.paint(ADDED, "appeared in"), heading(page, &presence.appeared, clock)));
        match &presence.end {
            None => page.line(format_args!("  still there in {}", presence.last.record.number)),
            Some(end) => put_end(page, presence, end, program, clock),
        }
    }
}

fn put_end(page: &mut Page, presence: &Presence, end: &PresenceEnd, program: &str, clock: &LocalClock) {
    let how = if end.with_file { ", with the file" } else { "" };
    page.line(format_args!("  {} {}{how}", page.paint(REMOVED, "vanished in"), heading(page, &end.vanished, clock)));
    if let Some(path) = &end.now_in {
        page.line(format_args!("  appeared at the same time in {}", escape::path(path.as_bytes())));
    }
    page.line(format_args!("  {} {}", page.paint(FAINT, "bring it back:"), command(presence, program)));
}

/// The command that brings the file back as it last had the text, to be run at the root of the workspace.
pub fn command(presence: &Presence, program: &str) -> String {
    format!("{program} source restore --version {} {}", presence.last.record.number.0, shell::word(presence.path.as_bytes()))
}
