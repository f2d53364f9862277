//! `hearken:plugin/channels`: appending to channels and reading them.

mod append;
mod appending;
mod missing;
mod pretended;
mod read;
pub(super) mod refusal;
#[cfg(test)]
mod test_support;

use super::forms::{lift, span};
use crate::plugin::guest::bindings::plugin::hearken::plugin::{channels, types};
use crate::plugin::guest::state::Guest;
use read::ReadRefusal;

impl channels::Host for &mut Guest {
    async fn append(
        &mut self,
        channel: String,
        events: Vec<types::OutgoingEvent>,
        expect_last: Option<u64>,
    ) -> wasmtime::Result<Result<Vec<channels::Stored>, types::AppendError>> {
        let receipt = match self.append_to(&channel, events, expect_last).await {
            Ok(receipt) => receipt,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        let epoch = receipt.epoch.to_string();
        let stored = receipt.events.into_iter().map(|event| channels::Stored {
            id: event.id,
            sequence: event.sequence,
            epoch: epoch.clone(),
            recorded_time: event.time,
            duplicate: event.duplicate,
        });
        Ok(Ok(stored.collect()))
    }

    async fn read(
        &mut self,
        channel: String,
        after: channels::Position,
        limit: u32,
    ) -> wasmtime::Result<Result<channels::Page, channels::ReadError>> {
        let read = self.read_from(&channel, &after, limit).await;
        Ok(read.map_err(channels::ReadError::from).map(|read| {
            let node = self.plugin.bus.node();
            channels::Page {
                epoch: read.epoch.to_string(),
                events: read.events().map(|event| lift(event, node)).collect(),
                next: read.found.next,
                last: read.found.last,
                gap: read.found.gap.map(span),
            }
        }))
    }

    fn bounds(
        &mut self,
        channel: String,
    ) -> wasmtime::Result<Result<channels::ChannelBounds, channels::ReadError>> {
        let found = self.readable(&channel);
        let found = found.and_then(|channel| {
            let bounds = channel.bounds().ok_or(ReadRefusal::Removed)?;
            Ok((channel.epoch(), bounds))
        });
        let found = found.map_err(channels::ReadError::from);
        Ok(found.map(|(epoch, bounds)| channels::ChannelBounds {
            epoch: epoch.to_string(),
            first: bounds.first,
            last: bounds.last,
        }))
    }
}
