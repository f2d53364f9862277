//! Waiting for events.

use std::time::Duration;

use hearken_pattern::Pattern;

use crate::{Event, host};

/// Which events are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub(crate) pattern: String,
    pub(crate) subject: Option<String>,
    pub(crate) channel: Option<String>,
    pub(crate) local_only: bool,
}

/// Why [`wait`] returned no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// No such event came in time.
    #[error("no matching event came in time")]
    TimedOut,
    /// The filter is not valid.
    #[error("the filter to wait with is not valid: {0}")]
    Invalid(String),
}

impl Filter {
    /// Events whose type matches `pattern`: `*` matches any run of characters,
    /// `{a,b}` is either, everything else is literal.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self {
            pattern: pattern.into(),
            subject: None,
            channel: None,
            local_only: false,
        }
    }

    /// Only events with exactly this subject.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Only events of this channel; with `*` in it, of the channels that it matches.
    #[must_use]
    pub fn channel(mut self, channel: impl Into<String>) -> Self {
        self.channel = Some(channel.into());
        self
    }

    /// Only events published on this node.
    #[must_use]
    pub fn local_only(mut self) -> Self {
        self.local_only = true;
        self
    }

    /// Whether `event` is wanted; a filter with a bad pattern wants nothing.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        Pattern::new(&self.pattern).is_ok_and(|pattern| pattern.matches(event.event_type()))
            && (self.subject.is_none() || self.subject.as_deref() == event.subject())
            && (self.channel.is_none() || self.channel.as_deref() == event.channel())
            && (!self.local_only || event.is_local())
    }
}

/// Waits for the next event that matches, for at most `timeout` (counted in
/// milliseconds). The time spent waiting counts towards the handler's deadline.
///
/// # Errors
/// [`WaitError`] says why there is no event.
pub fn wait(filter: &Filter, timeout: Duration) -> Result<Event, WaitError> {
    let milliseconds = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    host::wait(filter, milliseconds)
}
