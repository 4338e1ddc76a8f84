//! Reading and writing of the primitive fields: bytes, little-endian numbers, and variable-length numbers (LEB128).

use super::FORMAT_VERSION;

/// Why bytes are not what they should be. Always damage, a newer format, or malice; never a state a writer leaves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The bytes end before the field does.
    #[error("{what} is cut short")]
    Truncated {
        /// The structure that was read.
        what: &'static str,
    },
    /// A field has a value that no writer writes.
    #[error("{what} is malformed: {why}")]
    Malformed {
        /// The structure that was read.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A number exceeds its bound.
    #[error("{what} exceeds its limit: {value} > {max}")]
    OverLimit {
        /// The structure that was read.
        what: &'static str,
        /// The number found.
        value: u64,
        /// The largest allowed.
        max: u64,
    },
    /// A checksum does not fit its bytes.
    #[error("the checksum of {what} does not match")]
    Checksum {
        /// The structure that was read.
        what: &'static str,
    },
    /// Written by a newer version of the program.
    #[error("{what} has format version {found}; this program reads up to {known}")]
    TooNew {
        /// The structure that was read.
        what: &'static str,
        /// Its version.
        found: u16,
        /// The newest version known here.
        known: u16,
    },
}

/// Takes fields from the front of a slice.
#[derive(Clone)]
pub struct ByteReader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> ByteReader<'a> {
    /// Reads `bytes`, which are said to be a `what`.
    pub fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// An error about the structure being read.
    pub fn malformed(&self, why: &'static str) -> FormatError {
        FormatError::Malformed { what: self.what, why }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        if count > self.rest.len() {
            return Err(FormatError::Truncated { what: self.what });
        }
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        self.array_ref().copied()
    }

    /// The next `N` bytes as an array, where they are.
    pub fn array_ref<const N: usize>(&mut self) -> Result<&'a [u8; N], FormatError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(FormatError::Truncated { what: self.what })?;
        self.rest = rest;
        Ok(array)
    }

    /// What a file begins with: its magic, and a format version that is known.
    pub fn head(&mut self, magic: [u8; 8]) -> Result<(), FormatError> {
        if self.array::<8>()? != magic {
            return Err(self.malformed("it does not begin as one does"));
        }
        match self.u16()? {
            0 => Err(self.malformed("no format has the version 0")),
            found if found > FORMAT_VERSION => Err(FormatError::TooNew { what: self.what, found, known: FORMAT_VERSION }),
            _ => Ok(()),
        }
    }

    /// Bytes that are kept for later formats: zero in this one.
    pub fn reserved<const N: usize>(&mut self) -> Result<(), FormatError> {
        if self.array::<N>()? == [0; N] { Ok(()) } else { Err(self.malformed("reserved bytes are not zero")) }
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, FormatError> {
        Ok(self.array::<1>()?[0])
    }

    /// A little-endian number of two bytes.
    pub fn u16(&mut self) -> Result<u16, FormatError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// A little-endian number of four bytes.
    pub fn u32(&mut self) -> Result<u32, FormatError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A little-endian number of eight bytes.
    pub fn u64(&mut self) -> Result<u64, FormatError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A little-endian signed number of eight bytes.
    pub fn i64(&mut self) -> Result<i64, FormatError> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A LEB128 number in its shortest form.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, FormatError> {
        // Most are one byte.
        if let [byte @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(self.malformed("a number has more than 64 bits"));
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(self.malformed("a number is not in its shortest form"));
                }
                return Ok(value);
            }
        }
        Err(self.malformed("a number has more than ten bytes"))
    }

    /// A LEB128 number of at most `max`.
    #[inline]
    pub fn varint_max(&mut self, max: u64) -> Result<u64, FormatError> {
        match self.varint()? {
            value if value <= max => Ok(value),
            value => Err(FormatError::OverLimit { what: self.what, value, max }),
        }
    }

    /// Bytes preceded by their number, at most `max` of them.
    pub fn prefixed(&mut self, max: usize) -> Result<&'a [u8], FormatError> {
        let count = self.varint_max(max as u64)?;
        self.take(count as usize)
    }

    /// Succeeds when everything has been read.
    pub fn finish(self) -> Result<(), FormatError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed("bytes follow its end")) }
    }
}

/// Appends a LEB128 number in its shortest form.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends bytes preceded by their number.
pub fn put_prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// The first `N` bytes of the plain BLAKE3 of these bytes: a checksum that finds damage, no defence against malice.
pub fn checksum<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let hash = blake3::hash(bytes);
    let mut sum = [0; N];
    sum.copy_from_slice(&hash.as_bytes()[..N]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_read_back(value: u64) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            let mut reader = ByteReader::new(&bytes, "test");
            prop_assert_eq!(reader.varint(), Ok(value));
            prop_assert!(reader.finish().is_ok());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let mut reader = ByteReader::new(&bytes, "test");
            while reader.remaining() > 0 && reader.varint().is_ok() {}
            let read_to = bytes.len() - reader.remaining();
            prop_assert!(read_to <= bytes.len());
        }
    }

    #[test]
    fn heads_are_checked() {
        let head = |magic: &[u8; 8], version: u16| {
            let bytes = [&magic[..], &version.to_le_bytes()].concat();
            ByteReader::new(&bytes, "test").head(*b"\x89TEST\r\n\x1a")
        };
        assert_eq!(head(b"\x89TEST\r\n\x1a", FORMAT_VERSION), Ok(()));
        assert!(matches!(head(b"\x89TEST\n\n\x1a", FORMAT_VERSION), Err(FormatError::Malformed { .. })));
        assert!(matches!(head(b"\x89TEST\r\n\x1a", 0), Err(FormatError::Malformed { .. })));
        assert!(matches!(head(b"\x89TEST\r\n\x1a", FORMAT_VERSION + 1), Err(FormatError::TooNew { .. })));
        assert!(ByteReader::new(&[0, 1], "test").reserved::<2>().is_err() && ByteReader::new(&[0, 0], "test").reserved::<2>().is_ok());
    }

    #[test]
    fn what_is_over_a_limit_is_refused_with_the_limit() {
        let read = |max| ByteReader::new(&[7], "test").varint_max(max);
        assert_eq!((read(7), read(6)), (Ok(7), Err(FormatError::OverLimit { what: "test", value: 7, max: 6 })));
    }

    #[test]
    fn long_forms_are_refused() {
        for bytes in [&[0x80, 0][..], &[0xff; 11], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]] {
            assert!(matches!(ByteReader::new(bytes, "test").varint(), Err(FormatError::Malformed { .. })));
        }
        assert_eq!(ByteReader::new(&[0x80], "test").varint(), Err(FormatError::Truncated { what: "test" }));
    }
}
