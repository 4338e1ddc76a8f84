//! The object index: sorted runs with a fan-out table, and the tail in which new entries gather.
//!
//! Everything here can be made again from the segments, so damage costs time only: a read whose object does not have
//! the id asked for makes the reader look for it in the segments themselves.
//!
//! An entry has the first eight bytes of an id only. Two objects may share them, by chance or by somebody's work; so a
//! look-up gives candidates, and who asks computes the id of what is there. That makes the index a third of the size, and
//! means that no content ever counts as stored because an index says so.

use super::FORMAT_VERSION;
use super::bytes::{ByteReader, FormatError, checksum};
use crate::id::ObjectId;

/// First bytes of a run.
pub const RUN_MAGIC: [u8; 8] = *b"\x89LUIDX\r\n";
/// Length of a run's header: magic, version, reserved, segment, offset, number of entries, checksum.
pub const RUN_HEADER_BYTES: usize = 40;
/// Length of the fan-out table behind the header: 256 little-endian numbers of four bytes.
pub const FAN_OUT_BYTES: usize = 256 * 4;
/// Length of an entry: the first eight bytes of an id, and the number of a location.
pub const ENTRY_BYTES: usize = 16;
/// Length of the header of a tail record: number of entries, and from and to positions.
pub const TAIL_HEADER_BYTES: usize = 4 + 2 * POSITION_BYTES;
/// Length of the checksum that closes a tail record.
pub const TAIL_CHECKSUM_BYTES: usize = 8;
const POSITION_BYTES: usize = 12;

/// The first eight bytes of an id, as a big-endian number, so that prefixes are in the order of the ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdPrefix(u64);

impl IdPrefix {
    /// The prefix of an id.
    pub fn of(id: &ObjectId) -> Self {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&id.as_bytes()[..8]);
        Self(u64::from_be_bytes(bytes))
    }

    fn first_byte(self) -> u8 {
        (self.0 >> 56) as u8
    }
}

/// One entry: an object and the number of its location.
pub type IndexEntry = (IdPrefix, u64);
/// A segment's number and an offset in it, up to which segments are indexed.
pub type IndexPosition = (u32, u64);

/// The bytes of a run with these entries, which must be sorted by id; `covered` is how far the segments are indexed by
/// this run and all older ones.
pub fn encode_run(entries: &[IndexEntry], covered: IndexPosition) -> Vec<u8> {
    let mut out = Vec::with_capacity(RUN_HEADER_BYTES + FAN_OUT_BYTES + entries.len() * ENTRY_BYTES);
    out.extend_from_slice(&RUN_MAGIC);
    out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    put_position(&mut out, covered);
    out.extend_from_slice(&(entries.len() as u64).to_le_bytes());
    let sum = checksum::<8>(&out);
    out.extend_from_slice(&sum);
    let mut counted = 0;
    for first_byte in 0..=255u8 {
        counted += entries[counted..].partition_point(|(prefix, _)| prefix.first_byte() <= first_byte);
        out.extend_from_slice(&(counted as u32).to_le_bytes());
    }
    entries.iter().for_each(|entry| put_entry(&mut out, entry));
    out
}

/// A run's bytes, whose header was checked.
#[derive(Clone, Copy, Debug)]
pub struct RunView<'a> {
    covered: IndexPosition,
    fan_out: &'a [u8],
    entries: &'a [u8],
}

impl<'a> RunView<'a> {
    /// Checks a run's header, and that the file has the length that the header says.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        const WHAT: &str = "index run";
        let mut reader = ByteReader::new(bytes, WHAT);
        let header = reader.take(RUN_HEADER_BYTES)?;
        let mut fields = ByteReader::new(header, WHAT);
        fields.head(RUN_MAGIC)?;
        fields.reserved::<2>()?;
        let covered = (fields.u32()?, fields.u64()?);
        let count = fields.u64()?;
        if checksum::<8>(&header[..RUN_HEADER_BYTES - 8]) != fields.array()? {
            return Err(FormatError::Checksum { what: WHAT });
        }
        let fan_out = reader.take(FAN_OUT_BYTES)?;
        if (reader.remaining() as u64) != count.saturating_mul(ENTRY_BYTES as u64) {
            return Err(reader.malformed("its length does not fit its number of entries"));
        }
        let entries = reader.take(reader.remaining())?;
        Ok(Self { covered, fan_out, entries })
    }

    /// A view of bytes that [`RunView::parse`] accepted before; only the lengths are looked at again.
    pub fn trusted(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_at_checked(RUN_HEADER_BYTES)?;
        let (fan_out, entries) = rest.split_at_checked(FAN_OUT_BYTES)?;
        let mut fields = ByteReader::new(&header[12..], "index run");
        Some(Self { covered: (fields.u32().ok()?, fields.u64().ok()?), fan_out, entries })
    }

    /// How far the segments are indexed by this run and all older ones.
    pub fn covered(&self) -> IndexPosition {
        self.covered
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len() / ENTRY_BYTES
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry at a place below [`RunView::len`].
    pub fn entry(&self, place: usize) -> Option<IndexEntry> {
        let bytes = self.entries.get(place * ENTRY_BYTES..(place + 1) * ENTRY_BYTES)?;
        read_entry(&mut ByteReader::new(bytes, "index run")).ok()
    }

    /// The location numbers of all objects with a prefix: the fan-out table narrows the search to those with the same first
    /// byte, and a binary search finds them among these.
    pub fn candidates(&self, prefix: IdPrefix) -> impl Iterator<Item = u64> + use<'a> {
        let first_byte = usize::from(prefix.first_byte());
        let mut high = self.fan_out_at(first_byte).min(self.len());
        let mut low = if first_byte == 0 { 0 } else { self.fan_out_at(first_byte - 1).min(high) };
        while low < high {
            let middle = low + (high - low) / 2;
            match self.entry(middle) {
                Some((found, _)) if found < prefix => low = middle + 1,
                _ => high = middle,
            }
        }
        let view = *self;
        (low..self.len()).map_while(move |place| view.entry(place)).take_while(move |(found, _)| *found == prefix).map(|(_, number)| number)
    }

    fn fan_out_at(&self, first_byte: usize) -> usize {
        let mut number = [0; 4];
        number.copy_from_slice(&self.fan_out[first_byte * 4..first_byte * 4 + 4]);
        u32::from_le_bytes(number) as usize
    }
}

