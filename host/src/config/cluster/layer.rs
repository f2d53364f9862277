//! One source's part of the cluster's configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::form::{ADVERTISE, JOIN, LISTEN};
use super::{ClusterSettings, EVERYWHERE, TlsFiles};
use crate::config::error::{ConfigError, Place};
use crate::config::form::{SWITCH, TEXT};
use crate::config::layer::{Placed, Source};
use crate::config::name::NODE_NAME;

/// The settings of the cluster that one source has.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct ClusterLayer {
    pub(super) name: Option<String>,
    pub(super) listen: Option<Placed<SocketAddr>>,
    pub(super) advertise: Option<String>,
    pub(super) join: Option<Vec<Placed<String>>>,
    pub(super) allow_plaintext: Option<bool>,
    pub(super) ca: Option<Placed<PathBuf>>,
    pub(super) certificate: Option<Placed<PathBuf>>,
    pub(super) key: Option<Placed<PathBuf>>,
    pub(super) crl: Option<Placed<PathBuf>>,
}

impl ClusterLayer {
    /// Takes every setting that there is out of `source`.
    pub(in crate::config) fn read(source: &mut impl Source) -> Result<Self, ConfigError> {
        let mut file = |key: &'static str| -> Result<Option<Placed<PathBuf>>, ConfigError> {
            let file = source.placed(key, &TEXT)?;
            Ok(file.map(|Placed { value, place }| Placed {
                value: PathBuf::from(value),
                place,
            }))
        };
        let ca = file("cluster.tls.ca")?;
        let certificate = file("cluster.tls.certificate")?;
        let key = file("cluster.tls.key")?;
        let crl = file("cluster.tls.crl")?;
        Ok(Self {
            name: source.value("cluster.name", &NODE_NAME)?,
            listen: source.placed("cluster.listen", &LISTEN)?,
            advertise: source.value("cluster.advertise", &ADVERTISE)?,
            join: source.list("cluster.join", &JOIN)?,
            allow_plaintext: source.value("cluster.allow_plaintext", &SWITCH)?,
            ca,
            certificate,
            key,
            crl,
        })
    }

    /// This layer where it has a setting, `under` elsewhere.
    pub(in crate::config) fn over(self, under: Self) -> Self {
        Self {
            name: self.name.or(under.name),
            listen: self.listen.or(under.listen),
            advertise: self.advertise.or(under.advertise),
            join: self.join.or(under.join),
            allow_plaintext: self.allow_plaintext.or(under.allow_plaintext),
            ca: self.ca.or(under.ca),
            certificate: self.certificate.or(under.certificate),
            key: self.key.or(under.key),
            crl: self.crl.or(under.crl),
        }
    }

    /// The configuration: this layer where it has a setting, `defaults` elsewhere.
    pub(in crate::config) fn onto(
        self,
        defaults: ClusterSettings,
    ) -> Result<ClusterSettings, ConfigError> {
        let tls = tls_files(self.ca, self.certificate, self.key, self.crl)?.or(defaults.tls);
        let allow_plaintext = self.allow_plaintext.unwrap_or(defaults.allow_plaintext);
        let may_leave_the_machine = tls.is_some() || allow_plaintext;
        let join = self.join.unwrap_or_default();
        if !may_leave_the_machine {
            refuse_plaintext(self.listen.as_ref(), &join)?;
        }
        let default_listen = if may_leave_the_machine {
            EVERYWHERE
        } else {
            defaults.listen
        };
        Ok(ClusterSettings {
            name: self.name.unwrap_or(defaults.name),
            listen: self.listen.map_or(default_listen, |listen| listen.value),
            advertise: self.advertise.or(defaults.advertise),
            join: join.into_iter().map(|peer| peer.value).collect(),
            allow_plaintext,
            tls,
        })
    }
}

/// The three files that a node must have, and the one that it may have; or none.
fn tls_files(
    ca: Option<Placed<PathBuf>>,
    certificate: Option<Placed<PathBuf>>,
    key: Option<Placed<PathBuf>>,
    crl: Option<Placed<PathBuf>>,
) -> Result<Option<TlsFiles>, ConfigError> {
    let given = [&ca, &certificate, &key, &crl];
    let place = given
        .iter()
        .find_map(|file| file.as_ref().map(|file| file.place.clone()));
    match (ca, certificate, key) {
        (Some(ca), Some(certificate), Some(key)) => Ok(Some(TlsFiles {
            ca: ca.value,
            certificate: certificate.value,
            key: key.value,
            crl: crl.map(|crl| crl.value),
        })),
        (ca, certificate, key) => {
            let Some(place) = place else {
                return Ok(None);
            };
            let missing = [
                (
                    ca.is_none(),
                    "`cluster.tls.ca` (--cluster-ca, HEARKEN_CLUSTER_CA)",
                ),
                (
                    certificate.is_none(),
                    "`cluster.tls.certificate` (--cluster-cert, HEARKEN_CLUSTER_CERT)",
                ),
                (
                    key.is_none(),
                    "`cluster.tls.key` (--cluster-key, HEARKEN_CLUSTER_KEY)",
                ),
            ];
            let missing = missing.into_iter().filter(|(missing, _)| *missing);
            Err(ConfigError::TlsIncomplete {
                place,
                missing: missing.map(|(_, name)| name).collect(),
            })
        }
    }
}

/// Without TLS nobody may reach the node from another machine, and the node may not
/// reach for one, unless that is allowed.
fn refuse_plaintext(
    listen: Option<&Placed<SocketAddr>>,
    join: &[Placed<String>],
) -> Result<(), ConfigError> {
    let refuse = |place: &Place, key, address| {
        Err(ConfigError::Plaintext {
            place: place.clone(),
            key,
            address,
        })
    };
    if let Some(Placed { value, place }) = listen
        && !value.ip().is_loopback()
    {
        return refuse(place, "cluster.listen", *value);
    }
    for Placed { value, place } in join {
        // Where a name leads is seen only later, and may change.
        if let Ok(address) = value.parse::<SocketAddr>()
            && !address.ip().is_loopback()
        {
            return refuse(place, "cluster.join", address);
        }
    }
    Ok(())
}
