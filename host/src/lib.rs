//! Hearken, an event host whose listeners are sandboxed WebAssembly plugins.
//!
//! A **node** is one running `hearken` process. Everything that happens is an
//! **event**. Whoever receives events (a plugin, an event stream, a waiter) is a
//! **receiver**: filters, a bounded **mailbox** and an overflow rule. The **bus**
//! takes a published event, finds the receivers whose filter matches, and puts it
//! into each mailbox: a copy of a small one where a plugin's next frame is put together,
//! otherwise a shared reference. It never waits for anyone. That is the whole machine;
//! each kind of receiver is a room of its own around it.
//!
//! ```text
//!  http   command line   plugin   host itself     publishers
//!     \         \          /         /
//!      ------ bus: stamp, match, put ------       never blocks
//!     /         /          \
//!  plugin  event stream   waiter                  receivers
//! ```
//!
//! # The rooms
//!
//! | room | what it is for | knows |
//! | --- | --- | --- |
//! | [`event`] | what flows: events and their encoding, types, patterns, CloudEvents | nothing else |
//! | [`bus`] | publishing, filters, the routing table, mailboxes; runs no plugin, uses no network | `event`, `clock` |
//! | [`store`] | the embedded database: buckets of records, one writer | `bus`, `event`, `admin` |
//! | [`plugin`] | the plugins folder, loading and compiling components, instances, workers, what guests may import | `bus`, `store`, `event`, `admin`, `config`, `interfaces` |
//! | [`interfaces`] | which interfaces a component may import and export: one list for loading and for explaining | nothing else |
//! | [`admin`] | what operators see of plugins and nodes, and may ask of plugins: the ports between `plugin`, `cluster` and `gateway` | `bus` |
//! | [`cluster`] | other nodes: finding them, links to them, what is sent and received over links, TLS | `bus`, `event`, `admin` |
//! | [`gateway`] | HTTP: publish, stream, wait, plugins, nodes, health, metrics; translation only | `bus`, `event`, `admin` |
//! | [`config`] | the node's configuration and plugins' manifests, with errors that say where | `bus`, `event` |
//! | [`authoring`] | making, building, watching and explaining plugin crates; runs no guest | `admin`, `interfaces` |
//! | [`node`] | puts bus, plugins and gateway together, runs and drains them | all above but `authoring` |
//! | [`cli`] | the commands, one file each | all |
//! | [`logging`], [`tls`], [`clock`] | for the whole process: the log, the cryptography behind TLS, the one place that reads the time of day | `config` |
//! | `panics` | what panics that were caught said | nothing else |
//! | `incarnation` | which start of the node this is | `clock` |
//!
//! `gateway`, `cluster` and `plugin` do not know each other: what one shows of the
//! other goes through [`admin`], and what they say to each other are events on the bus.
//!
//! # Where to start reading
//!
//! - An event's way: [`Publisher::publish`](bus::Publisher::publish), which stamps
//!   it; `bus/router.rs`, which finds who wants it, and [`Mailbox`](bus::Mailbox); then
//!   `plugin/run/worker.rs`, which takes it out of its inbox and hands it to an instance,
//!   and `plugin/run/handler.rs`, which makes the call.
//! - A plugin's life: `plugin/life/folder/` sees a file, `plugin/life/supervisor.rs`
//!   carries out what files and operators ask for, `plugin/life/loading.rs` loads beside
//!   that, `plugin/life/load.rs` makes a version of a file, `plugin/code/compile/` has it
//!   compiled in another process.
//! - What a guest may do: `plugin/guest/imports/`, and `plugin/guest/context.rs` for its
//!   budgets.
//! - Fairness and deadlines: `plugin/threads/executor.rs`, whose threads
//!   `plugin/threads/account.rs` and `plugin/threads/contention.rs` choose from, and
//!   `plugin/threads/meter.rs`.
//! - Another node: `cluster/dial.rs` and `cluster/wire/transport.rs`, which reach it,
//!   `cluster/wire/greeting.rs`, which finds out who it is, `cluster/hub.rs`, and then
//!   `cluster/link/`, through which events flow.
//! - A request: `gateway/serve/server.rs` takes its connection, `gateway/openapi/` has all
//!   routes, and `gateway/endpoints/` answers.
//! - The interfaces themselves: `wit/plugin.wit`, and the SDK in `sdk/`, which
//!   plugins are written with.

pub mod admin;
#[cfg(feature = "node")]
pub mod authoring;
mod burst;
pub mod bus;
#[cfg(feature = "node")]
pub mod cli;
pub mod clock;
pub mod cluster;
#[cfg(feature = "gateway")]
pub mod config;
pub mod event;
#[cfg(feature = "gateway")]
pub mod gateway;
#[cfg(feature = "node")]
mod incarnation;
#[cfg(feature = "node")]
pub mod interfaces;
#[cfg(feature = "node")]
pub mod logging;
#[cfg(feature = "node")]
pub mod node;
#[cfg(feature = "gateway")]
mod panics;
#[cfg(feature = "node")]
pub mod plugin;
#[cfg(feature = "node")]
pub mod store;
#[cfg(feature = "node")]
pub mod tls;
