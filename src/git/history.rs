//! Which commits of a history, and in what order: a list of versions has no branches.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::{GitError, GitId, GitRepository};

/// How a history with merges becomes a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// The first parent of each commit: a merge is one step that brings all of its branch, as it was for the main line.
    #[default]
    FirstParent,
    /// Every commit, those before it first; among those that could come next, the one committed first. Steps between branches
    /// take back and bring again what differs between them.
    All,
}

/// The commits that lead to `tip`, oldest first, without those that lead to `since`.
pub fn commits(repository: &GitRepository, tip: GitId, since: Option<GitId>, order: Order) -> Result<Vec<GitId>, GitError> {
    let hidden = since.map_or(Ok(HashSet::new()), |since| ancestors(repository, since))?;
    match order {
        Order::FirstParent => first_parents(repository, tip, &hidden),
        Order::All => all(repository, tip, &hidden),
    }
}

/// A commit and all before it.
fn ancestors(repository: &GitRepository, tip: GitId) -> Result<HashSet<GitId>, GitError> {
    let (mut seen, mut pending) = (HashSet::from([tip]), vec![tip]);
    while let Some(id) = pending.pop() {
        pending.extend(repository.commit(id)?.parents.into_iter().filter(|parent| seen.insert(*parent)));
    }
    Ok(seen)
}

fn first_parents(repository: &GitRepository, tip: GitId, hidden: &HashSet<GitId>) -> Result<Vec<GitId>, GitError> {
    let mut line = Vec::new();
    let mut at = Some(tip);
    while let Some(id) = at.filter(|id| !hidden.contains(id)) {
        line.push(id);
        at = repository.commit(id)?.parents.first().copied();
    }
    line.reverse();
    Ok(line)
}

fn all(repository: &GitRepository, tip: GitId, hidden: &HashSet<GitId>) -> Result<Vec<GitId>, GitError> {
    let graph = Graph::read(repository, tip, hidden)?;
    let mut waits_for: HashMap<GitId, usize> = graph.waits_for;
    let mut ready: BinaryHeap<Reverse<(i64, GitId)>> =
        waits_for.iter().filter(|(_, parents)| **parents == 0).map(|(id, _)| Reverse((graph.committed_ms[id], *id))).collect();
    let mut line = Vec::with_capacity(waits_for.len());
    while let Some(Reverse((_, id))) = ready.pop() {
        line.push(id);
        for child in graph.children.get(&id).into_iter().flatten() {
            let Some(parents) = waits_for.get_mut(child) else { continue };
            *parents -= 1;
            if *parents == 0 {
                ready.push(Reverse((graph.committed_ms[child], *child)));
            }
        }
    }
    Ok(line)
}

/// The commits to be put in order.
#[derive(Default)]
struct Graph {
    children: HashMap<GitId, Vec<GitId>>,
    /// How many of its parents come before each commit.
    waits_for: HashMap<GitId, usize>,
    committed_ms: HashMap<GitId, i64>,
}

impl Graph {
    fn read(repository: &GitRepository, tip: GitId, hidden: &HashSet<GitId>) -> Result<Self, GitError> {
        let mut graph = Self::default();
        let mut pending: Vec<GitId> = if hidden.contains(&tip) { Vec::new() } else { vec![tip] };
        let mut seen: HashSet<GitId> = pending.iter().copied().collect();
        while let Some(id) = pending.pop() {
            let commit = repository.commit(id)?;
            let parents: HashSet<GitId> = commit.parents.into_iter().filter(|parent| !hidden.contains(parent)).collect();
            graph.waits_for.insert(id, parents.len());
            graph.committed_ms.insert(id, commit.committed_ms);
            for parent in parents {
                graph.children.entry(parent).or_default().push(id);
                if seen.insert(parent) {
                    pending.push(parent);
                }
            }
        }
        Ok(graph)
    }
}
