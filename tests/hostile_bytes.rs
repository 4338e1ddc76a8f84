//! Bytes that were made to harm: 200 spellings of `.lua` and `.git`, frames that lie about what they hold, and random damage to
//! the input of every parser.
//!
//! `LUA_FUZZ_RUNS` says how many inputs each parser is given; the default takes seconds.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use common::contract::exit;
use common::history::Checked;
use common::random::Random;
use common::sandbox::{LUA, Sandbox, crashed};
use common::{Findings, grow, number_from_env};
use lua_store::format::chunk_list::ChunkList;
use lua_store::format::collection::CollectionJournal;
use lua_store::format::frame::{Base, Coding, Content, Frame, FrameHeader, SEGMENT_HEADER_BYTES, encode_frame};
use lua_store::format::index::{IdPrefix, RunView, TailRecord, encode_run};
use lua_store::format::journal::{Journal, LeftAlone};
use lua_store::format::record::Record;
use lua_store::format::stat_cache::{Block, Header};
use lua_store::format::tree::{Entry, Node, Tree, TreeBuilder};
use lua_store::id::{ObjectId, ObjectKind};
use lua_store::path::{RelPath, check_name};

/// Characters that some file system passes over when it compares names.
const PASSED_OVER: [char; 16] = [
    '\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{206a}', '\u{206b}',
    '\u{206c}', '\u{206d}', '\u{206e}', '\u{206f}', '\u{feff}',
];

/// Names that mean `.lua` or `.git` on some file system.
fn spellings() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in [".lua", ".git"] {
        let letters: Vec<char> = name.chars().collect();
        // Cases, each with what NTFS passes over or takes for a stream of the same file.
        for cases in 0..8 {
            let upper = |(at, c): (usize, &char)| if at > 0 && cases >> (at - 1) & 1 == 1 { c.to_ascii_uppercase() } else { *c };
            let spelling: String = letters.iter().enumerate().map(upper).collect();
            for end in ["", ".", " ", "...", " . . ", "::$INDEX_ALLOCATION", ":$I30:$INDEX_ALLOCATION", ":stream", ". :x"] {
                found.insert(format!("{spelling}{end}"));
            }
            found.insert(format!("{spelling}{}", ".".repeat(100)));
            found.insert(format!("{spelling}{}", " ".repeat(200)));
        }
        for at in 0..=letters.len() {
            for c in PASSED_OVER {
                let (before, after) = name.split_at(at);
                found.insert(format!("{before}{c}{after}"));
            }
        }
        for number in ["1", "2", "9", "10", "123456"] {
            found.insert(format!("{}~{number}", &name[1..]));
            found.insert(format!("{}~{number}", name[1..].to_uppercase()));
            found.insert(format!("{}~{number}. ", &name[1..]));
        }
        // Wide letters and letters of other alphabets that compatibility forms and case folding bring back.
        let wide = |c: &char| char::from_u32(u32::from(*c) + 0xfee0).unwrap_or(*c);
        found.insert(letters.iter().map(wide).collect());
        found.insert(letters.iter().enumerate().map(|(at, c)| if at == 2 { wide(c) } else { *c }).collect());
    }
    // ROMAN NUMERAL FIFTY, small and large; SUPERSCRIPT and MATHEMATICAL letters.
    found.extend([".ⅼua", ".Ⅼua", ".gⁱt", ".𝐠𝐢𝐭", ".𝓵𝓾𝓪", "․lua", "．git"].map(str::to_owned));
    // `.git` itself may be recorded, if the settings say so.
    found.remove(".git");
    found
}

/// A tree with one file of this name, however evil.
fn tree_bytes_with(name: &[u8]) -> Vec<u8> {
    let stand_in = vec![b'x'; name.len()];
    let mut tree = TreeBuilder::new();
    tree.push(Entry { name: &stand_in, node: Node::File { mode: 0o644, bytes: 1, id: ObjectId::of(ObjectKind::Blob, b"y") } });
    let mut bytes = tree.finish().as_bytes().to_vec();
    let at = bytes.windows(name.len()).position(|window| window == stand_in).expect("the name stands in the tree");
    bytes[at..at + name.len()].copy_from_slice(name);
    bytes
}

