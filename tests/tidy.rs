//! The house rules that a machine can hold: imports go down only, files stay small and say what they are for, the specification
//! says what the code does, licences are known.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The rank of each module of the library. A module may use those of a lower rank, and itself.
const RANKS: [(&str, u32); 16] = [
    ("limits", 0),
    ("id", 1),
    ("path", 1),
    ("format", 2),
    ("disk", 3),
    ("tree", 4),
    ("store", 5),
    ("version_log", 5),
    ("workspace", 6),
    ("patch", 6),
    ("git", 6),
    ("remote", 6),
    ("ops", 7),
    ("fuzzing", 8),
    ("cli", 10),
    ("main", 10),
];
/// Pairs that the ranks would allow but that must not know each other.
const FORBIDDEN: [(&str, &str); 5] =
    [("workspace", "version_log"), ("workspace", "store"), ("store", "workspace"), ("remote", "store"), ("remote", "version_log")];
/// Longest file of the sources, in lines.
const FILE_LINES_MAX: usize = 500;

fn sources(folder: &str) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
        let path = entry.expect("the sources can be read").into_path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("the sources are text");
            found.insert(path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap_or(&path).to_path_buf(), text);
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

fn module_of(path: &Path) -> String {
    let first = path.components().nth(1).expect("below src").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules of the library that a file names: `crate::NAME` in the library, `lua_store::NAME` in the program.
fn used_modules(text: &str) -> Vec<String> {
    let mut used = Vec::new();
    for prefix in ["crate::", "lua_store::"] {
        for (at, _) in text.match_indices(prefix) {
            let name: String = text[at + prefix.len()..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            used.push(name);
        }
    }
    used
}

#[test]
fn imports_go_down_only() {
    let ranks: BTreeMap<&str, u32> = RANKS.into_iter().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let module = module_of(&path);
        if module == "lib" {
            continue;
        }
        let rank = *ranks.get(module.as_str()).unwrap_or_else(|| panic!("{} has no rank", path.display()));
        for used in used_modules(&text) {
            let Some(&used_rank) = ranks.get(used.as_str()) else { continue };
            let forbidden = FORBIDDEN.contains(&(module.as_str(), used.as_str()));
            if used != module && (used_rank >= rank && module != "main" || forbidden) {
                wrong.push(format!("{} (rank {rank}) uses {used} (rank {used_rank})", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_small_and_say_what_they_are_for() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{} has {lines} lines, more than {FILE_LINES_MAX}", path.display()));
        }
        let is_test =
            path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs" || part.as_os_str() == "testing.rs");
        if !text.starts_with("//!") && !is_test {
            wrong.push(format!("{} does not say what it is for", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_stands_in_one_file() {
    for (path, text) in sources("src") {
        let allows = text.contains("allow(unsafe_code)");
        assert_eq!(allows, path.ends_with("disk/map.rs"), "{}", path.display());
    }
}

#[test]
fn only_the_program_prints_and_reads_the_environment() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        if ["cli", "main"].contains(&module_of(&path).as_str()) {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_test =
            path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs" || part.as_os_str() == "testing.rs");
        for word in ["println!", "eprintln!", "env::var", "process::exit", "stdin()"] {
            if !is_test && code.contains(word) {
                wrong.push(format!("{} has {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_specification_names_the_constants_of_the_code() {
    use lua_store::format::{catalog, collection, frame, index, pack, remote, seal, summary};
    let text = include_str!("../src/format/format.md");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    for expected in [
        format!("magic `{}`", hex(&frame::SEGMENT_MAGIC)),
        format!("magic `{}`", hex(&index::RUN_MAGIC)),
        format!("magic `{}`", hex(&collection::COLLECTION_MAGIC)),
        format!("magic `{}`", hex(&pack::PACK_MAGIC)),
        format!("Pack header: {} bytes. Pack footer: {} bytes", pack::PACK_HEADER_BYTES, pack::PACK_FOOTER_BYTES),
        format!("magic `{}`", hex(&remote::REMOTE_MAGIC)),
        format!("magic `{}`", hex(&remote::REMOTE_ENTRY_MAGIC)),
        format!("magic `{}`", hex(&remote::SEALED_REMOTE_MAGIC)),
        format!("magic `{}`", hex(&seal::WRAPPED_KEY_MAGIC)),
        format!("magic `{}`", hex(&seal::SEALED_MAGIC)),
        format!("of the {} bytes before the segments", seal::SEALED_HEADER_BYTES),
        format!("magic `{}`", hex(&catalog::CATALOG_MAGIC)),
        format!("magic `{}`", hex(&summary::SUMMARY_MAGIC)),
        format!("magic `{}`", hex(&summary::BUNDLE_MAGIC)),
        format!("Segment header: {} bytes", frame::SEGMENT_HEADER_BYTES),
        format!("marker `{:02x}`", frame::FRAME_MARKER),
        format!("`NNNNNNNN.run`, {} bytes of header", index::RUN_HEADER_BYTES),
        format!("Format version {}", lua_store::format::FORMAT_VERSION),
        format!("1 to {}", lua_store::limits::DELTA_DEPTH_MAX),
        "65,536 to 1,048,576".to_owned(),
        "262,144 desired".to_owned(),
    ] {
        assert!(text.contains(&expected), "format.md does not say {expected:?}");
    }
    assert_eq!(lua_store::limits::CHUNK_BYTES_MAX, 1_048_576);
    assert_eq!(lua_store::limits::CHUNK_BYTES_AVERAGE, 262_144);
    assert_eq!(lua_store::limits::CHUNK_BYTES_MIN, 65_536);
}
