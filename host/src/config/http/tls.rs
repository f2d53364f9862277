//! The files of HTTP's certificates.

use std::path::PathBuf;

use crate::config::error::ConfigError;
use crate::config::form::PATH;
use crate::config::setting::Setting;
use crate::config::sources::Sources;
use crate::config::table::{Settings, settings};

/// Where HTTP's certificates are. All are PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTlsFiles {
    /// The node's certificate, and after it those between it and its authority's.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
    /// The certificates of the authorities of clients that show one, if any may.
    pub client_ca: Option<PathBuf>,
}

settings! {
    /// The files as far as they are named: the first two, or none.
    #[derive(Debug)]
    struct Named in "http.tls." {
        /// Certificate with which HTTP is encrypted, as `hearken access certificate` makes it
        certificate: Option<PathBuf> = optional(PATH, "none"), flag "--http-cert FILE";

        /// Key of that certificate
        key: Option<PathBuf> = optional(PATH, "none"), flag "--http-key FILE";

        /// Authorities of clients that show a certificate
        client_ca: Option<PathBuf> = optional(PATH, "none"), flag "--http-client-ca FILE";
    }
}

impl Settings for Option<HttpTlsFiles> {
    fn settings() -> Vec<&'static Setting> {
        Named::settings()
    }

    fn read(sources: &mut Sources<'_>) -> Result<Self, ConfigError> {
        match Named::read(sources)? {
            Named {
                certificate: Some(certificate),
                key: Some(key),
                client_ca,
            } => Ok(Some(HttpTlsFiles {
                certificate,
                key,
                client_ca,
            })),
            _ => {
                if let Some(error) = incomplete(sources) {
                    sources.wrong_between_values(error);
                }
                Ok(None)
            }
        }
    }
}

/// The error for some files without the others.
fn incomplete(sources: &Sources<'_>) -> Option<ConfigError> {
    let places = sources.places();
    let named = [&Named::certificate, &Named::key, &Named::client_ca];
    let place = named.iter().find_map(|setting| places.of(setting))?;
    let missing = [&Named::certificate, &Named::key];
    let missing = missing
        .iter()
        .filter(|setting| places.of(setting).is_none());
    Some(ConfigError::HttpTlsIncomplete {
        place: place.clone(),
        missing: missing.map(|setting| setting.names()).collect(),
    })
}
