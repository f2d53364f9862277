//! What an instance has: its view of the system and what it is granted.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use hearken_wire::EventRef;
use wasmtime::Store;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::WasiConfigVariables;

use super::batch::Batch;
use super::imports::http::{Connections, MAX_FIELDS_BYTES, OutgoingHttp};
use super::memory::MemoryLimiter;
use super::output::{Output, PluginLog};
use crate::bus::{Bus, PublishError, Published, Publisher};
use crate::config::Allow;
use crate::event::{Draft, EventType};
use crate::plugin::threads::meter::Meter;
use crate::store::Records;

/// Events that a plugin may publish at once, waits that it may begin and key-value
/// records that it may change: below the default mailbox, so that one burst overflows
/// nobody.
pub(crate) const BURST: u32 = 512;

/// Events, waits and changes a second that a plugin may go on with for long: as many
/// as the slowest kind of guest can still handle.
const A_SECOND: u32 = 10_000;

/// Between two log lines about a budget that stays spent.
const REFUSAL_REPORTS: Duration = Duration::from_secs(10);

/// Handles of the host's (streams, requests, buckets, …) that an instance may hold at
/// once; bounds the memory behind them.
const MAX_HANDLES: usize = 256;

/// Handles of all kinds that may be in use at once, a component's own and those lent
/// for a call too; bounds what they take, and how long a list one `poll` looks at.
const MAX_COMPONENT_HANDLES: usize = 1024;

/// Random bytes that one call may ask for: made one by one, so that more would hold
/// the guest's thread for longer than a tick.
const MAX_RANDOM_BYTES: u64 = 64 << 10;

/// Bytes that one call may copy from the guest beyond the largest event, strings and
/// lists together: enough for the event's attributes, and for a key-value record.
const CALL_SLACK_BYTES: usize = 2 << 20;

/// What all instances and versions of one plugin share.
#[derive(Debug)]
pub(crate) struct PluginContext {
    pub(crate) name: Arc<str>,
    pub(crate) bus: Bus,
    pub(crate) publisher: Publisher,
    pub(crate) records: Records,
    pub(crate) log: Arc<PluginLog>,
    pub(crate) sent: AtomicU64,
    pub(crate) refused: AtomicU64,
    /// Bytes that all instances hold.
    pub(crate) memory: Arc<AtomicU64>,
    pub(crate) connections: Arc<Connections>,
    budget: DefaultDirectRateLimiter,
    /// Lets through what is logged of a spent budget.
    refusal_reports: DefaultDirectRateLimiter,
}

/// Why a guest's event was not published.
#[derive(Debug)]
pub(crate) enum SendError {
    Budget,
    Publish(PublishError),
}

impl PluginContext {
    pub(crate) fn new(name: Arc<str>, bus: Bus, store: &Arc<crate::store::Store>) -> Self {
        let source = format!("/nodes/{}/plugins/{name}", bus.node());
        let publisher = bus.publisher(source, Arc::clone(&name));
        let nonzero = |number| std::num::NonZeroU32::new(number).expect("a constant above zero");
        let quota = Quota::per_second(nonzero(A_SECOND)).allow_burst(nonzero(BURST));
        let reports = Quota::with_period(REFUSAL_REPORTS).expect("a constant above zero");
        Self {
            log: Arc::new(PluginLog::new(Arc::clone(&name))),
            records: store.records(&name),
            name,
            bus,
            publisher,
            sent: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            memory: Arc::default(),
            connections: Arc::default(),
            budget: RateLimiter::direct(quota),
            refusal_reports: RateLimiter::direct(reports),
        }
    }

    /// Bytes that one call may copy from a guest; bounds what it can make the host
    /// allocate, and for how long.
    pub(crate) fn call_bytes(&self) -> usize {
        self.bus.max_event_bytes().saturating_add(CALL_SLACK_BYTES)
    }

    /// Takes one event, wait or change from the plugin's budget.
    pub(crate) fn spend(&self) -> bool {
        let granted = self.budget.check().is_ok();
        if !granted {
            self.refused.fetch_add(1, Ordering::Relaxed);
            if self.refusal_reports.check().is_ok() {
                self.log_refusal(
                    "budget",
                    "it publishes events, waits for them or changes records faster than its budget allows",
                );
            }
        }
        granted
    }

    pub(crate) fn publish<'a>(&'a self, draft: &'a Draft<'_>) -> Result<Published<'a>, SendError> {
        if !self.spend() {
            return Err(SendError::Budget);
        }
        let claims = draft.check_claims().map_err(PublishError::from);
        claims.map_err(SendError::Publish)?;
        let event = self.publisher.publish(draft).map_err(SendError::Publish)?;
        self.sent.fetch_add(1, Ordering::Relaxed);
        Ok(event)
    }

    /// Logs that the plugin tried what it may not do.
    pub(crate) fn log_refusal(&self, what: &str, why: &str) {
        self.log
            .line(tracing::Level::WARN, what, &format!("refused: {why}"));
    }
}

/// The data of a store.
pub(crate) struct Guest {
    pub(crate) plugin: Arc<PluginContext>,
    pub(crate) allow: Arc<Allow>,
    pub(crate) table: ResourceTable,
    pub(crate) wasi: WasiCtx,
    pub(crate) http: wasmtime_wasi_http::WasiHttpCtx,
    pub(crate) outgoing_http: OutgoingHttp,
    pub(crate) config: WasiConfigVariables,
    pub(crate) memory: MemoryLimiter,
    pub(crate) meter: Arc<Meter>,
    pub(crate) batch: Batch,
    stdout: Output,
    stderr: Output,
}

impl Guest {
    pub(crate) fn new(
        plugin: Arc<PluginContext>,
        allow: Arc<Allow>,
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
        Self {
            outgoing_http: OutgoingHttp::new(Arc::clone(&plugin), Arc::clone(&allow), account),
            memory,
            config: config
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            wasi: wasi.build(),
            http,
            plugin,
            allow,
            table,
            meter,
            batch: Batch::default(),
            stdout,
            stderr,
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
