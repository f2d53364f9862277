//! Sets of keys at addresses: fetched when they are needed, kept while their server is away.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::jwk::{VerifyingKey, from_set};
use crate::access::key_set::{FetchKeySet, MAX_KEY_SET};
use crate::access::refusal::Unauthenticated;

/// How long the fetching of a set may take. Only requests with keys that are not known yet
/// wait for it.
const FETCH_DEADLINE: Duration = Duration::from_secs(5);

/// An address is asked at most once in this time, whatever key ids come: they are as easily
/// made up as typed.
const PAUSE: Duration = Duration::from_secs(10);

/// After this time a set is fetched again when it is used, so that a key which its issuer
/// has taken back is noticed.
const STALE: Duration = Duration::from_secs(600);

/// All sets, by address.
pub(in crate::access) struct KeySets {
    fetch: Arc<dyn FetchKeySet>,
    sets: Mutex<HashMap<String, Arc<KeySet>>>,
}

/// The keys at an address.
pub(in crate::access) struct KeySet {
    url: String,
    fetch: Arc<dyn FetchKeySet>,
    known: Arc<watch::Sender<Known>>,
    task: Mutex<Fetching>,
}

/// Tells when the keys of a set may have changed.
pub(in crate::access) struct KeySetChanges(watch::Receiver<Known>);

/// What is known of the keys at an address.
#[derive(Clone, Debug, Default)]
struct Known {
    /// `None` until they were fetched for the first time.
    keys: Option<Arc<[Arc<VerifyingKey>]>>,
    fetched: Option<Instant>,
    /// How often it was tried.
    attempts: u64,
}

#[derive(Default)]
struct Fetching {
    began: Option<Instant>,
    /// Ends with the set.
    task: Option<AbortOnDropHandle<()>>,
}

impl KeySets {
    pub(in crate::access) fn new(fetch: Arc<dyn FetchKeySet>) -> Self {
        Self {
            fetch,
            sets: Mutex::default(),
        }
    }

    /// The set at `url`, which is kept as long as anybody has it.
    pub(super) fn of(&self, url: &str) -> Arc<KeySet> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = sets.get(url) {
            return Arc::clone(set);
        }
        sets.retain(|_, set| Arc::strong_count(set) > 1);
        let set = Arc::new(KeySet {
            url: url.to_owned(),
            fetch: Arc::clone(&self.fetch),
            known: Arc::default(),
            task: Mutex::default(),
        });
        sets.insert(url.to_owned(), Arc::clone(&set));
        set
    }
}

impl KeySet {
    /// The key of this id for this algorithm. Whoever names none gets the only one that
    /// there is.
    pub(super) async fn key(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<VerifyingKey>, Unauthenticated> {
        let known = self.known.borrow().clone();
        if let Some(key) = known.find(id, algorithm) {
            self.refresh();
            return Ok(key);
        }
        let mut changes = self.known.subscribe();
        if self.begin_to_fetch() {
            let tried = changes.wait_for(|now| now.attempts > known.attempts);
            // The fetching has a deadline of its own.
            let _ = timeout(FETCH_DEADLINE * 2, tried).await;
        }
        let known = self.known.borrow().clone();
        known.find(id, algorithm).ok_or(match known.keys {
            None => Unauthenticated::KeysUnavailable,
            Some(_) => Unauthenticated::UnknownKeyId,
        })
    }

    /// Begins to fetch it again, if it is used and old.
    pub(super) fn refresh(&self) {
        let fetched = self.known.borrow().fetched;
        if fetched.is_some_and(|fetched| fetched.elapsed() >= STALE) {
            self.begin_to_fetch();
        }
    }

    /// Whether it has the key with this fingerprint.
    pub(super) fn has(&self, fingerprint: &[u8; 32]) -> bool {
        let known = self.known.borrow();
        let keys = known.keys.as_deref().unwrap_or_default();
        keys.iter().any(|key| key.fingerprint() == *fingerprint)
    }

    /// Tells from now on whenever the keys were fetched again.
    pub(in crate::access) fn changes(&self) -> KeySetChanges {
        KeySetChanges(self.known.subscribe())
    }

    /// Begins to fetch, unless that was just done; whether it goes on now.
    fn begin_to_fetch(&self) -> bool {
        let mut fetching = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if fetching
            .task
            .as_ref()
            .is_some_and(|task| !task.is_finished())
        {
            return true;
        }
        if fetching.began.is_some_and(|began| began.elapsed() < PAUSE) {
            return false;
        }
        fetching.began = Some(Instant::now());
        let (fetch, url, known) = (
            Arc::clone(&self.fetch),
            self.url.clone(),
            Arc::clone(&self.known),
        );
        let task = tokio::spawn(async move {
            let fetched = fetched(&*fetch, &url).await;
            known.send_modify(|known| known.tried(&url, fetched));
        });
        fetching.task = Some(AbortOnDropHandle::new(task));
        true
    }
}

async fn fetched(fetch: &dyn FetchKeySet, url: &str) -> Result<Vec<VerifyingKey>, String> {
    let json = timeout(FETCH_DEADLINE, fetch.fetch(url))
        .await
        .map_err(|_| format!("there is no whole answer within {FETCH_DEADLINE:?}"))?
        .map_err(|error| error.to_string())?;
    if json.len() > MAX_KEY_SET {
        return Err(format!(
            "it has {} bytes; at most {MAX_KEY_SET} are read",
            json.len()
        ));
    }
    from_set(&json)
}

impl KeySetChanges {
    /// Waits until the keys were fetched again; for ever once nobody has them.
    pub(in crate::access) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

impl Known {
    fn tried(&mut self, url: &str, fetched: Result<Vec<VerifyingKey>, String>) {
        let url = shown(url);
        self.attempts += 1;
        match fetched {
            Ok(keys) if keys.is_empty() => {
                tracing::warn!(
                    url,
                    "the set of keys has none that signatures are checked with"
                );
            }
            Ok(keys) => {
                self.keys = Some(keys.into_iter().map(Arc::new).collect());
                self.fetched = Some(Instant::now());
            }
            Err(problem) => {
                let kept = self.keys.is_some();
                tracing::warn!(
                    url,
                    problem,
                    kept,
                    "cannot fetch the keys of a token issuer"
                );
            }
        }
    }

    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<VerifyingKey>> {
        let fits = |key: &&Arc<VerifyingKey>| {
            key.algorithms.contains(&algorithm) && (id.is_none() || key.id.as_deref() == id)
        };
        let mut fitting = self.keys.as_deref()?.iter().filter(fits);
        let first = fitting.next()?;
        // Of several keys none is tried after the other: which is meant must be said.
        let is_only = id.is_some() || fitting.next().is_none();
        is_only.then(|| Arc::clone(first))
    }
}

/// An address without what may be secret in it.
fn shown(url: &str) -> &str {
    url.split_once('?').map_or(url, |(url, _)| url)
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("url", &shown(&self.url))
            .finish_non_exhaustive()
    }
}
