//! Remotes made by somebody who knows the format: ids, chains and checksums are right, and what they say is not. Each is refused, and
//! what the machine has stays as it was, byte for byte.

mod common;

use std::path::{Path, PathBuf};

use common::contract::exit;
use common::sandbox::Sandbox;
use common::tree_state::TreeState;
use lua_store::format::catalog::Catalog;
use lua_store::format::chunk_list::{Chunk, ChunkList};
use lua_store::format::frame::{Base, Coding, Content, FrameHeader, encode_frame};
use lua_store::format::pack::{PackBuilder, PackFrame, pack_id};
use lua_store::format::record::{CheckRecord, LabelRecord, ProcessEnd, PruneRecord, PurgeRecord, Record};
use lua_store::format::record::{RecordBody, SupersedeRecord, VersionNumber, VersionRecord};
use lua_store::format::remote::{PackRef, RemoteEntry, Stamp};
use lua_store::format::summary::{Summary, encode_bundle};
use lua_store::format::tree::{Entry, Node, Tree, TreeBuilder};
use lua_store::id::{ObjectId, ObjectKind};

/// A change to an entry, in the folder of a remote.
type BendEntry = fn(&mut RemoteEntry, &Path);
/// The same to a summary.
type BendSummary = fn(&mut Summary, &Path);

/// What is forged: the packs, and what the records say.
struct Forgery {
    name: &'static str,
    packs: Vec<PackBuilder>,
    bodies: Vec<RecordBody>,
    /// What is changed in the entry before it is written.
    bend: BendEntry,
}

impl Forgery {
    fn of(name: &'static str, pack: PackBuilder, bodies: Vec<RecordBody>) -> Self {
        Self { name, packs: vec![pack], bodies, bend: |_, _| {} }
    }
}

fn version(number: u64, root: ObjectId) -> RecordBody {
    let text = String::new;
    let (by, triggered_by, message) = (text(), text(), text());
    let number = VersionNumber(number);
    RecordBody::Version(VersionRecord {
        number,
        root,
        by,
        triggered_by,
        message,
        changes: Default::default(),
        files: 1,
        bytes: 1,
        left_out: 0,
    })
}

fn frame(kind: ObjectKind, content: Content, coding: Coding, raw_bytes: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_frame(&FrameHeader { kind, content, coding, raw_bytes, stored_bytes: payload.len() as u32 }, payload, &mut bytes);
    bytes
}

fn plain(kind: ObjectKind, content: &[u8]) -> Vec<u8> {
    frame(kind, Content::Single, Coding::Raw, content.len() as u32, content)
}

fn id(kind: ObjectKind, content: &[u8]) -> ObjectId {
    ObjectId::of(kind, content)
}

fn tree_with(name: &[u8], content: &[u8]) -> Tree {
    let mut tree = TreeBuilder::new();
    tree.push(Entry { name, node: Node::File { mode: 0o644, bytes: content.len() as u64, id: id(ObjectKind::Blob, content) } });
    tree.finish()
}

fn pack_of(frames: &[(ObjectKind, ObjectId, Vec<u8>)]) -> PackBuilder {
    let mut pack = PackBuilder::new(Stamp::default());
    frames.iter().for_each(|(kind, id, frame)| pack.push(*kind, vec![*id], frame));
    pack
}

const BLOB: ObjectKind = ObjectKind::Blob;
const TREE: ObjectKind = ObjectKind::Tree;

/// A pack with one file and its tree; and the tree's id.
fn honest() -> (PackBuilder, ObjectId) {
    let tree = tree_with(b"good", b"content");
    let pack = pack_of(&[(BLOB, id(BLOB, b"content"), plain(BLOB, b"content")), (TREE, tree.id(), plain(TREE, tree.as_bytes()))]);
    (pack, tree.id())
}

/// The bytes of a tree's entry for a file, whatever its name, permission bits and length.
fn file_entry(tag: u8, name: &[u8], bytes: u8) -> Vec<u8> {
    [&[tag, name.len() as u8], name, &[bytes], id(BLOB, b"content").as_bytes()].concat()
}

