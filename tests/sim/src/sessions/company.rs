//! Who is in a channel with presence, as one client knows it: from one look behind its
//! subscription, and from the joins and leaves that it was told of since.
//!
//! That is enough wherever the look was at all who were there. Joins and leaves follow what the
//! node sees, one for each difference, also where the other nodes could not be reached meanwhile
//! or messages of theirs were lost. None is left out on the way to a client: only one that reads
//! a log may lag, and these channels have none; whoever does not read is closed. What is not
//! promised is to be told of those who were there before: a look that did not wait for all
//! others may lack some of them, and says nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Who is there, as a client knows it.
#[derive(Debug, Default)]
pub struct Company {
    /// When its subscription began.
    since: Duration,
    /// Who was there when it looked, if it has.
    found: Option<BTreeSet<String>>,
    /// Whether somebody was last said to come or to go.
    told: BTreeMap<String, bool>,
}

impl Company {
    /// A subscription begins: nothing that was known before holds.
    #[must_use]
    pub fn new(since: Duration) -> Self {
        Self {
            since,
            ..Self::default()
        }
    }

    /// Somebody comes, or goes. Whether the same was said of it last.
    pub fn tell(&mut self, client: &str, comes: bool) -> bool {
        self.told.insert(client.to_owned(), comes) == Some(comes)
    }

    /// These were found there by a look behind the begin of the subscription of that time.
    pub fn find(&mut self, since: Duration, clients: impl Iterator<Item = String>) {
        if self.since == since {
            self.found = Some(clients.collect());
        }
    }

    /// Who is there; `None` where it has not looked.
    #[must_use]
    pub fn known(&self) -> Option<BTreeSet<&str>> {
        let found = self.found.as_ref()?.iter();
        // Whatever happens behind the begin is said, in its order: the look only tells of those
        // of whom nothing was, whichever of both came first.
        let found = found.filter(|client| !self.told.contains_key(*client));
        let told = self.told.iter();
        let came = told.filter_map(|(client, comes)| comes.then_some(client));
        Some(found.chain(came).map(String::as_str).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: Duration = Duration::from_secs(1);

    fn found(clients: &[&str]) -> impl Iterator<Item = String> {
        let clients: Vec<String> = clients.iter().map(|it| (*it).to_owned()).collect();
        clients.into_iter()
    }

    #[test]
    fn what_was_told_last_holds_and_what_was_found_where_nothing_was() {
        let mut company = Company::new(SINCE);
        assert!(!company.tell("a", true) && !company.tell("b", true));
        assert!(!company.tell("b", false));
        assert_eq!(company.known(), None, "it has not looked");
        company.find(SINCE, found(&["b", "c", "d"]));
        assert!(!company.tell("c", false));
        assert_eq!(company.known(), Some(["a", "d"].into()));
        assert!(company.tell("c", false), "once more");
        assert!(!company.tell("c", true));
        assert_eq!(company.known(), Some(["a", "c", "d"].into()));
    }

    #[test]
    fn a_look_for_an_earlier_subscription_says_nothing() {
        let mut company = Company::new(SINCE * 2);
        company.find(SINCE, found(&["a"]));
        assert_eq!(company.known(), None);
    }
}
