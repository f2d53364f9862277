//! Places on the way to each other node, of which no address may have all.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::refusal::ElsewhereRefusal;
use crate::gateway::endpoints::channels::refusal::ChannelRefusal;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::slots::{Full, Slot, Slots};
use crate::passing::{MAX_CHANGING, MAX_EMULATING, MAX_LASTING, MAX_READING, PassKind};

/// Nodes from which on those are forgotten to which nothing is on its way.
const MANY_NODES: usize = 1024;

/// The ways to the other nodes.
pub(in crate::gateway) struct Ways {
    /// Of 100 places, those that an address may have.
    address_share: usize,
    nodes: Mutex<BTreeMap<String, Arc<Way>>>,
}

/// The way to one node.
struct Way {
    lasting: Slots,
    reading: Slots,
    changing: Slots,
    emulating: Slots,
}

impl Ways {
    /// An address may have `address_share` in 100 of each kind of places, but always one.
    pub(in crate::gateway) fn new(address_share: usize) -> Self {
        Self {
            address_share,
            nodes: Mutex::default(),
        }
    }

    /// A place for a request of that address.
    pub(in crate::gateway) fn place(
        &self,
        node: &str,
        kind: PassKind,
        address: IpAddr,
    ) -> Result<Slot, Rejection> {
        let way = self.way(node);
        let slots = match kind {
            PassKind::Lasting => &way.lasting,
            PassKind::Reading => &way.reading,
            PassKind::Changing => &way.changing,
            PassKind::Emulating => &way.emulating,
        };
        slots.take(address).map_err(|full| match full {
            Full::All { .. } => {
                let node = node.to_owned();
                ChannelRefusal::from(ElsewhereRefusal::Busy { node }).into()
            }
            Full::Address { .. } => {
                Rejection::full("requests on their way to the channel's node", full)
            }
        })
    }

    fn way(&self, node: &str) -> Arc<Way> {
        // Nothing in here panics half-way through a change.
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = nodes.get(node) {
            return Arc::clone(way);
        }
        if nodes.len() >= MANY_NODES {
            nodes.retain(|_, way| Arc::strong_count(way) > 1 || way.carries());
        }
        let way = Arc::new(Way::new(self.address_share));
        nodes.insert(node.to_owned(), Arc::clone(&way));
        way
    }
}

impl Way {
    fn new(address_share: usize) -> Self {
        Self {
            lasting: Slots::new(MAX_LASTING, address_share),
            reading: Slots::new(MAX_READING, address_share),
            changing: Slots::new(MAX_CHANGING, address_share),
            emulating: Slots::new(MAX_EMULATING, address_share),
        }
    }

    fn carries(&self) -> bool {
        let all = [
            &self.lasting,
            &self.reading,
            &self.changing,
            &self.emulating,
        ];
        all.iter().any(|slots| slots.taken() > 0)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn an_address_has_its_share_of_each_way_and_reading_takes_nothing_of_changing() {
        let ways = Ways::new(50);
        let [one, other] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from);
        let all = |kind, address| {
            let places = std::iter::from_fn(|| ways.place("a", kind, address).ok());
            places.collect::<Vec<_>>()
        };
        let lasting = all(PassKind::Lasting, one);
        assert_eq!(lasting.len(), MAX_LASTING / 2);
        let refused = ways.place("a", PassKind::Lasting, one).unwrap_err();
        assert_eq!(refused.classify().0, StatusCode::TOO_MANY_REQUESTS);
        let rest = all(PassKind::Lasting, other);
        assert_eq!(rest.len(), MAX_LASTING / 2);
        let refused = ways.place("a", PassKind::Lasting, other).unwrap_err();
        assert_eq!(refused.classify().0, StatusCode::SERVICE_UNAVAILABLE);
        let reading = all(PassKind::Reading, one);
        assert_eq!(reading.len(), MAX_READING / 2);
        let emulating = all(PassKind::Emulating, one);
        assert_eq!(emulating.len(), MAX_EMULATING / 2);
        assert_eq!(all(PassKind::Changing, one).len(), MAX_CHANGING / 2);
        assert!(ways.place("b", PassKind::Lasting, one).is_ok());
    }

    #[test]
    fn ways_that_carry_nothing_are_forgotten() {
        let ways = Ways::new(50);
        let address = IpAddr::from([192, 0, 2, 1]);
        let kept = ways.place("first", PassKind::Reading, address);
        for number in 0..2 * MANY_NODES {
            let place = ways.place(&number.to_string(), PassKind::Reading, address);
            drop(place.unwrap());
        }
        let nodes = ways.nodes.lock().unwrap();
        assert!(nodes.len() <= MANY_NODES);
        assert!(nodes.contains_key("first"));
        drop((nodes, kept));
    }
}