/// Trees that none of ours is like.
fn evil_trees() -> Vec<(&'static str, Vec<u8>)> {
    let file = |name: &[u8]| file_entry(0, name, 7);
    let folder = |id: ObjectId| [&[1, 1, b'd'], &id.as_bytes()[..]].concat();
    let mut trees: Vec<_> =
        [&b".."[..], b".lua", b"a/b", b".GIT", b"a\0b", b"."].map(|name| ("a tree with an evil name", file(name))).into();
    trees.extend([
        ("a tree that is not sorted", [file(b"b"), file(b"a")].concat()),
        ("a tree with a name twice", [file(b"a"), file(b"a")].concat()),
        ("a tree that breaks off", file(b"a")[..20].to_vec()),
        ("a tree with something that is neither file, folder nor link", file_entry(3, b"a", 7)),
        ("a link to nowhere", vec![2, 1, b'l', 0]),
        ("a link with a zero in it", vec![2, 1, b'l', 2, b'x', 0]),
        ("a folder that is a content", folder(id(BLOB, b"content"))),
        ("a folder that is nowhere", folder(ObjectId::ZERO)),
        ("a file that is longer than its content", file_entry(0, b"a", 8)),
        ("a file that is shorter than its content", file_entry(0, b"a", 6)),
    ]);
    trees
}

/// Packs whose contents are not what they say.
fn forged_contents() -> Vec<Forgery> {
    let (content, root) = (plain(BLOB, b"content"), tree_with(b"good", b"content"));
    let tree = |tree: &Tree| (TREE, tree.id(), plain(TREE, tree.as_bytes()));
    let (one, other) = (id(BLOB, b"one"), id(BLOB, b"other"));
    let delta = |base: Base, depth: u8| frame(BLOB, Content::Single, Coding::Delta { base, depth }, 7, b"\x01\x00\x00");
    let far = |base: ObjectId| delta(Base::Far(base), 1);
    let list = |whole: ObjectId, chunk: ObjectId, bytes: u32| {
        let list = ChunkList { whole, chunks: vec![Chunk { id: chunk, bytes }] }.encode();
        (BLOB, whole, frame(BLOB, Content::ChunkList, Coding::Raw, list.len() as u32, &list))
    };
    let good = || (BLOB, id(BLOB, b"content"), content.clone());
    let group = |lengths: Vec<u32>| frame(BLOB, Content::Group(lengths), Coding::Raw, 7, b"content");
    let with = |name, frames: &[(ObjectKind, ObjectId, Vec<u8>)]| {
        let frames = [frames, &[tree(&root)]].concat();
        Forgery::of(name, pack_of(&frames), vec![version(2, root.id())])
    };
    let mut all = vec![
        with("a content that the table gives another id", &[(BLOB, one, content.clone())]),
        with("a tree in the place of a content", &[(BLOB, id(BLOB, b"content"), plain(TREE, b"content"))]),
        with("no content", &[]),
        with("a base in the same pack by its place", &[good(), (BLOB, one, delta(Base::Near { distance: 20, member: 0 }, 1))]),
        with("a base that is nowhere", &[(BLOB, one, far(other))]),
        with("two that are each other's base", &[(BLOB, one, far(other)), (BLOB, other, far(one))]),
        with("one that is its own base", &[(BLOB, one, far(one))]),
        with("a delta that is none", &[good(), (BLOB, one, far(id(BLOB, b"content")))]),
        with("a delta that says that it stands alone", &[good(), (BLOB, one, delta(Base::Far(id(BLOB, b"content")), 0))]),
        with("a bomb", &[(BLOB, one, frame(BLOB, Content::Single, Coding::Zstd, 64 << 20, b"\x28\x00\x00"))]),
        with("a content that is longer than it says", &[(BLOB, one, frame(BLOB, Content::Single, Coding::Raw, 3, b"content"))]),
        with("a group whose lengths lie", &[(BLOB, one, group(vec![3, 4]))]),
        with("a group of contents that are others", &[(BLOB, one, group(vec![7]))]),
        with("a chunk list that is none", &[(BLOB, one, frame(BLOB, Content::ChunkList, Coding::Raw, 0, one.as_bytes()))]),
        with("a chunk list without its chunks", &[list(one, other, 7)]),
        with("chunks that make another content", &[good(), list(one, id(BLOB, b"content"), 7)]),
        with("a chunk that is shorter than its list says", &[good(), list(one, id(BLOB, b"content"), 8)]),
        with("a content that is its own chunk", &[list(one, one, 7)]),
        with("bytes that are no frame", &[(BLOB, one, b"no frame".to_vec())]),
    ];
    let alone = |name, frames: &[(ObjectKind, ObjectId, Vec<u8>)], root| Forgery::of(name, pack_of(frames), vec![version(2, root)]);
    all.push(alone("a content in the place of a tree", &[good(), (TREE, root.id(), plain(BLOB, root.as_bytes()))], root.id()));
    all.push(alone("no tree", &[good()], root.id()));
    all.push(alone("a tree that is not there", &[good(), tree(&root)], ObjectId::ZERO));
    for (name, tree) in evil_trees() {
        all.push(alone(name, &[good(), (TREE, id(TREE, &tree), plain(TREE, &tree))], id(TREE, &tree)));
    }
    all
}

