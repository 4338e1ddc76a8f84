//! What the benches share: workspaces that look the same in every run, and how an operation is timed.
//!
//! Every size stands in this file. The usual run takes minutes; `LUA_BENCH_FILES=1000,50000` measures workspaces of these
//! many files instead, each with every kind of contents.
//!
//! Workspaces lie below the folder of cargo's build, not in the system's folder for temporary files: that may be a `tmpfs`,
//! whose times the scan never relies on, and every push there would read every file.

#![allow(dead_code)] // Every file in `benches/` is a program of its own and uses a part of this.

pub mod floor;
#[path = "../../tests/common/random.rs"]
pub mod random;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, SamplingMode, Throughput};
use lua_store::limits::{RECENT_WRITE_MS, WHOLE_BYTES_MAX};
use lua_store::ops::{InitOptions, PushOptions, PushOutcome, QuietHost, Workspace, init, push};
use random::Random;
use tempfile::TempDir;

/// What every content is made from.
const SEED: u64 = 2024;
/// The workspaces of the usual run. 100,000 files only small: with larger ones a single push would take its minutes.
const CASES: [Case; 7] = [
    Case { files: 1_000, contents: Contents::Small },
    Case { files: 1_000, contents: Contents::Mixed },
    Case { files: 1_000, contents: Contents::Large },
    Case { files: 10_000, contents: Contents::Small },
    Case { files: 10_000, contents: Contents::Mixed },
    Case { files: 10_000, contents: Contents::Large },
    Case { files: 100_000, contents: Contents::Small },
];
/// Names the numbers of files to measure instead of the usual ones.
const FILES_VARIABLE: &str = "LUA_BENCH_FILES";
/// Files of one folder, and folders of one folder.
const FOLDER_FILES: usize = 20;
/// Of so many files one is edited where "1 % of the files" are.
pub const EDITED_SHARE: usize = 100;
/// Longest small content, in bytes.
const SMALL_BYTES_MAX: usize = 4 << 10;
/// Longest content of middling length, in bytes.
const MIDDLING_BYTES_MAX: usize = 64 << 10;
/// Shortest content of a workspace of large ones, in bytes.
const LARGE_BYTES_MIN: usize = 16 << 10;
/// Largest content of a mixed workspace, in bytes.
const MIXED_BYTES_MAX: usize = 512 << 10;
/// Among large contents, one in so many is long enough to be cut into chunks.
const CHUNKED_SHARE: usize = 100;
/// Of contents above the small ones, one in so many is noise that no compressor shrinks: pictures, archives.
const NOISE_SHARE: usize = 4;
/// A little less than the usual length of a line that [`Random::text`] makes, in bytes.
const LINE_BYTES: usize = 24;
/// Length of the file that is edited, in lines.
const EDITED_LINES: usize = 150;
/// The file that [`Place::edit`] changes. It is small whatever the others are: what is measured is finding it.
const EDITED: &str = "edited.txt";

/// How many times each is measured, at the least, and for how long.
const SAMPLES: usize = 10;
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURE: Duration = Duration::from_secs(2);

/// What the files of a workspace hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Text, up to 4 KiB.
    Small,
    /// Mostly small; about one in twenty up to 64 KiB, one in two hundred up to 512 KiB.
    Mixed,
    /// 16 to 64 KiB; one in a hundred between 1 and 2 MiB.
    Large,
}

impl Contents {
    /// How long the next content is, in bytes.
    fn bytes(self, random: &mut Random) -> usize {
        let roll = random.below(200);
        let mut between = |least: usize, most: usize| least + random.below(most - least);
        match self {
            Self::Small => between(0, SMALL_BYTES_MAX),
            Self::Mixed if roll == 0 => between(MIDDLING_BYTES_MAX, MIXED_BYTES_MAX),
            Self::Mixed if roll.is_multiple_of(20) => between(SMALL_BYTES_MAX, MIDDLING_BYTES_MAX),
            Self::Mixed => between(0, SMALL_BYTES_MAX),
            Self::Large if roll.is_multiple_of(CHUNKED_SHARE) => between(WHOLE_BYTES_MAX, 2 * WHOLE_BYTES_MAX),
            Self::Large => between(LARGE_BYTES_MIN, MIDDLING_BYTES_MAX),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Mixed => "mixed",
            Self::Large => "large",
        }
    }
}

