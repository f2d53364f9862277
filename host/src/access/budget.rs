//! How much a principal may do: all who are the same principal share it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::principal::Principal;
use super::settings::BudgetLimits;

/// Principals whose budgets are remembered although nobody uses them; bounds what tokens
/// of ever new subjects take.
const MAX_BUDGETS: usize = 16_384;

/// Time after which it is worth to ask again for a connection or a stream: nobody knows
/// when one ends.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// What a principal may still do.
pub struct Budget {
    state: Mutex<State>,
}

struct State {
    limits: BudgetLimits,
    /// When the events that were taken would have come evenly.
    even: Instant,
    connections: usize,
    streams: usize,
}

/// A connection or a stream of a budget, until it is dropped.
pub struct Held {
    budget: Arc<Budget>,
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
    fn new(limits: BudgetLimits) -> Self {
        Self {
            state: Mutex::new(State {
                limits,
                even: Instant::now(),
                connections: 0,
                streams: 0,
            }),
        }
    }

    /// A budget without bounds.
    pub(super) fn unlimited() -> Arc<Self> {
        Arc::new(Self::new(BudgetLimits::default()))
    }

    /// Takes so many events out of the rate. As many as the rate has in its time may come at
    /// once; more than those do if none came for that time, and then none may for longer.
    ///
    /// # Errors
    /// [`RetryAfter`] when they come too fast; none is taken then.
    pub fn take(&self, events: usize) -> Result<(), RetryAfter> {
        let mut state = self.lock();
        let Some(rate) = state.limits.rate else {
            return Ok(());
        };
        let now = Instant::now();
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        let even = state.even.max(now);
        let cost = rate.interval().saturating_mul(events);
        let ahead = even - now + cost.min(rate.period());
        match ahead.checked_sub(rate.period()) {
            Some(after) if !after.is_zero() => Err(RetryAfter {
                what: "events",
                after,
            }),
            _ => {
                state.even = even.checked_add(cost).unwrap_or(even);
                Ok(())
            }
        }
    }

    /// Takes a connection, until what is returned is dropped.
    ///
    /// # Errors
    /// [`RetryAfter`] when there are as many as there may be.
    pub fn connection(self: &Arc<Self>) -> Result<Held, RetryAfter> {
        self.hold(Kind::Connection)
    }

    /// Takes a stream or a wait, until what is returned is dropped.
    ///
    /// # Errors
    /// [`RetryAfter`] when there are as many as there may be.
    pub fn stream(self: &Arc<Self>) -> Result<Held, RetryAfter> {
        self.hold(Kind::Stream)
    }

    fn hold(self: &Arc<Self>, kind: Kind) -> Result<Held, RetryAfter> {
        let mut state = self.lock();
        let (limit, what) = match kind {
            Kind::Connection => (state.limits.connections, "connections"),
            Kind::Stream => (state.limits.streams, "streams"),
        };
        let held = state.held(kind);
        if limit.is_some_and(|limit| *held >= limit) {
            return Err(RetryAfter {
                what,
                after: ASK_AGAIN,
            });
        }
        *held += 1;
        Ok(Held {
            budget: Arc::clone(self),
            kind,
        })
    }

    /// Whether forgetting it would give nobody more.
    fn is_idle(self: &Arc<Self>) -> bool {
        let state = self.lock();
        Arc::strong_count(self) == 1 && state.even <= Instant::now()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut state = self.budget.lock();
        let held = state.held(self.kind);
        *held = held.saturating_sub(1);
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("limits", &self.lock().limits)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({:?})", self.kind)
    }
}

/// The budgets of all principals.
#[derive(Debug, Default)]
pub(super) struct Budgets(Mutex<HashMap<Principal, Arc<Budget>>>);

impl Budgets {
    /// The budget of a principal, which from now on has these limits.
    pub(super) fn of(&self, principal: &Principal, limits: BudgetLimits) -> Arc<Budget> {
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(budget) = budgets.get(principal) {
            budget.lock().limits = limits;
            return Arc::clone(budget);
        }
        let budget = Arc::new(Budget::new(limits));
        if budgets.len() >= MAX_BUDGETS {
            budgets.retain(|_, budget| !budget.is_idle());
        }
        // Where all are in use, this one lasts as long as it is in use itself.
        if budgets.len() < MAX_BUDGETS {
            budgets.insert(principal.clone(), Arc::clone(&budget));
        }
        budget
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
