//! The face of the program: the only place that prints, asks, and reads the environment.
//!
//! | module | owns |
//! |---|---|
//! | `args`, `usage` | what can be typed, and answers to what cannot |
//! | `commands` | one small function per command: arguments → options → one operation → an answer |
//! | `json`, `render` | the two forms of an answer |
//! | `failure`, `exit` | what errors mean: exit codes, codes for scripts, hints |
//! | `session`, `host` | what commands share; the surroundings that operations need |
//! | `output`, `pager`, `progress`, `prompt`, `terminal`, `signals` | the terminal |
//! | `completion` | what can come next on a command line, for shells |
//! | `man` | manual pages |
//! | `environment`, `calendar` | variables; the time zone |
//!
//! # Rules
//! - Under `--json` nothing but one JSON object goes to standard output, whatever happens.
//! - Nothing is asked unless both standard input and standard output are a terminal.
//! - Every name and text that comes from a workspace or a history is escaped (`render::escape`) before it is shown.

mod args;
mod background;
mod bounds;
mod calendar;
mod commands;
mod completion;
mod environment;
mod exit;
mod failure;
mod host;
mod json;
mod man;
mod output;
mod pager;
mod paths;
mod progress;
mod prompt;
mod render;
mod session;
mod signals;
mod terminal;
mod usage;

use std::ffi::OsString;

use clap::Parser;

use args::Cli;
use exit::Exit;
use failure::Outcome;
use session::Session;

/// Runs the program.
pub fn main() -> Exit {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let program = environment::program_name(arguments.first());
    if completion::answer_shell(&arguments, &program) {
        return Exit::Done;
    }
    match Cli::try_parse_from(&arguments) {
        Ok(cli) => run(cli, &program),
        Err(error) => usage::answer(error, &program, &arguments),
    }
}

fn run(cli: Cli, program: &str) -> Exit {
    let in_json = cli.global.json;
    let outcome: Outcome = Session::begin(cli.global, program).and_then(|session| {
        let outcome = commands::run(&session, cli.command);
        session.host().clear_progress();
        outcome
    });
    outcome.unwrap_or_else(|failure| failure::report(&failure, program, in_json))
}
