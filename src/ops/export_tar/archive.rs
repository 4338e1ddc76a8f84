//! Writes a tar archive in the GNU format, which holds any bytes in names, names of any length and files of any size.

use std::io::{self, Write};

use tar::{EntryType, Header};

/// Unit of an archive, in bytes.
const BLOCK_BYTES: usize = 512;
/// An archive is filled up to a multiple of this, in bytes.
const RECORD_BYTES: u64 = 20 * BLOCK_BYTES as u64;
/// Name of an entry whose content is the name, or the target, of the next one.
const LONG_LINK: &[u8] = b"././@LongLink";

/// What all entries have.
#[derive(Clone, Copy, Debug)]
pub struct Attributes {
    /// Permission bits.
    pub mode: u16,
    /// Time of the last change, in seconds since 1970-01-01 UTC.
    pub seconds: u64,
}

/// An archive that is being written.
pub struct Archive<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> Archive<W> {
    /// An empty archive.
    pub fn new(out: W) -> Self {
        Self { out, bytes: 0 }
    }

    /// Adds a folder.
    pub fn directory(&mut self, path: &[u8], attributes: Attributes) -> io::Result<()> {
        self.entry(EntryType::Directory, &[path, b"/"].concat(), b"", 0, attributes)
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &[u8], target: &[u8], attributes: Attributes) -> io::Result<()> {
        self.entry(EntryType::Symlink, path, target, 0, attributes)
    }

    /// Adds a file, whose content of so many bytes must follow by [`Archive::piece`] and [`Archive::end_file`].
    pub fn begin_file(&mut self, path: &[u8], bytes: u64, attributes: Attributes) -> io::Result<()> {
        self.entry(EntryType::Regular, path, b"", bytes, attributes)
    }

    /// The next piece of a file's content.
    pub fn piece(&mut self, piece: &[u8]) -> io::Result<()> {
        self.write(piece)
    }

    /// The file's content of so many bytes is complete.
    pub fn end_file(&mut self, bytes: u64) -> io::Result<()> {
        let rest = (bytes % BLOCK_BYTES as u64) as usize;
        if rest == 0 { Ok(()) } else { self.write(&[0; BLOCK_BYTES][rest..]) }
    }

    /// Ends the archive, and gives back what it was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.write(&[0; 2 * BLOCK_BYTES])?;
        while !self.bytes.is_multiple_of(RECORD_BYTES) {
            self.write(&[0; BLOCK_BYTES])?;
        }
        Ok(self.out)
    }

    fn entry(&mut self, kind: EntryType, path: &[u8], target: &[u8], bytes: u64, attributes: Attributes) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(u32::from(attributes.mode));
        header.set_mtime(attributes.seconds);
        header.set_size(bytes);
        self.put_text(&mut header, Field::Target, target)?;
        self.put_text(&mut header, Field::Name, path)?;
        self.put_header(header)
    }

    /// Puts a text into its field; one that does not fit goes into an entry before this one.
    fn put_text(&mut self, header: &mut Header, field: Field, text: &[u8]) -> io::Result<()> {
        let room = field.of(header);
        let fitting = text.len().min(room.len());
        room[..fitting].copy_from_slice(&text[..fitting]);
        if fitting == text.len() {
            return Ok(());
        }
        let mut long = Header::new_gnu();
        long.set_entry_type(field.long());
        long.set_mode(0o644);
        // With the zero that ends it.
        long.set_size(text.len() as u64 + 1);
        Field::Name.of(&mut long)[..LONG_LINK.len()].copy_from_slice(LONG_LINK);
        self.put_header(long)?;
        self.write(text)?;
        self.write(&[0])?;
        self.end_file(text.len() as u64 + 1)
    }

    fn put_header(&mut self, mut header: Header) -> io::Result<()> {
        header.set_uid(0);
        header.set_gid(0);
        header.set_cksum();
        self.write(header.as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

/// A field of a header that holds a text.
#[derive(Clone, Copy)]
enum Field {
    Name,
    Target,
}

impl Field {
    fn of(self, header: &mut Header) -> &mut [u8] {
        let header = header.as_old_mut();
        match self {
            Self::Name => &mut header.name,
            Self::Target => &mut header.linkname,
        }
    }

    /// The kind of an entry that holds the text for the next one.
    fn long(self) -> EntryType {
        match self {
            Self::Name => EntryType::GNULongName,
            Self::Target => EntryType::GNULongLink,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn entries_read_back_whatever_their_names() {
        let attributes = Attributes { mode: 0o4711, seconds: 5_000_000_000 };
        let (long, target) = (b"d/".repeat(150), b"t\xff".repeat(90));
        let exact = vec![b'n'; 100];
        let mut archive = Archive::new(Vec::new());
        archive.directory(b"a", attributes).unwrap();
        archive.link(&long, &target, attributes).unwrap();
        for (path, content) in [(exact.as_slice(), &[b'x'; 512][..]), (b"\xff\n", b"short")] {
            archive.begin_file(path, content.len() as u64, attributes).unwrap();
            archive.piece(content).unwrap();
            archive.end_file(content.len() as u64).unwrap();
        }
        let bytes = archive.finish().unwrap();
        assert_eq!(bytes.len() as u64 % RECORD_BYTES, 0);
        let mut found = Vec::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            assert_eq!((entry.header().mode().unwrap(), entry.header().mtime().unwrap()), (0o4711, 5_000_000_000));
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            found.push((entry.path_bytes().into_owned(), entry.link_name_bytes().map(|name| name.into_owned()), content));
        }
        let expected = [
            (b"a/".to_vec(), None, Vec::new()),
            (long, Some(target), Vec::new()),
            (exact, None, vec![b'x'; 512]),
            (b"\xff\n".to_vec(), None, b"short".to_vec()),
        ];
        assert_eq!(found, expected);
    }
}
