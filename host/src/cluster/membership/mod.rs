//! Finding the other nodes. What is found is only where to dial: who answers
//! there, the link itself finds out.

mod dns;
mod fixed;
pub mod gossip;
mod member;

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

use super::wire::network::BoxFuture;

pub use dns::Dns;
pub use fixed::Fixed;
pub use gossip::Gossip;
pub use member::Member;

/// `HOST:PORT` of a node's cluster port, where the host is a name or an address.
pub type Address = Arc<str>;

/// Addresses worth dialling.
pub type Candidates = BTreeSet<Address>;

/// A way of finding nodes.
pub trait Membership: Send {
    /// What has been found, kept current for as long as [`run`](Self::run) is polled.
    fn watch(&self) -> watch::Receiver<Candidates>;

    /// Looks for nodes; ends only when there is nothing more to look for, with what
    /// was found left in the watch.
    fn run(self: Box<Self>) -> BoxFuture<'static, ()>;
}
