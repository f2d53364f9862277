//! A plugin's requests, counted by host and by what became of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::admin::HostRequests;

/// Hosts that are counted apart.
const MAX_HOSTS: usize = 32;

/// Outcomes that are counted apart for a host, which chooses its statuses.
const MAX_OUTCOMES: usize = 16;

/// What else there is.
const OTHER: &str = "other";

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// It was answered with this status.
    Answered(u16),
    /// There was no answer.
    Failed,
    /// It did not leave the node.
    Refused,
    /// One of those for which there was no place.
    Other,
}

#[derive(Debug, Default)]
pub(crate) struct Requests(Mutex<BTreeMap<String, BTreeMap<Outcome, u64>>>);

impl Requests {
    /// Counts one, to a host that the plugin may ask; `None` for any other.
    pub(super) fn count(&self, host: Option<&str>, outcome: Outcome) {
        // Only counters are changed in here, one at a time.
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_place = |host: &&str| hosts.contains_key(*host) || hosts.len() < MAX_HOSTS;
        let host = host.filter(has_place).unwrap_or(OTHER);
        let outcomes = match hosts.get_mut(host) {
            Some(outcomes) => outcomes,
            None => hosts.entry(host.to_owned()).or_default(),
        };
        let has_place = outcomes.contains_key(&outcome) || outcomes.len() < MAX_OUTCOMES;
        let outcome = if has_place { outcome } else { Outcome::Other };
        let count = outcomes.entry(outcome).or_default();
        *count = count.saturating_add(1);
    }

    /// As operators see them, by host.
    pub(crate) fn view(&self) -> Vec<HostRequests> {
        let hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let view = |(host, outcomes): (&String, &BTreeMap<Outcome, u64>)| HostRequests {
            host: host.clone(),
            requests: (outcomes.iter())
                .map(|(outcome, count)| (outcome.text(), *count))
                .collect(),
        };
        hosts.iter().map(view).collect()
    }
}

impl Outcome {
    fn text(self) -> String {
        match self {
            Self::Answered(status) => status.to_string(),
            Self::Failed => "failed".to_owned(),
            Self::Refused => "refused".to_owned(),
            Self::Other => OTHER.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_host_and_outcome() {
        let requests = Requests::default();
        for outcome in [
            Outcome::Answered(200),
            Outcome::Answered(200),
            Outcome::Failed,
        ] {
            requests.count(Some("a.example"), outcome);
        }
        requests.count(None, Outcome::Refused);
        let view = requests.view();
        assert_eq!(view[0].host, "a.example");
        assert_eq!(view[0].requests["200"], 2);
        assert_eq!(view[0].requests["failed"], 1);
        assert_eq!(view[1].host, "other");
        assert_eq!(view[1].requests["refused"], 1);
    }

    #[test]
    fn of_very_many_hosts_and_statuses_the_rest_is_counted_together() {
        let requests = Requests::default();
        for host in 0..100 {
            for status in 0..100 {
                let host = format!("{host:02}.example");
                requests.count(Some(&host), Outcome::Answered(400 + status));
            }
        }
        let view = requests.view();
        assert_eq!(view.len(), MAX_HOSTS + 1);
        assert!(
            view.iter()
                .all(|host| host.requests.len() == MAX_OUTCOMES + 1)
        );
        let all = view.iter().flat_map(|host| host.requests.values());
        assert_eq!(all.sum::<u64>(), 10_000);
    }
}
