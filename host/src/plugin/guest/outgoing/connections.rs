//! How many requests a plugin has under way, those included that it has given up while
//! the system still looks for their host's address.
//!
//! The system's look-up cannot be called off, and holds a thread of those that all of
//! the node wait for the disk with. So who begins a request and drops it, again and
//! again, must not have more of them than who waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::config::HttpHost;

/// How long a look-up may still take when nobody waits for it any more: as long as
/// common resolvers go on asking three servers in vain.
const LOOK_UP: Duration = Duration::from_secs(30);

/// The connections of all instances of a plugin; each serves one request.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    permits: Arc<Semaphore>,
    /// Given up, with when each is over at the latest. As bounded as the permits are.
    given_up: Mutex<Vec<(Instant, OwnedSemaphorePermit)>>,
}

/// A connection that is being opened or is open; dropping it ends it.
#[derive(Debug)]
pub(super) struct Opening {
    of: Arc<Connections>,
    /// None when it is dropped.
    permit: Option<OwnedSemaphorePermit>,
    is_looked_up: bool,
}

impl Connections {
    /// Room for so many.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            permits: Arc::new(Semaphore::new(most)),
            given_up: Mutex::default(),
        }
    }

    /// Room for one more, to this host.
    ///
    /// # Errors
    /// How many there may be, when there are so many.
    pub(super) fn open(self: &Arc<Self>, host: &HttpHost) -> Result<Opening, usize> {
        let now = Instant::now();
        self.given_up().retain(|(over, _)| *over > now);
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        Ok(Opening {
            of: Arc::clone(self),
            permit: Some(permit.map_err(|_| self.most)?),
            is_looked_up: matches!(host, HttpHost::Name(_)) && !host.is_localhost(),
        })
    }

    fn given_up(&self) -> MutexGuard<'_, Vec<(Instant, OwnedSemaphorePermit)>> {
        // Nothing in here panics half-way through a change.
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opening {
    /// The look-up of its host is over: from now on it ends when it is dropped.
    pub(super) fn looked_up(&mut self) {
        self.is_looked_up = false;
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

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 64;

    fn host(text: &str) -> HttpHost {
        HttpHost::parse(text).expect("a host")
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_has_no_more_look_ups_than_who_waits() {
        let connections = Arc::new(Connections::new(MOST));
        let open = || connections.open(&host("a.example"));
        for _ in 0..MOST {
            drop(open().expect("there is room"));
        }
        assert_eq!(open().unwrap_err(), MOST);
        tokio::time::advance(LOOK_UP).await;
        let all: Vec<_> = (0..MOST).map(|_| open()).collect();
        assert!(all.iter().all(Result::is_ok));
        assert!(open().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_whose_host_was_found_leaves_its_room_at_once() {
        let connections = Arc::new(Connections::new(MOST));
        for _ in 0..2 * MOST {
            let mut opening = connections.open(&host("a.example")).expect("there is room");
            opening.looked_up();
        }
        // Nothing is looked up for these.
        for text in ["127.0.0.1", "[::1]", "localhost"] {
            for _ in 0..2 * MOST {
                drop(connections.open(&host(text)).expect("there is room"));
            }
        }
    }
}
