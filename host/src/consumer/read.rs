//! Reads the events that a consumer is to handle.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use hearken_channel_log::{ReadError, Span};
use tokio::time::sleep;

use super::admit::admit;
use super::handle::Consumer;
use super::letter;
use super::settings::MAX_BYTES;
use super::state::State;
use super::whole::{Whole, read_whole};
use super::work::Source;
use crate::channel::{Channel, Channels, Found, ReadAmount, ReadFailure, ReadFilter};

/// Fewest and most events that are read at once.
const PAGE: [usize; 2] = [32, 1000];

/// Most bytes that are read at once, but for the first event.
const MOST_READ_BYTES: usize = 1 << 20;

/// What is waited after reading failed: at first, and at most.
const AFTER_FAILURE: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(10)];

/// Reads the channel.
pub(super) async fn keep_reading(consumer: &Consumer, channel: &Arc<Channel>) -> Infallible {
    let mut wait = AFTER_FAILURE[0];
    loop {
        read_on(consumer, channel, Source::Channel, &mut wait).await;
    }
}

/// Reads the dead letters that are given again.
pub(super) async fn keep_reading_letters(consumer: &Consumer, channels: &Channels) -> Infallible {
    let mut wait = AFTER_FAILURE[0];
    loop {
        let wanted = {
            let state = consumer.state();
            let again = state
                .attached
                .as_ref()
                .and_then(|at| at.place.again.as_ref());
            again
                .filter(|again| again.lane.at() < again.until)
                .map(|again| again.epoch)
        };
        let Some(epoch) = wanted else {
            if let Some(attached) = &mut consumer.state().attached {
                // All of them are read.
                attached.dead_again.clear();
            }
            signal(consumer, Source::Letters).await;
            continue;
        };
        let name = letter::channel_of(consumer.plugin()).ok();
        let letters = name.and_then(|name| channels.get(name.as_str()));
        match letters.filter(|letters| letters.epoch() == epoch) {
            Some(letters) => read_on(consumer, &letters, Source::Letters, &mut wait).await,
            None => let_go_of_letters(consumer),
        }
    }
}

/// The letters that were to be given again are gone.
fn let_go_of_letters(consumer: &Consumer) {
    let mut state = consumer.state();
    let Some(attached) = &mut state.attached else {
        return;
    };
    let Some(again) = &mut attached.place.again else {
        return;
    };
    let (epoch, at, until) = (again.epoch, again.lane.at(), again.until);
    let count = again.lane.pass(until);
    attached.place.missed += count;
    drop(state);
    tracing::warn!(
        plugin = consumer.plugin(), channel = %consumer.channel(),
        "the dead letters that a plugin was to be given again were removed"
    );
    consumer.signals.moved.notify_one();
    let gone = Span::new(at.saturating_add(1), until).filter(|_| count > 0);
    if let (Some(gone), Ok(name)) = (gone, letter::channel_of(consumer.plugin())) {
        let plugin = consumer.plugin();
        consumer.reporter.missed(plugin, &name, epoch, gone, count);
    }
}

async fn signal(consumer: &Consumer, source: Source) {
    consumer.signals.reads[source as usize].notified().await;
}

/// Reads on in a log, once there is something and room for it.
async fn read_on(consumer: &Consumer, log: &Arc<Channel>, source: Source, wait: &mut Duration) {
    let hungry = appetite(&mut consumer.state(), source);
    let Some((at, amount)) = hungry else {
        signal(consumer, source).await;
        return;
    };
    tokio::select! {
        biased;
        there = log.beyond(at) => if there.is_err() {
            return gone(source).await;
        },
        () = signal(consumer, source) => return,
    }
    let failure = match read_page(consumer, log, source, at, amount).await {
        Ok((found, whole)) => {
            *wait = AFTER_FAILURE[0];
            let missed = admit(consumer, source, at, &found, whole.as_ref());
            consumer.signals.moved.notify_one();
            for (gap, count) in missed {
                let (plugin, name) = (consumer.plugin(), log.name());
                consumer
                    .reporter
                    .missed(plugin, name, log.epoch(), gap, count);
            }
            return;
        }
        Err(ReadFailure::Removed) => return gone(source).await,
        Err(failure) => failure,
    };
    hang(consumer, source, at, &failure);
    tokio::select! {
        biased;
        () = log.stirred() => {}
        () = sleep(*wait) => *wait = (*wait * 2).min(AFTER_FAILURE[1]),
        () = signal(consumer, source) => {}
    }
}

/// Reads events, of letters also what is not in them.
async fn read_page(
    consumer: &Consumer,
    log: &Channel,
    source: Source,
    at: u64,
    amount: ReadAmount,
) -> Result<(Found, Option<Whole>), ReadFailure> {
    let mut found = log.read(at, amount, &ReadFilter::default()).await?;
    let whole = match source {
        Source::Channel => None,
        Source::Letters => read_whole(consumer, &mut found).await?,
    };
    Ok((found, whole))
}

/// The log is removed, which others notice too and end this.
async fn gone(source: Source) {
    match source {
        Source::Channel => pending().await,
        // Until the room has let go of it.
        Source::Letters => sleep(AFTER_FAILURE[0]).await,
    }
}

/// Where to read on, and how much; nothing when there is no room.
fn appetite(state: &mut State, source: Source) -> Option<(u64, ReadAmount)> {
    let room = state.room(source);
    let bytes = MAX_BYTES.saturating_sub(state.work.bytes());
    let attached = state.attached.as_mut()?;
    attached.hungry[source as usize] = room == 0;
    let lane = attached.place.lane(source).filter(|_| room > 0)?;
    let amount = ReadAmount {
        events: room.clamp(PAGE[0], PAGE[1]),
        bytes: bytes.min(MOST_READ_BYTES),
    };
    Some((lane.at(), amount))
}

/// Shows that it cannot be read on.
fn hang(consumer: &Consumer, source: Source, at: u64, failure: &ReadFailure) {
    let number = match failure {
        ReadFailure::Log(ReadError::Damaged(damage)) => damage.first,
        _ => at.saturating_add(1),
    };
    let reason = match source {
        Source::Channel => failure.to_string(),
        Source::Letters => format!("the dead letters cannot be read: {failure}"),
    };
    if let Some(attached) = &mut consumer.state().attached {
        let before = attached.unreadable.replace((number, reason.clone()));
        if before.is_none() {
            tracing::warn!(
                plugin = consumer.plugin(), channel = %consumer.channel(), number, %reason,
                "a plugin hangs on a number of a channel that cannot be read"
            );
        }
    }
}