#[test]
fn spellings_of_the_protected_names_are_refused() {
    let spellings = spellings();
    let mut findings = Findings::default();
    for spelling in &spellings {
        let mut check = |what: &str, is_refused: bool| {
            if !is_refused {
                findings.add(format!("{what} takes {}", spelling.escape_unicode()));
            }
        };
        check("a name", check_name(spelling.as_bytes()).is_err());
        check("a path", RelPath::new(format!("a/{spelling}/b").as_bytes()).is_err());
        check("a tree", Tree::decode(&tree_bytes_with(spelling.as_bytes())).is_err());
    }
    println!("{} spellings", spellings.len());
    assert!(spellings.len() >= 200, "{}", spellings.len());
    findings.assert_none("spellings");
    // And what only looks a little like them is a name like any other.
    for name in [".luau", ".gitignore", "lua", "git", ".gitmodules", "lua~", "a.git", ".lua-conflict", "git~x"] {
        check_name(name.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        Tree::decode(&tree_bytes_with(name.as_bytes())).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// A gigabyte of zeros, compressed, cut to frames' size; without the magic number, as frames have it.
fn compressed_zeros(bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes / 1000 + 1000);
    let mut context = zstd_safe::CCtx::create();
    context.set_parameter(zstd_safe::CParameter::Format(zstd_safe::FrameFormat::Magicless)).expect("a known parameter");
    out.resize(zstd_safe::compress_bound(bytes), 0);
    let written = context.compress2(&mut out[..], &vec![0; bytes]).expect("zeros can be compressed");
    out.truncate(written);
    out
}

/// Frames that are not what they say.
fn bombs() -> Vec<(String, FrameHeader, Vec<u8>)> {
    let small = compressed_zeros(1000);
    let huge = compressed_zeros(256 << 20);
    let id = ObjectId::of(ObjectKind::Blob, b"nowhere");
    let mut bombs = Vec::new();
    let mut add = |name: &str, kind, content, coding, raw_bytes: u32, payload: &[u8]| {
        let header = FrameHeader { kind, content, coding, raw_bytes, stored_bytes: payload.len() as u32 };
        bombs.push((name.to_owned(), header, payload.to_vec()));
    };
    use ObjectKind::{Blob, Record as RecordKind, Tree as TreeKind};
    for (name, raw_bytes) in [("the most", 64 << 20), ("nothing", 0), ("one byte", 1), ("a little less", 999), ("a little more", 1001)] {
        for kind in [Blob, TreeKind] {
            add(&format!("{name} said, 1000 held, {kind:?}"), kind, Content::Single, Coding::Zstd, raw_bytes, &small);
        }
        add(&format!("{name} said, 256 MiB held"), Blob, Content::Single, Coding::Zstd, raw_bytes, &huge);
    }
    add("a group of 4096 that are huge together", Blob, Content::Group(vec![16_384; 4096]), Coding::Zstd, 64 << 20, &huge);
    add("a group whose parts are more than it holds", Blob, Content::Group(vec![1000; 10]), Coding::Zstd, 10_000, &small);
    add("a group of nothing", Blob, Content::Group(vec![0; 4096]), Coding::Zstd, 0, &huge);
    add("a chunk list of zeros", Blob, Content::ChunkList, Coding::Zstd, 64 << 20, &compressed_zeros(64 << 20));
    let delta = |base, depth| Coding::Delta { base, depth };
    add("a delta against itself", Blob, Content::Single, delta(Base::Near { distance: 0, member: 0 }, 1), 1000, &small);
    add(
        "a delta against what lies before everything",
        Blob,
        Content::Single,
        delta(Base::Near { distance: 1 << 40, member: 0 }, 1),
        1000,
        &small,
    );
    add("a delta against nothing", Blob, Content::Single, delta(Base::Far(id), 32), 1000, &small);
    add("a delta of a depth that there is not", Blob, Content::Single, delta(Base::Far(id), 255), 1000, &small);
    add(
        "a delta against a member that there is not",
        TreeKind,
        Content::Single,
        delta(Base::Near { distance: 20, member: 65_535 }, 1),
        64 << 20,
        &huge,
    );
    add("skippable frames without end", Blob, Content::Single, Coding::Zstd, 1000, &b"\x50\x2a\x4d\x18\x00\x00\x00\x00".repeat(4096));
    add("a window of two gigabytes", Blob, Content::Single, Coding::Zstd, 1000, &[0x00, 0xa8, 0x01, 0x00, 0x00]);
    add("raw bytes that are fewer than said", Blob, Content::Single, Coding::Raw, 64 << 20, b"few");
    add("a record of zeros", RecordKind, Content::Single, Coding::Zstd, 64 << 20, &huge);
    bombs
}

/// What a command may take on a store with a bomb.
const BOMB_MS_MAX: u64 = 20_000;
const BOMB_ADDRESS_SPACE: &str = "--as=1073741824";

#[test]
fn frames_that_lie_cost_neither_memory_nor_time_and_hide_nothing() {
    let history = grow::history();
    let holdings = history.holdings();
    let bombs = bombs();
    assert!(bombs.len() >= 25, "{}", bombs.len());
    let check = |(_, header, payload): &(String, FrameHeader, Vec<u8>)| -> Checked<()> {
        let sandbox = Sandbox::copy_of(&history);
        let path = sandbox.store().join("objects/000001.seg");
        let segment = fs::read(&path).map_err(|error| error.to_string())?;
        let (head, frames) = segment.split_at(SEGMENT_HEADER_BYTES);
        let mut bytes = head.to_vec();
        encode_frame(header, payload, &mut bytes);
        bytes.extend_from_slice(frames);
        fs::write(&path, bytes).map_err(|error| error.to_string())?;
        // Everything else is made anew from the segments, so that every frame is read.
        for name in ["index.db", "index.db-wal", "index.db-shm", "index/tail"] {
            let _ = fs::remove_file(sandbox.store().join(name));
        }
        for command in [&["source", "list", "--all"][..], &["verify"], &["status"]] {
            let mut words = vec![BOMB_ADDRESS_SPACE, LUA];
            words.extend(command);
            let started = Instant::now();
            let run = sandbox.try_run(sandbox.command_of("prlimit".as_ref(), &words), Duration::from_millis(BOMB_MS_MAX))?;
            if crashed(run.code) || !(matches!(run.code, exit::OK | exit::DAMAGED) || exit::is_refusal(run.code)) {
                return Err(format!("after {:?}: {run}", started.elapsed()));
            }
        }
        // Only a record can stand in the way of the records behind it.
        if header.kind != ObjectKind::Record {
            holdings.check_nothing_lost(&sandbox.try_holdings()?)?;
        }
        Ok(())
    };
    common::check_all(&bombs, |(name, ..)| name.clone(), check).assert_none("bombs");
    println!("{} bombs", bombs.len());
}

/// Seeds for the parsers: every file of a store, and every frame's content of its segment.
fn seeds() -> Vec<Vec<u8>> {
    let sandbox = grow::history_with_large_file();
    sandbox.rollback(1).expect(exit::OK);
    let files = walkdir::WalkDir::new(sandbox.store()).sort_by_file_name().into_iter().filter_map(Result::ok);
    let mut seeds: Vec<Vec<u8>> =
        files.filter(|entry| entry.file_type().is_file()).filter_map(|entry| fs::read(entry.path()).ok()).collect();
    let segment = fs::read(sandbox.store().join("objects/000001.seg")).expect("a segment");
    let mut rest = &segment[SEGMENT_HEADER_BYTES..];
    while let Ok(frame) = Frame::parse(rest) {
        seeds.push(rest[..frame.frame_bytes].to_vec());
        seeds.push(frame.payload.to_vec());
        rest = &rest[frame.frame_bytes..];
    }
    seeds.push(tree_bytes_with(b"name"));
    // What a store has only now and then.
    let entries: BTreeSet<_> = (0..50_u64).map(|n| (IdPrefix::of(&ObjectId::of(ObjectKind::Blob, &n.to_le_bytes())), n)).collect();
    seeds.push(encode_run(&entries.into_iter().collect::<Vec<_>>(), (1, 1000)));
    let id = ObjectId::of(ObjectKind::Tree, b"any");
    let left_alone = vec![LeftAlone { path: RelPath::new(b"a/b").expect("a path"), is_directory: true }];
    let (triggered_by, stage) = ("rollback to v1".to_owned(), "stage-1-2".to_owned());
    seeds.push(Journal { from: id, to: id, sequence: 3, triggered_by, stage, left_alone }.encode());
    seeds.retain(|seed| !seed.is_empty() && seed.len() < 1 << 16);
    seeds
}

/// Bytes that are a seed's but for some.
fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len().max(1));
        match random.below(7) {
            _ if bytes.is_empty() => bytes = random.bytes(20),
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = [0, 0xff, 0x7f, 0x80][random.below(4)],
            2 => bytes.truncate(at),
            3 => bytes.splice(at..at, random.bytes(4)).for_each(drop),
            4 => bytes.drain(at..(at + 1 + random.below(8)).min(bytes.len())).for_each(drop),
            5 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..(from + 200).min(other.len())]);
            }
            // A number of several bytes, as large as it can be.
            _ => bytes.splice(at..(at + 9).min(bytes.len()), [0xff; 9]).for_each(drop),
        }
    }
    bytes
}

