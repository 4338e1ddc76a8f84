//! Encrypted remotes: two machines share a history through one, nothing can be read in it or changed unnoticed, and only the passphrase
//! that counts, the key file or the recovery code opens it.

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;
use common::contract::exit;
use common::far::{Far, picture};
use common::grow;
use common::random::Random;
use common::sandbox::{Run, Sandbox};
use common::terminal::{Terminal, echoes};
use lua_store::id::{ObjectId, ObjectKind};

const PASSPHRASE: &str = "correct horse battery staple";

/// A place that machines share, encrypted.
trait Sealed {
    fn share(&self, machine: &Sandbox) -> String;
    fn join(&self, machine: &Sandbox, passphrase: &str) -> Run;
    fn all_bytes(&self) -> Vec<u8>;
}

impl Sealed for Far {
    /// Shares the history of a machine, encrypted. Gives the recovery code.
    fn share(&self, machine: &Sandbox) -> String {
        let answer = with(machine, PASSPHRASE, &["remote", "add", &self.url(), "--encrypt"]).expect(exit::OK).value();
        assert_eq!(answer["encrypted"], true);
        machine.json(&["sync"]);
        answer["recovery_code"].as_str().expect("a recovery code").to_owned()
    }

    /// A new machine that was told something.
    fn join(&self, machine: &Sandbox, passphrase: &str) -> Run {
        with(machine, passphrase, &["init", "--restore-sources", "--remote", &self.url()])
    }

    /// Everything that an observer of the storage sees: names and contents.
    fn all_bytes(&self) -> Vec<u8> {
        let seen = |path: &PathBuf| [path.as_os_str().as_encoded_bytes(), b"\n", &std::fs::read(path).unwrap()].concat();
        self.objects().iter().flat_map(seen).collect()
    }
}

/// Runs the program with `--json`, and with a passphrase in the environment.
fn with(machine: &Sandbox, passphrase: &str, words: &[&str]) -> Run {
    let mut command = machine.command(&[words, &["--json"]].concat());
    command.env("LUA_REMOTE_PASSPHRASE", passphrase);
    machine.run(command)
}

fn code_of(run: &Run) -> String {
    run.value()["error"]["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn two_machines_share_an_encrypted_history() {
    let (far, one, other) = (Far::new(), grow::history_with_large_file(), Sandbox::new());
    far.share(&one);
    for (passphrase, code) in [("correct horse", "remote_wrong_key"), ("", "remote_key_needed")] {
        let run = far.join(&Sandbox::new(), passphrase);
        assert_eq!((run.code != exit::OK, code_of(&run).as_str()), (true, code), "{run}");
    }
    far.join(&other, PASSPHRASE).expect(exit::OK);
    assert_eq!(one.versions(), other.versions());
    other.tree().assert_same(&one.tree(), "a new machine");
    for (sandbox, name) in [(&one, "one"), (&other, "other")] {
        sandbox.write(format!("work of {name}"), name);
        sandbox.push();
    }
    // From here on no machine needs the passphrase, and an edit costs as many requests as ever.
    let edit = one.json(&["sync"]);
    assert_eq!((edit["sent"].as_u64(), edit["requests"].as_u64()), (Some(1), Some(4)), "{edit}");
    assert!(edit["sent_bytes"].as_u64().unwrap() < 8192, "{edit}");
    assert_eq!(other.json(&["sync"])["received"], 1);
    one.json(&["sync"]);
    assert_eq!(one.versions(), other.versions());
    for sandbox in [&one, &other] {
        assert_eq!(sandbox.json(&["remote", "list"])["remotes"][0]["encrypted"], true);
        sandbox.lua(&["remote", "check"]).expect(exit::OK);
        sandbox.check_verify().unwrap();
        let keys = walkdir::WalkDir::new(sandbox.store()).into_iter().flatten().filter(|entry| entry.file_type().is_file());
        let code = one.json(&["remote", "key", "show"])["recovery_code"].as_str().unwrap().to_owned();
        assert!(keys.into_iter().all(|file| !String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()).contains(&code)));
    }
}

