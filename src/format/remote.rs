//! What lies in a remote beside the packs: the object that says what it is, and the entries of its log.
//!
//! An entry holds records of the shared log. These are chained among themselves: a machine's own log has the same records in the
//! same order, between others that are its own business, and so with other sequences. Entries name the entry before them as well.

use super::FORMAT_VERSION;
use super::bytes::{ByteReader, FormatError, checksum, put_prefixed, put_varint};
use super::record::Record;
use crate::id::ObjectId;
use crate::limits::{PACK_BYTES_MAX, RECORD_BYTES_MAX, REMOTE_ENTRY_BYTES_MAX};

/// First bytes of the object that says what a remote is.
pub const REMOTE_MAGIC: [u8; 8] = *b"\x89LRF\r\n\x1a\n";
/// First bytes of the object that says what an encrypted remote is.
pub const SEALED_REMOTE_MAGIC: [u8; 8] = *b"\x89LRE\r\n\x1a\n";
/// First bytes of an entry of the remote log.
pub const REMOTE_ENTRY_MAGIC: [u8; 8] = *b"\x89LRL\r\n\x1a\n";
const ID_CONTEXT: &str = "lua_store 2026-11 remote: log entry id";

/// Number of a repository: random, the same for all who share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RepositoryId(pub [u8; 16]);

impl std::fmt::Display for RepositoryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for RepositoryId {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let wrong = FormatError::Malformed { what: "id of a repository", why: "it is not 32 hexadecimal digits" };
        // A number may begin with a plus sign; an id may not.
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong);
        }
        let mut id = [0; 16];
        for (byte, place) in id.iter_mut().zip(0..) {
            *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).map_err(|_| wrong.clone())?;
        }
        Ok(Self(id))
    }
}

/// Tells master keys apart without saying anything of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 16]);

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a remote is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteFormat {
    /// The repository.
    pub repository: RepositoryId,
    /// The master key that what lies there is sealed with; `None` where nothing is.
    pub key: Option<KeyId>,
}

impl RemoteFormat {
    /// The bytes of the object that says it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = if self.key.is_some() { SEALED_REMOTE_MAGIC } else { REMOTE_MAGIC }.to_vec();
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&self.repository.0);
        self.key.iter().for_each(|key| out.extend_from_slice(&key.0));
        let sum = checksum::<8>(&out);
        out.extend_from_slice(&sum);
        out
    }

    /// Reads what a remote is.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        const WHAT: &str = "the remote's `format`";
        let is_sealed = bytes.starts_with(&SEALED_REMOTE_MAGIC);
        let mut reader = begin(bytes, if is_sealed { SEALED_REMOTE_MAGIC } else { REMOTE_MAGIC }, WHAT)?;
        let repository = RepositoryId(reader.array()?);
        let key = if is_sealed { Some(KeyId(reader.array()?)) } else { None };
        reader.finish()?;
        Ok(Self { repository, key })
    }
}

/// Checks magic, version and the checksum at the end, and gives what stands between.
pub(super) fn begin<'a>(bytes: &'a [u8], magic: [u8; 8], what: &'static str) -> Result<ByteReader<'a>, FormatError> {
    let (covered, sum) = bytes.split_at_checked(bytes.len().saturating_sub(8)).ok_or(FormatError::Truncated { what })?;
    let mut reader = ByteReader::new(covered, what);
    reader.head(magic)?;
    if checksum::<8>(covered) != sum {
        return Err(FormatError::Checksum { what });
    }
    Ok(reader)
}

/// Random bytes in packs, catalogs and bundles, the same in all that is sent at one go: what is sent at another has other ids, whatever
/// it holds. Zeros in what has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp(pub [u8; STAMP_BYTES]);

/// Length of a stamp in bytes.
pub const STAMP_BYTES: usize = 10;

/// Writes a stamp at an end; none takes no bytes.
pub(super) fn put_stamp(out: &mut Vec<u8>, stamp: Stamp) {
    if stamp != Stamp::default() {
        out.extend_from_slice(&stamp.0);
    }
}

