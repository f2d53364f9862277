//! The cryptography beneath TLS.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// Makes *ring* the process's provider unless one was chosen before. Every part
/// that opens TLS connections calls it first: without a choice, rustls panics
/// where another crate has turned on a second provider.
pub fn choose_provider() {
    // Fails only when a provider was chosen before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The provider, for who names it.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
