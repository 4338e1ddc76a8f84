//! Checks for the fuzzer: objects of git repositories, and the stream that git is given.

use super::fast_import::{CommitHead, FastImport, Person};
use super::repository::{read_commit, tree_entries};
use crate::format::fuzzing::halves;

/// A tree or a commit of git.
pub(crate) fn object(bytes: &[u8]) {
    if let Ok(entries) = tree_entries(bytes) {
        assert!(entries.windows(2).all(|pair| pair[0].name < pair[1].name), "not sorted, or a name twice");
    }
    if let Ok(commit) = read_commit(bytes) {
        assert!(!commit.author.starts_with(char::is_whitespace));
    }
}

/// What goes into the stream of a commit comes out again, whatever it is: no message and no name is taken for a command.
pub(crate) fn stream(bytes: &[u8]) {
    let (message, rest) = halves(bytes);
    let (author, rest) = halves(rest);
    let (path, content) = halves(rest);
    let path: Vec<u8> = path.iter().copied().filter(|&byte| byte != 0).collect();
    let (message, author) = (String::from_utf8_lossy(message), Person::new(&String::from_utf8_lossy(author)));
    let mut stream = Vec::new();
    let head = CommitHead { mark: 7, author, created_ms: i64::from(content.len() as u32) - 100, message: &message };
    write(&mut stream, &head, &path, content).expect("memory takes everything");
    let mut lines = Lines(&stream);
    assert_eq!(lines.line(), b"feature done");
    assert_eq!((lines.line(), lines.line()), (&b"commit refs/heads/x"[..], &b"mark :7"[..]));
    for role in [&b"author "[..], b"committer "] {
        let person = lines.line().strip_prefix(role).expect("its role");
        let count = |wanted| person.iter().filter(|&&byte| byte == wanted).count();
        assert_eq!((count(b'<'), count(b'>'), count(0)), (1, 1, 0));
        assert!(person.ends_with(b" +0000"));
    }
    assert_eq!(lines.data(), message.replace('\0', "\u{fffd}").as_bytes());
    assert_eq!(lines.path(b"D "), path);
    assert_eq!(lines.path(b"M 100755 inline "), path);
    assert_eq!(lines.data(), content);
    assert_eq!(lines.path(b"M 120000 inline "), path);
    assert_eq!(lines.data(), content);
    assert_eq!((lines.line(), lines.0), (&b"done"[..], &b""[..]));
}

fn write(out: &mut Vec<u8>, head: &CommitHead<'_>, path: &[u8], content: &[u8]) -> std::io::Result<()> {
    let mut stream = FastImport::begin(out, "refs/heads/x".to_owned())?;
    stream.commit(head)?;
    stream.remove(path)?;
    stream.begin_file(path, true, content.len() as u64)?;
    stream.piece(content)?;
    stream.end_file()?;
    stream.link(path, content)?;
    stream.finish()
}

/// A stream that is read as git-fast-import(1) says.
struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    fn line(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|&byte| byte == b'\n').expect("a line has an end");
        let (line, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        line
    }

    fn data(&mut self) -> &'a [u8] {
        let count = self.line().strip_prefix(b"data ").expect("a length");
        let count: usize = std::str::from_utf8(count).expect("digits").parse().expect("a number");
        let (data, rest) = self.0.split_at(count);
        self.0 = rest.strip_prefix(b"\n").expect("a line's end behind the data");
        data
    }

    /// The path behind this command: as it stands, or within quotes with three octal digits behind each backslash.
    fn path(&mut self, command: &[u8]) -> Vec<u8> {
        let path = self.line().strip_prefix(command).expect("its command");
        let Some(quoted) = path.strip_prefix(b"\"") else { return path.to_vec() };
        let mut rest = quoted.strip_suffix(b"\"").expect("a closing quote");
        let mut out = Vec::new();
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            assert_ne!(byte, b'"');
            if byte == b'\\' {
                let (digits, behind) = behind.split_at(3);
                rest = behind;
                out.push(u8::from_str_radix(std::str::from_utf8(digits).expect("digits"), 8).expect("a byte"));
            } else {
                out.push(byte);
            }
        }
        out
    }
}
