//! The answer of `diff`.

use lua_store::ops::{DiffForm, DiffOutcome};

use super::page::Page;
use super::{change, patch, stat};

/// Shows differences; `for_eyes`: on a terminal, where a patch is made safe and painted.
pub fn put(page: &mut Page, outcome: &DiffOutcome, form: DiffForm, for_eyes: bool) {
    match form {
        DiffForm::Patch if for_eyes => patch::put(page, &outcome.patch),
        DiffForm::Patch => page.raw(&outcome.patch),
        DiffForm::Stat if outcome.files.is_empty() => {}
        DiffForm::Stat => stat::put(page, &outcome.files, &outcome.extents),
        DiffForm::NameOnly => outcome.files.iter().for_each(|changed| page.line(change::path(changed.path(), changed.is_of_directory()))),
    }
}
