//! The bytes of a file: those that everybody reads, and those that the disk has.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::random::Random;

/// What a disk writes as a whole or not at all.
const SECTOR_BYTES: usize = 512;
/// What changes places as a whole when a file rots.
const WORD_BYTES: usize = 8;

/// A change of a file that the disk need not have yet.
#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Length(bytes) => content.resize(*bytes, 0),
            Self::Write { offset, bytes } => {
                content.resize(content.len().max(offset + bytes.len()), 0);
                content[*offset..offset + bytes.len()].copy_from_slice(bytes);
            }
        }
    }
}

/// How much of what was not synced a power cut leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Nothing,
    Everything,
    /// Each sector as it was after any of the changes since the last sync.
    Some,
}

/// A file.
#[derive(Debug, Default)]
pub struct File {
    /// What is read.
    content: Arc<Vec<u8>>,
    /// What the disk has for certain.
    durable: Arc<Vec<u8>>,
    /// What the disk may have besides, in order.
    pending: Vec<Change>,
    /// Counts changes of bytes that were there: maps look anew.
    rewritten: Arc<AtomicU64>,
    pub written_ms: u64,
}

impl File {
    pub fn new(now_ms: u64) -> Self {
        Self { written_ms: now_ms, ..Self::default() }
    }

    pub fn content(&self) -> Arc<Vec<u8>> {
        self.content.clone()
    }

    pub fn rewritten(&self) -> Arc<AtomicU64> {
        self.rewritten.clone()
    }

    pub fn bytes(&self) -> usize {
        self.content.len()
    }

    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        if offset < self.content.len() {
            self.rewritten.fetch_add(1, Ordering::SeqCst);
        }
        self.change(Change::Write { offset, bytes: bytes.to_vec() });
    }

    pub fn truncate(&mut self, bytes: usize) {
        self.rewritten.fetch_add(1, Ordering::SeqCst);
        self.change(Change::Length(bytes));
    }

    fn change(&mut self, change: Change) {
        change.apply(Arc::make_mut(&mut self.content));
        self.pending.push(change);
    }

    /// The disk has it all. What an earlier sync has lost stays lost.
    pub fn sync(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let durable = Arc::make_mut(&mut self.durable);
        self.pending.drain(..).for_each(|change| change.apply(durable));
    }

    /// A sync that fails: what was to be written may be lost, and counts as written from now on. Some file systems show the old bytes
    /// again, others the new ones as long as they are in memory. Lengths are not lost: a file system that cannot write its journal
    /// takes no more writes.
    pub fn fail_to_sync(&mut self, random: &mut Random) {
        if random.once_in(3) {
            return self.sync();
        }
        let mut lost = (*self.durable).clone();
        self.pending.drain(..).filter(|change| matches!(change, Change::Length(_))).for_each(|change| change.apply(&mut lost));
        if random.once_in(2) {
            lost.resize(self.content.len(), 0);
        }
        self.durable = Arc::new(lost);
        if random.once_in(2) {
            self.content = self.durable.clone();
            self.rewritten.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A bit turns over, a sector becomes zeros, two words change places, or the end goes: on the disk and for everybody who reads.
    pub fn rot(&mut self, random: &mut Random) {
        if self.content.is_empty() {
            return;
        }
        let at = random.below(self.content.len());
        match random.below(5) {
            0 => {
                let byte = self.content[at] ^ 1 << random.below(8);
                self.write(at, &[byte]);
            }
            1 => {
                let sector = at / SECTOR_BYTES * SECTOR_BYTES;
                let bytes = SECTOR_BYTES.min(self.content.len() - sector);
                self.write(sector, &vec![0; bytes]);
            }
            2 => self.truncate(at),
            _ => self.exchange_words(random),
        }
        self.sync();
    }

    /// Two words of eight bytes change places: the locations of two entries of an index, say, which no checksum holds.
    fn exchange_words(&mut self, random: &mut Random) {
        let words: Vec<[u8; WORD_BYTES]> = self.content.as_chunks().0.to_vec();
        if !words.is_empty() {
            let [one, other] = [(); 2].map(|()| random.below(words.len()));
            self.write(one * WORD_BYTES, &words[other]);
            self.write(other * WORD_BYTES, &words[one]);
        }
    }

    /// The file as it is found afterwards.
    pub fn lose_power(&mut self, left: Left, random: &mut Random) {
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            let mut found = (*self.durable).clone();
            match left {
                Left::Nothing => {}
                Left::Everything => pending.iter().for_each(|change| change.apply(&mut found)),
                Left::Some => found = torn(found, &pending, random),
            }
            self.durable = Arc::new(found);
        }
        self.content = self.durable.clone();
    }
}

/// Each sector as it was after any of the changes, and the length of any of them, or one in between.
fn torn(before: Vec<u8>, changes: &[Change], random: &mut Random) -> Vec<u8> {
    let odds = *random.one_of(&[2, 3, 10]);
    let mut lengths = vec![before.len()];
    let mut now = before.clone();
    let mut found = before;
    for (place, change) in changes.iter().enumerate() {
        change.apply(&mut now);
        lengths.push(now.len());
        let Change::Write { offset, bytes } = change else { continue };
        found.resize(found.len().max(now.len()), 0);
        // That a later change was written first and an earlier one over it cannot be: the disk gets a sector as it is then.
        let stays = if place + 1 == changes.len() { odds } else { 2 };
        for sector in offset / SECTOR_BYTES..(offset + bytes.len()).div_ceil(SECTOR_BYTES) {
            let range = sector * SECTOR_BYTES..((sector + 1) * SECTOR_BYTES).min(now.len());
            if !random.once_in(stays) {
                found[range.clone()].copy_from_slice(&now[range]);
            }
        }
    }
    let (shortest, longest) = (lengths.iter().min().copied().unwrap_or_default(), lengths.iter().max().copied().unwrap_or_default());
    let length = match random.below(3) {
        0 => now.len(),
        1 => *random.one_of(&lengths),
        _ => (shortest + random.below(longest - shortest + 1)).next_multiple_of(SECTOR_BYTES).min(longest),
    };
    found.resize(length, 0);
    found
}
