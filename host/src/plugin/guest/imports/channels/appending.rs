//! An append under way, whose guest may be gone before it ends.

use std::sync::Arc;

use hearken_channel_log::{AppendError, Expected};
use hearken_wire::EventRef;

use super::refusal::{AppendRefusal, refusal};
use crate::channel::{
    AppendFailure, Channel, Encoded, ReadAmount, ReadFilter, Receipt, StoredEvent,
};
use crate::consumer::{Content, Output, Outputs};
use crate::plugin::guest::context::PluginContext;

/// A guest's append, once it is encoded.
pub(super) struct Appending {
    pub(super) plugin: Arc<PluginContext>,
    pub(super) channel: Arc<Channel>,
    pub(super) events: Vec<Encoded>,
    /// How many they are.
    pub(super) count: usize,
    /// Positions of the events that have got their ids from the event in hand.
    pub(super) named: Vec<usize>,
    /// What is known to be stored already of what was appended in the course of that.
    pub(super) outputs: Option<Arc<Outputs>>,
    pub(super) expected: Expected,
}

/// An event that has got its id from the event in hand.
struct Named {
    /// Its position in the append.
    at: usize,
    content: Content,
    /// What is stored under its id.
    before: Option<Output>,
}

impl Appending {
    /// Appends those of the events that are not known to be stored already, all or none, and
    /// remembers those that have got their ids from the event in hand.
    pub(super) async fn run(mut self) -> Result<Receipt, AppendRefusal> {
        let outputs = self.outputs.take().filter(|_| !self.named.is_empty());
        let Some(outputs) = outputs else {
            let events = std::mem::take(&mut self.events);
            return self.append(events).await;
        };
        // One that an attempt before has begun may be under way.
        let _turn = outputs.turn().await;
        let named = self.look_up(&outputs)?;
        let known = named.iter().filter(|named| named.before.is_some()).count();
        if known == self.events.len() {
            return Ok(self.stored_before(&named));
        }
        let Some(reserved) = outputs.reserve(&self.plugin.outputs, named.len() - known) else {
            let overloaded = AppendError::Overloaded.into();
            return Err(AppendRefusal::Failure(overloaded));
        };
        let receipt = self.append_new(&named).await?;
        let epoch = receipt.epoch;
        let mut stored = Vec::with_capacity(named.len() - known);
        let mut another = None;
        for named in &named {
            let event = match (named.before, receipt.events.get(named.at)) {
                (None, Some(event)) => event,
                _ => continue,
            };
            let output = Output {
                sequence: event.sequence,
                time: event.time,
                content: named.content,
            };
            // Stored by an attempt of which nothing is remembered.
            if event.duplicate && !self.says(output).await {
                another.get_or_insert_with(|| (named.at, event.id.clone(), event.sequence));
                continue;
            }
            stored.push((event.id.clone(), output));
        }
        let ids = stored.iter().map(|(id, output)| (id.as_str(), *output));
        outputs.remember(epoch, ids, reserved);
        match another {
            Some((at, id, sequence)) => {
                let others = receipt.events.iter().any(|event| !event.duplicate);
                Err(self.is_another(at, &id, sequence, others))
            }
            None => Ok(receipt),
        }
    }

    /// What is known of the events that have got their ids from the event in hand.
    ///
    /// # Errors
    /// When another event is stored under the id of one.
    fn look_up(&self, outputs: &Outputs) -> Result<Vec<Named>, AppendRefusal> {
        let log = self.channel.epoch();
        let mut named = Vec::with_capacity(self.named.len());
        for at in &self.named {
            let Some(event) = self.events.get(*at).map(Encoded::packed) else {
                continue;
            };
            let content = Content::of(event);
            let before = outputs.find(log, event.id());
            if let Some(before) = before.filter(|before| before.content != content) {
                return Err(self.is_another(*at, event.id(), before.sequence, false));
            }
            named.push(Named {
                at: *at,
                content,
                before,
            });
        }
        Ok(named)
    }

    /// Appends those that are not known to be stored; the receipt has the others too.
    async fn append_new(&mut self, named: &[Named]) -> Result<Receipt, AppendRefusal> {
        let known: Vec<(usize, StoredEvent)> = self.known(named).collect();
        let new = self.take_new(&known);
        let mut receipt = self.append(new).await?;
        for (at, event) in known {
            // In their order, so that those before it are there already.
            receipt.events.insert(at, event);
        }
        Ok(receipt)
    }

    /// Takes out the events that are not known, whose positions ascend.
    fn take_new(&mut self, known: &[(usize, StoredEvent)]) -> Vec<Encoded> {
        let mut known = known.iter().map(|(at, _)| *at).peekable();
        let events = std::mem::take(&mut self.events).into_iter().enumerate();
        let new = events.filter(|(at, _)| known.next_if_eq(at).is_none());
        new.map(|(_, event)| event).collect()
    }

    async fn append(&self, events: Vec<Encoded>) -> Result<Receipt, AppendRefusal> {
        let count = events.len();
        let publisher = Arc::clone(&self.plugin.publisher);
        let appended = self
            .channel
            .append_encoded(publisher, events, self.expected);
        let appended = appended.await;
        appended.map_err(|failure: AppendFailure| refusal(&self.channel, failure, count))
    }

    /// The answer when all of them are stored already.
    fn stored_before(&self, named: &[Named]) -> Receipt {
        Receipt {
            epoch: self.channel.epoch(),
            last: self.channel.bounds().map_or(0, |bounds| bounds.last),
            events: self.known(named).map(|(_, event)| event).collect(),
        }
    }

    /// Those that are stored already, with their positions.
    fn known<'a>(&'a self, named: &'a [Named]) -> impl Iterator<Item = (usize, StoredEvent)> + 'a {
        named.iter().filter_map(|named| {
            let before = named.before?;
            let id = self.events.get(named.at)?.packed().id().to_owned();
            let event = StoredEvent {
                id,
                time: before.time,
                sequence: before.sequence,
                duplicate: true,
            };
            Some((named.at, event))
        })
    }

    /// Whether the event that the log has under this number says the same, as far as it can
    /// still be read.
    async fn says(&self, output: Output) -> bool {
        let after = output.sequence.saturating_sub(1);
        let one = ReadAmount::events(1);
        let found = self.channel.read(after, one, &ReadFilter::default()).await;
        let Ok(found) = found else {
            return true;
        };
        let mut events = found.events.iter();
        let stored = events
            .next()
            .map(|event| EventRef::assume_encoded(event))
            .filter(|event| event.sequence() == Some(output.sequence));
        stored.is_none_or(|event| Content::of(event) == output.content)
    }

    /// What the guest is told whose event is not the one that is stored under its id, and
    /// whether others of the append are stored.
    fn is_another(&self, at: usize, id: &str, sequence: u64, others: bool) -> AppendRefusal {
        let channel = self.channel.name();
        let which = match self.count {
            1 => "the event".to_owned(),
            _ => format!("event {at} of the batch"),
        };
        let others = match others {
            true => "; the others of the batch are stored",
            false => "",
        };
        let why = format!(
            "{which} is not the one that the channel `{channel}` has under its \
             id `{id}`, with the number {sequence}, from another attempt at the event in hand: a \
             handler has to append the same in the same order at each attempt, without times or \
             random numbers of the attempt, or to give its events ids of its own{others}"
        );
        self.plugin.count_refusal("append", &why);
        AppendRefusal::Invalid(why)
    }
}

#[cfg(test)]
mod tests;
