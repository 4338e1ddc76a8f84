//! A machine: one disk, one clock, and processes of which one runs at a time, until its next call. Which one that is, and what becomes of
//! the call, follows from the seed.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use super::names::{Files, Inode, ROOT};
use super::random::Random;

/// The most threads that run processes one after the other.
pub const SEATS_MAX: usize = 4;
/// More calls than any scenario needs: whoever makes them waits for something that never comes.
const CALLS_MAX: u64 = 200_000;
/// 2026-01-01 UTC.
const BEGINNING_MS: u64 = 1_767_225_600_000;

/// How often something happens: once in so many calls; never for 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// At calls that change something.
    pub power_cut: usize,
    /// At calls that change something.
    pub kill: usize,
    /// At any call.
    pub error: usize,
    /// A sync that fails, besides.
    pub sync_error: usize,
    /// A write that does a part.
    pub short_write: usize,
    /// Another process goes on.
    pub switch: usize,
}

/// A disk that does not keep its promises, to see that this is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sabotage {
    #[default]
    None,
    /// Syncs of files do nothing.
    FileSync,
    /// Syncs of folders do nothing.
    FolderSync,
    /// Every lock is free.
    Locks,
}

/// The payload with which the thread of a process unwinds that is no more.
pub struct Gone;

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Changes nothing.
    Look,
    Open,
    Read,
    Map,
    Write,
    Sync,
    /// Names, lengths.
    Change,
    Lock,
    /// Something else that takes time.
    Pause,
}

impl Call {
    fn changes(self) -> bool {
        matches!(self, Self::Open | Self::Write | Self::Sync | Self::Change | Self::Lock | Self::Pause)
    }

    fn errors(self) -> &'static [Errno] {
        match self {
            Self::Look | Self::Pause => &[],
            Self::Open => &[Errno::MFILE, Errno::NFILE, Errno::NOSPC, Errno::IO],
            Self::Read => &[Errno::IO, Errno::INTR],
            Self::Map => &[Errno::NOMEM],
            Self::Write => &[Errno::NOSPC, Errno::IO, Errno::INTR, Errno::DQUOT],
            Self::Sync => &[Errno::IO],
            Self::Change => &[Errno::NOSPC, Errno::IO],
            Self::Lock => &[Errno::NOLCK],
        }
    }
}

#[derive(Debug)]
struct Process {
    is_alive: bool,
    seat: usize,
    files_made: u64,
    /// Calls that failed for no reason.
    faults: u64,
    /// It has written a part of what it wants to write.
    is_writing: bool,
}

#[derive(Clone, Copy, Debug)]
struct Seat {
    wakes_ms: u64,
    is_taken: bool,
}

/// A lock on a file: by which opening of it, of which process.
#[derive(Debug)]
struct FileLock {
    inode: Inode,
    opening: u64,
    process: usize,
    is_exclusive: bool,
}

#[derive(Debug)]
pub struct State {
    pub files: Files,
    pub random: Random,
    pub now_ms: u64,
    pub sabotage: Sabotage,
    pub faults: Faults,
    /// Whether the file system has a rename that replaces nothing.
    pub knows_noreplace: bool,
    processes: Vec<Process>,
    locks: Vec<FileLock>,
    openings: u64,
    seats: [Seat; SEATS_MAX],
    /// Who runs.
    turn: usize,
    calls: u64,
    trace: u64,
    told: Option<Vec<String>>,
    has_power: bool,
    is_stuck: bool,
}

/// The machine.
#[derive(Debug)]
pub struct Machine {
    state: Mutex<State>,
    turns: [Condvar; SEATS_MAX],
}

