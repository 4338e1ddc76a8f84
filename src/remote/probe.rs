//! Finding out whether a storage keeps the one promise that the log is built upon.

use std::sync::Barrier;

use super::{Bucket, Creation, RemoteError, RemoteResult};
use crate::format::remote::{STAMP_BYTES, Stamp};
use crate::limits::REMOTE_TRANSFERS;

/// Creates a key twice, with different bytes: the second time it must be refused, and the first bytes must be there. Then many create
/// another one at once: at most one may be told that it has, and its bytes must be there.
///
/// # Errors
/// [`RemoteError::IgnoresConditions`]. Storage that lets two create the same key only now and then is found out now and then.
pub fn probe(bucket: &dyn Bucket) -> RemoteResult<()> {
    with_new_key(bucket, try_in_turn)?;
    with_new_key(bucket, try_at_once)
}

fn with_new_key(bucket: &dyn Bucket, attempt: fn(&dyn Bucket, &str) -> RemoteResult<bool>) -> RemoteResult<()> {
    let key = format!("probe/{:032x}", u128::from_le_bytes(random()));
    let outcome = attempt(bucket, &key);
    let removed = bucket.remove(&key);
    if outcome? { removed } else { Err(RemoteError::IgnoresConditions) }
}

fn try_in_turn(bucket: &dyn Bucket, key: &str) -> RemoteResult<bool> {
    // Asked before there is anything: a cache in between may go on saying so.
    let before = bucket.get(key, 16)?;
    // If the request was repeated below us, its own first try is what it has met. Whose bytes are there decides.
    let _ = bucket.create(key, b"first")?;
    let second = bucket.create(key, b"second")?;
    let found = bucket.get(key, 16)?;
    Ok(before.is_none() && second == Creation::Exists && found.as_deref() == Some(b"first"))
}

fn try_at_once(bucket: &dyn Bucket, key: &str) -> RemoteResult<bool> {
    let start = &Barrier::new(REMOTE_TRANSFERS);
    let create = |writer: u8| {
        start.wait();
        bucket.create(key, &[writer])
    };
    let answers: Vec<RemoteResult<Creation>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..REMOTE_TRANSFERS as u8).map(|writer| scope.spawn(move || create(writer))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(Err(RemoteError::IgnoresConditions))).collect()
    });
    let answers = answers.into_iter().collect::<RemoteResult<Vec<Creation>>>()?;
    let mut winners = (0u8..).zip(answers).filter(|(_, answer)| *answer == Creation::Created).map(|(writer, _)| writer);
    let (winner, another) = (winners.next(), winners.next());
    let found = bucket.get(key, 16)?;
    Ok(another.is_none() && found.is_some_and(|found| winner.is_none_or(|winner| found == [winner])))
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
/// A new stamp for what is sent.
pub fn new_stamp() -> Stamp {
    Stamp(random().first_chunk::<STAMP_BYTES>().copied().unwrap_or_default())
}

pub(super) fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        // The kernel has randomness from the first second on; until then this waits.
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()).unwrap_or(0);
    }
    bytes
}
