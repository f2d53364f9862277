//! Certificates, keys and lists of revoked certificates, as PEM files carry them.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::provider::provider;

/// Larger files hold no certificates: a path may name anything.
const LARGEST_FILE: u64 = 1 << 20;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// What it holds, in words that can stand in a sentence.
    pub what: &'static str,
    /// A sentence that says where such a file comes from.
    pub made_by: &'static str,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// It is not there, or cannot be read.
    #[error("cannot read {role} {}: {source}; {}", path.display(), role.made_by)]
    Read {
        /// What the file is for.
        role: Role,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no file of certificates.
    #[error(
        "{} has more than {largest} bytes, so it cannot be {role}; name a file in PEM",
        path.display()
    )]
    TooLarge {
        /// What the file is for.
        role: Role,
        /// The file.
        path: PathBuf,
        /// How many bytes it may have.
        largest: u64,
    },
    /// It is damaged.
    #[error(
        "{role} {} is damaged: {}; copy it again from where it was made",
        path.display(), describe(source)
    )]
    NotPem {
        /// What the file is for.
        role: Role,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// There is no certificate in it.
    #[error(
        "there is no certificate in {}, which is to be {role}; name a file with \
         `-----BEGIN CERTIFICATE-----`",
        path.display()
    )]
    NoCertificate {
        /// What the file is for.
        role: Role,
        /// The file.
        path: PathBuf,
    },
    /// There is no key in the key's file.
    #[error(
        "there is no private key in {}; name a file with `-----BEGIN PRIVATE KEY-----`, which \
         must not be encrypted",
        .0.display()
    )]
    NoKey(PathBuf),
    /// There is no list in the file of revoked certificates.
    #[error(
        "there is no list of revoked certificates in {}; name a file with \
         `-----BEGIN X509 CRL-----`, or none",
        .0.display()
    )]
    NoRevocationList(PathBuf),
    /// Something in it is not understood.
    #[error("cannot use {role} {}: {source}; make another", path.display())]
    Unusable {
        /// What the file is for.
        role: Role,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The key and the certificate are not a pair.
    #[error(
        "the private key {} does not belong to the certificate {}; name the two that were made \
         together",
        key.display(), certificate.display()
    )]
    OtherKey {
        /// The key's file.
        key: PathBuf,
        /// The certificate's file.
        certificate: PathBuf,
    },
}

fn describe(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "the end of a section is missing".to_owned(),
        pem::Error::IllegalSectionStart { .. } => {
            "a section begins with an unknown line".to_owned()
        }
        other => other.to_string(),
    }
}

/// The contents of a file.
///
/// # Errors
/// [`PemError::Read`] and [`PemError::TooLarge`].
pub(crate) fn read(role: Role, path: &Path) -> Result<Vec<u8>, PemError> {
    let mut contents = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut contents))
        .map_err(|source| PemError::Read {
            role,
            path: path.to_owned(),
            source,
        })?;
    if contents.len() as u64 > LARGEST_FILE {
        return Err(PemError::TooLarge {
            role,
            path: path.to_owned(),
            largest: LARGEST_FILE,
        });
    }
    Ok(contents)
}

/// A file that was read.
#[derive(Clone, Copy)]
pub(crate) struct PemFile<'f> {
    pub(crate) role: Role,
    pub(crate) path: &'f Path,
    pub(crate) contents: &'f [u8],
}

impl PemFile<'_> {
    /// The certificates in it, of which there is at least one.
    pub(crate) fn certificates(self) -> Result<Vec<CertificateDer<'static>>, PemError> {
        let found: Vec<_> = CertificateDer::pem_slice_iter(self.contents)
            .collect::<Result<_, _>>()
            .map_err(|source| self.not_pem(source))?;
        if found.is_empty() {
            return Err(PemError::NoCertificate {
                role: self.role,
                path: self.path.to_owned(),
            });
        }
        Ok(found)
    }

    /// The authorities in it, of which there is at least one.
    pub(crate) fn roots(self) -> Result<RootCertStore, PemError> {
        let mut roots = RootCertStore::empty();
        for authority in self.certificates()? {
            roots
                .add(authority)
                .map_err(|source| self.unusable(source))?;
        }
        Ok(roots)
    }

    /// The lists of revoked certificates in it, of which there is at least one.
    pub(crate) fn revocation_lists(
        self,
    ) -> Result<Vec<CertificateRevocationListDer<'static>>, PemError> {
        let found: Vec<_> = CertificateRevocationListDer::pem_slice_iter(self.contents)
            .collect::<Result<_, _>>()
            .map_err(|source| self.not_pem(source))?;
        if found.is_empty() {
            return Err(PemError::NoRevocationList(self.path.to_owned()));
        }
        Ok(found)
    }

    /// The certificate in this file, what is between it and its authority, and its private
    /// key, which is in the other.
    pub(crate) fn with_key(self, key: Self) -> Result<CertifiedKey, PemError> {
        let chain = self.certificates()?;
        let private = match PrivateKeyDer::from_pem_slice(key.contents) {
            Ok(private) => private,
            Err(pem::Error::NoItemsFound) => return Err(PemError::NoKey(key.path.to_owned())),
            Err(source) => return Err(key.not_pem(source)),
        };
        CertifiedKey::from_der(chain, private, &provider()).map_err(|source| match source {
            rustls::Error::InconsistentKeys(_) => PemError::OtherKey {
                key: key.path.to_owned(),
                certificate: self.path.to_owned(),
            },
            rustls::Error::InvalidCertificate(_) => self.unusable(source),
            source => key.unusable(source),
        })
    }

    /// The error for something in it that is not understood.
    pub(crate) fn unusable(self, source: rustls::Error) -> PemError {
        PemError::Unusable {
            role: self.role,
            path: self.path.to_owned(),
            source,
        }
    }

    fn not_pem(self, source: pem::Error) -> PemError {
        PemError::NotPem {
            role: self.role,
            path: self.path.to_owned(),
            source,
        }
    }
}

/// Tells whether files have other contents than those that were read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(blake3::Hash);

impl Fingerprint {
    /// Of files in their order.
    pub(crate) fn of<'f>(files: impl IntoIterator<Item = &'f Vec<u8>>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for file in files {
            // The lengths keep bytes from moving between files unnoticed.
            hasher.update(&(file.len() as u64).to_le_bytes());
            hasher.update(file);
        }
        Self(hasher.finalize())
    }
}
