//! `du`: which paths and versions cost what.

use lua_store::ops::{self, DuOptions};

use crate::cli::args::{DuArgs, DuBy};
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::session::Session;
use crate::cli::{json, paths, render};

pub fn du(session: &Session, args: &DuArgs) -> Outcome {
    let workspace = session.open()?;
    let options = DuOptions { paths: paths::named(workspace.root(), session.folder(), &args.paths)? };
    let outcome = ops::du(&workspace, &options, session.host())?;
    let limit = args.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let in_words = |page: &mut _| match args.by {
        DuBy::Path => render::du::put_paths(page, &outcome, limit),
        DuBy::Version => render::du::put_versions(page, &outcome, limit),
    };
    session.answer(|| json::du::du(&outcome, args.by == DuBy::Path, limit), in_words)?;
    Ok(Exit::Done)
}
