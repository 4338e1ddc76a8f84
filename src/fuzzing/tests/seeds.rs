//! The seeds of the corpus: what encoders write, and what was thought of as likely to go wrong. What the fuzzer has found to reach more of
//! the code stands beside them in `fuzz/corpus`.

use std::collections::BTreeMap;

use crate::disk::{Dir, RootOf};
use crate::format::chunk_list::{Chunk, ChunkList};
use crate::format::collection::CollectionJournal;
use crate::format::frame::{Base, Coding, Content, Frame, FrameHeader, SEGMENT_HEADER_BYTES, encode_frame, encode_segment_header};
use crate::format::index::{IdPrefix, IndexEntry, TailRecord, encode_run};
use crate::format::journal::{Journal, tests as journals};
use crate::format::pack::PackBuilder;
use crate::format::record::{Record, tests as records};
use crate::format::remote::{RemoteEntry, RemoteFormat, STAMP_BYTES, Stamp, tests as entries};
use crate::format::stat_cache::{BlockRef, HEADER_BYTES, Header, block_sum, tests as blocks};
use crate::format::tree::{Entry, Node, TreeBuilder};
use crate::id::{ObjectId, ObjectKind};
use crate::store::fuzzing::delta;
use crate::store::{Known, Packer, Position, Store};
use crate::version_log::{LogHead, LogPosition};

type Seeds = Vec<Vec<u8>>;

/// The store of format 1 that is read for ever.
const GOLDEN_SEGMENT: &[u8] = include_bytes!("../../../fixtures/store-v1/objects/000001.seg");

/// The seeds of each target.
pub(super) fn all() -> BTreeMap<&'static str, Seeds> {
    BTreeMap::from([
        ("chunk_list", chunk_lists()),
        ("collection_journal", collection_journals()),
        ("frame", frames()),
        ("git_object", git_objects()),
        ("git_stream", git_streams()),
        ("ignore_rules", ignore_rules()),
        ("index_run", [0, 3, 40].map(|count| encode_run(&index_entries(count), (3, 99))).to_vec()),
        ("index_tail", index_tails()),
        ("journal", vec![journals::sample().encode(), Journal { left_alone: Vec::new(), ..journals::sample() }.encode()]),
        ("log_head", log_heads()),
        ("pack", packs(GOLDEN_SEGMENT)),
        ("pack_taken_in", packs(&small_segment())),
        ("patch", patches()),
        ("path", lines(PATHS)),
        ("payload", payloads()),
        ("record", all_records().iter().map(Record::encode).collect()),
        ("remote_entry", vec![entries::entry().encode(), remote_entry_of_all().encode()]),
        ("remote_format", vec![RemoteFormat { repository: entries::entry().repository, key: None }.encode()]),
        ("remote_state", remote_states()),
        ("round_trip", round_trips()),
        ("secrets", secrets()),
        ("segment", segments()),
        ("segment_header", vec![encode_segment_header(*b"12345678").to_vec()]),
        ("settings", lines(SETTINGS)),
        ("stat_cache", stat_caches()),
        ("stat_cache_block", vec![blocks::encode(&blocks::head(), &blocks::nodes()), blocks::encode(&blocks::head(), &[])]),
        ("tree", trees()),
        ("words", lines(WORDS)),
    ])
}

/// Words that users type, and words that look like them.
const WORDS: &str = "5\nv5\nV05\nnewest\nactive\nbefore-refactor\nrelease/2.0\n3..7\nv3..newest\n..\n..a\na..b..c\n1...3\n\
18446744073709551616\nv0\n@{\n-rf\n--upload-file\nrefs/../../x\na~1\n5:src\ns3://bucket/a/b/\nfile:///srv/x\nfile://x\n\
../share\ns3://key:secret@bucket\ngs://b?x\naz:///\n0123456789abcdef0123456789ABCDEF\n+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1";

/// Paths, and what is none.
const PATHS: &str = "a\nsrc/main.rs\n.git\n.git/hooks/x\n.lua\n.LUA/x\na/../b\n/abs\na//b\na/\n.\n..\nLUA~1\ngit~12\n.lua. .\n\
.git::$INDEX_ALLOCATION\n.l\u{200c}ua\n.l\u{fe0f}ua\n.\u{34f}git\n.\u{217c}ua\n\u{ff0e}lua\nC:x\nx\r\n.luaignore\n\u{e9}/e\u{301}\n\u{130}";

