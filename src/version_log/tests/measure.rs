//! Figures rather than assertions: `cargo test --release --lib version_log::tests::measure -- --ignored --nocapture --test-threads 1`.

use std::time::{Duration, Instant};

use super::helper::{Chain, Folder, chain_check, position};
use crate::format::record::{LabelRecord, RecordBody, VersionNumber};
use crate::version_log::VersionLog;

const ROUNDS: usize = 500;

/// Wall time and processor time of each round.
struct Times(Vec<Duration>, Vec<Duration>);

impl Times {
    fn new() -> Self {
        Self(Vec::new(), Vec::new())
    }

    fn print(mut self, what: &str) {
        self.0.sort_unstable();
        self.1.sort_unstable();
        let at = |times: &[Duration], percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
        let (wall, cpu) = (&self.0, &self.1);
        let [best, median, p95] = [0, 50, 95].map(|percent| at(wall, percent));
        eprintln!(
            "{what:<32} wall: best {best:>6} median {median:>6} p95 {p95:>6} | processor: best {:>6} median {:>6} (µs)",
            at(cpu, 0),
            at(cpu, 50)
        );
    }
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn timed<T>(times: &mut Times, action: impl FnOnce() -> T) -> T {
    let (started, processor_started) = (Instant::now(), processor_time());
    let result = action();
    times.1.push(processor_time() - processor_started);
    times.0.push(started.elapsed());
    result
}

#[test]
#[ignore = "figures"]
fn open_append_close() {
    for records in [10, 10_000] {
        let mut chain = Chain::new();
        let folder = Folder::with(&chain.versions(records));
        let names = ["open", "append", "close", "open + append + close", "open + head + close"];
        let [mut open, mut append, mut close, mut all, mut read] = names.map(|_| Times::new());
        for _ in 0..ROUNDS {
            let record = chain.version("one more");
            timed(&mut all, || {
                let mut log = timed(&mut open, || folder.open().unwrap());
                timed(&mut append, || log.append(&[record], position(1)).unwrap());
                timed(&mut close, || drop(log));
            });
            timed(&mut read, || VersionLog::open(&folder.dir).unwrap().head().unwrap());
        }
        eprintln!("{records} records before:");
        for (times, name) in [open, append, close, all, read].into_iter().zip(names) {
            times.print(name);
        }
    }
}

#[test]
#[ignore = "figures"]
fn ten_thousand_rows() {
    let folder = Folder::with(&Chain::new().versions(10_000));
    let [mut open, mut all, mut fifty, mut one, mut verify, mut rebuild] = [(); 6].map(|()| Times::new());
    let tmp = folder.tmp();
    for _ in 0..20 {
        let log = timed(&mut open, || folder.open().unwrap());
        assert_eq!(timed(&mut all, || log.versions_newest_first(None).unwrap()).len(), 10_000);
        timed(&mut fifty, || log.versions_newest_first(Some(50)).unwrap());
        timed(&mut one, || log.version(VersionNumber(5000)).unwrap());
        timed(&mut verify, || log.verify().unwrap());
        drop(log);
        let records = Chain::new().versions(10_000);
        timed(&mut rebuild, || VersionLog::rebuild(&folder.dir, &tmp, records.into_iter(), position(1)).unwrap());
    }
    open.print("open");
    all.print("versions_newest_first(None)");
    fifty.print("versions_newest_first(50)");
    one.print("version(5000)");
    verify.print("verify");
    rebuild.print("rebuild");
}

#[test]
#[ignore = "figures"]
fn many_marks() {
    let mut chain = Chain::new();
    let mut records = chain.versions(10_000);
    for number in 1..=10_000 {
        records.push(chain.next(chain_check(number, 0, "")));
    }
    for number in 1..=2_000 {
        let label = LabelRecord { version: VersionNumber(number), name: format!("release/{number}") };
        records.push(chain.next(RecordBody::Label(label)));
    }
    let folder = Folder::with(&records);
    let [mut open, mut marks, mut labelled, mut check] = [(); 4].map(|()| Times::new());
    for _ in 0..20 {
        let log = timed(&mut open, || folder.open().unwrap());
        assert_eq!(timed(&mut marks, || log.marks().unwrap()).labels.len(), 2_000);
        assert_eq!(timed(&mut labelled, || log.labelled("release/7").unwrap()), Some(VersionNumber(7)));
        assert!(timed(&mut check, || log.last_check(VersionNumber(5)).unwrap()).is_some());
    }
    open.print("open");
    marks.print("marks: 2,000 labels, 10,000 checks");
    labelled.print("labelled");
    check.print("last_check");
}
