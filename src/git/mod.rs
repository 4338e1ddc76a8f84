//! git repositories and git's stream format, for import and export. Knows commits, trees and contents as git has them; nothing of
//! versions, stores and workspaces.
//!
//! | module | does |
//! |---|---|
//! | `repository` | finds a repository and reads commits, trees and contents from it, without git itself |
//! | `history` | which commits, and in what order |
//! | `fast_import` | writes the stream that `git fast-import` reads |
//! | `error` | why a repository could not be read |

mod error;
mod fast_import;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod history;
mod repository;

pub use error::GitError;
pub use fast_import::{CommitHead, FastImport, Person, is_reference};
pub use history::{Order, commits};
pub use repository::{Commit, GitId, GitRepository, TreeEntry, TreeEntryKind};
