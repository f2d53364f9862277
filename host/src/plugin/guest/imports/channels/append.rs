//! What a guest appends.

use std::borrow::Cow;
use std::sync::Arc;

use hearken_channel_log::{
    AppendError, BatchError, ChannelState, Expected, MAX_BATCH_EVENTS, Span,
};
use hearken_wire::EventRef;

use super::pretended::pretended;
use crate::bus::PublishError;
use crate::channel::{AppendFailure, Channel, NoChannel, Receipt};
use crate::event::{Draft, EventType};
use crate::plugin::guest::bindings::plugin::hearken::plugin::types;
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::imports::forms::{OVER_BUDGET, filled, span};
use crate::plugin::guest::state::Guest;

/// Why a guest's events are not appended.
#[derive(Debug, thiserror::Error)]
pub(in crate::plugin::guest::imports) enum AppendRefusal {
    #[error(transparent)]
    NoChannel(#[from] NoChannel),
    #[error("the channel was removed")]
    Removed,
    #[error("the node's channels are being opened; try again later")]
    Starting,
    #[error("{0}")]
    Denied(String),
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("{OVER_BUDGET}")]
    Budget,
    #[error("events of the channel are damaged; an operator has to repair it")]
    Damaged(Vec<Span>),
    #[error(transparent)]
    Failure(AppendFailure),
}

impl From<AppendRefusal> for types::AppendError {
    fn from(refusal: AppendRefusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            AppendRefusal::NoChannel(missing) => {
                Self::NoChannel(missing.nearest().map(str::to_owned))
            }
            AppendRefusal::Removed => Self::NoChannel(None),
            AppendRefusal::Starting => Self::Overloaded,
            AppendRefusal::Denied(why) => Self::Denied(why),
            AppendRefusal::Invalid(why) => Self::Invalid(why),
            AppendRefusal::TooLarge(why) => Self::TooLarge(why),
            AppendRefusal::Budget => Self::BudgetExceeded,
            AppendRefusal::Damaged(ranges) => Self::Damaged(ranges.into_iter().map(span).collect()),
            AppendRefusal::Failure(failure) => match failure {
                AppendFailure::Event { .. }
                | AppendFailure::Batch(BatchError::Malformed(_) | BatchError::Behind(_))
                | AppendFailure::Log(AppendError::AnotherLog { .. }) => Self::Invalid(text),
                AppendFailure::DeadLetters(_) => Self::Denied(text),
                AppendFailure::Batch(BatchError::Events | BatchError::Bytes(_))
                | AppendFailure::Log(AppendError::TooLarge { .. }) => Self::TooLarge(text),
                AppendFailure::Slow(_)
                | AppendFailure::Broken
                | AppendFailure::Log(AppendError::Unknown(_)) => Self::OutcomeUnknown(text),
                AppendFailure::Closing | AppendFailure::Log(AppendError::Overloaded) => {
                    Self::Overloaded
                }
                AppendFailure::Log(AppendError::NoChannel(_)) => Self::NoChannel(None),
                AppendFailure::Log(AppendError::Conflict { last }) => Self::Conflict(last),
                AppendFailure::Log(AppendError::Full(_)) => Self::Full(text),
                AppendFailure::Log(AppendError::Damaged) => Self::Damaged(Vec::new()),
                AppendFailure::Log(AppendError::StorageFailed(_)) => Self::StorageFailed(text),
            },
        }
    }
}

impl AppendRefusal {
    /// Whether the events may be stored all the same.
    fn leaves_unknown(&self) -> bool {
        matches!(
            self,
            Self::Failure(
                AppendFailure::Slow(_)
                    | AppendFailure::Broken
                    | AppendFailure::Log(AppendError::Unknown(_))
            )
        )
    }
}

/// What the events of an append get from the event in hand.
struct InHand {
    traceparent: Option<String>,
    tracestate: Option<String>,
    /// What the ids begin with of events that bring none, if its channel delivers it.
    prefix: Option<String>,
}

