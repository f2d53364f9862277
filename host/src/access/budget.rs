//! How much a principal may do: all who are the same principal share it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use smallvec::SmallVec;
use tokio::time::Instant;

use super::principal::Principal;
use super::settings::{BudgetLimits, Rate};

/// Principals whose budgets are remembered although nobody uses them; bounds what tokens
/// of ever new subjects take.
const MAX_BUDGETS: usize = 16_384;

/// Time after which it is worth to ask again for a connection or a stream: nobody knows
/// when one ends.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// What a principal may still do. What it has used counts for all that are the same principal;
/// the bounds are those of the roles that it has shown: of a user, each token has its own.
pub struct Budget {
    limits: BudgetLimits,
    used: Arc<Used>,
}

/// What a principal has used.
#[derive(Debug, Default)]
struct Used(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When the events that were taken would have come evenly, of each rate for which that
    /// is not over: as many as there are roles.
    even: SmallVec<[(Rate, Instant); 1]>,
    connections: usize,
    streams: usize,
}

/// A connection or a stream of a budget, until it is dropped.
pub struct Held {
    used: Arc<Used>,
    kind: Kind,
}

/// What is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Connection,
    Stream,
}

/// The budget has nothing left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the roles of this principal allow no more {what} now; try again in {}", whole_seconds(*after))]
pub struct RetryAfter {
    what: &'static str,
    after: Duration,
}

impl RetryAfter {
    /// When to ask again.
    #[must_use]
    pub fn after(&self) -> Duration {
        self.after
    }
}

/// A duration as it is told: `3 s`, and never less than 1.
pub(super) fn whole_seconds(duration: Duration) -> String {
    format!("{} s", duration.as_millis().div_ceil(1000).max(1))
}

impl Budget {
    /// A budget without bounds.
    pub(super) fn unlimited() -> Arc<Self> {
        Arc::new(Self {
            limits: BudgetLimits::default(),
            used: Arc::default(),
        })
    }

    /// Takes so many events out of the rate. As many as the rate has in its time may come at
    /// once; more than those do if none came for that time, and then none may for longer.
    ///
    /// # Errors
    /// [`RetryAfter`] when they come too fast; none is taken then.
    pub fn take(&self, events: usize) -> Result<(), RetryAfter> {
        let Some(rate) = self.limits.rate else {
            return Ok(());
        };
        let now = Instant::now();
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        let cost = rate.interval().saturating_mul(events);
        let mut state = self.used.lock();
        state.even.retain(|(_, even)| *even > now);
        let at = state.even.iter().position(|(other, _)| *other == rate);
        let even = at.map_or(now, |at| state.even[at].1);
        let ahead = even - now + cost.min(rate.period());
        match ahead.checked_sub(rate.period()) {
            Some(after) if !after.is_zero() => Err(RetryAfter {
                what: "events",
                after,
            }),
            _ => {
                let even = even.checked_add(cost).unwrap_or(even);
                match at {
                    Some(at) => state.even[at].1 = even,
                    None => state.even.push((rate, even)),
                }
                Ok(())
            }
        }
    }

    /// Takes a connection, until what is returned is dropped.
    ///
    /// # Errors
    /// [`RetryAfter`] when there are as many as there may be.
    pub fn connection(&self) -> Result<Held, RetryAfter> {
        self.hold(Kind::Connection)
    }

    /// Takes a stream or a wait, until what is returned is dropped.
    ///
    /// # Errors
    /// [`RetryAfter`] when there are as many as there may be.
    pub fn stream(&self) -> Result<Held, RetryAfter> {
        self.hold(Kind::Stream)
    }

    fn hold(&self, kind: Kind) -> Result<Held, RetryAfter> {
        let (limit, what) = match kind {
            Kind::Connection => (self.limits.connections, "connections"),
            Kind::Stream => (self.limits.streams, "streams"),
        };
        let mut state = self.used.lock();
        let held = state.held(kind);
        if limit.is_some_and(|limit| *held >= limit) {
            return Err(RetryAfter {
                what,
                after: ASK_AGAIN,
            });
        }
        *held += 1;
        Ok(Held {
            used: Arc::clone(&self.used),
            kind,
        })
    }
}

