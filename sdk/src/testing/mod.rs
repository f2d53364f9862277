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

mod event;
mod host;
pub(crate) mod state;

pub use event::{EventBuilder, event};
pub use host::Host;

use crate::{Event, Filter, dispatch};

/// Gives `event` to every listener of this crate that it is meant for.
///
/// # Errors
/// What the host would report in `plugin.failed`: the errors of the listeners.
pub fn deliver(event: &Event) -> Result<(), String> {
    dispatch::Dispatcher::default().dispatch(event)
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
