//! `du`: what paths and versions cost adds up to what there is.

mod common;

use common::contract::exit;
use common::random::Random;
use common::sandbox::Sandbox;
use serde_json::Value;

fn history() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut random = Random::new(1);
    sandbox.write("large.bin", random.bytes(2 << 20));
    sandbox.write("small/text", random.text(100));
    sandbox.push();
    sandbox.write("middle.bin", random.bytes(300_000));
    sandbox.push();
    std::fs::remove_file(sandbox.path("middle.bin")).unwrap();
    sandbox.write("small/text", random.text(100));
    sandbox.push();
    sandbox
}

fn sum(rows: &Value, field: &str) -> u64 {
    rows.as_array().unwrap().iter().map(|row| row[field].as_u64().unwrap()).sum()
}

#[test]
fn paths_add_up_to_the_whole() {
    let sandbox = history();
    let du = sandbox.json(&["du"]);
    let totals = &du["totals"];
    assert_eq!(du["paths"][0]["path"], "large.bin");
    assert_eq!((&du["paths"][1]["path"], &du["paths"][1]["first_version"]), (&"middle.bin".into(), &2.into()));
    assert_eq!(sum(&du["paths"], "bytes"), totals["contents"].as_u64().unwrap(), "{du}");
    let parts: u64 = ["contents", "trees", "records", "dead", "other"].iter().map(|part| totals[part].as_u64().unwrap()).sum();
    let files = walkdir::WalkDir::new(sandbox.store()).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    assert_eq!(parts, files.map(|entry| entry.metadata().unwrap().len()).sum::<u64>());
    assert_eq!((&totals["all"], &totals["dead"]), (&parts.into(), &0.into()));
    let limited = sandbox.json(&["du", "small", "--limit", "1"]);
    assert_eq!((&limited["paths"][0]["path"], &limited["paths"][0]["contents"]), (&"small/text".into(), &2.into()));
    assert!(sandbox.lua(&["du", "--limit", "1"]).expect(exit::OK).stdout.contains("… and 2 more paths"));
}

#[test]
fn what_is_in_one_version_alone_comes_back_with_it() {
    let sandbox = history();
    let du = sandbox.json(&["du", "--by", "version"]);
    let totals = &du["totals"];
    assert_eq!(sum(&du["versions"], "added_bytes"), totals["contents"].as_u64().unwrap() + totals["trees"].as_u64().unwrap());
    let second = du["versions"].as_array().unwrap().iter().find(|row| row["version"] == 2).unwrap();
    let own = second["own_bytes"].as_u64().unwrap();
    assert!((300_000..302_000).contains(&own), "{second}");
    let before = totals["all"].as_u64().unwrap() - totals["other"].as_u64().unwrap();
    let deleted = sandbox.json(&["version", "delete", "2", "--force"]);
    assert!(deleted["collected"]["dropped_objects"].as_u64().unwrap() > 0 || deleted["collected"].is_object(), "{deleted}");
    sandbox.json(&["gc", "--all"]);
    let totals = &sandbox.json(&["du"])["totals"];
    let after = totals["all"].as_u64().unwrap() - totals["other"].as_u64().unwrap();
    assert!(before - after > own - 2_000, "{before} became {after}, and {own} were promised");
    let words = sandbox.lua(&["du", "--by", "version"]).expect(exit::OK).stdout;
    assert!(words.contains("OWN") && words.contains("v3") && words.contains("in all"), "{words}");
}
