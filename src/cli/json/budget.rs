//! The answer of `budget` in JSON, and what a push did to keep it.

use lua_store::ops::BudgetOutcome;
use serde::Serialize;

use super::Answer;

/// What the budget is and what is used of it.
#[derive(Debug, Serialize)]
pub struct Budget {
    /// `null` when there is none.
    budget_bytes: Option<u64>,
    bytes: u64,
}

/// The answer of `budget`.
pub fn budget(budget_bytes: Option<u64>, bytes: u64) -> Answer<Budget> {
    Answer::new(Budget { budget_bytes, bytes })
}

/// What a push did to keep the budget.
#[derive(Debug, Serialize)]
pub struct Kept {
    budget_bytes: u64,
    bytes_before: u64,
    bytes_after: u64,
    /// Whether the history is within the budget now.
    kept: bool,
    /// The versions that were dropped, the oldest first.
    dropped: Vec<u64>,
}

impl From<&BudgetOutcome> for Kept {
    fn from(outcome: &BudgetOutcome) -> Self {
        Self {
            budget_bytes: outcome.budget_bytes,
            bytes_before: outcome.bytes_before,
            bytes_after: outcome.bytes_after,
            kept: outcome.is_kept(),
            dropped: outcome.dropped.iter().map(|version| version.0).collect(),
        }
    }
}
