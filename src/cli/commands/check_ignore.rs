//! `check-ignore`: which paths are left out, and why.

use std::path::{Path, PathBuf};

use lua_store::ops;

use crate::cli::args::CheckIgnoreArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::session::Session;
use crate::cli::{json, paths, render};

pub fn check_ignore(session: &Session, args: &CheckIgnoreArgs) -> Outcome {
    let workspace = session.open()?;
    let relative = |given: &PathBuf| relative(workspace.root(), session.folder(), given);
    let paths = args.paths.iter().map(relative).collect::<Result<Vec<PathBuf>, Failure>>()?;
    let explanations = ops::check_ignore(&workspace, &paths)?;
    let in_words = |page: &mut _| render::ignore::put(page, &explanations, args.verbose);
    session.answer(|| json::workspace::check_ignore(&explanations), in_words)?;
    Ok(Exit::Done)
}

/// The path as the operation takes it: a slash at its end says that a folder is meant, and stays.
fn relative(root: &Path, folder: &Path, given: &Path) -> Result<PathBuf, Failure> {
    let path = paths::in_workspace(root, folder, given.as_os_str())?;
    let is_folder = given.as_os_str().as_encoded_bytes().ends_with(b"/");
    Ok(if is_folder { path.join("") } else { path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_stays() {
        let shown = |given: &str| relative(Path::new("/w"), Path::new("/w/sub"), Path::new(given)).unwrap().into_os_string();
        assert_eq!(shown("build/"), "sub/build/");
        assert_eq!(shown("../build"), "build");
    }
}