/// The entries that one push added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailRecord {
    /// How far the segments were indexed before.
    pub from: IndexPosition,
    /// How far they are with these entries.
    pub to: IndexPosition,
    /// The entries, in no order.
    pub entries: Vec<IndexEntry>,
}

impl TailRecord {
    /// Appends the record's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&(self.entries.len() as u32).to_le_bytes());
        put_position(out, self.from);
        put_position(out, self.to);
        self.entries.iter().for_each(|entry| put_entry(out, entry));
        let sum = checksum::<TAIL_CHECKSUM_BYTES>(&out[start..]);
        out.extend_from_slice(&sum);
    }

    /// Reads the record at the beginning of `bytes`; also gives its length. A torn record is an error.
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), FormatError> {
        const WHAT: &str = "index tail";
        let mut reader = ByteReader::new(bytes, WHAT);
        let count = reader.u32()? as usize;
        let from = (reader.u32()?, reader.u64()?);
        let to = (reader.u32()?, reader.u64()?);
        let mut rows = ByteReader::new(reader.take(count.saturating_mul(ENTRY_BYTES))?, WHAT);
        let covered_bytes = bytes.len() - reader.remaining();
        if checksum::<TAIL_CHECKSUM_BYTES>(&bytes[..covered_bytes]) != reader.array()? {
            return Err(FormatError::Checksum { what: WHAT });
        }
        let entries = (0..count).map(|_| read_entry(&mut rows)).collect::<Result<_, _>>()?;
        Ok((Self { from, to, entries }, bytes.len() - reader.remaining()))
    }
}

fn put_position(out: &mut Vec<u8>, (segment, offset): IndexPosition) {
    out.extend_from_slice(&segment.to_le_bytes());
    out.extend_from_slice(&offset.to_le_bytes());
}

fn put_entry(out: &mut Vec<u8>, (prefix, number): &IndexEntry) {
    out.extend_from_slice(&prefix.0.to_be_bytes());
    out.extend_from_slice(&number.to_le_bytes());
}

fn read_entry(reader: &mut ByteReader<'_>) -> Result<IndexEntry, FormatError> {
    Ok((IdPrefix(u64::from_be_bytes(reader.array()?)), reader.u64()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ObjectKind;
    use proptest::prelude::*;

    fn entries(count: u32) -> Vec<IndexEntry> {
        let mut entries: Vec<_> =
            (0..count).map(|n| (IdPrefix::of(&ObjectId::of(ObjectKind::Blob, &n.to_le_bytes())), u64::from(n))).collect();
        entries.sort_unstable();
        entries
    }

    #[test]
    fn every_entry_of_a_run_is_found_and_no_other() {
        for count in [0, 1, 2, 300, 5000] {
            let entries = entries(count);
            let bytes = encode_run(&entries, (3, 99));
            let run = RunView::parse(&bytes).unwrap();
            assert_eq!((run.covered(), run.len()), ((3, 99), count as usize));
            assert!(entries.iter().all(|(prefix, number)| run.candidates(*prefix).eq([*number])));
            assert_eq!(run.candidates(IdPrefix::of(&ObjectId::of(ObjectKind::Tree, b"other"))).next(), None);
        }
    }

    #[test]
    fn objects_that_share_a_prefix_are_all_found() {
        let shared = IdPrefix(0x7700_0000_0000_0000);
        let entries = [(IdPrefix(1), 1), (shared, 2), (shared, 3), (shared, 4), (IdPrefix(u64::MAX), 5)];
        let bytes = encode_run(&entries, (1, 1));
        assert!(RunView::parse(&bytes).unwrap().candidates(shared).eq([2, 3, 4]));
    }

    #[test]
    fn tail_records_read_back_and_torn_ones_are_found() {
        let record = TailRecord { from: (1, 24), to: (1, 900), entries: entries(3) };
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        let length = bytes.len();
        bytes.extend_from_slice(b"more");
        assert_eq!(TailRecord::decode(&bytes), Ok((record, length)));
        for cut in 0..length {
            assert!(TailRecord::decode(&bytes[..cut]).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, flip in 0usize..1200, prefix: u64) {
            let _ = TailRecord::decode(&bytes);
            let mut run = encode_run(&entries(4), (1, 2));
            let place = flip % run.len();
            run[place] ^= 0x55;
            if let Ok(view) = RunView::parse(&run) {
                let _ = view.candidates(IdPrefix(prefix)).count();
            }
        }
    }
}
