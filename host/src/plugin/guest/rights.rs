//! What a plugin may do now: its manifest within the node's policy as that is at the moment.
//!
//! A policy that takes something away holds at once, also for a guest that has an event in
//! hand and goes on with it for as long as its deadline lets it, and while the version that
//! is to replace it takes its time to start.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::config::{Manifest, Policy, Rights};

/// The node's policy as it is.
#[derive(Debug, Default)]
pub(crate) struct PolicyInForce {
    policy: RwLock<Arc<Policy>>,
    /// How often it was replaced.
    changes: AtomicU64,
}

/// What all instances of a version may do.
#[derive(Debug)]
pub(crate) struct RightsInForce {
    plugin: Arc<str>,
    manifest: Arc<Manifest>,
    policy: Arc<PolicyInForce>,
    /// As they were found last.
    found: Mutex<Option<Found>>,
}

#[derive(Clone, Debug)]
struct Found {
    /// After how many changes of the policy.
    changes: u64,
    rights: Arc<Rights>,
}

/// What one instance may do, which is looked up anew after a change of the policy.
#[derive(Clone, Debug)]
pub(crate) struct GuestRights {
    of: Arc<RightsInForce>,
    found: Found,
    /// The type that was published last: it may be published, as those before it were.
    published_type: String,
}

impl PolicyInForce {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy: RwLock::new(Arc::new(policy)),
            changes: AtomicU64::new(0),
        }
    }

    /// What plugins may do at most.
    pub(crate) fn now(&self) -> Arc<Policy> {
        // Only whole policies are put in there.
        let policy = self.policy.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&policy)
    }

    /// Puts another policy in force.
    pub(crate) fn replace(&self, policy: Policy) {
        let mut current = self.policy.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(policy);
        // After it: who sees the change finds the policy that it is of, or a later one.
        self.changes.fetch_add(1, Ordering::Release);
    }

    fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }
}

impl RightsInForce {
    pub(crate) fn new(
        plugin: Arc<str>,
        manifest: Arc<Manifest>,
        policy: Arc<PolicyInForce>,
    ) -> Self {
        Self {
            plugin,
            manifest,
            policy,
            found: Mutex::new(None),
        }
    }

    /// As they are at this moment.
    pub(crate) fn now(&self) -> Arc<Rights> {
        self.find().rights
    }

    fn find(&self) -> Found {
        // Only whole findings are put in there.
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.policy.changes();
        match &*found {
            Some(found) if found.changes == changes => found.clone(),
            _ => {
                let bounds = self.policy.now().of(&self.plugin);
                let rights = Arc::new(Rights::of(&self.manifest, &bounds));
                found.insert(Found { changes, rights }).clone()
            }
        }
    }
}

impl GuestRights {
    pub(crate) fn new(of: &Arc<RightsInForce>) -> Self {
        Self {
            of: Arc::clone(of),
            found: of.find(),
            published_type: String::new(),
        }
    }

    /// As they are at this moment.
    pub(crate) fn now(&mut self) -> &Arc<Rights> {
        if self.found.changes != self.of.policy.changes() {
            self.found = self.of.find();
            self.published_type.clear();
        }
        &self.found.rights
    }

    /// Whether events of this type may be published. Looked up once for a type that is
    /// published again and again.
    pub(crate) fn may_publish(&mut self, event_type: &str) -> bool {
        if self.now().publish.is_none() || self.published_type == event_type {
            return true;
        }
        let may = self.found.rights.may_publish(event_type);
        if may {
            event_type.clone_into(&mut self.published_type);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{NodeConfig, NodeFlags};

    fn policy(text: &str) -> Policy {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("hearken.toml"), text).unwrap();
        let config = NodeConfig::from_sources(&NodeFlags::default(), [], folder.path());
        config.unwrap().policy
    }

    #[test]
    fn what_a_guest_may_follows_the_policy_at_once() {
        let text = "[allow]\npublish = [\"custom.{a,b}\"]\nkeyvalue = [\"k\"]";
        let manifest = Manifest::parse(Path::new("p.toml"), text).unwrap();
        let in_force = Arc::new(PolicyInForce::default());
        let of = RightsInForce::new("p".into(), Arc::new(manifest), Arc::clone(&in_force));
        let of = Arc::new(of);
        let mut guest = GuestRights::new(&of);
        let mut other = GuestRights::new(&of);
        assert!(guest.may_publish("custom.a") && !guest.may_publish("custom.c"));
        assert!(guest.may_publish("custom.a"), "it is remembered");
        in_force.replace(policy(
            "[policy.plugin.p]\npublish = [\"custom.b\"]\nkeyvalue = []\nlisten = [\"custom.l\"]",
        ));
        assert!(!guest.may_publish("custom.a"), "and forgotten");
        assert!(guest.may_publish("custom.b"));
        assert!(guest.now().keyvalue.is_empty());
        assert!(other.now().may_hear("custom.l") && !other.now().may_hear("custom.m"));
        in_force.replace(Policy::default());
        assert!(guest.may_publish("custom.a"));
        assert_eq!(guest.now().keyvalue, ["k"]);
        assert!(other.now().may_hear("custom.m"));
    }
}
