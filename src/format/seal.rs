//! What an encrypted remote has beside its `format`: the master key, wrapped under a passphrase, and the outside of sealed objects.
//! Bytes only; `remote::seal` has the ciphers.

use super::FORMAT_VERSION;
use super::bytes::{ByteReader, FormatError, checksum};
use super::remote::{KeyId, RepositoryId, begin};
use crate::limits::{
    KDF_LANES_MAX, KDF_MEMORY_KIB_MAX, KDF_PASSES_MAX, KDF_WORK_KIB_MAX, SEAL_PADDED_BYTES_MIN, SEAL_SEGMENT_BYTES, SEAL_TAG_BYTES,
};

/// First bytes of a wrapped key.
pub const WRAPPED_KEY_MAGIC: [u8; 8] = *b"\x89LRK\r\n\x1a\n";
/// First bytes of a sealed object.
pub const SEALED_MAGIC: [u8; 8] = *b"\x89LRX\r\n\x1a\n";
/// Length of what stands before the segments of a sealed object: magic, format version, salt.
pub const SEALED_HEADER_BYTES: usize = 42;
/// Argon2id, version 1.3.
const KDF_ARGON2ID: u8 = 1;
/// A master key and the tag of the cipher.
const WRAPPED_BYTES: usize = 32 + SEAL_TAG_BYTES;
/// How many bytes the length of a content has, which stands before it in the segments.
pub const CONTENT_LENGTH_BYTES: usize = 8;

/// What deriving a key from a passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KdfCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes that could be computed at the same time.
    pub lanes: u32,
}

impl KdfCost {
    /// RFC 9106, section 4, the second recommendation: 64 MiB, three passes, four lanes.
    pub const USUAL: Self = Self { memory_kib: 64 << 10, passes: 3, lanes: 4 };
}

/// The master key of a remote, wrapped under a passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// The repository.
    pub repository: RepositoryId,
    /// Which master key it is.
    pub key: KeyId,
    /// Its number: the one with the highest counts.
    pub number: u64,
    /// How the key that it is wrapped with is derived.
    pub cost: KdfCost,
    /// Salt of the derivation.
    pub salt: [u8; 16],
    /// The master key, sealed under the derived one.
    pub wrapped: [u8; WRAPPED_BYTES],
}

impl WrappedKey {
    /// What the seal of the key is bound to: everything that stands before it.
    pub fn bound(&self) -> Vec<u8> {
        let mut out = WRAPPED_KEY_MAGIC.to_vec();
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&self.repository.0);
        out.extend_from_slice(&self.key.0);
        out.extend_from_slice(&self.number.to_le_bytes());
        out.push(KDF_ARGON2ID);
        [self.cost.memory_kib, self.cost.passes, self.cost.lanes].iter().for_each(|cost| out.extend_from_slice(&cost.to_le_bytes()));
        out.extend_from_slice(&self.salt);
        out
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.bound();
        out.extend_from_slice(&self.wrapped);
        let sum = checksum::<8>(&out);
        out.extend_from_slice(&sum);
        out
    }

    /// Reads one. What its derivation would cost is bounded.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut reader = begin(bytes, WRAPPED_KEY_MAGIC, "wrapped key of the remote")?;
        let (repository, key, number) = (RepositoryId(reader.array()?), KeyId(reader.array()?), reader.u64()?);
        if reader.u8()? != KDF_ARGON2ID {
            return Err(reader.malformed("its key derivation is not known"));
        }
        let cost = KdfCost { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? };
        if !is_affordable(&cost) {
            return Err(reader.malformed("its key derivation costs nothing, or more than any of ours"));
        }
        let (salt, wrapped) = (reader.array()?, reader.array()?);
        reader.finish()?;
        Ok(Self { repository, key, number, cost, salt, wrapped })
    }
}

fn is_affordable(cost: &KdfCost) -> bool {
    let KdfCost { memory_kib, passes, lanes } = *cost;
    (1..=KDF_LANES_MAX).contains(&lanes)
        && (1..=KDF_PASSES_MAX).contains(&passes)
        && (8 * lanes..=KDF_MEMORY_KIB_MAX).contains(&memory_kib)
        && u64::from(memory_kib) * u64::from(passes) <= KDF_WORK_KIB_MAX
}

