//! How many requests of other nodes are answered at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

use crate::mesh::PeerNode;
use crate::session::registry::take_one;

/// Most requests of one node that are answered at a time: more than it sends where all goes well.
const MAX_SERVED: usize = 4_096;

/// How many requests of each node are being answered.
#[derive(Debug, Default)]
pub(super) struct Serving(Mutex<HashMap<PeerNode, usize, RandomState>>);

/// A request that is being answered, as long as this lives.
#[derive(Debug)]
pub(super) struct Served {
    serving: Arc<Serving>,
    peer: PeerNode,
}

impl Serving {
    /// Begins to answer a request of a node, unless too many are being answered.
    pub(super) fn begin(self: &Arc<Self>, peer: &PeerNode) -> Option<Served> {
        let mut all = self.lock();
        let served = all.entry(peer.clone()).or_default();
        if *served >= MAX_SERVED {
            return None;
        }
        *served += 1;
        Some(Served {
            serving: Arc::clone(self),
            peer: peer.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PeerNode, usize, RandomState>> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        take_one(&mut self.serving.lock(), &self.peer);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn one_node_has_no_part_of_what_another_may_ask() {
        let serving = Arc::new(Serving::default());
        let [one, other] = ["a", "b"].map(|name| PeerNode {
            name: name.into(),
            incarnation: Uuid::from_u128(1),
        });
        let mut served: Vec<_> = (0..MAX_SERVED).map(|_| serving.begin(&one)).collect();
        assert!(served.iter().all(Option::is_some));
        assert!(serving.begin(&one).is_none());
        assert!(serving.begin(&other).is_some());
        served.pop();
        assert!(serving.begin(&one).is_some());
        drop(served);
        assert!(serving.lock().is_empty());
    }
}
