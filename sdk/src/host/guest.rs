//! The component: its exports, and its imports as the SDK's types.

mod channels;
pub mod session_hooks;
mod sessions;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use hearken_wire::frame::Deliveries;
use zerocopy::IntoBytes as _;

use crate::config::ConfigError;
use crate::dispatch;
use crate::event::Attributes;
use crate::keyvalue::{KeyPage, KeyValueError};
use crate::log::Level;
use crate::outgoing;
use crate::secrets::SecretError;
use crate::{Event, Filter, SendError, WaitError};

pub(crate) use channels::{append, bounds, read};
pub(crate) use sessions::{
    sessions_disconnect, sessions_history, sessions_presence, sessions_presence_stats,
    sessions_refresh, sessions_send, sessions_subscribe, sessions_unsubscribe,
};

use bindings::exports::hearken::plugin::framed_listener;
use bindings::hearken::plugin::{events, progress, types};
use bindings::wasi::config::store as config;
use bindings::wasi::keyvalue::{atomics, batch, store};
use bindings::wasi::logging::logging;
use bindings::wasmcloud::secrets::{reveal, store as secrets};

#[allow(
    unsafe_code,
    missing_docs,
    clippy::all,
    reason = "generated from the WIT world; the component ABI needs raw memory"
)]
mod bindings {
    wit_bindgen::generate!({ world: "framed-plugin", path: "wit", generate_all });

    export!(Plugin);

    pub(super) struct Plugin;
}

/// What the host is shown of this instance, and says to it while it is at work.
struct Progress([AtomicU64; 2]);

impl Progress {
    /// Leaked, so that it stays in its place.
    fn show() -> &'static Self {
        let mut progress = Box::new(Self(Default::default()));
        progress::watch(progress.0.as_mut_bytes());
        Box::leak(progress)
    }

    /// Begins an event, unless the host wants no further one begun.
    #[inline]
    fn begin(&self) -> bool {
        let Self([begun, stop]) = self;
        let begins = stop.load(Ordering::Relaxed) == 0;
        if begins {
            begun.fetch_add(1, Ordering::Relaxed);
        }
        begins
    }
}

static PROGRESS: LazyLock<&'static Progress> = LazyLock::new(Progress::show);

impl framed_listener::Guest for bindings::Plugin {
    fn describe() -> types::Description {
        LazyLock::force(&PROGRESS);
        if let Err(why) = dispatch::check_names(dispatch::listeners()) {
            panic!("{why}");
        }
        let describe = |listener: &dispatch::Listener, pattern: &str| {
            let filter = types::Filter {
                pattern: pattern.to_owned(),
                subject: listener.subject.map(str::to_owned),
                channel: listener.channel.map(str::to_owned),
                local_only: listener.local_only,
            };
            types::ListenerDescription {
                name: listener.name.to_owned(),
                filter,
                delivery: delivery(listener),
            }
        };
        types::Description {
            version: dispatch::version().to_owned(),
            listeners: dispatch::listeners()
                .flat_map(|listener| {
                    listener
                        .patterns
                        .iter()
                        .map(move |pattern| describe(listener, pattern))
                })
                .collect(),
        }
    }

    fn handle(frame: Vec<u8>) {
        let progress = LazyLock::force(&PROGRESS);
        let frame = Arc::new(frame);
        let mut dispatcher = dispatch::Dispatcher::default();
        for delivery in Deliveries::new(&frame) {
            if !progress.begin() {
                return;
            }
            let delivery = delivery.expect("the host sends well-formed frames");
            let event = Event::delivered(Arc::clone(&frame), delivery);
            if let Err(failure) = dispatcher.dispatch(&event) {
                match failure.rejected {
                    true => progress::reject(&failure.reason),
                    false => progress::fail(&failure.reason),
                }
            }
        }
    }
}

fn delivery(listener: &dispatch::Listener) -> types::Delivery {
    let (dispatch::Delivery::Channel(from), Some(name)) = (listener.delivery, listener.channel)
    else {
        return types::Delivery::Live;
    };
    types::Delivery::Channel(types::ChannelDelivery {
        name: name.to_owned(),
        from: from.map(|from| match from {
            dispatch::StartingPoint::First => types::StartingPoint::First,
            dispatch::StartingPoint::New => types::StartingPoint::New,
            dispatch::StartingPoint::After(after) => types::StartingPoint::After(after),
        }),
    })
}

/// Tells the host which listener has the event in hand now, where several have it by turns.
pub(crate) fn begin_part(name: &str) {
    progress::part(name);
}

impl From<types::Event> for Event {
    fn from(event: types::Event) -> Self {
        Self::new(Attributes {
            id: event.id,
            source: event.source,
            event_type: event.type_,
            subject: event.subject,
            time: event.time,
            recorded_time: event.recorded_time,
            datacontenttype: event.datacontenttype,
            data: event.data,
            distributed: event.distributed,
            origin: event.origin,
            localorigin: event.localorigin,
            channel: event.channel,
            sequence: event.sequence,
            traceparent: event.traceparent,
            tracestate: event.tracestate,
            extensions: event.extensions,
        })
    }
}