/// Records that say what cannot be, with all contents.
fn forged_records() -> Vec<Forgery> {
    use RecordBody::{Check, Collect, Delete, Label, Pin, Promote, Prune, Purge, Restore, Supersede, Unpin};
    let v = VersionNumber;
    let (_, root) = honest();
    let label = |version, name: &str| Label(LabelRecord { version: v(version), name: name.into() });
    let prune = |versions: &[u64]| Prune(PruneRecord { versions: versions.iter().copied().map(v).collect(), reason: "x".into() });
    let purge = |contents| Purge(PurgeRecord { paths: vec![b"file".to_vec()], contents });
    let (command, output) = (String::from("true"), String::new());
    let check = CheckRecord { version: v(3), command, end: ProcessEnd::Exited(0), duration_ms: 1, output };
    let long = |root| match version(2, root) {
        RecordBody::Version(version) => RecordBody::Version(VersionRecord { message: "x".repeat(1 << 20), ..version }),
        body => body,
    };
    let behind = |body: RecordBody| vec![version(2, root), body];
    let all = vec![
        ("a number too high", vec![version(3, root)]),
        ("the highest number that there is", vec![version(u64::MAX, root)]),
        ("the number 0", vec![version(0, root)]),
        ("a number that is taken", vec![version(1, root)]),
        ("two versions of one number", behind(version(2, root))),
        ("a message without end", vec![long(root)]),
        ("a promotion of nothing", behind(Promote(v(9)))),
        ("a promotion of what is deleted", vec![version(2, root), Delete(v(1)), Promote(v(1))]),
        ("a deletion twice", vec![version(2, root), Delete(v(1)), Delete(v(1))]),
        ("a deletion of nothing", behind(Delete(v(3)))),
        ("a prune of what is deleted", vec![version(2, root), Delete(v(1)), prune(&[1])]),
        ("a prune of what is to come", vec![prune(&[1, 2]), version(2, root)]),
        ("a prune of nothing", behind(prune(&[]))),
        ("a purge of nothing", behind(purge(Vec::new()))),
        ("a pin of what is deleted", vec![version(2, root), Delete(v(1)), Pin(v(1))]),
        ("an unpinning of nothing", behind(Unpin(v(3)))),
        ("a check of nothing", behind(Check(check))),
        ("a label for nothing", behind(label(7, "x"))),
        ("a label that is taken for a version", behind(label(1, "v2"))),
        ("a label with an escape sequence", behind(label(1, "\x1b[2J"))),
        ("a label that git would take for a path", behind(label(1, "../HEAD"))),
        ("a restore, which no machine shares", behind(Restore(root))),
        ("a collection, which no machine shares", behind(Collect)),
        ("a log that begins anew", behind(Supersede(SupersedeRecord { kept: 0, newest: None, active: None }))),
    ];
    all.into_iter().map(|(name, bodies)| Forgery::of(name, honest().0, bodies)).collect()
}

