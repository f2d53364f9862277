//! Sessions: what their transports send and get, translated into commands and frames of the
//! room `session`, and what is published to their channels.
//!
//! - `web_socket` is the route that clients upgrade on, `conversation` what is spoken then.
//! - `published` is for events of `POST /v1/events` that name a channel of sessions.
//! - `refusal` is what can go wrong.

mod conversation;
pub(in crate::gateway) mod published;
mod refusal;
pub(in crate::gateway) mod web_socket;

pub(in crate::gateway) use refusal::SessionRefusal;

use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;

impl Context {
    /// Checks that there are sessions.
    ///
    /// # Errors
    /// [`SessionRefusal::Off`] when nothing says who could have one, and
    /// [`Rejection::Draining`] when there are no new ones any more.
    fn check_sessions(&self) -> Result<(), Rejection> {
        if !self.sessions.are_on() {
            return Err(SessionRefusal::Off.into());
        }
        if self.draining.is_cancelled() {
            return Err(Rejection::Draining);
        }
        Ok(())
    }
}
