//! Likely secrets are named at a push, once, without being shown; and can be left unlooked at.

mod common;

use common::contract::exit;
use common::sandbox::Sandbox;

/// Put together here, so that no tool takes this file for a leak.
fn key() -> String {
    format!("id = {}{}\n", "AKIA", "IOSFODNN7EXAMPLE")
}

#[test]
fn a_likely_secret_is_named_once_and_not_shown() {
    let sandbox = Sandbox::new();
    sandbox.write("settings", key());
    sandbox.write("plain", "PASSWORD=hunter2\n");
    let run = sandbox.lua(&["push"]).expect(exit::OK);
    assert!(run.stderr.contains("looks like a secret: settings (AWS access key id)") && run.stderr.contains("purge"), "{run}");
    assert!(!run.stderr.contains("IOSFODNN") && !run.stderr.contains("plain"), "{run}");
    sandbox.write("other", "changed");
    assert!(!sandbox.lua(&["push"]).expect(exit::OK).stderr.contains("secret"), "it was named before");
    sandbox.write("folder/large", format!("{}{}", "a line of text\n".repeat(3000), key()));
    let push = sandbox.json(&["push"]);
    assert_eq!((&push["secrets"][0]["path"], &push["secrets"][0]["rule"]), (&"folder/large".into(), &"AWS access key id".into()));
    assert!(!push.to_string().contains("IOSFODNN"));
}

#[test]
fn nobody_has_to_be_warned() {
    let sandbox = Sandbox::new();
    sandbox.write("settings", key());
    assert!(sandbox.json(&["push", "--no-secret-scan"]).get("secrets").is_none());
    let config = sandbox.store().join("config.toml");
    let settings = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("secret_scan = false\n{settings}")).unwrap();
    sandbox.write("another", key());
    assert!(sandbox.json(&["push"]).get("secrets").is_none());
}