/// Entries that do not fit what is there.
fn forged_entries() -> Vec<Forgery> {
    let all: Vec<(&'static str, BendEntry)> = vec![
        ("an entry of another history", |entry, _| entry.repository.0[0] ^= 1),
        ("an entry of another place", |entry, _| entry.number += 1),
        ("an entry behind another one", |entry, _| entry.previous = ObjectId::ZERO),
        ("records with a gap", |entry, _| entry.records[1].sequence += 1),
        ("records in another order", |entry, _| entry.records.swap(0, 1)),
        ("records of another chain", |entry, _| entry.records[0].previous = ObjectId::ZERO),
        ("no records", |entry, _| entry.records.clear()),
        ("a pack that is longer than the entry says", |entry, _| entry.packs[0].bytes -= 1),
        ("a pack that is shorter than the entry says", |entry, _| entry.packs[0].bytes += 1),
        ("a pack that is larger than any", |entry, _| entry.packs[0].bytes = u64::MAX),
        ("a pack that is not there", |entry, _| entry.packs[0].id = ObjectId::ZERO),
        ("no pack", |entry, _| entry.packs.clear()),
        ("another pack under the name of one", |entry, far| {
            let mut bytes = std::fs::read(pack_path(far, &entry.packs[0])).unwrap();
            bytes[30] ^= 1;
            std::fs::write(pack_path(far, &entry.packs[0]), bytes).unwrap();
        }),
        ("a pack with a table that ends elsewhere", |entry, far| bend_pack(entry, far, |bytes| bytes.insert(24, 0))),
        ("a pack without its table", |entry, far| bend_pack(entry, far, |bytes| bytes.truncate(40))),
        ("a pack of another format", |entry, far| bend_pack(entry, far, |bytes| bytes[8] = 9)),
        ("a pack in the place of a catalog", |entry, _| entry.catalogs = entry.packs.clone()),
        ("a catalog in the place of a pack", |entry, far| entry.packs = vec![put_pack(far, &Catalog::default().encode(), 0)]),
        ("a catalog that is not there", |entry, _| entry.catalogs = vec![PackRef { id: ObjectId::ZERO, ..entry.packs[0] }]),
        ("a catalog of what lies behind the end of a pack", |entry, far| {
            let ids = vec![id(BLOB, b"elsewhere")];
            let beyond = PackFrame { offset: entry.packs[0].bytes as u32 + 1, bytes: 10, kind: BLOB, ids };
            put_catalog(entry, far, &[(beyond, None)]);
        }),
        ("a catalog of records", |entry, far| {
            let frame = PackFrame { offset: 24, bytes: 10, kind: ObjectKind::Record, ids: vec![ObjectId::ZERO] };
            put_catalog(entry, far, &[(frame, None)]);
        }),
    ];
    let bodies = || vec![version(2, honest().1), RecordBody::Pin(VersionNumber(2))];
    all.into_iter().map(|(name, bend)| Forgery { bend, ..Forgery::of(name, honest().0, bodies()) }).collect()
}

fn pack_path(far: &Path, pack: &PackRef) -> PathBuf {
    far.join(format!("packs/{}", pack.id))
}

/// Writes a pack, or what is to be taken for one, under the name that its bytes have.
fn put_pack(far: &Path, bytes: &[u8], objects: u64) -> PackRef {
    let pack = PackRef { id: pack_id(bytes), bytes: bytes.len() as u64, objects };
    std::fs::write(pack_path(far, &pack), bytes).unwrap();
    pack
}

