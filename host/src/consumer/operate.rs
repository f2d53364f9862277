//! What operators do to consumers.

use std::sync::Arc;

use hearken_channel_log::{CellError, Epoch, ReadError};
use hearken_wire::EventRef;

use super::consumers::Consumers;
use super::error::ConsumerFailure;
use super::handle::Consumer;
use super::kept;
use super::lane::Lane;
use super::letter;
use super::moving::{change_place, place_of};
use super::place::{Again, Place};
use super::status::ConsumerStatus;
use crate::channel::{Channel, ReadAmount, ReadFailure, ReadFilter};

/// Dead letters that are looked at together.
const PAGE: usize = 1000;

impl Consumers {
    /// How the consumers of a channel stand, by plugin: also those whose plugin does not run.
    ///
    /// # Errors
    /// [`CellError`] when what is kept for them cannot be read.
    pub async fn of_channel(&self, channel: &Channel) -> Result<Vec<ConsumerStatus>, CellError> {
        let last = channel.bounds().map_or(0, |bounds| bounds.last);
        let mut statuses: Vec<ConsumerStatus> = self
            .of_channel_name(channel.name())
            .iter()
            .map(|consumer| consumer.status())
            .filter(|status| status.epoch == Some(channel.epoch()))
            .collect();
        for (plugin, bytes) in channel.all_consumed().await? {
            if statuses.iter().any(|status| status.plugin == plugin) {
                continue;
            }
            let place = kept::read(&bytes);
            statuses.push(ConsumerStatus {
                plugin,
                channel: channel.name().clone(),
                epoch: place.as_ref().ok().map(|place| place.epoch),
                after: place.as_ref().map_or(0, |place| place.lane.after()),
                in_flight: 0,
                lag: 0,
                waiting: place.as_ref().err().map(ToString::to_string),
                stalled: None,
                dead: place.as_ref().map_or(0, |place| place.dead),
                retried: place.as_ref().map_or(0, |place| place.retried),
                missed: place.as_ref().map_or(0, |place| place.missed),
            });
        }
        for status in &mut statuses {
            status.lag = last.saturating_sub(status.after);
        }
        statuses.sort_by(|one, other| one.plugin.cmp(&other.plugin));
        Ok(statuses)
    }

    /// Gives a plugin the dead letters of one of its channels again that it has not been
    /// given again yet, with as many attempts as new events; returns how many. That they were
    /// given again is durable when this returns, so that they are not a second time.
    ///
    /// # Errors
    /// [`ConsumerFailure`] says why not.
    pub async fn retry(&self, plugin: &str, channel: &str) -> Result<u64, ConsumerFailure> {
        let (channel, consumer) = self.known(plugin, channel).await?;
        let name = letter::channel_of(plugin).ok();
        let letters = name.and_then(|name| self.0.channels.get(name.as_str()));
        let Some(letters) = letters else {
            return Ok(0);
        };
        // One after the other, but not in the turn of those who write where it is: there may
        // be many letters to look at.
        let _counting = consumer.counting.acquire().await;
        let before = place_of(&consumer, &channel).await?;
        let epoch = letters.epoch();
        let given = before.again.filter(|again| again.epoch == epoch);
        let given = given.map_or(0, |again| again.until);
        let noted = letters.retried(channel.name().as_str()).await?;
        let given = given.max(noted);
        let until = letters.bounds().map_or(0, |bounds| bounds.last);
        let count = count(&letters, given, until, &consumer).await?;
        if count == 0 {
            if noted < given {
                // Of a call before this one, that could not write it.
                letters.set_retried(channel.name().as_str(), given).await?;
            }
            return Ok(0);
        }
        let change = |place: &mut Place| {
            let same = place.again.take().filter(|again| again.epoch == epoch);
            let mut again = same.unwrap_or_else(|| Again {
                epoch,
                lane: Lane::new(given),
                until,
                seeks: place.seeks,
            });
            again.until = again.until.max(until);
            place.again = Some(again);
            place.retried += count;
        };
        let turn = consumer.turn.acquire().await;
        change_place(&consumer, &channel, change).await?;
        drop(turn);
        letters.set_retried(channel.name().as_str(), until).await?;
        Ok(count)
    }

    /// Has a plugin go on behind this number of a channel, wherever it was. What it has in
    /// hand is settled without any effect on that.
    ///
    /// # Errors
    /// [`ConsumerFailure`] says why not.
    pub async fn seek(
        &self,
        plugin: &str,
        channel: &str,
        after: u64,
        epoch: Option<Epoch>,
    ) -> Result<(), ConsumerFailure> {
        let (channel, consumer) = self.known(plugin, channel).await?;
        channel.check_epoch(epoch)?;
        let last = channel.bounds().map_or(0, |bounds| bounds.last);
        if after > last {
            return Err(ConsumerFailure::Beyond { after, last });
        }
        let _turn = consumer.turn.acquire().await;
        let change = |place: &mut Place| {
            place.lane = Lane::new(after);
            place.seeks = place.seeks.saturating_add(1);
        };
        change_place(&consumer, &channel, change).await
    }

    /// Forgets where a plugin is in a channel. It begins anew, as its manifest says, should
    /// it listen to it again.
    ///
    /// # Errors
    /// [`ConsumerFailure`] says why not; [`ConsumerFailure::InUse`] while it listens to it.
    pub async fn remove(&self, plugin: &str, channel: &str) -> Result<(), ConsumerFailure> {
        let (channel, consumer) = self.known(plugin, channel).await?;
        let _turn = consumer.turn.acquire().await;
        // Whoever takes a feed from now on has one that is closed.
        let retired = self.retire(&consumer);
        if !retired {
            return Err(ConsumerFailure::InUse {
                plugin: plugin.to_owned(),
                channel: channel.name().to_string(),
            });
        }
        Ok(channel.set_consumed(plugin, None).await?)
    }

    /// A channel that is here, and a consumer that is or was at work there.
    async fn known(
        &self,
        plugin: &str,
        channel: &str,
    ) -> Result<(Arc<Channel>, Arc<Consumer>), ConsumerFailure> {
        let channel = self.0.channels.find(channel)?;
        let attached = self.of_channel_name(channel.name());
        let mut attached = attached.iter();
        let is_known = attached
            .any(|consumer| consumer.plugin() == plugin && consumer.state().attached.is_some());
        if !is_known && channel.consumed(plugin).await?.is_none() {
            return Err(ConsumerFailure::NoConsumer {
                plugin: plugin.to_owned(),
                channel: channel.name().to_string(),
            });
        }
        let consumer = self.consumer(plugin, channel.name());
        Ok((channel, consumer))
    }
}

/// How many letters of this consumer there are behind `after` and up to `until`.
async fn count(
    letters: &Channel,
    mut after: u64,
    until: u64,
    consumer: &Consumer,
) -> Result<u64, ReadFailure> {
    let mut count = 0;
    while after < until {
        let read = letters
            .read(after, ReadAmount::events(PAGE), &ReadFilter::default())
            .await;
        let found = match read {
            Ok(found) => found,
            Err(ReadFailure::Log(ReadError::Damaged(damage))) => {
                after = damage.last;
                continue;
            }
            Err(error) => return Err(error),
        };
        let events = found
            .events
            .iter()
            .map(|event| EventRef::assume_encoded(event));
        let own = events
            .filter(|event| event.sequence().is_some_and(|number| number <= until))
            .filter_map(letter::read)
            .filter(|of| consumer.is_of(of));
        count += own.count() as u64;
        if found.next <= after {
            break;
        }
        after = found.next;
    }
    Ok(count)
}
