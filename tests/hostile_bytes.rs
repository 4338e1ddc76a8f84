//! Bytes that were made to harm: 500 spellings of `.lua` and `.git`, and frames that lie about what they hold. Random input for every
//! parser is the business of `src/fuzzing` and `fuzz/`.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use common::contract::exit;
use common::history::Checked;
use common::sandbox::{LUA, Sandbox, crashed};
use common::{Findings, grow};
use lua_store::format::frame::{Base, Coding, Content, FrameHeader, SEGMENT_HEADER_BYTES, encode_frame};
use lua_store::format::tree::{Entry, Node, Tree, TreeBuilder};
use lua_store::id::{ObjectId, ObjectKind};
use lua_store::path::{RelPath, check_name};

/// Characters that some file system passes over when it compares names.
const PASSED_OVER: [char; 36] = [
    '\u{200c}',
    '\u{200d}',
    '\u{200e}',
    '\u{200f}',
    '\u{202a}',
    '\u{202b}',
    '\u{202c}',
    '\u{202d}',
    '\u{202e}',
    '\u{206a}',
    '\u{206b}',
    '\u{206c}',
    '\u{206d}',
    '\u{206e}',
    '\u{206f}',
    '\u{feff}', // HFS+
    '\u{ad}',
    '\u{34f}',
    '\u{61c}',
    '\u{115f}',
    '\u{1160}',
    '\u{17b4}',
    '\u{180b}',
    '\u{180e}',
    '\u{200b}',
    '\u{2060}',
    '\u{2065}',
    '\u{3164}',
    '\u{fe00}',
    '\u{fe0f}',
    '\u{ffa0}',
    '\u{fff0}',
    '\u{1bca0}',
    '\u{1d173}',
    '\u{e0001}',
    '\u{e0fff}', // case folding of Linux
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
    assert!(spellings.len() >= 500, "{}", spellings.len());
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
