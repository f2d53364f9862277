//! What the receivers of this node want from other nodes, kept current as they
//! come and go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::filter::Filter;

/// For other nodes to say that they know what is wanted.
const PATIENCE: Duration = Duration::from_secs(1);

/// What some receiver wants of the events of other nodes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// Pattern on the type.
    pub pattern: Arc<str>,
    /// Only events with exactly this subject.
    pub subject: Option<Arc<str>>,
    /// Only events of this channel.
    pub channel: Option<Arc<str>>,
    /// Not the events of the node with this name; a session's id excludes no node.
    pub exclude: Option<Arc<str>>,
}

/// All that is wanted, and who knows it.
#[derive(Debug)]
pub struct Interest {
    wanted: Mutex<BTreeMap<Wanted, usize>>,
    /// Counts the changes.
    version: watch::Sender<u64>,
    /// The newest version that everybody knows who needs to.
    known: watch::Sender<u64>,
}

impl Default for Interest {
    /// Nothing wanted; as long as nobody says otherwise, there is nobody who would
    /// have to know.
    fn default() -> Self {
        Self {
            wanted: Mutex::default(),
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
        let mut wanted = self.lock();
        let mut changed = false;
        for filter in added.filter(|filter| !filter.local_only) {
            let count = wanted.entry(Wanted::from(filter)).or_default();
            changed |= *count == 0;
            *count += 1;
        }
        for filter in removed.filter(|filter| !filter.local_only) {
            let filter = Wanted::from(filter);
            if let Some(count) = wanted.get_mut(&filter) {
                *count -= 1;
                if *count == 0 {
                    wanted.remove(&filter);
                    changed = true;
                }
            }
        }
        if changed {
            self.version.send_modify(|version| *version += 1);
        }
    }

    /// Changes whenever what is wanted does.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// What is wanted, and the version of it.
    #[must_use]
    pub fn wanted(&self) -> (u64, Vec<Wanted>) {
        let wanted = self.lock();
        (*self.version.borrow(), wanted.keys().cloned().collect())
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
    pub async fn known(&self) {
        let version = *self.version.borrow();
        let mut known = self.known.subscribe();
        // Fails only when the sender is gone, which is a field of `self`.
        let _ = timeout(PATIENCE, known.wait_for(|known| *known >= version)).await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Wanted, usize>> {
        // Nothing in here panics half-way through a change.
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<&Filter> for Wanted {
    fn from(filter: &Filter) -> Self {
        Self {
            pattern: filter.pattern.as_str().into(),
            subject: filter.subject.clone(),
            channel: filter.channel.clone(),
            exclude: filter.exclude.clone(),
        }
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
        let (_, wanted) = interest.wanted();
        wanted
            .iter()
            .map(|wanted| wanted.pattern.to_string())
            .collect()
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
    fn what_is_wanted_of_this_node_only_concerns_no_other() {
        let interest = Interest::default();
        let local = Filter {
            local_only: true,
            ..filter("*")
        };
        interest.change([&local].into_iter(), [].into_iter());
        assert_eq!(interest.wanted(), (0, Vec::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_those_who_have_to_know() {
        let interest = Interest::default();
        interest.change([&filter("a")].into_iter(), [].into_iter());
        interest.known().await;
        interest.set_known(0);
        let mut known = Box::pin(interest.known());
        assert!(futures_util::poll!(&mut known).is_pending());
        interest.set_known(1);
        known.await;

        interest.set_known(0);
        let asked = tokio::time::Instant::now();
        interest.known().await;
        assert_eq!(asked.elapsed(), PATIENCE, "it goes on without the others");
    }
}
