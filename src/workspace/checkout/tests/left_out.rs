//! Files that the ignore rules exclude, and things that no tree can hold, survive every constellation.

use super::super::testing::*;
use super::super::*;
use crate::path::RelPath;

enum Expect {
    /// The workspace afterwards.
    Is(&'static [&'static str]),
    /// The plan is refused because of these paths, and nothing has changed.
    Refused(&'static [&'static str]),
}
use Expect::{Is, Refused};

struct Case {
    name: &'static str,
    from: &'static [&'static str],
    to: &'static [&'static str],
    /// What stands in the workspace besides.
    besides: &'static [&'static str],
    rules: &'static [&'static str],
    expect: Expect,
}

/// `name`, `name/` (directories), `name!` (all but directories), `*.ending`, `/path`.
fn excludes(rule: &str, path: &RelPath, is_directory: bool) -> bool {
    let path = path.to_string();
    let name = path.rsplit('/').next().unwrap();
    match (rule.strip_prefix('/'), rule.strip_prefix('*'), rule.strip_suffix('/'), rule.strip_suffix('!')) {
        (Some(whole), ..) => path == whole,
        (_, Some(ending), ..) => name.ends_with(ending),
        (.., Some(directory), _) => name == directory && is_directory,
        (.., Some(file)) => name == file && !is_directory,
        _ => name == rule,
    }
}

