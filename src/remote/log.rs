//! The log of a remote: reading its entries one behind the other, and appending to it as the only one of all who try.

use std::sync::Arc;

use super::bucket::{Counted, Traffic};
use super::probe::random;
use super::seal::{Seal, Sealed};
use super::{Bucket, Creation, RemoteError, RemoteResult};
use crate::format::record::Record;
use crate::format::remote::{PackRef, RemoteEntry, RemoteFormat, RepositoryId};
use crate::id::ObjectId;
use crate::limits::{REMOTE_ENTRY_BYTES_MAX, REMOTE_REPEATS, REMOTE_TRANSFERS};

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
    /// The storage as it is used: contents and names as they are before they are sealed.
    pub(super) bucket: Box<dyn Bucket>,
    counted: Arc<Counted>,
    repository: RepositoryId,
    is_sealed: bool,
}

impl Remote {
    /// The history in a bucket, as it was known before. Costs no request.
    pub fn known(bucket: Box<dyn Bucket>, repository: RepositoryId) -> Self {
        let counted = Arc::new(Counted::new(bucket));
        Self { bucket: Box::new(Arc::clone(&counted)), counted, repository, is_sealed: false }
    }

    /// The same, sealed.
    pub fn sealed(self, seal: Seal) -> Self {
        Self { bucket: Box::new(Sealed::new(Arc::clone(&self.counted), seal)), is_sealed: true, ..self }
    }

    /// Whether it is sealed.
    pub fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// What was asked of its storage.
    pub fn traffic(&self) -> Traffic {
        self.counted.traffic()
    }

    /// What history is in a bucket, if there is one.
    pub fn look(bucket: &dyn Bucket) -> RemoteResult<Option<RemoteFormat>> {
        let bytes = bucket.get(FORMAT, FORMAT_BYTES_MAX)?;
        bytes.map(|bytes| RemoteFormat::decode(&bytes).map_err(|error| RemoteError::format(FORMAT, &error))).transpose()
    }

    /// Begins a history in a bucket. Gives the one that is there: of all who begin one at once, one succeeds.
    pub fn found(bucket: &dyn Bucket, format: &RemoteFormat) -> RemoteResult<RemoteFormat> {
        match bucket.create(FORMAT, &format.encode()) {
            Err(error) if !error.is_ambiguous() => Err(error),
            // Whether we or somebody else made it, it is read back.
            Err(error) => Self::look(bucket)?.ok_or(error),
            Ok(_) => Self::look(bucket)?.ok_or(RemoteError::Empty),
        }
    }

    /// A new repository, not encrypted yet.
    pub fn new_format() -> RemoteFormat {
        RemoteFormat { repository: RepositoryId(random()), key: None }
    }

    /// The repository's id.
    pub fn repository(&self) -> RepositoryId {
        self.repository
    }

    /// The storage.
    pub fn bucket(&self) -> &dyn Bucket {
        &*self.bucket
    }

    /// Checks that the log still has what was seen of it, so that nothing of it was hidden or rewritten. One request.
    ///
    /// # Errors
    /// [`RemoteError::Rewritten`], [`RemoteError::OtherRepository`].
    pub fn check_seen(&self, seen: &Seen) -> RemoteResult<()> {
        if seen.number == 0 {
            return self.check_format();
        }
        let found = self.bucket.get(&key_of(seen.number), REMOTE_ENTRY_BYTES_MAX)?.map(|bytes| RemoteEntry::id_of(&bytes));
        match found {
            Some(found) if found == seen.id => Ok(()),
            None if self.is_empty()? => Err(RemoteError::Away),
            found => Err(RemoteError::Rewritten { number: seen.number, seen: seen.id, found }),
        }
    }

    /// Whether nothing of a history is there at all.
    fn is_empty(&self) -> RemoteResult<bool> {
        Ok(self.bucket.get(FORMAT, FORMAT_BYTES_MAX)?.is_none() && !Self::has_log(&*self.bucket)?)
    }

    /// Whether a bucket has entries of a log.
    pub fn has_log(bucket: &dyn Bucket) -> RemoteResult<bool> {
        Ok(!bucket.stored("log/")?.is_empty())
    }

    /// Checks that what every new machine reads first is there and says what it said. One request.
    ///
    /// # Errors
    /// [`RemoteError::Missing`], [`RemoteError::Damaged`], [`RemoteError::OtherRepository`].
    pub fn check_identity(&self) -> RemoteResult<()> {
        self.check_format().map_err(|error| match error {
            RemoteError::Empty => RemoteError::Missing { key: FORMAT.to_owned() },
            error => error,
        })
    }

    fn check_format(&self) -> RemoteResult<()> {
        let format = Self::look(&*self.bucket)?.ok_or(RemoteError::Empty)?;
        match (format.key.is_some(), self.is_sealed) {
            _ if format.repository != self.repository => {
                Err(RemoteError::OtherRepository { expected: self.repository, found: format.repository })
            }
            (false, true) => Err(RemoteError::NotEncrypted),
            (true, false) => Err(RemoteError::Encrypted),
            _ => Ok(()),
        }
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
        let is_ours = self.create(&key, &bytes)?;
        let seen = Seen { number, id: RemoteEntry::id_of(&bytes), record_sequence: last.0, record_id: last.1 };
        Ok(if is_ours { Appended::Done(seen) } else { Appended::Taken })
    }
}

impl Remote {
    /// Creates an object that no other writer makes with the same bytes; whether it is the one that is there. What was asked may be
    /// carried out late or twice: that changes nothing, so it may be asked again.
    fn create(&self, key: &str, bytes: &[u8]) -> RemoteResult<bool> {
        for repeat in 0.. {
            match self.bucket.create(key, bytes) {
                Ok(Creation::Created) => break,
                // It may have been made by this very request, or by one that was repeated below us.
                Ok(Creation::Exists) => return Ok(self.bucket.get(key, REMOTE_ENTRY_BYTES_MAX)?.is_some_and(|found| found == bytes)),
                Err(error) if error.is_ambiguous() => match self.bucket.get(key, REMOTE_ENTRY_BYTES_MAX)? {
                    Some(found) => return Ok(found == bytes),
                    None if repeat < REMOTE_REPEATS => {}
                    None => return Err(error),
                },
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

fn key_of(number: u64) -> String {
    format!("log/{number:016}")
}
