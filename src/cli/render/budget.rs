//! The answer of `budget`, and what a push did to keep it.

use lua_store::ops::BudgetOutcome;
use lua_store::patch::readable_size;

use super::count::counted;
use super::page::{Page, REMOVED};
use super::verify::ranges;

/// Says what the budget is and what is used of it.
pub fn put(page: &mut Page, budget: Option<u64>, bytes: u64) {
    let used = readable_size(bytes);
    match budget {
        None => page.line(format_args!("no budget; the history has {used}")),
        Some(budget) if bytes > budget => {
            page.line(format_args!("the budget is {}; the history has {used}, and the next push drops versions", readable_size(budget)));
        }
        Some(budget) => page.line(format_args!("the budget is {}; the history has {used}", readable_size(budget))),
    }
}

/// Says which versions went, and whether that was enough.
pub fn put_kept(page: &mut Page, outcome: &BudgetOutcome) {
    let (budget, before, after) = (outcome.budget_bytes, outcome.bytes_before, outcome.bytes_after);
    if !outcome.dropped.is_empty() {
        let versions = counted(outcome.dropped.len() as u64, "version");
        page.line(format_args!("over the budget of {}: {versions} dropped, {}", readable_size(budget), ranges(&outcome.dropped)));
    }
    page.line(format_args!("collected: {} became {}", readable_size(before), readable_size(after)));
    if !outcome.is_kept() {
        let words = page.paint(REMOVED, "still over the budget:");
        page.line(format_args!("{words} {} of {}; no other version may go", readable_size(after), readable_size(budget)));
    }
}