/// Reads what [`put_stamp`] wrote.
pub(super) fn take_stamp(reader: &mut ByteReader<'_>) -> Result<Stamp, FormatError> {
    if reader.remaining() == 0 {
        return Ok(Stamp::default());
    }
    let stamp = Stamp(reader.array()?);
    if stamp == Stamp::default() { Err(reader.malformed("a stamp of zeros")) } else { Ok(stamp) }
}

/// A pack, as an entry names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackRef {
    /// Its id.
    pub id: ObjectId,
    /// Its length in bytes.
    pub bytes: u64,
    /// Number of objects in it.
    pub objects: u64,
}

/// An entry of the remote log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteEntry {
    /// Whose log it is.
    pub repository: RepositoryId,
    /// Its place: 1 for the first.
    pub number: u64,
    /// Id of the entry before it; [`ObjectId::ZERO`] for the first.
    pub previous: ObjectId,
    /// Random: tells two entries for the same place apart, whatever is in them.
    pub nonce: [u8; 16],
    /// Records of the shared log, chained to those of the entries before.
    pub records: Vec<Record>,
    /// The packs that hold what these records bring and everybody needs: trees, and small contents with them.
    pub packs: Vec<PackRef>,
    /// Catalogs of the packs with the other contents.
    pub catalogs: Vec<PackRef>,
}

/// Appends packs, and how many they are.
pub(super) fn put_packs(out: &mut Vec<u8>, packs: &[PackRef]) {
    put_varint(out, packs.len() as u64);
    for pack in packs {
        out.extend_from_slice(pack.id.as_bytes());
        put_varint(out, pack.bytes);
        put_varint(out, pack.objects);
    }
}

/// Reads what [`put_packs`] wrote.
pub(super) fn take_packs(reader: &mut ByteReader<'_>) -> Result<Vec<PackRef>, FormatError> {
    let mut packs = Vec::new();
    for _ in 0..reader.varint_max(reader.remaining() as u64)? {
        let id = ObjectId::from_bytes(reader.array()?);
        packs.push(PackRef { id, bytes: reader.varint_max(PACK_BYTES_MAX as u64)?, objects: reader.varint()? });
    }
    Ok(packs)
}

