//! Requests of other nodes whose heads are yet to come, so that it is not known whose they
//! are. How many there are is bounded apart from those that are answered, and from each address,
//! so that strangers who begin requests keep no node's from being answered.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cluster::wire::admission::network;
use crate::cluster::wire::http2::MAX_ON_THE_WAY;

/// Together: several times what one address may have, since most of them have none.
const MAX_HEADLESS: usize = 4096;

/// From one address: as many as a node has on the way, since on a slow line their heads may wait
/// behind what goes before them.
const MAX_HEADLESS_SHARE: usize = 512;

const _: () = assert!(
    MAX_HEADLESS_SHARE == MAX_ON_THE_WAY as usize,
    "a node sends as many"
);

/// Counts them. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Heads(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

/// A request whose head is yet to come, until this is dropped.
#[derive(Debug)]
pub(super) struct Headless {
    heads: Heads,
    address: IpAddr,
}

impl Heads {
    /// A request has begun to come from an address; nothing where there are as many as may be.
    pub(super) fn begin(&self, address: IpAddr) -> Option<Headless> {
        let address = network(address);
        let mut counts = self.lock();
        let share = counts.by_address.get(&address).copied().unwrap_or_default();
        if counts.all >= MAX_HEADLESS || share >= MAX_HEADLESS_SHARE {
            return None;
        }
        counts.all += 1;
        counts.by_address.insert(address, share + 1);
        drop(counts);
        Some(Headless {
            heads: self.clone(),
            address,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Nothing in here panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Headless {
    fn drop(&mut self) {
        let mut counts = self.heads.lock();
        // It was counted in both when it began.
        counts.all -= 1;
        if let Entry::Occupied(mut share) = counts.by_address.entry(self.address) {
            *share.get_mut() -= 1;
            if *share.get() == 0 {
                share.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_a_share_and_gives_it_back() {
        let heads = Heads::default();
        let address = |last: u8| IpAddr::from([10, 0, 0, last]);
        let begin = |last: u8, many: usize| {
            let begun = (0..many).map_while(|_| heads.begin(address(last)));
            begun.collect::<Vec<_>>()
        };
        let one = begin(0, MAX_HEADLESS);
        assert_eq!(one.len(), MAX_HEADLESS_SHARE);
        let others: Vec<_> = (1..100)
            .flat_map(|last| begin(last, MAX_HEADLESS))
            .collect();
        assert_eq!(one.len() + others.len(), MAX_HEADLESS);
        drop(others);
        assert!(heads.begin(address(0)).is_none());
        assert!(heads.begin(address(1)).is_some());
        drop(one);
        let counts = heads.lock();
        assert_eq!((counts.all, counts.by_address.len()), (0, 0));
    }
}
