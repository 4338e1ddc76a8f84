//! The only calls that change the workspace: renames between stage and place, removing empty directories, permission bits.
//!
//! A rename with `RENAME_EXCHANGE` or `RENAME_NOREPLACE` never destroys anything, whatever others do meanwhile: what stood at
//! the place is afterwards in the stage. File systems that know neither flag (NFS, some FUSE) get the same from several calls,
//! each of which destroys nothing either: links, and renames of directories, which never replace one with something in it.

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, FileType, Mode, RenameFlags};
use rustix::io::Errno;

use super::access::{self, open_place, with_write_access};
use crate::limits::MOVE_TRIES;

/// Asked before every call that changes the workspace; an error is taken for the call's. Tests stop there.
pub(super) type Gate<'a> = dyn Fn(&'static str) -> rustix::io::Result<()> + 'a;

/// A name in an open folder.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub folder: BorrowedFd<'a>,
    pub name: &'a [u8],
}

impl<'a> At<'a> {
    pub(super) fn new(folder: BorrowedFd<'a>, name: &'a [u8]) -> Self {
        Self { folder, name }
    }
}

/// What [`Moves::put`] found at the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// Nothing.
    New,
    /// Something, which has the slot's name now.
    Swapped,
}

/// Changes the workspace, and learns what its file system can do.
pub(super) struct Moves<'a> {
    gate: &'a Gate<'a>,
    can_exchange: Cell<bool>,
    can_spare: Cell<bool>,
}

impl<'a> Moves<'a> {
    pub(super) fn new(gate: &'a Gate<'a>) -> Self {
        Self { gate, can_exchange: Cell::new(true), can_spare: Cell::new(true) }
    }

    /// Moves without any flag, as if the file system knew none.
    #[cfg(test)]
    pub(super) fn without_flags(gate: &'a Gate<'a>) -> Self {
        Self { gate, can_exchange: Cell::new(false), can_spare: Cell::new(false) }
    }

    /// Brings what is in the stage under `slot` to its place. What stands there has the slot's name afterwards.
    pub(super) fn put(&self, slot: At<'_>, place: At<'_>, is_taken: bool) -> rustix::io::Result<Put> {
        let mut is_taken = is_taken;
        for _ in 0..MOVE_TRIES {
            let tried =
                if is_taken { self.exchange(slot, place).map(|()| Put::Swapped) } else { self.move_new(slot, place).map(|()| Put::New) };
            match tried {
                // Somebody removed it or made one between two tries.
                Err(Errno::NOENT) if is_taken => is_taken = false,
                Err(Errno::EXIST) if !is_taken => is_taken = true,
                done => return done,
            }
        }
        Err(Errno::AGAIN)
    }

