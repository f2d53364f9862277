//! What a guest appends.

use std::borrow::Cow;
use std::sync::Arc;

use hearken_channel_log::{AppendError, BatchError, Expected, MAX_BATCH_EVENTS};
use hearken_wire::EventRef;
use tokio::time::{Instant, timeout_at};

use super::appending::Appending;
use super::pretended::pretended;
use super::refusal::{AppendRefusal, refusal};
use crate::channel::{APPEND_TIME, AppendFailure, Receipt};
use crate::consumer::Outputs;
use crate::event::{Draft, EventType};
use crate::plugin::guest::bindings::plugin::hearken::plugin::types;
use crate::plugin::guest::imports::forms::filled;
use crate::plugin::guest::state::Guest;

/// What the events of an append get from the event in hand.
struct InHand {
    traceparent: Option<String>,
    tracestate: Option<String>,
    /// How they are named that bring no id, if its channel delivers it.
    named: Option<Named>,
}

/// How the events of an append are named that bring no id.
struct Named {
    /// What their ids begin with.
    prefix: String,
    /// The number of the first of them.
    first: u64,
    /// Where it is remembered what is stored of them.
    outputs: Arc<Outputs>,
}

impl Guest {
    /// Appends a guest's events to a channel, all or none.
    pub(in crate::plugin::guest::imports) async fn append_to(
        &mut self,
        name: &str,
        events: Vec<types::OutgoingEvent>,
        expect_last: Option<u64>,
    ) -> Result<Receipt, AppendRefusal> {
        let nameless = events.iter().filter(|event| event.id.is_none()).count() as u64;
        let numbered = (nameless > 0 && self.batch.of_channel().is_some()).then(|| {
            let content = content(name, &events);
            (self.batch.appends.first(&content), content)
        });
        let first = numbered.map(|(first, _)| first);
        let appended = self.append_numbered(name, events, expect_last, first).await;
        let appends = &mut self.batch.appends;
        match (&appended, numbered) {
            (Ok(_), Some((first, _))) => appends.stored(first, nameless),
            (Err(_), Some((first, content))) => appends.refused(first, nameless, content),
            (_, None) => {}
        }
        if let Ok(receipt) = &appended {
            let stored = receipt.events.iter().filter(|event| !event.duplicate);
            self.plugin.count_sent(stored.count());
        }
        appended
    }

    /// The same; those that bring no id are numbered from `first` on, if a channel delivers
    /// the event in hand.
    async fn append_numbered(
        &mut self,
        name: &str,
        events: Vec<types::OutgoingEvent>,
        expect_last: Option<u64>,
        first: Option<u64>,
    ) -> Result<Receipt, AppendRefusal> {
        // Who may not is not told whether there is such a channel.
        if !self.rights.now().may_append(name) {
            let why = self.plugin.refuse_right("append", name);
            return Err(AppendRefusal::Denied(why));
        }
        let count = events.len();
        if count > MAX_BATCH_EVENTS {
            return Err(AppendRefusal::TooLarge(BatchError::Events.to_string()));
        }
        let in_hand = self.in_hand(first);
        let mut drafts = self.drafts(name, &events, &in_hand)?;
        if !self.plugin.spend_on_append(events.iter().map(size)) {
            return Err(AppendRefusal::Budget);
        }
        let channels = &self.plugin.channels;
        // Asked first, so that one that is just being opened is not taken for missing.
        let are_open = channels.is_open();
        let channel = match channels.find(name) {
            Ok(channel) => channel,
            Err(_) if !are_open => return Err(AppendRefusal::Starting),
            Err(missing) => {
                let rights = self.rights.now();
                return Err(missing.told_to(|name| rights.may_append(name)).into());
            }
        };
        let named = match &in_hand.named {
            Some(named) => self.name_drafts(&mut drafts, named),
            None => Vec::new(),
        };
        let what = || format!("{count} events to the channel `{name}`");
        if self.plugin.pretend("append", what) {
            let pretended = pretended(&self.plugin, &channel, &drafts, expect_last);
            return pretended.map_err(|failure| refusal(&channel, failure, count));
        }
        let time_to_wait = self.meter.time_to_wait().min(APPEND_TIME);
        let end = Instant::now() + time_to_wait;
        let _waiting = self.meter.wait_for_storage();
        let bytes = events.iter().map(size).sum();
        let room = timeout_at(end, self.plugin.room_to_append(bytes)).await;
        let Ok(Some(room)) = room else {
            let overloaded = AppendError::Overloaded.into();
            return Err(AppendRefusal::Failure(overloaded));
        };
        let principal = format!("plugin:{}", self.plugin.name);
        let encoded = channel.encode(&self.plugin.publisher, &principal, drafts);
        let encoded = encoded.map_err(|failure| refusal(&channel, failure, count))?;
        // The disk may take its time: until then the events are in memory once.
        drop(events);
        let append = Appending {
            plugin: Arc::clone(&self.plugin),
            channel: Arc::clone(&channel),
            events: encoded,
            count,
            named,
            outputs: in_hand.named.map(|named| named.outputs),
            expected: expect_last
                .map_or(Expected::Any, |last| Expected::Last { epoch: None, last }),
        };
        // Whoever has gone meanwhile, what is stored is remembered, and takes its room.
        let append = async move {
            let _room = room;
            append.run().await
        };
        let appended = channel.keep_at(append);
        let appended = appended.map_err(|failure| refusal(&channel, failure, count))?;
        // In time for the guest to be told so.
        match timeout_at(end, appended).await {
            Ok(Ok(appended)) => appended,
            Ok(Err(_)) => Err(AppendRefusal::Failure(AppendFailure::Broken)),
            Err(_) => Err(AppendRefusal::Failure(AppendFailure::Slow(time_to_wait))),
        }
    }