pub(crate) fn send(event: outgoing::Attributes) -> Result<String, SendError> {
    let event = outgoing_event(event);
    events::send(&event).map_err(|error| match error {
        events::SendError::Invalid(reason) => SendError::Invalid(reason),
        events::SendError::TooLarge(limit) => SendError::TooLarge(limit),
        events::SendError::BudgetExceeded => SendError::BudgetExceeded,
        events::SendError::Channel(error) => {
            let channel = event.channel.as_deref().unwrap_or_default();
            channels::append_error(channel, error).into()
        }
    })
}

fn outgoing_event(event: outgoing::Attributes) -> types::OutgoingEvent {
    types::OutgoingEvent {
        type_: event.event_type,
        id: event.id,
        subject: event.subject,
        time: event.time,
        datacontenttype: event.datacontenttype,
        data: event.data,
        distributed: event.distributed,
        channel: event.channel,
        extensions: event.extensions,
    }
}

pub(crate) fn wait(filter: &Filter, milliseconds: u64) -> Result<Event, WaitError> {
    let filter = types::Filter {
        pattern: filter.pattern.clone(),
        subject: filter.subject.clone(),
        channel: filter.channel.clone(),
        local_only: filter.local_only,
    };
    events::wait(&filter, milliseconds)
        .map(Event::from)
        .map_err(|error| match error {
            events::WaitError::TimedOut => WaitError::TimedOut,
            events::WaitError::Invalid(reason) => WaitError::Invalid(reason),
        })
}

pub(crate) fn config_get(key: &str) -> Result<Option<String>, ConfigError> {
    config::get(key).map_err(ConfigError::from)
}

pub(crate) fn config_all() -> Result<Vec<(String, String)>, ConfigError> {
    config::get_all().map_err(ConfigError::from)
}

impl From<config::Error> for ConfigError {
    fn from(error: config::Error) -> Self {
        match error {
            config::Error::Upstream(reason) | config::Error::Io(reason) => {
                Self::Unavailable(reason)
            }
        }
    }
}

pub(crate) fn secret_get(key: &str) -> Result<Vec<u8>, SecretError> {
    let secret = secrets::get(key).map_err(|error| match error {
        secrets::SecretsError::NotFound => SecretError::NotFound(key.to_owned()),
        secrets::SecretsError::Upstream(reason) | secrets::SecretsError::Io(reason) => {
            let key = key.to_owned();
            SecretError::Unavailable { key, reason }
        }
    })?;
    Ok(match reveal::reveal(&secret) {
        secrets::SecretValue::String(text) => text.into_bytes(),
        secrets::SecretValue::Bytes(bytes) => bytes,
    })
}

pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Trace => logging::Level::Trace,
        Level::Debug => logging::Level::Debug,
        Level::Info => logging::Level::Info,
        Level::Warn => logging::Level::Warn,
        Level::Error => logging::Level::Error,
    };
    logging::log(level, "", message);
}

#[derive(Debug)]
pub(crate) struct Bucket(store::Bucket);

impl Bucket {
    pub fn open(name: &str) -> Result<Self, KeyValueError> {
        Ok(Self(store::open(name)?))
    }

    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        Ok(self.0.get(key)?)
    }

    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), KeyValueError> {
        Ok(self.0.set(key, value)?)
    }

    pub fn delete(&self, key: &str) -> Result<(), KeyValueError> {
        Ok(self.0.delete(key)?)
    }

    pub fn exists(&self, key: &str) -> Result<bool, KeyValueError> {
        Ok(self.0.exists(key)?)
    }

    pub fn list(&self, page: Option<u64>) -> Result<KeyPage, KeyValueError> {
        let response = self.0.list_keys(page)?;
        Ok(KeyPage {
            keys: response.keys,
            next: response.cursor,
        })
    }

    pub fn increment(&self, key: &str, delta: u64) -> Result<u64, KeyValueError> {
        Ok(atomics::increment(&self.0, key, delta)?)
    }

    pub fn get_many(&self, keys: &[String]) -> Result<Vec<(String, Vec<u8>)>, KeyValueError> {
        let values = batch::get_many(&self.0, keys)?;
        Ok(values.into_iter().flatten().collect())
    }

    pub fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KeyValueError> {
        Ok(batch::set_many(&self.0, entries)?)
    }

    pub fn delete_many(&self, keys: &[String]) -> Result<(), KeyValueError> {
        Ok(batch::delete_many(&self.0, keys)?)
    }
}

impl From<store::Error> for KeyValueError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NoSuchStore => Self::NoSuchStore,
            store::Error::AccessDenied => Self::AccessDenied,
            store::Error::Other(reason) => Self::Other(reason),
        }
    }
}
