//! Help, and answers to command lines that are none.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::environment::named;
use super::exit::Exit;
use super::failure::Failure;
use super::render::escape;
use super::{failure, output};

/// For those who wanted the other program.
const OTHER_LUA: &str = "
This is the version history tool `{lua}`. The interpreter of the Lua language goes by the same name;
it is often installed as `lua5.4` too.";

/// What other tools call our commands.
const WORDS_OF_OTHERS: [(&str, &str); 14] = [
    ("add", "push"),
    ("backup", "push"),
    ("checkout", "rollback"),
    ("checkpoint", "push"),
    ("clone", "init"),
    ("commit", "push"),
    ("forget", "prune"),
    ("history", "list"),
    ("reset", "rollback"),
    ("revert", "rollback"),
    ("save", "push"),
    ("snapshot", "push"),
    ("snapshots", "list"),
    ("tag", "label"),
];

/// Answers what is no command: a question for help or for the version, or a mistake.
pub fn answer(mut error: clap::Error, program: &str, arguments: &[OsString]) -> Exit {
    let shown = match error.kind() {
        ErrorKind::DisplayHelp => named(&error.render().ansi().to_string(), program),
        ErrorKind::DisplayVersion => format!("{program} {}\n", env!("CARGO_PKG_VERSION")),
        _ => {
            suggest_ours(&mut error);
            return mistake(&error, program, arguments);
        }
    };
    match output::help(&shown) {
        Ok(()) => Exit::Done,
        Err(error) => failure::report(&Failure::Output(error), program, false),
    }
}

/// Suggests the command that goes by another name elsewhere, and not the one that is written most like it.
fn suggest_ours(error: &mut clap::Error) {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return };
    if let Some((_, ours)) = WORDS_OF_OTHERS.iter().find(|(theirs, _)| theirs == word) {
        let ours = ContextValue::Strings(vec![(*ours).to_owned()]);
        error.insert(ContextKind::SuggestedSubcommand, ours);
    }
}

fn mistake(error: &clap::Error, program: &str, arguments: &[OsString]) -> Exit {
    if wants_json(arguments) {
        return failure::report(&Failure::Usage(one_line(error)), program, true);
    }
    output::tell_partly(&named(&safe_lines(error), program));
    if is_meant_for_the_interpreter(error) {
        output::tell(&named(OTHER_LUA, program));
    }
    Exit::Usage
}

/// The message as it is shown. What was typed may be the name of a file, which is not to drive the terminal.
fn safe_lines(error: &clap::Error) -> String {
    error.render().to_string().lines().map(|line| escape::line(line.as_bytes()) + "\n").collect()
}

/// Whether somebody wants the interpreter of the same name: `lua script.lua`, `lua -e …`.
fn is_meant_for_the_interpreter(error: &clap::Error) -> bool {
    [ContextKind::InvalidSubcommand, ContextKind::InvalidArg].into_iter().any(|kind| match error.get(kind) {
        Some(ContextValue::String(word)) => word.ends_with(".lua") || ["-e", "-i", "-l"].contains(&word.as_str()),
        _ => false,
    })
}

/// Whether the answer is to be JSON, on a command line that could not be understood.
fn wants_json(arguments: &[OsString]) -> bool {
    arguments.iter().skip(1).take_while(|argument| *argument != "--").any(|argument| argument == "--json")
}

/// The message without the usage and the tips below it.
fn one_line(error: &clap::Error) -> String {
    let whole = error.render().to_string();
    let message = whole.split("\n\n").next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(message);
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::super::args::Cli;
    use super::*;

    fn error_of(line: &str) -> clap::Error {
        Cli::try_parse_from(line.split(' ')).unwrap_err()
    }

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_lists_every_exit_code() {
        let help = Cli::command().render_long_help().to_string();
        for exit in Exit::ALL {
            assert!(help.contains(&format!("\n  {:<4} ", exit.number())), "{exit:?} in {help}");
        }
    }

    #[test]
    fn mistakes_are_one_line_in_json() {
        assert_eq!(one_line(&error_of("lua psh --json")), "unrecognized subcommand 'psh'");
        assert!(one_line(&error_of("lua promote a:b")).ends_with("a version is written as 5, v5, newest, active or by its label"));
        assert!(one_line(&error_of("lua source rollback")).contains("--version <N>"));
    }

    #[test]
    fn the_interpreter_is_told_apart() {
        assert!(is_meant_for_the_interpreter(&error_of("lua hello.lua")));
        assert!(is_meant_for_the_interpreter(&error_of("lua -e print(1)")));
        assert!(!is_meant_for_the_interpreter(&error_of("lua psh")));
    }

    #[test]
    fn what_was_typed_does_not_drive_the_terminal() {
        let shown = safe_lines(&error_of("lua \u{7}\u{1b}[2Jpush\u{9b}1m"));
        assert!(!shown.chars().any(|c| c != '\n' && c.is_control()), "{shown:?}");
    }

    #[test]
    fn similar_commands_are_suggested() {
        assert!(error_of("lua statsu").render().to_string().contains("'status'"));
    }

    #[test]
    fn json_is_seen_before_the_dashes() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(wants_json(&words("lua x --json")));
        assert!(!wants_json(&words("lua diff -- --json")));
    }
}
