//! How many connections a plugin has open, those included that it has given up while
//! the system still looks for their host's address.
//!
//! The system's look-up cannot be called off, and holds a thread of those that all of
//! the node wait for the disk with. So who begins a request and drops it, again and
//! again, must not have more of them than who waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Outgoing HTTP connections that a plugin may have open at once; bounds what it
/// takes of the node's file descriptors and threads.
pub(super) const MAX_CONNECTIONS: usize = 64;

/// How long a look-up may still take when nobody waits for it any more: as long as
/// common resolvers go on asking three servers in vain.
const LOOK_UP: Duration = Duration::from_secs(30);

/// The connections of all instances of a plugin.
#[derive(Debug)]
pub(crate) struct Connections {
    permits: Arc<Semaphore>,
    /// Given up, with when each is over at the latest. As bounded as the permits are.
    given_up: Mutex<Vec<(Instant, OwnedSemaphorePermit)>>,
}

/// A connection that is being opened; dropping it gives it up.
#[derive(Debug)]
pub(super) struct Opening {
    of: Arc<Connections>,
    /// None once it is open.
    permit: Option<OwnedSemaphorePermit>,
    is_looked_up: bool,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            given_up: Mutex::default(),
        }
    }
}

impl Connections {
    /// Room for one more, to this host; `None` when too many are open.
    pub(super) fn open(self: &Arc<Self>, host: &str) -> Option<Opening> {
        let now = Instant::now();
        self.given_up().retain(|(over, _)| *over > now);
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(Opening {
            of: Arc::clone(self),
            permit: Some(permit),
            is_looked_up: !is_address(host),
        })
    }

    fn given_up(&self) -> MutexGuard<'_, Vec<(Instant, OwnedSemaphorePermit)>> {
        // Nothing in here panics half-way through a change.
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opening {
    /// Its host's address is known: the permit is held for as long as the connection is
    /// open.
    pub(super) fn opened(mut self) -> Option<OwnedSemaphorePermit> {
        self.permit.take()
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.is_looked_up
        {
            let over = Instant::now() + LOOK_UP;
            self.of.given_up().push((over, permit));
        }
    }
}

/// Whether a host is an address already, as it stands in a URI.
fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_has_no_more_look_ups_than_who_waits() {
        let connections = Arc::new(Connections::default());
        let open = || connections.open("a.example");
        for _ in 0..MAX_CONNECTIONS {
            drop(open().expect("there is room"));
        }
        assert!(open().is_none());
        tokio::time::advance(LOOK_UP).await;
        let all: Vec<_> = (0..MAX_CONNECTIONS).map(|_| open()).collect();
        assert!(all.iter().all(Option::is_some));
        assert!(open().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_was_open_leaves_its_room_at_once() {
        let connections = Arc::new(Connections::default());
        for _ in 0..2 * MAX_CONNECTIONS {
            let opening = connections.open("a.example").expect("there is room");
            drop(opening.opened());
        }
        // Nothing is looked up for an address.
        for host in ["127.0.0.1", "[::1]"] {
            for _ in 0..2 * MAX_CONNECTIONS {
                drop(connections.open(host).expect("there is room"));
            }
        }
    }
}