/// Settings, and what is none.
const SETTINGS: &str = "format = 1\nformat = 2\nformat = 1; read_features = ['x']\nformat = 1; agent_id = \"a \\\"7\\\"\"; include_git = true\n\
format = 1; store = '/a/b'; secret_scan = false; auto_gc = false; budget_bytes = 9223372036854775807\nformat = 1; budget_bytes = -1\n\
format = 1; command = 'rm'\nformat = 0x1\nformat = 1; write_features = []\n[format]";

/// Each line a seed; a semicolon stands for a line's end in it.
fn lines(text: &str) -> Seeds {
    text.split('\n').map(|line| line.replace("; ", "\n").into_bytes()).collect()
}

/// What `halves` takes apart.
fn joined(first: &[u8], second: &[u8]) -> Vec<u8> {
    [&(first.len() as u16).to_le_bytes(), first, second].concat()
}

fn id(text: &str) -> ObjectId {
    ObjectId::of(ObjectKind::Blob, text.as_bytes())
}

fn chunk_lists() -> Seeds {
    let chunk = |text, bytes| Chunk { id: id(text), bytes };
    let list = |chunks| ChunkList { whole: id("whole"), chunks }.encode();
    vec![list(vec![]), list(vec![chunk("a", 70_000), chunk("b", 1), chunk("a", 1 << 20)])]
}

fn collection_journals() -> Seeds {
    [vec![1], vec![2, 3, 700, (1 << 20) - 1]].map(|inputs| CollectionJournal { inputs, nonce: *b"12345678" }.encode()).to_vec()
}

/// The frames of the golden segment, and one of each coding and content.
fn frames() -> Seeds {
    let mut seeds: Seeds = golden_frames().map(|(bytes, _)| bytes.to_vec()).collect();
    let near = Coding::Delta { base: Base::Near { distance: 300, member: 7 }, depth: 3 };
    let far = Coding::Delta { base: Base::Far(id("base")), depth: 32 };
    for (kind, content, coding, raw_bytes) in [
        (ObjectKind::Blob, Content::Single, Coding::Raw, 5),
        (ObjectKind::Tree, Content::Group(vec![3, 0, 2]), Coding::Zstd, 5),
        (ObjectKind::Record, Content::Group(vec![1, 4]), Coding::Raw, 5),
        (ObjectKind::Blob, Content::ChunkList, near, 900),
        (ObjectKind::Blob, Content::Single, far, 64 << 20),
    ] {
        let mut frame = Vec::new();
        encode_frame(&FrameHeader { kind, content, coding, raw_bytes, stored_bytes: 5 }, b"12345", &mut frame);
        seeds.push(frame);
    }
    seeds
}

fn golden_frames() -> impl Iterator<Item = (&'static [u8], Frame<'static>)> {
    let mut rest = &GOLDEN_SEGMENT[SEGMENT_HEADER_BYTES..];
    std::iter::from_fn(move || {
        let frame = Frame::parse(rest).ok()?;
        let (bytes, behind) = rest.split_at(frame.frame_bytes);
        rest = behind;
        Some((bytes, frame))
    })
}

fn git_objects() -> Seeds {
    let hash = [7; 20];
    let entry = |mode: &str, name: &str| [mode.as_bytes(), b" ", name.as_bytes(), b"\0", &hash].concat();
    let tree =
        [entry("100644", "a"), entry("100755", "run"), entry("120000", "to"), entry("40000", "src"), entry("160000", "sub")].concat();
    let hex = "7".repeat(40);
    let person = "Ada Lovelace <ada@example.org> 1700000000 +0100";
    let commit = format!("tree {hex}\nparent {hex}\nparent {hex}\nauthor {person}\ncommitter {person}\nencoding latin1\n\nfirst\n\nmore\n");
    vec![tree, entry("40000", "../x"), commit.into_bytes(), format!("tree {hex}\nauthor  <> -1 -0000\ncommitter x\n\n").into_bytes()]
}

