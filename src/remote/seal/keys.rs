//! The wrapped keys of a remote: `keys/`, the id of the master key, and a number. They are created only if absent, and the one with the
//! highest number counts: so of two machines that change the passphrase at once exactly one succeeds. Those before it are removed then,
//! after which their passphrases open nothing any more.

use zeroize::Zeroizing;

use super::MasterKey;
use crate::format::remote::{KeyId, RemoteFormat};
use crate::format::seal::{KdfCost, WrappedKey};
use crate::remote::{Bucket, RemoteError, RemoteResult};

const FOLDER: &str = "keys";
const BYTES_MAX: usize = 1024;

/// What a user knows or has: the bytes of a passphrase or of a key file.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// A passphrase; a newline at its end does not belong to it.
    pub fn new(mut bytes: Vec<u8>) -> Self {
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        Self(Zeroizing::new(bytes))
    }

    /// Whether there is nothing to keep secret.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase")
    }
}

/// A new master key for a remote, wrapped under a passphrase; it lies there before the remote's `format` names it.
pub fn key_below(bucket: &dyn Bucket, format: RemoteFormat, passphrase: &Passphrase) -> RemoteResult<(RemoteFormat, MasterKey)> {
    let master = MasterKey::random();
    put(bucket, &format, &master, (1, passphrase))?;
    Ok((RemoteFormat { key: Some(master.id()), ..format }, master))
}

/// The master key that the newest wrapped key holds.
///
/// # Errors
/// [`RemoteError::WrongKey`] for another passphrase.
pub fn unlock(bucket: &dyn Bucket, format: &RemoteFormat, passphrase: &Passphrase) -> RemoteResult<MasterKey> {
    let id = format.key.ok_or(RemoteError::NotEncrypted)?;
    let number = numbers(bucket, id)?.into_iter().max().ok_or_else(|| RemoteError::Missing { key: key_of(id, 1) })?;
    let key = key_of(id, number);
    let bytes = bucket.get(&key, BYTES_MAX)?.ok_or_else(|| RemoteError::Missing { key: key.clone() })?;
    let wrapped = WrappedKey::decode(&bytes).map_err(|error| RemoteError::format(&key, &error))?;
    if (wrapped.repository, wrapped.key, wrapped.number) != (format.repository, id, number) {
        return Err(RemoteError::Damaged { key, why: "it belongs elsewhere".to_owned() });
    }
    MasterKey::unwrap(&wrapped, &passphrase.0)
}

/// Wraps the master key under another passphrase, and removes the wrapped keys before. Gives the number of the new one.
///
/// # Errors
/// [`RemoteError::Contended`] when another machine does the same.
pub fn change_key(bucket: &dyn Bucket, format: &RemoteFormat, master: &MasterKey, passphrase: &Passphrase) -> RemoteResult<u64> {
    let format = RemoteFormat { key: Some(master.id()), ..*format };
    let before = numbers(bucket, master.id())?;
    let number = before.iter().max().map_or(1, |newest| newest.saturating_add(1));
    put(bucket, &format, master, (number, passphrase))?;
    before.into_iter().try_for_each(|old| bucket.remove(&key_of(master.id(), old)))?;
    Ok(number)
}

fn put(bucket: &dyn Bucket, format: &RemoteFormat, master: &MasterKey, (number, passphrase): (u64, &Passphrase)) -> RemoteResult<()> {
    let key = key_of(master.id(), number);
    let bytes = master.wrap(&passphrase.0, format.repository, number, KdfCost::USUAL)?.encode();
    match bucket.create(&key, &bytes) {
        Err(error) if !error.is_ambiguous() => return Err(error),
        _ => {}
    }
    // Whatever was answered, what is there decides: nothing is removed or begun before the key lies there.
    let is_ours = bucket.get(&key, BYTES_MAX)?.is_some_and(|found| found == bytes);
    if is_ours { Ok(()) } else { Err(RemoteError::Contended { tries: 1 }) }
}

/// Numbers of the wrapped keys of a master key.
fn numbers(bucket: &dyn Bucket, id: KeyId) -> RemoteResult<Vec<u64>> {
    let prefix = format!("{FOLDER}/{id}-");
    Ok(bucket.stored(&prefix)?.iter().filter_map(|stored| stored.name.strip_prefix(&prefix)?.parse().ok()).collect())
}

fn key_of(id: KeyId, number: u64) -> String {
    format!("{FOLDER}/{id}-{number:016}")
}
