//! `source rollback` and `undo`: bring the files of a version back.

use std::time::Instant;

use lua_store::format::record::VersionNumber;
use lua_store::ops::{self, RollbackOptions, Workspace};

use super::sync::{ALL_PATHS, bring_here};
use crate::cli::args::{RollbackArgs, RollbackHow, UndoArgs};
use crate::cli::bounds::PATHS_SHOWN_MAX;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::session::Session;
use crate::cli::{environment, json, output, prompt, render};

pub fn rollback(session: &Session, args: RollbackArgs) -> Outcome {
    let mut workspace = session.open()?;
    let target = match args.target.version.or(args.target.number) {
        Some(target) => workspace.resolve(&target)?,
        // The arguments are one of the two.
        None => ops::last_green(&workspace)?,
    };
    roll_back_to(session, &mut workspace, target, args.how)
}

pub fn undo(session: &Session, args: UndoArgs) -> Outcome {
    let mut workspace = session.open()?;
    let target = ops::undo_target(&workspace)?;
    roll_back_to(session, &mut workspace, target, args.how)
}

fn roll_back_to(session: &Session, workspace: &mut Workspace, version: VersionNumber, how: RollbackHow) -> Outcome {
    let options = RollbackOptions { version, by: environment::author(how.by) };
    workspace.usable_version(version)?;
    prompt::require_somebody_to_ask(session, how.force || how.dry_run)?;
    let shown_max = if how.verbose { usize::MAX } else { PATHS_SHOWN_MAX };
    if how.dry_run {
        let plan = ops::rollback_plan(workspace, &options, session.host())?;
        session.answer(|| json::rollback::plan(&plan), |page| render::rollback::put_plan(page, &plan, shown_max))?;
        return Ok(Exit::Done);
    }
    if !how.force {
        ask(session, workspace, &options, shown_max)?;
    }
    // Not from the beginning of the process: the user may have thought about the plan for a while.
    let began = Instant::now();
    bring_here(session, workspace, &[version], &ALL_PATHS)?;
    let outcome = ops::rollback(workspace, &options, session.host())?;
    let (elapsed, undo) = (began.elapsed(), session.named("`{lua} undo`"));
    session.answer(|| json::rollback::rollback(&outcome, elapsed), |page| render::rollback::put(page, &outcome, elapsed, &undo))?;
    session.tell_in_words(render::rollback::lines(&outcome.done));
    Ok(Exit::left_out_if(!outcome.done.is_exact()))
}

/// Shows the plan and asks, unless no file has to change. The rollback itself looks at the workspace again: it may change while the user thinks.
fn ask(session: &Session, workspace: &mut Workspace, options: &RollbackOptions, shown_max: usize) -> Result<(), Failure> {
    let plan = ops::rollback_plan(workspace, options, session.host())?;
    if plan.is_empty() {
        return Ok(());
    }
    session.host().clear_progress();
    let mut page = session.page();
    render::rollback::put_plan(&mut page, &plan, shown_max);
    output::write_unpaged(&page).map_err(Failure::Output)?;
    prompt::confirm("Roll back?")
}
