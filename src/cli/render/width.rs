//! How much room words take on a terminal.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that a text takes.
pub fn columns(text: &str) -> usize {
    if is_plain(text) { text.len() } else { text.width() }
}

/// The text if it fits, else its beginning and `…`. Never takes more than `columns_max`.
pub fn cut(text: &str, columns_max: usize) -> Cow<'_, str> {
    if columns(text) <= columns_max {
        return Cow::Borrowed(text);
    }
    let room = columns_max.saturating_sub(1);
    let mut taken = 0;
    let end = text.char_indices().find(|(_, c)| {
        taken += c.width().unwrap_or(0);
        taken > room
    });
    let kept = &text[..end.map_or(text.len(), |(at, _)| at)];
    Cow::Owned(if columns_max == 0 { String::new() } else { format!("{kept}…") })
}

/// The text if it fits, else `…` and its end: for paths, whose ends say more.
pub fn cut_front(text: &str, columns_max: usize) -> Cow<'_, str> {
    if columns(text) <= columns_max {
        return Cow::Borrowed(text);
    }
    let room = columns_max.saturating_sub(1);
    let mut taken = 0;
    let before = text.char_indices().rev().find(|(_, c)| {
        taken += c.width().unwrap_or(0);
        taken > room
    });
    let start = before.map_or(0, |(at, c)| at + c.len_utf8());
    Cow::Owned(if columns_max == 0 { String::new() } else { format!("…{}", &text[start..]) })
}

/// The text, filled with spaces up to so many columns.
pub fn pad(text: &str, columns_min: usize) -> String {
    let mut padded = String::with_capacity(text.len() + columns_min);
    pad_into(&mut padded, text, columns_min);
    padded
}

/// Appends the text and spaces up to so many columns.
pub fn pad_into(out: &mut String, text: &str, columns_min: usize) {
    const SPACES: &str = "                                ";
    out.push_str(text);
    let mut missing = columns_min.saturating_sub(columns(text));
    while missing > 0 {
        let some = missing.min(SPACES.len());
        out.push_str(&SPACES[..some]);
        missing -= some;
    }
}

/// Whether every byte takes one column. Looks at all of them: without a way out in the middle many are looked at at once.
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |is_plain, byte| is_plain & (b' '..0x7f).contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!([columns("abc"), columns("名前"), columns("é"), columns("e\u{301}")], [3, 4, 1, 1]);
    }

    #[test]
    fn cut_texts_fit() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
        assert_eq!(cut("名前です", 6), "名前…");
        assert_eq!(cut("名前です", 4), "名…");
        assert_eq!(cut_front("src/deep/main.rs", 8), "…main.rs");
        for room in 0..10 {
            assert!(columns(&cut("a名e\u{301}前", room)) <= room && columns(&cut_front("a名e\u{301}前", room)) <= room, "{room}");
        }
    }

    #[test]
    fn padding_counts_columns() {
        assert_eq!(pad("名", 4), "名  ");
        assert_eq!(pad("long", 2), "long");
        assert_eq!(pad("", 70).len(), 70);
    }
}
