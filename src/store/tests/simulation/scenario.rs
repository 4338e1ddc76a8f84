//! What happens in one simulation: all of it follows from the seed.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::oracle::Body;
use super::session::{Failure, Session, Step, World};
use crate::disk::simulated::{Faults, Gone, Machine, Process, Random, SEATS_MAX, Sabotage};
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{BATCH_BYTES_MAX, INDEX_TAIL_ENTRIES_MAX, WHOLE_BYTES_MAX};
use crate::store::{Batch, When, Writer};

/// Once in how many batches there is much in it.
const RARELY: usize = 400;

/// How a simulation ended.
#[derive(Debug)]
pub struct Outcome {
    /// Stands for everything that happened.
    pub trace: u64,
    /// Calls that were made.
    pub calls: u64,
    /// The promise that was broken.
    pub broken: Option<String>,
    /// A line for each call, if that was wanted.
    pub told: Vec<String>,
}

/// Runs the simulation of a seed.
pub fn run(seed: u64, sabotage: Sabotage, tells: bool) -> Outcome {
    let world = World::new(Machine::new(seed, sabotage, tells));
    let machine = &world.machine;
    let mut plan = Random::new(seed ^ 0x5eed);
    let epochs = 1 + plan.below(3);
    for epoch in 1..=epochs {
        let seats = if plan.once_in(5) { 2 + plan.below(SEATS_MAX - 1) } else { 1 };
        live_through(&world, seats, faults(&mut plan), 2 + plan.below(5));
        // Else what follows finds everything as it was left.
        if epoch == epochs || plan.once_in(2) {
            live_through(&world, 1, Faults::default(), 0);
        }
        if world.oracle().violation.is_some() {
            break;
        }
    }
    let broken = world.oracle().violation.take();
    Outcome { trace: machine.trace(), calls: machine.calls(), broken, told: machine.told() }
}

fn faults(plan: &mut Random) -> Faults {
    let odds = |plan: &mut Random, choices: &[usize]| *plan.one_of(choices);
    Faults {
        power_cut: odds(plan, &[0, 20, 60, 60, 150]),
        kill: odds(plan, &[0, 0, 20, 60]),
        error: odds(plan, &[0, 0, 0, 30, 100, 300]),
        sync_error: odds(plan, &[0, 0, 0, 5]),
        short_write: odds(plan, &[0, 2, 10]),
        switch: odds(plan, &[2, 5, 20]),
    }
}

/// Some processes at once, each seat with so many commands one after the other; without any, everything is looked through.
fn live_through(world: &World, seats: usize, faults: Faults, commands: usize) {
    world.machine.begin(seats, faults);
    world.machine.tell(&|| format!("{seats} seats, {commands} commands each, {faults:?}"));
    match seats {
        1 => occupy(world, 0, commands),
        _ => std::thread::scope(|scope| (0..seats).for_each(|seat| drop(scope.spawn(move || occupy(world, seat, commands))))),
    }
    if world.machine.is_stuck() {
        world.oracle().violation.get_or_insert("somebody waits for ever".to_owned());
    }
    if !world.machine.has_power() {
        world.oracle().lose_power(&mut world.machine.state().random);
    }
}

fn occupy(world: &World, seat: usize, commands: usize) {
    world.machine.sit_down(seat);
    for command in 0..commands.max(1) {
        let process = Process::new(&world.machine, seat);
        let ended = catch_unwind(AssertUnwindSafe(|| match commands {
            0 => look_through(world, &process),
            _ => act(world, &process),
        }));
        world.machine.tell(&|| format!("command {command} on seat {seat} ended: {}", describe(&ended)));
        let broken = match ended {
            Ok(Ok(())) => None,
            Ok(Err(Failure::Store(_))) if process.met_faults() => None,
            Ok(Err(Failure::Store(error))) => Some(format!("a command failed for no reason: {error}")),
            Ok(Err(Failure::Broken(what))) => Some(what),
            Err(payload) if payload.is::<Gone>() => None,
            Err(payload) => Some(format!("a panic: {}", words_of(&*payload))),
        };
        if let Some(broken) = broken {
            world.oracle().violation.get_or_insert(broken);
            world.machine.cut_power();
        }
        if !world.machine.has_power() {
            break;
        }
    }
    world.machine.stand_up(seat);
}

fn describe(ended: &Result<Step<()>, Box<dyn Any + Send>>) -> String {
    match ended {
        Ok(Ok(())) => "well".to_owned(),
        Ok(Err(failure)) => format!("{failure:?}"),
        Err(_) => "killed".to_owned(),
    }
}

fn words_of(payload: &(dyn Any + Send)) -> String {
    let words = payload.downcast_ref::<String>().cloned();
    words.or_else(|| payload.downcast_ref::<&str>().map(|words| (*words).to_owned())).unwrap_or_default()
}

/// Every promise, with everything at rest.
fn look_through(world: &World, process: &Process) -> Step<()> {
    let session = Session::open(world, process)?;
    session.verify()?;
    world.oracle().check_acknowledged()?;
    session.read_all()
}

