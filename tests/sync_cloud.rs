//! One history on several machines, over real servers of object storage on this machine: S3 (`LUA_TEST_S3`, its address) and Azure
//! (`LUA_TEST_AZURE`). `.ci/servers` starts them. Each has a bucket or container `lua`.

mod common;

use std::process::Command;

use common::contract::exit;
use common::far::s3_variables;
use common::grow;
use common::random::Random;
use common::sandbox::{Run, Sandbox};

/// A kind of storage: its address in a test's own folder, and the variables that lead there.
struct Cloud {
    url: String,
    variables: Vec<(&'static str, String)>,
}

impl Cloud {
    fn s3(test: &str) -> Option<Self> {
        let endpoint = server(test, "LUA_TEST_S3")?;
        let variables = s3_variables(&endpoint).to_vec();
        Some(Self { url: format!("s3://lua/{}", unique(test)), variables })
    }

    fn azure(test: &str) -> Option<Self> {
        let _ = server(test, "LUA_TEST_AZURE")?;
        let variables = vec![("AZURE_STORAGE_USE_EMULATOR", "true".to_owned()), ("AZURE_ALLOW_HTTP", "true".to_owned())];
        Some(Self { url: format!("az://lua/{}", unique(test)), variables })
    }

    fn command(&self, sandbox: &Sandbox, words: &[&str]) -> Command {
        let mut command = sandbox.command(words);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn run(&self, sandbox: &Sandbox, words: &[&str]) -> Run {
        sandbox.run(self.command(sandbox, &[words, &["--json"]].concat())).expect(exit::OK)
    }
}

fn server(test: &str, variable: &str) -> Option<String> {
    let address = std::env::var(variable).ok();
    if address.is_none() {
        common::skip(test, &format!("{variable} names no server"));
    }
    address
}

/// A folder that no other run uses.
fn unique(test: &str) -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    format!("{test}-{}", since.as_nanos())
}

/// Two machines, each with work of its own; in the end both have all of it.
fn share(cloud: &Cloud, how: &str) {
    let one = grow::history_with_large_file();
    let undecided = one.run(cloud.command(&one, &["remote", "add", &cloud.url, "--json"])).expect(exit::USAGE);
    assert_eq!(undecided.value()["error"]["code"], "encryption_undecided");
    cloud.run(&one, &["remote", "add", &cloud.url, how]);
    let first = cloud.run(&one, &["sync"]).value();
    assert_eq!(first["sent"], 3, "{first}");
    let other = Sandbox::new();
    cloud.run(&other, &["init", "--restore-sources", "--remote", &cloud.url]);
    other.tree().assert_same(&one.tree(), "a new machine");
    for (sandbox, name) in [(&one, "one"), (&other, "other")] {
        sandbox.write(format!("work of {name}"), name);
        sandbox.push();
    }
    let edit = cloud.run(&one, &["sync"]).value();
    assert_eq!((edit["sent"].as_u64(), edit["requests"].as_u64()), (Some(1), Some(4)), "{edit}");
    let second = cloud.run(&other, &["sync"]).value();
    assert_eq!((second["renumbered"][0]["before"].as_u64(), second["renumbered"][0]["now"].as_u64()), (Some(4), Some(5)), "{second}");
    cloud.run(&one, &["sync"]);
    assert_eq!(one.versions(), other.versions());
    cloud.run(&one, &["sync", "--check"]);
    cloud.run(&other, &["remote", "check"]);
    for sandbox in [&one, &other] {
        sandbox.check_verify().unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Contents come by parts of packs, and a remote that was collected has all that it had.
fn keep_in_order(cloud: &Cloud) {
    let (one, mut random) = (Sandbox::new(), Random::new(9));
    for version in 0..3 {
        one.write("large", random.bytes(900_000));
        one.write("small", format!("{version}"));
        one.push();
    }
    cloud.run(&one, &["remote", "add", &cloud.url, "--no-encrypt"]);
    cloud.run(&one, &["sync"]);
    let other = Sandbox::new();
    let cloned = cloud.run(&other, &["init", "--restore-sources", "--remote", &cloud.url]).value();
    assert!(cloned["sync"]["received_bytes"].as_u64().is_some_and(|bytes| bytes < 1_200_000), "{cloned}");
    for version in 0..3 {
        other.write("edit", format!("{version}"));
        other.push();
        cloud.run(&other, &["sync"]);
    }
    cloud.run(&other, &["verify", "--remote", "--read-data"]);
    let merged = cloud.run(&other, &["gc", "--remote", "--grace", "0"]).value();
    assert!(merged["summarized"] == true && merged["removed"].as_u64() > Some(0), "{merged}");
    cloud.run(&other, &["verify", "--remote", "--read-data"]);
    cloud.run(&other, &["fetch", "--all"]);
    cloud.run(&one, &["fetch", "--all"]);
    assert_eq!(one.versions(), other.versions());
    other.tree_of(1).assert_same(&one.tree_of(1), "a version that came by parts of a pack that was there before");
    other.check_verify().unwrap_or_else(|error| panic!("{error}"));
}

/// Many machines at once: nothing is lost.
fn race(cloud: &Cloud) {
    const MACHINES: usize = 4;
    const ROUNDS: usize = 3;
    let first = Sandbox::new();
    first.write("base", "0");
    first.push();
    cloud.run(&first, &["remote", "add", &cloud.url, "--no-encrypt"]);
    cloud.run(&first, &["sync"]);
    let machines: Vec<Sandbox> = (0..MACHINES).map(|_| Sandbox::new()).collect();
    std::thread::scope(|scope| {
        for (number, machine) in machines.iter().enumerate() {
            scope.spawn(move || {
                cloud.run(machine, &["init", "--restore-sources", "--remote", &cloud.url]);
                for round in 0..ROUNDS {
                    machine.write(format!("{number}"), format!("{round}"));
                    machine.lua(&["push", "-m", &format!("{number}.{round}")]).expect(exit::OK);
                    cloud.run(machine, &["sync"]);
                }
            });
        }
    });
    machines.iter().for_each(|machine| drop(cloud.run(machine, &["sync"])));
    let mut messages: Vec<String> = machines[0].versions().into_iter().map(|row| row.message).collect();
    messages.sort();
    messages.dedup();
    assert_eq!(messages.len(), 1 + MACHINES * ROUNDS, "{messages:?}");
    machines[1..].iter().for_each(|machine| assert_eq!(machines[0].versions(), machine.versions()));
}

#[test]
fn s3_shares_a_history() {
    if let Some(cloud) = Cloud::s3("s3_shares_a_history") {
        share(&cloud, "--no-encrypt");
    }
}

#[test]
fn s3_shares_an_encrypted_history() {
    if let Some(mut cloud) = Cloud::s3("s3_shares_an_encrypted_history") {
        cloud.variables.push(("LUA_REMOTE_PASSPHRASE", "correct horse".to_owned()));
        share(&cloud, "--encrypt");
    }
}

#[test]
fn s3_is_reached_as_a_profile_says() {
    let Some(cloud) = Cloud::s3("s3_is_reached_as_a_profile_says") else { return };
    let endpoint = &cloud.variables[0].1;
    let sandbox = Sandbox::new();
    sandbox.write("file", "1");
    sandbox.push();
    std::fs::create_dir(sandbox.outside("home/.aws")).unwrap();
    std::fs::write(sandbox.outside("home/.aws/config"), format!("[profile lab]\nregion = us-east-1\nendpoint_url = {endpoint}\n")).unwrap();
    std::fs::write(sandbox.outside("home/.aws/credentials"), "[lab]\naws_access_key_id = key\naws_secret_access_key = secret\n").unwrap();
    let with = |profile: &str| {
        let variables = vec![("AWS_PROFILE", profile.to_owned()), ("AWS_ALLOW_HTTP", "true".to_owned())];
        Cloud { url: cloud.url.clone(), variables }
    };
    let words = ["remote", "add", &cloud.url, "--no-encrypt"];
    let run = sandbox.run(with("nobody").command(&sandbox, &[&words[..], &["--json"]].concat())).expect(exit::USAGE);
    assert_eq!(run.value()["error"]["code"], "aws_profile");
    with("lab").run(&sandbox, &words);
    assert_eq!(with("lab").run(&sandbox, &["sync"]).value()["sent"], 1);
}

#[test]
fn s3_is_kept_in_order() {
    if let Some(cloud) = Cloud::s3("s3_is_kept_in_order") {
        keep_in_order(&cloud);
    }
}

#[test]
fn azure_is_kept_in_order() {
    if let Some(cloud) = Cloud::azure("azure_is_kept_in_order") {
        keep_in_order(&cloud);
    }
}

#[test]
fn s3_loses_nothing_in_a_race() {
    if let Some(cloud) = Cloud::s3("s3_loses_nothing_in_a_race") {
        race(&cloud);
    }
}

#[test]
fn azure_shares_a_history() {
    if let Some(cloud) = Cloud::azure("azure_shares_a_history") {
        share(&cloud, "--no-encrypt");
    }
}

#[test]
fn azure_loses_nothing_in_a_race() {
    if let Some(cloud) = Cloud::azure("azure_loses_nothing_in_a_race") {
        race(&cloud);
    }
}

#[test]
fn a_server_that_cannot_be_reached_is_said_in_time_and_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "1");
    sandbox.push();
    // A port that nobody listens on: bound, and given back at once.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    let variables = s3_variables(&format!("http://127.0.0.1:{port}")).to_vec();
    let cloud = Cloud { url: "s3://lua/nowhere".to_owned(), variables };
    let run = sandbox.run(cloud.command(&sandbox, &["remote", "add", &cloud.url, "--json"]));
    assert_eq!((run.code, run.value()["error"]["code"].as_str()), (exit::ERROR, Some("remote_unreachable")), "{run}");
    assert_eq!(sandbox.json(&["remote", "list"])["remotes"].as_array().map(Vec::len), Some(0));
}