impl RemoteEntry {
    /// The entry's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = REMOTE_ENTRY_MAGIC.to_vec();
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&self.repository.0);
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(self.previous.as_bytes());
        out.extend_from_slice(&self.nonce);
        put_varint(&mut out, self.records.len() as u64);
        self.records.iter().for_each(|record| put_prefixed(&mut out, &record.encode()));
        put_packs(&mut out, &self.packs);
        if !self.catalogs.is_empty() {
            put_packs(&mut out, &self.catalogs);
        }
        let sum = checksum::<8>(&out);
        out.extend_from_slice(&sum);
        out
    }

    /// Reads an entry.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        const WHAT: &str = "entry of the remote log";
        if bytes.len() > REMOTE_ENTRY_BYTES_MAX {
            return Err(FormatError::OverLimit { what: WHAT, value: bytes.len() as u64, max: REMOTE_ENTRY_BYTES_MAX as u64 });
        }
        let mut reader = begin(bytes, REMOTE_ENTRY_MAGIC, WHAT)?;
        let repository = RepositoryId(reader.array()?);
        let number = reader.u64()?;
        let previous = ObjectId::from_bytes(reader.array()?);
        let nonce = reader.array()?;
        let mut records = Vec::new();
        for _ in 0..reader.varint_max(reader.remaining() as u64)? {
            records.push(Record::decode(reader.prefixed(RECORD_BYTES_MAX)?)?);
        }
        let packs = take_packs(&mut reader)?;
        let catalogs_are_listed = reader.remaining() > 0;
        let catalogs = if catalogs_are_listed { take_packs(&mut reader)? } else { Vec::new() };
        if catalogs_are_listed && catalogs.is_empty() {
            return Err(reader.malformed("a list of no catalogs"));
        }
        if records.is_empty() || number == 0 {
            return Err(reader.malformed("it has no records, or no place"));
        }
        reader.finish()?;
        Ok(Self { repository, number, previous, nonce, records, packs, catalogs })
    }

    /// The id of an entry with these bytes.
    pub fn id_of(bytes: &[u8]) -> ObjectId {
        ObjectId::from_bytes(*blake3::Hasher::new_derive_key(ID_CONTEXT).update(bytes).finalize().as_bytes())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::format::record::{RecordBody, VersionNumber};
    use proptest::prelude::*;

    pub(crate) fn entry() -> RemoteEntry {
        let record = |sequence| Record { sequence, previous: ObjectId::ZERO, created_ms: 5, body: RecordBody::Pin(VersionNumber(3)) };
        RemoteEntry {
            repository: RepositoryId(*b"0123456789abcdef"),
            number: 7,
            previous: ObjectId::ZERO,
            nonce: [9; 16],
            records: vec![record(1), record(2)],
            packs: vec![PackRef { id: ObjectId::ZERO, bytes: 300, objects: 2 }],
            catalogs: Vec::new(),
        }
    }

    #[test]
    fn entries_and_formats_read_back_and_damaged_ones_are_refused() {
        let repository = RepositoryId([0xab; 16]);
        let plain = RemoteFormat { repository, key: None };
        let sealed = RemoteFormat { key: Some(KeyId([0xcd; 16])), ..plain };
        assert_eq!((RemoteFormat::decode(&plain.encode()), RemoteFormat::decode(&sealed.encode())), (Ok(plain), Ok(sealed)));
        assert_eq!(repository.to_string().parse(), Ok(repository));
        for wrong in ["+1".repeat(16), "é".repeat(16), "0".repeat(31)] {
            assert!(wrong.parse::<RepositoryId>().is_err(), "{wrong}");
        }
        assert_eq!(RemoteEntry::decode(&entry().encode()), Ok(entry()));
        let with_catalogs = RemoteEntry { catalogs: entry().packs, ..entry() };
        assert_eq!(RemoteEntry::decode(&with_catalogs.encode()), Ok(with_catalogs));
        for (good, is_entry) in [(entry().encode(), true), (plain.encode(), false), (sealed.encode(), false)] {
            let reads = |bytes: &[u8]| if is_entry { RemoteEntry::decode(bytes).is_ok() } else { RemoteFormat::decode(bytes).is_ok() };
            for position in 0..good.len() * 8 {
                let mut damaged = good.clone();
                damaged[position / 8] ^= 1 << (position % 8);
                assert!(!reads(&damaged), "bit {position}");
            }
            assert!((0..good.len()).all(|length| !reads(&good[..length])));
        }
        assert!(RemoteEntry::decode(&RemoteEntry { records: Vec::new(), ..entry() }.encode()).is_err());
    }

    /// Found by fuzzing: no catalogs, written as a list of none, were the same entry under another id.
    #[test]
    fn an_entry_has_one_form() {
        let mut bytes = entry().encode();
        bytes.truncate(bytes.len() - 8);
        bytes.push(0);
        let sum = checksum::<8>(&bytes);
        bytes.extend_from_slice(&sum);
        assert!(RemoteEntry::decode(&bytes).is_err());
    }

    /// Entries lie in buckets for ever, so these bytes never change.
    #[test]
    fn the_bytes_of_entries_stay() {
        assert_eq!(RemoteEntry::id_of(&entry().encode()).to_string(), "6efbac02a3c9fcf7d436165ce59f1dcc027bbef46ae24b00254c73536e432188");
        let hex = |format: RemoteFormat| format.encode().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let plain = RemoteFormat { repository: entry().repository, key: None };
        assert_eq!(hex(plain), "894c52460d0a1a0a010030313233343536373839616263646566692ee42a2576d731");
        let sealed = hex(RemoteFormat { key: Some(KeyId(*b"fedcba9876543210")), ..plain });
        assert_eq!(sealed, "894c52450d0a1a0a010030313233343536373839616263646566666564636261393837363534333231303f673c1dedc5abb2");
    }

    proptest! {
        #[test]
        fn any_entry_is_decoded_without_panic(body: Vec<u8>) {
            let mut bytes = entry().encode()[..82].to_vec();
            bytes.extend_from_slice(&body);
            bytes.extend_from_slice(&checksum::<8>(&bytes.clone()));
            let _ = RemoteEntry::decode(&bytes);
        }
    }
}
