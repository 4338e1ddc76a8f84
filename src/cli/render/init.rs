//! The answer of `init`.

use lua_store::ops::InitOutcome;

use super::count::counted;
use super::escape;
use super::page::Page;

/// Says that the first push made a workspace.
pub fn made(outcome: &InitOutcome) -> String {
    format!("{} is a workspace now; its history is in {}", escape::os_path(&outcome.root), escape::os_path(&outcome.store))
}

/// Warns of a workspace in another one.
pub fn lines(outcome: &InitOutcome) -> Option<String> {
    let outer = escape::os_path(outcome.outer.as_deref()?);
    let root = escape::os_path(&outcome.root);
    Some(format!("{root} is in another workspace, {outer}: commands in here have a history of their own from now on"))
}

/// Says which workspace there is now.
pub fn put(page: &mut Page, outcome: &InitOutcome) {
    let root = escape::os_path(&outcome.root);
    if outcome.existed {
        page.line(format_args!("{root} is a workspace with {}", counted(outcome.versions, "version")));
    } else {
        page.line(format_args!("{root} is a workspace now"));
    }
    page.line(format_args!("its history is in {}", escape::os_path(&outcome.store)));
    if let Some(agent_id) = &outcome.agent_id {
        page.line(format_args!("it belongs to the agent {}", escape::text(agent_id)));
    }
}
