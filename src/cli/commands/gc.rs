//! `gc`: give back the room of what no version reaches.

use lua_store::ops::{self, GcOptions};

use crate::cli::args::GcArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::session::Session;
use crate::cli::{json, render};

pub fn gc(session: &Session, args: &GcArgs) -> Outcome {
    let options = GcOptions { dry_run: args.dry_run, all: args.all, recompress: args.recompress };
    let outcome = ops::gc(&mut session.open()?, &options, session.host())?;
    let elapsed = session.elapsed();
    let in_words = |page: &mut _| match args.dry_run {
        true => render::gc::put_plan(page, &outcome),
        false => render::gc::put(page, &outcome, elapsed),
    };
    session.answer(|| json::gc::gc(&outcome, args.dry_run, elapsed), in_words)?;
    Ok(Exit::damage_if(!outcome.damaged.is_empty()))
}
