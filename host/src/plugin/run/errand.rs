//! What an engine does for an author, and for no event: in an instance that may do what no
//! manifest grants, within bounds of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::Store;
use wasmtime::component::Component;

use super::runtime::Runtime;
use crate::config::Manifest;
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::rights::RightsInForce;
use crate::plugin::guest::script::GuestScript;
use crate::plugin::guest::state::Guest;
use crate::plugin::threads::meter::Meter;
use crate::plugin::threads::task::TaskHandle;

/// CPU before it gives way.
pub(super) const TIME_SLICE: Duration = Duration::from_millis(1);

/// Memory for it, in bytes: what a parser makes of a text is many times as large. What an
/// instance of the plugin may have is bounded where it runs.
const MEMORY: u64 = 512 << 20;

/// An instance at such work.
pub(super) struct Errand {
    pub(super) store: Store<Guest>,
    pub(super) meter: Arc<Meter>,
}

impl Errand {
    /// On the task of `handle`, for so much CPU; with what `script` it evaluates, if any.
    /// `call_bytes` are what one call may bring out of it.
    pub(super) fn new(
        runtime: &Runtime,
        plugin: &Arc<PluginContext>,
        component: &Component,
        (script, config): (Option<GuestScript>, &BTreeMap<String, String>),
        (deadline, call_bytes): (Duration, usize),
        handle: &Arc<TaskHandle>,
    ) -> Self {
        let meter = Arc::new(Meter::new(Arc::clone(handle), deadline, TIME_SLICE));
        let manifest = Arc::<Manifest>::default();
        let policy = Arc::clone(&runtime.policy);
        let rights = RightsInForce::new(Arc::clone(&plugin.rights_of), manifest, policy);
        let mut guest = Guest::new(
            Arc::clone(plugin),
            &Arc::new(rights),
            Arc::default(),
            config,
            MEMORY,
            Arc::clone(&meter),
        );
        if let Some(script) = script {
            guest.evaluate(Arc::new(script));
        }
        let mut store = Store::new(component.engine(), guest);
        Guest::bound(&mut store);
        store.set_hostcall_fuel(call_bytes);
        store.epoch_deadline_callback(|store| Ok(store.data().meter.on_tick()));
        store.set_epoch_deadline(1);
        Self { store, meter }
    }
}
