//! Bracket expressions such as `[a-z]` or `[![:space:]]`, compiled to the set of bytes that they match.

/// A set of byte values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    /// Whether the set holds this byte.
    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn remove(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] &= !(1 << (byte & 63));
    }

    fn insert_where(&mut self, wanted: impl Fn(u8) -> bool) {
        (0..=u8::MAX).filter(|&byte| wanted(byte)).for_each(|byte| self.insert(byte));
    }

    fn complement(&mut self) {
        self.0.iter_mut().for_each(|word| *word = !*word);
    }
}

/// A bracket expression that was read from a pattern.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bracket {
    /// What it matches. Never a slash: no wildcard crosses from one name to the next.
    pub(super) set: ByteSet,
    /// Length of the expression in bytes: from behind its `[` to behind its `]`.
    pub(super) len: usize,
}

/// Reads the bracket expression whose `[` stands just before `text`; `None` when it has no end or names an unknown class,
/// in which case git lets the whole pattern match nothing.
pub(super) fn parse(text: &[u8]) -> Option<Bracket> {
    let negated = matches!(text.first()?, b'!' | b'^');
    let start = usize::from(negated);
    let mut reader = BracketReader { text, at: start, set: ByteSet::default(), before: None, next_close: 0 };
    // A `]` in the first place is a member like any other.
    while reader.at == start || *text.get(reader.at)? != b']' {
        reader.member()?;
    }
    let mut set = reader.set;
    if negated {
        set.complement();
    }
    set.remove(b'/');
    Some(Bracket { set, len: reader.at + 1 })
}

struct BracketReader<'a> {
    text: &'a [u8],
    at: usize,
    set: ByteSet,
    /// The single byte read last, from which a `-` makes a range.
    before: Option<u8>,
    /// Place of some `]`; kept so that many `[:` in one expression do not each search for the same far one.
    next_close: usize,
}

impl BracketReader<'_> {
    /// Reads one member: a byte, an escaped byte, the rest of a range, or a named class.
    fn member(&mut self) -> Option<()> {
        match (*self.text.get(self.at)?, self.before, self.text.get(self.at + 1)) {
            (b'-', Some(from), Some(&next)) if next != b']' => {
                self.at += 1;
                let to = self.single()?;
                self.set.insert_where(|byte| from <= byte && byte <= to);
                self.before = None;
            }
            (b'[', _, Some(b':')) => self.named()?,
            _ => {
                let byte = self.single()?;
                self.set.insert(byte);
                self.before = Some(byte);
            }
        }
        Some(())
    }

    /// Reads one byte, which a backslash may precede.
    fn single(&mut self) -> Option<u8> {
        self.at += usize::from(*self.text.get(self.at)? == b'\\');
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// Reads `[:name:]`, or the `[` alone when the next `]` does not end such a name.
    fn named(&mut self) -> Option<()> {
        let start = self.at + 2;
        let close = self.close_from(start)?;
        if close > start && self.text[close - 1] == b':' {
            self.set.insert_where(named_class(&self.text[start..close - 1])?);
            self.before = None;
            self.at = close + 1;
        } else {
            self.set.insert(b'[');
            self.before = Some(b'[');
            self.at += 1;
        }
        Some(())
    }

    fn close_from(&mut self, start: usize) -> Option<usize> {
        if self.next_close < start {
            self.next_close = start + self.text.get(start..)?.iter().position(|&byte| byte == b']')?;
        }
        Some(self.next_close)
    }
}

/// The POSIX classes as git has them: ASCII in every locale, and `space` without the vertical tab and the form feed.
fn named_class(name: &[u8]) -> Option<fn(u8) -> bool> {
    Some(match name {
        b"alnum" => |byte| byte.is_ascii_alphanumeric(),
        b"alpha" => |byte| byte.is_ascii_alphabetic(),
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => |byte| byte.is_ascii_control(),
        b"digit" => |byte| byte.is_ascii_digit(),
        b"graph" => |byte| byte.is_ascii_graphic(),
        b"lower" => |byte| byte.is_ascii_lowercase(),
        b"print" => |byte| byte.is_ascii_graphic() || byte == b' ',
        b"punct" => |byte| byte.is_ascii_punctuation(),
        b"space" => |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'),
        b"upper" => |byte| byte.is_ascii_uppercase(),
        b"xdigit" => |byte| byte.is_ascii_hexdigit(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The members of `[text` among printable ASCII, and how much of the text belongs to it.
    fn members(text: &str) -> Option<(String, usize)> {
        let bracket = parse(text.as_bytes())?;
        Some(((b' '..=b'~').filter(|&byte| bracket.set.contains(byte)).map(char::from).collect(), bracket.len))
    }

    #[test]
    fn members_are_read() {
        for (text, expected) in [
            ("abc]x", "abc"),
            ("a-e]", "abcde"),
            ("]-a]", "]^_`a"),
            ("a-]", "-a"),
            ("-a]", "-a"),
            ("--0]", "-.0"),
            ("a-c-e]", "-abce"),
            (r"\]\-\a-c]", "-]abc"),
            (r"a-\c]", "abc"),
            ("e-a]", "e"),
            ("[:digit:]]", "0123456789"),
            ("[:digit:]-a]", "-0123456789a"),
            ("[:]", ":["),
            ("[:a]", ":[a"),
            ("[x]", "[x"),
        ] {
            let (found, len) = members(text).expect(text);
            assert_eq!((found.as_str(), &text[len - 1..len]), (expected, "]"), "{text}");
        }
    }

    #[test]
    fn negation_takes_the_rest_but_never_a_slash() {
        for text in ["!a]", "^a]"] {
            let set = parse(text.as_bytes()).unwrap().set;
            assert!(!set.contains(b'a') && set.contains(b'b') && set.contains(0xff) && !set.contains(b'/'), "{text}");
        }
        assert!(parse(b"!]a]").is_some_and(|bracket| bracket.len == 4 && !bracket.set.contains(b']')));
    }

    #[test]
    fn what_has_no_end_or_no_meaning_matches_nothing() {
        for text in ["", "!", "a", "]", r"a\", "a-", r"a-\", "[:digit:", "[:digit:]", "[:what:]]", "[::]]"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
