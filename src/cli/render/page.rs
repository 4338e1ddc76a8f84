//! An answer in words while it is made: bytes, because a patch is bytes.

use std::fmt::Display;
use std::io::Write;

use anstyle::{AnsiColor, Style};

/// Whether words may be painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Plain words: no terminal, or one whose user wants none.
    Plain,
    /// Colours.
    Colored,
}

/// Of what is new.
pub const ADDED: Style = AnsiColor::Green.on_default();
/// Of what differs.
pub const CHANGED: Style = AnsiColor::Yellow.on_default();
/// Of what is gone, and of damage.
pub const REMOVED: Style = AnsiColor::Red.on_default();
/// Of places in a patch.
pub const PLACE: Style = AnsiColor::Cyan.on_default();
/// Of headings and of what the answer is about.
pub const STRONG: Style = Style::new().bold();
/// Of what matters less.
pub const FAINT: Style = Style::new().dimmed();

/// Words in a style.
pub fn paint(how: Paint, style: Style, words: impl Display) -> String {
    match how {
        Paint::Plain => words.to_string(),
        Paint::Colored => format!("{style}{words}{style:#}"),
    }
}

/// Lines for standard output.
#[derive(Debug)]
pub struct Page {
    bytes: Vec<u8>,
    how: Paint,
    columns: Option<usize>,
}

impl Page {
    /// An empty page. `columns` is how wide it may become, if anything limits that.
    pub fn new(how: Paint, columns: Option<usize>) -> Self {
        Self { bytes: Vec::new(), how, columns }
    }

    /// How wide the page may become.
    pub fn columns(&self) -> Option<usize> {
        self.columns
    }

    /// How words on the page are painted.
    pub fn how(&self) -> Paint {
        self.how
    }

    /// Words in a style, for a line of this page.
    pub fn paint(&self, style: Style, words: impl Display) -> String {
        paint(self.how, style, words)
    }

    /// Adds a line.
    pub fn line(&mut self, words: impl Display) {
        // Writing to memory cannot fail.
        let _ = writeln!(self.bytes, "{words}");
    }

    /// Adds bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What is on the page.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many lines are on the page.
    pub fn line_count(&self) -> usize {
        self.bytes.iter().filter(|&&byte| byte == b'\n').count()
    }

    /// What is on the page, for tests.
    #[cfg(test)]
    pub fn text(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }
}
