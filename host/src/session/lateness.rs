//! How long a session's commands wait for other nodes. A client waits 5 s for each of its answers,
//! counted from when it has sent the command, and gives the connection up when one does not come
//! to a subscription; commands are carried out one after the other.

use std::time::Duration;

use tokio::time::Instant;

/// How long each waits in any case, which a node that is near needs at most.
const AT_LEAST: Duration = Duration::from_millis(100);

/// What is refused later than that, where others are asked, was not answered by one of them.
pub(super) const LATE: Duration = Duration::from_secs(1);

/// How soon behind a command that waited in vain another comes that was sent meanwhile.
const AT_ONCE: Duration = Duration::from_millis(20);

/// How long after the first that waited in vain others come that were sent meanwhile: their client
/// has given them up by then.
const GIVEN_UP: Duration = Duration::from_secs(5);

/// What a session knows of its commands' waits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lateness {
    /// When its last message came, if its transport says so.
    came: Option<Instant>,
    /// Since when commands have waited in vain, one at once behind the other, and when the last
    /// of them was done.
    in_vain: Option<(Instant, Instant)>,
}

impl Lateness {
    /// A message has come. One that waited behind commands that have waited in vain was sent long
    /// ago.
    pub(super) fn came(&mut self) {
        let now = Instant::now();
        let is_over = |(_, last): (Instant, Instant)| now - last > AT_ONCE;
        if self.in_vain.is_some_and(is_over) {
            self.in_vain = None;
        }
        self.came = Some(now);
    }

    /// A command has waited in vain.
    pub(super) fn waited_in_vain(&mut self) {
        let now = Instant::now();
        let since = self.in_vain.map_or(now, |(since, _)| since);
        self.in_vain = Some((since, now));
    }

    /// Whether the commands before have waited in vain, at once behind which the next comes.
    pub(super) fn has_waited_in_vain(&mut self) -> bool {
        let is_over = |(since, _): (Instant, Instant)| since.elapsed() > GIVEN_UP;
        if self.in_vain.is_some_and(is_over) {
            self.in_vain = None;
        }
        self.in_vain.is_some()
    }

    /// Until when a command waits that may wait for so long since it was sent.
    pub(super) fn until(&mut self, longest: Duration) -> Instant {
        let now = Instant::now();
        let least = now + AT_LEAST;
        match self.has_waited_in_vain() {
            true => least,
            false => (self.came.unwrap_or(now) + longest).max(least),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const LONGEST: Duration = Duration::from_secs(4);

    fn wait(lateness: &mut Lateness) -> Duration {
        lateness.until(LONGEST) - Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_counts_from_when_its_message_came() {
        let mut lateness = Lateness::default();
        assert_eq!(wait(&mut lateness), LONGEST);
        lateness.came();
        advance(LONGEST - 2 * AT_LEAST).await;
        assert_eq!(wait(&mut lateness), 2 * AT_LEAST);
        advance(LONGEST).await;
        assert_eq!(wait(&mut lateness), AT_LEAST);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_at_once_behind_what_waited_in_vain_does_not_wait_for_long() {
        let mut lateness = Lateness::default();
        lateness.came();
        advance(LONGEST).await;
        lateness.waited_in_vain();
        for _ in 0..3 {
            lateness.came();
            assert_eq!(wait(&mut lateness), AT_LEAST);
            advance(AT_LEAST).await;
            lateness.waited_in_vain();
        }
        // The client sends this one when it has the answer.
        advance(2 * AT_ONCE).await;
        lateness.came();
        assert_eq!(wait(&mut lateness), LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_all_the_time_waits_again_once_what_was_sent_meanwhile_is_given_up() {
        let mut lateness = Lateness::default();
        lateness.came();
        lateness.waited_in_vain();
        let since = Instant::now();
        while wait(&mut lateness) == AT_LEAST {
            advance(AT_LEAST).await;
            lateness.waited_in_vain();
            lateness.came();
        }
        let took = since.elapsed();
        assert!(took > GIVEN_UP && took <= GIVEN_UP + AT_LEAST, "{took:?}");
    }
}
