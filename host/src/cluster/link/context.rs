//! What the tasks of all other nodes have in common.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::bus::{Bus, Publisher};
use crate::cluster::directory::Directory;
use crate::cluster::membership::gossip::LinkNews;
use crate::cluster::wire::failures::FailureLog;
use crate::mesh::Ears;
use crate::passing::Hosting;

/// What all peers of a node share.
pub(in crate::cluster) struct Context {
    /// Name of this node.
    pub(in crate::cluster) node: Arc<str>,
    pub(in crate::cluster) bus: Bus,
    /// Publishes this node's own events.
    pub(in crate::cluster) host: Publisher,
    pub(in crate::cluster) directory: Arc<Directory>,
    pub(in crate::cluster) failures: Arc<FailureLog>,
    /// What this node offers to the others.
    pub(in crate::cluster) hosting: Hosting,
    /// Where the membership hears of links.
    pub(in crate::cluster) news: mpsc::Sender<LinkNews>,
    /// Who hears what the sessions of other nodes say, if this one has sessions.
    pub(in crate::cluster) ears: Option<Arc<dyn Ears>>,
}
