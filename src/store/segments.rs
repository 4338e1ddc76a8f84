//! The segment files: which there are, their bytes, appending to the newest one, publishing new ones.
//!
//! A segment is mapped when it is first read and mapped anew when a location lies beyond the map, since the newest segment
//! grows while others read it. Published bytes never change, so an old map stays right for all that it covers. Maps are
//! let go now and then: pages that were read through one count as memory of the process as long as it is there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Location, Position, StoreError, StoreResult};
use crate::disk::{Dir, Map, StoreFile, TempFile};
use crate::format::frame::{SEGMENT_HEADER_BYTES, encode_segment_header};
use crate::limits::{MAPS_READ_BYTES_MAX, READ_BUFFER_BYTES, SEGMENTS_MAX};

const SUFFIX: &str = ".seg";

/// The segments of a store.
#[derive(Debug)]
pub struct Segments {
    dir: Dir,
    maps: Mutex<HashMap<u32, Arc<Map>>>,
    /// What was read through the maps, in bytes.
    read_bytes: AtomicU64,
    /// Segments that have no name yet, readable under numbers from [`ADOPTED_FIRST`] on.
    adopted: Mutex<HashMap<u32, Arc<Map>>>,
}

/// The first of the numbers under which segments without a name are read.
const ADOPTED_FIRST: u32 = SEGMENTS_MAX - ADOPTED_MAX;
const ADOPTED_MAX: u32 = 8192;

/// A segment without a name that can be read as long as this is there.
pub struct Adopted<'a> {
    segments: &'a Segments,
    number: u32,
}

impl Adopted<'_> {
    /// The number under which it is read.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Puts another map in the place of the segment's, for one that has grown.
    pub fn replace(&self, map: Arc<Map>) {
        self.segments.adopted().insert(self.number, map);
    }
}

impl Drop for Adopted<'_> {
    fn drop(&mut self) {
        self.segments.adopted().remove(&self.number);
    }
}

impl Segments {
    pub fn open(dir: Dir) -> StoreResult<Self> {
        Ok(Self { dir, maps: Mutex::default(), read_bytes: AtomicU64::new(0), adopted: Mutex::default() })
    }

    /// Whether this is the number of a segment without a name.
    pub fn is_adopted(number: u32) -> bool {
        number >= ADOPTED_FIRST
    }

