//! The configuration of a node's part in a cluster.

mod form;
#[cfg(test)]
mod tests;
mod tls;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::error::ConfigError;
use super::form::SWITCH;
use super::name::NODE_NAME;
use super::place::{Place, Places};
use super::setting::Setting;
use super::table::settings;
use form::{ADVERTISE, JOIN, LISTEN};

pub use form::CLUSTER_PORT;
pub use tls::TlsFiles;

/// Where a node takes other nodes' connections unless told: nobody reaches it who
/// is not on this machine.
const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), CLUSTER_PORT);

/// The same for a node that knows whom it talks to, or was told not to care.
const EVERYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), CLUSTER_PORT);

settings! {
    /// What a node needs to know of its cluster before it starts.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ClusterSettings in "cluster." {
        /// Node to join, at port 7071 unless given; through any one all are found
        ///
        /// `HOST:PORT`, an IP address or a name that is resolved again and again; one's own
        /// address does no harm.
        join: Vec<String> = list(JOIN, "none"),
            flag "--join HOST:PORT", variable "HEARKEN_JOIN";

        /// Name of the cluster; nodes of another one are refused
        ///
        /// Of the form of a node's name.
        name: String = value(NODE_NAME, "hearken"), flag "--cluster-name NAME";

        /// Address at which other nodes connect
        ///
        /// Port 0 takes any free one.
        listen: SocketAddr = computed(
            LISTEN,
            "127.0.0.1:7071; with certificates or --cluster-allow-plaintext 0.0.0.0:7071",
            LOOPBACK
        ), flag "--cluster-listen HOST:PORT";

        /// Address that other nodes are told to connect to; needed behind address translation
        ///
        /// `HOST:PORT`; the port is not 0 and an IP address is not unspecified. Where the
        /// address that is listened on is unspecified, the default is the local address of each
        /// connection with its port.
        advertise: Option<String> = optional(ADVERTISE, "the one that is listened on"),
            flag "--cluster-advertise HOST:PORT";

        /// Let links to other machines be unencrypted, and anybody who reaches the address join
        allow_plaintext: bool = value(SWITCH, "false"), flag "--cluster-allow-plaintext";
    }
    tables {
        /// What links are encrypted and nodes known by. Default: neither.
        tls: Option<TlsFiles>;
    }
}

impl ClusterSettings {
    /// Decides and checks what follows from several values.
    pub(super) fn settle(&mut self, places: &Places) -> Result<(), ConfigError> {
        if self.tls.is_none() && !self.allow_plaintext {
            return self.refuse_plaintext(places);
        }
        if places.of(&Self::listen).is_none() {
            self.listen = EVERYWHERE;
        }
        Ok(())
    }

    /// Whether the node is to be one of several, as far as this says: it joins others, or others
    /// may come from elsewhere.
    pub(super) fn is_shared(&self) -> bool {
        let is_open = self.tls.is_some() || self.allow_plaintext;
        is_open || !self.join.is_empty() || self.advertise.is_some()
    }

    /// Without TLS nobody may reach the node from another machine, and the node may not
    /// reach for one, unless that is allowed.
    fn refuse_plaintext(&self, places: &Places) -> Result<(), ConfigError> {
        let refuse = |place: &Place, setting: &Setting, address| {
            Err(ConfigError::Plaintext {
                place: place.clone(),
                key: setting.key,
                address,
            })
        };
        if let Some(place) = places.of(&Self::listen)
            && !self.listen.ip().is_loopback()
        {
            return refuse(place, &Self::listen, self.listen);
        }
        for (node, place) in self.join.iter().zip(places.all(&Self::join)) {
            // Where a name leads is seen only later, and may change.
            if let Ok(address) = node.parse::<SocketAddr>()
                && !address.ip().is_loopback()
            {
                return refuse(place, &Self::join, address);
            }
        }
        Ok(())
    }
}
