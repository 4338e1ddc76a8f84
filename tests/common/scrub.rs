//! Makes outputs comparable: what differs from run to run is replaced by a word in brackets.

use std::path::Path;

/// Replaces the sandbox's folder by `[ROOT]`, ids by `[ID]` and durations by `[TIME]`.
pub fn scrub(text: &str, root: &Path) -> String {
    let text = without_elapsed(&text.replace(&*root.to_string_lossy(), "[ROOT]"));
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let word_bytes = rest.find(|c: char| !is_of_word(c)).unwrap_or(rest.len());
        if word_bytes == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (word, after) = rest.split_at(word_bytes);
        if is_id(word) {
            out.push_str("[ID]");
        } else if let Some(bytes) = unit_of_time_after(word, after) {
            out.push_str("[TIME]");
            rest = &after[bytes..];
            continue;
        } else {
            out.push_str(word);
        }
        rest = after;
    }
    out
}

/// Replaces the milliseconds of JSON answers.
fn without_elapsed(text: &str) -> String {
    const FIELD: &str = "\"elapsed_ms\":";
    let mut parts = text.split(FIELD);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out += FIELD;
        out += "[TIME]";
        out += part.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '.' || c == '_'
}

/// A whole id, or one shortened for people. A word of decimal digits alone is a number.
fn is_id(word: &str) -> bool {
    let hexadecimal = word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    hexadecimal && (word.len() == 64 || (word.len() == 12 && !word.bytes().all(|byte| byte.is_ascii_digit())))
}

/// Whether a word is a number with a unit of time, or is followed by one: how many bytes of what follows belong to it.
fn unit_of_time_after(word: &str, after: &str) -> Option<usize> {
    const UNITS: [&str; 4] = ["ms", "µs", "ns", "s"];
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok();
    if UNITS.iter().any(|unit| word.strip_suffix(unit).is_some_and(is_number)) {
        return Some(0);
    }
    if !is_number(word) {
        return None;
    }
    let spaces = usize::from(after.starts_with(' '));
    let unit = UNITS.iter().find(|unit| after[spaces..].starts_with(**unit))?;
    let ends = !after[spaces + unit.len()..].starts_with(is_of_word);
    ends.then_some(spaces + unit.len())
}
