//! Commands about versions as entries of the log: `source list`, `version show`, `version delete`.

use lua_store::ops;

use crate::cli::args::{DeleteArgs, ListArgs, ShowArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::render::time::LocalClock;
use crate::cli::session::Session;
use crate::cli::{json, prompt, render};

pub fn list(session: &Session, args: &ListArgs) -> Outcome {
    let (rows, active) = ops::list(&session.open()?, args.row_limit())?;
    let in_words = |page: &mut _| render::list::put(page, &rows, active, &LocalClock::of_system());
    session.answer(|| json::history::versions(&rows, active), in_words)?;
    Ok(Exit::Done)
}

pub fn show(session: &Session, args: &ShowArgs) -> Outcome {
    let workspace = session.open()?;
    let row = ops::version(&workspace, workspace.resolve(&args.version)?)?;
    let (_, active) = ops::list(&workspace, Some(1))?;
    let is_active = active == Some(row.record.number);
    let in_words = |page: &mut _| render::show::put(page, &row, is_active, &LocalClock::of_system());
    session.answer(|| json::history::version(&row, active), in_words)?;
    Ok(Exit::Done)
}

pub fn delete(session: &Session, args: &DeleteArgs) -> Outcome {
    prompt::require_somebody_to_ask(session, args.force)?;
    let mut workspace = session.open()?;
    let version = ops::version(&workspace, workspace.resolve(&args.version)?)?.record.number;
    if !args.force {
        prompt::confirm(&format!("Delete the contents of {version} for good?"))?;
    }
    ops::delete(&mut workspace, version, session.host())?;
    session
        .answer(|| json::history::deleted(version), |page| page.line(format_args!("{version} is deleted; its entry stays in the list")))?;
    Ok(Exit::Done)
}
