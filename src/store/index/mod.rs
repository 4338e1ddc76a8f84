//! The object index: which frame holds which object.
//!
//! A log-structured merge of sorted runs (O'Neil et al., "The log-structured merge-tree", 1996), small enough to need no
//! manifest. New entries go to the tail file and into a map in memory; when there are too many, they become a run,
//! and neighbouring runs are merged as soon as the older is not twice the size of the newer. So there are at most
//! log2(objects) runs, each entry is rewritten at most that often, and opening loads the tail alone.
//!
//! Cost: 16 bytes an object on disk; in memory only the tail (up to 2,048 entries, 32 KB). An object is found by one
//! binary search in each run: 100,000 look-ups in about 2 ms for each run.
//!
//! Crash: a run is durable before the tail is emptied and before the runs it replaces are removed, so every entry is in at
//! least one place; entries that are there twice are equal. The tail is not synced: a record that was lost or torn does not
//! connect to the next one, the covered position stays behind, and the segments are read from there. What the segments could still
//! lose is not written down: a writer that finds a content in the index relies on it.

mod run;
mod tail;

use super::{Location, Position, StoreResult};
use crate::disk::Dir;
use crate::format::index::{IdPrefix, IndexEntry, TailRecord};
use crate::id::ObjectId;
use crate::limits::{INDEX_MERGE_RATIO, INDEX_TAIL_ENTRIES_MAX};
use run::Run;
use tail::Tail;

/// An open index.
#[derive(Debug)]
pub struct ObjectIndex {
    dir: Dir,
    /// Oldest first.
    runs: Vec<Run>,
    /// Entries of the tail, and of segments read without being allowed to write them down; sorted.
    recent: Vec<IndexEntry>,
    /// Records in the tail file: pushes without a new object leave one too.
    tail_records: usize,
    tail_bytes: u64,
    covered: Position,
    /// Entries that are not written down yet, behind this position.
    unwritten: Vec<IndexEntry>,
    written: Position,
    /// Entries were remembered that this process did not write down: what else is on disk by now is not known.
    is_ahead_of_disk: bool,
}

impl ObjectIndex {
    /// Opens the index in `dir`; one that is damaged or not there covers nothing.
    pub fn open(dir: Dir) -> StoreResult<Self> {
        let runs = Run::open_all(&dir)?;
        let mut covered = runs.iter().map(Run::covered).max().unwrap_or_default();
        let mut recent = Vec::new();
        let (records, tail_bytes) = Tail::read(&dir)?;
        let tail_records = records.len();
        for record in records {
            if position(record.from) == covered {
                covered = position(record.to);
                recent.extend(record.entries);
            }
        }
        recent.sort_unstable();
        let (unwritten, written) = (Vec::new(), covered);
        Ok(Self { dir, runs, recent, tail_records, tail_bytes, covered, unwritten, written, is_ahead_of_disk: false })
    }

    /// Reads what is on disk anew.
    pub fn reload(&mut self) -> StoreResult<()> {
        *self = Self::open(self.dir.clone())?;
        Ok(())
    }

    /// Whether this is what was read from disk and written to it since: only such an index may be added to.
    pub fn is_as_on_disk(&self) -> bool {
        !self.is_ahead_of_disk
    }

    /// How far the segments are indexed.
    pub fn covered(&self) -> Position {
        self.covered
    }

