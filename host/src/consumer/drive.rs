//! Works for a consumer while a plugin takes its events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::attach::attach;
use super::bury::keep_burying;
use super::handle::Consumer;
use super::read::{keep_reading, keep_reading_letters};
use super::save::{keep_saving, save_in_turn};
use super::state::Attached;
use super::withholding::{keep_telling, tell};
use crate::bus::Publisher;
use crate::channel::{Channel, Channels};

/// How long a consumer without feeds keeps its events in memory: for a plugin that is loaded
/// anew.
const GRACE: Duration = Duration::from_secs(1);

/// What is waited after a consumer could not be taken to its place: at first, and at most.
const AFTER_FAILURE: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(10)];

/// Works for the consumer whenever it has feeds, until it is removed or the node stops.
pub(super) async fn drive(consumer: Arc<Consumer>, channels: Channels, publisher: Arc<Publisher>) {
    let mut feeds = consumer.feeds.subscribe();
    loop {
        tokio::select! {
           biased;
            () = consumer.gone.cancelled() => break,
            // The sender is the consumer's.
            _ = feeds.wait_for(|feeds| *feeds > 0) => {}
        }
        tokio::select! {
            biased;
            () = consumer.gone.cancelled() => {}
            () = without_feeds(&consumer) => {}
            () = work(&consumer, &channels, &publisher) => {}
        }
        leave(&consumer, &channels).await;
    }
    let mut state = consumer.state();
    state.closed = true;
    state.work.wake_all();
}

/// Waits until there have been no feeds for a while.
async fn without_feeds(consumer: &Consumer) {
    let mut feeds: watch::Receiver<usize> = consumer.feeds.subscribe();
    loop {
        let _ = feeds.wait_for(|feeds| *feeds == 0).await;
        let others = timeout(GRACE, feeds.wait_for(|feeds| *feeds > 0)).await;
        if others.is_err() {
            return;
        }
    }
}

/// Works until the channel is gone.
async fn work(consumer: &Consumer, channels: &Channels, publisher: &Arc<Publisher>) {
    let channel = taken_to_its_place(consumer, channels).await;
    tokio::select! {
        biased;
        () = channel.removed() => {}
        never = keep_reading(consumer, &channel) => match never {},
        never = keep_reading_letters(consumer, channels) => match never {},
        never = keep_burying(consumer, channels, publisher) => match never {},
        never = keep_saving(consumer, channels) => match never {},
        never = keep_offering(consumer) => match never {},
        never = keep_telling(consumer) => match never {},
    }
}

/// Waits for the channel, and takes the consumer to its place there.
async fn taken_to_its_place(consumer: &Consumer, channels: &Channels) -> Arc<Channel> {
    let mut changes = channels.changes();
    let mut wait = AFTER_FAILURE[0];
    loop {
        changes.borrow_and_update();
        let name = consumer.channel().as_str();
        let found = channels.get(name);
        let reason = match found {
            Some(channel) => match attach(consumer, channels, &channel).await {
                Ok(()) => {
                    consumer.state().waiting = None;
                    return channel;
                }
                Err(error) => error.to_string(),
            },
            None if !channels.is_open() => "the channels are not open yet".to_owned(),
            None => format!(
                "there is no channel `{name}` on this node; a plugin consumes where the channel \
                 lies"
            ),
        };
        let is_new = consumer.state().waiting.replace(reason.clone()).as_ref() != Some(&reason);
        if is_new && channels.is_open() {
            let plugin = consumer.plugin();
            tracing::warn!(plugin, channel = name, %reason, "a plugin waits for a channel");
        }
        // Once it is there, what keeps it from being consumed may pass by itself.
        let again = async {
            match channels.has(name) {
                true => sleep(wait).await,
                false => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = again => wait = (wait * 2).min(AFTER_FAILURE[1]),
            _ = changes.changed() => wait = AFTER_FAILURE[0],
        }
    }
}

/// Offers events again whose next attempt is due.
async fn keep_offering(consumer: &Consumer) -> Infallible {
    loop {
        let due = consumer.state().work.next_due();
        match due {
            Some(due) => tokio::select! {
                biased;
                () = sleep_until(due) => {}
                () = consumer.signals.waits.notified() => {}
            },
            None => consumer.signals.waits.notified().await,
        }
        consumer.state().work.offer_due(Instant::now());
    }
}

/// Writes where the consumer is, and lets go of what it has in memory, unless somebody takes
/// from that again meanwhile.
async fn leave(consumer: &Consumer, channels: &Channels) {
    // Until it is let go of, nobody else moves it or takes it to its place.
    let _turn = consumer.turn.acquire().await;
    tell(consumer);
    loop {
        let there = {
            let state = consumer.state();
            let channel = state.attached.as_ref().map(|attached| &attached.channel);
            channel.is_some_and(|channel| channel.info().is_ok())
        };
        let saved = match there {
            true => save_in_turn(consumer, channels).await,
            false => Ok(()),
        };
        if let Err(error) = &saved {
            tracing::error!(
                plugin = consumer.plugin(), channel = %consumer.channel(), %error,
                "cannot write where a plugin is in a channel"
            );
        }
        match let_go_unless_taken(consumer, there, saved.is_ok()) {
            Parting::Unsaved => {}
            Parting::Taken => {
                // What was handled since is to be written too.
                consumer.signals.moved.notify_one();
                return;
            }
            Parting::Gone => return,
        }
    }
}

/// What becomes of a consumer that is left.
enum Parting {
    /// Somebody takes from it again.
    Taken,
    /// Somebody has, since its place was written.
    Unsaved,
    /// Nothing of it is in memory but its place.
    Gone,
}

fn let_go_unless_taken(consumer: &Consumer, there: bool, saved: bool) -> Parting {
    let mut state = consumer.state();
    let ends = consumer.gone.is_cancelled();
    if there && !ends {
        if *consumer.feeds.borrow() > 0 {
            return Parting::Taken;
        }
        let unwritten = state.attached.as_ref().and_then(Attached::unwritten);
        if saved && unwritten.is_some() {
            return Parting::Unsaved;
        }
    }
    let told = state.let_go(there);
    // As the node ends, it hangs on them still.
    let is_told = !ends || state.removed;
    drop(state);
    if is_told {
        let (epoch, told) = told;
        for told in told {
            consumer.tell(epoch, told);
        }
    }
    Parting::Gone
}