fn git_streams() -> Seeds {
    let seed = |message: &str, author: &str, path: &[u8], content: &[u8]| {
        joined(message.as_bytes(), &joined(author.as_bytes(), &joined(path, content)))
    };
    vec![
        seed("first", "Ada <ada@example.org>", b"src/main.rs", b"fn main() {}\n"),
        seed("a\ndata 5\ncommit refs/heads/x\n", "x <y>\ncommitter <z> 1 +0000", b"a b\n\"\\\xff", b"done\nM 100644 inline x\n"),
    ]
}

fn ignore_rules() -> Seeds {
    let seed = |path: &str, text: &str| joined(path.as_bytes(), text.as_bytes());
    vec![
        seed("src/main.o", "# notes\n*.o\n!main.o\n/build/\n"),
        seed("a/b/c", "a/**/c\n**/c\n/a/*\n!/a/b\n"),
        seed("a/b/c/d", "a/**\n!a/b/**/d\na/*/c/[a-d]\n"),
        seed("x[1]", "x\\[1\\]\n[[:alpha:]]*[!0-9]\n[]-]\n[\\]]\n"),
        seed("aaaaaaaaaaaaaaaa", "*a*a*a*a*a*b\n**a**a\n?*?*?\n"),
        seed(".lua/x", "!.lua\n!*\n"),
        seed(".git/objects/x.pack", "*.pack\n!.git\n"),
        seed("a ", "a\\ \na  \n\u{feff}b\n\r\n"),
        seed("d/x", "d/\n!d/x\n\\!d\n\\#x\n"),
    ]
}

fn index_entries(count: u32) -> Vec<IndexEntry> {
    let mut entries: Vec<IndexEntry> = (0..count).map(|number| (IdPrefix::of(&id(&number.to_string())), u64::from(number))).collect();
    entries.sort_unstable();
    entries
}

fn index_tails() -> Seeds {
    let mut tail = Vec::new();
    for (from, to, count) in [(24, 900, 3), (900, 901, 0), (901, 1 << 40, 7)] {
        TailRecord { from: (1, from), to: (1, to), entries: index_entries(count) }.encode(&mut tail);
    }
    vec![tail]
}

fn all_records() -> Vec<Record> {
    let record = |body| Record { sequence: 1, previous: ObjectId::ZERO, created_ms: -5, body };
    records::bodies().into_iter().map(record).collect()
}

fn remote_entry_of_all() -> RemoteEntry {
    RemoteEntry { records: all_records(), packs: Vec::new(), ..entries::entry() }
}

fn log_heads() -> Seeds {
    let head = |newest: Option<u64>, active: Option<u64>| {
        let applied = LogPosition { segment: 1, offset: 900 };
        let [newest, active] = [newest, active].map(|number| number.map(crate::format::record::VersionNumber));
        crate::version_log::fuzzing::encoded(&LogHead { sequence: 0, id: ObjectId::ZERO, applied, active, newest })
    };
    let heads = [head(None, None), head(Some(4), Some(2)), head(Some(2), Some(7))];
    all_records().iter().zip(heads.iter().cycle()).map(|(record, head)| joined(head, &record.encode())).collect()
}

/// A store with this segment.
fn store_of(segment: &[u8]) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::open(folder.path(), RootOf::UserPath).unwrap();
    Store::create(&dir).unwrap();
    std::fs::write(folder.path().join("objects/000001.seg"), segment).unwrap();
    let store = Store::open(&dir).unwrap();
    assert!(store.catch_up(Known::Nothing).unwrap().end > Position::default());
    (folder, store)
}

/// The objects of a segment, packed.
fn pack_of(segment: &[u8]) -> Vec<u8> {
    let (_folder, store) = store_of(segment);
    let whole = store.check(&mut |_| true).unwrap().whole;
    let mut wanted: Vec<(ObjectKind, ObjectId)> = whole.into_iter().filter(|(kind, _)| *kind != ObjectKind::Record).collect();
    wanted.sort_unstable_by_key(|(kind, id)| (*kind as u8, *id));
    let mut packer = Packer::new(&store, wanted.iter().copied().collect(), &|_| false, Default::default()).unwrap();
    for (kind, id) in &wanted {
        assert!(packer.add(*kind, id).unwrap().is_none(), "they fit into one");
    }
    packer.finish().unwrap().0
}