    /// Where an object may be: everything whose id begins like this one.
    pub fn candidates(&self, id: &ObjectId) -> impl Iterator<Item = Location> + '_ {
        let prefix = IdPrefix::of(id);
        let first = self.recent.partition_point(|(found, _)| *found < prefix);
        let recent = self.recent[first..].iter().take_while(move |(found, _)| *found == prefix);
        let recent = recent.map(|&(_, number)| Location::from_number(number));
        recent.chain(self.runs.iter().rev().flat_map(move |run| run.candidates(prefix)))
    }

    /// Adds entries to the memory of this process alone, for those who may not write.
    pub fn remember(&mut self, entries: &[(ObjectId, Location)], to: Position) {
        self.take(entries, to);
        self.is_ahead_of_disk = true;
    }

    fn take(&mut self, entries: &[(ObjectId, Location)], to: Position) {
        self.recent.extend(entries.iter().map(to_entry));
        self.recent.sort_unstable();
        self.covered = to;
    }

    /// Adds entries and notes that the segments are indexed up to `to`. Only for the holder of the publish lock, once the segments are
    /// durable up to there.
    ///
    /// # Durability
    /// None needed: what is lost is read from the segments again.
    pub fn add(&mut self, tmp: &Dir, entries: &[(ObjectId, Location)], to: Position) -> StoreResult<()> {
        self.add_later(entries, to);
        self.write_down(tmp)
    }

    /// As [`ObjectIndex::add`], for segments that are not durable yet: [`ObjectIndex::write_down`] is called when they are.
    pub fn add_later(&mut self, entries: &[(ObjectId, Location)], to: Position) {
        self.take(entries, to);
        self.unwritten.extend(entries.iter().map(to_entry));
    }

    /// Writes down what was added.
    pub fn write_down(&mut self, tmp: &Dir) -> StoreResult<()> {
        let (from, to) = (self.written, self.covered);
        self.written = to;
        self.tail_records += 1;
        let entries = std::mem::take(&mut self.unwritten);
        if self.recent.len() > INDEX_TAIL_ENTRIES_MAX || self.tail_records > INDEX_TAIL_ENTRIES_MAX {
            return self.flush(tmp);
        }
        let record = TailRecord { from: (from.segment, from.offset), to: (to.segment, to.offset), entries };
        self.tail_bytes += Tail::append(&self.dir, &record, self.tail_bytes)?;
        Ok(())
    }

    /// All entries, in no order; some may stand twice.
    pub fn entries(&self) -> impl Iterator<Item = IndexEntry> + '_ {
        self.recent.iter().copied().chain(self.runs.iter().flat_map(Run::entries))
    }

    /// Puts entries in the place of all those of some segments. Only for the holder of the publish lock.
    ///
    /// # Durability
    /// Durable on return, and none of the old entries comes back. After a crash before that there may be the old entries, the new ones,
    /// or both.
    pub fn replace(&mut self, tmp: &Dir, segments: &[u32], entries: &[(ObjectId, Location)]) -> StoreResult<()> {
        let stays = |(_, number): &IndexEntry| segments.binary_search(&Location::from_number(*number).segment()).is_err();
        let mut all: Vec<IndexEntry> = self.entries().filter(stays).chain(entries.iter().map(to_entry)).collect();
        all.sort_unstable();
        all.dedup();
        let old = std::mem::take(&mut self.runs);
        let number = old.last().map_or(1, |run| run.number() + 1);
        self.recent.clear();
        self.runs.push(Run::publish(&self.dir, tmp, number, &all, self.covered)?);
        Tail::clear(&self.dir)?;
        self.forget_tail();
        old.iter().try_for_each(|run| run.remove(&self.dir))?;
        Ok(self.dir.sync()?)
    }

    /// Forgets everything, on disk as well: the next look at the segments starts at their beginning.
    ///
    /// # Durability
    /// Durable on return: entries of segments that were replaced must not come back.
    pub fn clear(&mut self) -> StoreResult<()> {
        self.runs.clear();
        self.recent.clear();
        self.forget_tail();
        self.is_ahead_of_disk = false;
        self.covered = Position::default();
        self.written = Position::default();
        Run::remove_all(&self.dir)?;
        Tail::clear(&self.dir)?;
        Ok(self.dir.sync()?)
    }

    fn forget_tail(&mut self) {
        self.unwritten.clear();
        self.tail_records = 0;
        self.tail_bytes = 0;
    }

    /// Makes a run of the recent entries, merged with the runs that are not much larger.
    fn flush(&mut self, tmp: &Dir) -> StoreResult<()> {
        let mut entries = std::mem::take(&mut self.recent);
        let mut merged = Vec::new();
        while let Some(last) = self.runs.last() {
            if last.len() as u64 >= INDEX_MERGE_RATIO * entries.len() as u64 {
                break;
            }
            entries.extend(last.entries());
            merged.extend(self.runs.pop());
        }
        entries.sort_unstable();
        entries.dedup();
        let number = merged.first().or(self.runs.last()).map_or(1, |run| run.number() + 1);
        self.runs.push(Run::publish(&self.dir, tmp, number, &entries, self.covered)?);
        Tail::clear(&self.dir)?;
        self.forget_tail();
        merged.iter().try_for_each(|run| run.remove(&self.dir))
    }
}

