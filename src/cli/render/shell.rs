//! Words for a command line that is shown to be copied.

use std::borrow::Cow;
use std::fmt::Write;

/// A word as the shell reads it: as it is, in quotes, or as `$'…'` when it has bytes that no terminal may see.
pub fn word(bytes: &[u8]) -> Cow<'_, str> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./,:+@%".contains(byte);
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && !text.starts_with('-') && bytes.iter().all(is_plain) => Cow::Borrowed(text),
        Ok(text) if super::escape::text(text) == text && !text.starts_with('-') => Cow::Owned(format!("'{}'", text.replace('\'', r"'\''"))),
        _ => Cow::Owned(escaped(bytes)),
    }
}

fn escaped(bytes: &[u8]) -> String {
    // A leading minus would be an option.
    let mut word = String::from(if bytes.starts_with(b"-") { "./$'" } else { "$'" });
    for &byte in bytes {
        // Writing to a string cannot fail.
        let _ = match byte {
            b'\'' | b'\\' => write!(word, "\\{}", byte as char),
            b' '..=b'~' => write!(word, "{}", byte as char),
            _ => write!(word, "\\x{byte:02x}"),
        };
    }
    word.push('\'');
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_reads_back_what_was_meant() {
        let cases: [&[u8]; 8] = [b"src/main.rs", b"with space", b"it's", b"-rf", b"\xff\x1b[2J\\", "é".as_bytes(), b"", b"$(x)"];
        for bytes in cases {
            let script = format!("printf %s {}", word(bytes));
            let Ok(output) = std::process::Command::new("bash").arg("-c").arg(script).output() else { return };
            let expected = if bytes.starts_with(b"-") { [b"./", bytes].concat() } else { bytes.to_vec() };
            assert_eq!(output.stdout, expected, "{}", word(bytes));
        }
        assert_eq!(word(b"src/main.rs"), "src/main.rs");
    }
}
