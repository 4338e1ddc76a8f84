//! `version promote` and `version status`: the active mark.

use lua_store::ops;

use crate::cli::args::{ListArgs, PromoteArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::render::time::LocalClock;
use crate::cli::session::Session;
use crate::cli::{json, render};

pub fn promote(session: &Session, args: &PromoteArgs) -> Outcome {
    let mut workspace = session.open()?;
    let version = workspace.resolve(&args.version)?;
    let outcome = ops::promote(&mut workspace, version, session.host())?;
    session.answer(|| json::history::promoted(&outcome), |page| render::promote::put(page, &outcome))?;
    Ok(Exit::Done)
}

/// How the active mark moved.
pub fn history(session: &Session, args: &ListArgs) -> Outcome {
    let workspace = session.open()?;
    let limit = args.row_limit();
    // One more than is shown tells whether there are more.
    let mut moves = ops::promotions(&workspace, limit.map(|limit| limit.saturating_add(1)))?;
    let are_all = limit.is_none_or(|limit| moves.len() as u64 <= limit);
    moves.truncate(limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX));
    let (_, active) = ops::list(&workspace, Some(1))?;
    let in_words = |page: &mut _| render::promote::put_history(page, active, &moves, are_all, &LocalClock::of_system());
    session.answer(|| json::history::active_mark(active, &moves), in_words)?;
    Ok(Exit::Done)
}