fn bend_pack(entry: &mut RemoteEntry, far: &Path, bend: fn(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(pack_path(far, &entry.packs[0])).unwrap();
    bend(&mut bytes);
    entry.packs = vec![put_pack(far, &bytes, entry.packs[0].objects)];
}

/// Gives an entry a catalog of its first pack.
fn put_catalog(entry: &mut RemoteEntry, far: &Path, frames: &[(PackFrame, Option<ObjectId>)]) {
    let mut catalog = Catalog::default();
    catalog.push(entry.packs[0], frames.iter().cloned());
    entry.catalogs = vec![put_pack(far, &catalog.encode(), catalog.objects())];
}

/// Puts an entry behind the one that is there.
fn forge(far: &Path, forgery: Forgery) {
    let first = std::fs::read(far.join("log/0000000000000001")).unwrap();
    let before = RemoteEntry::decode(&first).unwrap();
    let packs = forgery.packs.into_iter().map(|builder| (builder.objects(), builder.finish()));
    let packs = packs.map(|(objects, bytes)| put_pack(far, &bytes, objects)).collect();
    let last = before.records.last().unwrap();
    let (mut sequence, mut previous, mut records) = (last.sequence, Record::id_of(&last.encode()), Vec::new());
    for body in forgery.bodies {
        sequence += 1;
        let record = Record { sequence, previous, created_ms: 5, body };
        previous = Record::id_of(&record.encode());
        records.push(record);
    }
    let previous = RemoteEntry::id_of(&first);
    let (repository, nonce, catalogs) = (before.repository, [7; 16], Vec::new());
    let mut entry = RemoteEntry { repository, number: 2, previous, nonce, records, packs, catalogs };
    (forgery.bend)(&mut entry, far);
    std::fs::write(far.join("log/0000000000000002"), entry.encode()).unwrap();
}

fn picture(sandbox: &Sandbox) -> TreeState {
    TreeState::capture(&sandbox.store()).without(|path| path.ends_with(b"lock") || path.starts_with(b"index.db-"))
}

/// A machine with one version that is shared, and the place where.
fn machine() -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    sandbox.write("file", "1");
    sandbox.push();
    let far = sandbox.outside("far");
    sandbox.lua(&["remote", "add", &format!("file://{}", far.display())]).expect(exit::OK);
    sandbox.lua(&["sync"]).expect(exit::OK);
    (sandbox, far)
}

/// Each is refused, as damage or as the history of somebody else, and changes nothing here.
fn assert_refused(forgeries: Vec<Forgery>) {
    let (sandbox, far) = machine();
    let before = picture(&sandbox);
    for forgery in forgeries {
        let name = forgery.name;
        forge(&far, forgery);
        let run = sandbox.lua_json(&["sync"]);
        assert!(run.code == exit::DAMAGED || run.value()["error"]["code"] == "remote_other", "{name}: {run}");
        before.assert_same(&picture(&sandbox), name);
    }
    sandbox.check_verify().unwrap();
}

#[test]
fn forged_contents_are_refused() {
    assert_refused(forged_contents());
}

#[test]
fn forged_records_are_refused() {
    assert_refused(forged_records());
}

#[test]
fn forged_entries_are_refused() {
    assert_refused(forged_entries());
}

/// A summary of the one entry that is there, changed.
fn forge_summary(far: &Path, bend: BendSummary) {
    let first = std::fs::read(far.join("log/0000000000000001")).unwrap();
    let RemoteEntry { repository, packs, catalogs, .. } = RemoteEntry::decode(&first).unwrap();
    let entry_id = RemoteEntry::id_of(&first);
    let bundles = vec![put_pack(far, &encode_bundle(&[first], Stamp::default()), 1)];
    let mut summary = Summary { repository, number: 1, entry: 1, entry_id, bundles, packs, catalogs };
    bend(&mut summary, far);
    std::fs::create_dir_all(far.join("summaries")).unwrap();
    std::fs::write(far.join("summaries/0000000000000001"), summary.encode()).unwrap();
}

#[test]
fn forged_summaries_are_refused() {
    let forgeries: Vec<(&str, BendSummary)> = vec![
        ("a summary of another history", |summary, _| summary.repository.0[0] ^= 1),
        ("a summary of another place", |summary, _| summary.number = 2),
        ("a summary of more than its bundles have", |summary, _| summary.entry = 9),
        ("a summary of another entry", |summary, _| summary.entry_id = ObjectId::ZERO),
        ("a bundle that is not there", |summary, _| summary.bundles[0].id = ObjectId::ZERO),
        ("a bundle of more entries than it has", |summary, _| summary.bundles[0].objects = 2),
        ("a bundle that is a pack", |summary, _| summary.bundles = summary.packs.clone()),
        ("a bundle with an entry twice", |summary, far| {
            let first = std::fs::read(far.join("log/0000000000000001")).unwrap();
            summary.bundles = vec![put_pack(far, &encode_bundle(&[first.clone(), first], Stamp::default()), 2)];
        }),
        ("a bundle of what is no entry", |summary, far| {
            summary.bundles = vec![put_pack(far, &encode_bundle(&[b"no entry".to_vec()], Stamp::default()), 1)];
        }),
        ("a summary without packs", |summary, _| summary.packs.clear()),
        ("a summary with a pack that is not there", |summary, _| summary.packs[0].id = ObjectId::ZERO),
        ("a summary with a bundle for a pack", |summary, _| summary.packs = summary.bundles.clone()),
        ("a summary with a pack for a catalog", |summary, _| summary.catalogs = summary.packs.clone()),
    ];
    let (_one, far) = machine();
    let new = Sandbox::new();
    new.lua(&["init"]).expect(exit::OK);
    new.lua(&["remote", "add", &format!("file://{}", far.display())]).expect(exit::OK);
    let before = picture(&new);
    for (name, bend) in forgeries {
        forge_summary(&far, bend);
        let run = new.lua_json(&["sync"]);
        assert_eq!(run.code, exit::DAMAGED, "{name}: {run}");
        before.assert_same(&picture(&new), name);
    }
    forge_summary(&far, |_, _| {});
    assert_eq!(new.json(&["sync"])["received"], 1, "the same without a change is taken");
}

