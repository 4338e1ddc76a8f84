//! Encryption of a remote: everything but `format`, the wrapped keys and the numbers of log entries is sealed before it is sent.
//!
//! A random master key seals everything; passphrases only wrap it ([`keys`]), so another passphrase changes nothing that lies there.
//! From the master key follow, by BLAKE3 in key derivation mode, a key for each use ([`Seal`]).
//!
//! An object is sealed under a key of its own, derived from its salt; the salt is a keyed hash of the object's name and content. So the
//! same object has the same bytes whenever it is sealed, as packs must, and no two contents ever share key and nonce. AES-256-GCM-SIV
//! would bear even that. The cipher is bound to the object's name: what is swapped, cut or put elsewhere does not open.
//!
//! A name is sealed with the same cipher, under a key of its own and without a nonce: equal names look equal, and that is all that is seen.

mod bucket;
mod key;
mod keys;
mod recovery_code;

pub use bucket::Sealed;
pub use key::MasterKey;
pub use keys::{Passphrase, change_key, key_below, unlock};

use aes_gcm_siv::aead::AeadInOut;
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce, Tag};

use super::{RemoteError, RemoteResult};
use crate::format::seal::{padded, read_sealed, sealed_header, unpadded};
use crate::id::ObjectId;
use crate::limits::{SEAL_SEGMENT_BYTES, SEAL_TAG_BYTES};

const CONTENT_CONTEXT: &str = "lua_store 2026-11 remote: sealed contents";
const SALT_CONTEXT: &str = "lua_store 2026-11 remote: salts of sealed contents";
const NAME_CONTEXT: &str = "lua_store 2026-11 remote: sealed names";
/// What a sealed name begins with: what kind of name it is.
const NAME_ID: u8 = 0;
const NAME_TEXT: u8 = 1;

/// Seals and opens what lies in a remote.
#[derive(Clone)]
pub struct Seal {
    contents: [u8; 32],
    salts: [u8; 32],
    names: Aes256GcmSiv,
}

impl Seal {
    /// What follows from a master key.
    pub fn new(key: &MasterKey) -> Self {
        let names = Aes256GcmSiv::new(&blake3::derive_key(NAME_CONTEXT, key.bytes()).into());
        Self { contents: blake3::derive_key(CONTENT_CONTEXT, key.bytes()), salts: blake3::derive_key(SALT_CONTEXT, key.bytes()), names }
    }

    /// Seals the content of an object. The same every time.
    pub fn seal(&self, key: &str, content: &[u8]) -> Vec<u8> {
        let mut salt = blake3::Hasher::new_keyed(&self.salts);
        salt.update(&(key.len() as u64).to_le_bytes()).update(key.as_bytes()).update(content);
        let header = sealed_header(salt.finalize().as_bytes());
        let (cipher, bound) = self.cipher(&header, key);
        let (content, mut out) = (padded(content), header.to_vec());
        out.reserve(content.len() + (1 + content.len() / SEAL_SEGMENT_BYTES) * SEAL_TAG_BYTES);
        let last = (content.len() - 1) / SEAL_SEGMENT_BYTES;
        for (number, segment) in content.chunks(SEAL_SEGMENT_BYTES).enumerate() {
            let start = out.len();
            out.extend_from_slice(segment);
            if let Ok(tag) = cipher.encrypt_inout_detached(&nonce(number, number == last), &bound, (&mut out[start..]).into()) {
                out.extend_from_slice(&tag);
            }
        }
        out
    }

    /// Opens what was sealed as the content of this object.
    ///
    /// # Errors
    /// [`RemoteError::Damaged`] for whatever was not sealed so, by somebody with the same master key.
    pub fn open(&self, key: &str, bytes: &[u8]) -> RemoteResult<Vec<u8>> {
        let (header, segments) = read_sealed(bytes).map_err(|error| RemoteError::format(key, &error))?;
        let (content, is_last) = self.open_run(key, header, 0, segments).ok_or_else(|| not_sealed_here(key))?;
        if !is_last {
            return Err(not_sealed_here(key));
        }
        unpadded(content).map_err(|error| RemoteError::format(key, &error))
    }

    /// Opens some of the segments of an object, from the one with this number on; `header` is what stands before the first.
    ///
    /// # Errors
    /// As [`Seal::open`].
    pub fn open_segments(&self, key: &str, header: &[u8], first: usize, segments: &[u8]) -> RemoteResult<Vec<u8>> {
        read_sealed(header).map_err(|error| RemoteError::format(key, &error))?;
        self.open_run(key, header, first, segments).map(|(content, _)| content).ok_or_else(|| not_sealed_here(key))
    }

    /// Segments one behind the other, and whether the object ends with them.
    fn open_run(&self, key: &str, header: &[u8], first: usize, mut rest: &[u8]) -> Option<(Vec<u8>, bool)> {
        let (cipher, bound) = self.cipher(header, key);
        let mut content = Vec::with_capacity(rest.len());
        for number in first.. {
            let (segment, later) = rest.split_at(rest.len().min(SEAL_SEGMENT_BYTES + SEAL_TAG_BYTES));
            let (segment, tag) = segment.split_last_chunk::<SEAL_TAG_BYTES>()?;
            let start = content.len();
            let mut opens_as = |is_last: bool| {
                content.truncate(start);
                content.extend_from_slice(segment);
                let (nonce, piece) = (nonce(number, is_last), &mut content[start..]);
                cipher.decrypt_inout_detached(&nonce, &bound, piece.into(), &Tag::from(*tag)).is_ok()
            };
            if later.is_empty() {
                let is_last = opens_as(true);
                return (is_last || opens_as(false)).then_some((content, is_last));
            }
            if !opens_as(false) {
                return None;
            }
            rest = later;
        }
        None
    }

