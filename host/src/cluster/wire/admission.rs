//! Who may connect: bounds of how many connections there are, together and from one
//! address, so that strangers cannot keep nodes out.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

/// Connections together: twice the most links that a node has, since two nodes may dial
/// each other at once.
const MAX_CONNECTIONS: usize = 2048;

/// Connections from one address: as many nodes may be on one machine, or behind one
/// address translation.
const MAX_SHARE: usize = 256;

/// Connections together in the middle of their TLS handshake, which is what costs.
const MAX_ARRIVING: usize = 128;

/// The same from one address.
const MAX_ARRIVING_SHARE: usize = 32;

/// Streams from one address on which it is not known yet who is at the other end: a part of
/// those that there may be together.
const MAX_GREETING_SHARE: usize = 32;

/// Bits of an IPv6 address that count: whoever has one has the rest of its network too.
const NETWORK_BITS: u32 = 64;

/// Counts connections. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub(in crate::cluster) struct Admission(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    all: Count,
    by_address: BTreeMap<IpAddr, Count>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    connections: usize,
    arriving: usize,
    greeting: usize,
}

/// A stream on which the greeting is under way, until this is dropped.
#[derive(Debug)]
pub(in crate::cluster) struct Greeting {
    admission: Admission,
    address: IpAddr,
}

/// A connection's place among all, given back when it is dropped.
#[derive(Debug)]
pub(in crate::cluster) struct Place {
    admission: Admission,
    address: IpAddr,
    arriving: bool,
    usage: Arc<Usage>,
}

/// Why there is no place.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Crowded {
    /// For nobody.
    All,
    /// For that address.
    Share,
}

impl Crowded {
    pub(in crate::cluster) fn kind(&self) -> &'static str {
        match self {
            Self::All => "crowded",
            Self::Share => "share",
        }
    }
}

impl fmt::Display for Crowded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => write!(
                f,
                "there are {MAX_CONNECTIONS} already, or {MAX_ARRIVING} whose TLS handshake is under way"
            ),
            Self::Share => write!(
                f,
                "that address has {MAX_SHARE} already, or {MAX_ARRIVING_SHARE} whose TLS handshake is under way"
            ),
        }
    }
}

impl Admission {
    /// A place for a connection from an address.
    ///
    /// # Errors
    /// [`Crowded`] when there is none.
    pub(in crate::cluster) fn admit(&self, address: IpAddr) -> Result<Place, Crowded> {
        let address = network(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counts { all, by_address } = &mut *counts;
        if all.connections >= MAX_CONNECTIONS || all.arriving >= MAX_ARRIVING {
            return Err(Crowded::All);
        }
        let share = by_address.entry(address).or_default();
        if share.connections >= MAX_SHARE || share.arriving >= MAX_ARRIVING_SHARE {
            return Err(Crowded::Share);
        }
        for count in [all, share] {
            count.connections += 1;
            count.arriving += 1;
        }
        Ok(Place {
            admission: self.clone(),
            address,
            arriving: true,
            usage: Arc::default(),
        })
    }

    /// A stream from an address has been opened, on which the greeting begins; nothing where
    /// that address has as many as it may.
    pub(super) fn greet(&self, address: IpAddr) -> Option<Greeting> {
        let address = network(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let share = counts.by_address.entry(address).or_default();
        if share.greeting >= MAX_GREETING_SHARE {
            return None;
        }
        share.greeting += 1;
        Some(Greeting {
            admission: self.clone(),
            address,
        })
    }

    fn change_share(&self, address: IpAddr, change: impl Fn(&mut Count)) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.change_share(address, change);
    }
}

impl Counts {
    fn change_share(&mut self, address: IpAddr, change: impl Fn(&mut Count)) {
        if let Some(share) = self.by_address.get_mut(&address) {
            change(share);
            if *share == Count::default() {
                self.by_address.remove(&address);
            }
        }
    }
}

impl Drop for Greeting {
    fn drop(&mut self) {
        self.admission
            .change_share(self.address, |share| share.greeting -= 1);
    }
}

impl Place {
    /// The connection's handshake is over.
    pub(in crate::cluster) fn arrived(&mut self) {
        if std::mem::take(&mut self.arriving) {
            self.change(|count| count.arriving -= 1);
        }
    }

