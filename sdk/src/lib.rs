//! Write [Hearken](https://github.com/hearken/hearken) plugins in Rust: a plain
//! function becomes a sandboxed listener.
//!
//! ```
//! use hearken_sdk::Event;
//!
//! #[hearken_sdk::listener("custom.hello.*")]
//! fn greet(event: Event) {
//!     println!("hello, {}", event.subject().unwrap_or("world"));
//! }
//! ```
//!
//! A plugin is a crate of type `cdylib`, built with
//! `cargo build --release --target wasm32-wasip2`. Every [`listener`] in it is
//! found by itself; there is nothing to register.
//!
//! # What a listener looks like
//! - The first parameter is the event, as [`Event`] or `&Event`.
//! - A second parameter, if there is one, is the event's JSON data as any type
//!   with serde's `Deserialize`. An event whose data does not fit is reported as
//!   failed and the function is not called.
//! - It returns nothing, or `Result<(), E>` with any `E` that can be displayed.
//!   An error is reported in `plugin.failed`; so is a panic, which also costs the
//!   plugin's instance and with it its state.
//!
//! ```
//! # use hearken_sdk::{Event, OutgoingEvent, SendError, send};
//! #[derive(serde::Deserialize)]
//! struct Added {
//!     quantity: u32,
//! }
//!
//! #[hearken_sdk::listener("custom.cart.{added,changed}", local_only)]
//! fn restock(event: &Event, added: Added) -> Result<(), SendError> {
//!     if added.quantity > 100 {
//!         let item = event.subject().unwrap_or_default();
//!         send(OutgoingEvent::new("stock.low").subject(item))?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! What is no listener does not compile:
//!
//! ```compile_fail
//! #[hearken_sdk::listener("custom.a")]
//! fn not_an_event(event: String) {}
//! ```
//! ```compile_fail
//! #[hearken_sdk::listener("custom.a")]
//! fn neither_nothing_nor_a_result(event: hearken_sdk::Event) -> u32 {
//!     7
//! }
//! ```
//!
//! # Channels
//! With `channel = "orders"` a listener gets the events of that durable [channel](channels):
//! each at least once and in order for each subject, also those that were appended while the
//! plugin or the node was not there. An event whose handler fails is tried again after 1 s,
//! 2 s, 4 s and so on; only events of its subject wait meanwhile. After the last attempt it
//! goes to the channel of dead letters, and at once if the error is a [`Reject`], or if its
//! data does not fit.
//!
//! ```
//! # use hearken_sdk::{Event, OutgoingEvent, SendError, send};
//! #[hearken_sdk::listener("custom.order.*", channel = "orders", from = "new")]
//! fn book(event: &Event, total: u64) -> Result<(), SendError> {
//!     // Stored once, however often the order is handled.
//!     send(OutgoingEvent::new("booking.made").json(&total).channel("bookings"))?;
//!     Ok(())
//! }
//! ```
//!
//! # Sessions
//! A plugin answers what [`sessions`](mod@sessions) of clients ask, before they connect,
//! subscribe or publish, and sends them something of its own accord.
//!
//! # State
//! A struct whose methods listen lives as long as the plugin's instance; see
//! [`listeners`]. What must outlive the instance belongs into the
//! [`keyvalue`] store.
//!
//! # What a plugin may do
//! [`send`] publishes and [`wait`] waits for an event, [`channels`] appends and reads,
//! [`config`] reads the
//! manifest's `[config]`, [`secrets`] gives what its `[secrets]` names, [`keyvalue`] keeps data in the buckets that the manifest
//! grants, [`log`] writes to the host's log; what a plugin prints goes there too.
//! A component imports only what its code uses.
//!
//! # Tests
//! Handlers stay plain functions and methods, so `cargo test` calls them natively
//! without a host; the `testing` module (native targets only) plays its part.

mod attempts;
mod dispatch;
mod event;
mod failure;
mod filter;
mod hooks;
mod host;
mod outgoing;
mod rfc3339;

pub mod channels;
pub mod config;
pub mod keyvalue;
pub mod log;
pub mod secrets;
pub mod sessions;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use event::{DataError, Event};
pub use failure::{OrReject, Reject};
pub use filter::{Filter, WaitError, wait};
pub use hearken_sdk_macros::{listener, listeners, sessions};
pub use outgoing::{OutgoingEvent, SendError, send};

/// What the macros expand to; not for use by hand and without any promise.
#[doc(hidden)]
pub mod __private {
    pub use crate::dispatch::{
        Delivery, EventArgument, Listener, Outcome, StartingPoint, data, event,
    };
    pub use crate::hooks::SessionHooks;
    #[cfg(target_family = "wasm")]
    pub use crate::host::session_hooks;
    pub use inventory;
}

/// Exports the hooks of the plugin that uses it; what `#[sessions]` expands to.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_sessions {
    () => {
        use $crate::__private::session_hooks::Exported;
        $crate::__private::session_hooks::bindings::export_session_hooks!(
            Exported with_types_in $crate::__private::session_hooks::bindings
        );
    };
}

/// Natively there is no component that could export anything.
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_sessions {
    () => {};
}
