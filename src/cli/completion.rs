//! What can come next on a command line: commands and flags as they are defined, versions as the workspace has them, paths.
//!
//! A shell that was told to (`completion SHELL`) calls the program with a variable set and the words so far. Answering changes
//! nothing, and says nothing when there is nothing to suggest.

use std::any::TypeId;
use std::ffi::OsString;
use std::io;

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory, ValueHint};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};
use lua_store::ops::{self, Revision, Workspace};

use super::args::{Cli, Shell};
use super::bounds::{COMPLETED_MESSAGE_CHARS_MAX, COMPLETED_VERSIONS_MAX};
use super::environment::COMPLETION;
use super::render::escape;

/// Answers a shell that asks for completions; says whether one did.
pub fn answer_shell(arguments: &[OsString], program: &str) -> bool {
    let folder = std::env::current_dir().ok();
    // A request that cannot be understood gets no suggestions.
    CompleteEnv::with_factory(command).var(COMPLETION).bin(program).try_complete(arguments, folder.as_deref()).unwrap_or(true)
}

/// What a shell must run to ask for completions from now on. `called_by` is how this program was called.
pub fn registration(shell: Shell, program: &str, called_by: &str) -> io::Result<Vec<u8>> {
    let shells = Shells::builtins();
    let completer = shells.completer(shell.name()).ok_or(io::ErrorKind::Unsupported)?;
    let mut script = Vec::new();
    // In the names of functions of a shell.
    let name: String = program.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    completer.write_registration(COMPLETION, &name, program, called_by, &mut script)?;
    Ok(script)
}

/// The command line with suggestions for its values.
fn command() -> Command {
    suggesting(Cli::command())
}

fn suggesting(command: Command) -> Command {
    command.mut_args(with_suggestions).mut_subcommands(suggesting)
}

fn with_suggestions(argument: Arg) -> Arg {
    let kind = argument.get_value_parser().type_id();
    if kind == TypeId::of::<Revision>() {
        argument.add(ArgValueCandidates::new(versions))
    } else if kind == TypeId::of::<OsString>() {
        argument.value_hint(ValueHint::AnyPath)
    } else {
        argument
    }
}

/// The newest versions of the workspace here, each with what its maker said.
fn versions() -> Vec<CompletionCandidate> {
    let root = std::env::current_dir().ok().and_then(|folder| Workspace::find_root(&folder));
    let rows = root.and_then(|root| ops::peek(&root, COMPLETED_VERSIONS_MAX).ok()).unwrap_or_default();
    let numbered = rows.iter().filter(|row| !row.deleted).enumerate().map(|(place, row)| {
        let said = if row.record.message.is_empty() { &row.record.triggered_by } else { &row.record.message };
        suggestion(&row.record.number.to_string(), said.lines().next().unwrap_or_default()).display_order(Some(place))
    });
    let words = [("newest", "the version with the highest number"), ("active", "the active version")];
    let named = words.map(|(word, meaning)| suggestion(word, meaning).display_order(Some(usize::MAX)));
    numbered.chain(named).collect()
}

fn suggestion(word: &str, meaning: &str) -> CompletionCandidate {
    let meaning: String = escape::text(meaning).chars().take(COMPLETED_MESSAGE_CHARS_MAX).collect();
    CompletionCandidate::new(word).help(Some(StyledStr::from(meaning)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_for_a_version_is_suggested_versions() {
        let mut command = command();
        command.build();
        let promote = command.find_subcommand("promote").unwrap();
        let version = promote.get_arguments().find(|argument| argument.get_id() == "version").unwrap();
        assert!(version.get::<ArgValueCandidates>().is_some());
        command.debug_assert();
    }

    #[test]
    fn every_shell_gets_a_script_with_the_programs_name() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Powershell, Shell::Elvish] {
            let script = String::from_utf8(registration(shell, "lua-store", "/opt/lua-store").unwrap()).unwrap();
            assert!(script.contains("lua-store") && script.contains("/opt/lua-store") && script.contains(COMPLETION), "{script}");
        }
    }
}