impl Guest {
    /// Appends a guest's events to a channel, all or none.
    pub(in crate::plugin::guest::imports) async fn append_to(
        &mut self,
        name: &str,
        events: Vec<types::OutgoingEvent>,
        expect_last: Option<u64>,
    ) -> Result<Receipt, AppendRefusal> {
        // Who may not is not told whether there is such a channel.
        if !self.rights.now().may_append(name) {
            let why = self.plugin.refuse_right("append", name);
            return Err(AppendRefusal::Denied(why));
        }
        if events.len() > MAX_BATCH_EVENTS {
            return Err(AppendRefusal::TooLarge(BatchError::Events.to_string()));
        }
        let in_hand = self.in_hand();
        let mut drafts = self.drafts(name, &events, &in_hand)?;
        if !self.plugin.spend_many(events.len()) {
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
        let first = self.batch.appends.first(|| content(name, &events));
        let named = match &in_hand.prefix {
            Some(prefix) => self.name_drafts(&mut drafts, prefix, first),
            None => Vec::new(),
        };
        let what = || format!("{} events to the channel `{name}`", events.len());
        let appended = if self.plugin.pretend("append", what) {
            pretended(&self.plugin, &channel, &drafts, expect_last)
        } else {
            append_once(&self.plugin, &channel, drafts, &named, expect_last).await
        };
        let named = named.len() as u64;
        let appended = appended.map_err(|failure| refusal(&channel, failure, events.len()));
        let appends = &mut self.batch.appends;
        match &appended {
            Ok(receipt) => {
                appends.stored(first, named);
                let stored = receipt.events.iter().filter(|event| !event.duplicate);
                self.plugin.count_sent(stored.count());
            }
            Err(refusal) if refusal.leaves_unknown() => {
                appends.unknown(first, named, content(name, &events));
            }
            Err(_) => {}
        }
        appended
    }

    fn in_hand(&self) -> InHand {
        let in_hand = self.batch.in_hand();
        let text = |text: Option<&str>| text.map(str::to_owned);
        InHand {
            traceparent: text(in_hand.and_then(EventRef::traceparent)),
            tracestate: text(in_hand.and_then(EventRef::tracestate)),
            prefix: self.batch.of_channel().and_then(|event| {
                let (channel, sequence) = event.channel().zip(event.sequence())?;
                let epoch = self.plugin.channels.find(channel).ok()?.epoch();
                let plugin = &self.plugin.name;
                Some(format!("{channel}/{epoch}/{sequence}/{plugin}"))
            }),
        }
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

    /// Gives the drafts that have none an id, numbered from `first` on; returns which have
    /// got one.
    fn name_drafts(&self, drafts: &mut [Draft<'_>], prefix: &str, first: u64) -> Vec<usize> {
        let drafts = drafts.iter_mut().enumerate();
        let nameless = drafts.filter(|(_, draft)| draft.id.is_none());
        nameless
            .zip(first..)
            .map(|((at, draft), number)| {
                let place = self.batch.appends.place(number);
                draft.id = Some(Cow::Owned(format!("{prefix}/{place}")));
                at
            })
            .collect()
    }
}

/// Appends those of the drafts that are not known to be stored already. `named` are the
/// positions of those that have got their ids from the event in hand.
async fn append_once(
    plugin: &PluginContext,
    channel: &Arc<Channel>,
    drafts: Vec<Draft<'_>>,
    named: &[usize],
    expect_last: Option<u64>,
) -> Result<Receipt, AppendFailure> {
    let epoch = channel.epoch();
    let known = |at: usize| {
        let id = drafts[at].id.as_deref()?;
        Some((at, plugin.appended.find(epoch, id)?))
    };
    let known: Vec<_> = named.iter().filter_map(|at| known(*at)).collect();
    if !known.is_empty() && known.len() == drafts.len() {
        return Ok(Receipt {
            epoch,
            last: channel.bounds().map_or(0, |bounds| bounds.last),
            events: known.into_iter().map(|(_, event)| event).collect(),
        });
    }
    let is_known = |at: usize| known.iter().any(|(known, _)| *known == at);
    let new = drafts.into_iter().enumerate();
    let new = new.filter(|(at, _)| !is_known(*at));
    let (places, drafts): (Vec<usize>, Vec<_>) = new.unzip();
    let publisher = Arc::clone(&plugin.publisher);
    let principal = format!("plugin:{}", plugin.name);
    let expected = expect_last.map_or(Expected::Any, |last| Expected::Last { epoch: None, last });
    let appended = channel.append(publisher, &principal, drafts, expected);
    let mut receipt = appended.await.map_err(|failure| match failure {
        AppendFailure::Event { at, error } => AppendFailure::Event {
            at: places.get(at).copied().unwrap_or(at),
            error,
        },
        failure => failure,
    })?;
    for (at, event) in known {
        // In their order, so that those before it are there already.
        receipt.events.insert(at, event);
    }
    for event in named.iter().filter_map(|at| receipt.events.get(*at)) {
        plugin.appended.remember(receipt.epoch, event);
    }
    Ok(receipt)
}

/// What a guest is told of a channel's failure to append so many events.
fn refusal(channel: &Channel, failure: AppendFailure, events: usize) -> AppendRefusal {
    match failure {
        AppendFailure::Event { at, error } => {
            let place = match events {
                1 => String::new(),
                _ => format!("event {at} of the batch: "),
            };
            let why = format!("{place}{error}");
            match error {
                PublishError::TooLarge { .. } => AppendRefusal::TooLarge(why),
                PublishError::Draft(_) | PublishError::OfChannel(_) => AppendRefusal::Invalid(why),
            }
        }
        AppendFailure::Log(AppendError::NoChannel(_)) => AppendRefusal::Removed,
        AppendFailure::Log(AppendError::Damaged) => {
            let state = channel.status().map(|status| status.info.state);
            AppendRefusal::Damaged(match state {
                Some(ChannelState::Damaged { ranges }) => ranges,
                _ => Vec::new(),
            })
        }
        failure => AppendRefusal::Failure(failure),
    }
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
