//! Where the certificates for HTTP are.

use std::path::{Path, PathBuf};

use crate::tls::Role;

const MADE_BY: &str = "`hearken access certificate HOST` makes what HTTP needs";

pub(super) const CERTIFICATE: Role = Role {
    what: "HTTP's certificate",
    made_by: MADE_BY,
};

pub(super) const KEY: Role = Role {
    what: "the private key for HTTP",
    made_by: MADE_BY,
};

pub(super) const CLIENT_CA: Role = Role {
    what: "the certificate of the CA of HTTP's clients",
    made_by: "name the certificate of the authority that signs those of clients",
};

/// Where the certificates for HTTP are. All are PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTlsFiles {
    /// The node's certificate, and after it those between it and its authority's, if any.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
    /// The certificates of the authorities of clients that show a certificate, if any may.
    pub client_ca: Option<PathBuf>,
}

impl HttpTlsFiles {
    /// All of them.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let always = [&self.certificate, &self.key];
        always
            .into_iter()
            .chain(&self.client_ca)
            .map(PathBuf::as_path)
    }
}