/// What stands before the segments.
pub fn sealed_header(salt: &[u8; 32]) -> [u8; SEALED_HEADER_BYTES] {
    let mut out = [0; SEALED_HEADER_BYTES];
    out[..8].copy_from_slice(&SEALED_MAGIC);
    out[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    out[10..].copy_from_slice(salt);
    out
}

/// What stands before the segments of a sealed object, and its segments, each with its tag.
pub fn read_sealed(bytes: &[u8]) -> Result<(&[u8], &[u8]), FormatError> {
    const WHAT: &str = "sealed object of the remote";
    let mut reader = ByteReader::new(bytes, WHAT);
    if reader.array::<8>()? != SEALED_MAGIC {
        return Err(reader.malformed("it does not begin as one does"));
    }
    let version = reader.u16()?;
    if version > FORMAT_VERSION {
        return Err(FormatError::TooNew { what: WHAT, found: version, known: FORMAT_VERSION });
    }
    bytes.split_at_checked(SEALED_HEADER_BYTES).ok_or(FormatError::Truncated { what: WHAT })
}

/// A content with its length before it and zeros behind it, so that its exact length is not seen from outside.
pub fn padded(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(padded_bytes(content.len()));
    out.extend_from_slice(&(content.len() as u64).to_le_bytes());
    out.extend_from_slice(content);
    out.resize(padded_bytes(content.len()), 0);
    out
}

/// Takes the content out of what [`padded`] has made.
pub fn unpadded(mut bytes: Vec<u8>) -> Result<Vec<u8>, FormatError> {
    let mut reader = ByteReader::new(&bytes, "content of a sealed object");
    let length = reader.u64()?;
    let is_whole = usize::try_from(length).is_ok_and(|length| length <= reader.remaining() && padded_bytes(length) == bytes.len());
    if !is_whole {
        return Err(reader.malformed("its length does not fit"));
    }
    bytes.truncate(CONTENT_LENGTH_BYTES + length as usize);
    bytes.drain(..CONTENT_LENGTH_BYTES);
    Ok(bytes)
}

/// Length of a sealed object with a content of this length.
pub fn sealed_bytes(content: usize) -> usize {
    // Far above any content, so that no sum overflows.
    let padded = padded_bytes(content.min(usize::MAX / 4));
    SEALED_HEADER_BYTES + padded + padded.div_ceil(SEAL_SEGMENT_BYTES) * SEAL_TAG_BYTES
}

/// Padmé: of lengths with e bits only the first ones may differ, as many as the number e has bits; at most 12 % are added, and less
/// the longer a content is.
fn padded_bytes(content: usize) -> usize {
    let length = (content + CONTENT_LENGTH_BYTES).max(SEAL_PADDED_BYTES_MIN);
    let exponent = length.ilog2();
    let free = exponent - (exponent.ilog2() + 1);
    let mask = (1 << free) - 1;
    (length + mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> WrappedKey {
        WrappedKey {
            repository: RepositoryId(*b"0123456789abcdef"),
            key: KeyId(*b"fedcba9876543210"),
            number: 3,
            cost: KdfCost::USUAL,
            salt: [5; 16],
            wrapped: [6; WRAPPED_BYTES],
        }
    }

    #[test]
    fn wrapped_keys_read_back_and_damaged_or_costly_ones_are_refused() {
        let good = key().encode();
        assert_eq!(WrappedKey::decode(&good), Ok(key()));
        for position in 0..good.len() * 8 {
            let mut damaged = good.clone();
            damaged[position / 8] ^= 1 << (position % 8);
            assert!(WrappedKey::decode(&damaged).is_err(), "bit {position}");
        }
        assert!((0..good.len()).all(|length| WrappedKey::decode(&good[..length]).is_err()));
        let cost = |memory_kib, passes, lanes| WrappedKey { cost: KdfCost { memory_kib, passes, lanes }, ..key() };
        for (memory_kib, passes, lanes) in
            [(0, 3, 4), (31, 1, 4), (2 << 20, 1, 1), (1 << 20, 5, 1), (64, 0, 4), (64, 3, 0), (1024, 17, 1), (1024, 1, 17)]
        {
            assert!(WrappedKey::decode(&cost(memory_kib, passes, lanes).encode()).is_err(), "{memory_kib} {passes} {lanes}");
        }
        assert!(WrappedKey::decode(&cost(1 << 20, 4, 16).encode()).is_ok());
    }

    proptest! {
        #[test]
        fn contents_read_back_and_few_lengths_are_seen(content in proptest::collection::vec(any::<u8>(), 0..3000)) {
            let bytes = padded(&content);
            prop_assert!(bytes.len() >= SEAL_PADDED_BYTES_MIN && bytes.len() <= SEAL_PADDED_BYTES_MIN.max((content.len() + 8) * 113 / 100));
            prop_assert_eq!(unpadded(bytes), Ok(content));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = unpadded(bytes.clone());
            let _ = read_sealed(&bytes);
            let _ = WrappedKey::decode(&bytes);
        }
    }
}
