//! The answers of `completion` and `man`.

use std::path::PathBuf;

use serde::Serialize;

use super::Answer;
use super::path::{lossy, os_text};

/// What a shell must run.
#[derive(Debug, Serialize)]
pub struct Completion {
    shell: &'static str,
    script: String,
}

/// The answer of `completion`.
pub fn completion(shell: &'static str, script: &[u8]) -> Answer<Completion> {
    Answer::new(Completion { shell, script: lossy(script) })
}

/// A manual page.
#[derive(Debug, Serialize)]
pub struct ManPage<'a> {
    page: &'a str,
}

/// The answer of `man`.
pub fn man_page(page: &str) -> Answer<ManPage<'_>> {
    Answer::new(ManPage { page })
}

/// Manual pages that were written.
#[derive(Debug, Serialize)]
pub struct ManPages {
    pages: Vec<String>,
}

/// The answer of `man --to`.
pub fn man_pages(written: &[PathBuf]) -> Answer<ManPages> {
    Answer::new(ManPages { pages: written.iter().map(os_text).collect() })
}
