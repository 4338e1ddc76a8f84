//! Our reading of `.gitignore` files, held against git's own on random rules and random trees.
//!
//! The trees have nasty names; the rules are made from paths of the tree by putting wildcards, classes and escapes in their place, so
//! that they really match, or from bytes that mean something in a pattern. For every path of every tree the deciding rule is compared
//! with `git check-ignore -v` (file, line and text, also for rules that re-include), and what a walk records with `git ls-files`.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use lua_store::workspace::rules::{IgnoreFiles, RuleSettings, Rules, Verdict, explain};

const SEED: u64 = 0x006c_7561;
const TREES: usize = 14;
const RULE_SETS_PER_TREE: usize = 30;
const SETTINGS: RuleSettings = RuleSettings { include_git: false };

/// Names that trees are made of, separated by bars.
const NAMES: &[u8] = b"a|b|ab|abc|a.c|b.c|a.c.c|.c|A|foo|bar|foo.o|foobar|0|a0|-|a-b|[|]|[a]|[ab|a]|!|!a|^|#|#a|*|**|a*|?|\\|a\\|\\a|\
    a | a|a  | |a\t|a\r|\x0b|\x0c|\x01|\x7f|\xff|a\xff|\x80b|\xc3\xa9|\xef\xbb\xbfa|~|a~|{a,b}|a,b|$|:|:a|_|a\nb";

/// Pieces that rules are made of when they are not made from a path, separated by bars.
const PIECES: &[u8] =
    b"a|b|c|.|0|-| |\\ |\\|\\\\|/|/|*|*|**|**|***|**/|/**|/**/|?|!|#|\\#|\\!|[|]|[a]|[!a]|[^a]|[a-c]|[]a]|[!]a]|[a-]|[a\\]]|\
    [\\a-c]|[a-\\c]|[--a]|[[:alpha:]]|[[:upper:][:digit:]]|[![:alnum:]]|[[:space:]]|[[:blank:]]|[[:cntrl:]]|[[:punct:]]|[[:print:]]|\
    [[:graph:]]|[[:xdigit:]]|[[:lower:]-a]|[[:x:]]|[[:]|[[:a]|[[::]]|[/]|[a/b]|\xff|[\x80-\xff]|\xc3\xa9|\t|\r|\0|{a,b}|\\*|\\/|\x0b|a.c|\
    foo|~|$|:";

/// What may stand between two rules, separated by bars.
const LINE_ENDS: &[u8] = b"\n|\n|\n|\r\n| \n|  \r\n|\r \n|\n\n|\\ \n|\n# note\n";

/// What may stand between two names of a rule, separated by bars.
const NAME_ENDS: &[u8] = b"/|/|/|/**/|*/|/*|\\/|**/";

/// A small generator of random numbers (xorshift64*), so that the cases are the same everywhere and for ever.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    fn pick_of<'a>(&mut self, choices: &'a [u8]) -> &'a [u8] {
        let choices: Vec<&[u8]> = choices.split(|&byte| byte == b'|').collect();
        choices[self.below(choices.len())]
    }
}

/// A workspace on disk, and all paths in it.
struct Tree {
    root: PathBuf,
    /// Every path relative to the root, and whether it is a directory.
    paths: Vec<(Vec<u8>, bool)>,
}

impl Tree {
    fn make(root: PathBuf, random: &mut Random) -> Self {
        fs::create_dir(&root).unwrap();
        run(git(&root).args(["init", "-q", "--template="]), &[]);
        let mut tree = Self { root, paths: Vec::new() };
        tree.fill(b"", 0, random);
        tree
    }

    fn fill(&mut self, folder: &[u8], depth: usize, random: &mut Random) {
        let names: BTreeSet<&[u8]> = (0..5 + random.below(8)).map(|_| random.pick_of(NAMES)).collect();
        for name in names {
            let path = join(folder, name);
            let is_directory = depth < 3 && random.percent([45, 25, 15][depth]);
            self.paths.push((path.clone(), is_directory));
            if is_directory {
                fs::create_dir(self.on_disk(&path)).unwrap();
                self.fill(&path, depth + 1, random);
            } else if random.percent(5) {
                symlink(".", self.on_disk(&path)).unwrap();
            } else {
                fs::write(self.on_disk(&path), b"").unwrap();
            }
        }
    }

