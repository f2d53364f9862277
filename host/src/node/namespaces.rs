//! Brings together the namespaces of session channels that the node's configuration has and
//! those that plugins bring, whenever either are others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::PluginNamespaces;
use crate::plugin::Plugins;
use crate::session::{Namespace, Namespaces, PassedOver, Sessions, SessionsSettings};

/// Keeps the namespaces of a node's sessions what they are to be.
pub(super) struct AllNamespaces {
    sessions: Sessions,
    plugins: Arc<Plugins>,
    in_force: Mutex<InForce>,
}

/// What they are made of now.
#[derive(Default)]
struct InForce {
    brought: BTreeMap<String, PluginNamespaces>,
    passed_over: Vec<PassedOver>,
}

impl AllNamespaces {
    /// Those of the configuration are in force already.
    pub(super) fn new(sessions: Sessions, plugins: Arc<Plugins>) -> Self {
        Self {
            sessions,
            plugins,
            in_force: Mutex::default(),
        }
    }

    /// Looks what plugins bring, whenever that may have changed; never ends.
    pub(super) async fn follow(self: Arc<Self>) {
        loop {
            self.look_at_plugins();
            self.plugins.namespaces_may_differ().await;
        }
    }

    /// Takes what plugins bring now.
    pub(super) fn look_at_plugins(&self) {
        let mut in_force = self.in_force();
        let brought = self.plugins.namespaces();
        if brought != in_force.brought {
            in_force.brought = brought;
            self.put_in_force(
                &mut in_force,
                SessionsSettings::clone(&self.sessions.settings()),
            );
        }
    }

    /// Takes others of the configuration.
    pub(super) fn set_own(&self, own: BTreeMap<String, Namespace>) {
        let mut in_force = self.in_force();
        let settings = SessionsSettings {
            namespaces: own,
            ..SessionsSettings::clone(&self.sessions.settings())
        };
        self.put_in_force(&mut in_force, settings);
    }

    fn put_in_force(&self, in_force: &mut InForce, settings: SessionsSettings) {
        let brought = in_force.brought.iter();
        let brought = brought.map(|(plugin, brought)| (plugin.as_str(), brought.by_name()));
        let (namespaces, passed_over) = Namespaces::of(&settings.namespaces, brought);
        self.sessions.replace_settings(settings, namespaces);
        for passed in &passed_over {
            if in_force.passed_over.contains(passed) {
                continue;
            }
            let PassedOver {
                plugin,
                namespace,
                has_it,
            } = passed;
            match has_it {
                Some(other) => tracing::warn!(
                    plugin,
                    "its namespace `{namespace}` is passed over: the plugin `{other}` brings one \
                     of that name"
                ),
                None => tracing::info!(
                    plugin,
                    "its namespace `{namespace}` is passed over: the configuration has one of \
                     that name"
                ),
            }
        }
        in_force.passed_over = passed_over;
    }

    fn in_force(&self) -> MutexGuard<'_, InForce> {
        // Each is replaced as a whole.
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