    /// Brings what stands at a place into the stage; `false` when nothing stands there.
    pub(super) fn take(&self, place: At<'_>, slot: At<'_>) -> rustix::io::Result<bool> {
        match self.move_new(place, slot) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Renames where nothing has the new name; [`Errno::EXIST`] when something has.
    pub(super) fn move_new(&self, from: At<'_>, to: At<'_>) -> rustix::io::Result<()> {
        self.changing(from, to, "move", &mut || {
            if self.can_spare.get() {
                match rename(from, to, RenameFlags::NOREPLACE) {
                    Err(error) if is_unsupported(error) => self.can_spare.set(false),
                    done => return done,
                }
            }
            move_new_without_flags(from, to)
        })
    }

    fn exchange(&self, slot: At<'_>, place: At<'_>) -> rustix::io::Result<()> {
        if self.can_exchange.get() {
            match self.changing(slot, place, "exchange", &mut || rename(slot, place, RenameFlags::EXCHANGE)) {
                Err(error) if is_unsupported(error) => self.can_exchange.set(false),
                done => return done,
            }
        }
        self.exchange_in_steps(slot, place)
    }

    /// Between the steps nothing stands at the place, and what stood there is in the stage under the slot's name with a `~`.
    fn exchange_in_steps(&self, slot: At<'_>, place: At<'_>) -> rustix::io::Result<()> {
        let aside_name = aside_name(slot.name);
        let aside = At::new(slot.folder, &aside_name);
        self.move_new(place, aside)?;
        if let Err(error) = self.move_new(slot, place) {
            // When somebody made one meanwhile, the other stays in the stage and this is no case for another try.
            let is_back = self.move_new(aside, place).is_ok();
            return Err(if error == Errno::EXIST && !is_back { Errno::BUSY } else { error });
        }
        self.move_new(aside, slot)
    }

    /// Removes an empty directory.
    pub(super) fn remove_directory(&self, place: At<'_>) -> rustix::io::Result<()> {
        with_write_access(place.folder, &mut || {
            (self.gate)("remove the directory")?;
            rustix::fs::unlinkat(place.folder, place.name, AtFlags::REMOVEDIR)
        })
    }

    /// Makes a directory.
    pub(super) fn make_directory(&self, place: At<'_>) -> rustix::io::Result<()> {
        with_write_access(place.folder, &mut || {
            (self.gate)("make the directory")?;
            rustix::fs::mkdirat(place.folder, place.name, Mode::RWXU | Mode::RWXG | Mode::RWXO)
        })
    }

    /// Sets permission bits.
    pub(super) fn chmod(&self, place: At<'_>, mode: u16) -> rustix::io::Result<()> {
        (self.gate)("set the permission bits of")?;
        access::chmod(place.folder, place.name, mode)
    }

    /// Undoes the steps of a failed [`Moves::put`], as far as it got.
    pub(super) fn put_back(&self, slot: At<'_>, place: At<'_>) -> rustix::io::Result<()> {
        let aside_name = aside_name(slot.name);
        let aside = At::new(slot.folder, &aside_name);
        if !exists(aside)? {
            return Ok(());
        }
        if !exists(slot)? {
            // It is in place already; only what it was exchanged for has not got its name.
            self.take(place, slot)?;
        }
        match self.move_new(aside, place) {
            // Somebody made one meanwhile: then what was there before stays in the stage.
            Err(Errno::EXIST) => Ok(()),
            done => done,
        }
    }

    fn changing(
        &self,
        from: At<'_>,
        to: At<'_>,
        action: &'static str,
        call: &mut dyn FnMut() -> rustix::io::Result<()>,
    ) -> rustix::io::Result<()> {
        let mut in_folders = || {
            with_write_access(from.folder, &mut || {
                with_write_access(to.folder, &mut || {
                    (self.gate)(action)?;
                    call()
                })
            })
        };
        match in_folders() {
            Err(Errno::ACCESS) => {}
            done => return done,
        }
        // A directory that moves to another one is written to itself: its `..` changes.
        let moved = open_place(from.folder, from.name)?;
        with_write_access(moved.as_fd(), &mut in_folders)
    }
}

/// The name in the stage of what is on its way out of a place while an exchange is done in steps.
fn aside_name(slot: &[u8]) -> Vec<u8> {
    [slot, b"~"].concat()
}

fn exists(at: At<'_>) -> rustix::io::Result<bool> {
    match rustix::fs::statat(at.folder, at.name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

fn rename(from: At<'_>, to: At<'_>, flags: RenameFlags) -> rustix::io::Result<()> {
    if flags.is_empty() {
        return rustix::fs::renameat(from.folder, from.name, to.folder, to.name);
    }
    rustix::fs::renameat_with(from.folder, from.name, to.folder, to.name, flags)
}

fn is_unsupported(error: Errno) -> bool {
    matches!(error, Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP)
}

fn move_new_without_flags(from: At<'_>, to: At<'_>) -> rustix::io::Result<()> {
    let stat = rustix::fs::statat(from.folder, from.name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        return match rename(from, to, RenameFlags::empty()) {
            Err(Errno::NOTDIR | Errno::NOTEMPTY) => Err(Errno::EXIST),
            moved => moved,
        };
    }
    match rustix::fs::linkat(from.folder, from.name, to.folder, to.name, AtFlags::empty()) {
        Ok(()) => rustix::fs::unlinkat(from.folder, from.name, AtFlags::empty()).inspect_err(|_| {
            // Both names are there: the new one goes again, so that this can be tried once more.
            let _ = rustix::fs::unlinkat(to.folder, to.name, AtFlags::empty());
        }),
        // Neither flags nor links: between looking and renaming somebody could make a file here that would be lost.
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {
            match rustix::fs::statat(to.folder, to.name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => Err(Errno::EXIST),
                Err(Errno::NOENT) => rename(from, to, RenameFlags::empty()),
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn both(check: impl Fn(&Moves<'_>, &std::path::Path, BorrowedFd<'_>)) {
        for moves in [Moves::new(&|_| Ok(())), Moves::without_flags(&|_| Ok(()))] {
            let temp = tempfile::tempdir().unwrap();
            let handle = fs::File::open(temp.path()).unwrap();
            check(&moves, temp.path(), handle.as_fd());
        }
    }

    #[test]
    fn nothing_is_replaced_and_everything_comes_out() {
        both(|moves, path, folder| {
            let (slot, place) = (At::new(folder, b"slot"), At::new(folder, b"place"));
            fs::write(path.join("slot"), "new").unwrap();
            assert_eq!(moves.put(slot, place, true), Ok(Put::New));
            fs::write(path.join("slot"), "newer").unwrap();
            assert_eq!(moves.put(slot, place, false), Ok(Put::Swapped));
            assert_eq!(fs::read_to_string(path.join("place")).unwrap(), "newer");
            assert_eq!(fs::read_to_string(path.join("slot")).unwrap(), "new");
            assert_eq!(moves.take(place, slot), Err(Errno::EXIST));
            fs::remove_file(path.join("slot")).unwrap();
            assert_eq!(moves.take(place, slot), Ok(true));
            assert_eq!(moves.take(place, slot), Ok(false));
            assert_eq!(fs::read_dir(path).unwrap().count(), 1);
        });
    }

    #[test]
    fn kinds_change_in_one_exchange() {
        both(|moves, path, folder| {
            let (slot, place) = (At::new(folder, b"slot"), At::new(folder, b"place"));
            fs::create_dir_all(path.join("slot/below")).unwrap();
            std::os::unix::fs::symlink("/nowhere", path.join("place")).unwrap();
            assert_eq!(moves.put(slot, place, false), Ok(Put::Swapped));
            assert!(path.join("place/below").is_dir() && path.join("slot").is_symlink());
            assert_eq!(moves.put(slot, place, true), Ok(Put::Swapped));
            assert!(path.join("slot/below").is_dir() && path.join("place").is_symlink());
            fs::create_dir_all(path.join("full/x")).unwrap();
            assert_eq!(moves.move_new(slot, At::new(folder, b"full")), Err(Errno::EXIST));
        });
    }

    #[test]
    fn a_step_that_fails_is_taken_back() {
        let temp = tempfile::tempdir().unwrap();
        let handle = fs::File::open(temp.path()).unwrap();
        fs::write(temp.path().join("slot"), "new").unwrap();
        fs::write(temp.path().join("place"), "old").unwrap();
        let calls = Cell::new(0);
        let gate = move |_: &'static str| {
            calls.set(calls.get() + 1);
            if calls.get() == 2 { Err(Errno::IO) } else { Ok(()) }
        };
        let moves = Moves::without_flags(&gate);
        let (slot, place) = (At::new(handle.as_fd(), b"slot"), At::new(handle.as_fd(), b"place"));
        assert_eq!(moves.put(slot, place, true), Err(Errno::IO));
        assert_eq!(fs::read_to_string(temp.path().join("place")).unwrap(), "old");
        assert_eq!(fs::read_to_string(temp.path().join("slot")).unwrap(), "new");
    }
}