fn patches() -> Seeds {
    let seed = |old: &str, context_lines: u8, new: &str| joined(old.as_bytes(), &[&[context_lines], new.as_bytes()].concat());
    let text: String = (0..30).map(|line| format!("line {line}\n")).collect();
    vec![
        seed("a\nb\nc\n", 3, "a\nB\nc"),
        seed("", 1, "a\r\n\\ No newline\n"),
        seed("a", 0, ""),
        seed("\n\n\n@@ -1 +1 @@\n", 0, "\n\n--- a\n+++ b\n"),
        seed(&text, 2, &text.replace("line 7\n", "").replace("line 20", "edited\nand more")),
    ]
}

fn payloads() -> Seeds {
    let seed = |raw_bytes: usize, prefix: &[u8], payload: &[u8]| [&(raw_bytes as u32).to_le_bytes()[..], &joined(prefix, payload)].concat();
    let text = b"let version = tree ( push ) of the workspace ; ".repeat(40);
    let (alone, against) = (compressed(&text, None), compressed(&text, Some(&text[7..])));
    vec![
        seed(text.len(), b"", &alone),
        seed(text.len(), &text[7..], &against),
        seed(2 * text.len(), b"", &[&alone[..], &alone].concat()),
        seed(text.len(), b"\x37\xa4\x30\xec dictionary", &alone),
        seed(1000, b"", &b"\x50\x2a\x4d\x18\x00\x00\x00\x00".repeat(4)),
        seed(1000, b"", &[0x00, 0xa8, 0x01, 0x00, 0x00]),
    ]
}

/// Compressed as payloads are: without magic number, length and checksum.
fn compressed(content: &[u8], prefix: Option<&[u8]>) -> Vec<u8> {
    use zstd_safe::{CParameter, FrameFormat};
    let mut context = zstd_safe::CCtx::create();
    for parameter in [CParameter::Format(FrameFormat::Magicless), CParameter::ContentSizeFlag(false), CParameter::DictIdFlag(false)] {
        context.set_parameter(parameter).unwrap();
    }
    if let Some(prefix) = prefix {
        context.ref_prefix(prefix).unwrap();
    }
    let mut out = Vec::with_capacity(zstd_safe::compress_bound(content.len()));
    context.compress2(&mut out, content).unwrap();
    out
}

fn remote_states() -> Seeds {
    let state = |format: u16, entry: i64, id: &str| {
        format!(
            "format = {format}\nurl = \"s3://bucket/a\"\nrepository = \"{}\"\nentry = {entry}\nentry_id = \"{id}\"\nrecord = 9\n\
             record_id = \"{id}\"\nlocal = 12\nsingle_writer = true\n",
            "07".repeat(16)
        )
        .into_bytes()
    };
    let sending = b"\n[attempt]\nstamp = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\nbegan_ms = 1763863640000\n";
    let sends = [state(1, 7, &id("entry").to_string()), sending.to_vec()].concat();
    vec![
        sends,
        state(1, 7, &id("entry").to_string()),
        state(2, 0, &"0".repeat(64)),
        state(1, -1, "no id"),
        b"format = 1\nurl = 7\n".to_vec(),
    ]
}

fn round_trips() -> Seeds {
    let text = b"let version = tree ( push ) of the workspace ; ".repeat(9);
    let edited = [&text[..100], b"an edit", &text[100..]].concat();
    vec![joined(&text, &edited), joined(b"", &text), joined(&text, b""), joined(b"\x37\xa4\x30\xec", &text)]
}

/// Put together here, so that no tool takes this file for a leak.
fn secrets() -> Seeds {
    let key = format!("-----BEGIN RSA {}-----\n{}\n", "PRIVATE KEY", "EXAMPLEEXAMPLE".repeat(5));
    let prefixes = "AKIA ASIA ghp_ gho_ github_pat_ glpat- xoxb- xoxp- sk_live_ rk_live_ AIza npm_ pypi-AgEIcHlwaS5vcmc -----BEGIN ";
    let aws = format!("key = AKIA{}", "IOSFODNN7EXAMPLE");
    vec![key.into_bytes(), prefixes.as_bytes().to_vec(), aws.clone().into_bytes(), format!("xoxb-{aws} glpat------BEGIN ").into_bytes()]
}

fn packs(segment: &[u8]) -> Seeds {
    vec![PackBuilder::new(Stamp::default()).finish(), PackBuilder::new(Stamp([7; STAMP_BYTES])).finish(), pack_of(segment)]
}

