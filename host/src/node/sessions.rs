//! Puts the sessions of the node together.

use std::path::Path;
use std::sync::Arc;

use super::error::NodeError;
use super::secret_file::{SHORT, read};
use crate::access::Access;
use crate::bus::Bus;
use crate::channel::{Channels, NodeEnvironment};
use crate::gateway::SharedSecret;
use crate::mesh::Mesh;
use crate::plugin::PluginHooks;
use crate::session::{Namespaces, Sessions, SessionsSettings, Surroundings};

/// The sessions of a node by these settings.
///
/// # Panics
/// Outside of a tokio runtime.
pub(super) fn sessions(
    settings: SessionsSettings,
    bus: &Bus,
    channels: &Channels,
    access: &Access,
    environment: &Arc<NodeEnvironment>,
    hooks: &PluginHooks,
    mesh: Arc<dyn Mesh>,
) -> Sessions {
    let (namespaces, _) = Namespaces::of(&settings.namespaces, []);
    let surroundings = Surroundings {
        bus: bus.clone(),
        channels: channels.clone(),
        access: access.clone(),
        environment: Arc::clone(environment) as _,
        hooks: Arc::new(hooks.clone()),
        mesh,
    };
    Sessions::new(surroundings, settings, namespaces)
}

/// Whether a node with these settings has sessions, or channels of sessions, of which other
/// nodes have to know.
pub(super) fn hear_others(settings: &SessionsSettings) -> bool {
    settings.are_on() || !settings.namespaces.is_empty()
}

/// The key with which servers of applications come, if there is a file with one.
///
/// # Errors
/// [`NodeError::ServerKey`] when it cannot be read.
pub(super) fn server_key(settings: &SessionsSettings) -> Result<Option<SharedSecret>, NodeError> {
    let Some(path) = &settings.api.key_file else {
        return Ok(None);
    };
    let key = key(path).map_err(|problem| NodeError::ServerKey {
        path: path.clone(),
        problem,
    })?;
    if key.len() < SHORT {
        tracing::warn!(
            "the key of `sessions.api` has fewer than {SHORT} bytes, and can be guessed: it \
             commands all sessions of the node"
        );
    }
    tracing::info!(
        "the key of `sessions.api` was read; a new one in its file is used after the next start"
    );
    Ok(Some(SharedSecret::new(&key)))
}

/// The key in a file, without what stands around it: who shows it in a header cannot show that.
fn key(path: &Path) -> Result<String, String> {
    let text = read(path)?;
    match text.trim() {
        "" => Err("it is empty".to_owned()),
        key => Ok(key.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_file_is_what_can_be_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for (text, expected) in [
            ("hunter22", Some("hunter22")),
            (" hunter22 \n\n", Some("hunter22")),
            (" \n", None),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(key(&path).ok().as_deref(), expected, "{text:?}");
        }
    }
}
