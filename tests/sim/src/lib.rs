//! Clusters of Hearken in simulated time on a simulated network.
//!
//! The nodes run the cluster and the bus of `hearken` as they are. What is simulated
//! lies behind seams of theirs: sockets, the clock, the source of randomness. A run
//! follows from a seed alone, so whatever goes wrong can be looked at again.
//!
//! ```text
//!  scenario: seed ─> plan ─> run ──── troubles ──── checks
//!                             │                       │
//!                             └─> node ──> ledger <───┘
//!                                   │
//!                         network, certificates
//! ```
//!
//! - [`scenario`] makes a [`plan`] of a seed: which nodes there are, what happens to
//!   them, and when.
//! - [`run`] carries it out; [`troubles`] is what it has broken.
//! - [`node`] is a node: publishers, receivers, and between them what is tested;
//!   [`network`] is the cluster's seam to the simulation, and [`certificates`] are those of
//!   runs over TLS.
//! - [`ledger`] is all that happened, with the rules that each occurrence must keep;
//!   [`checks`] are those that hold over time and at the end, and [`forgetting`] those about
//!   nodes that are away for long.
//! - [`sessions`] is what happens beside, where the plan has clients of sessions: they move from
//!   node to node.
//! - [`consume`] is apart from all that: a plugin's place in a channel, without a cluster.
//! - [`seeds`] runs many seeds; [`scale`] runs one large cluster.

pub mod certificates;
pub mod checks;
pub mod consume;
pub mod forgetting;
pub mod ledger;
pub mod network;
pub mod node;
pub mod plan;
pub mod run;
pub mod scale;
pub mod scenario;
pub mod seeds;
pub mod sessions;
pub mod troubles;