    fn in_hand(&mut self, first: Option<u64>) -> InHand {
        let named = first.and_then(|first| self.named(first));
        let in_hand = self.batch.in_hand();
        let text = |text: Option<&str>| text.map(str::to_owned);
        InHand {
            traceparent: text(in_hand.and_then(EventRef::traceparent)),
            tracestate: text(in_hand.and_then(EventRef::tracestate)),
            named,
        }
    }

    fn named(&mut self, first: u64) -> Option<Named> {
        let handling = self.batch.handling()?;
        let (epoch, round) = (handling.epoch, handling.round);
        let outputs = Arc::clone(&handling.outputs);
        let event = self.batch.of_channel()?;
        let (channel, sequence) = event.channel().zip(event.sequence())?;
        let plugin = &self.plugin.name;
        Some(Named {
            prefix: format!("{channel}/{epoch}/{sequence}/{plugin}{round}"),
            first,
            outputs,
        })
    }

    fn drafts<'a>(
        &mut self,
        name: &str,
        events: &'a [types::OutgoingEvent],
        in_hand: &'a InHand,
    ) -> Result<Vec<Draft<'a>>, AppendRefusal> {
        let place = |at: usize| match events.len() {
            1 => String::new(),
            _ => format!("event {at} of the batch: "),
        };
        let mut drafts = Vec::with_capacity(events.len());
        for (at, event) in events.iter().enumerate() {
            let invalid = |why: String| AppendRefusal::Invalid(place(at) + &why);
            if let Some(other) = event.channel.as_deref().filter(|other| *other != name) {
                return Err(invalid(format!(
                    "it names the channel `{other}`, and is appended to `{name}`"
                )));
            }
            let event_type = EventType::custom(&event.type_);
            let event_type = event_type.map_err(|error| invalid(error.to_string()))?;
            self.may_publish(&event_type)
                .map_err(|why| AppendRefusal::Denied(place(at) + &why))?;
            let draft = filled(event, Draft::new(event_type));
            draft
                .check_claims()
                .map_err(|error| invalid(error.to_string()))?;
            drafts.push(Draft {
                traceparent: in_hand.traceparent.as_deref().map(Cow::Borrowed),
                tracestate: in_hand.tracestate.as_deref().map(Cow::Borrowed),
                ..draft
            });
        }
        Ok(drafts)
    }

    /// Gives the drafts that have none an id; returns which have got one.
    fn name_drafts(&self, drafts: &mut [Draft<'_>], named: &Named) -> Vec<usize> {
        let Named { prefix, first, .. } = named;
        let drafts = drafts.iter_mut().enumerate();
        let nameless = drafts.filter(|(_, draft)| draft.id.is_none());
        nameless
            .zip(*first..)
            .map(|((at, draft), number)| {
                let place = self.batch.appends.place(number);
                draft.id = Some(Cow::Owned(format!("{prefix}/{place}")));
                at
            })
            .collect()
    }
}

/// Bytes of all that a guest gives of an event.
fn size(event: &types::OutgoingEvent) -> usize {
    let attributes = [
        &event.id,
        &event.subject,
        &event.time,
        &event.datacontenttype,
    ];
    let attributes = attributes.into_iter().flatten().map(String::len);
    let extensions = event.extensions.iter();
    let extensions = extensions.map(|(name, value)| name.len() + value.len());
    let data = event.data.as_ref().map_or(0, Vec::len);
    let texts: usize = attributes.chain(extensions).sum();
    event.type_.len() + texts + data
}

/// By what a repeat of an append is known.
fn content(channel: &str, events: &[types::OutgoingEvent]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        // With its length, so that nothing moves from one part into the next.
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(channel.as_bytes());
    for event in events {
        part(event.type_.as_bytes());
        let attributes = [
            &event.id,
            &event.subject,
            &event.time,
            &event.datacontenttype,
        ];
        for attribute in attributes {
            part(&[u8::from(attribute.is_some())]);
            part(attribute.as_deref().unwrap_or_default().as_bytes());
        }
        part(&[u8::from(event.distributed), u8::from(event.data.is_some())]);
        part(event.data.as_deref().unwrap_or_default());
        part(&(event.extensions.len() as u64).to_le_bytes());
        for (name, value) in &event.extensions {
            part(name.as_bytes());
            part(value.as_bytes());
        }
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests;
