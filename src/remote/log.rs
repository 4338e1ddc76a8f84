//! The log of a remote: reading its entries one behind the other, and appending to it as the only one of all who try.

use super::bucket::{Counted, Traffic};
use super::probe::random;
use super::{Bucket, Creation, RemoteError, RemoteResult};
use crate::format::record::Record;
use crate::format::remote::{PackRef, RemoteEntry, RepositoryId, decode_remote, encode_remote};
use crate::id::ObjectId;
use crate::limits::{REMOTE_ENTRY_BYTES_MAX, REMOTE_TRANSFERS};

const FORMAT: &str = "format";
const FORMAT_BYTES_MAX: usize = 1024;

/// The last entry of a remote's log that a machine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its number; 0 before the first.
    pub number: u64,
    /// Its id; [`ObjectId::ZERO`] before the first.
    pub id: ObjectId,
    /// Number of the last record of the shared log.
    pub record_sequence: u64,
    /// Its id.
    pub record_id: ObjectId,
}

impl Seen {
    /// Nothing was seen yet.
    pub const NOTHING: Self = Self { number: 0, id: ObjectId::ZERO, record_sequence: 0, record_id: ObjectId::ZERO };
}

/// An entry that was found, and what is known once it is taken in.
#[derive(Clone, Debug)]
pub struct Found {
    /// The entry.
    pub entry: RemoteEntry,
    /// What is known then.
    pub seen: Seen,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is in the log.
    Done(Seen),
    /// Another one has its place.
    Taken,
}

/// What lies in a bucket.
pub struct Remote {
    pub(super) bucket: Counted,
    repository: RepositoryId,
}

impl Remote {
    /// The history in a bucket, as it was known before. Costs no request.
    pub fn known(bucket: Box<dyn Bucket>, repository: RepositoryId) -> Self {
        Self { bucket: Counted::new(bucket), repository }
    }

    /// What was asked of its storage.
    pub fn traffic(&self) -> Traffic {
        self.bucket.traffic()
    }

    /// The history in a bucket.
    ///
    /// # Errors
    /// [`RemoteError::Empty`] when there is none.
    pub fn find(bucket: Box<dyn Bucket>) -> RemoteResult<Self> {
        let bytes = bucket.get(FORMAT, FORMAT_BYTES_MAX)?.ok_or(RemoteError::Empty)?;
        let repository = decode_remote(&bytes).map_err(|error| RemoteError::format(FORMAT, &error))?;
        Ok(Self::known(bucket, repository))
    }

    /// The history in a bucket; one is begun where there is none.
    pub fn find_or_found(bucket: Box<dyn Bucket>) -> RemoteResult<Self> {
        if bucket.get(FORMAT, FORMAT_BYTES_MAX)?.is_none() {
            // Whether we or somebody else made it, it is read back.
            match bucket.create(FORMAT, &encode_remote(RepositoryId(random()))) {
                Ok(_) => {}
                Err(error) if error.is_ambiguous() && bucket.get(FORMAT, FORMAT_BYTES_MAX)?.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        Self::find(bucket)
    }

    /// The repository's id.
    pub fn repository(&self) -> RepositoryId {
        self.repository
    }

    /// The storage.
    pub fn bucket(&self) -> &dyn Bucket {
        &self.bucket
    }

    /// Checks that the log still has what was seen of it, so that nothing of it was hidden or rewritten. One request.
    ///
    /// # Errors
    /// [`RemoteError::Rewritten`], [`RemoteError::OtherRepository`].
    pub fn check_seen(&self, seen: &Seen) -> RemoteResult<()> {
        if seen.number == 0 {
            let bytes = self.bucket.get(FORMAT, FORMAT_BYTES_MAX)?.ok_or(RemoteError::Empty)?;
            let found = decode_remote(&bytes).map_err(|error| RemoteError::format(FORMAT, &error))?;
            let is_ours = found == self.repository;
            return if is_ours { Ok(()) } else { Err(RemoteError::OtherRepository { expected: self.repository, found }) };
        }
        let found = self.bucket.get(&key_of(seen.number), REMOTE_ENTRY_BYTES_MAX)?.map(|bytes| RemoteEntry::id_of(&bytes));
        if found == Some(seen.id) { Ok(()) } else { Err(RemoteError::Rewritten { number: seen.number, seen: seen.id, found }) }
    }

    /// At most `entries_max` entries behind what was seen, and at least one if there is one; each is held against the one before it.
    /// Few requests when there is nothing new: one.
    pub fn behind(&self, seen: &Seen, entries_max: usize) -> RemoteResult<Vec<Found>> {
        let mut found: Vec<Found> = Vec::new();
        let mut ahead = 1;
        while found.len() < entries_max {
            let last = found.last().map_or(*seen, |found| found.seen);
            let asked = ahead.min(entries_max - found.len());
            let entries = self.entries(last.number + 1, asked)?;
            let is_last = entries.len() < asked;
            for bytes in entries {
                let last = found.last().map_or(*seen, |found| found.seen);
                found.push(self.checked(&bytes, &last)?);
            }
            if is_last {
                break;
            }
            ahead = (2 * ahead).min(REMOTE_TRANSFERS);
        }
        Ok(found)
    }

    /// The bytes of so many entries from a number on, up to the first that is not there.
    pub(super) fn entries(&self, first: u64, count: usize) -> RemoteResult<Vec<Vec<u8>>> {
        let get = |number: u64| self.bucket.get(&key_of(number), REMOTE_ENTRY_BYTES_MAX);
        if count == 1 {
            return Ok(get(first)?.into_iter().collect());
        }
        let answers: Vec<RemoteResult<Option<Vec<u8>>>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (first..).take(count).map(|number| scope.spawn(move || get(number))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or(Ok(None))).collect()
        });
        answers.into_iter().map_while(Result::transpose).collect()
    }

