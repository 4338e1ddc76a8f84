//! Listing a directory: its names in the order of their bytes, in memory that is used again for the next directory.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;

/// The kernel fills this much with names at a time, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// The names of one directory.
pub(super) struct Names {
    buffer: Box<[MaybeUninit<u8>]>,
    /// The names, a zero byte after each.
    bytes: Vec<u8>,
    places: Vec<Place>,
}

struct Place {
    start: usize,
    /// With the zero byte.
    length: u16,
    kind: FileType,
}

impl Names {
    pub fn new() -> Self {
        Self { buffer: Box::new_uninit_slice(BUFFER_BYTES), bytes: Vec::new(), places: Vec::new() }
    }

    /// Forgets all names.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    /// Reads the names of a directory that was just opened.
    pub fn read(&mut self, directory: impl AsFd) -> Result<(), Errno> {
        self.clear();
        let mut entries = RawDir::new(directory, &mut self.buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes_with_nul();
            if name != b".\0" && name != b"..\0" {
                let place = Place { start: self.bytes.len(), length: name.len() as u16, kind: entry.file_type() };
                self.bytes.extend_from_slice(name);
                self.places.push(place);
            }
        }
        let bytes = &self.bytes;
        self.places.sort_unstable_by(|a, b| name_at(bytes, a).cmp(name_at(bytes, b)));
        // No sound file system lists a name twice, and no tree can hold one twice.
        self.places.dedup_by(|a, b| name_at(bytes, a) == name_at(bytes, b));
        Ok(())
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The names in the order of their bytes, and the kind of each as far as the directory says.
    pub fn iter(&self) -> impl Iterator<Item = (&CStr, FileType)> {
        // Names come from the kernel as C strings, so none has a zero byte inside.
        self.places.iter().filter_map(|place| Some((CStr::from_bytes_with_nul(name_at(&self.bytes, place)).ok()?, place.kind)))
    }

    /// Whether there is something of this name that may be a file.
    pub fn has_file(&self, name: &CStr) -> bool {
        let found = self.places.binary_search_by(|place| name_at(&self.bytes, place).cmp(name.to_bytes_with_nul()));
        found.is_ok_and(|at| matches!(self.places[at].kind, FileType::RegularFile | FileType::Unknown))
    }
}

/// With the zero byte, which sorts before all others: so the order is that of the names.
fn name_at<'a>(bytes: &'a [u8], place: &Place) -> &'a [u8] {
    &bytes[place.start..place.start + usize::from(place.length)]
}
