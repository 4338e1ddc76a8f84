//! The master key of a remote: made at random, wrapped under a passphrase, written down as a recovery code.

use aes_gcm_siv::aead::AeadInOut;
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce, Tag};
use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::{Zeroize, Zeroizing};

use super::recovery_code;
use crate::format::remote::{KeyId, RepositoryId};
use crate::format::seal::{KdfCost, WrappedKey};
use crate::remote::probe::random;
use crate::remote::{RemoteError, RemoteResult};

const ID_CONTEXT: &str = "lua_store 2026-11 remote: id of a master key";

/// The master key of a remote. Forgotten when it is dropped.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey {}", self.id())
    }
}

impl MasterKey {
    /// The key with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A new key.
    pub fn random() -> Self {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&random());
        bytes[16..].copy_from_slice(&random());
        Self(bytes)
    }

    /// The key that was written down.
    ///
    /// # Errors
    /// [`RemoteError::RecoveryCode`] when a letter is wrong or missing.
    pub fn from_recovery_code(code: &str) -> RemoteResult<Self> {
        recovery_code::decode(code).map(Self).ok_or(RemoteError::RecoveryCode)
    }

    /// How the key is written down.
    pub fn recovery_code(&self) -> String {
        recovery_code::encode(&self.0)
    }

    /// Tells keys apart; says nothing of the key.
    pub fn id(&self) -> KeyId {
        let mut id = [0; 16];
        id.copy_from_slice(&blake3::derive_key(ID_CONTEXT, &self.0)[..16]);
        KeyId(id)
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key, wrapped under a passphrase with a new salt.
    pub fn wrap(&self, passphrase: &[u8], repository: RepositoryId, number: u64, cost: KdfCost) -> RemoteResult<WrappedKey> {
        self.wrap_with_salt(passphrase, repository, number, (cost, random()))
    }

    fn wrap_with_salt(
        &self,
        passphrase: &[u8],
        repository: RepositoryId,
        number: u64,
        (cost, salt): (KdfCost, [u8; 16]),
    ) -> RemoteResult<WrappedKey> {
        let mut key = WrappedKey { repository, key: self.id(), number, cost, salt, wrapped: [0; 48] };
        let (cipher, bound) = (derive(passphrase, &key)?, key.bound());
        let mut bytes = Zeroizing::new(self.0);
        // The derived key is used for this alone, so the nonce may be anything.
        let tag = cipher.encrypt_inout_detached(&Nonce::default(), &bound, (&mut bytes[..]).into());
        let tag = tag.map_err(|_| RemoteError::WrongKey)?;
        key.wrapped[..32].copy_from_slice(&bytes[..]);
        key.wrapped[32..].copy_from_slice(&tag);
        Ok(key)
    }

    /// The key that was wrapped under this passphrase.
    ///
    /// # Errors
    /// [`RemoteError::WrongKey`] for another passphrase.
    pub fn unwrap(wrapped: &WrappedKey, passphrase: &[u8]) -> RemoteResult<Self> {
        let cipher = derive(passphrase, wrapped)?;
        let (Some(bytes), Some(tag)) = (wrapped.wrapped.first_chunk::<32>(), wrapped.wrapped.last_chunk::<16>()) else {
            return Err(RemoteError::WrongKey);
        };
        let mut key = Self(*bytes);
        let opened = cipher.decrypt_inout_detached(&Nonce::default(), &wrapped.bound(), (&mut key.0[..]).into(), &Tag::from(*tag));
        if opened.is_err() || key.id() != wrapped.key { Err(RemoteError::WrongKey) } else { Ok(key) }
    }
}

/// The cipher that a passphrase and the salt of a wrapped key give.
fn derive(passphrase: &[u8], key: &WrappedKey) -> RemoteResult<Aes256GcmSiv> {
    let KdfCost { memory_kib, passes, lanes } = key.cost;
    let failed = |error: argon2::Error| RemoteError::KeyDerivation { why: error.to_string() };
    let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(failed)?;
    let mut derived = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(passphrase, &key.salt, &mut derived[..]).map_err(failed)?;
    Ok(Aes256GcmSiv::new(&(*derived).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: KdfCost = KdfCost { memory_kib: 64, passes: 1, lanes: 1 };
    const REPOSITORY: RepositoryId = RepositoryId(*b"0123456789abcdef");

    #[test]
    fn a_cost_that_the_derivation_does_not_know_is_an_error() {
        for cost in [KdfCost { memory_kib: 1, ..CHEAP }, KdfCost { passes: 0, ..CHEAP }, KdfCost { lanes: 0, ..CHEAP }] {
            let wrapped = MasterKey::random().wrap(b"correct horse", REPOSITORY, 1, cost);
            assert!(matches!(wrapped, Err(RemoteError::KeyDerivation { .. })), "{cost:?}");
        }
    }

    #[test]
    fn a_wrapped_key_opens_with_its_passphrase_only() {
        let key = MasterKey::random();
        let wrapped = key.wrap(b"correct horse", REPOSITORY, 2, CHEAP).unwrap();
        assert_eq!(MasterKey::unwrap(&wrapped, b"correct horse").unwrap().bytes(), key.bytes());
        let wrong = |wrapped: &WrappedKey, passphrase: &[u8]| matches!(MasterKey::unwrap(wrapped, passphrase), Err(RemoteError::WrongKey));
        assert!(wrong(&wrapped, b"correct hors") && wrong(&wrapped, b""));
        for changed in [
            WrappedKey { number: 3, ..wrapped.clone() },
            WrappedKey { repository: RepositoryId([0; 16]), ..wrapped.clone() },
            WrappedKey { key: MasterKey::random().id(), ..wrapped.clone() },
            WrappedKey { cost: KdfCost { passes: 2, ..CHEAP }, ..wrapped.clone() },
            WrappedKey { salt: [0; 16], ..wrapped.clone() },
        ] {
            assert!(wrong(&changed, b"correct horse"), "{changed:?}");
        }
    }

    #[test]
    fn keys_show_nothing_of_themselves() {
        let key = MasterKey::from_bytes([7; 32]);
        assert_eq!(format!("{key:?}"), format!("MasterKey {}", key.id()));
    }

    /// Wrapped keys lie in buckets for ever, so these bytes never change.
    #[test]
    fn the_bytes_of_wrapped_keys_stay() {
        let key = MasterKey::from_bytes([7; 32]);
        let wrapped = key.wrap_with_salt(b"correct horse", REPOSITORY, 1, (CHEAP, [5; 16])).unwrap();
        assert_eq!(
            blake3::hash(&wrapped.encode()).to_hex().to_string(),
            "438e99ff2cdfc39e355b11eb4f65ebd3c86b4d933992cafd7e9898f6435e5faf"
        );
    }
}
