//! What the fake host of a thread knows and was told.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hearken_pattern::{Pattern, is_type_char};

use super::channels::{Channels, Handling, stored};
use super::sessions::Sessions;
use crate::channels::{AppendError, Stored};
use crate::event::Attributes;
use crate::log::Level;
use crate::{Event, Filter, SendError, WaitError, outgoing};

/// The records of one bucket.
pub(crate) type Records = BTreeMap<String, Vec<u8>>;

/// Longest event type in bytes, as on a real node.
const MAX_TYPE_BYTES: usize = 255;

/// One fake host.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub config: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, Vec<u8>>,
    pub buckets: BTreeMap<String, Records>,
    pub denied_buckets: BTreeSet<String>,
    pub channels: Channels,
    pub sessions: Sessions,
    /// While an event is delivered by its channel.
    pub handling: Option<Handling>,
    pub refusals: VecDeque<SendError>,
    pub answers: VecDeque<Event>,
    pub sent: Vec<Event>,
    pub logged: Vec<(Level, String)>,
}

thread_local! {
    static HOST: RefCell<Option<State>> = const { RefCell::new(None) };
}

pub(crate) fn install(state: State) {
    HOST.with_borrow_mut(|host| {
        assert!(
            host.is_none(),
            "this thread has a `testing::Host` already; one test uses one"
        );
        *host = Some(state);
    });
}

pub(crate) fn remove() {
    HOST.with_borrow_mut(Option::take);
}

/// Acts on the thread's host; `call` is what the plugin called.
pub(crate) fn with_host<T>(call: &str, act: impl FnOnce(&mut State) -> T) -> T {
    HOST.with_borrow_mut(|host| match host {
        Some(host) => act(host),
        None => panic!(
            "`{call}` needs a host; outside of a component, begin the test with \
             `let host = hearken_sdk::testing::Host::new();`"
        ),
    })
}

/// Acts on the thread's host, if it has one.
pub(crate) fn if_host(act: impl FnOnce(&mut State)) {
    HOST.with_borrow_mut(|host| {
        if let Some(host) = host {
            act(host);
        }
    });
}

impl State {
    pub fn begin_part(&mut self, name: &str) {
        if let Some(handling) = &mut self.handling {
            handling.begin_part(name);
        }
    }

    pub fn append(
        &mut self,
        channel: &str,
        mut events: Vec<outgoing::Attributes>,
        expect_last: Option<u64>,
    ) -> Result<Vec<Stored>, AppendError> {
        let numbered = self.handling.as_mut();
        let numbered = numbered.map(|handling| handling.name(channel, &mut events));
        let appended = self.append_named(channel, events, expect_last);
        if let (Some(handling), Some(numbered)) = (&mut self.handling, numbered) {
            handling.appended(numbered, appended.is_ok());
        }
        appended
    }

    fn append_named(
        &mut self,
        channel: &str,
        events: Vec<outgoing::Attributes>,
        expect_last: Option<u64>,
    ) -> Result<Vec<Stored>, AppendError> {
        self.channels.check(channel, events.len())?;
        // All of them, or none.
        let mut delivered = Vec::with_capacity(events.len());
        for event in &events {
            if let Some(other) = event.channel.as_deref().filter(|other| *other != channel) {
                return Err(AppendError::Invalid(format!(
                    "it names the channel `{other}`, and is appended to `{channel}`"
                )));
            }
            let event_type = delivered_type(&event.event_type).map_err(AppendError::Invalid)?;
            delivered.push(event_type);
        }
        let mut is_new = events.is_empty();
        for (event, event_type) in events.iter().zip(&delivered) {
            let id = event.id.as_deref().unwrap_or_default();
            match self.channels.find(channel, id) {
                Some(before) => self.same(before, event, event_type)?,
                None => is_new = true,
            }
        }
        // A repeat of what is stored has the answer of the first.
        if is_new {
            self.channels.expect(channel, expect_last)?;
        }
        let mut receipt = Vec::with_capacity(events.len());
        for (mut event, event_type) in events.into_iter().zip(delivered) {
            let id = event.id.as_deref().unwrap_or_default();
            if let Some(before) = self.channels.find(channel, id) {
                receipt.push(stored(channel, before, true));
                continue;
            }
            let sequence = Some(self.channels.next(channel));
            event.channel = Some(channel.to_owned());
            let event = self.publish(event, event_type, sequence);
            receipt.push(stored(channel, &event, false));
            self.channels.push(channel, event);
        }
        Ok(receipt)
    }

