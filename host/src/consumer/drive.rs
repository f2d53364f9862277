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
use super::save::{keep_saving, save};
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
    }
}

/// Waits for the channel, and takes the consumer to its place there.
async fn taken_to_its_place(consumer: &Consumer, channels: &Channels) -> Arc<Channel> {
    let mut changes = channels.changes();
    let mut wait = AFTER_FAILURE[0];
    loop {
        changes.borrow_and_update();
        let name = consumer.channel().as_str();
        let found = channels.find(name);
        let reason = match found {
            Ok(channel) => match attach(consumer, channels, &channel).await {
                Ok(()) => {
                    consumer.state().waiting = None;
                    return channel;
                }
                Err(error) => error.to_string(),
            },
            Err(_) if !channels.is_open() => "the channels are not open yet".to_owned(),
            Err(_) => format!(
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
            match channels.find(name) {
                Ok(_) => sleep(wait).await,
                Err(_) => std::future::pending().await,
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

/// Writes where the consumer is, and lets go of what it has in memory.
async fn leave(consumer: &Consumer, channels: &Channels) {
    let there = {
        let state = consumer.state();
        let channel = state.attached.as_ref().map(|attached| &attached.channel);
        channel.is_some_and(|channel| channel.info().is_ok())
    };
    if there && let Err(error) = save(consumer, channels).await {
        tracing::error!(
            plugin = consumer.plugin(), channel = %consumer.channel(), %error,
            "cannot write where a plugin is in a channel"
        );
    }
    let mut state = consumer.state();
    state.work.forget(|_| true);
    if !there {
        state.outputs.clear();
    }
    state.waiting = None;
    state.left = state
        .attached
        .take()
        .map(|attached| attached.place)
        .filter(|_| there);
}
