//! `bisect`: find the version that broke something.

use lua_store::ops::{self, BisectOptions, RevisionRange};

use super::sync::{ALL_PATHS, bring_range_here};
use crate::cli::args::{BisectArgs, command_line};
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::render::time::LocalClock;
use crate::cli::session::Session;
use crate::cli::{environment, json, render};

pub fn bisect(session: &Session, args: BisectArgs) -> Outcome {
    let mut workspace = session.open()?;
    let options = BisectOptions {
        good: workspace.resolve(&args.good)?,
        bad: workspace.resolve(&args.bad)?,
        command: command_line(args.command),
        scratch: environment::temporary_folder(),
    };
    let range = RevisionRange::Span { first: Some(args.good), last: Some(args.bad) };
    bring_range_here(session, &mut workspace, &range, &ALL_PATHS)?;
    let outcome = ops::bisect(&workspace, &options, session.host())?;
    session.answer(|| json::run::bisect(&outcome), |page| render::run::put_bisect(page, &outcome, &LocalClock::of_system()))?;
    Ok(Exit::Done)
}
