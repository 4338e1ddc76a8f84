//! File names as git writes them in patches and lists.

use crate::path::RelPath;
use crate::tree::OwnedNode;

/// The path as git shows it: as it is, or, when it holds a control character, a quote, a backslash or a byte from 0x80 on,
/// between quotes with those bytes escaped as in C. `prefix` is put before it, inside the quotes (`a/` or `b/` in patches).
pub fn quote(prefix: &str, path: &RelPath) -> Vec<u8> {
    let path = path.as_bytes();
    let mut name = Vec::with_capacity(prefix.len() + path.len() + 2);
    if !path.iter().any(|&byte| needs_escape(byte)) {
        name.extend_from_slice(prefix.as_bytes());
        name.extend_from_slice(path);
        return name;
    }
    name.push(b'"');
    name.extend_from_slice(prefix.as_bytes());
    path.iter().for_each(|&byte| put_escaped(&mut name, byte));
    name.push(b'"');
    name
}

/// The name that a list shows: [`quote`]d, and closed by a slash when it is a directory's.
pub fn display_name(path: &RelPath, node: &OwnedNode) -> Vec<u8> {
    let mut name = quote("", path);
    if node.is_directory() {
        let end = if name.last() == Some(&b'"') { name.len() - 1 } else { name.len() };
        name.insert(end, b'/');
    }
    name
}

fn needs_escape(byte: u8) -> bool {
    !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\')
}

fn put_escaped(out: &mut Vec<u8>, byte: u8) {
    let letter = match byte {
        0x07 => b'a',
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0b => b'v',
        0x0c => b'f',
        b'\r' => b'r',
        b'"' | b'\\' => byte,
        _ if needs_escape(byte) => {
            out.extend_from_slice(&[b'\\', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]);
            return;
        }
        _ => {
            out.push(byte);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ObjectId;

    fn quoted(path: &[u8]) -> String {
        String::from_utf8(quote("a/", &RelPath::new(path).unwrap())).unwrap()
    }

    #[test]
    fn only_odd_names_are_quoted() {
        assert_eq!(quoted(b"d/with space.txt"), "a/d/with space.txt");
        assert_eq!(quoted(b"tab\there"), r#""a/tab\there""#);
        assert_eq!(quoted(b"q\"b\\n\n"), r#""a/q\"b\\n\n""#);
        assert_eq!(quoted("é\u{7f}\u{1}".as_bytes()), r#""a/\303\251\177\001""#);
        assert_eq!(quoted(b"\xff"), r#""a/\377""#);
    }

    #[test]
    fn directories_end_in_a_slash() {
        let directory = OwnedNode::Directory { mode: 0o755, id: ObjectId::ZERO };
        let shown = |path: &[u8]| String::from_utf8(display_name(&RelPath::new(path).unwrap(), &directory)).unwrap();
        assert_eq!(shown(b"d/e"), "d/e/");
        assert_eq!(shown(b"\x01"), r#""\001/""#);
        assert_eq!(shown(b"a\""), r#""a\"/""#);
    }
}
