//! Puts the sessions of the node together.

use std::sync::Arc;

use crate::access::Access;
use crate::bus::Bus;
use crate::channel::{Channels, NodeEnvironment};
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
