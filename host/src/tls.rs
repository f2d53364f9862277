//! The cryptography behind TLS, for the plugins' outgoing HTTPS and the command
//! line's: one provider for the whole process.

/// Makes *ring* the process's provider unless one was chosen before. Every part
/// that opens TLS connections calls it first: without a choice, rustls panics
/// where another crate has turned on a second provider.
pub fn choose_provider() {
    // Fails only when a provider was chosen before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
