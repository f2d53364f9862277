//! Tells of requests that were refused for who sent them: counts all, and publishes
//! `access.denied`, of each principal at most once a second.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::access::{Forbidden, Principal, Unauthenticated};
use crate::bus::{Bus, Publisher};
use crate::event::host_event::{AccessDenied, HostEventType};
use crate::gateway::endpoints::metrics::counted::{Denial, GatewayMetrics};

/// Time between two events of one principal.
const PAUSE: Duration = Duration::from_secs(1);

/// Principals that are remembered; the refusals of others are counted and not told.
const MAX_PRINCIPALS: usize = 4096;

/// What was refused.
pub(in crate::gateway) struct Denials {
    host: Publisher,
    metrics: Arc<GatewayMetrics>,
    told: Mutex<HashMap<Principal, Told>>,
}

/// What was told last of a principal.
struct Told {
    at: Instant,
    /// Refusals since then.
    more: u64,
}

impl Denials {
    pub(in crate::gateway) fn new(bus: &Bus, metrics: Arc<GatewayMetrics>) -> Self {
        Self {
            host: bus.host_publisher(),
            metrics,
            told: Mutex::default(),
        }
    }

    /// Nobody knows who it is.
    pub(super) fn unauthenticated(&self, unknown: &Unauthenticated, address: IpAddr) {
        self.metrics.denied(Denial::Unauthenticated);
        self.tell(&Principal::Anonymous, None, unknown.to_string(), address);
    }

    /// Somebody has shown a secret that is not the one of the API of ganomede-events.
    pub(in crate::gateway) fn wrong_secret(&self, address: IpAddr) {
        self.metrics.denied(Denial::Unauthenticated);
        let reason = "the `secret` is missing or not that of `[ganomede]`".to_owned();
        self.tell(&Principal::Anonymous, None, reason, address);
    }

    /// They may not.
    pub(super) fn forbidden(&self, forbidden: &Forbidden, address: IpAddr) {
        self.metrics.denied(Denial::Forbidden);
        let right = Some(forbidden.right.clone());
        self.tell(&forbidden.principal, right, forbidden.to_string(), address);
    }

    /// They may, but not so much.
    pub(in crate::gateway) fn over_budget(&self) {
        self.metrics.denied(Denial::OverBudget);
    }

    fn tell(&self, principal: &Principal, right: Option<String>, reason: String, address: IpAddr) {
        let Some(denied) = self.due(principal) else {
            return;
        };
        let name = principal.to_string();
        let data = AccessDenied {
            principal: name.clone(),
            right,
            reason,
            address: address.to_string(),
            denied,
        };
        self.host
            .publish_host(HostEventType::AccessDenied, &name, &data);
    }

    /// How many refusals there were since the last time, if it is time to tell.
    fn due(&self, principal: &Principal) -> Option<u64> {
        let now = Instant::now();
        let mut all = self.lock();
        if let Some(told) = all.get_mut(principal) {
            told.more += 1;
            if now.duration_since(told.at) < PAUSE {
                return None;
            }
            told.at = now;
            return Some(std::mem::take(&mut told.more));
        }
        if all.len() >= MAX_PRINCIPALS {
            all.retain(|_, told| now.duration_since(told.at) < PAUSE);
        }
        if all.len() >= MAX_PRINCIPALS {
            return None;
        }
        all.insert(principal.clone(), Told { at: now, more: 0 });
        Some(1)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Principal, Told>> {
        // Nothing in here panics half-way through a change.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::test_support::bus;

    #[tokio::test(start_paused = true)]
    async fn each_principal_is_told_of_once_a_second_and_none_is_lost() {
        let metrics =
            GatewayMetrics::register(&mut prometheus_client::registry::Registry::default());
        let denials = Denials::new(&bus(), Arc::new(metrics));
        let key = |name: &str| Principal::Key(name.into());
        assert_eq!(denials.due(&key("a")), Some(1));
        assert_eq!(denials.due(&key("a")), None);
        assert_eq!(denials.due(&key("b")), Some(1));
        assert_eq!(denials.due(&key("a")), None);
        tokio::time::advance(PAUSE).await;
        assert_eq!(denials.due(&key("a")), Some(3));
        for other in 0..2 * MAX_PRINCIPALS {
            denials.due(&key(&other.to_string()));
        }
        assert_eq!(denials.lock().len(), MAX_PRINCIPALS);
        tokio::time::advance(PAUSE).await;
        assert_eq!(denials.due(&key("new")), Some(1), "there is room again");
    }
}
