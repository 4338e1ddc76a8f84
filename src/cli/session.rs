//! What all commands share.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lua_store::ops::{OpsError, Workspace};
use serde::Serialize;

use super::args::Global;
use super::failure::Failure;
use super::host::TerminalHost;
use super::render::escape;
use super::render::page::Page;
use super::{environment, output, terminal};

/// One run of the program.
pub struct Session {
    program: String,
    is_json: bool,
    /// The folder that relative paths start from.
    folder: PathBuf,
    host: TerminalHost,
    began: Instant,
}

impl Session {
    /// Goes into the folder that the user wants to work in.
    pub fn begin(global: Global, program: &str) -> Result<Self, Failure> {
        let began = Instant::now();
        if let Some(folder) = &global.workspace {
            std::env::set_current_dir(folder).map_err(|source| folder_failure(folder, source))?;
        }
        let folder = std::env::current_dir().map_err(|source| folder_failure(Path::new("."), source))?;
        Ok(Self { program: program.to_owned(), is_json: global.json, folder, host: TerminalHost::new()?, began })
    }

    /// The host of the operations.
    pub fn host(&self) -> &TerminalHost {
        &self.host
    }

    /// Whether the answer is to be JSON.
    pub fn is_json(&self) -> bool {
        self.is_json
    }

    /// The folder that relative paths start from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The time since the program began.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// A text with the program's name in the place of `{lua}`.
    pub fn named(&self, text: &str) -> String {
        environment::named(text, &self.program)
    }

    /// The root of the workspace that the folder lies in.
    pub fn root(&self) -> Result<PathBuf, Failure> {
        let root = Workspace::find_root(&self.folder);
        root.ok_or_else(|| OpsError::NotAWorkspace { start: self.folder.clone() }.into())
    }

    /// Opens that workspace.
    pub fn open(&self) -> Result<Workspace, Failure> {
        Ok(Workspace::open(&self.root()?, &self.host)?)
    }

    /// An empty answer in words, as wide as the terminal.
    pub fn page(&self) -> Page {
        Page::new(output::stdout_paint(), terminal::stdout_columns())
    }

    /// Gives the answer in the form that the user wants. The other form is not made.
    pub fn answer<J: Serialize>(&self, json: impl FnOnce() -> J, words: impl FnOnce(&mut Page)) -> Result<(), Failure> {
        self.answer_in_words(words)?;
        self.answer_in_json(json)
    }

    /// Gives an answer, or a part of one, if the user wants it in words.
    pub fn answer_in_words(&self, words: impl FnOnce(&mut Page)) -> Result<(), Failure> {
        self.host.clear_progress();
        if self.is_json {
            return Ok(());
        }
        let mut page = self.page();
        words(&mut page);
        output::write_page(&page).map_err(Failure::Output)
    }

    /// Gives an answer, all of it, if the user wants it in JSON.
    pub fn answer_in_json<J: Serialize>(&self, json: impl FnOnce() -> J) -> Result<(), Failure> {
        self.host.clear_progress();
        if self.is_json { output::write_json(&json()).map_err(Failure::Output) } else { Ok(()) }
    }

    /// Says something on standard error that is part of a JSON answer anyway.
    pub fn tell_in_words(&self, lines: impl IntoIterator<Item = String>) {
        self.host.clear_progress();
        if !self.is_json {
            lines.into_iter().for_each(|line| output::tell(&line));
        }
    }
}

fn folder_failure(folder: &Path, source: std::io::Error) -> Failure {
    Failure::Folder { folder: escape::os_path(folder), source }
}
