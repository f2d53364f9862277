//! A store and an instance for each event, out of a pool: the way of Spin and
//! wasmCloud. The store's state is empty and the imports are traps, so this is
//! the least that the way can cost: a real host also sets up WASI each time.

use std::path::Path;

use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
};

use crate::{Error, Peer};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

mod asynchronous {
    wasmtime::component::bindgen!({
        path: "../../../wit",
        inline: "package bench:peers; world typed { import hearken:plugin/events@0.2.0; export hearken:plugin/listener@0.2.0; }",
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

mod synchronous {
    wasmtime::component::bindgen!({
        path: "../../../wit",
        inline: "package bench:peers; world typed { import hearken:plugin/events@0.2.0; export hearken:plugin/listener@0.2.0; }",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// The event that both ways hand over.
macro_rules! event {
    ($listener:path, $data:expr) => {{
        use $listener as listener;
        listener::Event {
            id: "0000000000000001-0000000000000001",
            source: "/nodes/bench",
            type_: "custom.bench.count",
            subject: None,
            time: None,
            recorded_time: 1_700_000_000_000,
            datacontenttype: "application/octet-stream",
            data: $data,
            distributed: false,
            origin: "bench",
            localorigin: true,
            channel: None,
            sequence: None,
            traceparent: None,
            tracestate: None,
            extensions: &[],
        }
    }};
}

/// As Spin 3 does it: its published settings of the pool, its epochs, its support
/// for asynchronous components, and asynchronous calls.
pub struct SpinInstance {
    engine: Engine,
    listener: asynchronous::TypedPre<()>,
    runtime: tokio::runtime::Runtime,
}

impl SpinInstance {
    pub fn open(component: &Path) -> Result<Self, Error> {
        const INSTANCES: u32 = 1_000;
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(INSTANCES)
            .total_memories(INSTANCES)
            .total_tables(2 * INSTANCES)
            .total_stacks(INSTANCES)
            .total_core_instances(4 * INSTANCES)
            .table_elements(100_000)
            .max_component_instance_size(10 * MIB)
            .max_core_instance_size(10 * MIB)
            .max_core_instances_per_component(200)
            .max_tables_per_component(64)
            .max_memories_per_component(32)
            .max_tables_per_module(2)
            .max_memories_per_module(2)
            .max_memory_size(4 * GIB)
            .linear_memory_keep_resident(2 * MIB)
            .table_keep_resident(MIB / 2);
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config)?;
        let listener = asynchronous::TypedPre::new(link(&engine, component)?)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(Self {
            engine,
            listener,
            runtime,
        })
    }
}

impl Peer for SpinInstance {
    fn handle(&mut self, data: &[u8]) -> Result<(), Error> {
        let mut store = Store::new(&self.engine, ());
        store.set_epoch_deadline(u64::MAX / 2);
        let event = event!(asynchronous::exports::hearken::plugin::listener, data);
        self.runtime.block_on(async {
            let instance = self.listener.instantiate_async(&mut store).await?;
            let listener = instance.hearken_plugin_listener();
            listener.call_handle(&mut store, event, None).await
        })??;
        Ok(())
    }
}

/// The same with the best settings known: a small pool whose slots stay warm, of
/// which only the pages that the guest wrote are reset, and plain calls.
pub struct BestInstance {
    engine: Engine,
    listener: synchronous::TypedPre<()>,
}

impl BestInstance {
    pub fn open(component: &Path) -> Result<Self, Error> {
        if !PoolingAllocationConfig::is_pagemap_scan_available() {
            return Err("the kernel has no PAGEMAP_SCAN (Linux 6.7 and later)".into());
        }
        const INSTANCES: u32 = 8;
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(INSTANCES)
            .total_memories(INSTANCES)
            .total_tables(4 * INSTANCES)
            .total_core_instances(4 * INSTANCES)
            .max_unused_warm_slots(INSTANCES)
            .max_memory_size(64 * MIB)
            .linear_memory_keep_resident(256 * KIB)
            .table_keep_resident(64 * KIB)
            .pagemap_scan(Enabled::Yes);
        let mut config = Config::new();
        config
            .concurrency_support(false)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config)?;
        let listener = synchronous::TypedPre::new(link(&engine, component)?)?;
        Ok(Self { engine, listener })
    }
}

impl Peer for BestInstance {
    fn handle(&mut self, data: &[u8]) -> Result<(), Error> {
        let mut store = Store::new(&self.engine, ());
        let instance = self.listener.instantiate(&mut store)?;
        let event = event!(synchronous::exports::hearken::plugin::listener, data);
        instance
            .hearken_plugin_listener()
            .call_handle(&mut store, event, None)??;
        Ok(())
    }
}

/// A component whose imports, which it never calls, are traps.
fn link(engine: &Engine, component: &Path) -> Result<InstancePre<()>, Error> {
    let component = Component::from_file(engine, component)?;
    let mut linker = Linker::new(engine);
    linker.define_unknown_imports_as_traps(&component)?;
    Ok(linker.instantiate_pre(&component)?)
}