fn to_entry(&(id, location): &(ObjectId, Location)) -> IndexEntry {
    (IdPrefix::of(&id), location.number())
}

fn position((segment, offset): (u32, u64)) -> Position {
    Position { segment, offset }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::disk::RootOf;
    use crate::disk::simulated::{Faults, Machine, Process, Sabotage};
    use crate::format::index::{ENTRY_BYTES, TAIL_CHECKSUM_BYTES, TAIL_HEADER_BYTES};
    use crate::id::ObjectKind;

    fn entry(n: u32) -> (ObjectId, Location) {
        (ObjectId::of(ObjectKind::Blob, &n.to_le_bytes()), Location::new(1, n, 0))
    }

    fn at(offset: u64) -> Position {
        Position { segment: 1, offset }
    }

    #[test]
    fn entries_survive_reopening_and_runs_stay_few() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Dir::open(folder.path(), RootOf::UserPath).unwrap();
        let pushes = 1000;
        for push in 0..pushes {
            let mut index = ObjectIndex::open(open()).unwrap();
            assert_eq!(index.covered(), if push == 0 { Position::default() } else { at(u64::from(push)) });
            let entries: Vec<_> = (push * 10..push * 10 + 10).map(entry).collect();
            index.add(&open(), &entries, at(u64::from(push) + 1)).unwrap();
        }
        let index = ObjectIndex::open(open()).unwrap();
        assert!((0..pushes * 10).map(entry).all(|(id, location)| index.candidates(&id).eq([location])));
        assert!(index.runs.len() <= 6, "{} runs", index.runs.len());
        assert!(std::fs::read_dir(folder.path()).unwrap().count() <= 8);
    }

    #[test]
    fn a_lost_tail_record_leaves_the_covered_position_behind() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Dir::open(folder.path(), RootOf::UserPath).unwrap();
        let mut index = ObjectIndex::open(open()).unwrap();
        for n in 1..4 {
            index.add(&open(), &[entry(n)], at(u64::from(n))).unwrap();
        }
        let path = folder.path().join("tail");
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(ObjectIndex::open(open()).unwrap().covered(), at(1));
        std::fs::write(&path, b"garbage").unwrap();
        assert_eq!(ObjectIndex::open(open()).unwrap().covered(), Position::default());
    }

    fn opened() -> (tempfile::TempDir, Dir, ObjectIndex) {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open(folder.path(), RootOf::UserPath).unwrap();
        let index = ObjectIndex::open(dir.clone()).unwrap();
        (folder, dir, index)
    }

    fn adding(index: &mut ObjectIndex, tmp: &Dir, numbers: std::ops::Range<u32>) {
        let to = at(index.covered().offset + 1);
        index.add(tmp, &numbers.map(entry).collect::<Vec<_>>(), to).unwrap();
    }

    #[test]
    fn a_full_tail_becomes_a_run_and_the_next_entries_begin_another_tail() {
        let full = INDEX_TAIL_ENTRIES_MAX as u32;
        // Full of entries, and of records without any.
        for (records, entries) in [(1, full), (full, 0)] {
            let (_folder, dir, mut index) = opened();
            (0..records).for_each(|_| adding(&mut index, &dir, 0..entries));
            assert_eq!((index.runs.len(), dir.contains("tail").unwrap()), (0, true));
            adding(&mut index, &dir, entries..entries + entries.min(1));
            assert_eq!((index.runs.len(), dir.contains("tail").unwrap()), (1, false));
            adding(&mut index, &dir, full + 1..full + 3);
            let reopened = ObjectIndex::open(dir).unwrap();
            assert_eq!((reopened.runs.len(), reopened.tail_records, reopened.covered()), (1, 1, index.covered()));
            assert!(reopened.candidates(&entry(full + 2).0).eq([entry(full + 2).1]));
        }
    }

    #[test]
    fn more_entries_at_once_than_a_tail_holds_become_a_run() {
        let (_folder, dir, mut index) = opened();
        adding(&mut index, &dir, 0..3000);
        assert_eq!(index.runs.iter().map(Run::len).collect::<Vec<_>>(), [3000]);
        adding(&mut index, &dir, 3000..5060);
        assert_eq!(index.runs.iter().map(Run::len).collect::<Vec<_>>(), [5060], "less than twice as large: merged");
        adding(&mut index, &dir, 5060..7590);
        assert_eq!(index.runs.iter().map(Run::len).collect::<Vec<_>>(), [5060, 2530], "twice as large: left alone");
    }

    #[test]
    fn replaced_entries_are_gone_and_the_new_ones_stay() {
        let (_folder, dir, mut index) = opened();
        adding(&mut index, &dir, 0..3000);
        adding(&mut index, &dir, 3000..3010);
        let moved = |n| (entry(n).0, Location::new(2, n, 0));
        index.replace(&dir, &[1], &[moved(7), moved(3001)]).unwrap();
        for index in [&index, &ObjectIndex::open(dir).unwrap()] {
            assert_eq!((index.entries().count(), index.covered()), (2, at(2)));
            assert!([7, 3001].into_iter().all(|n| index.candidates(&entry(n).0).eq([moved(n).1])));
        }
    }

    #[test]
    fn the_next_record_stands_behind_the_last_whole_one() {
        let (folder, dir, mut index) = opened();
        adding(&mut index, &dir, 1..3);
        std::fs::OpenOptions::new().append(true).open(folder.path().join("tail")).unwrap().write_all(b"torn").unwrap();
        let mut index = ObjectIndex::open(dir.clone()).unwrap();
        assert_eq!(index.covered(), at(1));
        adding(&mut index, &dir, 3..5);
        assert_eq!(ObjectIndex::open(dir).unwrap().covered(), at(2));
    }

    #[test]
    fn what_is_too_long_for_a_tail_covers_nothing_and_what_cannot_be_read_is_an_error() {
        let (folder, dir, mut index) = opened();
        adding(&mut index, &dir, 1..3);
        let tail = std::fs::OpenOptions::new().append(true).open(folder.path().join("tail")).unwrap();
        // Each entry in a record of its own, twice that.
        let bytes_max = 2 * (INDEX_TAIL_ENTRIES_MAX + 1) * (TAIL_HEADER_BYTES + ENTRY_BYTES + TAIL_CHECKSUM_BYTES);
        tail.set_len(bytes_max as u64).unwrap();
        assert_eq!(ObjectIndex::open(dir.clone()).unwrap().covered(), at(1));
        tail.set_len(bytes_max as u64 + 1).unwrap();
        assert_eq!(ObjectIndex::open(dir.clone()).unwrap().covered(), Position::default());
        for name in ["tail", "00000001.run"] {
            dir.remove_file("tail".as_ref()).unwrap();
            std::os::unix::fs::symlink("elsewhere", folder.path().join(name)).unwrap();
            assert!(ObjectIndex::open(dir.clone()).is_err(), "{name}");
        }
    }

    #[test]
    fn runs_that_another_replaces_meanwhile_are_no_error() {
        let machine = Machine::new(1, Sabotage::None, false);
        machine.begin(2, Faults { switch: 2, ..Faults::default() });
        // Whoever has the turn must give it back, so what was found is looked at in the end.
        let seat = |seat: usize, work: fn(Dir) -> bool| {
            machine.sit_down(seat);
            let well = work(Process::new(&machine, seat).root());
            machine.stand_up(seat);
            well
        };
        let replaced = |dir: Dir| {
            let mut index = ObjectIndex::open(dir.clone()).unwrap();
            (0..50).all(|n| index.replace(&dir, &[1], &[entry(n)]).is_ok())
        };
        let read = |dir: Dir| (0..200).all(|_| ObjectIndex::open(dir.clone()).is_ok());
        std::thread::scope(|scope| {
            let others = scope.spawn(|| seat(1, replaced));
            assert!(seat(0, read) && others.join().unwrap());
        });
    }

    #[test]
    fn clearing_forgets_everything() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Dir::open(folder.path(), RootOf::UserPath).unwrap();
        let mut index = ObjectIndex::open(open()).unwrap();
        let entries: Vec<_> = (0..5000).map(entry).collect();
        index.add(&open(), &entries, at(9)).unwrap();
        index.clear().unwrap();
        let index = ObjectIndex::open(open()).unwrap();
        assert_eq!((index.candidates(&entry(7).0).next(), index.covered()), (None, Position::default()));
    }
}
