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
//! Each knows only what its row says, all of which stands above it; `tests/arrows` reads
//! this table and holds the sources against it. The table of a room's own folders, where
//! there is one, is in its `mod.rs`.
//!
//! | room | what it is for | knows |
//! | --- | --- | --- |
//! | [`clock`] | the one place that reads the time of day | nothing else |
//! | `burst` | waiting for the end of a burst of changes | nothing else |
//! | `file_watch` | noticing when files may have changed | `burst` |
//! | [`pages`] | how large the pages of memory are that the system gives | nothing else |
//! | `panics` | what a panic said, ending one that must go no further, and beginning anew what others need | nothing else |
//! | `nearest` | the known name that was probably meant, for messages about unknown ones | nothing else |
//! | [`tls`] | what all that speaks TLS shares: the cryptography, reading and making certificates, reading them again when they change | `clock`, `file_watch` |
//! | [`interfaces`] | which interfaces a component may import and export: one list for loading and for explaining | nothing else |
//! | [`script`] | plugins that are texts: their languages, files, imports, and places in them | nothing else |
//! | `incarnation` | which start of the node this is | `clock` |
//! | [`event`] | what flows: events and their encoding, types, patterns, CloudEvents | nothing else |
//! | [`access`] | who may do what: keys, tokens, roles, rights, budgets; knows neither HTTP nor plugins | `clock` |
//! | [`bus`] | publishing, filters, the routing table, mailboxes; runs no plugin, uses no network | `event`, `clock` |
//! | [`channel`] | events that outlive the node: appending, reading, cursors, indexes, what is kept; runs no plugin, uses no network | `bus`, `event`, `clock`, `nearest`, `panics` |
//! | [`consumer`] | plugins' places in channels: what each has handled, what is tried again, dead letters; runs no plugin, uses no network | `channel`, `bus`, `event`, `panics` |
//! | [`mesh`] | messages between the sessions of several nodes: the port between `session` and `cluster` | nothing else |
//! | [`session`] | sessions of clients and the channels that they subscribe to: names, namespaces, permissions, history, presence; no HTTP | `access`, `channel`, `bus`, `event`, `mesh`, `panics` |
//! | [`passing`] | requests on channels of other nodes: the port between `gateway` and `cluster` | nothing else |
//! | [`admin`] | what operators see of plugins and nodes, and may ask of plugins: the ports between `plugin`, `cluster` and `gateway` | `bus`, `script` |
//! | [`store`] | the embedded database: buckets of records, one writer | `admin`, `bus`, `event`, `clock`, `panics` |
//! | [`cluster`] | other nodes: finding them, links to them, what is sent and received over links, TLS, requests that are passed on | `admin`, `passing`, `mesh`, `bus`, `event`, `clock`, `tls`, `panics` |
//! | [`config`] | the node's configuration and plugins' manifests, with errors that say where | `access`, `session`, `consumer`, `channel`, `bus`, `event`, `nearest` |
//! | [`plugin`] | the plugins folder, loading and compiling components, instances, workers, what guests may import, what sessions ask them | `config`, `store`, `admin`, `session`, `consumer`, `channel`, `bus`, `event`, `interfaces`, `script`, `tls`, `clock`, `panics`, `burst` |
//! | [`gateway`] | HTTP: publish, stream, wait, channels, sessions, plugins, nodes, health, metrics; translation only | `access`, `admin`, `passing`, `session`, `consumer`, `channel`, `bus`, `event`, `clock`, `tls`, `nearest`, `panics` |
//! | [`authoring`] | making, building, watching and explaining plugins; runs no guest | `admin`, `interfaces`, `script`, `burst` |
//! | [`logging`] | the log, one for the whole process | `config` |
//! | [`node`] | puts bus, store, channels, plugins, cluster and gateway together, runs and drains them | all above but `authoring`, `logging` |
//! | [`cli`] | the commands, one file each | all above |
//!
//! `gateway`, `cluster` and `plugin` do not know each other: what one shows of the
//! other goes through [`admin`], what is asked of a channel of another node through
//! [`passing`], and what else they say to each other are events on the bus.
//!
//! What durable channels lie in, logs of events on disk or in memory, is a crate of its own
//! that knows none of these rooms: `hearken-channel-log`, in `host/channel-log`. So is what
//! clients of sessions and a node say to each other: `hearken-session-protocol`, in
//! `host/session-protocol`.
//!
//! # Words
//!
//! | word | what it means here |
//! | --- | --- |
//! | node | one running `hearken` process; an *incarnation* is one start of it |
//! | event | what happened, once: type, source, id, perhaps a subject and data; never changed |
//! | draft | an event before the node has added what only it gives |
//! | principal | who acts: `anonymous`, or who has shown a key, a token or a certificate |
//! | act, right, role | what somebody wants to do, what allows it, and rights with a name |
//! | budget | how much a principal may do: a rate, connections, streams |
//! | publisher | who publishes: a plugin, an HTTP connection, a link, the node itself; its events stay in order |
//! | receiver | who gets events: filters, a mailbox, a rule for when that is full |
//! | filter | which events a receiver wants: a pattern of types, perhaps a subject |
//! | audience | the receivers that get what a publisher publishes again and again |
//! | mailbox | what a receiver has yet to take, bounded in events and bytes |
//! | partition | the part of a mailbox that one of a plugin's instances takes from: the events of some subjects, in order |
//! | overflow | a full mailbox: what is dropped then, or that the receiver is disconnected |
//! | frame | events packed one behind the other, which a guest or a link gets at once |
//! | plugin | a component or a text from the plugins folder, by the name of its file; a *version* is one such file as loaded |
//! | engine of a language | the component that evaluates the texts of plugins in that language, which share it |
//! | guest | the component while it runs, and what the host keeps for it |
//! | instance | a component with memory of its own; an *instance slot* is the place of one, filled anew when it dies |
//! | listener | a function of a plugin with the filter of what it wants |
//! | worker | takes frames out of a mailbox and has an instance handle them |
//! | foreground, background | the threads for plugins that use little of the CPU, and those for plugins that use much |
//! | quarantine | what a plugin is in that fails again and again: it gets no events until a pause is over |
//! | link | the connection between two nodes while it lasts, over which distributed events flow |
//! | peer | the node at the other end of a link |
//! | interest | which events another node wants, so that others are not sent to it |
//! | outbox, inbox | what was sent over a link and may have to be sent again; what was received over it, so that nothing is taken twice |
//! | gap | events of another node that will not come any more, reported as a number |
//! | goodbye | how a node that stops leaves its links, so that nobody waits for it |
//! | drain | how a node stops: takes nothing new, works off what it has, says goodbye |
//! | to pass on | to have a request answered by the node that its channel lies with |
//! | away | what a node is that is known, but not linked now |
//! | channel | a log of events with numbers from 1, which are there until they are dropped by its settings |
//! | engine | what keeps logs: on disk, or in memory |
//! | epoch | which log of a name it is: a channel that is removed and made again has another |
//! | position | the number after which somebody reads on; 0 is the beginning |
//! | cursor | a position that the node keeps for a client, under its name |
//! | index | by which values of a field of their data the events of a channel are found |
//! | consumer | a plugin's place in a channel: what it has handled of it, and what it is tried with again |
//! | feed | what one worker of a plugin gets of a channel |
//! | attempt | a delivery of an event to a plugin; after the last that fails the event becomes a dead letter |
//! | dead letter | an event that a plugin could not handle, kept in the channel `dead.PLUGIN` |
//! | replay | a range of a channel that a plugin, or a *copy* of it whose effects are not done, is handed again beside its place there |
//! | output | what a plugin appends to channels while it handles an event; remembered until it is done with that |
//! | round | which of the times it is that a plugin is handed events: the first, after a seek, in a replay |
//! | stalled | what an event is while further attempts of it fail |
//! | session | what a client has with the node while it is connected; its id is the protocol's `client` |
//! | namespace | what the channels are set to whose names begin with its name and `:` |
//! | subscription | that a session gets what is published to a channel |
//! | publication | an event as the subscribers of a channel get it |
//! | presence | who is subscribed to a channel |
//! | hook | a question of a session that a plugin answers before something is done; a *desk* is where those to one plugin wait |
//! | mesh | the way between the sessions of several nodes, over the links of these |
//! | wish | that a node has subscribers of a channel, as it says to the others |
//! | hub | where the subscriptions of a channel are, which gives each publication to all of them |
//! | lag | what a subscriber does for which there is no room: the log is read for it alone until it has come to where the others are |
//! | stream, wait | an HTTP response that shows events as they come; one that ends with the first |
//! | record, bucket | a key and its value in the store; records that one or several plugins share by a name |
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
//! - Another node: `cluster/dial.rs` and `cluster/wire/dialler.rs`, which reach it,
//!   `cluster/wire/greeting.rs`, which finds out who it is, `cluster/hub.rs`, and then
//!   `cluster/link/`, through which events flow.
//! - A request: `gateway/serve/server.rs` takes its connection, `gateway/serve/http1.rs`
//!   reads that, `gateway/openapi/` has all routes, and `gateway/endpoints/` answers.
//! - A channel: `channel/append.rs`, which has events stored and then published, and
//!   `channel/read.rs`; beneath them the crate `hearken-channel-log`.
//! - A session: `session/handle.rs` takes its commands, which `session/commands/` carries out,
//!   and `session/hub/` hands it what is published; beneath them the crate
//!   `hearken-session-protocol`.
//! - Sessions of other nodes: `session/across/hearing.rs`, to which `cluster/link/gaps.rs`
//!   brings what those say, and `cluster/directory/speaking.rs`, to which goes what is said.
//! - A channel of another node: `gateway/endpoints/channels/elsewhere/`, which finds out where
//!   it lies, `cluster/passing/`, which brings the request there, and `gateway/answers.rs`.
//! - The interfaces themselves: `wit/plugin.wit`, and the SDK in `sdk/`, which
//!   plugins are written with.

