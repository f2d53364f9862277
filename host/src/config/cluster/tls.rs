//! The files of a node's certificates.

use std::path::PathBuf;

use crate::config::error::ConfigError;
use crate::config::form::PATH;
use crate::config::setting::Setting;
use crate::config::sources::Sources;
use crate::config::table::{Settings, settings};

/// Where a node's certificates are. All are PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificates of the authorities that are trusted.
    pub ca: PathBuf,
    /// This node's certificate, and after it those between it and the authority's.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
    /// Lists of revoked certificates of the authorities, if any.
    pub crl: Option<PathBuf>,
}

settings! {
    /// The files as far as they are named: the first three, or none.
    #[derive(Debug)]
    struct Named in "cluster.tls." {
        /// Certificate of the cluster's authority, as `hearken cluster ca` makes it
        ca: Option<PathBuf> = optional(PATH, "none"),
            flag "--cluster-ca FILE", variable "HEARKEN_CLUSTER_CA";

        /// The node's certificate, as `hearken cluster cert` makes it
        certificate: Option<PathBuf> = optional(PATH, "none"),
            flag "--cluster-cert FILE", variable "HEARKEN_CLUSTER_CERT";

        /// Key of that certificate
        key: Option<PathBuf> = optional(PATH, "none"),
            flag "--cluster-key FILE", variable "HEARKEN_CLUSTER_KEY";

        /// Lists of revoked certificates, in PEM; links of the nodes that they name end
        crl: Option<PathBuf> = optional(PATH, "none"),
            flag "--cluster-crl FILE", variable "HEARKEN_CLUSTER_CRL";
    }
}

impl Settings for Option<TlsFiles> {
    fn settings() -> Vec<&'static Setting> {
        Named::settings()
    }

    fn read(sources: &mut Sources<'_>) -> Result<Self, ConfigError> {
        let (ca, certificate, key, crl) = match Named::read(sources)? {
            Named {
                ca: Some(ca),
                certificate: Some(certificate),
                key: Some(key),
                crl,
            } => (ca, certificate, key, crl),
            _ => {
                if let Some(error) = incomplete(sources) {
                    sources.wrong_between_values(error);
                }
                return Ok(None);
            }
        };
        Ok(Some(TlsFiles {
            ca,
            certificate,
            key,
            crl,
        }))
    }
}

/// The error for some files without the others.
fn incomplete(sources: &Sources<'_>) -> Option<ConfigError> {
    let places = sources.places();
    let named = [&Named::ca, &Named::certificate, &Named::key, &Named::crl];
    let place = named.iter().find_map(|setting| places.of(setting))?;
    let missing = [&Named::ca, &Named::certificate, &Named::key];
    let missing = missing
        .iter()
        .filter(|setting| places.of(setting).is_none());
    Some(ConfigError::TlsIncomplete {
        place: place.clone(),
        missing: missing.map(|setting| setting.names()).collect(),
    })
}
