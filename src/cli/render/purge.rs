//! The answer of `purge`.

use std::time::Duration;

use lua_store::ops::{PurgeOutcome, PurgePlan, PurgeProof};
use lua_store::patch::readable_size;

use super::count::counted;
use super::page::{ADDED, FAINT, Page, REMOVED};
use super::{change, escape, gc, grep};

/// Shows which contents would go from where.
pub fn put_plan(page: &mut Page, plan: &PurgePlan) {
    for content in &plan.contents {
        page.line(format_args!("content {} ({})", content.id.short(), readable_size(content.bytes)));
        for place in &content.places {
            let too = if place.is_named { "" } else { ", which has the same content" };
            page.line(format_args!("  {} in {}{too}", change::path_alone(&place.path), grep::versions(&place.versions)));
        }
    }
    page.line(format_args!("{} would be removed from all versions", contents(plan)));
}

/// Says what went, and what the search for it found.
pub fn put(page: &mut Page, outcome: &PurgeOutcome, elapsed: Duration) {
    for (path, is_named) in outcome.plan.paths() {
        let too = if is_named { "" } else { ", which had the same content" };
        page.line(format_args!("{}: {}{too}", page.paint(FAINT, "purged"), change::path_alone(path)));
    }
    gc::put(page, &outcome.collected, elapsed);
    put_proof(page, &outcome.proof);
    page.line(format_args!("{} removed from all versions", contents(&outcome.plan)));
}

/// One line for each remote that still has what was purged.
pub fn remote_lines(remotes: &[String]) -> Vec<String> {
    let line = |name: &String| {
        let name = escape::text(name);
        format!(
            "the remote {name} may still have the contents: `{{lua}} sync` tells the others, `{{lua}} gc --remote {name}` removes them there"
        )
    };
    remotes.iter().map(line).collect()
}

fn put_proof(page: &mut Page, proof: &PurgeProof) {
    for place in &proof.found {
        page.line(format_args!("{} {}", page.paint(REMOVED, "still there:"), escape::text(place)));
    }
    let looked = format!(
        "{} decoded and none of them has the id, {} of {} searched for the bytes",
        counted(proof.objects, "object"),
        readable_size(proof.bytes),
        counted(proof.files, "file")
    );
    match proof.is_absent() {
        true => page.line(format_args!("{} {looked}", page.paint(ADDED, "proved to be gone:"))),
        false => page.line(format_args!("{}; {looked}", page.paint(REMOVED, "not all of it is gone"))),
    }
    if proof.in_others > 0 {
        let pieces = counted(proof.in_others, "piece");
        page.line(format_args!("{pieces} of them stand in other contents of the history, which keep what they share"));
    }
    if proof.unsearchable > 0 {
        let contents = counted(proof.unsearchable, "content");
        page.line(format_args!("{contents} too short or too uniform to be searched for by bytes; the ids are gone"));
    }
}

fn contents(plan: &PurgePlan) -> String {
    let paths = counted(plan.paths().len() as u64, "path");
    format!("{} ({}) of {paths}", counted(plan.contents.len() as u64, "content"), readable_size(plan.bytes()))
}