#[cfg(feature = "gateway")]
pub mod access;
pub mod admin;
#[cfg(feature = "node")]
pub mod authoring;
mod burst;
pub mod bus;
#[cfg(feature = "gateway")]
pub mod channel;
#[cfg(feature = "node")]
pub mod cli;
pub mod clock;
pub mod cluster;
#[cfg(feature = "gateway")]
pub mod config;
#[cfg(feature = "gateway")]
pub mod consumer;
pub mod event;
mod file_watch;
#[cfg(feature = "gateway")]
pub mod gateway;
#[cfg(feature = "node")]
mod incarnation;
#[cfg(feature = "node")]
pub mod interfaces;
#[cfg(feature = "node")]
pub mod logging;
pub mod mesh;
#[cfg(feature = "gateway")]
mod nearest;
#[cfg(feature = "node")]
pub mod node;
#[cfg(feature = "node")]
pub mod pages;
#[cfg_attr(
    not(feature = "gateway"),
    allow(dead_code, reason = "a cluster alone sees its tasks end, no more")
)]
mod panics;
pub mod passing;
#[cfg(feature = "node")]
pub mod plugin;
pub mod script;
#[cfg(feature = "gateway")]
pub mod session;
#[cfg(feature = "node")]
pub mod store;
pub mod tls;
