//! Remotes made by somebody who knows the format: ids, chains and checksums are right, and what they say is not. Each is refused, and
//! what the machine has stays as it was, byte for byte.

mod common;

use std::path::{Path, PathBuf};

use common::contract::exit;
use common::sandbox::Sandbox;
use common::tree_state::TreeState;
use lua_store::format::frame::{Base, Coding, Content, FrameHeader, encode_frame};
use lua_store::format::pack::{PackBuilder, pack_id};
use lua_store::format::record::{LabelRecord, Record, RecordBody, VersionNumber, VersionRecord};
use lua_store::format::remote::{PackRef, RemoteEntry};
use lua_store::format::tree::{Entry, Node, Tree, TreeBuilder};
use lua_store::id::{ObjectId, ObjectKind};

/// What is forged: the packs, and what the records say.
struct Forgery {
    name: &'static str,
    packs: Vec<PackBuilder>,
    bodies: Vec<RecordBody>,
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
    let mut pack = PackBuilder::default();
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

/// A tree whose only name is one that no tree may have.
fn evil_tree(name: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, name.len() as u8];
    bytes.extend_from_slice(name);
    bytes.push(7);
    bytes.extend_from_slice(id(BLOB, b"content").as_bytes());
    bytes
}

fn forgeries() -> Vec<Forgery> {
    let (content, root) = (plain(BLOB, b"content"), tree_with(b"good", b"content"));
    let tree = |tree: &Tree| (TREE, tree.id(), plain(TREE, tree.as_bytes()));
    let (one, other) = (id(BLOB, b"one"), id(BLOB, b"other"));
    let delta = |base: Base, depth: u8| frame(BLOB, Content::Single, Coding::Delta { base, depth }, 7, b"\x01\x00\x00");
    let far = |base: ObjectId| delta(Base::Far(base), 1);
    let with = |name, frames: &[(ObjectKind, ObjectId, Vec<u8>)], root| Forgery {
        name,
        packs: vec![pack_of(frames)],
        bodies: vec![version(2, root)],
    };
    let bodies = |name, bodies: &dyn Fn(ObjectId) -> Vec<RecordBody>| {
        let (pack, root) = honest();
        Forgery { name, packs: vec![pack], bodies: bodies(root) }
    };
    let mut all = vec![
        with("a content that the table gives another id", &[(BLOB, one, content.clone()), tree(&root)], root.id()),
        with("a tree in the place of a content", &[(BLOB, id(BLOB, b"content"), plain(TREE, b"content")), tree(&root)], root.id()),
        with("a content in the place of a tree", &[(TREE, root.id(), plain(BLOB, root.as_bytes()))], root.id()),
        with("no content", &[tree(&root)], root.id()),
        with("no tree", &[(BLOB, id(BLOB, b"content"), content.clone())], root.id()),
        with(
            "a base in the same pack by its place",
            &[(BLOB, id(BLOB, b"content"), content.clone()), (BLOB, one, delta(Base::Near { distance: 20, member: 0 }, 1))],
            root.id(),
        ),
        with("a base that is nowhere", &[(BLOB, one, far(other)), tree(&root)], root.id()),
        with("two that are each other's base", &[(BLOB, one, far(other)), (BLOB, other, far(one))], root.id()),
        with("one that is its own base", &[(BLOB, one, far(one))], root.id()),
        with("a bomb", &[(BLOB, one, frame(BLOB, Content::Single, Coding::Zstd, 64 << 20, b"\x28\x00\x00"))], root.id()),
        with("a group whose lengths lie", &[(BLOB, one, frame(BLOB, Content::Group(vec![3, 4]), Coding::Raw, 7, b"content"))], root.id()),
        with(
            "a chunk list without its chunks",
            &[(BLOB, one, frame(BLOB, Content::ChunkList, Coding::Raw, 0, one.as_bytes())), tree(&root)],
            root.id(),
        ),
        with("bytes that are no frame", &[(BLOB, one, b"no frame".to_vec())], root.id()),
        bodies("a number too high", &|root| vec![version(3, root)]),
        bodies("a number that is taken", &|root| vec![version(1, root)]),
        bodies("two versions of one number", &|root| vec![version(2, root), version(2, root)]),
        bodies("a promotion of nothing", &|root| vec![version(2, root), RecordBody::Promote(VersionNumber(9))]),
        bodies("a deletion twice", &|root| {
            vec![version(2, root), RecordBody::Delete(VersionNumber(1)), RecordBody::Delete(VersionNumber(1))]
        }),
        bodies("a label for nothing", &|_| vec![RecordBody::Label(LabelRecord { version: VersionNumber(7), name: "x".into() })]),
        bodies("a record that no machine shares", &|root| vec![version(2, root), RecordBody::Restore(root)]),
        bodies("a tree that is not there", &|_| vec![version(2, ObjectId::ZERO)]),
    ];
    for name in [&b".."[..], b".lua", b"a/b", b".GIT", b"a\0b", b"."] {
        let tree = evil_tree(name);
        let frames = [(BLOB, id(BLOB, b"content"), content.clone()), (TREE, id(TREE, &tree), plain(TREE, &tree))];
        all.push(with("a tree with an evil name", &frames, id(TREE, &tree)));
    }
    all
}

/// Puts an entry behind the one that is there.
fn forge(far: &Path, forgery: Forgery) {
    let first = std::fs::read(far.join("log/0000000000000001")).unwrap();
    let before = RemoteEntry::decode(&first).unwrap();
    let mut packs = Vec::new();
    for builder in forgery.packs {
        let (objects, bytes) = (builder.objects(), builder.finish());
        let id = pack_id(&bytes);
        std::fs::write(far.join(format!("packs/{id}")), &bytes).unwrap();
        packs.push(PackRef { id, bytes: bytes.len() as u64, objects });
    }
    let last = before.records.last().unwrap();
    let (mut sequence, mut previous, mut records) = (last.sequence, Record::id_of(&last.encode()), Vec::new());
    for body in forgery.bodies {
        sequence += 1;
        let record = Record { sequence, previous, created_ms: 5, body };
        previous = Record::id_of(&record.encode());
        records.push(record);
    }
    let previous = RemoteEntry::id_of(&first);
    let entry = RemoteEntry { repository: before.repository, number: 2, previous, nonce: [7; 16], records, packs, catalogs: Vec::new() };
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

#[test]
fn what_is_forged_is_refused() {
    let (sandbox, far) = machine();
    let before = picture(&sandbox);
    for forgery in forgeries() {
        let name = forgery.name;
        forge(&far, forgery);
        let run = sandbox.lua_json(&["sync"]);
        assert_eq!(run.code, exit::DAMAGED, "{name}: {run}");
        before.assert_same(&picture(&sandbox), name);
    }
    sandbox.check_verify().unwrap();
}

#[test]
fn what_is_made_by_the_rules_is_taken() {
    let (sandbox, far) = machine();
    let (pack, root) = honest();
    forge(&far, Forgery { name: "honest", packs: vec![pack], bodies: vec![version(2, root), RecordBody::Pin(VersionNumber(2))] });
    sandbox.lua(&["sync", "--pull", "--force"]).expect(exit::OK);
    assert_eq!(std::fs::read(sandbox.path("good")).unwrap(), b"content");
    sandbox.check_verify().unwrap();
}
