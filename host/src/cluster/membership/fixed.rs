//! Nodes at addresses that never change.

use tokio::sync::watch;

use super::{Address, Candidates, Membership};
use crate::cluster::wire::network::BoxFuture;

/// Addresses that an operator gave, for as long as the node runs.
#[derive(Debug)]
pub struct Fixed {
    candidates: watch::Sender<Candidates>,
}

impl Fixed {
    /// Finds `addresses` and nothing else, ever.
    #[must_use]
    pub fn new(addresses: impl IntoIterator<Item = Address>) -> Self {
        let candidates = watch::Sender::new(addresses.into_iter().collect());
        Self { candidates }
    }
}

impl Membership for Fixed {
    fn watch(&self) -> watch::Receiver<Candidates> {
        self.candidates.subscribe()
    }

    fn run(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_addresses_stay_in_the_watch_after_the_end() {
        let fixed = Fixed::new(["10.0.0.2:7071".into(), "10.0.0.1:7071".into()]);
        let watch = fixed.watch();
        Box::new(fixed).run().await;
        let found: Vec<_> = watch.borrow().iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.0.1:7071", "10.0.0.2:7071"]);
    }
}