    /// Whether the connection is used.
    pub(in crate::cluster) fn usage(&self) -> Arc<Usage> {
        Arc::clone(&self.usage)
    }

    fn change(&self, change: impl Fn(&mut Count)) {
        let mut counts = self
            .admission
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        change(&mut counts.all);
        counts.change_share(self.address, change);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.arrived();
        self.change(|count| count.connections -= 1);
    }
}

/// Whose an address is.
pub(in crate::cluster) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let kept = u128::MAX << (u128::BITS - NETWORK_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & kept))
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// Whether a connection has streams.
#[derive(Debug)]
pub(in crate::cluster) struct Usage {
    state: Mutex<(usize, Instant)>,
    reader: AtomicWaker,
}

impl Default for Usage {
    /// Without a stream since now.
    fn default() -> Self {
        Self {
            state: Mutex::new((0, Instant::now())),
            reader: AtomicWaker::new(),
        }
    }
}

impl Usage {
    /// Since when the connection has no stream; nothing while it has one. Wakes `waker`
    /// when that changes.
    pub(in crate::cluster) fn unused_since(&self, waker: &Waker) -> Option<Instant> {
        self.reader.register(waker);
        let (streams, since) = *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (streams == 0).then_some(since)
    }
}

/// A stream over a connection that was taken.
#[derive(Debug)]
pub(in crate::cluster) struct InUse(Arc<Usage>);

impl InUse {
    pub(in crate::cluster) fn new(usage: &Arc<Usage>) -> Self {
        usage.state.lock().unwrap_or_else(PoisonError::into_inner).0 += 1;
        Self(Arc::clone(usage))
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        {
            let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 = state.0.saturating_sub(1);
            state.1 = Instant::now();
        }
        self.0.reader.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[tokio::test]
    async fn one_address_cannot_take_the_places_of_the_others() {
        let admission = Admission::default();
        let mut arriving: Vec<_> = (0..MAX_ARRIVING_SHARE)
            .map(|_| admission.admit(address(1)).unwrap())
            .collect();
        assert_eq!(admission.admit(address(1)).unwrap_err(), Crowded::Share);
        let other = admission.admit(address(2)).unwrap();
        for place in &mut arriving {
            place.arrived();
        }
        let mut more = Vec::new();
        while arriving.len() + more.len() < MAX_SHARE {
            let mut place = admission.admit(address(1)).unwrap();
            place.arrived();
            more.push(place);
        }
        assert_eq!(admission.admit(address(1)).unwrap_err(), Crowded::Share);
        drop(more.pop());
        drop(admission.admit(address(1)).unwrap());
        drop((arriving, more, other));
        assert_eq!(admission.0.lock().unwrap().all, Count::default());
        assert!(admission.0.lock().unwrap().by_address.is_empty());
    }

    #[test]
    fn one_address_cannot_take_all_greetings() {
        let admission = Admission::default();
        let greeting: Vec<_> = (0..MAX_GREETING_SHARE)
            .map(|_| admission.greet(address(1)).unwrap())
            .collect();
        assert!(admission.greet(address(1)).is_none());
        let other = admission.greet(address(2)).unwrap();
        drop(greeting);
        drop((admission.greet(address(1)).unwrap(), other));
        assert!(admission.0.lock().unwrap().by_address.is_empty());
    }

    #[tokio::test]
    async fn all_together_have_a_bound() {
        let admission = Admission::default();
        let mut places = Vec::new();
        while places.len() < MAX_CONNECTIONS {
            let last = u8::try_from(places.len() / MAX_SHARE).unwrap();
            let mut place = admission.admit(address(last)).unwrap();
            place.arrived();
            places.push(place);
        }
        assert_eq!(admission.admit(address(99)).unwrap_err(), Crowded::All);
        places.pop();
        admission.admit(address(99)).unwrap();
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let network_of = |text: &str| network(text.parse().unwrap());
        assert_eq!(network_of("2001:db8::1"), network_of("2001:db8::ffff:1"));
        assert_ne!(network_of("2001:db8::1"), network_of("2001:db8:0:1::1"));
        assert_eq!(network_of("::ffff:10.0.0.1"), network_of("10.0.0.1"));
    }
}
