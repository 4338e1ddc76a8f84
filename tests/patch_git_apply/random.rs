//! Contents and trees that look random and are the same in every run.

use super::case::{Case, Files, Item};

/// Numbers that look random and are the same in every run (xorshift, G. Marsaglia, 2003).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'p>(&mut self, from: &[&'p [u8]]) -> &'p [u8] {
        from[self.below(from.len())]
    }
}

/// Lines that repeat, look like parts of a patch, or are no text.
pub const LINES: &[&[u8]] = &[
    b"",
    b"",
    b"}",
    b"    return;",
    b"\tx",
    b"\r",
    b"line\r",
    b"a\rb",
    b"trailing ",
    b"\xff\xfe\x80",
    b"caf\xc3\xa9",
    b"\x01\x7f\x1b[31m",
    b"-",
    b"+",
    b"-- a/x",
    b"++ b/x",
    b"--- a/x",
    b"+++ b/x",
    b"@@ -1,2 +3,4 @@",
    b"diff --git a/x b/x",
    b"\\ No newline at end of file",
    b"GIT binary patch",
    b"Binary files a/x and b/x differ",
    b"rename from x",
];

pub fn random_line(random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => format!("line {}", random.below(1000)).into_bytes(),
        1 => vec![b'l'; random.below(200)],
        _ => random.pick(LINES).to_vec(),
    }
}

pub fn random_lines(random: &mut Random) -> Vec<Vec<u8>> {
    let count = match random.below(4) {
        0 => random.below(3),
        1 => random.below(12),
        _ => random.below(120),
    };
    (0..count).map(|_| random_line(random)).collect()
}

pub fn edited(random: &mut Random, old: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let edit_percent = [1, 5, 30, 100][random.below(4)];
    let mut new = Vec::new();
    for line in old {
        match random.percent(edit_percent).then(|| random.below(4)) {
            None => new.push(line.clone()),
            Some(0) => {}
            Some(1) => new.push(random_line(random)),
            Some(2) => new.extend([line.clone(), line.clone()]),
            Some(_) => new.extend([random_line(random), line.clone()]),
        }
    }
    if random.percent(20) {
        new.extend((0..1 + random.below(3)).map(|_| random_line(random)));
    }
    new
}

pub fn joined(random: &mut Random, lines: &[Vec<u8>]) -> Vec<u8> {
    let mut content = lines.join(&b'\n');
    if !lines.is_empty() && random.percent(70) {
        content.push(b'\n');
    }
    content
}

pub fn random_content_pair(random: &mut Random) -> (Vec<u8>, Vec<u8>) {
    let old = random_lines(random);
    let new = match random.below(20) {
        0 => Vec::new(),
        1 => random_lines(random),
        _ => edited(random, &old),
    };
    let (mut old, mut new) = (joined(random, &old), joined(random, &new));
    if random.percent(2) {
        // A zero byte so late that the file still counts as text.
        let late = [&[b'z'; 8000][..], b"\0\n"].concat();
        (old, new) = ([&late[..], &old].concat(), [&late[..], &new].concat());
    }
    (old, new)
}

/// Names that need quotes, look like parts of a header, or are no text.
pub const NAMES: &[&[u8]] = &[
    b"plain",
    b"b",
    b"a",
    b"with space",
    b" leading",
    b"trailing ",
    b"x b",
    b"tab\there",
    b"new\nline",
    b"carriage\rreturn",
    b"quo\"te",
    b"back\\slash",
    b"caf\xc3\xa9",
    b"\xff\xfe",
    b"\x01\x1b\x7f",
    b"-dash",
    b"@@ -1 +1 @@",
    b"{old => new}",
    b"*glob?[a]",
    b"null",
    b"...",
    b"rename to",
];

pub fn random_path(random: &mut Random) -> Vec<u8> {
    let depth = 1 + random.below(3);
    let mut path: Vec<Vec<u8>> = (1..depth).map(|_| random.pick(NAMES).to_vec()).collect();
    path.push([random.pick(NAMES), random.below(200).to_string().as_bytes()].concat());
    path.join(&b'/')
}

pub fn random_item(random: &mut Random) -> Item {
    if random.percent(10) {
        return Item::Link([&b"../"[..], random.pick(NAMES)].concat());
    }
    let lines = random_lines(random);
    Item::File([0o644, 0o755, 0o600, 0o711][random.below(4)], joined(random, &lines))
}

/// Puts the item there unless a file is in the way.
pub fn put(files: &mut Files, path: Vec<u8>, item: Item) {
    let is_below_file = (0..path.len()).any(|end| path[end] == b'/' && files.contains_key(&path[..end]));
    let is_directory = files.keys().any(|other| other.starts_with(&path) && other.get(path.len()) == Some(&b'/'));
    if !is_below_file && !is_directory {
        files.insert(path, item);
    }
}

pub fn changed_item(random: &mut Random, item: &Item) -> Item {
    match item {
        Item::Link(_) => random_item(random),
        Item::File(mode, content) => {
            let mode = if random.percent(30) { 0o755 ^ *mode & 0o100 } else { *mode };
            let lines: Vec<Vec<u8>> = content.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            let lines = edited(random, &lines);
            Item::File(mode, if random.percent(60) { joined(random, &lines) } else { content.clone() })
        }
    }
}

pub fn random_case(random: &mut Random) -> Case {
    let mut case = Case { old: Files::new(), new: Files::new() };
    for _ in 0..200 {
        put(&mut case.old, random_path(random), random_item(random));
    }
    for (path, item) in &case.old {
        match random.below(10) {
            0 => {}
            1 => put(&mut case.new, random_path(random), item.clone()),
            2 => put(&mut case.new, random_path(random), changed_item(random, item)),
            3 => put(&mut case.new, [path, &b"/below"[..]].concat(), changed_item(random, item)),
            4 => put(&mut case.new, path.clone(), random_item(random)),
            5 | 6 => put(&mut case.new, path.clone(), changed_item(random, item)),
            _ => put(&mut case.new, path.clone(), item.clone()),
        }
    }
    for _ in 0..30 {
        put(&mut case.new, random_path(random), random_item(random));
    }
    case
}
