//! Writing to standard output and standard error. Nothing else in the program does.
//!
//! A reader that has gone away (`lua list | head`) is no error: what it did not want is not written, and the exit
//! code is that of the command. Standard error may fail in silence: there is nowhere left to say so.

use std::io::{self, BufWriter, ErrorKind, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::pager;
use super::render::page::{Page, Paint, paint};
use super::terminal;

/// How answers to standard output are painted.
pub fn stdout_paint() -> Paint {
    paint_if(AutoStream::choice(&io::stdout()))
}

/// How lines on standard error are painted.
fn stderr_paint() -> Paint {
    paint_if(AutoStream::choice(&io::stderr()))
}

fn paint_if(choice: ColorChoice) -> Paint {
    if choice == ColorChoice::Never { Paint::Plain } else { Paint::Colored }
}

/// Writes an answer in words; through a pager when standard output is a terminal that it does not fit.
pub fn write_page(page: &Page) -> io::Result<()> {
    let rows = terminal::stdout_rows();
    if rows.is_some_and(|rows| page.line_count() >= rows) && pager::show(page.bytes()) {
        return Ok(());
    }
    write_unpaged(page)
}

/// Writes an answer in words, however long it is.
pub fn write_unpaged(page: &Page) -> io::Result<()> {
    let mut out = io::stdout().lock();
    unless_gone(out.write_all(page.bytes()).and_then(|()| out.flush()))
}

/// Writes an answer in JSON, on one line.
pub fn write_json(answer: &impl Serialize) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = serde_json::to_writer(&mut out, answer).map_err(io::Error::from).and_then(|()| out.write_all(b"\n"));
    unless_gone(written.and_then(|()| out.flush()))
}

/// Standard output for what is no answer: a stream for another program.
pub fn stream() -> impl Write {
    BufWriter::new(io::stdout().lock())
}

/// Writes a help text, painted if the terminal takes it.
pub fn help(text: &str) -> io::Result<()> {
    unless_gone(anstream::stdout().write_all(text.as_bytes()))
}

/// Standard output for contents: bytes as they are, to the end or until the reader has gone away.
pub struct RawOutput {
    out: BufWriter<io::StdoutLock<'static>>,
    is_gone: bool,
}

impl RawOutput {
    /// Takes standard output.
    pub fn begin() -> Self {
        Self { out: BufWriter::new(io::stdout().lock()), is_gone: false }
    }

    /// Writes a piece. An error ends the work: also that nobody reads on, which [`RawOutput::finish`] knows to be none.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let written = self.out.write_all(piece);
        self.is_gone |= matches!(&written, Err(error) if error.kind() == ErrorKind::BrokenPipe);
        written
    }

    /// Ends a work: what it came to, unless the reader had all it wanted.
    pub fn finish<T: Default, E>(mut self, result: Result<T, E>, failed: impl FnOnce(io::Error) -> E) -> Result<T, E> {
        if self.is_gone {
            return Ok(T::default());
        }
        let flushed = unless_gone(self.out.flush());
        result.and_then(|value| flushed.map(|()| value).map_err(failed))
    }
}

/// A reader that has gone away has all it wants.
fn unless_gone(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes a line to standard error.
pub fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Hands on to standard error what a command of the user's writes. Nothing of it goes to standard output, which is for answers.
pub fn pass_through(bytes: &[u8]) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(bytes).and_then(|()| err.flush());
}

/// Writes to standard error without ending the line.
pub fn tell_partly(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// Writes why the command failed and, unless it is empty, what can be done.
pub fn error(message: &str, hint: &str) {
    let how = stderr_paint();
    tell(&format!("{} {message}", paint(how, AnsiColor::Red.on_default().bold(), "error:")));
    if !hint.is_empty() {
        tell(&format!("{} {hint}", paint(how, Style::new().bold(), "hint:")));
    }
}
