//! Memory that is bounded, of which no single address may take all.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::slots::{Full, Share, Shares};

/// What is counted: so many bytes, or a part of them.
const UNIT: usize = 1 << 10;

/// Memory for what requests bring.
#[derive(Debug)]
pub(in crate::gateway) struct Memory {
    free: Arc<Semaphore>,
    /// Bytes of all of it.
    limit: usize,
    /// The most bytes that are taken at once.
    largest: usize,
    shares: Arc<Shares>,
}

/// A part of the memory, until it is dropped.
#[derive(Debug)]
pub(in crate::gateway) struct Part {
    _share: Option<Share>,
    _permit: OwnedSemaphorePermit,
}

impl Memory {
    /// `bytes` of memory, of which an address may have `percent` in 100, but always
    /// `largest`, the most that is taken at once. Of that there is always room for one.
    pub(in crate::gateway) fn new(bytes: usize, percent: usize, largest: usize) -> Self {
        let limit = bytes.max(largest);
        let units = limit.div_ceil(UNIT);
        let least = largest.div_ceil(UNIT);
        Self {
            free: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))),
            limit,
            largest,
            shares: Arc::new(Shares::of_at_least(units, percent, least)),
        }
    }

    /// The most bytes that there is always room for, once others have given theirs back.
    pub(in crate::gateway) fn largest(&self) -> usize {
        self.largest
    }

    /// Takes so many bytes for an address, or for one that is not counted.
    ///
    /// # Errors
    /// [`Full`], with bytes, when there are not so many.
    pub(in crate::gateway) fn take(
        &self,
        bytes: usize,
        address: Option<IpAddr>,
    ) -> Result<Part, Full> {
        let units = bytes.div_ceil(UNIT);
        let permits = u32::try_from(units).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.free)
            .try_acquire_many_owned(permits)
            .map_err(|_| Full::All { limit: self.limit })?;
        let share = address.map(|address| {
            self.shares.take_many(address, units).ok_or(Full::Address {
                limit: self.shares.most() * UNIT,
            })
        });
        Ok(Part {
            _share: share.transpose()?,
            _permit: permit,
        })
    }

    /// What is free, in KiB.
    #[cfg(test)]
    pub(in crate::gateway) fn free_kib(&self) -> usize {
        self.free.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn an_address_takes_its_share_and_no_more() {
        let memory = Memory::new(8 << 10, 50, 3 << 10);
        let first = memory.take(1 << 10, Some(A)).expect("there is room");
        let _second = memory
            .take((2 << 10) + 1, Some(A))
            .expect("within its share");
        let full = Full::Address { limit: 4 << 10 };
        assert_eq!(memory.take(1, Some(A)).unwrap_err(), full);
        let _other = memory.take(3 << 10, Some(B)).expect("of another address");
        let _uncounted = memory.take(1, None).expect("there is room");
        let full = Full::All { limit: 8 << 10 };
        assert_eq!(memory.take(1, Some(B)).unwrap_err(), full);
        drop(first);
        memory.take(1 << 10, Some(A)).expect("given back");
        assert_eq!(memory.free_kib(), 1, "refusals keep nothing");
    }

    #[test]
    fn there_is_always_room_for_the_largest() {
        let memory = Memory::new(0, 1, 5000);
        let part = memory.take(5000, Some(A)).expect("there is room");
        assert!(memory.take(1, Some(B)).is_err());
        drop(part);
    }
}
