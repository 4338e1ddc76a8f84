//! What has to be done to bring the workspace from one tree to another. Pure: looks at nothing but the trees' differences
//! and the ignore rules.
//!
//! Memory: about 130 bytes and the path's length for each path that differs.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::Range;

use super::contents::LeftOut;
use super::look::is_same_entry;
use crate::format::journal::LeftAlone;
use crate::path::RelPath;
use crate::tree::{Change, OwnedNode};

/// What happens at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A file or link comes where nothing stands.
    Add,
    /// A directory comes, with all that is below it, where nothing stands: made in the stage, moved in as one.
    AddTree,
    /// Comes as a part of the [`Action::AddTree`] or [`Action::ReplaceByTree`] above it.
    Within,
    /// A file or link takes the place of one.
    Replace,
    /// A directory with all that is below it takes the place of a file or link.
    ReplaceByTree,
    /// A file or link takes the place of a directory, which is empty by then.
    ReplaceDirectory,
    /// Permission bits of a file or a directory change, and nothing else.
    Chmod,
    /// A file or link goes.
    Remove,
    /// A directory goes, when all that was recorded in it is gone.
    RemoveDirectory,
    /// A directory should go, but holds something that is excluded or was never recorded: it stays.
    KeepDirectory,
    /// It is as it should be.
    Nothing,
}

/// A place that differs between the two trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where.
    pub path: RelPath,
    /// What was recorded there. A directory's id means nothing here.
    pub from: Option<OwnedNode>,
    /// What should be there.
    pub to: Option<OwnedNode>,
    /// What happens.
    pub action: Action,
}

impl Place {
    /// The path's last component.
    pub(super) fn name(&self) -> &[u8] {
        split(self.path.as_bytes()).1
    }

    /// The path of the folder that holds it.
    pub(super) fn folder(&self) -> &[u8] {
        split(self.path.as_bytes()).0
    }
}

/// Sums of a plan, for the user and for the check of free space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PlanTotals {
    /// Files and links that are written.
    pub write_files: u64,
    /// Bytes of them.
    pub write_bytes: u64,
    /// Directories that are made.
    pub make_directories: u64,
    /// Files and links that go without another taking their place.
    pub remove_files: u64,
    /// Directories that go, unless something is left in them.
    pub remove_directories: u64,
    /// Files and directories of which only the permission bits change.
    pub chmods: u64,
}

/// The plan of a checkout.
#[derive(Clone, Debug, Default)]
pub struct CheckoutPlan {
    /// Sorted by folder, a folder before those in it, then by name.
    pub(super) places: Vec<Place>,
    /// The places of each folder; the folders in the same order.
    pub(super) groups: Vec<Range<usize>>,
    left_alone: Vec<LeftAlone>,
}

impl CheckoutPlan {
    /// Plans from all differences between the tree that the workspace was just found equal to (`from`) and the one it is to
    /// be equal to (`to`).
    ///
    /// `is_left_out` are the ignore rules as they are before it begins: the plan touches nothing that they exclude, neither to
    /// remove it nor to write it.
    pub fn new(changes: Vec<Change>, is_left_out: &LeftOut<'_>) -> Self {
        let mut changes = changes;
        changes.sort_by(|one, other| place_order(one.path.as_bytes(), other.path.as_bytes()));
        let mut judge = Judge { is_left_out, folders: Vec::new(), left_alone: Vec::new() };
        let mut places: Vec<Place> = changes.into_iter().filter_map(|change| judge.place(change)).collect();
        let mut left_alone = judge.left_alone;
        left_alone.sort_unstable();
        left_alone.dedup();
        assign_actions(&mut places);
        let groups = group(&places);
        Self { places, groups, left_alone }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The places that differ and are not left alone.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Paths that differ and are not touched because the ignore rules exclude them: the topmost of each.
    pub fn left_alone(&self) -> &[LeftAlone] {
        &self.left_alone
    }

    /// The sums of what is to be done.
    pub fn totals(&self) -> PlanTotals {
        let mut totals = PlanTotals::default();
        for place in &self.places {
            match place.action {
                Action::Chmod => totals.chmods += 1,
                Action::Remove => totals.remove_files += 1,
                Action::RemoveDirectory | Action::ReplaceDirectory => totals.remove_directories += 1,
                Action::ReplaceByTree => totals.remove_files += 1,
                _ => {}
            }
            match &place.to {
                Some(_) if !place.action.writes() => {}
                Some(OwnedNode::Directory { .. }) => totals.make_directories += 1,
                Some(OwnedNode::File { bytes, .. }) => {
                    totals.write_files += 1;
                    totals.write_bytes = totals.write_bytes.saturating_add(*bytes);
                }
                Some(OwnedNode::Symlink { .. }) => totals.write_files += 1,
                None => {}
            }
        }
        totals
    }

    /// The places in a folder.
    pub(super) fn group_of(&self, folder: &[u8]) -> &[Place] {
        &self.places[self.group_range(folder)]
    }

    /// Where the places in a folder are.
    pub(super) fn group_range(&self, folder: &[u8]) -> Range<usize> {
        let found = self.groups.binary_search_by(|group| folder_order(self.places[group.start].folder(), folder));
        found.map_or(0..0, |group| self.groups[group].clone())
    }

    /// The place of a path.
    pub(super) fn place_of(&self, path: &[u8]) -> Option<&Place> {
        let found = self.places.binary_search_by(|place| place_order(place.path.as_bytes(), path));
        found.ok().map(|index| &self.places[index])
    }
}

impl Action {
    /// Whether something new is written for it.
    pub fn writes(self) -> bool {
        match self {
            Self::Add | Self::AddTree | Self::Within | Self::Replace | Self::ReplaceByTree | Self::ReplaceDirectory => true,
            Self::Chmod | Self::Remove | Self::RemoveDirectory | Self::KeepDirectory | Self::Nothing => false,
        }
    }
}

/// Splits a path into its folder and its last component.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&[], path),
    }
}

