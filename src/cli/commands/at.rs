//! `at`: run a command in throw-away checkouts.

use lua_store::ops::{self, AtOptions, Ended, RevisionRange};

use super::sync::{ALL_PATHS, bring_range_here};
use crate::cli::args::{AtArgs, command_line};
use crate::cli::exit::Exit;
use crate::cli::failure::Outcome;
use crate::cli::session::Session;
use crate::cli::{environment, json, render};

pub fn at(session: &Session, args: AtArgs) -> Outcome {
    let mut workspace = session.open()?;
    let options = AtOptions {
        versions: args.versions,
        command: command_line(args.command),
        jobs: args.jobs.map(usize::from),
        quiet: session.is_json(),
        scratch: environment::temporary_folder(),
    };
    bring_range_here(session, &mut workspace, &options.versions, &ALL_PATHS)?;
    let runs = ops::at(&workspace, &options, session.host())?;
    if let (RevisionRange::Single(_), [run]) = (&options.versions, &runs[..]) {
        if session.is_json() {
            session.answer(|| json::run::runs(&runs), |_| ())?;
        }
        return Ok(Exit::OfCommand(code(run.ended)));
    }
    session.answer(|| json::run::runs(&runs), |page| render::run::put(page, &runs))?;
    let all_well = runs.iter().all(|run| run.ended == Ended::Code(0));
    Ok(if all_well { Exit::Done } else { Exit::Failed })
}

/// The exit code that a shell would give.
fn code(ended: Ended) -> u8 {
    let code = match ended {
        Ended::Code(code) => code,
        Ended::Signal(signal) => 128 + signal,
    };
    u8::try_from(code).unwrap_or(u8::MAX)
}
