//! Writes where a consumer is.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hearken_channel_log::CellError;
use tokio::time::{Instant, sleep_until};

use super::handle::Consumer;
use super::letter;
use super::place::Position;
use super::state::keep_undone;
use crate::channel::{Channel, Channels};

/// Between two times at which the place is written: a crash repeats what was handled since.
const BETWEEN: Duration = Duration::from_millis(100);

/// The same after it could not be written.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Writes where the consumer is, whenever that has changed.
pub(super) async fn keep_saving(consumer: &Consumer, channels: &Channels) -> Infallible {
    let mut failing = false;
    loop {
        consumer.signals.moved.notified().await;
        let saved = save(consumer, channels).await;
        let wait = match &saved {
            Ok(()) => BETWEEN,
            Err(_) => AFTER_FAILURE,
        };
        if let Err(error) = saved {
            if !failing {
                tracing::error!(
                    plugin = consumer.plugin(), channel = %consumer.channel(), %error,
                    "cannot write where a plugin is in a channel"
                );
            }
            failing = true;
            consumer.signals.moved.notify_one();
        } else {
            failing = false;
        }
        sleep_until(Instant::now() + wait).await;
    }
}

/// Writes where the consumer is, if that has changed.
///
/// # Errors
/// [`CellError`] when it cannot be written.
pub(super) async fn save(consumer: &Consumer, channels: &Channels) -> Result<(), CellError> {
    let _turn = consumer.turn.acquire().await;
    save_in_turn(consumer, channels).await
}

/// The same for who has the turn.
///
/// # Errors
/// As [`save`].
pub(super) async fn save_in_turn(
    consumer: &Consumer,
    channels: &Channels,
) -> Result<(), CellError> {
    let Some((channel, bytes)) = snapshot(consumer, channels) else {
        return Ok(());
    };
    channel
        .set_consumed(consumer.plugin(), Some(bytes.clone()))
        .await?;
    if let Some(attached) = &mut consumer.state().attached {
        attached.written = Some(bytes);
    }
    Ok(())
}

/// What has to be written; nothing when nothing has.
fn snapshot(consumer: &Consumer, channels: &Channels) -> Option<(Arc<Channel>, Bytes)> {
    // Before the place is looked at, so that no letter is passed over that is not in it.
    let letters = end_of_letters(consumer, channels);
    let mut state = consumer.state();
    if state.removed {
        return None;
    }
    let state = &mut *state;
    let attached = state.attached.as_mut()?;
    keep_undone(&mut state.outputs, &attached.place);
    if attached.knows_its_letters() {
        attached.place.letters = letters;
    }
    let bytes = attached.unwritten()?;
    Some((Arc::clone(&attached.channel), bytes))
}

/// Where the dead letters of the plugin end.
pub(super) fn end_of_letters(consumer: &Consumer, channels: &Channels) -> Option<Position> {
    let name = letter::channel_of(consumer.plugin()).ok()?;
    let letters = channels.get(name.as_str())?;
    Some(Position {
        epoch: letters.epoch(),
        after: letters.bounds()?.last,
    })
}
