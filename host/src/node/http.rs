//! The settings of HTTP as the gateway, which knows no configuration, calls them.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{self, HttpSettings};
use crate::gateway::{GatewayLimits, HttpTls, HttpTlsError, HttpTlsFiles};

/// The bounds of HTTP.
pub(super) fn limits(settings: &HttpSettings, max_event_size: usize) -> GatewayLimits {
    GatewayLimits {
        connections: settings.connections(),
        streams: settings.max_streams,
        waiters: settings.max_waits,
        address_share: settings.address_share,
        trusted_proxies: settings.trusted_proxies.clone(),
        ..GatewayLimits::default()
    }
    .sharing(settings.spare_memory(max_event_size))
}

/// What encrypts HTTP, if anything does.
pub(super) fn tls(
    files: Option<&config::HttpTlsFiles>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<HttpTls>, HttpTlsError> {
    let load = |files| HttpTls::load(files_of(files), Arc::clone(clock));
    files.map(load).transpose()
}

/// The files as the gateway calls them.
pub(super) fn files_of(files: &config::HttpTlsFiles) -> HttpTlsFiles {
    HttpTlsFiles {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
        client_ca: files.client_ca.clone(),
    }
}