    /// Refuses an event that has got its id from the event in hand and is not the one that is
    /// stored under that.
    fn same(
        &self,
        before: &Event,
        event: &outgoing::Attributes,
        event_type: &str,
    ) -> Result<(), AppendError> {
        let handling = self.handling.as_ref();
        let is_named = handling.is_some_and(|handling| handling.has_named(before.id()));
        let is_same = before.event_type() == event_type
            && before.subject() == event.subject.as_deref()
            && before.data_bytes() == event.data.as_deref().unwrap_or_default();
        if !is_named || is_same {
            return Ok(());
        }
        Err(AppendError::Invalid(format!(
            "the event is not the one that is stored under its id `{}`: a handler has to append \
             the same in the same order at each attempt",
            before.id()
        )))
    }

    pub fn send(&mut self, event: outgoing::Attributes) -> Result<String, SendError> {
        if let Some(error) = self.refusals.pop_front() {
            return Err(error);
        }
        let of_sessions = event.channel.as_deref();
        let of_sessions = of_sessions.is_some_and(|channel| self.sessions.has(channel));
        if let Some(channel) = event.channel.clone().filter(|_| !of_sessions) {
            let stored = self.append(&channel, vec![event], None)?;
            let ids = stored.into_iter().map(|event| event.id);
            return Ok(ids.collect());
        }
        let event_type = delivered_type(&event.event_type).map_err(SendError::Invalid)?;
        Ok(self.publish(event, event_type, None).id().to_owned())
    }

    fn publish(
        &mut self,
        event: outgoing::Attributes,
        event_type: String,
        sequence: Option<u64>,
    ) -> Event {
        let number = self.sent.len() + 1;
        let event = Event::new(Attributes {
            id: event.id.unwrap_or_else(|| format!("sent-{number}")),
            source: "/nodes/test/plugins/test".to_owned(),
            event_type,
            subject: event.subject,
            time: event.time,
            datacontenttype: event
                .datacontenttype
                .unwrap_or_else(|| "application/json".to_owned()),
            data: event.data.unwrap_or_default(),
            distributed: event.distributed,
            origin: "test".to_owned(),
            localorigin: true,
            channel: event.channel,
            sequence,
            extensions: event.extensions,
            ..Attributes::default()
        });
        self.sent.push(event.clone());
        event
    }

    pub fn wait(&mut self, filter: &Filter) -> Result<Event, WaitError> {
        Pattern::new(&filter.pattern).map_err(|error| WaitError::Invalid(error.to_string()))?;
        let wanted = |event: &Event| filter.matches(event);
        let at = self.answers.iter().position(wanted);
        at.and_then(|at| self.answers.remove(at))
            .ok_or(WaitError::TimedOut)
    }
}

/// The type as which an event is delivered; the error says what is wrong with it.
fn delivered_type(sent: &str) -> Result<String, String> {
    let event_type = match sent.starts_with("custom.") {
        true => sent.to_owned(),
        false => format!("custom.{sent}"),
    };
    if event_type == "custom."
        || event_type.len() > MAX_TYPE_BYTES
        || !event_type.chars().all(is_type_char)
    {
        return Err(format!(
            "the event type `{event_type}` is not 1 to {MAX_TYPE_BYTES} characters of A-Z a-z 0-9 . _ - / :"
        ));
    }
    Ok(event_type)
}
