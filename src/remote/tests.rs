//! Storage that fails, lies or is slow, and what the log makes of it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::testing::{Directory, Fate, Scripted};
use super::*;
use crate::format::record::{Record, RecordBody, VersionNumber};
use crate::format::remote::{PackRef, RemoteEntry, RemoteFormat};
use crate::id::ObjectId;

const FAULTS: [Fate; 3] = [Fate::RequestLost, Fate::AnswerLost, Fate::Repeated];

/// A directory whose n-th request has a fault.
fn faulty(folder: &tempfile::TempDir, fault: Fate, at: u64) -> Scripted {
    let requests = AtomicU64::new(0);
    let script = move |_: &str, _: &str| if requests.fetch_add(1, Ordering::SeqCst) == at { fault } else { Fate::Answered };
    Scripted::new(directory(folder), script)
}

fn directory(folder: &tempfile::TempDir) -> Directory {
    Directory::open(folder.path(), true).unwrap()
}

fn record(seen: &Seen, pin: u64) -> Record {
    let body = RecordBody::Pin(VersionNumber(pin));
    Record { sequence: seen.record_sequence + 1, previous: seen.record_id, created_ms: 1, body }
}

fn find(bucket: Box<dyn Bucket>) -> RemoteResult<Remote> {
    let format = Remote::look(&*bucket)?.ok_or(RemoteError::Empty)?;
    Ok(Remote::known(bucket, format.repository))
}

fn find_or_found(bucket: Box<dyn Bucket>) -> RemoteResult<Remote> {
    let format = match Remote::look(&*bucket)? {
        Some(format) => format,
        None => Remote::found(&*bucket, &Remote::new_format())?,
    };
    Ok(Remote::known(bucket, format.repository))
}

/// Appends one record behind whatever is there, as a client does it; how often others were faster.
fn append_behind_all(remote: &Remote, seen: &mut Seen, pin: u64) -> u64 {
    for lost in 0.. {
        let found = remote.behind(seen, 1000).unwrap();
        if let Some(last) = found.last() {
            *seen = last.seen;
        }
        match remote.append(seen, vec![record(seen, pin)], (Vec::new(), Vec::new())).unwrap() {
            Appended::Done(now) => {
                *seen = now;
                return lost;
            }
            Appended::Taken => {}
        }
    }
    unreachable!()
}

#[test]
fn of_all_who_append_at_once_exactly_one_gets_each_place() {
    for writers in [2u64, 8, 32] {
        let folder = tempfile::tempdir().unwrap();
        find_or_found(Box::new(directory(&folder))).unwrap();
        const ROUNDS: u64 = 6;
        std::thread::scope(|scope| {
            for writer in 0..writers {
                let remote = find(Box::new(directory(&folder))).unwrap();
                scope.spawn(move || {
                    let mut seen = Seen::NOTHING;
                    for round in 0..ROUNDS {
                        append_behind_all(&remote, &mut seen, 1 + writer * ROUNDS + round);
                    }
                });
            }
        });
        let remote = find(Box::new(directory(&folder))).unwrap();
        let all = remote.behind(&Seen::NOTHING, 10_000).unwrap();
        let mut pins: Vec<u64> = all.iter().flat_map(|found| found.entry.records[0].body.named_versions()).map(|number| number.0).collect();
        assert_eq!(pins.len() as u64, writers * ROUNDS);
        for writer in 0..writers {
            let own: Vec<u64> = pins.iter().copied().filter(|pin| (pin - 1) / ROUNDS == writer).collect();
            assert!(own.is_sorted(), "writer {writer} finds its own entries in another order: {own:?}");
        }
        pins.sort_unstable();
        assert!(pins.into_iter().eq(1..=writers * ROUNDS));
    }
}

