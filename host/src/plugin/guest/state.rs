//! The data of an instance's store: its view of the system and what it is granted.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use hearken_wire::EventRef;
use wasmtime::Store;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::WasiConfigVariables;

use super::batch::Batch;
use super::context::PluginContext;
use super::memory::MemoryLimiter;
use super::outgoing::hooks::{MAX_FIELDS_BYTES, OutgoingHttp};
use super::output::Output;
use super::rights::{GuestRights, RightsInForce};
use super::script::GuestScript;
use super::secrets::vault::Vault;
use crate::event::{Draft, EventType};
use crate::plugin::threads::meter::Meter;
use crate::script::Language;

/// Handles of the host's (streams, requests, buckets, …) that an instance may hold at
/// once; bounds the memory behind them.
const MAX_HANDLES: usize = 512;

/// Handles of all kinds that may be in use at once, a component's own and those lent
/// for a call too; bounds what they take, and how long a list one `poll` looks at.
const MAX_COMPONENT_HANDLES: usize = 1024;

/// Random bytes that one call may ask for: made one by one, so that more would hold
/// the guest's thread for longer than a tick.
const MAX_RANDOM_BYTES: u64 = 64 << 10;

/// Lines on stderr by which an engine says why a text cannot be evaluated: what is wrong, and
/// the calls that led there.
const SCRIPT_LAST_WORDS: usize = 24;

/// The data of a store.
pub(crate) struct Guest {
    pub(crate) plugin: Arc<PluginContext>,
    pub(crate) rights: GuestRights,
    pub(crate) secrets: Arc<Vault>,
    pub(crate) table: ResourceTable,
    pub(crate) wasi: WasiCtx,
    pub(crate) http: wasmtime_wasi_http::WasiHttpCtx,
    pub(crate) outgoing_http: OutgoingHttp,
    pub(crate) config: WasiConfigVariables,
    pub(crate) memory: MemoryLimiter,
    pub(crate) meter: Arc<Meter>,
    pub(crate) batch: Batch,
    /// One for the guest, and one for each wait that it has begun.
    pub(crate) waits: Arc<()>,
    /// What an engine of a language evaluates; nothing of other components.
    pub(crate) script: Option<Arc<GuestScript>>,
    /// Whether it is being started, which costs as much time as an event may.
    pub(crate) is_starting: bool,
    stdout: Output,
    stderr: Output,
}

impl Guest {
    pub(crate) fn new(
        plugin: Arc<PluginContext>,
        rights: &Arc<RightsInForce>,
        secrets: Arc<Vault>,
        config: &BTreeMap<String, String>,
        memory_limit: u64,
        meter: Arc<Meter>,
    ) -> Self {
        let stdout = Output::stdout(Arc::clone(&plugin.log));
        let stderr = Output::stderr(Arc::clone(&plugin.log));
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let mut wasi = WasiCtx::builder();
        wasi.stdout(stdout.clone())
            .stderr(stderr.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .max_random_size(MAX_RANDOM_BYTES);
        let mut http = wasmtime_wasi_http::WasiHttpCtx::new();
        http.set_field_size_limit(MAX_FIELDS_BYTES);
        let memory = MemoryLimiter::new(memory_limit, Arc::clone(&plugin.memory));
        let account = Arc::clone(memory.account());
        let rights = GuestRights::new(rights);
        Self {
            outgoing_http: OutgoingHttp::new(Arc::clone(&plugin), rights.clone(), account),
            memory,
            config: config
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            wasi: wasi.build(),
            http,
            plugin,
            rights,
            secrets,
            table,
            meter,
            batch: Batch::default(),
            waits: Arc::default(),
            script: None,
            is_starting: true,
            stdout,
            stderr,
        }
    }

    /// Has it, an engine of a language, evaluate these texts.
    pub(crate) fn evaluate(&mut self, script: Arc<GuestScript>) {
        self.stderr.keep_last_words(SCRIPT_LAST_WORDS);
        if script.language() != Language::Python {
            // What a text logs comes another way.
            self.stderr.say_last_words_alone();
        }
        self.script = Some(script);
    }

    /// Whether the guest may publish events of this type; the error names the right that
    /// it would need.
    pub(crate) fn may_publish(&mut self, event_type: &EventType<'_>) -> Result<(), String> {
        let event_type = event_type.as_str();
        match self.rights.may_publish(event_type) {
            true => Ok(()),
            false => Err(self.plugin.refuse_right("publish", event_type)),
        }
    }

    /// A draft of the guest's own, in the trace of the event in hand.
    pub(crate) fn draft<'a>(&'a self, event_type: EventType<'a>) -> Draft<'a> {
        let in_hand = self.batch.in_hand();
        Draft {
            traceparent: in_hand.and_then(EventRef::traceparent).map(Cow::Borrowed),
            tracestate: in_hand.and_then(EventRef::tracestate).map(Cow::Borrowed),
            ..Draft::new(event_type)
        }
    }

    /// Another event is in hand: what the guest printed is complete, and what went
    /// wrong before explains nothing that comes.
    pub(crate) fn next_event(&mut self) {
        self.flush_output();
        self.stderr.forget_last_words();
        self.memory.forget_refusal();
    }

    /// Logs what the guest printed without a line break at the end.
    pub(crate) fn flush_output(&self) {
        self.stdout.flush();
        self.stderr.flush();
    }

    /// What the guest said last of the event in hand, on stderr.
    pub(crate) fn last_words(&self) -> Option<String> {
        self.stderr.last_words()
    }

    /// Makes the store keep what is not on the account within small bounds.
    pub(crate) fn bound(store: &mut Store<Self>) {
        let call_bytes = store.data().plugin.call_bytes();
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(call_bytes);
        store.set_max_component_handles(MAX_COMPONENT_HANDLES);
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}
