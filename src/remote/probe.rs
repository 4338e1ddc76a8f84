//! Finding out whether a storage keeps the one promise that the log is built upon.

use super::{Bucket, Creation, RemoteError, RemoteResult};

/// Creates a key twice, with different bytes: the second time it must be refused, and the first bytes must be there.
///
/// # Errors
/// [`RemoteError::IgnoresConditions`]. Storage that only sometimes lets two create the same key is not found out.
pub fn probe(bucket: &dyn Bucket) -> RemoteResult<()> {
    let key = format!("probe/{:032x}", u128::from_le_bytes(random()));
    let outcome = try_twice(bucket, &key);
    let removed = bucket.remove(&key);
    outcome?;
    removed
}

fn try_twice(bucket: &dyn Bucket, key: &str) -> RemoteResult<()> {
    let first = bucket.create(key, b"first")?;
    let second = bucket.create(key, b"second")?;
    let found = bucket.get(key, 16)?;
    match (first, second, found.as_deref()) {
        (Creation::Created, Creation::Exists, Some(b"first")) => Ok(()),
        _ => Err(RemoteError::IgnoresConditions),
    }
}

/// The time by the storage's own clock, in milliseconds since 1970-01-01 UTC. Makes a key and removes it.
pub fn storage_time_ms(bucket: &dyn Bucket) -> RemoteResult<i64> {
    let key = format!("probe/{:032x}", u128::from_le_bytes(random()));
    bucket.create(&key, b"time")?;
    let found = bucket.look(&key);
    bucket.remove(&key)?;
    Ok(found?.map_or(0, |stored| stored.written_ms))
}

/// Sixteen random bytes.
pub(super) fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        // The kernel has randomness from the first second on; until then this waits.
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()).unwrap_or(0);
    }
    bytes
}
