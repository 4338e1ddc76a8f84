//! Names and texts of others, such that no terminal obeys them and no reader is fooled by them.
//!
//! Escaped are control characters (also those of C1), characters that turn the direction of writing, characters that take no
//! place, separators of lines, and bytes that are no UTF-8. Joiners stay: some scripts and emoji are made with them.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write;

/// A path: as it is, or in quotes with `\` escapes when anything in it must be escaped or would be unclear.
pub fn path(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !must_be_quoted(text)
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len() + 8);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| match c {
            '"' | '\\' => out.extend(['\\', c]),
            c => put_char(&mut out, c),
        });
        put_bytes(&mut out, chunk.invalid());
    }
    out.push('"');
    Cow::Owned(out)
}

/// A path of the operating system, as [`path`].
pub fn os_path(path_of_system: impl AsRef<OsStr>) -> String {
    path(path_of_system.as_ref().as_encoded_bytes()).into_owned()
}

/// A text for one line: a message, a name, an error. New lines are escaped too.
pub fn text(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    text.chars().for_each(|c| put_char(&mut out, c));
    Cow::Owned(out)
}

/// A line of a file: tabs stay, everything else that a terminal could obey is escaped.
pub fn line(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| if c == '\t' { out.push(c) } else { put_char(&mut out, c) });
        put_bytes(&mut out, chunk.invalid());
    }
    out
}

fn must_be_quoted(text: &str) -> bool {
    let padded = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    text.is_empty() || padded || text.chars().any(|c| matches!(c, '"' | '\\') || is_unsafe(c))
}

fn is_unsafe(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(c,
        '\u{80}'..='\u{9f}'
        | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

fn put_char(out: &mut String, c: char) {
    // Writing to a string cannot fail.
    let _ = match c {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        c if c.is_ascii_control() => write!(out, "\\x{:02x}", u32::from(c)),
        c if is_unsafe(c) => write!(out, "\\u{{{:x}}}", u32::from(c)),
        c => out.write_char(c),
    };
}

fn put_bytes(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(out, "\\x{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_stay() {
        for name in ["a", "src/with space.rs", "-rf", "$(x)", "é/名前", "👩\u{200d}💻"] {
            assert_eq!(path(name.as_bytes()), name);
        }
    }

    #[test]
    fn no_path_drives_a_terminal() {
        let cases: [(&[u8], &str); 9] = [
            (b"a\x1b[2J", r#""a\x1b[2J""#),
            (b"a\nb\tc\r", r#""a\nb\tc\r""#),
            (b"bad\xff\xfename", r#""bad\xff\xfename""#),
            ("rtl\u{202e}gpj.exe".as_bytes(), r#""rtl\u{202e}gpj.exe""#),
            ("c1\u{9b}31m".as_bytes(), r#""c1\u{9b}31m""#),
            ("zero\u{200b}width".as_bytes(), r#""zero\u{200b}width""#),
            (b"quote\"back\\slash", r#""quote\"back\\slash""#),
            (b" padded ", r#"" padded ""#),
            (b"", r#""""#),
        ];
        for (name, shown) in cases {
            assert_eq!(path(name), shown);
        }
    }

    #[test]
    fn texts_are_one_line_without_quotes() {
        assert_eq!(text("fix \"it\" \\o/"), "fix \"it\" \\o/");
        assert_eq!(text("two\nlines \u{1b}]0;title\u{7}"), r"two\nlines \x1b]0;title\x07");
    }

    #[test]
    fn lines_keep_their_tabs() {
        assert_eq!(line(b"\tcaf\xe9\x1b[1m\r"), "\tcaf\\xe9\\x1b[1m\\r");
    }

    #[test]
    fn nothing_unsafe_is_left() {
        let everything: String = ('\0'..='\u{10ffff}').collect();
        assert!(!text(&everything).chars().any(is_unsafe));
        assert!(!path(everything.as_bytes()).chars().any(is_unsafe));
    }
}