/// Orders folders: each before those in it, otherwise by the bytes of their names.
pub(super) fn folder_order(one: &[u8], other: &[u8]) -> Ordering {
    match one.iter().zip(other).position(|(a, b)| a != b) {
        // A slash ends a name, and a name comes before every longer one that begins with it. No name holds a zero.
        Some(at) => (one[at] != b'/').cmp(&(other[at] != b'/')).then(one[at].cmp(&other[at])),
        None => one.len().cmp(&other.len()),
    }
}

fn place_order(one: &[u8], other: &[u8]) -> Ordering {
    let ((one_folder, one), (other_folder, other)) = (split(one), split(other));
    folder_order(one_folder, other_folder).then_with(|| one.cmp(other))
}

/// Finds out which changes the ignore rules exclude.
struct Judge<'a> {
    is_left_out: &'a LeftOut<'a>,
    /// The folder judged last and its parents, with the topmost excluded one among each and its parents.
    folders: Vec<(RelPath, Option<RelPath>)>,
    left_alone: Vec<LeftAlone>,
}

impl Judge<'_> {
    fn place(&mut self, change: Change) -> Option<Place> {
        let Change { path, from, to } = change;
        let (folder, _) = path.split_last()?;
        if let Some(excluded) = self.excluded_parent(&folder) {
            self.left_alone.push(LeftAlone { path: excluded, is_directory: true });
            return None;
        }
        let from = self.unless_excluded(&path, from);
        let to = self.unless_excluded(&path, to);
        // Directories whose permission bits agree differ only below.
        if is_same_entry(from.as_ref(), to.as_ref()) {
            return None;
        }
        Some(Place { path, from, to, action: Action::Nothing })
    }

    fn unless_excluded(&mut self, path: &RelPath, node: Option<OwnedNode>) -> Option<OwnedNode> {
        let is_directory = node.as_ref()?.is_directory();
        if (self.is_left_out)(path, is_directory) {
            self.left_alone.push(LeftAlone { path: path.clone(), is_directory });
            return None;
        }
        node
    }

    /// The topmost directory above (or equal to) a folder that is excluded.
    fn excluded_parent(&mut self, folder: &RelPath) -> Option<RelPath> {
        while self.folders.last().is_some_and(|(above, _)| !folder.starts_with(above)) {
            self.folders.pop();
        }
        let (mut path, mut excluded) = self.folders.last().cloned().unwrap_or((RelPath::root(), None));
        let known = path.components().count();
        for name in folder.components().skip(known) {
            path = path.join(name).ok()?;
            if excluded.is_none() && (self.is_left_out)(&path, true) {
                excluded = Some(path.clone());
            }
            self.folders.push((path.clone(), excluded.clone()));
        }
        excluded
    }
}

fn assign_actions(places: &mut [Place]) {
    let is_directory = |node: &Option<OwnedNode>| node.as_ref().map(OwnedNode::is_directory);
    // Directories that come as part of a whole new tree, or as its top.
    let mut new_directories: HashSet<Vec<u8>> = HashSet::new();
    for place in places {
        let is_within = new_directories.contains(place.folder());
        place.action = match (is_directory(&place.from), is_directory(&place.to)) {
            (None, None) => Action::Nothing,
            (None, Some(_)) if is_within => Action::Within,
            (None, Some(false)) => Action::Add,
            (None, Some(true)) => Action::AddTree,
            (Some(false), Some(false)) if only_mode_differs(place) => Action::Chmod,
            (Some(false), Some(false)) => Action::Replace,
            (Some(false), Some(true)) => Action::ReplaceByTree,
            (Some(true), Some(false)) => Action::ReplaceDirectory,
            (Some(true), Some(true)) => Action::Chmod,
            (Some(false), None) => Action::Remove,
            (Some(true), None) => Action::RemoveDirectory,
        };
        if place.action.writes() && is_directory(&place.to) == Some(true) {
            new_directories.insert(place.path.as_bytes().to_vec());
        }
    }
}