#[test]
fn a_fault_at_any_request_is_an_error_or_leaves_exactly_one_entry() {
    for fault in FAULTS {
        for at in 0..8 {
            let folder = tempfile::tempdir().unwrap();
            let append = |remote: Remote| remote.append(&Seen::NOTHING, vec![record(&Seen::NOTHING, 1)], (Vec::new(), Vec::new()));
            let first = find_or_found(Box::new(faulty(&folder, fault, at))).and_then(append);
            let there = find_or_found(Box::new(directory(&folder))).unwrap().behind(&Seen::NOTHING, 10).unwrap();
            match first {
                Ok(Appended::Done(seen)) => assert_eq!((there.len(), there[0].seen), (1, seen), "{fault:?} at {at}"),
                Ok(Appended::Taken) => panic!("{fault:?} at {at}: nobody else was there"),
                Err(error) => assert!(error.is_ambiguous() && there.len() <= 1, "{fault:?} at {at}: {error}"),
            }
        }
    }
}

/// Storage that lies.
struct Liar {
    bucket: Directory,
    lie: Lie,
    created: Mutex<Vec<String>>,
    told: AtomicBool,
    /// Keys of which it was said that nothing is there.
    empty: Mutex<Vec<String>>,
    nobody_else: Mutex<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// Creates what is there.
    Overwrites,
    /// Says that it has created what was there, and keeps the old.
    SaysCreated,
    /// Says that something was there that was not.
    SaysExists,
    /// Loses what it was given.
    Loses,
    /// Gives half of what it has.
    Halves,
    /// Gives something else.
    Swaps,
    /// Says that something is there, and replaces it.
    RefusesAndOverwrites,
    /// Looks whether something is there, and writes a moment later: of those who ask at once all succeed.
    LooksThenWrites,
    /// Goes on saying that nothing is there, as a cache does that was asked before.
    RemembersNothing,
}

impl Lie {
    const ALL: [Self; 9] = [
        Self::Overwrites,
        Self::SaysCreated,
        Self::SaysExists,
        Self::Loses,
        Self::Halves,
        Self::Swaps,
        Self::RefusesAndOverwrites,
        Self::LooksThenWrites,
        Self::RemembersNothing,
    ];
}

impl Liar {
    fn overwrite(&self, key: &str, bytes: &[u8]) -> RemoteResult<Creation> {
        self.bucket.remove(key).and_then(|()| self.bucket.create(key, bytes))
    }

