//! Deciding what becomes of an append before its group is written.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use crate::dedupe::{Dedupe, Stored};
use crate::disk::channel::{Channel, Recent, State};
use crate::disk::core::{Core, Request};
use crate::disk::filing::Waiting;
use crate::disk::format::{BATCH_HEAD, BatchHead, GroupWriter, KEY_BYTES};
use crate::disk::keys;
use crate::placing::{self, Placed};
use crate::{
    AppendError, Appended, Batch, DedupeKey, Discard, Expected, FullBecause, StorageFault,
};

pub(super) type Answer = oneshot::Sender<Result<Appended, AppendError>>;

/// An append of which all is decided but whether its group becomes durable.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) channel: Arc<Channel>,
    /// What is new of it.
    pub(super) batch: Option<Recent>,
    pub(super) placed: Placed,
    /// The channel's newest event behind it.
    pub(super) last: u64,
    pub(super) answer: Answer,
    /// Until when its keys are remembered.
    pub(super) until: u64,
}

/// An append that is refused, once its group is durable or has failed.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) answer: Answer,
    pub(super) error: AppendError,
    /// Whether that may be for what the group has of its channel.
    pub(super) depends: bool,
}

/// What a channel will be like when the group is durable.
#[derive(Debug, Default)]
pub(super) struct Pending {
    last: u64,
    time: u64,
    /// Bytes more than it has.
    bytes: u64,
    /// Keys in the group.
    keys: HashMap<DedupeKey, Stored>,
}

pub(super) fn stage(
    core: &Core,
    (dedupe, group): (&mut Dedupe, &mut GroupWriter),
    request: Request,
    pending: &mut HashMap<u64, Pending>,
) -> Result<Staged, Refusal> {
    let Request {
        channel,
        batch,
        expected,
        answer,
    } = request;
    let known = !batch.has_keys() || keys::take(&channel, dedupe);
    let decided = if known {
        decide(core, dedupe, &channel, batch, expected, pending)
    } else {
        Err(AppendError::Overloaded)
    };
    let (placed, batch, last, until) = match decided {
        Ok(decided) => decided,
        Err(error) => {
            let own = pending.get(&channel.id);
            return Err(Refusal {
                answer,
                error,
                depends: own.is_some_and(|own| own.bytes > 0),
            });
        }
    };
    if let Some(batch) = &batch {
        group.push(&batch.head, &batch.before, &batch.events);
    }
    Ok(Staged {
        channel,
        batch,
        placed,
        last,
        answer,
        until,
    })
}

type Decided = (Placed, Option<Recent>, u64, u64);

fn decide(
    core: &Core,
    dedupe: &mut Dedupe,
    channel: &Channel,
    batch: Batch,
    expected: Expected,
    pending: &mut HashMap<u64, Pending>,
) -> Result<Decided, AppendError> {
    if let Some(fault) = core.fault() {
        return Err(AppendError::StorageFailed(fault.clone()));
    }
    let now = core.environment.now_millis();
    let age = core.age_millis();
    dedupe.sweep(age);
    let state = channel.state();
    check(channel, &state)?;
    let own = pending.entry(channel.id).or_insert_with(|| Pending {
        last: state.bounds.last,
        time: state.time,
        ..Pending::default()
    });
    let time = now.max(own.time);
    let window = state.settings.dedupe_millis();
    let since = time.min(age).saturating_sub(window);
    let known = |key: &DedupeKey| {
        let in_group = own.keys.get(key).copied();
        in_group.or_else(|| dedupe.find(channel.id, key, since))
    };
    let first = own.last.saturating_add(1);
    let is_question = batch.is_empty();
    let placed = placing::number(batch, first, time, known);
    if placed.count > 0 || is_question {
        check_expected(channel, own.last, expected)?;
    }
    if placed.count == 0 {
        return Ok((placed, None, own.last, time));
    }
    let bytes = (BATCH_HEAD + KEY_BYTES * placed.keys.len() + placed.bytes.len()) as u64;
    check_room(core, &state, own, (u64::from(placed.count), bytes))?;
    drop(state);

    let mut before = Vec::with_capacity(BATCH_HEAD + KEY_BYTES * placed.keys.len());
    BatchHead::write(
        &mut before,
        core.store,
        channel.id,
        (first, time),
        placed.count,
        &placed.keys,
        &placed.bytes,
    );
    let head = BatchHead::read(&before, core.store).expect("what is written reads back");
    own.last = head.span().last;
    own.time = time;
    own.bytes += bytes;
    for (index, key) in &placed.keys {
        let sequence = first + u64::from(*index);
        own.keys.insert(*key, Stored { sequence, time });
    }
    let recent = Recent {
        head,
        before: before.into(),
        events: placed.bytes.clone(),
    };
    let last = own.last;
    Ok((placed, Some(recent), last, time.saturating_add(window)))
}

/// Whether anything can be appended at all.
fn check(channel: &Channel, state: &State) -> Result<(), AppendError> {
    if state.removed {
        return Err(AppendError::NoChannel(channel.name.clone()));
    }
    if let Some(why) = &state.failed {
        return Err(AppendError::StorageFailed(why.clone()));
    }
    if state.doubtful {
        let text = "the disk was full when the channel was removed; try again later";
        return Err(AppendError::StorageFailed(StorageFault::new(text)));
    }
    if state.end_is_damaged() {
        return Err(AppendError::Damaged);
    }
    if state.bounds.last > u64::MAX >> 1 {
        // Which no log reaches by itself.
        let text = "the channel has given all numbers that there are";
        return Err(AppendError::StorageFailed(StorageFault::new(text)));
    }
    Ok(())
}

fn check_expected(channel: &Channel, last: u64, expected: Expected) -> Result<(), AppendError> {
    let Expected::Last {
        epoch,
        last: expected,
    } = expected
    else {
        return Ok(());
    };
    if epoch.is_some_and(|epoch| epoch != channel.epoch) {
        let epoch = channel.epoch;
        return Err(AppendError::AnotherLog { epoch });
    }
    if expected != last {
        return Err(AppendError::Conflict { last });
    }
    Ok(())
}

/// Whether there is room for so many events and bytes more.
fn check_room(
    core: &Core,
    state: &State,
    own: &Pending,
    (events, bytes): (u64, u64),
) -> Result<(), AppendError> {
    let settings = &state.settings;
    let most = settings.max_bytes;
    if bytes > most {
        return Err(AppendError::TooLarge { bytes, most });
    }
    match core.filing.refuses() {
        Some(Waiting::Full) => return Err(AppendError::Full(FullBecause::Disk)),
        Some(Waiting::Files) => return Err(AppendError::Overloaded),
        None => {}
    }
    let of_node = core.bytes.load(Ordering::Relaxed);
    let of_node = of_node.saturating_add(own.bytes).saturating_add(bytes);
    if of_node > core.settings.max_bytes {
        return Err(AppendError::Full(FullBecause::Node));
    }
    let after = state.bytes.saturating_add(own.bytes).saturating_add(bytes);
    let last = own.last.saturating_add(events);
    // The oldest number that would be kept.
    let first = state.first_by_count(last);
    let is_over = after > most || first > state.bounds.first;
    match settings.discard {
        Discard::Refuse if is_over => Err(AppendError::Full(FullBecause::Channel)),
        Discard::Refuse => Ok(()),
        Discard::Oldest => {
            let kept = state.kept_from.is_some_and(|kept| first > kept);
            if kept || after > most && state.held_back {
                return Err(AppendError::Full(FullBecause::Kept));
            }
            Ok(())
        }
    }
}
