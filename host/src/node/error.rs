//! Why a node does not run.

use std::path::PathBuf;

use hearken_channel_log::disk;

use crate::access::AccessError;
use crate::channel::OpenError;
use crate::cluster::ClusterError;
use crate::cluster::tls::TlsError;
use crate::gateway::HttpTlsError;
use crate::plugin::PluginsError;
use crate::store::StoreError;

/// Why a node does not run.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A listener has no address.
    #[error("a listener is unusable: {0}")]
    Listener(std::io::Error),
    /// The certificates for links cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The certificates for HTTP cannot be used.
    #[error(transparent)]
    HttpTls(#[from] HttpTlsError),
    /// The secret of the API of ganomede-events cannot be had.
    #[error("cannot use the file {} of `ganomede.secret_file`: {problem}", path.display())]
    GanomedeSecret {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// The key of the API for servers of applications cannot be had.
    #[error("cannot use the file {} of `sessions.api.key_file`: {problem}", path.display())]
    ServerKey {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// What is configured of access cannot hold.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The threads of links cannot be started.
    #[error("the threads for links to other nodes cannot be started: {0}")]
    LinkThreads(std::io::Error),
    /// The data folder cannot be made.
    #[error("cannot use the data folder {}: {source}", path.display())]
    DataFolder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The key-value store cannot be opened.
    #[error(
        "cannot open the key-value store {}: {source}; does another node use this data folder?",
        path.display()
    )]
    Store {
        /// The store's file.
        path: PathBuf,
        /// Why not.
        source: StoreError,
    },
    /// What keeps the channels cannot be opened.
    #[error(transparent)]
    ChannelEngine(#[from] disk::OpenError),
    /// The channels cannot be had as they are declared.
    #[error(transparent)]
    Channels(#[from] OpenError),
    /// The plugins cannot be started.
    #[error(transparent)]
    Plugins(#[from] PluginsError),
    /// The node is no longer part of its cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A part panicked, which is a mistake in this program.
    #[error("a part of the node ended unexpectedly: {0}")]
    Ended(#[from] tokio::task::JoinError),
}