/// What a catalog says of the one frame of a pack.
type CatalogLie = fn(&mut PackFrame, &mut Option<ObjectId>);

/// Puts a version there whose content stands in a catalog alone.
fn forge_catalog(far: &Path, lie: CatalogLie) {
    let root = tree_with(b"good", b"content");
    let tree = pack_of(&[(TREE, root.id(), plain(TREE, root.as_bytes()))]);
    forge(far, Forgery::of("a content in a catalog", tree, vec![version(2, root.id())]));
    let path = far.join("log/0000000000000002");
    let mut entry = RemoteEntry::decode(&std::fs::read(&path).unwrap()).unwrap();
    let frame = plain(BLOB, b"content");
    let content = pack_of(&[(BLOB, id(BLOB, b"content"), frame.clone())]).finish();
    let mut catalog = Catalog::default();
    let mut place = PackFrame { offset: 24, bytes: frame.len() as u32, kind: BLOB, ids: vec![id(BLOB, b"content")] };
    let mut base = None;
    lie(&mut place, &mut base);
    catalog.push(put_pack(far, &content, 1), [(place, base)]);
    entry.catalogs = vec![put_pack(far, &catalog.encode(), 1)];
    std::fs::write(path, entry.encode()).unwrap();
}

#[test]
fn a_catalog_that_lies_is_found_out_when_contents_come() {
    let lies: Vec<(&str, CatalogLie)> = vec![
        ("a frame that begins elsewhere", |frame, _| frame.offset += 1),
        ("a frame that is shorter", |frame, _| frame.bytes -= 1),
        ("a frame that is longer", |frame, _| frame.bytes += 1),
        ("a frame of another kind", |frame, _| frame.kind = TREE),
        ("a frame of more contents", |frame, _| frame.ids.push(ObjectId::ZERO)),
        ("a base that is nowhere", |_, base| *base = Some(ObjectId::ZERO)),
    ];
    for (name, lie) in lies {
        let (sandbox, far) = machine();
        forge_catalog(&far, lie);
        let taken = sandbox.json(&["sync"]);
        assert_eq!(taken["received"], 1, "{name}: no content is looked at that is not asked for");
        let (store, files) = (picture(&sandbox), sandbox.tree());
        let run = sandbox.lua_json(&["rollback", "2", "--force"]);
        let code = if name == "a base that is nowhere" { "remote_lacking" } else { "remote_damaged" };
        assert!(run.code == exit::DAMAGED && run.value()["error"]["code"] == code, "{name}: {run}");
        store.assert_same(&picture(&sandbox), name);
        files.assert_same(&sandbox.tree(), name);
    }
}

#[test]
fn what_is_made_by_the_rules_is_taken() {
    let (sandbox, far) = machine();
    let (pack, root) = honest();
    forge(&far, Forgery::of("honest", pack, vec![version(2, root), RecordBody::Pin(VersionNumber(2))]));
    sandbox.lua(&["sync", "--pull", "--force"]).expect(exit::OK);
    assert_eq!(std::fs::read(sandbox.path("good")).unwrap(), b"content");
    sandbox.check_verify().unwrap();
}
