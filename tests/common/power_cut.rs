//! Power cuts: what a disk was told while something ran is recorded, and every state that it can be in when the power fails at
//! some moment is put on it, mounted and looked at.
//!
//! The model: whatever the disk was told to write before the last flush is there. Of what it was told since, any part may be
//! there; of a write perhaps only the first sectors (of 512 bytes, under btrfs of 4096). What the kernel had not yet told the disk is gone. So a state
//! is a moment and a subset of the writes since the last flush. All of them and none of them are always among the subsets.

use std::path::Path;

use super::history::Checked;
use super::random::Random;
use super::volume::Volume;
use super::volume::image::{Event, Image, Write};
use super::{Findings, number_from_env};

/// How many states are looked at of each recording, unless `LUA_POWER_CUT_STATES` says otherwise; 0 is all.
const STATES_DEFAULT: usize = 6;
/// Of how many random subsets of the writes since the last flush each moment is looked at with.
const SUBSETS_DEFAULT: usize = 8;

/// What a disk was told while something ran.
pub struct Recording {
    base: Image,
    events: Vec<Event>,
    /// After how many events something was acknowledged, and what.
    acknowledged: Vec<(usize, String)>,
    /// What the disk writes in one piece, in bytes.
    sector_bytes: usize,
}

/// Something that runs on a volume and acknowledges what it has done.
pub struct Recorder<'a> {
    volume: &'a Volume,
    acknowledged: Vec<(usize, String)>,
}

impl Recorder<'_> {
    /// Notes that this was acknowledged just now.
    pub fn acknowledge(&mut self, what: impl Into<String>) {
        self.acknowledged.push((self.volume.recorded(), what.into()));
    }
}

/// Records what the disk is told while `work` runs, and until all of it is written.
pub fn record(volume: &mut Volume, work: impl FnOnce(&Path, &mut Recorder<'_>) -> Checked<()>) -> Checked<Recording> {
    volume.sync()?;
    let base = volume.begin_recording();
    let mut recorder = Recorder { volume, acknowledged: Vec::new() };
    work(&volume.path(), &mut recorder)?;
    let acknowledged = recorder.acknowledged;
    volume.unmount()?;
    Ok(Recording { base, events: volume.take_recording(), acknowledged, sector_bytes: volume.atomic_bytes() })
}

/// A state that the disk can be in after a power cut.
struct State {
    /// After how many events the power failed.
    moment: usize,
    /// Which of the writes since the last flush are there: their places among the events, and how many bytes of them.
    survivors: Vec<(usize, usize)>,
    /// How many there were.
    unflushed: usize,
}

impl State {
    fn describe(&self, events: usize) -> String {
        format!("power cut after event {} of {events}, {} of {} unflushed writes", self.moment, self.survivors.len(), self.unflushed)
    }
}

impl Recording {
    fn acknowledged_at(&self, moment: usize) -> Vec<&str> {
        self.acknowledged.iter().filter(|(after, _)| *after <= moment).map(|(_, what)| what.as_str()).collect()
    }

    fn write(&self, place: usize) -> Option<&Write> {
        match &self.events[place] {
            Event::Write(write) => Some(write),
            Event::Flush => None,
        }
    }

    /// Where the events begin that the last flush before a moment has not made durable.
    fn last_flush(&self, moment: usize) -> usize {
        self.events[..moment].iter().rposition(|event| matches!(event, Event::Flush)).map_or(0, |place| place + 1)
    }

    fn states(&self, subsets: usize) -> Vec<State> {
        let mut random = Random::new(self.events.len() as u64);
        let mut states = Vec::new();
        for moment in 0..=self.events.len() {
            let unflushed: Vec<(usize, usize)> =
                (self.last_flush(moment)..moment).filter_map(|place| Some((place, self.write(place)?.bytes.len()))).collect();
            let mut state = |survivors| states.push(State { moment, survivors, unflushed: unflushed.len() });
            state(unflushed.clone());
            if unflushed.is_empty() {
                continue;
            }
            state(Vec::new());
            // One write survives or not, and is torn at one of few places: more subsets would be the same again.
            let subsets = subsets.min(1 << unflushed.len().min(8));
            (0..subsets).for_each(|_| state(subset(&unflushed, self.sector_bytes, &mut random)));
        }
        states
    }

    fn image(&self, state: &State) -> Image {
        let mut image = self.base.clone();
        (0..self.last_flush(state.moment)).filter_map(|place| self.write(place)).for_each(|write| image.apply(write));
        let survivors = state.survivors.iter().filter_map(|&(place, bytes)| Some(self.write(place)?.torn(bytes)));
        survivors.for_each(|write| image.apply(&write));
        image
    }
}

/// Some of the writes, some of them torn: from almost none to almost all.
fn subset(writes: &[(usize, usize)], sector_bytes: usize, random: &mut Random) -> Vec<(usize, usize)> {
    let in_a_hundred = random.below(101);
    let mut subset: Vec<(usize, usize)> = writes.iter().filter(|_| random.below(100) < in_a_hundred).copied().collect();
    for (_, bytes) in &mut subset {
        if *bytes > sector_bytes && random.below(6) == 0 {
            *bytes = sector_bytes * (1 + random.below(*bytes / sector_bytes - 1));
        }
    }
    subset
}

/// What came of looking at the states of a recording.
pub struct Outcome {
    /// How many were looked at.
    pub states: usize,
    /// In how many of them something was wrong, and what.
    pub findings: Findings,
    /// How many could not be mounted: the file system's fault, and a finding.
    pub unmountable: usize,
}

/// Looks at the states that a power cut can leave, or at a sample of them: `check` is given the mounted volume and what had been
/// acknowledged before the cut.
pub fn replay(volume: &mut Volume, recording: &Recording, mut check: impl FnMut(&Path, &[&str]) -> Checked<()>) -> Checked<Outcome> {
    let states = sample(recording.states(number_from_env("LUA_POWER_CUT_SUBSETS", SUBSETS_DEFAULT)), &recording.acknowledged);
    let mut outcome = Outcome { states: states.len(), findings: Findings::default(), unmountable: 0 };
    for state in states {
        volume.set_image(recording.image(&state));
        let place = state.describe(recording.events.len());
        if let Err(error) = volume.mount() {
            outcome.unmountable += 1;
            outcome.findings.add(format!("{place}: cannot be mounted: {error}"));
            continue;
        }
        let acknowledged = recording.acknowledged_at(state.moment);
        let checked = check(&volume.path(), &acknowledged);
        outcome.findings.check(&format!("{place}, acknowledged {acknowledged:?}"), checked);
        volume.unmount()?;
    }
    Ok(outcome)
}

/// As many states as are wanted, at random, but always those of the moments of acknowledgement: there most can be lost.
fn sample(states: Vec<State>, acknowledged: &[(usize, String)]) -> Vec<State> {
    let wanted = number_from_env("LUA_POWER_CUT_STATES", STATES_DEFAULT);
    if wanted == 0 || states.len() <= wanted {
        return states;
    }
    let mut random = Random::new(states.len() as u64);
    let mut ranked: Vec<(bool, u64, State)> = states
        .into_iter()
        .map(|state| {
            let is_bare = state.survivors.is_empty() || state.survivors.len() == state.unflushed;
            let is_at_acknowledgement = acknowledged.iter().any(|(after, _)| *after == state.moment);
            (!(is_bare && is_at_acknowledgement), random.next(), state)
        })
        .collect();
    ranked.sort_by_key(|(is_any, rank, _)| (*is_any, *rank));
    ranked.truncate(wanted);
    ranked.into_iter().map(|(_, _, state)| state).collect()
}
