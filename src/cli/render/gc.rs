//! The answer of `gc`.

use std::time::Duration;

use lua_store::ops::GcOutcome;
use lua_store::patch::readable_size;

use super::count::counted;
use super::escape;
use super::page::{Page, REMOVED};
use super::time::duration;

/// Says what would come back.
pub fn put_plan(page: &mut Page, outcome: &GcOutcome) {
    let gain = readable_size(outcome.bytes_before.saturating_sub(outcome.bytes_after));
    let objects = counted(outcome.dropped_objects, "object");
    page.line(format_args!("about {gain} of {} would come back: {objects} that no version reaches", readable_size(outcome.bytes_before)));
}

/// Says what came back.
pub fn put(page: &mut Page, outcome: &GcOutcome, elapsed: Duration) {
    for what in &outcome.damaged {
        page.line(format_args!("{} {}; left as it is", page.paint(REMOVED, "damaged:"), escape::text(what)));
    }
    if outcome.was_busy {
        page.line("pushes left no moment for some segments; run it again");
    }
    let (before, after) = (readable_size(outcome.bytes_before), readable_size(outcome.bytes_after));
    if outcome.dropped_objects == 0 && outcome.segments.0 == outcome.segments.1 {
        return page.line(format_args!("nothing worth collecting in {before}, {}", duration(elapsed)));
    }
    page.line(format_args!("collected {}: {before} became {after}, {}", counted(outcome.dropped_objects, "object"), duration(elapsed)));
}
