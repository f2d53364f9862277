//! Sessions: what their transports send and get, translated into commands and frames of the
//! room `session`, and what is published to their channels.
//!
//! - `web_socket` is the route that clients upgrade on, `conversation` what is spoken then.
//! - `long_answers` are the routes whose answers do not end, `streamed` is what they consist
//!   of; `emulation` is where commands of such sessions go, which their `inbox` has until then.
//! - `published` is for events of `POST /v1/events` that name a channel of sessions.
//! - `operate` is for operators, who are shown a `view` of sessions, say by `addressed` of
//!   which they speak, and have things `acted` on all nodes.
//! - `refusal` is what can go wrong.

mod acted;
mod addressed;
mod conversation;
pub(in crate::gateway) mod emulation;
mod inbox;
pub(in crate::gateway) mod long_answers;
pub(in crate::gateway) mod operate;
pub(in crate::gateway) mod published;
mod refusal;
mod streamed;
#[cfg(test)]
mod tests;
mod view;
pub(in crate::gateway) mod web_socket;

pub(in crate::gateway) use inbox::Inboxes;
pub(in crate::gateway) use refusal::SessionRefusal;

use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;

impl Context {
    /// Checks that there are sessions.
    ///
    /// # Errors
    /// [`SessionRefusal::Off`] when nothing says who could have one, and
    /// [`Rejection::Draining`] when there are no new ones any more.
    pub(in crate::gateway) fn check_sessions(&self) -> Result<(), Rejection> {
        if !self.sessions.are_on() {
            return Err(SessionRefusal::Off.into());
        }
        if self.draining.is_cancelled() {
            return Err(Rejection::Draining);
        }
        Ok(())
    }
}