fn only_mode_differs(place: &Place) -> bool {
    match (&place.from, &place.to) {
        (Some(OwnedNode::File { id, .. }), Some(OwnedNode::File { id: to, .. })) => id == to,
        _ => false,
    }
}

fn group(places: &[Place]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (index, place) in places.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if places[group.start].folder() == place.folder() => group.end = index + 1,
            _ => groups.push(index..index + 1),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::super::testing::{directory, file, path};
    use super::*;

    fn plan(changes: &[(&str, Option<OwnedNode>, Option<OwnedNode>)], left_out: &[&str]) -> CheckoutPlan {
        let changes = changes.iter().rev().map(|(text, from, to)| Change { path: path(text), from: from.clone(), to: to.clone() });
        let rule = |path: &RelPath, is_directory: bool| {
            left_out.iter().any(|rule| path.as_bytes() == rule.trim_end_matches('/').as_bytes() && (is_directory || !rule.ends_with('/')))
        };
        CheckoutPlan::new(changes.collect(), &rule)
    }

    fn actions(plan: &CheckoutPlan) -> Vec<String> {
        plan.places().iter().map(|place| format!("{:?} {}", place.action, place.path)).collect()
    }

    #[test]
    fn every_pair_of_kinds_has_its_action() {
        let link = Some(OwnedNode::Symlink { target: b"t".to_vec() });
        let plan = plan(
            &[
                ("a", None, file("1")),
                ("b", None, directory(0o755)),
                ("b/x", None, file("22")),
                ("b/y", None, directory(0o700)),
                ("b/y/z", None, link.clone()),
                ("c", file("1"), link.clone()),
                ("d", file("1"), directory(0o755)),
                ("d/x", None, file("333")),
                ("e", directory(0o755), file("1")),
                ("e/x", file("1"), None),
                ("f", directory(0o755), directory(0o700)),
                ("g", directory(0o755), None),
                ("g/x", link, None),
            ],
            &[],
        );
        let expected = [
            "Add a",
            "AddTree b",
            "Replace c",
            "ReplaceByTree d",
            "ReplaceDirectory e",
            "Chmod f",
            "RemoveDirectory g",
            "Within b/x",
            "Within b/y",
            "Within b/y/z",
            "Within d/x",
            "Remove e/x",
            "Remove g/x",
        ];
        assert_eq!(actions(&plan), expected);
        let totals = plan.totals();
        assert_eq!((totals.write_files, totals.write_bytes, totals.make_directories), (6, 7, 3));
        assert_eq!((totals.remove_files, totals.remove_directories, totals.chmods), (3, 2, 1));
        assert_eq!(plan.group_of(b"b").len(), 2);
        assert_eq!(plan.place_of(b"b/y/z").unwrap().name(), b"z");
        assert!(plan.place_of(b"b/y/zz").is_none() && plan.group_of(b"nothing").is_empty());
    }

    #[test]
    fn a_file_whose_bits_alone_change_is_not_written() {
        let Some(OwnedNode::File { bytes, id, .. }) = file("same") else { unreachable!() };
        let executable = Some(OwnedNode::File { mode: 0o755, bytes, id });
        assert_eq!(actions(&plan(&[("a", file("same"), executable)], &[])), ["Chmod a"]);
    }

    #[test]
    fn what_is_excluded_is_left_alone() {
        let changes = [
            ("a", file("1"), None),
            ("build", file("1"), directory(0o755)),
            ("build/x", None, file("1")),
            ("d", None, directory(0o755)),
            ("d/secret", None, file("1")),
            ("e/cache/deep/x", file("1"), file("2")),
            ("e/cache/y", file("1"), None),
        ];
        let plan = plan(&changes, &["a", "build/", "d/secret", "e/cache"]);
        assert_eq!(actions(&plan), ["Remove build", "AddTree d"]);
        let left_alone: Vec<String> = plan.left_alone().iter().map(|left| format!("{} {}", left.path, left.is_directory)).collect();
        assert_eq!(left_alone, ["a false", "build true", "d/secret false", "e/cache true"]);
    }

    #[test]
    fn folders_come_before_what_is_in_them() {
        let mut paths = ["a.b", "a", "a/b", "a/b/c", "ab", "", "a\u{1}"].map(str::as_bytes);
        paths.sort_by(|one, other| folder_order(one, other));
        assert_eq!(paths, ["", "a", "a/b", "a/b/c", "a\u{1}", "a.b", "ab"].map(str::as_bytes));
    }
}