/// A parser by name: whether it took the bytes. What it took must be usable to the end.
type Parser = (&'static str, fn(&[u8]) -> bool);

const PARSERS: [Parser; 10] = [
    ("frame", |bytes| {
        let use_all = |frame: Frame<'_>| (0..frame.header.members() as u16).filter_map(|member| frame.header.member_range(member)).count();
        Frame::parse(bytes).map(use_all).is_ok()
    }),
    ("checked frame", |bytes| Frame::parse_checked(bytes).is_ok()),
    ("tree", |bytes| Tree::decode(bytes).map(|tree| assert!(tree.entries().all(|entry| check_name(entry.name).is_ok()))).is_ok()),
    ("chunk list", |bytes| ChunkList::decode(bytes).map(|list| list.bytes()).is_ok()),
    ("record", |bytes| Record::decode(bytes).map(|record| assert_eq!(record.encode(), bytes, "one record, one form")).is_ok()),
    ("index run", |bytes| {
        let prefix = IdPrefix::of(&ObjectId::of(ObjectKind::Blob, b"any"));
        let use_all = |run: RunView<'_>| (0..run.len()).filter_map(|place| run.entry(place)).count() + run.candidates(prefix).count();
        RunView::trusted(bytes).map(use_all);
        RunView::parse(bytes).map(use_all).is_ok()
    }),
    ("index tail", |bytes| TailRecord::decode(bytes).is_ok()),
    ("journal", |bytes| Journal::decode(bytes).is_ok()),
    ("collection journal", |bytes| CollectionJournal::decode(bytes).is_ok()),
    ("stat cache", |bytes| {
        let header = Header::decode(bytes).is_ok();
        Block::decode(bytes).map(|block| block.rows().count()).is_ok() || header
    }),
];

#[test]
fn parsers_take_whatever_comes() {
    let (seeds, runs) = (seeds(), number_from_env("LUA_FUZZ_RUNS", 20_000));
    for (name, parse) in PARSERS {
        let mut random = Random::new(name.len() as u64);
        let started = Instant::now();
        // Mostly what it takes itself; now and then what belongs elsewhere.
        let own: Vec<Vec<u8>> = seeds.iter().filter(|seed| parse(seed)).cloned().collect();
        assert!(!own.is_empty() || name == "collection journal", "no seed is a {name}");
        let seeds_for = |number: usize| if own.is_empty() || number.is_multiple_of(4) { &seeds } else { &own };
        let taken = (0..runs).filter(|&number| parse(&mutated(seeds_for(number), &mut random))).count();
        println!("{name}: {runs} inputs, {taken} of them taken, {:?}", started.elapsed());
    }
}
