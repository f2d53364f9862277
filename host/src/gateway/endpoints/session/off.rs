//! Refuses what is for sessions where nobody can have one.

use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;

impl Context {
    /// Checks that there are sessions.
    ///
    /// # Errors
    /// [`Rejection::SessionsOff`] when nothing says who could have one, and
    /// [`Rejection::Draining`] when there are no new ones any more.
    pub(super) fn check_sessions(&self) -> Result<(), Rejection> {
        if !self.sessions.are_on() {
            return Err(Rejection::SessionsOff);
        }
        if self.draining.is_cancelled() {
            return Err(Rejection::Draining);
        }
        Ok(())
    }
}
