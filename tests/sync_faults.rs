//! Machines that share a history over a network and a server that fail: whatever happens to requests and answers, the history stays one
//! line, every version that was acknowledged is in it once, and all machines end with the same. (`LUA_TEST_S3`; more with
//! `LUA_FAULT_CLIENTS`, `LUA_FAULT_ROUNDS`, `LUA_FAULT_PERCENT`, `LUA_FAULT_SEED`.)

mod common;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use common::contract::exit;
use common::far::s3_variables;
use common::fault_proxy::{Fault, FaultProxy};
use common::number_from_env;
use common::sandbox::{Run, Sandbox};

/// A command that takes longer than this hangs. Many machines share one server of one thread, and each takes in what the others have sent.
const HANGS: Duration = Duration::from_secs(600);

/// A place in a server, and the way there.
struct Place {
    server: String,
    url: String,
}

impl Place {
    fn new(test: &str) -> Option<Self> {
        let Ok(server) = std::env::var("LUA_TEST_S3") else {
            common::skip(test, "LUA_TEST_S3 names no server");
            return None;
        };
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        Some(Self { server, url: format!("s3://lua/{test}-{}", since.as_nanos()) })
    }

    fn proxy(&self, seed: u64, percent: usize, only: Option<Fault>) -> FaultProxy {
        FaultProxy::start(self.server.trim_start_matches("http://"), seed, percent, only)
    }

    fn command(&self, endpoint: &str, machine: &Sandbox, words: &[&str]) -> Command {
        let mut command = machine.command(&[words, &["--json"]].concat());
        command.envs(s3_variables(endpoint));
        command
    }

    /// Without faults.
    fn run(&self, machine: &Sandbox, words: &[&str]) -> Run {
        self.run_any(machine, words).expect(exit::OK)
    }

    /// Without faults, whatever comes of it. A server that many ask at once may be too slow for some of them.
    fn run_any(&self, machine: &Sandbox, words: &[&str]) -> Run {
        for _ in 0..9 {
            let run = machine.try_run(self.command(&self.server, machine, words), HANGS).unwrap_or_else(|error| panic!("{error}"));
            if run.code != exit::ERROR || run.value()["error"]["code"] != "remote_unreachable" {
                return run;
            }
        }
        panic!("the server does not answer")
    }

    /// Through a proxy: it is done, or an error says that the remote could not be reached or that others were faster.
    fn try_run(&self, proxy: &FaultProxy, machine: &Sandbox, words: &[&str]) -> bool {
        let run = machine.try_run(self.command(&proxy.url(), machine, words), HANGS);
        let run = run.unwrap_or_else(|error| panic!("{error}"));
        if run.code != exit::OK {
            println!("{}", run.stdout);
        }
        let code = if run.code == exit::OK { String::new() } else { run.value()["error"]["code"].to_string() };
        assert!(["", "\"remote_unreachable\"", "\"remote_contended\""].contains(&code.as_str()), "{run}");
        run.code == exit::OK
    }
}

/// What machines have done.
#[derive(Default)]
struct Done {
    /// Syncs that were acknowledged, and all.
    acknowledged: usize,
    syncs: usize,
}

/// Machines that push and sync at the same time, each with a proxy of its own.
fn race(place: &Place, clients: usize, rounds: usize, percent: usize, only: Option<Fault>) -> (Done, BTreeMap<String, usize>) {
    let seed = number_from_env("LUA_FAULT_SEED", 1) as u64;
    let first = Sandbox::new();
    first.write("base", "0");
    first.push();
    place.run(&first, &["remote", "add", &place.url, "--no-encrypt"]);
    place.run(&first, &["sync"]);
    let machines: Vec<Sandbox> = (0..clients).map(|_| Sandbox::new()).collect();
    machines.iter().for_each(|machine| drop(place.run(machine, &["init", "--restore-sources", "--remote", &place.url])));
    let proxies: Vec<FaultProxy> = (0..clients as u64).map(|client| place.proxy(seed + client, percent, only)).collect();
    let mut done = Done::default();
    let work = |client: usize| {
        let (machine, proxy) = (&machines[client], &proxies[client]);
        let mut acknowledged = 0;
        for round in 0..rounds {
            machine.write(format!("of {client}"), format!("{round}"));
            machine.lua(&["push", "-m", &format!("{client}.{round}")]).expect(exit::OK);
            if place.try_run(proxy, machine, &["sync"]) {
                acknowledged += 1;
                // What was acknowledged is there for everybody, at once.
                let check = place.run_any(machine, &["sync", "--check"]);
                assert!(check.value()["outgoing"] == 0, "{check}");
            }
        }
        acknowledged
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|client| scope.spawn(move || work(client))).collect();
        for thread in threads {
            done.acknowledged += thread.join().expect("a machine did all of its work");
            done.syncs += rounds;
        }
    });
    // In the end, without faults, everybody has everything, once and in the same order.
    (0..2).for_each(|_| machines.iter().for_each(|machine| drop(place.run(machine, &["sync"]))));
    let versions = machines[0].versions();
    let messages: Vec<String> = versions.iter().rev().map(|row| row.message.clone()).collect();
    assert!(versions.iter().rev().map(|row| row.version).eq(1..=(1 + clients * rounds) as u64), "{messages:?}");
    for client in 0..clients {
        let own = messages.iter().filter(|message| message.starts_with(&format!("{client}.")));
        assert!(own.eq(&(0..rounds).map(|round| format!("{client}.{round}")).collect::<Vec<_>>()), "{messages:?}");
    }
    machines[1..].iter().for_each(|machine| assert_eq!(versions, machine.versions()));
    machines.iter().for_each(|machine| machine.check_verify().unwrap_or_else(|error| panic!("{error}")));
    place.run(&machines[0], &["remote", "check"]);
    let mut struck = BTreeMap::new();
    proxies.iter().flat_map(FaultProxy::struck).for_each(|fault| *struck.entry(format!("{fault:?}")).or_default() += 1);
    (done, struck)
}

#[test]
fn two_machines_lose_nothing_to_faults() {
    if let Some(place) = Place::new("two_machines_lose_nothing_to_faults") {
        let (done, struck) = race(&place, 2, 3, 20, None);
        println!("{} of {} syncs acknowledged; {struck:?}", done.acknowledged, done.syncs);
        assert!(struck.values().sum::<usize>() >= 4, "{struck:?}");
    }
}

#[test]
fn four_machines_lose_nothing_to_faults() {
    if let Some(place) = Place::new("four_machines_lose_nothing_to_faults") {
        let number = |name, default| number_from_env(name, default);
        let (clients, rounds) = (number("LUA_FAULT_CLIENTS", 4), number("LUA_FAULT_ROUNDS", 2));
        let (done, struck) = race(&place, clients, rounds, number("LUA_FAULT_PERCENT", 15), None);
        println!("{} of {} syncs acknowledged; {struck:?}", done.acknowledged, done.syncs);
        assert!(struck.values().sum::<usize>() >= clients, "{struck:?}");
    }
}

#[test]
#[ignore = "takes half a minute"]
fn each_fault_alone_loses_nothing() {
    for fault in Fault::OF_WRITES {
        if let Some(place) = Place::new("each_fault_alone_loses_nothing") {
            let (done, struck) = race(&place, 2, 4, 30, Some(fault));
            println!("{} of {} syncs acknowledged; {struck:?}", done.acknowledged, done.syncs);
            assert!(2 * done.acknowledged >= done.syncs, "{fault:?} passes: what is asked again is answered");
        }
    }
}
