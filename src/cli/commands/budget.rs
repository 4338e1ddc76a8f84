//! `budget`: the bound of the history. Pushes keep it.

use lua_store::ops::{self, BudgetOutcome, OpsError, Workspace};

use crate::cli::args::{BudgetArgs, BudgetSize};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::session::Session;
use crate::cli::{json, render};

pub fn budget(session: &Session, args: &BudgetArgs) -> Outcome {
    let mut workspace = session.open()?;
    match args.size {
        Some(BudgetSize::Bytes(bytes)) => ops::set_budget(&mut workspace, Some(bytes))?,
        Some(BudgetSize::None) => ops::set_budget(&mut workspace, None)?,
        None => {}
    }
    let (budget, bytes) = (workspace.settings().budget_bytes, workspace.store().stored_bytes().map_err(OpsError::from)?);
    session.answer(|| json::budget::budget(budget, bytes), |page| render::budget::put(page, budget, bytes))?;
    Ok(Exit::Done)
}

/// Keeps the budget after a push, and says what went. Costs next to nothing when there is none or it is kept.
pub(super) fn keep(session: &Session, workspace: &mut Workspace) -> Result<Option<BudgetOutcome>, Failure> {
    let outcome = ops::keep_budget(workspace, session.host())?;
    if let Some(outcome) = &outcome {
        session.answer_in_words(|page| render::budget::put_kept(page, outcome))?;
    }
    Ok(outcome)
}
