//! `status`: how workspace and history stand to each other.

use lua_store::ops::{self, Host, Status, StatusOptions};

use crate::cli::args::StatusArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::session::Session;
use crate::cli::{json, render};

pub fn status(session: &Session, args: &StatusArgs) -> Outcome {
    let options = StatusOptions { measure_left_out: args.left_out, rehash: args.rehash };
    let status = ops::status(&mut session.open()?, &options, session.host())?;
    let age_ms = last_push_age_ms(session, &status);
    let in_words = |page: &mut _| {
        render::status::put(page, &status, age_ms, args.left_out);
        render::status::put_background(page, &status, session.host().now_ms());
    };
    session.answer(|| json::status::status(&status, age_ms), in_words)?;
    Ok(Exit::Done)
}

/// How long ago the newest version was made; no time at all if the clock has been set back since.
fn last_push_age_ms(session: &Session, status: &Status) -> Option<u64> {
    let newest = status.newest.as_ref()?;
    Some(u64::try_from(session.host().now_ms().saturating_sub(newest.created_ms)).unwrap_or(0))
}
