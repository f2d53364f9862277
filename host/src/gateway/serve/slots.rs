//! Places that are bounded in number, of which no single address may take all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::forwarded;

/// Places of one kind.
#[derive(Debug)]
pub(in crate::gateway) struct Slots {
    free: Arc<Semaphore>,
    limit: usize,
    shares: Arc<Shares>,
}

/// How many places each address has, none of which may have more than `most`.
#[derive(Debug)]
pub(in crate::gateway) struct Shares {
    most: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(in crate::gateway) struct Slot {
    _share: Share,
    _permit: OwnedSemaphorePermit,
}

/// Places of an address's share, until it is dropped.
#[derive(Debug)]
pub(in crate::gateway) struct Share {
    shares: Arc<Shares>,
    address: IpAddr,
    places: usize,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Full {
    /// All are taken.
    All {
        /// How many there are.
        limit: usize,
    },
    /// The address has all that one may have.
    Address {
        /// How many that are.
        limit: usize,
    },
}

impl Slots {
    /// `limit` places, of which an address may have `percent` in 100, but always one.
    pub(in crate::gateway) fn new(limit: usize, percent: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(limit)),
            limit,
            shares: Arc::new(Shares::new(limit, percent)),
        }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// [`Full`] when there is none.
    pub(in crate::gateway) fn take(&self, address: IpAddr) -> Result<Slot, Full> {
        let permit = Arc::clone(&self.free)
            .try_acquire_owned()
            .map_err(|_| Full::All { limit: self.limit })?;
        let share = self.shares.take(address);
        Ok(Slot {
            _share: share.ok_or(Full::Address {
                limit: self.shares.most(),
            })?,
            _permit: permit,
        })
    }

    /// Places that are taken.
    pub(in crate::gateway) fn taken(&self) -> usize {
        self.limit.saturating_sub(self.free.available_permits())
    }
}

impl Shares {
    /// Shares of `percent` in 100 of `limit`, but at least one.
    pub(in crate::gateway) fn new(limit: usize, percent: usize) -> Self {
        Self::of_at_least(limit, percent, 1)
    }

    /// Shares of `percent` in 100 of `limit`, but at least `least`.
    pub(in crate::gateway) fn of_at_least(limit: usize, percent: usize, least: usize) -> Self {
        Self {
            most: (limit.saturating_mul(percent) / 100).max(least),
            taken: Mutex::default(),
        }
    }

    /// Places that an address may have.
    pub(in crate::gateway) fn most(&self) -> usize {
        self.most
    }

    /// Takes a place of the address's share, if it has one left.
    pub(in crate::gateway) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Share> {
        self.take_many(address, 1)
    }

    /// Takes so many places of the address's share, if it has them left.
    pub(in crate::gateway) fn take_many(
        self: &Arc<Self>,
        address: IpAddr,
        places: usize,
    ) -> Option<Share> {
        let address = forwarded::counted(address);
        let mut all = self.lock();
        let taken = all.get(&address).copied().unwrap_or_default();
        let taken = taken.checked_add(places).filter(|all| *all <= self.most)?;
        all.insert(address, taken);
        Some(Share {
            shares: Arc::clone(self),
            address,
            places,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Nothing in here panics half-way through a change.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut all = self.shares.lock();
        if let Some(taken) = all.get_mut(&self.address) {
            *taken -= self.places;
            if *taken == 0 {
                all.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn an_address_takes_no_more_than_its_share_and_all_no_more_than_there_is() {
        let slots = Slots::new(3, 67);
        let first = slots.take(A).expect("free");
        let second = slots.take(A).expect("within the share");
        assert_eq!(slots.take(A).unwrap_err(), Full::Address { limit: 2 });
        let third = slots.take(B).expect("of another address");
        assert_eq!(slots.take(B).unwrap_err(), Full::All { limit: 3 });
        assert_eq!(slots.taken(), 3);
        drop(first);
        let again = slots.take(A).expect("given back");
        drop((second, third, again));
        assert_eq!(slots.taken(), 0);
        assert!(slots.shares.lock().is_empty(), "nobody is remembered");
    }

    #[test]
    fn a_refusal_keeps_nothing() {
        let slots = Slots::new(2, 50);
        let _held = slots.take(A).expect("free");
        for _ in 0..5 {
            assert_eq!(slots.take(A).unwrap_err(), Full::Address { limit: 1 });
        }
        assert_eq!(slots.taken(), 1);
    }

    #[test]
    fn everybody_gets_one() {
        let slots = Slots::new(1, 1);
        slots.take(A).expect("the only one");
    }
}