    fn look_then_write(&self, key: &str, bytes: &[u8]) -> RemoteResult<Creation> {
        if self.bucket.size(key)?.is_some() {
            return Ok(Creation::Exists);
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        let _one_at_a_time = self.nobody_else.lock().unwrap();
        self.overwrite(key, bytes).map(|_| Creation::Created)
    }
}

impl Bucket for Liar {
    fn get(&self, key: &str, bytes_max: usize) -> RemoteResult<Option<Vec<u8>>> {
        let found = self.bucket.get(key, bytes_max)?;
        Ok(match self.lie {
            Lie::Halves => found.map(|bytes| bytes[..bytes.len() / 2].to_vec()),
            Lie::Swaps => found.map(|_| b"something else".to_vec()),
            Lie::RemembersNothing if self.empty.lock().unwrap().iter().any(|empty| empty == key) => None,
            Lie::RemembersNothing if found.is_none() => {
                self.empty.lock().unwrap().push(key.to_owned());
                None
            }
            _ => found,
        })
    }
    fn create(&self, key: &str, bytes: &[u8]) -> RemoteResult<Creation> {
        self.created.lock().unwrap().push(key.to_owned());
        match self.lie {
            Lie::Overwrites => self.overwrite(key, bytes),
            Lie::SaysCreated => self.bucket.create(key, bytes).map(|_| Creation::Created),
            Lie::SaysExists => Ok(Creation::Exists),
            Lie::Loses if self.told.swap(true, Ordering::SeqCst) => Ok(Creation::Exists),
            Lie::Loses => Ok(Creation::Created),
            Lie::RefusesAndOverwrites => match self.bucket.create(key, bytes)? {
                Creation::Exists => self.overwrite(key, bytes).map(|_| Creation::Exists),
                created => Ok(created),
            },
            Lie::LooksThenWrites => self.look_then_write(key, bytes),
            Lie::Halves | Lie::Swaps | Lie::RemembersNothing => self.bucket.create(key, bytes),
        }
    }
    fn put(&self, key: &str, bytes: Vec<u8>) -> RemoteResult<()> {
        self.bucket.put(key, bytes)
    }
    fn size(&self, key: &str) -> RemoteResult<Option<u64>> {
        self.bucket.size(key)
    }
    fn remove(&self, key: &str) -> RemoteResult<()> {
        self.bucket.remove(key)
    }
    fn stored(&self, prefix: &str) -> RemoteResult<Vec<Stored>> {
        self.bucket.stored(prefix)
    }
}

#[test]
fn storage_that_lies_is_found_out_by_the_probe() {
    let folder = tempfile::tempdir().unwrap();
    probe(&directory(&folder)).unwrap();
    for lie in Lie::ALL {
        let (created, empty, told) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        let liar = Liar { bucket: directory(&folder), lie, created, told, empty, nobody_else: Mutex::new(()) };
        assert!(matches!(probe(&liar), Err(RemoteError::IgnoresConditions)), "{lie:?}");
        let probed = liar.created.lock().unwrap().clone();
        assert!(probed.iter().all(|key| directory(&folder).get(key, 16).unwrap().is_none()), "{lie:?} leaves {probed:?}");
    }
}

#[test]
fn storage_whose_requests_are_repeated_or_lost_is_not_called_a_liar() {
    for fault in FAULTS {
        for at in (0..6).chain([9, 13, 14]) {
            let folder = tempfile::tempdir().unwrap();
            let probed = probe(&faulty(&folder, fault, at));
            assert!(probed.is_ok() || fault != Fate::Repeated && probed.is_err_and(|error| error.is_ambiguous()), "{fault:?} at {at}");
        }
    }
}

#[test]
fn a_log_that_goes_back_or_belongs_to_somebody_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let remote = find_or_found(Box::new(directory(&folder))).unwrap();
    let mut seen = Seen::NOTHING;
    append_behind_all(&remote, &mut seen, 1);
    append_behind_all(&remote, &mut seen, 2);
    remote.check_seen(&seen).unwrap();
    let last = "log/0000000000000002";
    let bytes = directory(&folder).get(last, 10_000).unwrap().unwrap();
    directory(&folder).remove(last).unwrap();
    assert!(matches!(remote.check_seen(&seen), Err(RemoteError::Rewritten { number: 2, found: None, .. })));
    let other = RemoteEntry { nonce: [1; 16], ..RemoteEntry::decode(&bytes).unwrap() };
    directory(&folder).create(last, &other.encode()).unwrap();
    assert!(matches!(remote.check_seen(&seen), Err(RemoteError::Rewritten { found: Some(_), .. })));
    let elsewhere = tempfile::tempdir().unwrap();
    let theirs = find_or_found(Box::new(directory(&elsewhere))).unwrap();
    let mistaken = Remote::known(Box::new(directory(&elsewhere)), remote.repository());
    assert!(matches!(mistaken.check_seen(&Seen::NOTHING), Err(RemoteError::OtherRepository { .. })));
    append_behind_all(&theirs, &mut Seen::NOTHING.clone(), 1);
    assert!(matches!(mistaken.behind(&Seen::NOTHING, 9), Err(RemoteError::OtherRepository { .. })));
}

