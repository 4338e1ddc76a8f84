//! `grep`: search the contents of versions.

use lua_store::ops::{self, GrepOptions, GrepOutcome, Revision, RevisionRange};

use super::sync::bring_range_here;
use crate::cli::args::GrepArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::session::Session;
use crate::cli::{json, paths, render};

pub fn grep(session: &Session, args: GrepArgs) -> Outcome {
    let mut workspace = session.open()?;
    let paths = paths::named(workspace.root(), session.folder(), &args.query.paths)?;
    let options = GrepOptions { query: args.query.query(), versions: args.range(), paths, wanted: args.wanted() };
    let newest = RevisionRange::Single(Revision::Newest);
    bring_range_here(session, &mut workspace, options.versions.as_ref().unwrap_or(&newest), &options.paths)?;
    let outcome = ops::grep(&workspace, &options, session.host())?;
    session.answer(|| json::search::grep(&outcome), |page| render::grep::put(page, &outcome, args.line_number))?;
    session.tell_in_words(render::left_out::purged(&outcome.purged));
    let is_default = options.versions.is_none();
    session.tell_in_words(render::grep::remarks(&outcome, is_default, session.elapsed()).into_iter().map(|line| session.named(&line)));
    Ok(exit(&outcome))
}

fn exit(outcome: &GrepOutcome) -> Exit {
    match (outcome.too_large.is_empty() && outcome.purged.is_empty(), outcome.matches.is_empty()) {
        (false, _) => Exit::LeftOut,
        (true, true) => Exit::Failed,
        (true, false) => Exit::Done,
    }
}