impl Used {
    /// Whether forgetting it would give nobody more.
    fn is_idle(self: &Arc<Self>) -> bool {
        let now = Instant::now();
        Arc::strong_count(self) == 1 && self.lock().even.iter().all(|(_, even)| *even <= now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn held(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Connection => &mut self.connections,
            Kind::Stream => &mut self.streams,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.used.lock();
        let held = state.held(self.kind);
        *held = held.saturating_sub(1);
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({:?})", self.kind)
    }
}

/// What all principals have used.
#[derive(Debug, Default)]
pub(super) struct Budgets(Mutex<HashMap<Principal, Arc<Used>>>);

impl Budgets {
    /// The budget of a principal whose roles have these limits.
    pub(super) fn of(&self, principal: &Principal, limits: BudgetLimits) -> Arc<Budget> {
        let used = self.used(principal);
        Arc::new(Budget { limits, used })
    }

    fn used(&self, principal: &Principal) -> Arc<Used> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = all.get(principal) {
            return Arc::clone(used);
        }
        let used = Arc::<Used>::default();
        if all.len() >= MAX_BUDGETS {
            all.retain(|_, used| !used.is_idle());
        }
        // Where all are in use, this one lasts as long as it is in use itself.
        if all.len() < MAX_BUDGETS {
            all.insert(principal.clone(), Arc::clone(&used));
        }
        used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budgets(rate: &str) -> Arc<Budget> {
        let limits = BudgetLimits {
            rate: Some(rate.parse().unwrap()),
            connections: Some(2),
            streams: Some(1),
        };
        Budgets::default().of(&Principal::Anonymous, limits)
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept_and_its_bursts_are_as_long_as_its_time() {
        let budget = budgets("10/s");
        for _ in 0..10 {
            budget.take(1).unwrap();
        }
        let refused = budget.take(1).unwrap_err();
        assert_eq!(refused.after(), Duration::from_millis(100));
        tokio::time::advance(Duration::from_millis(100)).await;
        budget.take(1).unwrap();
        budget.take(1).unwrap_err();
        tokio::time::advance(Duration::from_secs(60)).await;
        budget.take(10).unwrap();
        budget.take(1).unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_a_burst_at_once_is_paid_for_later() {
        let budget = budgets("60/m");
        budget.take(180).unwrap();
        tokio::time::advance(Duration::from_secs(119)).await;
        let refused = budget.take(1).unwrap_err();
        assert_eq!(refused.after(), Duration::from_secs(2));
        tokio::time::advance(Duration::from_secs(2)).await;
        budget.take(1).unwrap();
        budget.take(usize::MAX).unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn each_has_its_own_bounds_for_what_all_have_used() {
        let all = Budgets::default();
        let of = |rate: Option<&str>, streams| {
            let limits = BudgetLimits {
                rate: rate.map(|rate| rate.parse().unwrap()),
                connections: None,
                streams,
            };
            all.of(&Principal::User("me".into()), limits)
        };
        let bounded = of(Some("1/h"), Some(2));
        let (free, fast) = (of(None, None), of(Some("10/s"), Some(3)));
        let _held = [bounded.stream().unwrap(), free.stream().unwrap()];
        assert!(bounded.stream().is_err(), "whoever else has no bound");
        let _third = fast.stream().unwrap();
        assert!(fast.stream().is_err());
        assert!(free.stream().is_ok());

        bounded.take(1).unwrap();
        free.take(100).unwrap();
        fast.take(10).unwrap();
        assert_eq!(
            bounded.take(1).unwrap_err().after(),
            Duration::from_secs(3600)
        );
        assert_eq!(
            fast.take(1).unwrap_err().after(),
            Duration::from_millis(100)
        );
        tokio::time::advance(Duration::from_secs(1)).await;
        fast.take(10).unwrap();
        bounded.take(1).unwrap_err();
    }

    #[tokio::test]
    async fn what_is_held_comes_back() {
        let budget = budgets("1/h");
        let first = budget.connection().unwrap();
        let second = budget.connection().unwrap();
        let stream = budget.stream().unwrap();
        let refused = budget.connection().unwrap_err().to_string();
        assert!(refused.contains("no more connections"), "{refused}");
        assert!(budget.stream().is_err());
        drop((first, stream));
        let _third = budget.connection().unwrap();
        assert!(budget.stream().is_ok());
        drop(second);
    }

    #[tokio::test(start_paused = true)]
    async fn principals_that_are_gone_make_room_for_others() {
        let all = Budgets::default();
        let limits = BudgetLimits {
            rate: Some("1/s".parse().unwrap()),
            ..BudgetLimits::default()
        };
        let user = |n: usize| Principal::User(n.to_string().into());
        all.of(&user(0), limits).take(1).unwrap();
        for n in 1..MAX_BUDGETS * 2 {
            all.of(&user(n), limits);
        }
        assert!(all.0.lock().unwrap().len() <= MAX_BUDGETS);
        assert!(
            all.of(&user(0), limits).take(1).is_err(),
            "it is remembered"
        );
    }
}
