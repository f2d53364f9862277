//! The fake host.

use std::marker::PhantomData;

use super::sessions::SessionAct;
use super::state::{self, State, with_host};
use crate::channels::AppendError;
use crate::log::Level;
use crate::sessions::{ClientInfo, Publication, SessionsError};
use crate::{Event, SendError};

/// Plays the host for the listeners called on this thread while it lives: gives
/// them configuration, key-value buckets, channels and events to wait for, and keeps
/// what they send and log.
#[derive(Debug)]
#[must_use = "the host answers only while it lives; bind it to a name"]
pub struct Host {
    /// Bound to its thread, as its state is.
    not_send: PhantomData<*const ()>,
}

impl Host {
    /// A host without configuration, with every bucket granted and empty.
    ///
    /// # Panics
    /// If another host lives on this thread.
    #[expect(
        clippy::new_without_default,
        reason = "a host takes its thread over; that should be written out"
    )]
    pub fn new() -> Self {
        state::install(State::default());
        Self {
            not_send: PhantomData,
        }
    }

    /// Sets a configuration value.
    pub fn config(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        with_host("config", |host| {
            host.config.insert(key.into(), value.into())
        });
        self
    }

    /// Sets a secret.
    pub fn secret(self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        with_host("secret", |host| {
            host.secrets.insert(key.into(), value.into())
        });
        self
    }

    /// Refuses to open this bucket, as for a manifest that does not grant it.
    pub fn deny_bucket(self, name: impl Into<String>) -> Self {
        with_host("deny_bucket", |host| {
            host.denied_buckets.insert(name.into())
        });
        self
    }

    /// Makes a durable channel, empty, that the plugin may append to and read. Others are
    /// not there.
    pub fn channel(self, name: impl Into<String>) -> Self {
        with_host("channel", |host| host.channels.make(name.into()));
        self
    }

    /// Lets the next append to a channel fail with `error`; several are used up in turn.
    pub fn refuse_append(self, error: AppendError) -> Self {
        with_host("refuse_append", |host| {
            host.channels.refusals.push_back(error);
        });
        self
    }

    /// Lets the next `send` fail with `error`; several are used up in turn.
    pub fn refuse_send(self, error: SendError) -> Self {
        with_host("refuse_send", |host| host.refusals.push_back(error));
        self
    }

    /// Makes a channel of sessions with these subscribers and publications, which have the
    /// offsets from 1. Others are not there.
    pub fn session_channel(
        self,
        name: impl Into<String>,
        present: Vec<ClientInfo>,
        publications: Vec<Publication>,
    ) -> Self {
        with_host("session_channel", |host| {
            host.sessions.make(name.into(), present, publications)
        });
        self
    }

    /// Makes the next call on sessions fail with `error`; several are used up in turn.
    pub fn refuse_sessions(self, error: SessionsError) -> Self {
        with_host("refuse_sessions", |host| {
            host.sessions.refusals.push_back(error)
        });
        self
    }

    /// Lets a later `wait` return `event`. A wait takes the first scripted event
    /// that matches its filter, and times out at once when there is none.
    pub fn answer_wait(self, event: Event) -> Self {
        with_host("answer_wait", |host| host.answers.push_back(event));
        self
    }

    /// What was sent so far, as it would be delivered: under `custom.`, with the
    /// ids `sent-1`, `sent-2` and so on, unless it has one of its own. What was appended to
    /// a channel is among it, with its number.
    #[must_use]
    pub fn sent(&self) -> Vec<Event> {
        with_host("sent", |host| host.sent.clone())
    }

    /// The events of a channel, in order.
    ///
    /// # Panics
    /// If there is no such [`channel`](Self::channel).
    #[must_use]
    pub fn channel_events(&self, name: &str) -> Vec<Event> {
        with_host("channel_events", |host| {
            let events = host.channels.events(name);
            let events = events.unwrap_or_else(|| {
                panic!("there is no channel `{name}`; make it with `Host::channel`")
            });
            events.to_vec()
        })
    }

    /// What was done with sessions so far.
    #[must_use]
    pub fn session_acts(&self) -> Vec<SessionAct> {
        with_host("session_acts", |host| host.sessions.acts.clone())
    }

    /// What was logged so far (not what was printed).
    #[must_use]
    pub fn logged(&self) -> Vec<(Level, String)> {
        with_host("logged", |host| host.logged.clone())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        state::remove();
    }
}
