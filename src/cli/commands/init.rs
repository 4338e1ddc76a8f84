//! `init`: makes a folder a workspace.

use lua_store::ops::{self, InitOptions};

use crate::cli::args::InitArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::session::Session;
use crate::cli::{environment, json, render};

pub fn init(session: &Session, args: InitArgs) -> Outcome {
    let root = session.folder().join(args.dir.unwrap_or_default());
    let store = args.store.map(|store| session.folder().join(store));
    let options = InitOptions { agent_id: args.agent_id, store, yes_this_root: args.yes_this_root, home: environment::home() };
    let outcome = ops::init(&root, &options, session.host())?;
    session.answer(|| json::workspace::init(&outcome), |page| render::init::put(page, &outcome))?;
    Ok(Exit::Done)
}