const CASES: &[Case] = &[
    Case {
        name: "beside what comes",
        from: &[],
        to: &["d/x = 1"],
        besides: &["a.log = own"],
        rules: &["*.log"],
        expect: Is(&["d/x = 1", "a.log = own"]),
    },
    Case {
        name: "beside what changes",
        from: &["x = 1"],
        to: &["x = 2"],
        besides: &["a.log = own"],
        rules: &["*.log"],
        expect: Is(&["x = 2", "a.log = own"]),
    },
    Case {
        name: "file in a directory that goes",
        from: &["d/x = 1"],
        to: &[],
        besides: &["d/a.log = own"],
        rules: &["*.log"],
        expect: Is(&["d/a.log = own"]),
    },
    Case {
        name: "directory in one that goes",
        from: &["d/x = 1"],
        to: &[],
        besides: &["d/build/o = own"],
        rules: &["build/"],
        expect: Is(&["d/build/o = own"]),
    },
    Case {
        name: "deep in directories that go",
        from: &["a/b/c/x = 1", "a/y = 1"],
        to: &[],
        besides: &["a/b/c/a.log = own"],
        rules: &["*.log"],
        expect: Is(&["a/b/c/a.log = own"]),
    },
    Case {
        name: "sibling directories that go",
        from: &["a/b/x = 1", "a/c/x = 1"],
        to: &[],
        besides: &["a/c/a.log = own"],
        rules: &["*.log"],
        expect: Is(&["a/c/a.log = own"]),
    },
    Case {
        name: "empty directory in one that goes",
        from: &["d/x = 1"],
        to: &[],
        besides: &["d/build/"],
        rules: &["build/"],
        expect: Is(&["d/build/"]),
    },
    Case {
        name: "link in a directory that goes",
        from: &["d/x = 1"],
        to: &[],
        besides: &["d/a.log -> /"],
        rules: &["*.log"],
        expect: Is(&["d/a.log -> /"]),
    },
    Case {
        name: "repository in a directory that goes",
        from: &["d/x = 1"],
        to: &[],
        besides: &["d/.git/HEAD = own"],
        rules: &[".git/"],
        expect: Is(&["d/.git/HEAD = own"]),
    },
    Case { name: "pipe in a directory that goes", from: &["d/x = 1"], to: &[], besides: &["d/p |"], rules: &[], expect: Is(&["d/p |"]) },
    Case {
        name: "unrecorded in a directory that goes",
        from: &["d/x = 1"],
        to: &[],
        besides: &["d/new = own"],
        rules: &[],
        expect: Is(&["d/new = own"]),
    },
    Case {
        name: "target has one of its name",
        from: &[],
        to: &["a.log = old", "x = 1"],
        besides: &["a.log = own"],
        rules: &["*.log"],
        expect: Is(&["a.log = own", "x = 1"]),
    },
    Case { name: "target has one and there is none", from: &[], to: &["a.log = old"], besides: &[], rules: &["*.log"], expect: Is(&[]) },
    Case {
        name: "target has an excluded directory",
        from: &["x = 1"],
        to: &["x = 1", "build/a/o = old"],
        besides: &[],
        rules: &["build/"],
        expect: Is(&["x = 1"]),
    },
    Case {
        name: "excluded directory differs",
        from: &[],
        to: &["build/o = old", "build/p = old"],
        besides: &["build/o = own"],
        rules: &["build/"],
        expect: Is(&["build/o = own"]),
    },
    Case {
        name: "excluded part of a new tree",
        from: &[],
        to: &["d/x = 1", "d/a.log = old", "d/build/o = old"],
        besides: &[],
        rules: &["*.log", "build/"],
        expect: Is(&["d/x = 1"]),
    },
    Case {
        name: "excluded part of a tree for a file",
        from: &["d = 1"],
        to: &["d/x = 1", "d/a.log = old"],
        besides: &[],
        rules: &["*.log"],
        expect: Is(&["d/x = 1"]),
    },
    Case {
        name: "recorded once, excluded now: removal",
        from: &["a.log = own", "x = 1"],
        to: &["x = 2"],
        besides: &[],
        rules: &["*.log"],
        expect: Is(&["a.log = own", "x = 2"]),
    },
    Case {
        name: "recorded once, excluded now: change",
        from: &["a.log = own"],
        to: &["a.log = old #755"],
        besides: &[],
        rules: &["*.log"],
        expect: Is(&["a.log = own"]),
    },
    Case {
        name: "recorded once, excluded now: bits",
        from: &["build/o = 1"],
        to: &["build/o = 1", "build/ #700"],
        besides: &[],
        rules: &["build/"],
        expect: Is(&["build/o = 1"]),
    },
    Case {
        name: "recorded once, excluded now: in a directory that goes",
        from: &["d/a.log = own", "d/x = 1"],
        to: &[],
        besides: &[],
        rules: &["*.log"],
        expect: Is(&["d/a.log = own"]),
    },
    Case {
        name: "file becomes an excluded directory",
        from: &["build = 1"],
        to: &["build/o = old"],
        besides: &[],
        rules: &["build/"],
        expect: Is(&[]),
    },
    Case {
        name: "rule file changes too",
        from: &[".luaignore = *.log"],
        to: &[".luaignore = none", "a.log = old"],
        besides: &["a.log = own"],
        rules: &["*.log"],
        expect: Is(&[".luaignore = none", "a.log = own"]),
    },
    Case {
        name: "directory is renamed",
        from: &["a/x = 1"],
        to: &["b/x = 1"],
        besides: &["a/a.log = own"],
        rules: &["*.log"],
        expect: Is(&["a/a.log = own", "b/x = 1"]),
    },
    Case {
        name: "bits of the directory around change",
        from: &["d/x = 1"],
        to: &["d/x = 1", "d/ #700"],
        besides: &["d/a.log = own"],
        rules: &["*.log"],
        expect: Is(&["d/a.log = own", "d/x = 1", "d/ #700"]),
    },
    Case {
        name: "directory of excluded things is filled",
        from: &[],
        to: &["d/x = 1"],
        besides: &["d/a.log = own"],
        rules: &["*.log"],
        expect: Is(&["d/a.log = own", "d/x = 1"]),
    },
    Case {
        name: "the same with other bits",
        from: &[],
        to: &["d/x = 1", "d/ #700"],
        besides: &["d/a.log = own"],
        rules: &["*.log"],
        expect: Is(&["d/a.log = own", "d/x = 1", "d/ #700"]),
    },
    Case {
        name: "deep directory of excluded things is filled",
        from: &[],
        to: &["d/e/x = 1", "d/f/x = 1"],
        besides: &["d/e/a.log = own"],
        rules: &["*.log"],
        expect: Is(&["d/e/a.log = own", "d/e/x = 1", "d/f/x = 1"]),
    },
    Case {
        name: "directory must become a file",
        from: &["d/x = 1"],
        to: &["d = 2"],
        besides: &["d/a.log = own"],
        rules: &["*.log"],
        expect: Refused(&["d/a.log"]),
    },
    Case {
        name: "directory must become a link",
        from: &["d/e/x = 1"],
        to: &["d -> /"],
        besides: &["d/e/a.log = own"],
        rules: &["*.log"],
        expect: Refused(&["d/e"]),
    },
    Case {
        name: "excluded directory where a file must be",
        from: &[],
        to: &["build = 1"],
        besides: &["build/o = own"],
        rules: &["build/"],
        expect: Refused(&["build"]),
    },
    Case {
        name: "excluded file where a directory must be",
        from: &["y = 1"],
        to: &["d/x = 1"],
        besides: &["d = own"],
        rules: &["d!"],
        expect: Refused(&["d"]),
    },
    Case {
        name: "excluded link where a directory must be",
        from: &["y = 1"],
        to: &["d/x = 1"],
        besides: &["d -> /tmp"],
        rules: &["d!"],
        expect: Refused(&["d"]),
    },
    Case { name: "pipe where a file must be", from: &["y = 1"], to: &["p = 1"], besides: &["p |"], rules: &[], expect: Refused(&["p"]) },
    Case {
        name: "unrecorded file where one must be",
        from: &["y = 1"],
        to: &["d/x = 1", "z = 1"],
        besides: &["d/x = own", "z = own"],
        rules: &[],
        expect: Refused(&["d/x", "z"]),
    },
];