#[test]
fn entries_out_of_their_place_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let remote = find_or_found(Box::new(directory(&folder))).unwrap();
    let good = RemoteEntry {
        repository: remote.repository(),
        number: 1,
        previous: ObjectId::ZERO,
        nonce: [0; 16],
        records: vec![record(&Seen::NOTHING, 1)],
        packs: Vec::new(),
        catalogs: Vec::new(),
    };
    let another = record(&Seen::NOTHING, 2);
    let wrong = [
        RemoteEntry { number: 2, ..good.clone() },
        RemoteEntry { previous: ObjectId::of(crate::id::ObjectKind::Blob, b"x"), ..good.clone() },
        RemoteEntry { records: vec![Record { sequence: 2, ..another.clone() }], ..good.clone() },
        RemoteEntry { records: vec![good.records[0].clone(), another.clone()], ..good.clone() },
        RemoteEntry { records: vec![Record { body: RecordBody::Restore(ObjectId::ZERO), ..another }], ..good.clone() },
    ];
    let bucket = directory(&folder);
    for entry in wrong {
        bucket.create("log/0000000000000001", &entry.encode()).unwrap();
        assert!(matches!(remote.behind(&Seen::NOTHING, 9), Err(RemoteError::Damaged { .. })), "{entry:?}");
        bucket.remove("log/0000000000000001").unwrap();
    }
    bucket.create("log/0000000000000001", &good.encode()).unwrap();
    assert_eq!(remote.behind(&Seen::NOTHING, 9).unwrap().len(), 1);
}

#[test]
fn packs_that_are_not_what_their_names_say_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let tmp = tempfile::tempdir().unwrap();
    let tmp = crate::disk::Dir::open(tmp.path(), crate::disk::RootOf::UserPath).unwrap();
    let remote = find_or_found(Box::new(directory(&folder))).unwrap();
    let pack = remote.put_pack(b"the bytes of a pack".to_vec(), 1, false).unwrap();
    assert!(remote.get_pack(&pack, &tmp).is_ok());
    let never = AtomicBool::new(false);
    assert_eq!(remote.get_packs(&[pack; 20], &tmp, &never, &|_| {}).unwrap().len(), 20);
    assert!(remote.get_pack(&PackRef { bytes: pack.bytes - 1, ..pack }, &tmp).is_err());
    assert!(remote.get_pack(&PackRef { bytes: pack.bytes + 1, ..pack }, &tmp).is_err());
    let absent = PackRef { id: ObjectId::ZERO, ..pack };
    assert!(matches!(remote.get_packs(&[pack, absent, pack], &tmp, &never, &|_| {}), Err(RemoteError::Missing { .. })));
    let key = format!("packs/{}", pack.id);
    directory(&folder).remove(&key).unwrap();
    directory(&folder).create(&key, b"the bytes of a pick").unwrap();
    assert!(matches!(remote.get_pack(&pack, &tmp), Err(RemoteError::Damaged { .. })));
}

#[test]
fn of_two_who_change_a_passphrase_at_once_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let passphrase = |text: &str| Passphrase::new(text.as_bytes().to_vec());
    let (format, key) = key_below(&directory(&folder), Remote::new_format(), &passphrase("first")).unwrap();
    let (other, key_of_other) = (directory(&folder), key.clone());
    let faster = move || assert_eq!(change_key(&other, &format, &key_of_other, &passphrase("theirs")).unwrap(), 2);
    let bucket = testing::Scripted::once(directory(&folder), "create", "keys/", faster);
    assert!(matches!(change_key(&bucket, &format, &key, &passphrase("ours")), Err(RemoteError::Contended { .. })));
    assert!(unlock(&directory(&folder), &format, &passphrase("theirs")).is_ok());
}

#[test]
fn a_remote_that_was_open_and_is_sealed_now_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let remote = find_or_found(Box::new(directory(&folder))).unwrap();
    remote.check_identity().unwrap();
    let format = RemoteFormat { key: Some(seal::MasterKey::random().id()), repository: remote.repository() };
    std::fs::write(folder.path().join("format"), format.encode()).unwrap();
    assert!(matches!(remote.check_identity(), Err(RemoteError::Encrypted)));
}
