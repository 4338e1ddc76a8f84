//! `when`: in which versions a text appeared and vanished.

use lua_store::ops::{self, RevisionRange, WhenOptions};

use super::sync::bring_range_here;
use crate::cli::args::WhenArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::render::time::LocalClock;
use crate::cli::session::Session;
use crate::cli::{json, paths, render};

pub fn when(session: &Session, args: WhenArgs) -> Outcome {
    let mut workspace = session.open()?;
    let paths = paths::named(workspace.root(), session.folder(), &args.query.paths)?;
    let options = WhenOptions { query: args.query.query(), paths };
    bring_range_here(session, &mut workspace, &RevisionRange::ALL, &options.paths)?;
    let outcome = ops::when(&workspace, &options, session.host())?;
    let (_, active) = ops::list(&workspace, Some(1))?;
    let program = session.named("{lua}");
    let in_words = |page: &mut _| render::when::put(page, &outcome, &program, &LocalClock::of_system());
    session.answer(|| json::search::when(&outcome, active, &program), in_words)?;
    session.tell_in_words(render::grep::too_large(&outcome.too_large));
    session.tell_in_words(render::left_out::purged(&outcome.purged));
    if outcome.presences.is_empty() {
        session.tell_in_words(["no version has it".to_owned()]);
    }
    Ok(match (outcome.too_large.is_empty() && outcome.purged.is_empty(), outcome.presences.is_empty()) {
        (false, _) => Exit::LeftOut,
        (true, true) => Exit::Failed,
        (true, false) => Exit::Done,
    })
}