#[test]
fn every_constellation() {
    for case in CASES {
        let mut start = model(case.from);
        start.extend(model(case.besides).into_iter().filter(|(path, _)| !model(case.from).contains_key(path)));
        let mut rig = Rig::new(&start, &model(case.to));
        rig.from = rig.library.store(&model(case.from));
        let left_out = |path: &RelPath, is_directory: bool| case.rules.iter().any(|rule| excludes(rule, path, is_directory));
        match (&case.expect, rig.staged(&left_out)) {
            (Is(lines), Ok(staged)) => {
                let applied = apply(staged, &rig.root).unwrap();
                assert_eq!(rig.verify(&applied, &left_out), [], "{}", case.name);
                assert_eq!(rig.discard(applied), [], "{}", case.name);
                assert_eq!(rig.model(), model(lines), "{}", case.name);
            }
            (Refused(paths), Err(SurveyError::Conflicts(conflicts))) => {
                let found: Vec<String> = conflicts.iter().map(|conflict| conflict.path.to_string()).collect();
                assert_eq!(found, *paths, "{}", case.name);
                assert_eq!(rig.model(), start, "{}", case.name);
                rig.stage().discard().unwrap();
            }
            (_, result) => panic!("{}: {:?}", case.name, result.map(drop)),
        }
        rig.assert_clean();
    }
}

#[test]
fn rules_of_the_beginning_count_for_recovery() {
    let mut rig = Rig::new(&model(&["build/o = own", "f = 1"]), &model(&["build/o = old", "f = 2"]));
    rig.from = rig.library.store(&model(&["f = 1"]));
    let left_out = |path: &RelPath, is_directory: bool| excludes("build/", path, is_directory);
    let plan = rig.plan(&left_out);
    let journal = crate::format::journal::Journal { left_alone: plan.left_alone().to_vec(), ..rig.journal() };
    let changes = || rig.library.changes(&rig.from, &rig.to);
    let recovery = recover(&journal, &rig.root, &rig.tmp, changes(), &rig.library.trees).unwrap();
    assert_eq!((recovery.progress, recovery.forward.len()), (Progress::NotBegun, 1));
    let applied = apply(rig.staged_plan(plan).unwrap(), &rig.root).unwrap();
    drop(applied);
    let recovery = recover(&journal, &rig.root, &rig.tmp, changes(), &rig.library.trees).unwrap();
    assert_eq!((recovery.progress, recovery.foreign), (Progress::Complete, vec![]));
    assert_eq!(rig.model(), model(&["build/o = own", "f = 2"]));
}
