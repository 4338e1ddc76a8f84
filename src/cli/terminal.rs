//! What the terminal is like, if there is one.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use super::bounds::COLUMNS_DEFAULT;
use super::environment;

/// Columns that an answer may take: as `COLUMNS` says, else as the terminal says; `None` when nothing limits it.
pub fn stdout_columns() -> Option<usize> {
    let of_terminal = || stdout_is_terminal().then(|| size(io::stdout()).map_or(COLUMNS_DEFAULT, |(columns, _)| columns));
    environment::columns().or_else(of_terminal)
}

/// Whether answers go to somebody's eyes and not to a program or a file.
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Rows of the terminal behind standard output; `None` when it is none.
pub fn stdout_rows() -> Option<usize> {
    if stdout_is_terminal() { size(io::stdout()).map(|(_, rows)| rows) } else { None }
}

/// Columns of the terminal behind standard error; `None` when no line can be rewritten there.
pub fn stderr_columns() -> Option<usize> {
    let can_rewrite = io::stderr().is_terminal() && environment::terminal_can_clear();
    can_rewrite.then(|| size(io::stderr()).map_or(COLUMNS_DEFAULT, |(columns, _)| columns))
}

/// Whether there is somebody to ask: both ends of the conversation are a terminal.
pub fn is_conversation() -> bool {
    io::stdin().is_terminal() && stdout_is_terminal()
}

/// Columns and rows; `None` when the terminal does not know.
fn size(stream: impl AsFd) -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col.into(), size.ws_row.into()))
}