fn segments() -> Seeds {
    let first = golden_frames().next().map(|(bytes, _)| bytes.to_vec()).unwrap();
    vec![small_segment()[SEGMENT_HEADER_BYTES..].to_vec(), [&first[..], &first, &first[..9]].concat(), b"no frame".to_vec()]
}

/// The golden segment without its large file, which would take most of the time of every run.
fn golden_segment_without_large_file() -> Vec<u8> {
    let mut segment = encode_segment_header([0; 8]).to_vec();
    let mut moved: BTreeMap<usize, usize> = BTreeMap::new();
    let mut was_at = 0;
    for (bytes, frame) in golden_frames() {
        let mut header = frame.header.clone();
        if header.raw_bytes <= 4096 && header.content != Content::ChunkList {
            moved.insert(was_at, segment.len());
            if let Coding::Delta { base: Base::Near { distance, .. }, .. } = &mut header.coding {
                *distance = (segment.len() - moved[&(was_at - *distance as usize)]) as u64;
            }
            encode_frame(&header, frame.payload, &mut segment);
        }
        was_at += bytes.len();
    }
    segment
}

/// The same, with a small file in chunks and a delta whose base is named.
fn small_segment() -> Vec<u8> {
    let mut segment = golden_segment_without_large_file();
    let mut push = |content, coding, raw: &[u8], payload: &[u8]| {
        let header =
            FrameHeader { kind: ObjectKind::Blob, content, coding, raw_bytes: raw.len() as u32, stored_bytes: payload.len() as u32 };
        encode_frame(&header, payload, &mut segment);
    };
    let (begin, end) = ("a text that another is much like, ".repeat(9), "and its end");
    let blob = |content: &str| ObjectId::of(ObjectKind::Blob, content.as_bytes());
    let both = format!("{begin}{end}");
    push(Content::Group(vec![begin.len() as u32, end.len() as u32]), Coding::Raw, both.as_bytes(), both.as_bytes());
    let chunk = |content: &str| Chunk { id: blob(content), bytes: content.len() as u32 };
    let list = ChunkList { whole: blob(&both), chunks: vec![chunk(&begin), chunk(end)] }.encode();
    push(Content::ChunkList, Coding::Raw, &list, &list);
    let like_it = begin.replacen("another", "no other", 1);
    let payload = delta(like_it.as_bytes(), begin.as_bytes());
    push(Content::Single, Coding::Delta { base: Base::Far(blob(&begin)), depth: 1 }, like_it.as_bytes(), &payload);
    segment
}

fn stat_caches() -> Seeds {
    let block = blocks::encode(&blocks::head(), &blocks::nodes());
    let root = BlockRef { offset: HEADER_BYTES as u64, bytes: block.len() as u32, sum: block_sum(&block) };
    let header = Header { root, end: (HEADER_BYTES + block.len()) as u64, live_bytes: block.len() as u64, nonce: 7 }.encode();
    vec![[&header[..], &block].concat(), header.to_vec()]
}

fn trees() -> Seeds {
    let mut all = TreeBuilder::new();
    let id = id("x");
    all.push(Entry { name: b".git", node: Node::Directory { mode: 0o2775, id } });
    all.push(Entry { name: b"a", node: Node::File { mode: 0o755, bytes: 1 << 40, id } });
    all.push(Entry { name: b"b\xff", node: Node::Symlink { target: b"../a" } });
    all.push(Entry { name: "c\u{301}".as_bytes(), node: Node::File { mode: 0, bytes: 0, id } });
    let golden = golden_frames().filter(|(_, frame)| frame.header.kind == ObjectKind::Tree && frame.header.coding == Coding::Raw);
    golden.map(|(_, frame)| frame.payload.to_vec()).chain([Vec::new(), all.finish().as_bytes().to_vec()]).collect()
}

#[test]
fn the_small_segment_is_whole() {
    let (_folder, store) = store_of(&small_segment());
    let report = store.check(&mut |_| true).unwrap();
    assert_eq!(report.damages, []);
    // Four blobs, a delta, three trees, two deltas and four records of the golden one; two texts, both of them, and one like it.
    assert_eq!(report.whole.len(), 18, "{:?}", report.whole);
}
