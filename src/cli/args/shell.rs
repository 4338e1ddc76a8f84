//! Arguments of the commands that make the program at home in a shell.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Print what makes a shell complete commands, flags, versions and paths
///
/// It works under the name that the program is called by now.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  echo 'source <({lua} completion bash)' >> ~/.bashrc\n  echo 'source <({lua} completion zsh)' >> ~/.zshrc\n  {lua} completion fish > ~/.config/fish/completions/{lua}.fish"
)]
pub struct CompletionArgs {
    /// The shell
    pub shell: Shell,
}

/// The shells that can be served.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Elvish,
}

impl Shell {
    /// The shell's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Elvish => "elvish",
        }
    }
}

/// Print the manual page, or write the pages of all commands
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} man | man -l -\n  {lua} man --to ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Write a page for each command into DIR; pages of the same names are replaced
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
}