impl Machine {
    /// A machine with an empty disk. `tells` keeps what happens for [`Machine::told`].
    pub fn new(seed: u64, sabotage: Sabotage, tells: bool) -> Arc<Self> {
        let mut random = Random::new(seed);
        let files = Files::new(random.once_in(2));
        let state = State {
            files,
            random,
            now_ms: BEGINNING_MS,
            sabotage,
            faults: Faults::default(),
            knows_noreplace: true,
            processes: Vec::new(),
            locks: Vec::new(),
            openings: 0,
            seats: [Seat { wakes_ms: 0, is_taken: false }; SEATS_MAX],
            turn: 0,
            calls: 0,
            trace: seed,
            told: tells.then(Vec::new),
            has_power: true,
            is_stuck: false,
        };
        Arc::new(Self { state: Mutex::new(state), turns: Default::default() })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Power is there, and from now on so many seats take turns.
    pub fn begin(&self, seats: usize, faults: Faults) {
        let state = &mut *self.state();
        if !state.has_power {
            state.files.lose_power(&mut state.random);
            state.has_power = true;
        }
        state.faults = faults;
        for (place, seat) in state.seats.iter_mut().enumerate() {
            *seat = Seat { wakes_ms: 0, is_taken: place < seats };
        }
        state.turn = state.random.below(seats);
    }

    /// Waits for the first turn of a seat.
    pub fn sit_down(&self, seat: usize) {
        let mut state = self.state();
        while state.turn != seat {
            state = self.turns[seat].wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Leaves the turns to the others.
    pub fn stand_up(&self, seat: usize) {
        let mut state = self.state();
        state.seats[seat].is_taken = false;
        if let Some(next) = state.next_seat() {
            state.turn = next;
            self.turns[next].notify_one();
        }
    }

    pub fn cut_power(&self) {
        self.state().cut_power();
    }

    pub fn has_power(&self) -> bool {
        self.state().has_power
    }

    /// Whether somebody waited for ever.
    pub fn is_stuck(&self) -> bool {
        self.state().is_stuck
    }

    /// A number that stands for all that has happened.
    pub fn trace(&self) -> u64 {
        self.state().trace
    }

    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// A line for each call so far.
    pub fn told(&self) -> Vec<String> {
        self.state().told.clone().unwrap_or_default()
    }

    pub fn tell(&self, line: &dyn Fn() -> String) {
        self.state().tell(line);
    }

    /// Some file of a folder rots, if there is one.
    pub fn rot(&self, folder: &[&str]) {
        let state = &mut *self.state();
        let found = folder.iter().try_fold(ROOT, |folder, name| state.files.find(folder, name));
        let Ok(names) = found.and_then(|folder| state.files.names(folder)) else { return };
        let files: Vec<(String, Inode)> = names.iter().map(|(name, inode)| (name.clone(), *inode)).collect();
        if files.is_empty() {
            return;
        }
        let (name, inode) = state.random.one_of(&files).clone();
        if let Ok(file) = state.files.file(inode) {
            file.rot(&mut state.random);
        }
        state.tell(&|| format!("{name} rots"));
    }

    /// A number below `bound`. Only for who has the turn.
    pub fn below(&self, bound: usize) -> usize {
        self.state().random.below(bound)
    }

    pub fn new_process(&self, seat: usize) -> usize {
        let mut state = self.state();
        state.processes.push(Process { is_alive: true, seat, files_made: 0, faults: 0, is_writing: false });
        state.processes.len() - 1
    }

    /// The process is at its end, and so are its locks.
    pub fn end_process(&self, process: usize) {
        self.state().end(process);
    }

    /// How many calls of a process failed because the seed wanted it.
    pub fn faults(&self, process: usize) -> u64 {
        self.state().processes[process].faults
    }

    /// A call of a process. It unwinds the thread if the process dies here.
    pub fn call<T>(
        &self,
        process: usize,
        call: Call,
        line: &dyn Fn() -> String,
        work: impl FnOnce(&mut State) -> Result<T, Errno>,
    ) -> std::io::Result<T> {
        let mut state = self.turn_of(process)?;
        state.now_ms += u64::from(state.random.once_in(4));
        if let Some(error) = state.fate(process, call) {
            state.note(process, call, line, Some(error));
            if state.processes[process].is_alive {
                return Err(error.into());
            }
            return gone(state);
        }
        let done = work(&mut state);
        state.note(process, call, line, done.as_ref().err().copied());
        Ok(done?)
    }

    /// Lets others run for a time.
    pub fn sleep(&self, process: usize, time_ms: u64) -> std::io::Result<()> {
        let mut state = self.state();
        let (seat, now_ms) = (state.processes[process].seat, state.now_ms);
        state.seats[seat].wakes_ms = now_ms + time_ms;
        if let Some(next) = state.next_seat() {
            state = self.pass(state, seat, next);
        }
        if state.processes[process].is_alive { Ok(()) } else { gone(state) }
    }

    /// Who has the turn; perhaps after others.
    fn turn_of(&self, process: usize) -> std::io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        if !state.processes[process].is_alive {
            return gone(state);
        }
        state.calls += 1;
        if state.calls > CALLS_MAX {
            state.is_stuck = true;
            state.cut_power();
            return gone(state);
        }
        let (seat, switch) = (state.processes[process].seat, state.faults.switch);
        if state.random.once_in(switch)
            && let Some(next) = state.next_seat()
        {
            state = self.pass(state, seat, next);
        }
        if state.processes[process].is_alive { Ok(state) } else { gone(state) }
    }

    fn pass<'a>(&'a self, mut state: MutexGuard<'a, State>, from: usize, to: usize) -> MutexGuard<'a, State> {
        state.turn = to;
        if to != from {
            self.turns[to].notify_one();
        }
        while state.turn != from {
            state = self.turns[from].wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }
}

/// The end of a process: its thread unwinds, unless it does already.
fn gone<T>(state: MutexGuard<'_, State>) -> std::io::Result<T> {
    drop(state);
    if std::thread::panicking() {
        return Err(Errno::IO.into());
    }
    std::panic::resume_unwind(Box::new(Gone))
}

impl State {
    pub fn tell(&mut self, line: &dyn Fn() -> String) {
        if let Some(told) = &mut self.told {
            told.push(line());
        }
    }

    /// Takes a number into the trace.
    pub fn mark(&mut self, number: u64) {
        self.trace = (self.trace ^ number).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
    }

    pub fn open(&mut self) -> u64 {
        self.openings += 1;
        self.openings
    }

    pub fn file_number(&mut self, process: usize) -> u64 {
        self.processes[process].files_made += 1;
        self.processes[process].files_made
    }

    /// Once more a number of a process that was there before: numbers come back after a restart.
    pub fn process_number(&self, process: usize) -> i32 {
        process as i32 % 7 + 1
    }

    pub fn try_lock(&mut self, inode: Inode, opening: u64, process: usize, is_exclusive: bool) -> bool {
        let stands_in_the_way = |lock: &FileLock| lock.inode == inode && lock.opening != opening && (lock.is_exclusive || is_exclusive);
        if self.sabotage != Sabotage::Locks && self.locks.iter().any(stands_in_the_way) {
            return false;
        }
        self.unlock(opening);
        self.locks.push(FileLock { inode, opening, process, is_exclusive });
        true
    }

    pub fn unlock(&mut self, opening: u64) {
        self.locks.retain(|lock| lock.opening != opening);
    }

    /// How much of a write of so many bytes is done.
    pub fn written(&mut self, process: usize, bytes: usize) -> usize {
        let is_short = bytes > 1 && self.random.once_in(self.faults.short_write);
        self.processes[process].is_writing = is_short;
        if is_short { 1 + self.random.below(bytes - 1) } else { bytes }
    }

    /// What the seed does to a call.
    fn fate(&mut self, process: usize, call: Call) -> Option<Errno> {
        if call.changes() {
            if self.random.once_in(self.faults.power_cut) {
                self.cut_power();
                return Some(Errno::IO);
            }
            let odds = if self.processes[process].is_writing { self.faults.kill.min(2) } else { self.faults.kill };
            if self.random.once_in(odds) {
                self.end(process);
                return Some(Errno::IO);
            }
        }
        let errors = call.errors();
        let fails = self.random.once_in(self.faults.error) || call == Call::Sync && self.random.once_in(self.faults.sync_error);
        if errors.is_empty() || !fails {
            return None;
        }
        let error = *self.random.one_of(errors);
        self.processes[process].faults += u64::from(error != Errno::INTR);
        Some(error)
    }

    fn cut_power(&mut self) {
        self.has_power = false;
        self.locks.clear();
        self.processes.iter_mut().for_each(|process| process.is_alive = false);
        self.tell(&|| "the power goes".to_owned());
    }

    fn end(&mut self, process: usize) {
        self.processes[process].is_alive = false;
        self.locks.retain(|lock| lock.process != process);
    }

    /// Who runs next: anybody who does not sleep, or the one who wakes first.
    fn next_seat(&mut self) -> Option<usize> {
        let taken = (0..SEATS_MAX).filter(|&seat| self.seats[seat].is_taken);
        let awake: Vec<usize> = taken.clone().filter(|&seat| self.seats[seat].wakes_ms <= self.now_ms || !self.has_power).collect();
        if !awake.is_empty() {
            return Some(*self.random.one_of(&awake));
        }
        let first = taken.min_by_key(|&seat| self.seats[seat].wakes_ms)?;
        self.now_ms = self.seats[first].wakes_ms;
        Some(first)
    }

    fn note(&mut self, process: usize, call: Call, line: &dyn Fn() -> String, error: Option<Errno>) {
        self.mark((process as u64) << 32 | (call as u64) << 16 | error.map_or(0, |error| error.raw_os_error() as u64));
        let now_ms = self.now_ms - BEGINNING_MS;
        let end = match error {
            Some(_) if !self.processes[process].is_alive => " – dies before it".to_owned(),
            Some(error) => format!(" – {error}"),
            None => String::new(),
        };
        self.tell(&|| format!("{now_ms:6} ms  process {process}: {}{end}", line()));
    }
}
