//! `blame`: which version last changed each line.

use lua_store::ops::{self, RevisionRange};

use super::ls::place_of;
use super::sync::bring_range_here;
use crate::cli::args::BlameArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::render::time::LocalClock;
use crate::cli::session::Session;
use crate::cli::{json, render};

pub fn blame(session: &Session, args: &BlameArgs) -> Outcome {
    let mut workspace = session.open()?;
    let place = place_of(session, &workspace, &args.place)?;
    bring_range_here(session, &mut workspace, &RevisionRange::ALL, &[place.path.as_bytes()])?;
    let outcome = ops::blame(&workspace, &place, session.host())?;
    let (_, active) = ops::list(&workspace, Some(1))?;
    let in_words = |page: &mut _| render::blame::put(page, &place.path, &outcome, &LocalClock::of_system());
    session.answer(|| json::past::blame(&place, &outcome, active), in_words)?;
    Ok(Exit::Done)
}