/// A workspace to measure with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// How many files.
    pub files: usize,
    /// What is in them.
    pub contents: Contents,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.files, self.contents.name())
    }
}

/// The workspaces of this run.
pub fn cases() -> Vec<Case> {
    let Ok(text) = std::env::var(FILES_VARIABLE) else { return CASES.to_vec() };
    let counts = text.split(',').map(|count| match count.trim().parse() {
        Ok(files) if files > 0 => files,
        _ => panic!("{FILES_VARIABLE} must hold numbers of files with commas between them, not {text:?}"),
    });
    counts.flat_map(|files| [Contents::Small, Contents::Mixed, Contents::Large].map(|contents| Case { files, contents })).collect()
}

/// A content of this many bytes: lines of words, or noise.
pub fn content(random: &mut Random, bytes: usize) -> Vec<u8> {
    if bytes > SMALL_BYTES_MAX && random.below(NOISE_SHARE) == 0 {
        return random.bytes(bytes);
    }
    text(random, bytes)
}

/// Lines of words, this many bytes of them.
pub fn text(random: &mut Random, bytes: usize) -> Vec<u8> {
    let mut text = random.text(bytes / LINE_BYTES + 1).into_bytes();
    text.truncate(bytes);
    text
}

/// A new folder on a disk whose times can be relied on; gone when it is dropped.
pub fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the folder of the build can be written to")
}

/// A workspace on the disk.
pub struct Place {
    folder: TempDir,
    root: PathBuf,
    /// Its files, relative to it, in the order in which they were made: folder by folder.
    files: Vec<PathBuf>,
    edits: u64,
}

impl Place {
    /// Makes the files of a workspace and waits until a push takes them for settled.
    ///
    /// That is two seconds and not the minute after which the stat cache relies on a file: see [`push_options`]. Files that
    /// were written later than that would be read twice, which is not what a first push costs.
    pub fn new(case: Case) -> Self {
        let folder = folder();
        let root = folder.path().join("workspace");
        let mut random = Random::new(SEED);
        let mut files = Vec::with_capacity(case.files + 1);
        for number in 0..case.files {
            let (near, far) = (number / FOLDER_FILES % FOLDER_FILES, number / FOLDER_FILES / FOLDER_FILES);
            let parent = PathBuf::from(format!("part-{far:04}/folder-{near:02}"));
            if number % FOLDER_FILES == 0 {
                fs::create_dir_all(root.join(&parent)).expect("a folder of the workspace can be made");
            }
            let ending = ["rs", "md", "json", "txt"][number % 4];
            let path = parent.join(format!("file-{number:06}.{ending}"));
            let bytes = case.contents.bytes(&mut random);
            fs::write(root.join(&path), content(&mut random, bytes)).expect("a file of the workspace can be written");
            files.push(path);
        }
        fs::write(root.join(EDITED), random.text(EDITED_LINES)).expect("a file of the workspace can be written");
        files.push(EDITED.into());
        let place = Self { folder, root, files, edits: 0 };
        place.settle();
        place
    }

    /// The workspace's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its files, relative to it.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// A folder beside the workspace, on the same disk.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Leaves nothing for the disk to do that was not asked for by what is measured next, and lets the files grow old enough.
    fn settle(&self) {
        let folder = fs::File::open(&self.root).expect("the workspace can be opened");
        rustix::fs::syncfs(&folder).expect("the disk takes what was written");
        std::thread::sleep(Duration::from_millis(RECENT_WRITE_MS.unsigned_abs() + 100));
    }

    /// Takes the history away, if there is one, and begins another that has no version yet.
    pub fn begin_anew(&self) {
        match fs::remove_dir_all(self.root.join(".lua")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("the history cannot be removed: {error}"),
            _ => init(&self.root, &InitOptions::default(), &QuietHost::default()).expect("the folder can become a workspace"),
        };
    }

