//! Nodes behind names that are resolved again and again, such as that of a
//! Kubernetes headless service.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures_util::future::join_all;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{Address, Candidates, Membership};
use crate::cluster::wire::network::{BoxFuture, Network};

/// Time between the end of one look-up of a name and the next: what a name's new
/// address waits to be seen.
const INTERVAL: Duration = Duration::from_secs(5);

/// How long a look-up may take. Resolvers that ask several servers in turn need
/// some seconds.
const DEADLINE: Duration = Duration::from_secs(5);

/// Waits before a name was resolved for the first time: a service's name often
/// appears only moments after its first node has started. Jitter can double them.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_millis(2500);

/// Addresses behind names, kept current.
pub struct Dns {
    names: Vec<Address>,
    network: Arc<dyn Network>,
    seed: u64,
    candidates: watch::Sender<Candidates>,
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dns")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Dns {
    /// Resolves `names`, each a `HOST:PORT`, through `network`. The `seed` spreads the
    /// retries of nodes that start together.
    #[must_use]
    pub fn new(
        names: impl IntoIterator<Item = Address>,
        network: Arc<dyn Network>,
        seed: u64,
    ) -> Self {
        Self {
            names: names.into_iter().collect(),
            network,
            seed,
            candidates: watch::Sender::default(),
        }
    }
}

impl Membership for Dns {
    fn watch(&self) -> watch::Receiver<Candidates> {
        self.candidates.subscribe()
    }

    fn run(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let found = Found {
                of_each: Mutex::new(vec![Candidates::new(); self.names.len()]),
                of_all: self.candidates,
            };
            let found = &found;
            let network = self.network.as_ref();
            join_all(self.names.iter().enumerate().map(|(index, name)| {
                let retries = retries(self.seed.wrapping_add(index as u64));
                follow(name, network, retries, move |addresses| {
                    found.put(index, addresses);
                })
            }))
            .await;
        })
    }
}

/// What the names stand for. Two may share an address, so that one's answers can
/// only be replaced knowing the other's.
struct Found {
    of_each: Mutex<Vec<Candidates>>,
    of_all: watch::Sender<Candidates>,
}

impl Found {
    fn put(&self, index: usize, addresses: Candidates) {
        let mut of_each = self.of_each.lock().unwrap_or_else(PoisonError::into_inner);
        of_each[index] = addresses;
        let all: Candidates = of_each.iter().flatten().cloned().collect();
        self.of_all.send_if_modified(|before| {
            let differs = *before != all;
            *before = all;
            differs
        });
    }
}

/// Why a look-up found nothing. The last answer stays in force.
#[derive(Debug, Error, PartialEq, Eq)]
enum LookupError {
    #[error("{0}")]
    Failed(String),
    #[error("the answer holds no address")]
    Empty,
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Late,
}

fn retries(seed: u64) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_RETRY)
        .with_max_delay(LONGEST_RETRY)
        .with_factor(2.0)
        .with_jitter()
        .with_jitter_seed(seed)
        .without_max_times()
        .build()
}

/// Resolves `name` for ever.
async fn follow(
    name: &str,
    network: &dyn Network,
    mut retries: ExponentialBackoff,
    found: impl Fn(Candidates),
) {
    let mut resolved_once = false;
    let mut trouble = None;
    loop {
        match look_up(name, network).await {
            Ok(addresses) => {
                if trouble.take().is_some() {
                    tracing::info!(name, "the name of other nodes resolves again");
                }
                resolved_once = true;
                found(addresses);
            }
            Err(error) => {
                if trouble.as_ref() != Some(&error) {
                    tracing::warn!(
                        name,
                        %error,
                        "cannot resolve the name of other nodes; check it in `cluster.join` and in \
                         the DNS. The last known addresses stay in use"
                    );
                    trouble = Some(error);
                }
            }
        }
        let wait = if resolved_once { None } else { retries.next() };
        sleep(wait.unwrap_or(INTERVAL)).await;
    }
}

async fn look_up(name: &str, network: &dyn Network) -> Result<Candidates, LookupError> {
    let addresses = match timeout(DEADLINE, network.resolve(name)).await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => return Err(LookupError::Failed(error.to_string())),
        Err(_) => return Err(LookupError::Late),
    };
    if addresses.is_empty() {
        return Err(LookupError::Empty);
    }
    Ok(addresses
        .iter()
        .map(|address| address.to_string().into())
        .collect())
}

#[cfg(test)]
mod tests;
