//! The answer of `drill`.

use lua_store::ops::DrilledVersion;
use lua_store::patch::readable_size;

use super::count::counted;
use super::page::{ADDED, FAINT, Page, REMOVED};
use super::time::duration;
use super::{change, escape};

/// Differences of one version that are shown.
const DIFFERENCES_SHOWN_MAX: usize = 100;

/// Says for each version how it came back.
pub fn put(page: &mut Page, drilled: &[DrilledVersion]) {
    for version in drilled {
        put_differences(page, version);
        for path in &version.purged {
            page.line(format_args!("{} {}", page.paint(FAINT, "purged, and not brought back:"), change::path_alone(path)));
        }
        let verdict = match version.differences.is_empty() {
            true => page.paint(ADDED, "came back whole"),
            false => page.paint(REMOVED, "did not come back as it was"),
        };
        let (files, size, took) = (counted(version.files, "file"), readable_size(version.bytes), duration(version.elapsed));
        page.line(format_args!("{} {verdict}: {files} ({size}) written, read back and compared, {took}", version.version));
    }
}

fn put_differences(page: &mut Page, version: &DrilledVersion) {
    for difference in version.differences.iter().take(DIFFERENCES_SHOWN_MAX) {
        page.line(format_args!("{} {}: {}", page.paint(REMOVED, "differs:"), version.version, escape::text(difference)));
    }
    let more = version.differences.len().saturating_sub(DIFFERENCES_SHOWN_MAX);
    if more > 0 {
        page.line(format_args!("{} {}: {}", page.paint(REMOVED, "differs:"), version.version, counted(more as u64, "more path")));
    }
}
