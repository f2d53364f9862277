//! Places of those who are about to have a session: whoever finds none is told before a
//! connection is made theirs, and comes back.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::registry::TooMany;
use super::shared::Shared;

/// A place among the sessions of a node, until one begins in it or this is dropped.
pub struct Arrival {
    shared: Arc<Shared>,
    address: IpAddr,
    has_begun: bool,
}

/// There is no place for another session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// The node has as many as it may have.
    Node {
        /// How many that are.
        limit: usize,
    },
    /// The address has as many as one may have.
    Address {
        /// How many that are.
        limit: usize,
    },
}

impl Arrival {
    /// Of somebody who comes from there.
    pub(super) fn of(shared: &Arc<Shared>, address: IpAddr) -> Result<Self, NoPlace> {
        let bounds = shared.in_use().bounds;
        let arrived = shared.registry.arrive(address, &bounds);
        arrived.map_err(|too_many| match (too_many, bounds.per_address) {
            (TooMany::FromAddress, Some(limit)) => NoPlace::Address { limit },
            _ => NoPlace::Node { limit: bounds.max },
        })?;
        Ok(Self {
            shared: Arc::clone(shared),
            address,
            has_begun: false,
        })
    }

    /// From where somebody comes.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// A session has begun in it, and gives it back when it ends.
    pub(super) fn begin(mut self) {
        self.has_begun = true;
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if !self.has_begun {
            self.shared.registry.depart(self.address);
        }
    }
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::session::test_support::Rig;

    #[tokio::test(start_paused = true)]
    async fn a_place_is_free_again_when_nobody_begins_in_it() {
        let rig = Rig::new(&[], |settings| {
            settings.max = 3;
            settings.per_address = Some(2);
        });
        let arrive = |last| rig.sessions.arrive(Ipv4Addr::new(10, 0, 0, last).into());
        let places = [arrive(1).unwrap(), arrive(1).unwrap()];
        assert_eq!(arrive(1).unwrap_err(), NoPlace::Address { limit: 2 });
        let other = arrive(2).unwrap();
        assert_eq!(arrive(2).unwrap_err(), NoPlace::Node { limit: 3 });
        drop(places);
        let again = [arrive(1).unwrap(), arrive(1).unwrap()];
        assert!(arrive(1).is_err());
        drop((other, again));
    }
}
