//! One small function for each command: arguments → options → one operation → an answer.

mod access;
mod at;
mod bisect;
mod blame;
mod budget;
mod cat;
mod check_ignore;
mod diff;
mod drill;
mod du;
mod export;
mod gc;
mod grep;
mod history;
mod import;
mod init;
mod log;
mod ls;
mod marks;
mod promote;
mod prune;
mod purge;
mod push;
mod remote_key;
mod restore;
mod rollback;
mod shell;
mod show;
mod status;
mod sync;
mod verify;
mod when;

use super::args::{Command, ExportCommand, ImportCommand, SourceCommand, VersionCommand};
use super::failure::Outcome;
use super::session::Session;

/// Runs a command.
pub fn run(session: &Session, command: Command) -> Outcome {
    dispatch(session, command).map_err(|failure| sync::explain_missing(session, failure))
}

fn dispatch(session: &Session, command: Command) -> Outcome {
    match command {
        Command::Init(args) => init::init(session, args),
        Command::Push(args) => push::push(session, args),
        Command::Source(command) => run_source(session, command),
        Command::Version(command) => run_version(session, command),
        Command::Undo(args) => rollback::undo(session, args),
        Command::Status(args) => status::status(session, &args),
        Command::Diff(args) => diff::diff(session, &args),
        Command::Log(args) => log::log(session, &args),
        Command::Show(args) => show::show(session, &args),
        Command::Cat(args) => cat::cat(session, &args),
        Command::Ls(args) => ls::ls(session, &args),
        Command::Tree(args) => ls::tree(session, &args),
        Command::Blame(args) => blame::blame(session, &args),
        Command::Grep(args) => grep::grep(session, args),
        Command::When(args) => when::when(session, args),
        Command::At(args) => at::at(session, args),
        Command::Bisect(args) => bisect::bisect(session, args),
        Command::Verify(args) => verify::verify(session, &args),
        Command::Repair => verify::repair(session),
        Command::CheckIgnore(args) => check_ignore::check_ignore(session, &args),
        Command::Label(args) => marks::label(session, args),
        Command::Pin(args) => marks::pin(session, &args),
        Command::Prune(args) => prune::prune(session, args),
        Command::Gc(args) => gc::gc(session, &args),
        Command::Budget(args) => budget::budget(session, &args),
        Command::Du(args) => du::du(session, &args),
        Command::Purge(args) => purge::purge(session, &args),
        Command::Completion(args) => shell::completion(session, &args),
        Command::Man(args) => shell::man(session, args),
        Command::Remote(command) => sync::remote(session, command),
        Command::Sync(args) => sync::sync(session, args),
        Command::Pull(args) => sync::pull(session, args),
        Command::Fetch(args) => sync::fetch(session, args),
        Command::Drill(args) => drill::drill(session, args),
        Command::Export(ExportCommand::Git(args)) => export::git(session, args),
        Command::Export(ExportCommand::Tar(args)) => export::tar(session, args),
        Command::Import(ImportCommand::Git(args)) => import::git(session, args),
        Command::List(args) => history::list(session, &args),
        Command::Rollback(args) => rollback::rollback(session, args),
        Command::Restore(args) => restore::restore(session, args),
        Command::Promote(args) => promote::promote(session, &args),
    }
}

fn run_source(session: &Session, command: SourceCommand) -> Outcome {
    match command {
        SourceCommand::List(args) => history::list(session, &args),
        SourceCommand::Rollback(args) => rollback::rollback(session, args),
        SourceCommand::Restore(args) => restore::restore(session, args),
    }
}

fn run_version(session: &Session, command: VersionCommand) -> Outcome {
    match command {
        VersionCommand::Promote(args) => promote::promote(session, &args),
        VersionCommand::List(args) => history::list(session, &args),
        VersionCommand::Show(args) => history::show(session, &args),
        VersionCommand::Diff(args) => diff::version_diff(session, &args),
        VersionCommand::Status(args) => promote::history(session, &args),
        VersionCommand::Create(args) => push::push(session, args),
        VersionCommand::Delete(args) => history::delete(session, &args),
    }
}
