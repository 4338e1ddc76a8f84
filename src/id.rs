//! Object ids: what they are made of and how they are written.
//!
//! The id of an object is BLAKE3 in its keyed mode over the object's content, with a fixed public key for each kind
//! of object. So the same bytes as a file and as a tree have different ids, and no file can pass for a tree.
//! (BLAKE3: O'Connor, Aumasson, Neves, Wilcox-O'Hearn, "BLAKE3: one function, fast everywhere", 2020.)

use std::fmt;
use std::str::FromStr;

/// What an object is. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ObjectKind {
    /// Content of a file, or one chunk of a large file.
    Blob = 1,
    /// One directory: see `format::tree`.
    Tree = 2,
    /// One entry of the version log: see `format::record`.
    Record = 3,
}

impl ObjectKind {
    /// The kind behind its number, or `None` for a number of no kind.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Blob),
            2 => Some(Self::Tree),
            3 => Some(Self::Record),
            _ => None,
        }
    }

    /// The kind's name as users read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Tree => "tree",
            Self::Record => "record",
        }
    }

    fn key(self) -> &'static [u8; 32] {
        match self {
            Self::Blob => b"lua_store object id, kind: blob ",
            Self::Tree => b"lua_store object id, kind: tree ",
            Self::Record => b"lua_store object id, kind: recrd",
        }
    }
}

/// The id of an object: 32 bytes, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId([u8; 32]);

impl ObjectId {
    /// Length of an id in bytes.
    pub const BYTES: usize = 32;
    /// The id that no object has; stands before the first record of a log.
    pub const ZERO: Self = Self([0; 32]);

    /// The id of an object of this kind with this content.
    pub fn of(kind: ObjectKind, content: &[u8]) -> Self {
        Self(*blake3::keyed_hash(kind.key(), content).as_bytes())
    }

    /// An id from its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 12 hexadecimal digits, for people.
    pub fn short(&self) -> String {
        let digits = hex_digits(&self.0);
        String::from_utf8_lossy(&digits[..12]).into_owned()
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&hex_digits(&self.0)))
    }
}

fn hex_digits(bytes: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; 64];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    digits
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId({})", self.short())
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an object id is 64 hexadecimal digits")]
pub struct InvalidId;

impl FromStr for ObjectId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let text = text.as_bytes();
        if text.len() != 2 * Self::BYTES {
            return Err(InvalidId);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            let high = (pair[0] as char).to_digit(16).ok_or(InvalidId)?;
            let low = (pair[1] as char).to_digit(16).ok_or(InvalidId)?;
            *byte = (high * 16 + low) as u8;
        }
        Ok(Self(bytes))
    }
}

/// Computes the id of a content that arrives in pieces.
pub struct IdHasher(blake3::Hasher);

impl IdHasher {
    /// Begins the id of an object of this kind.
    pub fn new(kind: ObjectKind) -> Self {
        Self(blake3::Hasher::new_keyed(kind.key()))
    }

    /// Adds the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The id of all pieces together.
    pub fn finish(&self) -> ObjectId {
        ObjectId(*self.0.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_ids_of_their_own() {
        let ids = [ObjectKind::Blob, ObjectKind::Tree, ObjectKind::Record].map(|kind| ObjectId::of(kind, b"same bytes"));
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
    }

    #[test]
    fn pieces_give_the_id_of_the_whole() {
        let mut hasher = IdHasher::new(ObjectKind::Blob);
        hasher.update(b"one ");
        hasher.update(b"two");
        assert_eq!(hasher.finish(), ObjectId::of(ObjectKind::Blob, b"one two"));
    }

    #[test]
    fn text_form_reads_back() {
        let id = ObjectId::of(ObjectKind::Tree, b"x");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("zz".parse::<ObjectId>(), Err(InvalidId));
        assert_eq!("g".repeat(64).parse::<ObjectId>(), Err(InvalidId));
    }
}
