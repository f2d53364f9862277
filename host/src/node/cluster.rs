//! The node's part in its cluster, as the configuration has it.

use std::sync::Arc;

use tokio::net::TcpListener;

use super::error::NodeError;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::cluster::network::{Tcp, TcpAcceptor};
use crate::cluster::tls::{Tls, TlsFiles};
use crate::cluster::{Cluster, ClusterConfig, Identity};
use crate::config::{self, ClusterSettings};
use crate::passing::{Foreknown, Hosting};

/// The node's part in its cluster.
pub(super) fn cluster(
    identity: Identity,
    bus: &Bus,
    settings: ClusterSettings,
    listener: TcpListener,
    clock: &Arc<dyn Clock>,
    hosting: Hosting,
    foreknown: Foreknown,
) -> Result<Cluster, NodeError> {
    let tls = settings
        .tls
        .map(|files| Tls::load(files_of(files), &identity.node, Arc::clone(clock)))
        .transpose()?;
    Ok(Cluster::new(ClusterConfig {
        identity,
        bus: bus.clone(),
        network: Arc::new(Tcp),
        listener: Box::new(TcpAcceptor::new(listener).map_err(NodeError::Listener)?),
        tls,
        allow_plaintext: settings.allow_plaintext,
        advertise: settings.advertise.map(Into::into),
        join: settings.join.into_iter().map(Into::into).collect(),
        hosting,
        foreknown,
        seed: rand::random(),
    }))
}

/// The files as the cluster, which knows no configuration, calls them.
fn files_of(files: config::TlsFiles) -> TlsFiles {
    TlsFiles {
        ca: files.ca,
        certificate: files.certificate,
        key: files.key,
        crl: files.crl,
    }
}