    fn on_disk(&self, path: &[u8]) -> PathBuf {
        self.root.join(OsStr::from_bytes(path))
    }

    fn on_disk_ignore_file(&self, folder: &[u8]) -> PathBuf {
        self.on_disk(&join(folder, b".gitignore"))
    }
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}

/// Texts of ignore files by their folders.
struct RuleSet(BTreeMap<Vec<u8>, Vec<u8>>);

impl RuleSet {
    /// Ignore files for the root and up to three other folders.
    fn make(tree: &Tree, random: &mut Random) -> Self {
        let folders: Vec<&[u8]> = tree.paths.iter().filter(|(_, is_directory)| *is_directory).map(|(path, _)| path.as_slice()).collect();
        let mut texts = BTreeMap::from([(Vec::new(), rule_file(tree, b"", random))]);
        for _ in 0..random.below(4).min(folders.len()) {
            let folder = folders[random.below(folders.len())];
            texts.insert(folder.to_vec(), rule_file(tree, folder, random));
        }
        Self(texts)
    }

    fn ignore_files(&self, folder: &[u8]) -> IgnoreFiles {
        IgnoreFiles { gitignore: self.0.get(folder).cloned(), luaignore: None }
    }
}

impl fmt::Display for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(folder, text)| writeln!(f, "{:?}: {}", folder.escape_ascii().to_string(), text.escape_ascii()))
    }
}

fn rule_file(tree: &Tree, folder: &[u8], random: &mut Random) -> Vec<u8> {
    let mut text = if random.percent(10) { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
    for _ in 0..1 + random.below(8) {
        let rule = rule(tree, folder, random);
        if is_read_alike_by_every_git(&rule) {
            text.extend_from_slice(&rule);
        }
        text.extend_from_slice(random.pick_of(LINE_ENDS));
    }
    if random.percent(50) {
        text.pop();
    }
    text
}

/// Before version 2.52 (commit 1940a02dc1) git took `foo**/bar` to match `foobar`: it lost sight of what stands before the
/// stars when that is free of wildcards. Such rules are not compared. Ours are those of the newer git.
fn is_read_alike_by_every_git(rule: &[u8]) -> bool {
    let body = rule.strip_prefix(b"!").unwrap_or(rule);
    let Some(stars) = body.iter().position(|byte| b"*?[\\".contains(byte)) else { return true };
    let behind = body[stars..].iter().find(|&&byte| byte != b'*');
    let is_double = body[stars..].starts_with(b"**");
    !is_double || stars == 0 || body[stars - 1] == b'/' || behind.is_some_and(|byte| !b"/\\ \r\0".contains(byte))
}

fn rule(tree: &Tree, folder: &[u8], random: &mut Random) -> Vec<u8> {
    let negation: &[u8] = if random.percent(30) { b"!" } else { b"" };
    let anchor: &[u8] = if random.percent(15) { b"/" } else { b"" };
    let body = if random.percent(65) { rule_from_path(tree, folder, random) } else { rule_from_pieces(random) };
    let directory: &[u8] = if random.percent(15) { b"/" } else { b"" };
    [negation, anchor, &body, directory].concat()
}

fn rule_from_pieces(random: &mut Random) -> Vec<u8> {
    (0..1 + random.below(6)).flat_map(|_| random.pick_of(PIECES).to_vec()).collect()
}

/// A rule that is likely to match some path: one of the tree, or its last names, with some of it made general.
fn rule_from_path(tree: &Tree, folder: &[u8], random: &mut Random) -> Vec<u8> {
    let inside: Vec<&[u8]> = tree.paths.iter().filter_map(|(path, _)| below(path, folder)).collect();
    if inside.is_empty() {
        return b"*".to_vec();
    }
    let names: Vec<&[u8]> = random.pick(&inside).split(|&byte| byte == b'/').collect();
    let first = if random.percent(60) { names.len() - 1 } else { random.below(names.len()) };
    let names: Vec<Vec<u8>> = names[first..].iter().map(|name| general_name(name, random)).collect();
    names.join(random.pick_of(NAME_ENDS))
}

fn general_name(name: &[u8], random: &mut Random) -> Vec<u8> {
    match random.below(10) {
        0 => b"*".to_vec(),
        1 => b"**".to_vec(),
        2..=4 => name.to_vec(),
        5 => [b"*", &name[random.below(name.len())..]].concat(),
        6 => [&name[..random.below(name.len())], b"*"].concat(),
        _ => name.iter().flat_map(|&byte| general_byte(byte, random)).collect(),
    }
}

fn general_byte(byte: u8, random: &mut Random) -> Vec<u8> {
    match random.below(14) {
        0 => b"?".to_vec(),
        1 => b"*".to_vec(),
        2 => vec![b'[', byte, b']'],
        3 => vec![b'[', b'!', byte, b']'],
        4 => vec![b'[', byte.saturating_sub(2), b'-', byte.saturating_add(2), b']'],
        5 => vec![b'[', b'\\', byte, b'-', b'\\', byte, b']'],
        6 => vec![b'*', byte],
        7 => vec![byte, b'*', b'*'],
        8 | 9 => vec![b'\\', byte],
        _ => vec![byte],
    }
}

fn below<'a>(path: &'a [u8], folder: &[u8]) -> Option<&'a [u8]> {
    if folder.is_empty() { Some(path) } else { path.strip_prefix(folder)?.strip_prefix(b"/") }
}

