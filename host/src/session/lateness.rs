//! How long a session's commands wait for other nodes. A client waits 5 s for each of its answers,
//! counted from when it has sent the command, and gives the connection up when one does not come
//! to a subscription; commands are carried out one after the other.

use std::time::Duration;

use hearken_session_protocol::codes::errors;
use tokio::time::{Instant, timeout_at};

use super::handle::Session;
use super::refused::Refused;

/// How long a command waits, if its own parts do not end before.
const COMMAND_TIMEOUT: Duration = Duration::from_millis(4_700);

/// How long each waits in any case, which a node that is near needs at most.
const AT_LEAST: Duration = Duration::from_millis(100);

/// How long a command takes at least that is refused for want of an answer, and not because it is
/// known that there is none.
const LATE: Duration = Duration::from_secs(1);

/// How soon behind such a command another comes that was sent meanwhile.
const AT_ONCE: Duration = Duration::from_millis(20);

/// What a session knows of its commands' waits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lateness {
    /// When its last message came, if its transport says so.
    came: Option<Instant>,
    /// When its last commands were done, if the last of them got no answer in time.
    late: Option<Instant>,
}

impl Lateness {
    /// A message has come. One that has waited behind commands that got no answer was sent long
    /// ago.
    pub(super) fn came(&mut self) {
        let now = Instant::now();
        if self.late.is_some_and(|late| now - late > AT_ONCE) {
            self.late = None;
        }
        self.came = Some(now);
    }

    /// A command is done that was begun then; `is_unanswered` says whether it was refused for now.
    fn done(&mut self, begun: Instant, is_unanswered: bool) {
        let now = Instant::now();
        let is_late = self.late.is_some() || now - begun >= LATE;
        self.late = (is_unanswered && is_late).then_some(now);
    }

    /// Until when a command waits that may wait for so long since it was sent.
    fn until(&self, longest: Duration) -> Instant {
        let now = Instant::now();
        let least = now + AT_LEAST;
        match self.late {
            Some(_) => least,
            None => (self.came.unwrap_or(now) + longest).max(least),
        }
    }
}

impl Session {
    /// Until when a command waits for other nodes that may wait for so long since it was sent.
    pub(super) fn waits_until(&self, longest: Duration) -> Instant {
        self.connection.lock().lateness.until(longest)
    }

    /// Carries out a command that may wait for other nodes.
    ///
    /// # Errors
    /// Why it is refused; with [`errors::INTERNAL`] it may be done all the same.
    pub(super) async fn in_time<T>(
        &self,
        command: impl Future<Output = Result<T, Refused>>,
    ) -> Result<T, Refused> {
        let until = self.waits_until(COMMAND_TIMEOUT);
        let done = timeout_at(until, command).await;
        done.unwrap_or_else(|_| Err(errors::INTERNAL.into()))
    }

    /// A command is done that was begun then.
    pub(super) fn note_lateness<T>(&self, begun: Instant, answered: &Result<T, Refused>) {
        let is_unanswered = |why: &Refused| match why {
            Refused::Error(error) => error.code == errors::INTERNAL.code,
            Refused::Disconnect(_) => false,
        };
        let is_unanswered = answered.as_ref().err().is_some_and(is_unanswered);
        self.connection.lock().lateness.done(begun, is_unanswered);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const LONGEST: Duration = Duration::from_secs(4);

    fn wait(lateness: Lateness) -> Duration {
        lateness.until(LONGEST) - Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_counts_from_when_its_message_came() {
        let mut lateness = Lateness::default();
        assert_eq!(wait(lateness), LONGEST);
        lateness.came();
        advance(LONGEST - 2 * AT_LEAST).await;
        assert_eq!(wait(lateness), 2 * AT_LEAST);
        advance(LONGEST).await;
        assert_eq!(wait(lateness), AT_LEAST);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_at_once_behind_what_got_no_answer_waits_no_more() {
        let mut lateness = Lateness::default();
        lateness.came();
        let begun = Instant::now();
        advance(LONGEST).await;
        lateness.done(begun, true);
        for _ in 0..3 {
            lateness.came();
            assert_eq!(wait(lateness), AT_LEAST);
            let begun = Instant::now();
            advance(AT_LEAST).await;
            lateness.done(begun, true);
        }
        // The client sends this one when it has the answer.
        advance(2 * AT_ONCE).await;
        lateness.came();
        assert_eq!(wait(lateness), LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_it_and_what_is_slow_but_answered_begins_it_not() {
        let mut lateness = Lateness::default();
        for (is_unanswered, expected) in [(false, LONGEST), (true, AT_LEAST), (false, LONGEST)] {
            lateness.came();
            let begun = Instant::now();
            advance(LONGEST).await;
            lateness.done(begun, is_unanswered);
            lateness.came();
            assert_eq!(wait(lateness), expected);
        }
        // Refused at once, since nobody was waited for.
        lateness.came();
        lateness.done(Instant::now(), true);
        assert_eq!(wait(lateness), LONGEST);
    }
}
