//! `verify` and `repair`: whether everything can be brought back.

use lua_store::ops::{self, RemoteAccess, RemoteVerifyOptions, VerifyOptions};

use super::access::access;
use super::remote_key;
use crate::cli::args::VerifyArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::session::Session;
use crate::cli::{json, render};

pub fn verify(session: &Session, args: &VerifyArgs) -> Outcome {
    if let Some(remote) = &args.remote {
        let options = RemoteVerifyOptions { remote: remote.clone(), read_data: args.read_data };
        let mut workspace = session.open()?;
        let verify = |access: &RemoteAccess| ops::remote_verify(&mut workspace, &options, access, session.host());
        let outcome = remote_key::with_key(session, access(), verify)?;
        let elapsed = session.elapsed();
        session.answer(|| json::remote::verified(&outcome, elapsed), |page| render::remote::put_verified(page, &outcome, elapsed))?;
        if !outcome.problems.is_empty() {
            session.tell_in_words([session.named(
                "hint: what is here is as it was; bring these back from a copy of the remote, or let a machine that has everything (`{lua} fetch --all`) share it at a new place",
            )]);
        }
        return Ok(Exit::damage_if(!outcome.problems.is_empty()));
    }
    let outcome = ops::verify(&mut session.open()?, &VerifyOptions { quick: args.quick }, session.host())?;
    let (elapsed, fetch_all) = (session.elapsed(), session.named("`{lua} fetch --all`"));
    let in_words = |page: &mut _| render::verify::put(page, &outcome, args.quick, elapsed, &fetch_all);
    session.answer(|| json::verify::verify(&outcome, elapsed), in_words)?;
    if !outcome.is_ok() {
        session
            .tell_in_words([session
                .named("hint: `{lua} push --rehash` stores again what the workspace still has, `{lua} repair` what only the log knows")]);
    }
    Ok(Exit::damage_if(!outcome.loses_nothing()))
}

/// Does not open the workspace first: that may be what does not work.
pub fn repair(session: &Session) -> Outcome {
    let outcome = ops::repair(&session.root()?, session.host())?;
    let elapsed = session.elapsed();
    session.answer(|| json::verify::repair(&outcome, elapsed), |page| render::verify::put_repair(page, &outcome, elapsed))?;
    Ok(Exit::damage_if(!outcome.still_damaged.is_empty()))
}
