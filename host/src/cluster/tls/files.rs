//! Where certificates are read from.

use std::path::{Path, PathBuf};

/// Where a node's certificates are. All are PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificates of the authorities that are trusted, which are several while
    /// one takes the place of another.
    pub ca: PathBuf,
    /// This node's certificate, and after it those between it and the CA's, if any.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
    /// Lists of revoked certificates (CRLs) of the authorities, if any.
    pub crl: Option<PathBuf>,
}

impl TlsFiles {
    /// All of them.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let always = [&self.ca, &self.certificate, &self.key];
        always.into_iter().chain(&self.crl).map(PathBuf::as_path)
    }
}
