//! What a segment that is written anew is made of.

use super::collecting::{collect, live_set, seal};
use super::*;
use crate::format::frame::Content;
use crate::limits::{GROUP_BYTES_TARGET, GROUP_MEMBER_BYTES_MAX, GROUP_MEMBERS_MAX};
use crate::store::recover::Step;

/// The objects in each frame of the first segment but records, 0 for one that stands alone, and the depths.
pub(super) fn frames(store: &Store) -> (Vec<usize>, Vec<u8>) {
    let (mut members, mut depths) = (Vec::new(), Vec::new());
    store
        .steps_in(1, Position::default(), &mut |step| {
            let Step::Frame { frame, .. } = step else { panic!("broken") };
            if frame.header.kind != ObjectKind::Record {
                members.push(if let Content::Group(lengths) = &frame.header.content { lengths.len() } else { 0 });
                depths.push(frame.header.depth());
            }
            Ok(())
        })
        .unwrap();
    (members, depths)
}

/// Groups of these lengths with another member each, which dies; the frames when they have been collected.
fn grouped_anew(groups: &[Vec<usize>]) -> Vec<usize> {
    let test = TestStore::new();
    let store = test.open();
    let batch = store.batch().unwrap();
    let mut writer = Writer::new(&store, &batch).unwrap();
    let mut live = Vec::new();
    let mut seed = 0;
    for group in groups {
        let mut content = |bytes: usize| {
            seed += 1;
            noise(seed, bytes)
        };
        let contents: Vec<Vec<u8>> = [&group[..], &[50]].concat().into_iter().map(&mut content).collect();
        let slices: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        let ids = writer.put_group(ObjectKind::Blob, &slices).unwrap();
        live.extend_from_slice(&ids[..group.len()]);
    }
    drop(writer);
    store.publish(batch, b"record").unwrap();
    seal(&store);
    collect(&store, &[1], &live_set([&live]));
    let store = test.open();
    assert!([live.first(), live.last()].into_iter().flatten().all(|id| read(&store, id).is_ok()));
    frames(&store).0
}

#[test]
fn what_is_left_of_groups_is_grouped_up_to_the_bounds() {
    let quarter = vec![GROUP_BYTES_TARGET / 4; 2];
    assert_eq!(grouped_anew(&[quarter.clone(), quarter.clone()]), [4]);
    assert_eq!(grouped_anew(&[quarter.clone(), quarter, vec![5]]), [4, 0]);
    assert_eq!(grouped_anew(&[vec![10; GROUP_MEMBERS_MAX - 1], vec![10]]), [GROUP_MEMBERS_MAX]);
    assert_eq!(grouped_anew(&[vec![10; GROUP_MEMBERS_MAX - 1], vec![10; 2]]), [GROUP_MEMBERS_MAX, 0]);
}

/// A base and two edits of it, in the first of two segments.
fn edits(store: &Store, bytes: usize) -> Vec<ObjectId> {
    let mut content = noise(1, bytes);
    let (mut ids, _) = push(store, &[(&content, None)], b"base");
    for edit in 0..2 {
        content[edit] ^= 1;
        ids.extend(push(store, &[(&content, Some(ids[0]))], b"edit").0);
    }
    seal(store);
    assert_eq!(frames(store), (vec![0; 3], vec![0, 1, 1]));
    ids
}

#[test]
fn what_has_lost_its_base_is_grouped_unless_it_is_large() {
    for (bytes, expected) in [(3000, vec![2]), (GROUP_MEMBER_BYTES_MAX, vec![2]), (GROUP_MEMBER_BYTES_MAX + 1, vec![0, 0])] {
        let test = TestStore::new();
        let store = test.open();
        let ids = edits(&store, bytes);
        collect(&store, &[1], &live_set([&ids[1..].to_vec()]));
        assert_eq!(frames(&store).0, expected, "{bytes} bytes");
    }
}

#[test]
fn a_base_that_only_another_segment_needs_is_still_a_base() {
    let test = TestStore::new();
    let store = test.open();
    let ids = edits(&store, 3000);
    let mut content = noise(1, 3000);
    content[9] ^= 1;
    let (elsewhere, _) = push(&store, &[(&content, Some(ids[0]))], b"elsewhere");
    seal(&store);
    collect(&store, &[1], &live_set([&vec![ids[2], elsewhere[0]]]));
    assert_eq!(frames(&store).1, [0, 1]);
    assert!([ids[2], elsewhere[0]].iter().all(|id| read(&test.open(), id).is_ok()));
}

#[test]
fn frames_are_copied_as_they_are_or_made_smaller() {
    let test = TestStore::new();
    let store = test.open();
    let versions = collecting::history(&store, 20, 10);
    // Text in which a better search finds more.
    let text: String = (0..20_000_u64).map(|n| format!("{} of {};", n * n % 977, n % 7)).collect();
    let (text, _) = push(&store, &[(text.as_bytes(), None)], b"text");
    seal(&store);
    let live = live_set(versions.iter().chain([&text]));
    let rewrite = |effort| store.rewrite(&[1], &live, effort, &AtomicBool::new(false)).unwrap();
    let copied = rewrite(Effort::Copy);
    assert_eq!((copied.new_bytes(), copied.dropped_objects()), (copied.old_bytes(), 0));
    let smaller = rewrite(Effort::Recompress);
    assert!(smaller.new_bytes() < copied.new_bytes(), "{} of {} bytes", smaller.new_bytes(), copied.new_bytes());
    let collected = store.swap(smaller, &store.try_no_pins().unwrap().unwrap()).unwrap();
    assert_eq!(collected.new_bytes, std::fs::metadata(test.segment(1)).unwrap().len());
    let store = test.open();
    assert!(versions.iter().flatten().chain(&text).all(|id| read(&store, id).is_ok()));
}

#[test]
fn what_comes_to_life_or_becomes_a_base_meanwhile_outdates_the_new_segment() {
    let test = TestStore::new();
    let store = test.open();
    let content = noise(1, 3000);
    let (ids, _) = push(&store, &[(&content, None), (b"other", None)], b"record");
    seal(&store);
    let live = live_set([&ids[1..].to_vec()]);
    let rewritten = store.rewrite(&[1], &live, Effort::Copy, &AtomicBool::new(false)).unwrap();
    assert!(!rewritten.is_outdated(&store, &live).unwrap());
    assert!(rewritten.is_outdated(&store, &live_set([&ids])).unwrap());
    push(&store, &[(&[&content[..], b"edited"].concat(), Some(ids[0]))], b"edit");
    assert!(rewritten.is_outdated(&store, &live).unwrap());
}
