//! The cluster's configuration from the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::form;
use super::layer::ClusterLayer;
use crate::config::error::Place;
use crate::config::layer::Placed;
use crate::config::name::NODE_NAME;

/// The flags for a node's part in a cluster.
#[derive(Args, Clone, Debug, Default)]
pub struct ClusterFlags {
    /// Node to join, at port 7071 unless given; through any one all are found; may be given again
    #[arg(long, value_name = "HOST:PORT", value_parser = |text: &str| form::JOIN.read(text))]
    pub join: Vec<String>,

    /// Name of the cluster; nodes of another one are refused [default: hearken]
    #[arg(long, value_name = "NAME", value_parser = |text: &str| NODE_NAME.read(text))]
    pub cluster_name: Option<String>,

    /// Address at which other nodes connect [default: 127.0.0.1:7071; with certificates or
    /// --cluster-allow-plaintext 0.0.0.0:7071]
    #[arg(long, value_name = "HOST:PORT", value_parser = |text: &str| form::LISTEN.read(text))]
    pub cluster_listen: Option<SocketAddr>,

    /// Address that other nodes are told to connect to [default: the one that is listened on]
    #[arg(long, value_name = "HOST:PORT", value_parser = |text: &str| form::ADVERTISE.read(text))]
    pub cluster_advertise: Option<String>,

    /// Certificate of the cluster's authority, as `hearken cluster ca` makes it
    #[arg(long, value_name = "FILE")]
    pub cluster_ca: Option<PathBuf>,

    /// The node's certificate, as `hearken cluster cert` makes it
    #[arg(long, value_name = "FILE")]
    pub cluster_cert: Option<PathBuf>,

    /// Key of that certificate
    #[arg(long, value_name = "FILE")]
    pub cluster_key: Option<PathBuf>,

    /// Lists of revoked certificates, in PEM; links of the nodes that they name end
    #[arg(long, value_name = "FILE")]
    pub cluster_crl: Option<PathBuf>,

    /// Let links to other machines be unencrypted, and anybody who reaches the address join
    #[arg(long)]
    pub cluster_allow_plaintext: bool,
}

impl ClusterFlags {
    pub(in crate::config) fn layer(&self) -> ClusterLayer {
        let join = self.join.iter().map(|peer| at("--join", peer.clone()));
        let file = |flag, file: &Option<PathBuf>| file.clone().map(|file| at(flag, file));
        ClusterLayer {
            name: self.cluster_name.clone(),
            listen: self
                .cluster_listen
                .map(|listen| at("--cluster-listen", listen)),
            advertise: self.cluster_advertise.clone(),
            join: (!self.join.is_empty()).then(|| join.collect()),
            allow_plaintext: self.cluster_allow_plaintext.then_some(true),
            ca: file("--cluster-ca", &self.cluster_ca),
            certificate: file("--cluster-cert", &self.cluster_cert),
            key: file("--cluster-key", &self.cluster_key),
            crl: file("--cluster-crl", &self.cluster_crl),
        }
    }
}

fn at<T>(flag: &'static str, value: T) -> Placed<T> {
    Placed {
        value,
        place: Place::Flag(flag),
    }
}
