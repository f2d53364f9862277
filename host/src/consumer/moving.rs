//! Where a consumer is, and having it go on elsewhere.

use hearken_channel_log::Bounds;

use super::attach::in_the_log;
use super::error::ConsumerFailure;
use super::handle::Consumer;
use super::place::Place;
use super::state::let_go;
use super::work::Source;
use super::{kept, letter};
use crate::channel::Channel;

/// Where a consumer is.
///
/// # Errors
/// [`ConsumerFailure`] when it is nowhere, or what is kept for it cannot be read.
pub(super) async fn place_of(
    consumer: &Consumer,
    channel: &Channel,
) -> Result<Place, ConsumerFailure> {
    if let Some(place) = in_memory(consumer, channel) {
        return Ok(place);
    }
    let bounds = channel.bounds().unwrap_or(Bounds { first: 1, last: 0 });
    match channel.consumed(consumer.plugin()).await? {
        Some(bytes) => Ok(in_the_log(kept::read(&bytes)?, consumer, channel, bounds)),
        None => Err(not_there(consumer)),
    }
}

/// Changes where a consumer is, durably, for who has its turn. What cannot be written
/// does not come into force.
///
/// # Errors
/// [`ConsumerFailure`] says why it stays where it is.
pub(super) async fn change_place(
    consumer: &Consumer,
    channel: &Channel,
    change: impl Fn(&mut Place),
) -> Result<(), ConsumerFailure> {
    if consumer.state().removed {
        return Err(not_there(consumer));
    }
    let place = match place_of(consumer, channel).await {
        // One that cannot be read is replaced by the next that can.
        Err(ConsumerFailure::Kept(_)) => Ok(Place::new(channel.epoch(), 0)),
        place => place,
    };
    let mut place = place?;
    change(&mut place);
    let bytes = kept::write(&place);
    channel
        .set_consumed(consumer.plugin(), Some(bytes.clone()))
        .await?;
    let mut state = consumer.state();
    let attached = state.attached.as_mut();
    let attached = attached.filter(|attached| attached.place.epoch == channel.epoch());
    let Some(attached) = attached else {
        state.left = Some(place.resumed());
        state.let_go_of_outputs();
        return Ok(());
    };
    // Events were handled since.
    let before = attached.place.clone();
    change(&mut attached.place);
    attached.written = Some(bytes);
    let is_moved = attached.place.lane != before.lane || attached.place.seeks != before.seeks;
    let letters = attached.place.again.as_ref().map(|again| again.epoch);
    // Those of a log that is there no more: what is done with them says nothing of others.
    let gone = before.again.filter(|again| Some(again.epoch) != letters);
    let other_letters = gone.is_some();
    let lost = gone.and_then(|again| Some((again.epoch, again.outstanding()?)));
    if let Some((_, (_, count))) = lost {
        attached.place.missed += count;
    }
    if is_moved {
        attached.unreadable = None;
    }
    if other_letters {
        attached.dead_again.clear();
    }
    let dropped = state.work.forget(|entry| match entry.source {
        Source::Channel => is_moved,
        Source::Letters => other_letters,
    });
    state.let_go_of_outputs();
    drop(state);
    for told in dropped.iter().filter_map(let_go) {
        consumer.tell(Some(channel.epoch()), told);
    }
    if let (Some((epoch, (span, count))), Ok(name)) = (lost, letter::channel_of(consumer.plugin()))
    {
        let plugin = consumer.plugin();
        consumer.reporter.missed(plugin, &name, epoch, span, count);
    }
    consumer.signals.moved.notify_one();
    for reads in &consumer.signals.reads {
        reads.notify_one();
    }
    Ok(())
}

/// Where a consumer is in this log, as far as that is in memory.
fn in_memory(consumer: &Consumer, channel: &Channel) -> Option<Place> {
    let state = consumer.state();
    let attached = state.attached.as_ref().map(|attached| &attached.place);
    let place = attached.or(state.left.as_ref())?;
    (place.epoch == channel.epoch()).then(|| place.clone())
}

fn not_there(consumer: &Consumer) -> ConsumerFailure {
    ConsumerFailure::NoConsumer {
        plugin: consumer.plugin().to_owned(),
        channel: consumer.channel().to_string(),
    }
}
