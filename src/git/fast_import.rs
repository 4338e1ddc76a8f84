//! Writes git's stream format for histories, the one that `git fast-import` reads (git-fast-import(1), "Input Format").
//!
//! Commits follow each other on one branch. Contents stand in the commit that brings them, so nothing has to be remembered but the
//! commits' marks. The stream says at its beginning that it has an end: one that breaks off makes no branch.

use std::io::{self, Write};

/// Who made a commit, as git writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    name: String,
    address: String,
}

impl Person {
    /// Reads `Name <address>`, or a name alone. What git's format cannot hold is left out.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        let parts = text.strip_suffix('>').and_then(|text| text.split_once('<'));
        let (name, address) = parts.unwrap_or((text, ""));
        let plain =
            |part: &str| part.chars().filter(|c| !matches!(c, '<' | '>' | '\n' | '\r' | '\0')).collect::<String>().trim().to_owned();
        Self { name: plain(name), address: plain(address) }
    }
}

/// What a commit says.
#[derive(Clone, Debug)]
pub struct CommitHead<'a> {
    /// Its number in this stream, from 1.
    pub mark: u64,
    /// Who made it.
    pub author: Person,
    /// When, in milliseconds since 1970-01-01 UTC; git holds no time before that.
    pub created_ms: i64,
    /// The whole message.
    pub message: &'a str,
}

/// A stream that is being written.
pub struct FastImport<W> {
    out: W,
    branch: String,
}

impl<W: Write> FastImport<W> {
    /// Begins a stream that makes commits on a branch, which is given as a whole (`refs/heads/main`) and must be a name that git
    /// takes.
    pub fn begin(mut out: W, branch: String) -> io::Result<Self> {
        out.write_all(b"feature done\n")?;
        Ok(Self { out, branch })
    }

    /// Begins a commit; it holds what the one before it held, until something is removed or put in.
    pub fn commit(&mut self, head: &CommitHead<'_>) -> io::Result<()> {
        let CommitHead { mark, author, created_ms, message } = head;
        let seconds = created_ms.div_euclid(1000).max(0);
        writeln!(self.out, "commit {}\nmark :{mark}", self.branch)?;
        for role in ["author", "committer"] {
            let Person { name, address } = author;
            let space = if name.is_empty() { "" } else { " " };
            writeln!(self.out, "{role} {name}{space}<{address}> {seconds} +0000")?;
        }
        let message = message.replace('\0', "\u{fffd}");
        self.data(message.as_bytes())
    }

    /// Removes a path, and what is below it.
    pub fn remove(&mut self, path: &[u8]) -> io::Result<()> {
        self.out.write_all(b"D ")?;
        self.path_line(path)
    }

    /// Puts a link in.
    pub fn link(&mut self, path: &[u8], target: &[u8]) -> io::Result<()> {
        self.out.write_all(b"M 120000 inline ")?;
        self.path_line(path)?;
        self.data(target)
    }

    /// Puts a file in, whose content of so many bytes must follow by [`FastImport::piece`] and [`FastImport::end_file`].
    pub fn begin_file(&mut self, path: &[u8], executable: bool, bytes: u64) -> io::Result<()> {
        let mode = if executable { "100755" } else { "100644" };
        write!(self.out, "M {mode} inline ")?;
        self.path_line(path)?;
        writeln!(self.out, "data {bytes}")
    }

    /// The next piece of a file's content.
    pub fn piece(&mut self, piece: &[u8]) -> io::Result<()> {
        self.out.write_all(piece)
    }

    /// The file's content is complete.
    pub fn end_file(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }

    /// Gives a commit of this stream a name (`refs/tags/v1`), which must be one that git takes.
    pub fn tag(&mut self, reference: &str, mark: u64) -> io::Result<()> {
        write!(self.out, "reset {reference}\nfrom :{mark}\n\n")
    }

    /// Ends the stream.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.write_all(b"done\n")?;
        self.out.flush()
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        writeln!(self.out, "data {}", bytes.len())?;
        self.out.write_all(bytes)?;
        self.out.write_all(b"\n")
    }

    fn path_line(&mut self, path: &[u8]) -> io::Result<()> {
        self.out.write_all(&quoted(path))?;
        self.out.write_all(b"\n")
    }
}

/// A path as the stream has it: as it is, or in quotes with octal numbers for all that is not plain.
fn quoted(path: &[u8]) -> Vec<u8> {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    if path.iter().all(is_plain) {
        return path.to_vec();
    }
    let mut out = vec![b'"'];
    for byte in path {
        match byte {
            b' ' => out.push(b' '),
            byte if is_plain(byte) => out.push(*byte),
            byte => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
        }
    }
    out.push(b'"');
    out
}

/// Whether git takes this as the name of a branch or tag, given as a whole.
pub fn is_reference(name: &str) -> bool {
    gix_ref::FullName::try_from(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_where_they_must_be() {
        for (path, expected) in [
            (&b"src/main.rs"[..], &b"src/main.rs"[..]),
            (b"a b", b"\"a b\""),
            (b"a\nb", b"\"a\\012b\""),
            (b"\"q\"\\", b"\"\\042q\\042\\134\""),
            (b"\xff", b"\"\\377\""),
        ] {
            assert_eq!(quoted(path), expected);
        }
    }

    #[test]
    fn people_are_what_git_takes() {
        let person = |text: &str| {
            let Person { name, address } = Person::new(text);
            (name, address)
        };
        assert_eq!(person("Ada Lovelace <ada@example.org>"), ("Ada Lovelace".into(), "ada@example.org".into()));
        assert_eq!(person("agent 7"), ("agent 7".into(), String::new()));
        assert_eq!(person("a<b\n> <x<y>"), ("a".into(), "b xy".into()));
        assert_eq!(person(""), (String::new(), String::new()));
    }

    #[test]
    fn a_stream_is_as_git_describes_it() {
        let mut bytes = Vec::new();
        let mut stream = FastImport::begin(&mut bytes, "refs/heads/main".to_owned()).unwrap();
        let head = CommitHead { mark: 1, author: Person::new("ada"), created_ms: 1999, message: "first" };
        stream.commit(&head).unwrap();
        stream.remove(b"gone").unwrap();
        stream.begin_file(b"run", true, 2).unwrap();
        stream.piece(b"x\n").unwrap();
        stream.end_file().unwrap();
        stream.link(b"to", b"run").unwrap();
        stream.tag("refs/tags/good", 1).unwrap();
        stream.finish().unwrap();
        let expected = "feature done\ncommit refs/heads/main\nmark :1\nauthor ada <> 1 +0000\ncommitter ada <> 1 +0000\n\
                        data 5\nfirst\nD gone\nM 100755 inline run\ndata 2\nx\n\nM 120000 inline to\ndata 3\nrun\n\
                        reset refs/tags/good\nfrom :1\n\ndone\n";
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn names_of_references_are_told_from_others() {
        assert!(is_reference("refs/heads/main") && is_reference("refs/tags/v1.0"));
        assert!(!is_reference("refs/heads/a b") && !is_reference("refs/heads/../x") && !is_reference("refs/heads/"));
    }
}