/// git as it reads the rules of one workspace and nothing else of the machine.
fn git(root: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(root).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
    command.args(["-c", "core.excludesFile=/dev/null", "-c", "core.untrackedCache=false", "-c", "core.ignoreCase=false"]);
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"].into_iter().for_each(|name| _ = command.env_remove(name));
    command
}

/// Runs a command with this input and gives what it prints. Status 1 is how `check-ignore` says that nothing is ignored.
fn run(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || _ = stdin.write_all(&input));
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(matches!(status.code(), Some(0 | 1)), "{command:?}: {status}");
    stdout
}

/// What decides about a path: the ignore file, the line and the text of the rule. All are empty when nothing does.
#[derive(PartialEq, Eq, Default)]
struct Decided {
    file: Vec<u8>,
    line: Vec<u8>,
    pattern: Vec<u8>,
}

impl fmt::Debug for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.escape_ascii(), self.line.escape_ascii(), self.pattern.escape_ascii())
    }
}

fn decided_by_git(tree: &Tree) -> Vec<Decided> {
    // The leading `./` keeps git from taking a name such as `:a` for something else than a name.
    let input: Vec<u8> = tree.paths.iter().flat_map(|(path, _)| [b"./", path.as_slice(), b"\0"].concat()).collect();
    let output = run(git(&tree.root).args(["check-ignore", "--no-index", "--verbose", "--non-matching", "-z", "--stdin"]), &input);
    let fields: Vec<&[u8]> = output.split(|&byte| byte == 0).collect();
    fields.chunks_exact(4).map(|row| Decided { file: row[0].to_vec(), line: row[1].to_vec(), pattern: row[2].to_vec() }).collect()
}

fn decided_by_us(rule_set: &RuleSet, path: &[u8], is_directory: bool) -> Decided {
    let Ok(explanation) = explain(SETTINGS, path, is_directory, |folder| Ok::<_, Infallible>(rule_set.ignore_files(folder)));
    let Some(rule) = explanation.rule else { return Decided::default() };
    assert_eq!(rule.whitelists(), explanation.verdict == Verdict::Record);
    Decided {
        file: rule.file().unwrap_or_default(),
        line: rule.line().map(|line| line.to_string().into_bytes()).unwrap_or_default(),
        pattern: rule.pattern().to_vec(),
    }
}

