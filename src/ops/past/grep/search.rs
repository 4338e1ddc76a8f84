//! Looking into contents, each once, in threads.
//!
//! The contents of one path are read by one thread from the oldest to the newest, since each is mostly a delta against the one
//! before it; paths are taken in the order in which their first contents lie in the store, since these share frames.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkContext, SinkMatch};

use super::super::stop_if_cancelled;
use super::{Query, Stay};
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{GREP_FILE_BYTES_MAX, GREP_PATHS_AT_A_TIME, GREP_RESULT_BYTES_MAX, thread_count};
use crate::ops::{Host, OpsError, OpsResult, Phase};
use crate::patch::is_binary;
use crate::path::RelPath;
use crate::store::{Reader, Store};

/// What is wanted of a content that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The lines, and so many before and after each.
    Lines {
        /// Lines before.
        before: usize,
        /// Lines after.
        after: usize,
    },
    /// How many lines match.
    Counts,
    /// Only that it does.
    Files,
}

/// A line of a match.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HitLine {
    /// Its number, from 1.
    pub number: u64,
    /// Its bytes, without the newline.
    pub text: Vec<u8>,
    /// Whether it matches; otherwise it stands beside one that does.
    pub is_match: bool,
}

/// What was found in one content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Lines, put together where they and those around them touch.
    Hits(Vec<Vec<HitLine>>),
    /// So many lines; at least one.
    Count(u64),
    /// Something.
    File,
    /// Something, in a content that is no text.
    Binary,
}

/// What was found in all of them.
pub struct Searched {
    /// By content; those without a match are not there.
    pub found: HashMap<ObjectId, Found>,
    /// Contents that were searched.
    pub contents: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Paths with contents that are too large to be searched.
    pub too_large: Vec<RelPath>,
}

/// Searches the contents of these stays, which stand in the order of path and version.
pub fn searched(store: &Store, stays: &[Stay], query: &Query, wanted: Wanted, host: &dyn Host) -> OpsResult<Searched> {
    let matcher = matcher(query)?;
    let mut too_large: Vec<RelPath> = stays.iter().filter(|stay| stay.bytes > GREP_FILE_BYTES_MAX).map(|stay| stay.path.clone()).collect();
    too_large.dedup();
    let jobs = jobs(store, stays);
    let search = Search {
        store,
        matcher: &matcher,
        pattern: &query.pattern,
        wanted,
        host,
        jobs: &jobs,
        next: AtomicUsize::new(0),
        kept_bytes: AtomicU64::new(0),
    };
    let threads = thread_count().min(jobs.len().max(1));
    let results: Vec<OpsResult<Vec<(ObjectId, Found)>>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| search.work())).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let mut found = HashMap::new();
    for result in results {
        found.extend(result?);
    }
    let contents = jobs.iter().flatten().count() as u64;
    let bytes = jobs.iter().flatten().map(|stay| stay.bytes).sum();
    Ok(Searched { found, contents, bytes, too_large })
}

/// Each distinct content once: lists of those of one path, oldest first.
fn jobs<'t>(store: &Store, stays: &'t [Stay]) -> Vec<Vec<&'t Stay>> {
    let mut seen = HashSet::new();
    let mut jobs: Vec<Vec<&Stay>> = Vec::new();
    for same_path in stays.chunk_by(|one, other| one.path == other.path) {
        let fresh: Vec<&Stay> = same_path.iter().filter(|stay| stay.bytes <= GREP_FILE_BYTES_MAX && seen.insert(stay.id)).collect();
        if !fresh.is_empty() {
            jobs.push(fresh);
        }
    }
    jobs.sort_by_cached_key(|job| store.likely_location(&job[0].id));
    jobs
}

fn matcher(query: &Query) -> OpsResult<RegexMatcher> {
    let mut builder = RegexMatcherBuilder::new();
    builder.case_insensitive(query.ignore_case).fixed_strings(query.fixed).word(query.word).multi_line(true);
    builder.line_terminator(Some(b'\n'));
    builder.build(&query.pattern).map_err(|error| OpsError::BadExpression { pattern: query.pattern.clone(), why: error.to_string() })
}

struct Search<'a> {
    store: &'a Store,
    matcher: &'a RegexMatcher,
    pattern: &'a str,
    wanted: Wanted,
    host: &'a dyn Host,
    jobs: &'a [Vec<&'a Stay>],
    next: AtomicUsize,
    kept_bytes: AtomicU64,
}

