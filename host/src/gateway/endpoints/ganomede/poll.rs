//! `GET /events/v1/events`: the events behind a position, or the next that comes.

use std::future::pending;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use hearken_channel_log::ChannelName;
use tokio::time::{Instant, sleep_until};

use super::config::Ganomede;
use super::elsewhere::{Polled, There};
use super::names;
use super::query::Query;
use super::refusal::Refusal;
use super::shown::answer;
use crate::channel::{Channel, ClientName, CursorFailure, ReadAmount, ReadFailure, ReadFilter};
use crate::gateway::context::Context;
use crate::gateway::endpoints::channels::ChannelRefusal;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;
use crate::gateway::serve::slots::Slot;
use crate::passing::changed;

/// Where it is.
pub(super) const EVENTS: &str = "/events/v1/events";

/// Somebody who waits for events.
struct Poll<'p> {
    context: &'p Arc<Context>,
    ganomede: &'p Ganomede,
    client: &'p Client,
    until: Instant,
    /// Its place among those who wait, once it waits.
    place: Option<Slot>,
}

/// What is asked for.
struct Asked {
    channel: ChannelName,
    cursor: ClientName,
    after: Option<u64>,
    limit: usize,
}

/// Answers with events as soon as there are any, and with none when the time is over.
pub(super) async fn poll(
    State(context): State<Arc<Context>>,
    Extension(ganomede): Extension<Arc<Ganomede>>,
    client: Client,
    query: Query,
) -> Result<Response, Refusal> {
    ganomede.admit(&context, &client, &query, None)?;
    let cursor = query.text("clientId").map(names::client);
    let cursor = cursor.ok_or(Refusal::Invalid("Invalid Client ID"))?;
    let asked = Asked {
        channel: names::channel(query.text("channel"))?,
        cursor,
        after: query.after(),
        limit: query.limit(),
    };
    let poll = Poll {
        context: &context,
        ganomede: &ganomede,
        client: &client,
        until: Instant::now() + ganomede.config().poll_timeout,
        place: None,
    };
    let events = poll.events(asked).await?;
    answer(&context, &client, &events, |all| all)
}

impl Poll<'_> {
    async fn events(mut self, asked: Asked) -> Result<Vec<Bytes>, Refusal> {
        let name = &asked.channel;
        let context = self.context;
        let channel = loop {
            // Taken first, so that nothing is missed in between.
            let mut others = context.elsewhere.changes();
            if let Some(there) = There::find(context, self.ganomede, self.client, name).await? {
                // It takes one of its own.
                self.place = None;
                let polled = Polled {
                    cursor: &asked.cursor,
                    after: asked.after,
                    limit: asked.limit,
                    until: self.until,
                };
                return there.poll(polled).await;
            }
            if let Some(channel) = context.awaited_channel(name.as_str())? {
                break channel;
            }
            // It comes to be with the first event that is sent to it, here or elsewhere.
            let appears = async {
                tokio::select! {
                    _ = context.channels.appears(name) => {}
                    () = changed(&mut others) => {}
                }
            };
            if self.wait(appears).await?.is_none() {
                return Ok(Vec::new());
            }
        };
        let mut position = self.begin(&channel, &asked).await?;
        let amount = ReadAmount::events(asked.limit);
        loop {
            let found = channel.read(position, amount, &ReadFilter::default()).await;
            match found {
                Ok(found) if !found.events.is_empty() => return Ok(found.events),
                Ok(found) => position = position.max(found.next),
                // That of a channel that was here before: there is nothing behind it yet.
                Err(ReadFailure::Beyond { .. }) => {}
                Err(ReadFailure::Removed) => break,
                Err(failure) => return Err(ChannelRefusal::from(failure).into()),
            }
            match self.wait(channel.beyond(position)).await? {
                Some(Ok(())) => {}
                Some(Err(_)) => break,
                None => return Ok(Vec::new()),
            }
        }
        // It was removed: the next poll waits for another.
        self.wait(pending::<()>()).await?;
        Ok(Vec::new())
    }

    /// The position behind which is read. One that is given is kept for the client.
    async fn begin(&self, channel: &Channel, asked: &Asked) -> Result<u64, Refusal> {
        let Some(after) = asked.after else {
            return match channel.cursor(&asked.cursor).await {
                Ok(cursor) => Ok(cursor.after),
                Err(CursorFailure::None(_)) => Ok(0),
                Err(failure) => Err(ChannelRefusal::from(failure).into()),
            };
        };
        // A cursor is never behind the end, where it would pass over what comes.
        let kept = after.min(channel.bounds().map_or(0, |bounds| bounds.last));
        let mover = self.ganomede.mover();
        let moved = channel.set_cursor(&asked.cursor, kept, mover, false).await;
        if let Err(failure) = moved {
            self.ganomede.say_unkept(channel.name(), &failure);
        }
        Ok(after)
    }

    /// What comes of `future`, or nothing when the time is over or the node ends.
    async fn wait<T>(&mut self, future: impl Future<Output = T>) -> Result<Option<T>, Refusal> {
        if self.place.is_none() {
            let place = self.context.waiters.take(self.client.address);
            self.place = Some(place.map_err(|full| Rejection::full("waiters", full))?);
        }
        tokio::select! {
            biased;
            came = future => Ok(Some(came)),
            () = self.context.draining.cancelled() => Ok(None),
            () = sleep_until(self.until) => Ok(None),
            // Nobody reads this, but the place is free again.
            () = self.client.gone() => Err(Rejection::ClientGone.into()),
        }
    }
}