/// One or a few things that a user does.
fn act(world: &World, process: &Process) -> Step<()> {
    let session = Session::open(world, process)?;
    for _ in 0..1 + world.machine.below(2) {
        match world.machine.below(17) {
            16 => world.machine.rot(&["store", "index"]),
            0..=7 => push(&session)?,
            8 => import(&session)?,
            9 => drop_one(&session)?,
            10..=12 => {
                drop_one(&session)?;
                session.collect()?;
            }
            13 => session.read_all()?,
            14 => session.verify()?,
            _ => session.store.sweep_tmp()?,
        }
    }
    Ok(())
}

fn push(session: &Session<'_>) -> Step<()> {
    let batch = session.begin_batch()?;
    let holds = fill(session, &batch)?;
    let when = if session.world.machine.below(8) == 0 { When::Sealing } else { When::Now };
    session.begin_publish()?.commit(batch, Body::Version(holds), when)
}

/// Several versions that become durable together.
fn import(session: &Session<'_>) -> Step<()> {
    let mut publishing = session.begin_publish()?;
    for _ in 0..2 + session.world.machine.below(3) {
        let batch = session.store.batch()?;
        let holds = fill(session, &batch)?;
        publishing.add(batch, Body::Version(holds), When::Later)?;
    }
    publishing.settle()
}

fn drop_one(session: &Session<'_>) -> Step<()> {
    let mut publishing = session.begin_publish()?;
    let living: Vec<u32> = session.world.oracle().living().into_keys().collect();
    if living.len() < 2 {
        return Ok(());
    }
    let dropped = living[session.world.machine.below(living.len() - 1)];
    publishing.commit(session.store.batch()?, Body::Drop(dropped), When::Now)
}

/// Puts some contents into a batch: new ones, edits, repetitions, a group.
fn fill(session: &Session<'_>, batch: &Batch) -> Step<Vec<(ObjectKind, ObjectId)>> {
    let below = |bound| session.world.machine.below(bound);
    let mut writer = Writer::new(&session.store, batch)?;
    let mut holds = Vec::new();
    for _ in 0..1 + below(4) {
        let kind = if below(3) == 0 { ObjectKind::Tree } else { ObjectKind::Blob };
        let former = pick(session, kind);
        match (below(5), former) {
            (0, Some(id)) => {
                let content = session.world.oracle().content(&id);
                holds.push((kind, writer.put(kind, &content, None)?));
            }
            (1 | 2, Some(id)) => {
                let mut content = (*session.world.oracle().content(&id)).clone();
                let at = below(content.len() + 1);
                content.splice(at..at, new_content(session, 40));
                session.world.oracle().remember(kind, content.clone());
                holds.push((kind, writer.put(kind, &content, Some(&id))?));
            }
            (3, _) => {
                let contents: Vec<Vec<u8>> = (0..2 + below(4)).map(|_| new_content(session, 300)).collect();
                contents.iter().for_each(|content| _ = session.world.oracle().remember(kind, content.clone()));
                let slices: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
                holds.extend(writer.put_group(kind, &slices)?.into_iter().map(|id| (kind, id)));
            }
            _ => {
                let content = new_content(session, 2500);
                session.world.oracle().remember(kind, content.clone());
                holds.push((kind, writer.put(kind, &content, None)?));
            }
        }
    }
    if below(RARELY) == 0 {
        holds.extend(much(session, &mut writer)?);
    }
    drop(writer);
    batch.prepare()?;
    Ok(holds)
}

/// More than an index tail holds, more than one frame holds, or more than stays in memory.
fn much(session: &Session<'_>, writer: &mut Writer<'_>) -> Step<Vec<(ObjectKind, ObjectId)>> {
    let kind = ObjectKind::Blob;
    let remember = |content: Vec<u8>| session.world.oracle().remember(kind, content);
    let noise = |bytes: usize| {
        let mut noise = vec![0; bytes];
        session.world.machine.state().random.bytes(&mut noise);
        noise
    };
    let contents: Vec<Vec<u8>> = match session.world.machine.below(12) {
        0 => (0..=BATCH_BYTES_MAX / WHOLE_BYTES_MAX).map(|_| noise(WHOLE_BYTES_MAX)).collect(),
        1 | 2 => vec![noise(WHOLE_BYTES_MAX + 1000)],
        _ => {
            let small: Vec<Vec<u8>> = (0..=INDEX_TAIL_ENTRIES_MAX).map(|_| noise(8)).collect();
            let ids = writer.put_group(kind, &small.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
            small.into_iter().for_each(|content| _ = remember(content));
            return Ok(ids.into_iter().map(|id| (kind, id)).collect());
        }
    };
    contents.into_iter().map(|content| Ok((kind, writer.put(kind, &content, None).inspect(|_| _ = remember(content))?))).collect()
}

fn pick(session: &Session<'_>, kind: ObjectKind) -> Option<ObjectId> {
    let made: Vec<ObjectId> = session.world.oracle().made.iter().filter(|(of, _)| *of == kind).map(|(_, id)| *id).collect();
    (!made.is_empty()).then(|| made[session.world.machine.below(made.len())])
}

/// Bytes that compress well, or not at all.
fn new_content(session: &Session<'_>, bytes_max: usize) -> Vec<u8> {
    let mut state = session.world.machine.state();
    let mut content = vec![0; 1 + state.random.below(bytes_max)];
    state.random.bytes(&mut content);
    if state.random.once_in(2) {
        content.iter_mut().for_each(|byte| *byte = b'a' + *byte % 4);
    }
    content
}