/// As in a script that sets the passphrase for every command.
#[test]
fn a_kept_key_goes_before_a_passphrase() {
    let (far, one) = (Far::new(), grow::history());
    far.share(&one);
    let edit = |passphrase: &str, text: &str| {
        one.write("edit", text);
        one.push();
        let synced = with(&one, passphrase, &["sync"]);
        (synced.code, code_of(&synced), synced.value()["requests"].as_u64().unwrap_or_default())
    };
    let done = |requests: u64| (exit::OK, String::new(), requests);
    assert_eq!(edit(PASSPHRASE, "1"), done(4), "nothing is derived, and no wrapped key read");
    assert_eq!(edit("another one", "2"), done(4), "nor compared");
    assert_eq!(code_of(&with(&one, "another one", &["remote", "check"])), "remote_wrong_key", "but where it is to be kept");
    // A kept key that does not open the remote.
    let keys = one.outside("home").join("state/lua-store/keys");
    let kept = std::fs::read_dir(&keys).unwrap().next().unwrap().unwrap().path();
    let (other_far, another) = (Far::new(), Sandbox::new());
    another.lua(&["init"]).expect(exit::OK);
    let foreign = other_far.share(&another);
    std::fs::write(&kept, format!("{foreign}\n")).unwrap();
    assert_eq!(code_of(&one.lua_json(&["sync"])), "remote_damaged");
    assert_eq!(edit("another one", "3").1, "remote_damaged");
    assert_eq!(edit(PASSPHRASE, "4").0, exit::OK);
    assert_eq!(edit("another one", "5"), done(4), "the key that opens is kept");
    // One that is none.
    std::fs::write(&kept, "no key").unwrap();
    assert_eq!(code_of(&one.lua_json(&["sync"])), "settings");
    assert_eq!(edit(PASSPHRASE, "6").0, exit::OK);
    one.check_verify().unwrap();
}

#[test]
fn contents_are_fetched_checked_and_collected_as_in_any_remote() {
    let (far, one, other) = (Far::new(), grow::history_with_large_file(), Sandbox::new());
    for round in 0..2u64 {
        one.write("large", Random::new(round).bytes(1_100_000));
        one.write(format!("small {round}"), format!("{round}"));
        one.push();
    }
    far.share(&one);
    for round in 0..2 {
        one.write("edit", format!("{round}"));
        one.push();
        one.json(&["sync"]);
    }
    far.join(&other, PASSPHRASE).expect(exit::OK);
    let whole = one.json(&["verify", "--remote", "--read-data"]);
    assert_eq!(whole["problems"].as_array().map(Vec::len), Some(0), "{whole}");
    // Old contents come in parts of packs, when they are asked for.
    assert!(other.json(&["fetch", "4"])["received_bytes"].as_u64().unwrap() > 1_000_000);
    other.tree_of(4).assert_same(&one.tree_of(4), "an old version");
    one.json(&["gc", "--remote"]);
    let third = Sandbox::new();
    far.join(&third, PASSPHRASE).expect(exit::OK);
    third.lua(&["fetch", "--all"]).expect(exit::OK);
    third.check_verify().unwrap();
    [1, 4].into_iter().for_each(|version| one.tree_of(version).assert_same(&third.tree_of(version), "everything"));
}

