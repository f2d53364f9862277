//! What the receivers of this node want from other nodes, kept current as they
//! come and go.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::filter::Filter;
use super::wishes::Wishes;

/// For other nodes to say that they know what is wanted.
const INTEREST_TIMEOUT: Duration = Duration::from_secs(1);

/// All that is wanted, and who knows it.
#[derive(Debug)]
pub struct Interest {
    wishes: Mutex<Wishes>,
    /// Counts the changes.
    version: watch::Sender<u64>,
    /// The newest version that everybody knows who needs to.
    known: watch::Sender<u64>,
}

/// What somebody wants who is about to be registered: other nodes know of it as long as this
/// lives.
#[derive(Debug)]
pub struct Wanted<'i> {
    interest: &'i Interest,
    filter: Filter,
}

impl Default for Interest {
    /// Nothing wanted; as long as nobody says otherwise, there is nobody who would
    /// have to know.
    fn default() -> Self {
        Self {
            wishes: Mutex::default(),
            version: watch::Sender::new(0),
            known: watch::Sender::new(u64::MAX),
        }
    }
}

impl Interest {
    /// Counts filters in and out.
    pub(super) fn change<'f>(
        &self,
        added: impl Iterator<Item = &'f Filter>,
        removed: impl Iterator<Item = &'f Filter>,
    ) {
        let mut wishes = self.lock();
        if wishes.change(added, removed) {
            // With the lock: whoever sees the version finds what it stands for.
            self.version.send_replace(wishes.version());
        }
    }

    /// Counts in what somebody is about to be registered for.
    #[must_use]
    pub fn want(&self, filter: Filter) -> Wanted<'_> {
        self.change([&filter].into_iter(), [].into_iter());
        Wanted {
            interest: self,
            filter,
        }
    }

    /// Changes whenever what is wanted does.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Looks at what is wanted. Receivers that come or go wait for as long as it takes.
    pub fn look<T>(&self, look: impl FnOnce(&Wishes) -> T) -> T {
        look(&self.lock())
    }

    /// Says which version every linked node knows; `u64::MAX` when there is none.
    pub fn set_known(&self, version: u64) {
        self.known.send_if_modified(|known| {
            let changed = *known != version;
            *known = version;
            changed
        });
    }

    /// Waits until every linked node knows what is wanted now, so that from then on
    /// no event is missed that is published there; but at most for a second, since a
    /// node that does not answer must not keep this one from going on.
    /// Returns whether they do.
    pub async fn known(&self) -> bool {
        let version = *self.version.borrow();
        let mut known = self.known.subscribe();
        // The sender, a field of `self`, is not gone.
        let waited = timeout(INTEREST_TIMEOUT, known.wait_for(|known| *known >= version)).await;
        waited.is_ok()
    }

    fn lock(&self) -> MutexGuard<'_, Wishes> {
        // Nothing in here panics half-way through a change.
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        let Self { interest, filter } = self;
        interest.change([].into_iter(), [&*filter].into_iter());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Pattern;

    fn filter(pattern: &str) -> Filter {
        Filter::new(Pattern::new(pattern).expect("a pattern"))
    }

    fn patterns(interest: &Interest) -> Vec<String> {
        let patterns = |wishes: &Wishes| {
            let patterns = wishes.patterns_of("other");
            patterns.map(|pattern| pattern.to_string()).collect()
        };
        interest.look(patterns)
    }

    #[test]
    fn a_pattern_is_wanted_as_long_as_somebody_wants_it() {
        let interest = Interest::default();
        let watch = interest.watch();
        let (a, b) = (filter("a.*"), filter("b"));
        interest.change([&a, &b].into_iter(), [].into_iter());
        interest.change([&a].into_iter(), [&b].into_iter());
        assert_eq!(patterns(&interest), ["a.*"]);
        let version = *watch.borrow();
        interest.change([].into_iter(), [&a].into_iter());
        assert_eq!(*watch.borrow(), version, "one still wants it");
        interest.change([].into_iter(), [&a].into_iter());
        assert!(patterns(&interest).is_empty());
    }

    #[test]
    fn what_is_wanted_ahead_goes_over_to_who_is_registered() {
        let interest = Interest::default();
        let filter = filter("a.*");
        let ahead = interest.want(filter.clone());
        assert_eq!(patterns(&interest), ["a.*"]);
        let version = *interest.watch().borrow();
        interest.change([&filter].into_iter(), [].into_iter());
        drop(ahead);
        assert_eq!(patterns(&interest), ["a.*"]);
        assert_eq!(
            *interest.watch().borrow(),
            version,
            "nobody is told anything"
        );
        drop(interest.want(self::filter("b")));
        assert_eq!(patterns(&interest), ["a.*"], "who never came wants nothing");
    }

    #[test]
    fn what_is_wanted_of_this_node_only_concerns_no_other() {
        let interest = Interest::default();
        let local = Filter {
            local_only: true,
            ..filter("*")
        };
        interest.change([&local].into_iter(), [].into_iter());
        assert_eq!(interest.look(Wishes::version), 0);
        assert!(patterns(&interest).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_those_who_have_to_know() {
        let interest = Interest::default();
        interest.change([&filter("a")].into_iter(), [].into_iter());
        assert!(interest.known().await);
        interest.set_known(0);
        let mut known = Box::pin(interest.known());
        assert!(futures_util::poll!(&mut known).is_pending());
        interest.set_known(1);
        assert!(known.await);

        interest.set_known(0);
        let asked = tokio::time::Instant::now();
        assert!(!interest.known().await);
        assert_eq!(
            asked.elapsed(),
            INTEREST_TIMEOUT,
            "it goes on without the others"
        );
    }
}
