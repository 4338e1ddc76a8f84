//! Whether something that came out of the workspace is held by a version, so that it may be removed.

use std::os::fd::AsFd;

use super::beneath::{OpenFor, names_in, open_beneath};
use super::look::{FileStat, Found, Hashing, is_torn, look};
use super::moves::At;
use super::plan::{CheckoutPlan, Place};
use crate::disk::is_exhausted;
use crate::tree::OwnedNode;

/// Compares with what the two trees of a plan hold.
pub(super) struct Known<'a> {
    plan: &'a CheckoutPlan,
    hashing: Hashing,
    /// Files may be there that a power cut tore while they were written.
    expects_torn: bool,
}

impl<'a> Known<'a> {
    pub(super) fn new(plan: &'a CheckoutPlan) -> Self {
        Self { plan, hashing: Hashing::new(), expects_torn: false }
    }

    /// After a crash: files may be torn.
    pub(super) fn after_crash(plan: &'a CheckoutPlan) -> Self {
        Self { plan, hashing: Hashing::new(), expects_torn: true }
    }

    /// The same for another thread.
    pub(super) fn another(&self) -> Self {
        Self { plan: self.plan, hashing: Hashing::new(), expects_torn: self.expects_torn }
    }

    pub(super) fn plan(&self) -> &'a CheckoutPlan {
        self.plan
    }

    /// Whether all that has a name in a stage is held by one of the two trees: as the content recorded at this place before,
    /// or as the one that is to come. What cannot be read is not known.
    ///
    /// # Errors
    /// The system has run out of something: whether it is known can be told later only.
    pub(super) fn is_known(&mut self, slot: At<'_>, place: &Place) -> std::io::Result<bool> {
        self.look_through(slot, place).or_else(unknown_if_unreadable)
    }

    fn look_through(&mut self, slot: At<'_>, place: &Place) -> std::io::Result<bool> {
        match look(slot.folder, slot.name)? {
            Found::Nothing => Ok(true),
            Found::Directory(_) if holds_directory(place) => self.is_known_tree(slot, place),
            Found::Directory(_) | Found::Special => Ok(false),
            found => self.is_known_leaf(slot, &found, place),
        }
    }

    fn is_known_leaf(&mut self, at: At<'_>, found: &Found, place: &Place) -> std::io::Result<bool> {
        for node in [&place.from, &place.to].into_iter().flatten() {
            if self.hashing.has_content(at.folder, at.name, found, node)? {
                return Ok(true);
            }
        }
        Ok(self.expects_torn && self.is_torn(at, found, place)?)
    }

    fn is_torn(&mut self, at: At<'_>, found: &Found, place: &Place) -> std::io::Result<bool> {
        let Found::File(stat) = found else { return Ok(false) };
        if !is_torn(FileStat::of(stat).bytes, [place.from.as_ref(), place.to.as_ref()]) {
            return Ok(false);
        }
        Ok(self.hashing.file(at.folder, at.name)?.is_some_and(|read| read.is_blank))
    }

    /// A directory that was made in the stage is known when everything in it is.
    fn is_known_tree(&mut self, slot: At<'_>, top: &Place) -> std::io::Result<bool> {
        let mut pending = vec![(slot.name.to_vec(), top.path.as_bytes().to_vec())];
        while let Some((staged_path, path)) = pending.pop() {
            let handle = open_beneath(slot.folder, &staged_path, OpenFor::Names)?;
            for name in names_in(handle.as_fd())? {
                let path = [&path[..], b"/", &name].concat();
                let Some(place) = self.plan.place_of(&path) else { return Ok(false) };
                match look(handle.as_fd(), &name)? {
                    Found::Nothing => {}
                    Found::Special => return Ok(false),
                    Found::Directory(_) if !holds_directory(place) => return Ok(false),
                    Found::Directory(_) => pending.push(([&staged_path[..], b"/", &name].concat(), path)),
                    found => {
                        if !self.is_known_leaf(At::new(handle.as_fd(), &name), &found, place)? {
                            return Ok(false);
                        }
                    }
                }
            }
        }
        Ok(true)
    }
}

fn unknown_if_unreadable(error: std::io::Error) -> std::io::Result<bool> {
    if is_exhausted(&error) { Err(error) } else { Ok(false) }
}

/// Whether one of the trees has a directory there. It may be the old one: a checkout that is undone makes trees too.
fn holds_directory(place: &Place) -> bool {
    [&place.from, &place.to].into_iter().flatten().any(OwnedNode::is_directory)
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_not_known_but_want_of_handles_says_nothing() {
        for unreadable in [Errno::IO, Errno::ACCESS, Errno::LOOP] {
            assert!(!unknown_if_unreadable(unreadable.into()).unwrap(), "{unreadable}");
        }
        for exhausted in [Errno::MFILE, Errno::NFILE, Errno::NOMEM] {
            assert!(unknown_if_unreadable(exhausted.into()).is_err(), "{exhausted}");
        }
    }
}