#[test]
fn a_copied_workspace_brings_no_key_and_is_not_talked_out_of_encryption() {
    let (far, one) = (Far::new(), grow::history());
    far.share(&one);
    let copy = Sandbox::copy_of(&one);
    assert_eq!(code_of(&copy.lua_json(&["sync"])), "remote_not_agreed");
    assert_eq!(code_of(&copy.lua_json(&["remote", "check", "--agree"])), "remote_key_needed");
    with(&copy, "wrong", &["remote", "check", "--agree"]).expect(exit::ERROR);
    std::fs::write(copy.outside("key"), format!("{PASSPHRASE}\n")).unwrap();
    copy.lua(&["remote", "check", "--agree", "--key-file", "../key"]).expect(exit::OK);
    copy.lua(&["sync"]).expect(exit::OK);
    // Settings that came with somebody's files cannot make this machine send in plain what it agreed to send sealed.
    let settings = copy.store().join("remotes/origin.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("encrypted = true\n", "")).unwrap();
    copy.write("new work", "not sent yet");
    copy.push();
    let before = far.all_bytes();
    assert_eq!(code_of(&copy.lua_json(&["sync"])), "remote_not_agreed");
    assert!(before == far.all_bytes());
}

#[test]
fn a_stolen_bucket_says_nothing() {
    let (plain, sealed, machine) = (Far::new(), Far::new(), Sandbox::new());
    let mut random = Random::new(5);
    let mut markers: Vec<Vec<u8>> = Vec::new();
    let mut marker = |random: &mut Random, is_text: bool| {
        let bytes = random.bytes(8);
        let marker = if is_text {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()
        } else {
            [bytes, random.bytes(8)].concat()
        };
        markers.push(marker.clone());
        marker
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("is text");
    let mut contents = Vec::new();
    for round in 0..4 {
        for file in 0..5 {
            contents.push((0..490).flat_map(|_| marker(&mut random, false)).collect::<Vec<u8>>());
            machine.write(format!("{}/{file}-{round}", text(marker(&mut random, true))), contents.last().unwrap());
        }
        let [message, author, trigger, label] = [(); 4].map(|()| text(marker(&mut random, true)));
        machine.json(&["push", "-m", &message, "--by", &author, "--triggered-by", &trigger]);
        machine.json(&["label", &(round + 1).to_string(), &label]);
    }
    let names = (0..164).map(|_| text(marker(&mut random, true))).collect::<Vec<_>>();
    names.iter().for_each(|name| machine.write(name, "the same"));
    machine.push();
    assert_eq!(markers.len(), 10_000);
    machine.lua(&["remote", "add", "plain", &plain.url()]).expect(exit::OK);
    with(&machine, PASSPHRASE, &["remote", "add", "sealed", &sealed.url(), "--encrypt"]).expect(exit::OK);
    for remote in ["plain", "sealed"] {
        machine.lua(&["sync", "--remote", remote]).expect(exit::OK);
    }
    // Whatever follows from the contents alone: their ids, and those of the packs, in bytes and in digits.
    let mut ids: Vec<Vec<u8>> = Vec::new();
    let mut add = |id: &[u8]| ids.extend([id.to_vec(), id.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()]);
    for content in &contents {
        add(ObjectId::of(ObjectKind::Blob, content).as_bytes());
        add(blake3::hash(content).as_bytes());
    }
    let packs = plain.objects().into_iter().filter(|path| path.parent().unwrap().ends_with("packs"));
    let packs: Vec<ObjectId> = packs.map(|path| path.file_name().unwrap().to_str().unwrap().parse().unwrap()).collect();
    assert!(!packs.is_empty());
    packs.iter().for_each(|pack| add(pack.as_bytes()));
    ids.extend([
        PASSPHRASE.as_bytes().to_vec(),
        machine.json(&["remote", "key", "show", "sealed"])["recovery_code"].as_str().unwrap().as_bytes().to_vec(),
    ]);
    let found = |far: &Far, patterns: &[Vec<u8>]| {
        let all = far.all_bytes();
        let search = AhoCorasick::new(patterns).unwrap();
        search.find_iter(&all).map(|found| found.pattern().as_usize()).collect::<BTreeSet<_>>().len()
    };
    let control = (found(&plain, &markers), found(&plain, &ids));
    assert!(control.0 > 9_800 && control.1 > 20, "the search finds what is there: {control:?}");
    assert_eq!((found(&sealed, &markers), found(&sealed, &ids)), (0, 0));
}

#[test]
fn what_was_changed_in_an_encrypted_bucket_is_refused() {
    let (far, one, victim) = (Far::new(), Sandbox::new(), Sandbox::new());
    one.write("base", "0");
    one.push();
    far.share(&one);
    far.join(&victim, PASSPHRASE).expect(exit::OK);
    let known: BTreeSet<PathBuf> = far.objects().into_iter().collect();
    for number in 1..4 {
        one.write("base", format!("{number}"));
        one.write(format!("file{number}"), "x".repeat(3000 * number));
        one.push();
        one.json(&["sync"]);
    }
    let before = picture(&victim);
    let mut random = Random::new(3);
    let new: Vec<PathBuf> = far.objects().into_iter().filter(|path| !known.contains(path)).collect();
    let folder_of = |path: &Path| path.parent().map(Path::to_path_buf);
    let (mut refused, mut tried) = (0, 0);
    for path in &new {
        let good = std::fs::read(path).unwrap();
        let others = new.iter().chain(&known).filter(|other| *other != path && folder_of(other) == folder_of(path));
        let mut evils: Vec<Vec<u8>> = others.map(|other| std::fs::read(other).unwrap()).collect();
        let flipped = (0..6).map(|_| {
            let (mut bytes, at) = (good.clone(), random.below(good.len()));
            bytes[at] ^= 1 << random.below(8);
            bytes
        });
        evils.extend(flipped);
        evils.extend([0, 1, 42, 100, good.len() - 16, good.len() - 1].map(|length| good[..length].to_vec()));
        evils.push([&good[..], &[0; 100]].concat());
        for evil in evils {
            std::fs::write(path, &evil).unwrap();
            tried += 1;
            let run = victim.lua_json(&["fetch"]);
            // A directory says of a file that is too long that it cannot read it.
            assert!(
                [(exit::DAMAGED, "remote_damaged"), (exit::ERROR, "disk")].contains(&(run.code, code_of(&run).as_str())),
                "{path:?}: {run}"
            );
            before.assert_same(&picture(&victim), &format!("{path:?}"));
            refused += 1;
        }
        std::fs::write(path, &good).unwrap();
    }
    assert!(tried == refused && tried >= 60, "{tried}");
    assert_eq!(victim.json(&["fetch"])["received"], 3);
}

#[test]
fn another_passphrase_counts_and_the_former_opens_nothing() {
    let (far, one) = (Far::new(), Sandbox::new());
    one.write("base", "0");
    one.push();
    let code = far.share(&one);
    let keys = |far: &Far| far.objects().into_iter().filter(|path| path.parent().unwrap().ends_with("keys")).collect::<Vec<_>>();
    let first = keys(&far);
    let mut change = one.command(&["remote", "key", "change", "--json"]);
    change.env("LUA_REMOTE_NEW_PASSPHRASE", "another one");
    assert_eq!(one.run(change).expect(exit::OK).value()["key"], 2);
    assert!(keys(&far).len() == 1 && keys(&far) != first, "the former key is removed");
    one.lua(&["sync"]).expect(exit::OK);
    assert_eq!(code_of(&far.join(&Sandbox::new(), PASSPHRASE)), "remote_wrong_key");
    // The recovery code stays, and gives another passphrase in turn.
    let other = Sandbox::new();
    other.write("code", code.to_lowercase().replace('-', " "));
    let recover = |code: &str, words: &[&str]| {
        let mut command = std::process::Command::new("sh");
        let line = format!("printf '%s\\n' '{code}' | {} {}", common::sandbox::LUA, words.join(" "));
        let sealed = other.command(words);
        command.args(["-c", &line]).current_dir(other.workspace()).env_clear();
        command.envs(sealed.get_envs().filter_map(|(name, value)| Some((name, value?))));
        other.run(command)
    };
    let words = ["init", "--restore-sources", "--remote", &far.url(), "--recovery-code", "--json"];
    assert_eq!(
        code_of(&recover(&code.replacen(&code[..1], if &code[..1] == "7" { "8" } else { "7" }, 1), &words)),
        "recovery_code_mistyped"
    );
    let foreign = "003G-W58W-4CN3-2E1Z-8S6N-8PV2-D5R7-EZM5-HJ9S-N8D8-NYVB-VH6B-TBCR-5595";
    assert_eq!(code_of(&recover(foreign, &words)), "remote_wrong_key");
    recover(&code.to_lowercase().replace('-', " "), &words).expect(exit::OK);
    std::fs::write(other.outside("key"), [0, 159, 146, 150]).unwrap();
    assert_eq!(other.json(&["remote", "key", "change", "--key-file", "../key"])["key"], 3);
    let third = Sandbox::new();
    std::fs::write(third.outside("key"), [0, 159, 146, 150]).unwrap();
    third.lua(&["init", "--restore-sources", "--remote", &far.url(), "--key-file", "../key"]).expect(exit::OK);
    assert_eq!(one.versions(), third.versions());
}

#[test]
fn what_is_encrypted_is_said_and_never_guessed() {
    let (far, one) = (Far::new(), Sandbox::new());
    one.lua(&["init"]).expect(exit::OK);
    // Without a server nobody could be asked; nothing is reached before that.
    assert_eq!(code_of(&one.lua_json(&["remote", "add", &far.url(), "--encrypt"])), "no_passphrase");
    one.lua(&["remote", "add", &far.url(), "--encrypt", "--no-encrypt"]).expect(exit::USAGE);
    assert!(!far.path().join("format").exists(), "nothing was begun");
    let words = one.lua(&["remote", "add", &far.url()]).expect(exit::OK);
    assert!(words.stdout.contains("what is sent is not encrypted"), "{words}");
    let another = Sandbox::new();
    another.lua(&["init"]).expect(exit::OK);
    assert_eq!(code_of(&with(&another, PASSPHRASE, &["remote", "add", &far.url(), "--encrypt"])), "remote_not_encrypted");
    assert_eq!(code_of(&one.lua_json(&["remote", "key", "show"])), "remote_not_encrypted");
    assert_eq!(another.json(&["remote", "list"])["remotes"].as_array().map(Vec::len), Some(0));
    assert_eq!(code_of(&another.lua_json(&["remote", "key", "change"])), "usage");
}

#[test]
fn a_passphrase_is_asked_for_on_a_terminal_and_never_shown() {
    let (far, one, other) = (Far::new(), Sandbox::new(), Sandbox::new());
    one.write("file", "1");
    one.push();
    let at_terminal = |machine: &Sandbox, words: &[&str], answers: &[(&str, &str)]| {
        let mut terminal = Terminal::start(machine, words)?;
        answers.iter().for_each(|(question, typed)| terminal.answer(question, typed));
        let (code, screen) = terminal.end();
        assert!(!screen.contains("horse") && !screen.contains("donkey"), "what is typed is not shown: {screen}");
        assert!(echoes(&screen), "and what is typed later is: {screen}");
        Some((code, screen))
    };
    let add = ["remote", "add", &far.url(), "--encrypt"];
    let again = "The same again: ";
    let Some((code, screen)) = at_terminal(&one, &add, &[("New passphrase: ", "horse\n"), (again, "donkey\n")]) else {
        return common::skip("a_passphrase_is_asked_for_on_a_terminal_and_never_shown", "there is no `script`");
    };
    assert!(code == exit::USAGE && screen.contains("the passphrases differ"), "{code}: {screen}");
    assert!(far.objects().is_empty(), "nothing was begun");
    let (code, screen) = at_terminal(&one, &add, &[("New passphrase: ", "\x03")]).unwrap();
    assert_eq!(code, exit::INTERRUPTED, "{screen}");
    let (code, screen) = at_terminal(&one, &add, &[("New passphrase: ", "a horse\n"), (again, "a horse\n")]).unwrap();
    assert_eq!(code, exit::OK, "{screen}");
    one.json(&["sync"]);
    let join = ["init", "--restore-sources", "--remote", &far.url()];
    let (code, screen) = at_terminal(&other, &join, &[("Passphrase of ", "a donkey\n")]).unwrap();
    assert!(code == exit::ERROR && screen.contains("is not the one of the remote"), "{code}: {screen}");
    let (code, screen) = at_terminal(&other, &join, &[("Passphrase of ", "a horse\n")]).unwrap();
    assert_eq!(code, exit::OK, "{screen}");
    other.tree().assert_same(&one.tree(), "a machine that was told the passphrase");
    assert_eq!(other.json(&["sync"])["received"], 0, "and is not asked again");
}

#[test]
fn who_says_no_to_a_pull_is_left_alone() {
    let (far, one) = (Far::new(), Sandbox::new());
    one.write("file", "1");
    one.push();
    far.share(&one);
    one.write("file", "2");
    let before = picture(&one);
    let Some(mut terminal) = Terminal::start(&one, &["pull"]) else {
        return common::skip("who_says_no_to_a_pull_is_left_alone", "there is no `script`");
    };
    terminal.answer("[y/N] ", "n\n");
    let (code, screen) = terminal.end();
    assert!(code == exit::USAGE && screen.contains("not confirmed; nothing was done"), "{code}: {screen}");
    before.assert_same(&picture(&one), "the history");
    assert_eq!(std::fs::read(one.path("file")).unwrap(), b"2");
}