impl Search<'_> {
    /// Takes jobs until there are none.
    fn work(&self) -> OpsResult<Vec<(ObjectId, Found)>> {
        let mut reader = self.store.reader();
        let mut searcher = searcher(self.wanted);
        let mut found = Vec::new();
        loop {
            let from = self.next.fetch_add(GREP_PATHS_AT_A_TIME, Ordering::Relaxed).min(self.jobs.len());
            let taken = &self.jobs[from..self.jobs.len().min(from + GREP_PATHS_AT_A_TIME)];
            if taken.is_empty() {
                return Ok(found);
            }
            self.host.progress(Phase::Searching, from as u64, Some(self.jobs.len() as u64));
            for stay in taken.iter().flatten() {
                let result = stop_if_cancelled(self.host).and_then(|()| self.search(&mut reader, &mut searcher, stay));
                if result.is_err() {
                    // The other threads need not go on.
                    self.next.store(self.jobs.len(), Ordering::Relaxed);
                }
                found.extend(result?.map(|found| (stay.id, found)));
            }
        }
    }

    fn search(&self, reader: &mut Reader<'_>, searcher: &mut Searcher, stay: &Stay) -> OpsResult<Option<Found>> {
        let content = reader.read(ObjectKind::Blob, &stay.id, GREP_FILE_BYTES_MAX)?;
        let is_binary = is_binary(&content);
        let only_whether = is_binary || self.wanted == Wanted::Files;
        let mut hits = Hits { wanted: self.wanted, only_whether, count: 0, hits: Vec::new(), of_all: &self.kept_bytes };
        let result = searcher.search_slice(self.matcher, &content, &mut hits);
        if hits.is_over() {
            return Err(OpsError::TooManyMatches { bytes_max: GREP_RESULT_BYTES_MAX });
        }
        result.map_err(|error| OpsError::BadExpression { pattern: self.pattern.to_owned(), why: error.to_string() })?;
        Ok(match (hits.count, self.wanted) {
            (0, _) => None,
            _ if is_binary => Some(Found::Binary),
            (count, Wanted::Counts) => Some(Found::Count(count)),
            (_, Wanted::Files) => Some(Found::File),
            (_, Wanted::Lines { .. }) => Some(Found::Hits(hits.hits.into_iter().filter(|hit| !hit.is_empty()).collect())),
        })
    }
}

fn searcher(wanted: Wanted) -> Searcher {
    let (before, after) = match wanted {
        Wanted::Lines { before, after } => (before, after),
        Wanted::Counts | Wanted::Files => (0, 0),
    };
    let mut builder = SearcherBuilder::new();
    builder.line_number(true).before_context(before).after_context(after);
    // Contents are searched as the bytes they are, and who is binary has been decided.
    builder.bom_sniffing(false).binary_detection(BinaryDetection::none()).build()
}

/// Takes the matches of one content.
struct Hits<'a> {
    wanted: Wanted,
    /// One match is enough.
    only_whether: bool,
    count: u64,
    hits: Vec<Vec<HitLine>>,
    /// What all contents together have kept.
    of_all: &'a AtomicU64,
}

impl Hits<'_> {
    fn is_over(&self) -> bool {
        self.of_all.load(Ordering::Relaxed) > GREP_RESULT_BYTES_MAX
    }

    /// Keeps a line; `false` when there is no room for more.
    fn keep(&mut self, number: Option<u64>, bytes: &[u8], is_match: bool) -> bool {
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes).to_vec();
        let bytes = (text.len() + size_of::<HitLine>()) as u64;
        self.of_all.fetch_add(bytes, Ordering::Relaxed);
        let line = HitLine { number: number.unwrap_or(0), text, is_match };
        match self.hits.last_mut() {
            Some(hit) if self.wanted != (Wanted::Lines { before: 0, after: 0 }) => hit.push(line),
            _ => self.hits.push(vec![line]),
        }
        !self.is_over()
    }
}

impl Sink for &mut Hits<'_> {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, matched: &SinkMatch<'_>) -> io::Result<bool> {
        self.count += 1;
        if self.only_whether {
            return Ok(false);
        }
        match self.wanted {
            Wanted::Lines { .. } => Ok(self.keep(matched.line_number(), matched.bytes(), true)),
            Wanted::Counts | Wanted::Files => Ok(true),
        }
    }

    fn context(&mut self, _: &Searcher, context: &SinkContext<'_>) -> io::Result<bool> {
        Ok(self.only_whether || self.keep(context.line_number(), context.bytes(), false))
    }

    fn context_break(&mut self, _: &Searcher) -> io::Result<bool> {
        self.hits.push(Vec::new());
        Ok(true)
    }
}
