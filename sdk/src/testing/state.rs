//! What the fake host of a thread knows and was told.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hearken_pattern::{Pattern, is_type_char};

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

impl State {
    pub fn send(&mut self, event: outgoing::Attributes) -> Result<String, SendError> {
        if let Some(error) = self.refusals.pop_front() {
            return Err(error);
        }
        let event_type = if event.event_type.starts_with("custom.") {
            event.event_type
        } else {
            format!("custom.{}", event.event_type)
        };
        if event_type == "custom."
            || event_type.len() > MAX_TYPE_BYTES
            || !event_type.chars().all(is_type_char)
        {
            return Err(SendError::Invalid(format!(
                "the event type `{event_type}` is not 1 to {MAX_TYPE_BYTES} characters of A-Z a-z 0-9 . _ - / :"
            )));
        }
        let id = format!("sent-{}", self.sent.len() + 1);
        self.sent.push(Event::new(Attributes {
            id: id.clone(),
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
            extensions: event.extensions,
            ..Attributes::default()
        }));
        Ok(id)
    }

    pub fn wait(&mut self, filter: &Filter) -> Result<Event, WaitError> {
        Pattern::new(&filter.pattern).map_err(|error| WaitError::Invalid(error.to_string()))?;
        let wanted = |event: &Event| filter.matches(event);
        let at = self.answers.iter().position(wanted);
        at.and_then(|at| self.answers.remove(at))
            .ok_or(WaitError::TimedOut)
    }
}
