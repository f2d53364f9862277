//! Puts the sessions of the node together.

use std::sync::Arc;

use super::error::NodeError;
use super::ganomede;
use crate::access::Access;
use crate::bus::Bus;
use crate::channel::{Channels, NodeEnvironment};
use crate::gateway::SharedSecret;
use crate::session::{Namespaces, NoHooks, Sessions, SessionsSettings, Surroundings};

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
) -> Sessions {
    let (namespaces, _) = Namespaces::of(&settings.namespaces, []);
    let surroundings = Surroundings {
        bus: bus.clone(),
        channels: channels.clone(),
        access: access.clone(),
        environment: Arc::clone(environment) as _,
        hooks: Arc::new(NoHooks),
    };
    Sessions::new(surroundings, settings, namespaces)
}

/// The key with which servers of applications come, if there is a file with one.
///
/// # Errors
/// [`NodeError::ServerKey`] when it cannot be read.
pub(super) fn server_key(settings: &SessionsSettings) -> Result<Option<SharedSecret>, NodeError> {
    let Some(path) = &settings.api.key_file else {
        return Ok(None);
    };
    let key = ganomede::read(path).map_err(|problem| NodeError::ServerKey {
        path: path.clone(),
        problem,
    })?;
    Ok(Some(SharedSecret::new(&key)))
}
