//! `completion` and `man`: what makes the program at home in a shell.

use std::path::{Path, PathBuf};

use lua_store::disk::DiskError;
use lua_store::ops::OpsError;

use crate::cli::args::{CompletionArgs, ManArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::man::{self, Page};
use crate::cli::render::escape;
use crate::cli::session::Session;
use crate::cli::{completion, environment, json};

pub fn completion(session: &Session, args: &CompletionArgs) -> Outcome {
    let program = session.named("{lua}");
    let script = completion::registration(args.shell, &program, &environment::called_by(session.folder())).map_err(Failure::Output)?;
    let shell = args.shell.name();
    session.answer(|| json::shell::completion(shell, &script), |page| page.raw(&script))?;
    Ok(Exit::Done)
}

pub fn man(session: &Session, args: ManArgs) -> Outcome {
    let pages = man::pages(&session.named("{lua}")).map_err(Failure::Output)?;
    let Some(folder) = args.to.map(|to| session.folder().join(to)) else {
        let first = pages.first().map_or("", |page| page.text.as_str());
        session.answer(|| json::shell::man_page(first), |page| page.raw(first.as_bytes()))?;
        return Ok(Exit::Done);
    };
    let written = write_pages(&pages, &folder)?;
    session.answer(
        || json::shell::man_pages(&written),
        |page| page.line(format_args!("{} manual pages written to {}", written.len(), escape::os_path(&folder))),
    )?;
    Ok(Exit::Done)
}

fn write_pages(pages: &[Page], folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |action, path: &Path, error| Failure::from(OpsError::from(DiskError::new(action, path, error)));
    std::fs::create_dir_all(folder).map_err(|error| failed("make the folder", folder, error))?;
    let write = |page: &Page| {
        let path = folder.join(&page.name);
        std::fs::write(&path, &page.text).map_err(|error| failed("write", &path, error))?;
        Ok(path)
    };
    pages.iter().map(write).collect()
}
