//! A node's sessions in tests, with those of other nodes beside them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::hooks::NoHooks;
use super::namespace::Namespace;
use super::sessions::Surroundings;
use super::test_net::Net;
use super::test_support::{NoKeySets, Rig, issuer_in, seams_from};
use crate::access::{Access, AccessSettings};
use crate::bus::{Bus, BusConfig};
use crate::channel::test_support::channels_of;
use crate::clock::{Clock, SystemClock};
use crate::mesh::PeerNode;

impl Rig {
    /// The same as [`Rig::new`], of a node with others beside it.
    pub(super) fn beside(net: &Net, name: &str, namespaces: &[Namespace]) -> Self {
        Self::started_beside(net, name, 1, namespaces)
    }

    /// The same, of a later start of the node.
    pub(super) fn started_beside(
        net: &Net,
        name: &str,
        start: u128,
        namespaces: &[Namespace],
    ) -> Self {
        let bus = Bus::new(BusConfig {
            node: name.into(),
            incarnation: format!("{name}{start}"),
            max_event_bytes: 1 << 20,
            clock: Arc::new(SystemClock),
        });
        let mesh = net.way_of(name, start);
        // No two nodes give the same ids.
        let salt = name
            .bytes()
            .fold(start, |salt, byte| salt * 256 + u128::from(byte));
        let seams = seams_from(u64::try_from(salt).unwrap() << 32);
        let folder = tempfile::tempdir().unwrap();
        let settings = AccessSettings {
            tokens: [("main".to_owned(), issuer_in(&folder))].into(),
            ..AccessSettings::default()
        };
        let clock = Arc::clone(&seams) as Arc<dyn Clock>;
        let access = Access::new(settings, clock, Arc::new(NoKeySets)).unwrap();
        let surroundings = Surroundings {
            channels: channels_of(&bus, BTreeMap::new()),
            bus,
            access,
            environment: seams,
            hooks: Arc::new(NoHooks),
            mesh: Arc::clone(&mesh),
        };
        let rig = Self::of(surroundings, folder, namespaces, |settings| {
            settings.token = Some("main".to_owned());
        });
        net.join(&mesh.this(), rig.sessions.ears());
        rig
    }

    /// The node, as others know it.
    pub(super) fn peer(&self) -> PeerNode {
        self.sessions.0.across.members.this().clone()
    }
}