    /// The name under which an object of a folder lies there.
    pub fn seal_name(&self, folder: &str, name: &str) -> String {
        let mut bytes = match name.parse::<ObjectId>() {
            Ok(id) => [&[NAME_ID][..], id.as_bytes()].concat(),
            Err(_) => [&[NAME_TEXT][..], name.as_bytes()].concat(),
        };
        if let Ok(tag) = self.names.encrypt_inout_detached(&Nonce::default(), folder.as_bytes(), (&mut bytes[..]).into()) {
            bytes.extend_from_slice(&tag);
        }
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The name that was sealed; `None` for what is none of ours.
    pub fn open_name(&self, folder: &str, sealed: &str) -> Option<String> {
        let digits = |at: usize| sealed.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let bytes: Vec<u8> = (0..sealed.len()).step_by(2).map(digits).collect::<Option<_>>()?;
        let (name, tag) = bytes.split_last_chunk::<SEAL_TAG_BYTES>()?;
        let mut name = name.to_vec();
        self.names.decrypt_inout_detached(&Nonce::default(), folder.as_bytes(), (&mut name[..]).into(), &Tag::from(*tag)).ok()?;
        match name.split_first()? {
            (&NAME_ID, id) => Some(ObjectId::from_bytes(id.try_into().ok()?).to_string()),
            (&NAME_TEXT, text) => String::from_utf8(text.to_vec()).ok(),
            _ => None,
        }
    }

    /// The cipher of one object, and what it is bound to.
    fn cipher(&self, header: &[u8], key: &str) -> (Aes256GcmSiv, Vec<u8>) {
        let derived = blake3::keyed_hash(&self.contents, header);
        (Aes256GcmSiv::new(&(*derived.as_bytes()).into()), [header, key.as_bytes()].concat())
    }
}

/// The nonce of a segment: its number, and whether it is the last.
fn nonce(number: usize, is_last: bool) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
    bytes[8] = is_last.into();
    Nonce::from(bytes)
}

fn not_sealed_here(key: &str) -> RemoteError {
    let why = "it was not sealed for this place with the key of this remote".to_owned();
    RemoteError::Damaged { key: key.to_owned(), why }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::seal::sealed_bytes;

    fn seal() -> Seal {
        Seal::new(&MasterKey::from_bytes([7; 32]))
    }

    #[test]
    fn what_is_sealed_opens_under_its_name_only_and_whole_only() {
        for length in [0, 1, 503, 505, 65_536 - 8, 65_536, 200_000] {
            let content: Vec<u8> = (0..length).map(|at: usize| (at % 251) as u8).collect();
            let sealed = seal().seal("packs/x", &content);
            assert_eq!((sealed.len(), seal().open("packs/x", &sealed).unwrap()), (sealed_bytes(length), content));
            assert!(seal().open("packs/y", &sealed).is_err(), "under another name");
            assert!(Seal::new(&MasterKey::from_bytes([8; 32])).open("packs/x", &sealed).is_err(), "with another key");
            for cut in [0, 1, 41, 42, 57, 58, 100, 42 + 65_552, 42 + 2 * 65_552, sealed.len() - 1] {
                assert!(cut >= sealed.len() || seal().open("packs/x", &sealed[..cut]).is_err(), "cut at {cut} of {length}");
            }
            assert!(seal().open("packs/x", &[&sealed[..], &[0; 16]].concat()).is_err(), "lengthened");
        }
        let sealed = seal().seal("log/1", b"content");
        for position in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[position / 8] ^= 1 << (position % 8);
            assert!(seal().open("log/1", &damaged).is_err(), "bit {position}");
        }
    }

    #[test]
    fn segments_do_not_change_places() {
        let content: Vec<u8> = (0..200_000u32).map(|at| (at % 251) as u8).collect();
        let sealed = seal().seal("packs/x", &content);
        let segment = 65_552;
        let swapped =
            [&sealed[..42], &sealed[42 + segment..42 + 2 * segment], &sealed[42..42 + segment], &sealed[42 + 2 * segment..]].concat();
        assert!(swapped.len() == sealed.len() && seal().open("packs/x", &swapped).is_err());
    }

    #[test]
    fn names_read_back_and_only_ours() {
        let id = ObjectId::ZERO.to_string();
        for name in [id.as_str(), "x", "some name", ""] {
            let sealed = seal().seal_name("packs", name);
            assert_eq!(seal().open_name("packs", &sealed).as_deref(), Some(name));
            assert_eq!(seal().open_name("other", &sealed), None);
        }
        assert_eq!(seal().seal_name("packs", &id).len(), 98);
        assert!(["", "0", "zz", "é", &"0".repeat(98), &"€".repeat(33)].iter().all(|wrong| seal().open_name("packs", wrong).is_none()));
    }

    /// Sealed objects lie in buckets for ever, so these bytes never change.
    #[test]
    fn the_bytes_of_sealed_objects_stay() {
        let hash = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
        assert_eq!(
            hash(&seal().seal("log/0000000000000001", b"content")),
            "bec093e1d7a8466e735d80c51f82b22e2c2e30b866a156da89aa92d2b2b1e7e2"
        );
        assert_eq!(hash(&seal().seal("packs/x", &[1; 200_000])), "767397a400805308427a8a5d60d6bc9cfb3c355d6678838347dd53cab3257224");
        assert_eq!(
            seal().seal_name("packs", &ObjectId::ZERO.to_string()),
            "b5963f132609d901cf632adf89ebff0bad5cabe99def513ed2c7f8e7702839092b3551b36fed9be71d89c14c007756e278"
        );
    }
}
