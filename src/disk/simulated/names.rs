//! Files and the folders that name them. A change of names is durable once its folder was synced.
//!
//! Two kinds of file systems: one that has a journal for all names, so that what a power cut leaves is a beginning of all changes
//! (ext4, xfs), and one that keeps each folder for itself, so that it is any of them that do not build upon a lost one.

use std::collections::{BTreeMap, BTreeSet};

use rustix::io::Errno;

use super::file::{File, Left};
use super::random::Random;

/// Which file or folder.
pub type Inode = usize;

/// The folder that is always there.
pub const ROOT: Inode = 0;

/// Names that change together: in which folder, and what they mean then.
type Change = Vec<(Inode, String, Option<Inode>)>;

type Folder = BTreeMap<String, Inode>;

#[derive(Debug)]
enum Node {
    File(File),
    Folder { names: Folder, durable: Folder },
}

/// All files.
#[derive(Debug)]
pub struct Files {
    nodes: Vec<Node>,
    /// What the disk need not have yet, in order.
    pending: Vec<Change>,
    has_journal: bool,
}

impl Files {
    /// An empty disk.
    pub fn new(has_journal: bool) -> Self {
        Self { nodes: vec![new_folder()], pending: Vec::new(), has_journal }
    }

    pub fn names(&self, folder: Inode) -> Result<&Folder, Errno> {
        match &self.nodes[folder] {
            Node::Folder { names, .. } => Ok(names),
            Node::File(_) => Err(Errno::NOTDIR),
        }
    }

    pub fn file(&mut self, inode: Inode) -> Result<&mut File, Errno> {
        match &mut self.nodes[inode] {
            Node::File(file) => Ok(file),
            Node::Folder { .. } => Err(Errno::ISDIR),
        }
    }

    pub fn is_folder(&self, inode: Inode) -> bool {
        matches!(self.nodes[inode], Node::Folder { .. })
    }

    pub fn find(&self, folder: Inode, name: &str) -> Result<Inode, Errno> {
        self.names(folder)?.get(name).copied().ok_or(Errno::NOENT)
    }

    pub fn make_file(&mut self, folder: Inode, name: &str, now_ms: u64) -> Result<Inode, Errno> {
        self.make(folder, name, Node::File(File::new(now_ms)))
    }

    pub fn make_folder(&mut self, folder: Inode, name: &str) -> Result<Inode, Errno> {
        self.make(folder, name, new_folder())
    }

    fn make(&mut self, folder: Inode, name: &str, node: Node) -> Result<Inode, Errno> {
        if self.names(folder)?.contains_key(name) {
            return Err(Errno::EXIST);
        }
        self.nodes.push(node);
        let inode = self.nodes.len() - 1;
        self.change(vec![(folder, name.to_owned(), Some(inode))]);
        Ok(inode)
    }

    pub fn unlink(&mut self, folder: Inode, name: &str) -> Result<(), Errno> {
        let inode = self.find(folder, name)?;
        if self.is_folder(inode) {
            return Err(Errno::ISDIR);
        }
        self.change(vec![(folder, name.to_owned(), None)]);
        Ok(())
    }

    pub fn rename(&mut self, from: (Inode, &str), to: (Inode, &str), replaces: bool) -> Result<(), Errno> {
        let inode = self.find(from.0, from.1)?;
        if !replaces && self.names(to.0)?.contains_key(to.1) {
            return Err(Errno::EXIST);
        }
        self.change(vec![(from.0, from.1.to_owned(), None), (to.0, to.1.to_owned(), Some(inode))]);
        Ok(())
    }

    /// Gives a file a second name, which none must have.
    pub fn link(&mut self, from: (Inode, &str), to: (Inode, &str)) -> Result<(), Errno> {
        let inode = self.find(from.0, from.1)?;
        if self.names(to.0)?.contains_key(to.1) {
            return Err(Errno::EXIST);
        }
        self.change(vec![(to.0, to.1.to_owned(), Some(inode))]);
        Ok(())
    }

    fn change(&mut self, change: Change) {
        for (folder, name, inode) in &change {
            if let Node::Folder { names, .. } = &mut self.nodes[*folder] {
                set(names, name, *inode);
            }
        }
        self.pending.push(change);
    }

    /// The disk has all names of a folder, and what else has to be there for it.
    pub fn sync_folder(&mut self, folder: Inode) {
        let has_journal = self.has_journal;
        let mut needed: BTreeSet<(Inode, String)> = BTreeSet::new();
        let pending = std::mem::take(&mut self.pending);
        let mut goes = vec![false; pending.len()];
        for (place, change) in pending.iter().enumerate().rev() {
            goes[place] = has_journal || change.iter().any(|(at, name, _)| *at == folder || needed.contains(&(*at, name.clone())));
            if goes[place] {
                needed.extend(change.iter().map(|(at, name, _)| (*at, name.clone())));
            }
        }
        for (change, goes) in pending.into_iter().zip(goes) {
            if goes { self.keep(&change) } else { self.pending.push(change) }
        }
    }

    pub fn sync_all(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            self.keep(&change);
        }
        self.nodes.iter_mut().for_each(|node| match node {
            Node::File(file) => file.sync(),
            Node::Folder { .. } => {}
        });
    }

    fn keep(&mut self, change: &Change) {
        for (folder, name, inode) in change {
            if let Node::Folder { durable, .. } = &mut self.nodes[*folder] {
                set(durable, name, *inode);
            }
        }
    }

    /// The disk as it is found afterwards.
    pub fn lose_power(&mut self, random: &mut Random) {
        let left = *random.one_of(&[Left::Nothing, Left::Everything, Left::Some, Left::Some]);
        let pending = std::mem::take(&mut self.pending);
        let count = match left {
            Left::Nothing => 0,
            Left::Everything => pending.len(),
            Left::Some => random.below(pending.len() + 1),
        };
        let any = left == Left::Some && !self.has_journal;
        let mut lost: BTreeSet<&(Inode, String)> = BTreeSet::new();
        let keys: Vec<Vec<(Inode, String)>> =
            pending.iter().map(|change| change.iter().map(|(at, name, _)| (*at, name.clone())).collect()).collect();
        for (place, change) in pending.iter().enumerate() {
            let stays = if any { !random.once_in(2) && !keys[place].iter().any(|key| lost.contains(key)) } else { place < count };
            if stays {
                self.keep(change);
            } else {
                lost.extend(&keys[place]);
            }
        }
        for node in &mut self.nodes {
            match node {
                Node::File(file) => file.lose_power(left, random),
                Node::Folder { names, durable } => names.clone_from(durable),
            }
        }
    }
}

fn new_folder() -> Node {
    Node::Folder { names: Folder::new(), durable: Folder::new() }
}

fn set(names: &mut Folder, name: &str, inode: Option<Inode>) {
    match inode {
        Some(inode) => drop(names.insert(name.to_owned(), inode)),
        None => drop(names.remove(name)),
    }
}
