//! Reads the configuration again when its file changes.
//!
//! What can change while a node runs does; of the rest it is said that it needs a restart. A
//! file that is not valid changes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::http::files_of;
use crate::access::Access;
use crate::config::{ConfigSource, NodeConfig, Policy};
use crate::file_watch::FileWatch;
use crate::gateway::HttpTls;
use crate::session::Namespace;

/// Why a file is refused that has nobody asked any more. A file that is being written may be
/// empty for a moment, and the address that a node listens on is what it was at the start:
/// whoever reaches it would be its administrator.
const ASKS_NOBODY: &str = "it has no key, token, certificate or `access.anonymous` any more, and \
    a node that asks who somebody is does so until it ends; restart it to have it ask nobody";

/// Follows a configuration.
pub(super) struct Follower {
    source: ConfigSource,
    parts: Parts,
    state: Mutex<State>,
}

/// What takes other settings while the node runs.
pub(super) struct Parts {
    pub(super) access: Access,
    /// What encrypts HTTP; whether anything does is decided at the start.
    pub(super) http_tls: Option<HttpTls>,
    /// Has plugins loaded anew that another policy says something else of.
    pub(super) set_policy: Box<dyn Fn(Policy) + Send + Sync>,
    /// Has sessions go by other namespaces.
    pub(super) set_namespaces: Box<dyn Fn(BTreeMap<String, Namespace>) + Send + Sync>,
}

struct State {
    /// What the node started with, but for what was taken since.
    config: NodeConfig,
    /// The contents of the files that access names.
    secrets: Vec<Option<blake3::Hash>>,
    /// What was said last, so that it is said once.
    said: Option<Said>,
}

/// What has become of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// Nothing of it is taken, for this reason.
    Refused(String),
    /// These keys have changed, and need a restart.
    Restart(Vec<&'static str>),
}

impl Follower {
    /// Follows `source`, from which the node has `config`.
    pub(super) fn new(source: ConfigSource, config: NodeConfig, parts: Parts) -> Self {
        let secrets = secrets(&config);
        Self {
            source,
            parts,
            state: Mutex::new(State {
                config,
                secrets,
                said: None,
            }),
        }
    }

    /// Never ends.
    pub(super) async fn run(self) {
        let this = Arc::new(self);
        let mut files = this.files();
        let mut watch = watch_of(&files);
        loop {
            // Also once at the start, for what has changed before the watch began.
            let reading = Arc::clone(&this);
            let read = tokio::task::spawn_blocking(move || reading.read_again()).await;
            if let Err(error) = read {
                tracing::error!(%error, "reading the configuration again failed");
            }
            let now = this.files();
            if now != files {
                files = now;
                watch = watch_of(&files);
                // What has changed before the new watch began is seen by reading again.
                continue;
            }
            watch.next().await;
        }
    }

    /// The files that matter.
    fn files(&self) -> Vec<PathBuf> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.source.file().to_owned();
        let secrets = state.config.access.files().cloned();
        std::iter::once(file).chain(secrets).collect()
    }

    /// Reads the file and takes what can be taken. Blocks for a moment.
    fn read_again(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let said = match self.source.read() {
            Ok(config) => self.take(&mut state, config),
            Err(error) => Some(Said::Refused(error.to_string())),
        };
        if said.is_some() && said != state.said {
            match &said {
                Some(Said::Refused(error)) => {
                    tracing::error!(
                        %error,
                        "the configuration is not valid; the old one stays in use"
                    );
                }
                Some(Said::Restart(keys)) => {
                    let keys = keys.join(", ");
                    tracing::warn!(keys, "the configuration has changed; this needs a restart");
                }
                None => {}
            }
        }
        state.said = said;
    }

    fn take(&self, state: &mut State, config: NodeConfig) -> Option<Said> {
        if state.config.access.is_configured() && !config.access.is_configured() {
            return Some(Said::Refused(ASKS_NOBODY.to_owned()));
        }
        // All that may be refused is looked at before anything is taken.
        let tls = match (&self.parts.http_tls, &config.http.tls) {
            (Some(tls), Some(files)) if config.http.tls != state.config.http.tls => {
                match tls.read(files_of(files)) {
                    Ok(other) => Some((tls, other)),
                    Err(error) => return Some(Said::Refused(error.to_string())),
                }
            }
            _ => None,
        };
        let secrets = secrets(&config);
        if config.access != state.config.access || secrets != state.secrets {
            if let Err(error) = self.parts.access.replace(config.access.clone()) {
                return Some(Said::Refused(error.to_string()));
            }
            tracing::info!("read again who may do what");
            state.secrets = secrets;
            state.config.access = config.access.clone();
        }
        if let Some((tls, other)) = tls {
            tls.replace(other);
            tracing::info!("took other certificates for HTTP");
            state.config.http.tls = config.http.tls.clone();
        }
        if config.policy != state.config.policy {
            (self.parts.set_policy)(config.policy.clone());
            tracing::info!("read again what plugins may do at most");
            state.config.policy = config.policy.clone();
        }
        let namespaces = &config.sessions.namespaces;
        if *namespaces != state.config.sessions.namespaces {
            (self.parts.set_namespaces)(namespaces.clone());
            tracing::info!("the namespaces of session channels were read again");
            state.config.sessions.namespaces = namespaces.clone();
        }
        // What was taken is the same by now.
        let keys = state.config.changed_keys(&config);
        (!keys.is_empty()).then_some(Said::Restart(keys))
    }
}

fn watch_of(files: &[PathBuf]) -> FileWatch {
    FileWatch::new(files.iter().map(PathBuf::as_path), "the configuration")
}

fn secrets(config: &NodeConfig) -> Vec<Option<blake3::Hash>> {
    let hash = |file: &PathBuf| Some(blake3::hash(&std::fs::read(Path::new(file)).ok()?));
    config.access.files().map(hash).collect()
}

#[cfg(test)]
mod tests;
