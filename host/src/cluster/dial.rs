//! Dialling: one task for each address that may be a node's, which dials whenever
//! there is no link to that node.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::directory::Directory;
use super::membership::Address;
use super::timing::{FIRST_REDIAL, MAX_REDIAL};
use super::wire::channel::{Greeted, Lost};
use super::wire::dialler::Dialler;
use super::wire::greeting::Greeter;
use super::wire::refused::Refused;

/// What dialling takes.
pub(super) struct Dialling {
    pub(super) dialler: Dialler,
    pub(super) greeter: Arc<Greeter>,
    pub(super) directory: Arc<Directory>,
    /// Where connections go whose other end is known.
    pub(super) greeted: mpsc::Sender<Greeted>,
}

impl Dialling {
    /// Keeps trying to link with the node at `address`, with delays that `seed`
    /// spreads. Never ends.
    pub(super) async fn keep(self: Arc<Self>, address: Address, seed: u64) {
        let delays = ExponentialBuilder::new()
            .with_min_delay(FIRST_REDIAL)
            .with_max_delay(MAX_REDIAL)
            .with_factor(2.0)
            .without_max_times()
            .with_jitter()
            .with_jitter_seed(seed);
        let mut delay = delays.build();
        loop {
            let wanted = self.directory.until_wanted(&address).await;
            if wanted.waited {
                delay = delays.build();
            }
            if let Some(deference) = wanted.deference {
                sleep(deference).await;
                if !self.directory.is_wanted(&address) {
                    continue;
                }
            }
            // A panic is a mistake in this program, for which no address is given up.
            let dialled = AssertUnwindSafe(self.dial(&address)).catch_unwind();
            if dialled.await.is_err() {
                tracing::error!(
                    address = &*address,
                    "dialling ended unexpectedly, and begins anew"
                );
            }
            // A dial that went well is repeated if no link has come of it by then.
            sleep(delay.next().unwrap_or(MAX_REDIAL)).await;
        }
    }

    async fn dial(&self, address: &Address) {
        let failures = &self.greeter.failures;
        let opened = match self.dialler.dial(address).await {
            Ok(opened) => opened,
            Err(error) => return failures.not_dialled(address, &error),
        };
        match self.greeter.greet(opened).await {
            Ok(greeted) => {
                self.directory.answered(address, &greeted.peer);
                // Fails when this node leaves.
                let _ = self.greeted.send(greeted).await;
            }
            Err(lost) => {
                if matches!(lost, Lost::Refuses(Refused::Itself)) {
                    self.directory.answered_itself(address);
                }
                failures.no_link(address, &lost);
            }
        }
    }
}
