//! A short form of the fuzzer that needs nothing but the library: every target with its corpus, and with what is like its corpus.
//! `LUA_FUZZ_RUNS` says how many inputs each target is given, `LUA_FUZZ_TARGETS` to which of them, with commas between, `LUA_FUZZ_SEED` (any
//! text) brings others than in the run before; `LUA_WRITE_CORPUS=1` writes the seeds of the corpus anew.

mod seeds;

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use super::{TARGETS, Target};

/// Most files of one target, and most bytes of all, so that the corpus stays a part of the project that nobody minds.
const FILES_MAX: usize = 60;
const CORPUS_BYTES_MAX: usize = 300_000;
/// Inputs that each target is given.
const RUNS: usize = 1_500;

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The corpus of each target, in the order of the files' names.
fn corpus() -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut corpus: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    let files = walkdir::WalkDir::new(fuzz_folder().join("corpus")).sort_by_file_name().into_iter();
    for file in files.map(|file| file.unwrap()).filter(|file| file.file_type().is_file()) {
        let target = file.path().parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        corpus.entry(target).or_default().push(std::fs::read(file.path()).unwrap());
    }
    corpus
}

/// Runs a target, and says which bytes it does not stand.
fn try_target(name: &str, target: Target, bytes: &[u8]) {
    if catch_unwind(|| target(bytes)).is_err() {
        let shown: String = bytes.iter().take(4096).map(|byte| format!("{byte:02x}")).collect();
        panic!("{name} does not stand {} bytes: {shown}", bytes.len());
    }
}

fn write_seeds() {
    for (name, seeds) in seeds::all() {
        let folder = fuzz_folder().join("corpus").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for seed in seeds {
            let name = &blake3::hash(&seed).to_hex()[..16];
            std::fs::write(folder.join(name), seed).unwrap();
        }
    }
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    if std::env::var_os("LUA_WRITE_CORPUS").is_some() {
        write_seeds();
    }
    let programs = std::fs::read_dir(fuzz_folder().join("fuzz_targets")).unwrap();
    let mut programs: Vec<String> = programs.map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
    programs.sort();
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(programs, names);
    let corpus = corpus();
    assert_eq!(corpus.keys().collect::<Vec<_>>(), names);
    assert_eq!(seeds::all().keys().collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
    for (name, seeds) in seeds::all() {
        assert!(!seeds.is_empty() && corpus[name].len() <= FILES_MAX, "{name} has {} files", corpus[name].len());
        assert!(seeds.iter().all(|seed| corpus[name].contains(seed)), "a seed of {name} is not in its corpus: LUA_WRITE_CORPUS=1");
    }
    let bytes: usize = corpus.values().flatten().map(Vec::len).sum();
    assert!(bytes <= CORPUS_BYTES_MAX, "{bytes}");
    for name in names {
        let program = std::fs::read_to_string(fuzz_folder().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.starts_with("//!") && program.contains(&format!("run(\"{name}\", ")), "{program}");
    }
}

#[test]
fn the_corpus_and_what_is_like_it_find_nothing() {
    let corpus = corpus();
    let all: Vec<&Vec<u8>> = corpus.values().flatten().collect();
    let wanted = std::env::var("LUA_FUZZ_TARGETS").ok();
    let seed = std::env::var("LUA_FUZZ_SEED").unwrap_or_default();
    let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|wanted| wanted == name));
    let targets: Vec<_> = TARGETS.iter().filter(|(name, _)| is_wanted(name)).collect();
    assert!(!targets.is_empty(), "there is no target {wanted:?}");
    for &&(name, target) in &targets {
        let own: Vec<&Vec<u8>> = corpus[name].iter().collect();
        own.iter().for_each(|bytes| try_target(name, target, bytes));
        let runs = std::env::var("LUA_FUZZ_RUNS").map_or(RUNS, |runs| runs.parse().expect("LUA_FUZZ_RUNS is a number"));
        let mut random = Random::new(&format!("{name}{seed}"));
        let started = std::time::Instant::now();
        for number in 0..runs {
            // Mostly what it takes itself; now and then what belongs elsewhere.
            let bytes = mutated(if number % 8 == 0 { &all } else { &own }, &mut random);
            try_target(name, target, &bytes);
        }
        println!("{name}: {} files and {runs} inputs, {:?}", own.len(), started.elapsed());
    }
}

/// A checksum that is put right leads past the check, so the rest of a target is really reached.
#[test]
fn seals_are_put_right() {
    use crate::format::fuzzing::{halves, sealed, sealed_pack};
    use crate::format::journal::Journal;
    let good = crate::format::journal::tests::sample().encode();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    assert!(Journal::decode(&bad).is_err());
    assert_eq!(sealed::<16>(&bad), Some(good));
    let pack = crate::format::pack::PackBuilder::new(Default::default()).finish();
    let mut bad = pack.clone();
    bad[21] ^= 1;
    *bad.last_mut().unwrap() ^= 1;
    assert_eq!(sealed_pack(&bad), Some(pack));
    assert_eq!(sealed_pack(b"short"), None);
    assert_eq!(halves(b"\x03\x00abcde"), (&b"abc"[..], &b"de"[..]));
    assert_eq!(halves(b"\xff\x00ab"), (&b"ab"[..], &b""[..]));
}

#[test]
#[should_panic(expected = "there is no target nothing")]
fn unknown_targets_are_named() {
    super::run("nothing", b"");
}

/// Numbers that look random and are the same in every run.
struct Random(blake3::OutputReader);

impl Random {
    fn new(seed: &str) -> Self {
        Self(blake3::Hasher::new().update(seed.as_bytes()).finalize_xof())
    }

    fn below(&mut self, end: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % end.max(1) as u64) as usize
    }
}

/// Bytes that are a seed's but for some.
fn mutated(seeds: &[&Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len());
        let end = (at + 1 + random.below(8)).min(bytes.len());
        match random.below(7) {
            _ if bytes.is_empty() => bytes = vec![random.below(256) as u8; 20],
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = [0, 0xff, 0x7f, 0x80][random.below(4)],
            2 => bytes.truncate(at),
            3 => bytes.splice(at..at, [0; 4].map(|_| random.below(256) as u8)).for_each(drop),
            4 => bytes.drain(at..end).for_each(drop),
            5 => {
                let other = seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..(from + 200).min(other.len())]);
            }
            // A number of several bytes, as large as it can be.
            _ => bytes.splice(at..(at + 9).min(bytes.len()), [0xff; 9]).for_each(drop),
        }
    }
    bytes
}