    /// Opens the workspace, as each command does.
    pub fn open(&self) -> Workspace {
        Workspace::open(&self.root, &QuietHost::default()).expect("the workspace opens")
    }

    /// Opens the workspace and pushes, as the command does.
    pub fn push(&self) -> PushOutcome {
        push(&mut self.open(), &push_options(), &QuietHost::default()).expect("the workspace can be pushed")
    }

    /// Changes one small file.
    pub fn edit(&mut self) {
        self.edits += 1;
        let text = Random::new(SEED + self.edits).text(EDITED_LINES);
        self.replace(Path::new(EDITED), text.as_bytes());
    }

    /// Changes a few bytes in one of a hundred files.
    pub fn edit_share(&mut self) {
        self.edits += 1;
        for path in self.files.iter().step_by(EDITED_SHARE) {
            let mut content = fs::read(self.root.join(path)).expect("a file of the workspace can be read");
            content.splice(..0, format!("edit {}\n", self.edits).into_bytes());
            self.replace(path, &content);
        }
    }

    /// Puts another file in the place of one, as editors do. Two edits within one tick of the kernel's clock leave the same
    /// times; it is by the inode that the second is seen here, where no age is asked of the times.
    fn replace(&self, path: &Path, content: &[u8]) {
        let incoming = self.beside("incoming");
        fs::write(&incoming, content).expect("a file can be written beside the workspace");
        fs::rename(&incoming, self.root.join(path)).expect("a file of the workspace can be replaced");
    }

    /// Every so many-th of the files with its content, folder by folder.
    pub fn in_memory(&self, step: usize) -> Vec<floor::MemoryFolder> {
        let mut folders: Vec<floor::MemoryFolder> = Vec::new();
        for path in self.files.iter().step_by(step) {
            let content = fs::read(self.root.join(path)).expect("a file of the workspace can be read");
            let parent = path.parent().expect("a file lies in a folder");
            if folders.last().is_none_or(|folder| folder.path != parent) {
                folders.push(floor::MemoryFolder { path: parent.to_path_buf(), files: Vec::new() });
            }
            let name = path.file_name().expect("a file has a name").to_os_string();
            folders.last_mut().expect("there is at least the one just made").files.push((name, content));
        }
        folders
    }
}

/// How the benches push: relying on times of any age. By default the stat cache relies on a file only when its last change was a
/// minute old at the push that read it, so that each bench would have to wait for a minute first (and change times cannot be
/// set back, so there is no way around it). A real workspace is older than that; the cost of looking at it is the same.
pub fn push_options() -> PushOptions {
    PushOptions { stat_trust_age_ms: 0, ..PushOptions::default() }
}

/// Sets a group up for operations that take milliseconds to seconds and change the disk.
pub fn configure(group: &mut BenchmarkGroup<'_, WallTime>) {
    group.sampling_mode(SamplingMode::Flat).sample_size(SAMPLES).warm_up_time(WARM_UP).measurement_time(MEASURE);
}

/// Makes the group tell files for each second.
pub fn count_files(group: &mut BenchmarkGroup<'_, WallTime>, files: usize) {
    group.throughput(Throughput::Elements(files as u64));
}

/// The id of what is measured.
pub fn work(name: &str, case: impl fmt::Display) -> BenchmarkId {
    BenchmarkId::new(format!("work/{name}"), case)
}

/// The id of what it is held against.
pub fn floor_of(name: &str, case: impl fmt::Display) -> BenchmarkId {
    BenchmarkId::new(format!("floor/{name}"), case)
}

/// Runs `work` so many times and adds up its time alone: neither what `prepare` does before each run nor what it takes to drop
/// the result.
pub fn timed<C, S, T>(runs: u64, context: &mut C, mut prepare: impl FnMut(&mut C) -> S, mut work: impl FnMut(&mut C, S) -> T) -> Duration {
    let mut total = Duration::ZERO;
    for _ in 0..runs {
        let prepared = prepare(context);
        let start = Instant::now();
        let result = std::hint::black_box(work(context, prepared));
        total += start.elapsed();
        drop(result);
    }
    total
}