/// The files that git would add to an empty index.
fn recorded_by_git(tree: &Tree) -> BTreeSet<Vec<u8>> {
    let output = run(git(&tree.root).args(["ls-files", "--others", "--exclude-per-directory=.gitignore", "-z"]), &[]);
    output.split(|&byte| byte == 0).filter(|path| !path.is_empty()).map(<[u8]>::to_vec).collect()
}

/// The files that a push would record.
fn recorded_by_us(tree: &Tree, rule_set: &RuleSet) -> BTreeSet<Vec<u8>> {
    let mut recorded = BTreeSet::new();
    let mut pending = vec![(Vec::new(), Rules::new(SETTINGS))];
    while let Some((folder, above)) = pending.pop() {
        let rules: Arc<Rules> = above.enter(&folder, rule_set.ignore_files(&folder).gitignore.as_deref(), None);
        for entry in fs::read_dir(tree.on_disk(&folder)).unwrap() {
            let entry = entry.unwrap();
            let is_directory = entry.file_type().unwrap().is_dir();
            let name = entry.file_name().into_vec();
            if rules.verdict(&folder, &name, is_directory) != Verdict::Record {
                continue;
            }
            let path = join(&folder, &name);
            if is_directory {
                pending.push((path, Arc::clone(&rules)));
            } else {
                recorded.insert(path);
            }
        }
    }
    recorded
}

/// How often the rules had something to say; a test in which nothing matches proves nothing.
#[derive(Debug, Default)]
struct Tally {
    asked: usize,
    ignored: usize,
    reincluded: usize,
}

fn compare(tree: &Tree, rule_set: &RuleSet, tally: &mut Tally) {
    let by_git = decided_by_git(tree);
    assert_eq!(by_git.len(), tree.paths.len());
    for ((path, is_directory), by_git) in tree.paths.iter().zip(by_git) {
        assert_eq!(decided_by_us(rule_set, path, *is_directory), by_git, "{}\n{rule_set}", path.escape_ascii());
        tally.asked += 1;
        match by_git.pattern.first() {
            Some(b'!') => tally.reincluded += 1,
            Some(_) => tally.ignored += 1,
            None => {}
        }
    }
    let (ours, gits) = (recorded_by_us(tree, rule_set), recorded_by_git(tree));
    let differing: Vec<String> = ours.symmetric_difference(&gits).map(|path| path.escape_ascii().to_string()).collect();
    assert!(differing.is_empty(), "{differing:?}\n{rule_set}");
}

/// Whether git can be asked. Where it is missing the test is skipped and says so; in CI that is a failure.
fn git_is_installed() -> bool {
    let installed = Command::new("git").arg("--version").output().is_ok_and(|output| output.status.success());
    if !installed {
        assert!(std::env::var_os("CI").is_none(), "git is not installed");
        println!("SKIPPED ignore_rules: git is not installed");
    }
    installed
}

#[test]
fn gitignore_rules_are_those_of_git() {
    if !git_is_installed() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let random = &mut Random(SEED);
    let mut tally = Tally::default();
    for number in 0..TREES {
        let tree = Tree::make(temp.path().join(number.to_string()), random);
        for _ in 0..RULE_SETS_PER_TREE {
            let rule_set = RuleSet::make(&tree, random);
            rule_set.0.iter().for_each(|(folder, text)| fs::write(tree.on_disk_ignore_file(folder), text).unwrap());
            compare(&tree, &rule_set, &mut tally);
            rule_set.0.keys().for_each(|folder| fs::remove_file(tree.on_disk_ignore_file(folder)).unwrap());
        }
    }
    println!("{tally:?}");
    assert!(tally.ignored * 5 > tally.asked && tally.reincluded * 50 > tally.asked, "too few rules match: {tally:?}");
}
