//! Unit tests of listeners, natively and without a host.
//!
//! Listeners stay plain functions, so a test calls them with an [`event`] that it
//! built, or hands the event to [`deliver`], which picks the listeners as the host
//! would. While a [`Host`] lives, what a listener sends, logs or asks for on the
//! same thread goes to it.
//!
//! ```
//! use hearken_sdk::{Event, OutgoingEvent, SendError, config, send, testing};
//!
//! #[hearken_sdk::listener("custom.hello.*")]
//! fn greet(event: &Event) -> Result<(), Box<dyn std::error::Error>> {
//!     let greeting = config::get("greeting")?.unwrap_or_default();
//!     send(OutgoingEvent::new("greeted").json(&greeting))?;
//!     Ok(())
//! }
//!
//! let host = testing::Host::new().config("greeting", "good day");
//! greet(&testing::event("custom.hello.world").build())?;
//! assert_eq!(host.sent()[0].event_type(), "custom.greeted");
//! assert_eq!(host.sent()[0].json::<String>()?, "good day");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod channels;
mod event;
pub mod hooks;
mod host;
mod sessions;
pub(crate) mod state;

pub use event::{EventBuilder, event};
pub use host::Host;
pub use sessions::SessionAct;

use crate::failure::Failure;
use crate::{Event, Filter, dispatch};
use channels::Handling;
use state::if_host;

/// Why an event that its channel delivers was not handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotHandled {
    /// It will be tried again.
    Again(String),
    /// It would go to the dead letters.
    Rejected(String),
}

/// Gives `event` to every live listener of this crate that it is meant for.
///
/// # Errors
/// What the host would report in `plugin.failed`: the errors of the listeners.
pub fn deliver(event: &Event) -> Result<(), String> {
    let delivered = dispatch::Dispatcher::default().dispatch(event);
    delivered.map_err(|failure| failure.reason)
}

/// Gives `event` to the listeners on its channel that it is meant for, as the host does at
/// its attempt number `attempt`, from 1. At a later attempt those are not called that have
/// handled the event at one before. What they append while a [`Host`] lives, and without ids
/// of their own, is stored once, however many attempts it takes.
///
/// # Errors
/// [`NotHandled`] says whether the host would try it again.
///
/// # Panics
/// If the event has no [`channel`](EventBuilder::channel), or two listeners on one channel
/// have the same name.
pub fn deliver_from_channel(event: &Event, attempt: u32) -> Result<(), NotHandled> {
    let handling = Handling::of(event);
    assert!(
        handling.is_some(),
        "the event is in no channel; give it a place with `EventBuilder::channel`"
    );
    if let Err(why) = dispatch::check_names(dispatch::listeners()) {
        panic!("{why}");
    }
    if_host(|host| host.handling = handling);
    let event = event.clone().consumed(attempt > 1);
    let delivered = dispatch::Dispatcher::default().dispatch(&event);
    if_host(|host| host.handling = None);
    delivered.map_err(|Failure { reason, rejected }| match rejected {
        true => NotHandled::Rejected(reason),
        false => NotHandled::Again(reason),
    })
}

/// The listeners of this crate as the host sees them: names and filters.
#[must_use]
pub fn listeners() -> Vec<(&'static str, Filter)> {
    dispatch::listeners()
        .flat_map(|listener| {
            listener.patterns.iter().map(move |pattern| {
                let filter = Filter {
                    pattern: (*pattern).to_owned(),
                    subject: listener.subject.map(str::to_owned),
                    channel: listener.channel.map(str::to_owned),
                    local_only: listener.local_only,
                };
                (listener.name, filter)
            })
        })
        .collect()
}

/// The version that the plugin gives itself.
#[must_use]
pub fn version() -> &'static str {
    dispatch::version()
}