    /// The numbers of all segments, in order.
    pub fn numbers(&self) -> StoreResult<Vec<u32>> {
        let mut numbers: Vec<u32> = self.dir.names()?.iter().filter_map(|name| number_of(name.to_str()?)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Where the newest segment ends.
    pub fn end(&self) -> StoreResult<Position> {
        let mut missing = None;
        loop {
            let Some(segment) = self.numbers()?.pop() else { return Ok(Position::default()) };
            match self.file(segment, false) {
                // A collection has taken it away since it was listed, and has made a newer one before.
                Err(StoreError::Disk(error)) if error.is_not_found() && missing.replace(segment) != Some(segment) => {}
                file => return Ok(Position { segment, offset: file?.bytes()? }),
            }
        }
    }

    /// Bytes of all segments together.
    pub fn total_bytes(&self) -> StoreResult<u64> {
        self.numbers()?.into_iter().map(|number| Ok(self.file_if_there(number)?.map_or(Ok(0), |file| file.bytes())?)).sum()
    }

    /// The bytes of a segment, at least up to `offset` if it is that long; `None` when there is no such segment.
    pub fn map(&self, segment: u32, offset: u64) -> StoreResult<Option<Arc<Map>>> {
        if Self::is_adopted(segment) {
            return Ok(self.adopted().get(&segment).cloned());
        }
        let mut maps = self.maps.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(map) = maps.get(&segment).filter(|map| map.len() as u64 > offset) {
            return Ok(Some(map.clone()));
        }
        match self.dir.map(&name_of(segment)) {
            Ok(map) => {
                let map = Arc::new(map);
                maps.insert(segment, map.clone());
                Ok(Some(map))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Lets all maps go: some of them may be those of segments that were replaced.
    pub fn forget_maps(&self) {
        self.maps.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }

    /// Notes that so many bytes of a map were read. Once it is much, the maps are let go.
    pub fn note_read(&self, bytes: u64) {
        if self.read_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > MAPS_READ_BYTES_MAX {
            self.read_bytes.store(0, Ordering::Relaxed);
            self.forget_maps();
        }
    }

    /// Whether the segment of a location exists and is long enough to hold it.
    pub fn reaches(&self, location: Location) -> StoreResult<bool> {
        let offset = u64::from(location.offset());
        Ok(self.map(location.segment(), offset)?.is_some_and(|map| map.len() as u64 > offset))
    }

    /// Opens a segment's file to read; `None` when there is none: a collection may take one away that was listed a moment ago.
    fn file_if_there(&self, segment: u32) -> StoreResult<Option<StoreFile>> {
        match self.file(segment, false) {
            Err(StoreError::Disk(error)) if error.is_not_found() => Ok(None),
            other => other.map(Some),
        }
    }

    /// Opens a segment's file.
    pub fn file(&self, segment: u32, writable: bool) -> StoreResult<StoreFile> {
        Ok(self.dir.open_store_file(&name_of(segment), writable, false)?)
    }

    /// Gives a finished file the next free number.
    ///
    /// # Durability
    /// The segment's name is durable on return; its content must have been made so before. So is the length of the segment before it:
    /// what was cut off there would come back as the end of what counts.
    pub fn publish(&self, file: TempFile, number: u32) -> StoreResult<()> {
        if Self::is_adopted(number) {
            return Err(StoreError::Full);
        }
        if let Some(&newest) = self.numbers()?.last() {
            self.file(newest, true)?.sync_data()?;
        }
        Ok(file.publish_new(&self.dir, &name_of(number))?)
    }

    /// Puts a finished file in the place of a segment.
    ///
    /// # Durability
    /// As [`Segments::publish`].
    pub fn replace(&self, file: TempFile, number: u32) -> StoreResult<()> {
        Ok(file.publish(&self.dir, &name_of(number))?)
    }

    /// Removes segments. Maps of them stay readable.
    ///
    /// # Durability
    /// They are gone for good on return.
    pub fn remove(&self, numbers: &[u32]) -> StoreResult<()> {
        numbers.iter().try_for_each(|&number| self.dir.remove_file(name_of(number).as_ref()))?;
        Ok(self.dir.sync()?)
    }

    /// The random bytes in a segment's header; `None` when there is no such segment or it has no whole header.
    pub fn nonce(&self, number: u32) -> StoreResult<Option<[u8; 8]>> {
        let Some(file) = self.file_if_there(number)? else { return Ok(None) };
        if file.bytes()? < SEGMENT_HEADER_BYTES as u64 {
            return Ok(None);
        }
        let mut nonce = [0; 8];
        file.read_at(&mut nonce, 12)?;
        Ok(Some(nonce))
    }

    /// Makes a segment that has no name yet readable.
    ///
    /// # Errors
    /// [`StoreError::Full`] when there are too many of them.
    pub fn adopt(&self, map: Arc<Map>) -> StoreResult<Adopted<'_>> {
        let mut adopted = self.adopted();
        let number = (ADOPTED_FIRST..SEGMENTS_MAX).find(|number| !adopted.contains_key(number)).ok_or(StoreError::Full)?;
        adopted.insert(number, map);
        Ok(Adopted { segments: self, number })
    }

    fn adopted(&self) -> MutexGuard<'_, HashMap<u32, Arc<Map>>> {
        self.adopted.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Makes a segment and all newer ones durable, with their names.
    pub fn sync_from(&self, first: u32) -> StoreResult<()> {
        for number in self.numbers()?.into_iter().filter(|&number| number >= first) {
            self.file(number, true)?.sync_data()?;
        }
        Ok(self.dir.sync()?)
    }

    /// Writes what lies behind a position once more, as it is, and makes it durable. After a sync that failed the kernel counts bytes as
    /// written that the disk does not have, and another sync succeeds without doing anything.
    pub fn write_again_from(&self, from: Position) -> StoreResult<()> {
        for number in self.numbers()?.into_iter().filter(|&number| number >= from.segment) {
            let file = self.file(number, true)?;
            let end = file.bytes()?;
            let mut offset = if number == from.segment { from.offset } else { 0 };
            let mut buffer = vec![0; end.saturating_sub(offset).min(READ_BUFFER_BYTES as u64) as usize];
            while offset < end {
                let piece = (end - offset).min(buffer.len() as u64) as usize;
                file.read_at(&mut buffer[..piece], offset)?;
                file.write_at(&buffer[..piece], offset)?;
                offset += piece as u64;
            }
        }
        self.sync_from(from.segment)
    }

    /// Cuts off what lies beyond a position: frames of a push that never came to its end. Only for the holder of the
    /// publish lock, and only beyond everything the log knows.
    ///
    /// # Durability
    /// The shorter length may come back after a crash, and is cut again then; [`Segments::publish`] sees to it that nothing stands behind.
    pub fn cut(&self, end: Position) -> StoreResult<()> {
        for number in self.numbers()?.into_iter().rev() {
            if number > end.segment || (number == end.segment && end.offset <= SEGMENT_HEADER_BYTES as u64) {
                self.dir.remove_file(name_of(number).as_ref())?;
            } else if number == end.segment {
                self.file(number, true)?.truncate(end.offset)?;
            }
            self.maps.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&number);
        }
        Ok(self.dir.sync()?)
    }
}

/// The header of a new segment, which is made in this folder. The nonce only sets segments apart.
pub fn new_header(tmp: &Dir) -> [u8; SEGMENT_HEADER_BYTES] {
    encode_segment_header(tmp.nonce())
}

fn name_of(number: u32) -> String {
    format!("{number:06}{SUFFIX}")
}

fn number_of(name: &str) -> Option<u32> {
    let number: u32 = name.strip_suffix(SUFFIX)?.parse().ok()?;
    (number > 0 && number < ADOPTED_FIRST && name == name_of(number)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RootOf;
    use crate::disk::simulated::{Faults, Machine, Process, Sabotage};

    /// So many segments, each with its header and 100 bytes.
    fn segments(count: u32) -> (tempfile::TempDir, Segments) {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open(folder.path(), RootOf::UserPath).unwrap();
        for number in 1..=count {
            std::fs::write(folder.path().join(name_of(number)), [&encode_segment_header([number as u8; 8])[..], &[7; 100]].concat())
                .unwrap();
        }
        (folder, Segments::open(dir).unwrap())
    }

    fn bytes(segments: &Segments) -> Vec<u64> {
        segments.numbers().unwrap().iter().map(|&number| segments.file(number, false).unwrap().bytes().unwrap()).collect()
    }

    const WHOLE: u64 = SEGMENT_HEADER_BYTES as u64 + 100;

    #[test]
    fn what_lies_behind_a_map_is_mapped_anew() {
        let (_folder, segments) = segments(1);
        assert_eq!(segments.map(1, 0).unwrap().unwrap().len() as u64, WHOLE);
        let reaches = |offset| segments.reaches(Location::new(1, offset as u32, 0)).unwrap();
        assert!(reaches(WHOLE - 1) && !reaches(WHOLE));
        segments.file(1, true).unwrap().write_at(&[8; 10], WHOLE).unwrap();
        assert_eq!(segments.map(1, WHOLE - 1).unwrap().unwrap().len() as u64, WHOLE, "the map that is there does");
        assert_eq!(segments.map(1, WHOLE).unwrap().unwrap().len() as u64, WHOLE + 10);
        assert!(segments.map(2, 0).unwrap().is_none());
        assert!(segments.map(1, 0).is_ok());
    }

    #[test]
    fn maps_are_let_go_after_much_was_read() {
        let (_folder, segments) = segments(1);
        let is_kept = || !segments.maps.lock().unwrap().is_empty();
        for _ in 0..2 {
            segments.map(1, 0).unwrap();
            segments.note_read(MAPS_READ_BYTES_MAX - 1);
            segments.note_read(1);
            assert!(is_kept());
            segments.note_read(1);
            assert!(!is_kept());
            segments.map(1, 0).unwrap();
            segments.note_read(MAPS_READ_BYTES_MAX + 1);
            assert!(!is_kept());
        }
    }

    #[test]
    fn a_segment_without_a_name_is_read_as_long_as_it_is_held() {
        let (_folder, segments) = segments(2);
        let map = |number| segments.map(number, 0).unwrap();
        let adopted = segments.adopt(map(1).unwrap()).unwrap();
        let number = adopted.number();
        assert_eq!(map(number).unwrap()[12..20], [1; 8]);
        adopted.replace(map(2).unwrap());
        assert_eq!(map(number).unwrap()[12..20], [2; 8]);
        drop(adopted);
        assert!(map(number).is_none());
    }

    #[test]
    fn a_nonce_is_that_of_a_whole_header() {
        let (folder, segments) = segments(1);
        let file = segments.file(1, true).unwrap();
        file.truncate(SEGMENT_HEADER_BYTES as u64).unwrap();
        assert_eq!(segments.nonce(1).unwrap(), Some([1; 8]));
        file.truncate(SEGMENT_HEADER_BYTES as u64 - 1).unwrap();
        assert_eq!((segments.nonce(1).unwrap(), segments.nonce(2).unwrap()), (None, None));
        std::os::unix::fs::symlink("000001.seg", folder.path().join(name_of(3))).unwrap();
        assert!(segments.nonce(3).is_err());
    }

    #[test]
    fn a_cut_takes_what_lies_behind_and_leaves_the_rest() {
        let header = SEGMENT_HEADER_BYTES as u64;
        for (end, left) in [
            (Position { segment: 2, offset: header + 7 }, vec![WHOLE, header + 7]),
            (Position { segment: 2, offset: header }, vec![WHOLE]),
            (Position { segment: 3, offset: header + 1 }, vec![WHOLE, WHOLE, header + 1]),
            (Position::default(), vec![]),
        ] {
            let (_folder, segments) = segments(3);
            segments.cut(end).unwrap();
            assert_eq!(bytes(&segments), left, "{end:?}");
        }
    }

    #[test]
    fn the_end_is_found_while_segments_come_and_go() {
        let (folder, segments) = segments(1);
        let header = encode_segment_header([7; 8]);
        std::thread::scope(|scope| {
            let collecting = scope.spawn(|| {
                for number in 2..2000 {
                    std::fs::write(folder.path().join(name_of(number)), header).unwrap();
                    std::fs::remove_file(folder.path().join(name_of(number - 1))).unwrap();
                }
            });
            while !collecting.is_finished() {
                segments.end().unwrap();
                segments.total_bytes().unwrap();
            }
        });
        assert_eq!(segments.end().unwrap(), Position { segment: 1999, offset: header.len() as u64 });
    }

    #[test]
    fn what_is_written_again_is_what_lies_behind_and_nothing_else() {
        let machine = Machine::new(1, Sabotage::None, true);
        machine.begin(1, Faults::default());
        let process = Process::new(&machine, 0);
        let dir = process.root();
        for (number, bytes) in [(1, 50), (2, READ_BUFFER_BYTES + 10), (3, 30)] {
            dir.open_store_file(&name_of(number), true, true).unwrap().write_at(&vec![number as u8; bytes], 0).unwrap();
        }
        let before = machine.told().len();
        Segments::open(dir.clone()).unwrap().write_again_from(Position { segment: 2, offset: 5 }).unwrap();
        let told = machine.told();
        let written: Vec<&str> = told[before..].iter().filter_map(|line| Some(line.split_once("write ")?.1)).collect();
        let first = format!("{READ_BUFFER_BYTES} bytes at 5 of 000002.seg");
        let second = format!("5 bytes at {} of 000002.seg", READ_BUFFER_BYTES + 5);
        assert_eq!(written, [&first, &second, "30 bytes at 0 of 000003.seg"]);
        assert!(dir.read("000002.seg", 1 << 30).unwrap().iter().all(|&byte| byte == 2));
    }

    #[test]
    fn names_are_read_back_and_others_passed_over() {
        assert_eq!(number_of(&name_of(7)), Some(7));
        assert_eq!(number_of(&name_of(1_000_000)), Some(1_000_000));
        assert_eq!(number_of(&name_of(ADOPTED_FIRST - 1)), Some(ADOPTED_FIRST - 1));
        assert_eq!(number_of(&name_of(ADOPTED_FIRST)), None);
        for name in ["7.seg", "000000.seg", "0000007.seg", "+00007.seg", "000007.idx", "t12-3", "4294967295.seg"] {
            assert_eq!(number_of(name), None, "{name}");
        }
    }
}
