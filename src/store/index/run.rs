//! Sorted runs of the index: immutable files that are searched where they lie, in a memory map.

use std::ffi::OsString;

use super::super::{Location, Position, StoreResult};
use super::position;
use crate::disk::{Dir, Map};
use crate::format::index::{IdPrefix, IndexEntry, RunView, encode_run};

const SUFFIX: &str = ".run";
/// How often the list of runs is read again when one that it names is gone: another process merged it meanwhile.
const LISTING_TRIES: u32 = 10;

/// One run.
#[derive(Debug)]
pub struct Run {
    number: u64,
    map: Map,
}

impl Run {
    /// Opens all runs in a folder, oldest first. A damaged one is passed over: what it held is read from the segments.
    pub fn open_all(dir: &Dir) -> StoreResult<Vec<Self>> {
        for _ in 1..LISTING_TRIES {
            if let Some(runs) = Self::try_open_all(dir)? {
                return Ok(runs);
            }
        }
        Ok(Vec::new())
    }

    /// `None` when a run was removed between the listing and its opening, or when a run is damaged: without all of the
    /// runs nothing can be said about how far the segments are covered.
    fn try_open_all(dir: &Dir) -> StoreResult<Option<Vec<Self>>> {
        let mut numbers: Vec<u64> = dir.names()?.iter().filter_map(number_of).collect();
        numbers.sort_unstable();
        let mut runs = Vec::with_capacity(numbers.len());
        for number in numbers {
            let map = match dir.map(&name_of(number)) {
                Ok(map) => map,
                Err(error) if error.is_not_found() => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            if RunView::parse(&map).is_err() {
                return Ok(None);
            }
            runs.push(Self { number, map });
        }
        Ok(Some(runs))
    }

    /// Writes a run of sorted entries.
    ///
    /// # Durability
    /// Durable on return.
    pub fn publish(dir: &Dir, tmp: &Dir, number: u64, entries: &[IndexEntry], covered: Position) -> StoreResult<Self> {
        let name = name_of(number);
        dir.publish(tmp, &name, &encode_run(entries, (covered.segment, covered.offset)))?;
        Ok(Self { number, map: dir.map(&name)? })
    }

    /// Removes all runs in a folder, damaged ones too.
    pub fn remove_all(dir: &Dir) -> StoreResult<()> {
        let names = dir.names()?;
        Ok(names.iter().filter(|name| number_of(name).is_some()).try_for_each(|name| dir.remove_file(name))?)
    }

    /// The run's number; a higher one is newer.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How far the segments are indexed by this run and the older ones.
    pub fn covered(&self) -> Position {
        self.view().map(|view| position(view.covered())).unwrap_or_default()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.view().map_or(0, |view| view.len())
    }

    /// Where objects with this prefix are.
    pub fn candidates(&self, prefix: IdPrefix) -> impl Iterator<Item = Location> + '_ {
        self.view().into_iter().flat_map(move |view| view.candidates(prefix)).map(Location::from_number)
    }

    /// All entries, sorted.
    pub fn entries(&self) -> impl Iterator<Item = IndexEntry> + '_ {
        self.view().into_iter().flat_map(|view| (0..view.len()).filter_map(move |place| view.entry(place)))
    }

    /// Removes the run's file; maps of it stay readable.
    pub fn remove(&self, dir: &Dir) -> StoreResult<()> {
        Ok(dir.remove_file(name_of(self.number).as_ref())?)
    }

    /// The header was checked when the run was opened.
    fn view(&self) -> Option<RunView<'_>> {
        RunView::trusted(&self.map)
    }
}

fn name_of(number: u64) -> String {
    format!("{number:08}{SUFFIX}")
}

fn number_of(name: &OsString) -> Option<u64> {
    name.to_str()?.strip_suffix(SUFFIX)?.parse().ok()
}
