//! Conflict copies: what came out of the workspace and is in no version is put back beside its place, under another name.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

use super::beneath::{OpenFor, open_beneath};
use super::moves::{At, Moves};
use super::plan::split;
use crate::limits::{CONFLICT_COPIES_MAX, NAME_BYTES_MAX};
use crate::path::RelPath;

/// Bytes that no version holds, kept beside the place where they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictCopy {
    /// Where they were.
    pub path: RelPath,
    /// Where they are now.
    pub copy: RelPath,
}

/// Puts what is in a stage beside its place, under the first name `NAME.lua-conflict-1`, `-2` … that is free.
///
/// Folders that are gone are made again; where one cannot be (a file stands there by now) the copy goes to the folder above.
pub(super) fn keep_aside(moves: &Moves<'_>, root: BorrowedFd<'_>, slot: At<'_>, path: &RelPath) -> rustix::io::Result<ConflictCopy> {
    let (folder, name) = split(path.as_bytes());
    let (folder, handle) = open_or_make(moves, root, folder)?;
    let kept = match keep_in(moves, handle.as_fd(), slot, name) {
        // Its folder is on another mount by now.
        Err(Errno::XDEV) => keep_in(moves, root, slot, name).map(|copy| (RelPath::root(), copy)),
        kept => kept.map(|copy| (folder, copy)),
    };
    let (folder, name) = kept?;
    let copy = folder.join(&name).map_err(|_| Errno::NAMETOOLONG)?;
    Ok(ConflictCopy { path: path.clone(), copy })
}

fn keep_in(moves: &Moves<'_>, folder: BorrowedFd<'_>, slot: At<'_>, name: &[u8]) -> rustix::io::Result<Vec<u8>> {
    for number in 1..=CONFLICT_COPIES_MAX {
        let name = conflict_name(name, number);
        match moves.move_new(slot, At::new(folder, &name)) {
            Ok(()) => return Ok(name),
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::EXIST)
}

/// The name of the copy; a long one is cut so that it is still a name.
fn conflict_name(name: &[u8], number: u32) -> Vec<u8> {
    let ending = format!(".lua-conflict-{number}");
    let mut kept = name.len().min(NAME_BYTES_MAX - ending.len());
    // Not inside a character: file systems that demand UTF-8 would refuse the name.
    while kept < name.len() && kept > 0 && name[kept] & 0xc0 == 0x80 {
        kept -= 1;
    }
    [&name[..kept], ending.as_bytes()].concat()
}

fn open_or_make(moves: &Moves<'_>, root: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<(RelPath, OwnedFd)> {
    if let Ok(handle) = open_beneath(root, path, OpenFor::Names) {
        return Ok((RelPath::new(path).map_err(|_| Errno::INVAL)?, handle));
    }
    let mut reached = (RelPath::root(), open_beneath(root, b"", OpenFor::Names)?);
    for name in path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
        let (folder, handle) = &reached;
        let opened = match open_beneath(handle.as_fd(), name, OpenFor::Names) {
            Err(Errno::NOENT) => {
                moves.make_directory(At::new(handle.as_fd(), name)).and_then(|()| open_beneath(handle.as_fd(), name, OpenFor::Names))
            }
            opened => opened,
        };
        match opened {
            Ok(below) => reached = (folder.join(name).map_err(|_| Errno::INVAL)?, below),
            Err(Errno::NOTDIR | Errno::LOOP) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(reached)
}

#[cfg(test)]
mod tests {
    use super::super::testing::path;
    use super::*;
    use std::fs;

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let cut = |name: &[u8]| conflict_name(name, 1).strip_suffix(b".lua-conflict-1").unwrap().to_vec();
        assert_eq!(cut(&[b'x'; 240]), [b'x'; 240]);
        assert_eq!(cut(&[b'x'; 241]), [b'x'; 240]);
        assert_eq!(cut(format!("x{}", "ä".repeat(127)).as_bytes()), format!("x{}", "ä".repeat(119)).as_bytes());
        assert_eq!(cut("€".repeat(85).as_bytes()), "€".repeat(80).as_bytes());
        assert_eq!(cut(format!("x{}", "€".repeat(84)).as_bytes()), format!("x{}", "€".repeat(79)).as_bytes());
        // No characters at all.
        assert_eq!(cut(&[0x80; 255]), b"");
    }

    #[test]
    fn copies_never_replace_anything() {
        let temp = tempfile::tempdir().unwrap();
        let root = fs::File::open(temp.path()).unwrap();
        let moves = Moves::new(&|_| Ok(()));
        fs::write(temp.path().join("a.lua-conflict-1"), "taken").unwrap();
        fs::write(temp.path().join("file"), "in the way").unwrap();
        let keep = |content: &str, at: &str| {
            fs::write(temp.path().join("slot"), content).unwrap();
            let kept = keep_aside(&moves, root.as_fd(), At::new(root.as_fd(), b"slot"), &path(at)).unwrap();
            assert_eq!(fs::read_to_string(temp.path().join(kept.copy.to_string())).unwrap(), content);
            kept.copy.to_string()
        };
        assert_eq!(keep("1", "a"), "a.lua-conflict-2");
        assert_eq!(keep("2", "gone/too/b"), "gone/too/b.lua-conflict-1");
        assert_eq!(keep("3", "file/x/b"), "b.lua-conflict-1");
        let long = "ä".repeat(127);
        assert_eq!(keep("4", &long), format!("{}.lua-conflict-1", "ä".repeat(120)));
    }
}