    /// An entry that follows what was seen.
    pub(super) fn checked(&self, bytes: &[u8], last: &Seen) -> RemoteResult<Found> {
        let key = key_of(last.number + 1);
        let entry = RemoteEntry::decode(bytes).map_err(|error| RemoteError::format(&key, &error))?;
        let damaged = |why: &str| Err(RemoteError::Damaged { key: key.clone(), why: why.to_owned() });
        if entry.repository != self.repository {
            return Err(RemoteError::OtherRepository { expected: self.repository, found: entry.repository });
        }
        if entry.number != last.number + 1 || entry.previous != last.id {
            return damaged("it does not follow the entry before it");
        }
        let mut seen = Seen { number: entry.number, id: RemoteEntry::id_of(bytes), ..*last };
        for record in &entry.records {
            if record.sequence != seen.record_sequence + 1 || record.previous != seen.record_id {
                return damaged("its records do not follow those before them");
            }
            if !record.body.is_shared() {
                return damaged("it has a record that no machine shares");
            }
            (seen.record_sequence, seen.record_id) = (record.sequence, Record::id_of(&record.encode()));
        }
        Ok(Found { entry, seen })
    }

    /// Appends an entry behind what was seen, unless somebody else was faster. Records must follow those before them. Whatever the
    /// storage answers, what is there in the end decides.
    pub fn append(&self, seen: &Seen, records: Vec<Record>, (packs, catalogs): (Vec<PackRef>, Vec<PackRef>)) -> RemoteResult<Appended> {
        let last = records.last().map_or((seen.record_sequence, seen.record_id), |last| (last.sequence, Record::id_of(&last.encode())));
        let number = seen.number + 1;
        let entry = RemoteEntry { repository: self.repository, number, previous: seen.id, nonce: random(), records, packs, catalogs };
        let (key, bytes) = (key_of(number), entry.encode());
        let is_created = match self.bucket.create(&key, &bytes) {
            Ok(creation) => creation == Creation::Created,
            // It may have been made by this very request, or by one that was repeated below us.
            Err(error) if error.is_ambiguous() => match self.bucket.get(&key, REMOTE_ENTRY_BYTES_MAX)? {
                None => return Err(error),
                Some(found) => found == bytes,
            },
            Err(error) => return Err(error),
        };
        let is_ours = is_created || self.bucket.get(&key, REMOTE_ENTRY_BYTES_MAX)?.is_some_and(|found| found == bytes);
        let seen = Seen { number, id: RemoteEntry::id_of(&bytes), record_sequence: last.0, record_id: last.1 };
        Ok(if is_ours { Appended::Done(seen) } else { Appended::Taken })
    }
}

fn key_of(number: u64) -> String {
    format!("log/{number:016}")
}
