//! Sessions of clients: what they ask the plugin before something is done for them, and what
//! the plugin does with them.
//!
//! # Hooks
//! A struct whose methods carry these names answers what sessions ask, under
//! [`sessions`](macro@crate::sessions); what it has no method for it is not asked.
//!
//! ```
//! use hearken_sdk::sessions::{
//!     Connected, Connecting, Published, Publishing, Refusal, Session, Subscribed, Subscribing,
//! };
//!
//! #[derive(Default)]
//! struct Chat;
//!
//! #[hearken_sdk::sessions("chat")]
//! impl Chat {
//!     fn connect(&mut self, request: &Connecting) -> Result<Connected, Refusal> {
//!         let name: String = request.json()?;
//!         Ok(Connected::as_user(name))
//!     }
//!
//!     fn subscribe(
//!         &mut self,
//!         session: &Session,
//!         request: &Subscribing,
//!     ) -> Result<Subscribed, Refusal> {
//!         match request.channel == "chat:staff" && session.user != "ada" {
//!             true => Err(Refusal::permission_denied()),
//!             false => Ok(Subscribed::new()),
//!         }
//!     }
//!
//!     fn publish(
//!         &mut self,
//!         _session: &Session,
//!         request: &Publishing,
//!     ) -> Result<Published, Refusal> {
//!         let text: String = request.json()?;
//!         Ok(Published::json(&text.trim()))
//!     }
//! }
//! ```
//!
//! Which of them the node asks its configuration says, and the plugin's manifest grants it with
//! `[allow] sessions = ["chat"]`. An answer has a second; later it is a refusal.
//!
//! # Addressing sessions
//! [`send`], [`subscribe`], [`unsubscribe`], [`disconnect`] and [`refresh`] act on sessions,
//! [`presence`] and [`history`] look at channels: any handler may call them, with the same grant.
//!
//! ```
//! use hearken_sdk::sessions::{self, To};
//! # use hearken_sdk::testing;
//! # let host = testing::Host::new();
//! let reached = sessions::send(To::user("ada"), &"your order is on its way")?;
//! println!("told {} sessions", reached.sessions);
//! # Ok::<(), sessions::SessionsError>(())
//! ```

mod answers;
mod calls;
mod refusal;
mod requests;

pub use answers::{Connected, Grant, Overrides, Published, Refreshed, Subscribed};
pub use calls::{
    ClientInfo, Except, HistoryAsked, HistoryPage, HistoryPosition, PresenceStats, Publication,
    Reached, SessionsError, To, disconnect, history, presence, presence_stats, refresh, send,
    send_except, subscribe, unsubscribe,
};
pub use refusal::Refusal;
pub use requests::{Connecting, NotFitting, Publishing, Session, Subscribing};

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since the Unix epoch, as the host has it.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
