//! What can be wrong with a node's certificates.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustls::CertificateError;
use rustls::pki_types::{UnixTime, pem};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::any_node::ANY_NODE;
use super::files::TlsFiles;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The certificates of the authorities that are trusted.
    Ca,
    /// The node's certificate.
    Certificate,
    /// The private key of the node's certificate.
    Key,
    /// The lists of revoked certificates.
    Crl,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ca => "the CA's certificate",
            Self::Certificate => "the node's certificate",
            Self::Key => "the private key",
            Self::Crl => "the list of revoked certificates",
        })
    }
}

/// Why a node's certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there, or cannot be read.
    #[error(
        "cannot read {role} {}: {source}; `hearken cluster ca` and `hearken cluster cert NODE` \
         make what a node needs",
        path.display()
    )]
    Read {
        /// What the file is for.
        role: Role,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is no file of certificates.
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
    /// A file is damaged.
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
    /// There is no certificate in a file.
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
    /// Something in a file is not understood.
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
    /// The certificate is not of the CA.
    #[error(
        "the certificate {} is not signed by the CA in {}; make it with that CA's key \
         (`hearken cluster cert`), or name the CA that signed it",
        certificate.display(), ca.display()
    )]
    OtherAuthority {
        /// The certificate's file.
        certificate: PathBuf,
        /// The CA's file.
        ca: PathBuf,
    },
    /// The certificate's time is over.
    #[error(
        "the certificate {} expired at {}; make a new one (`hearken cluster cert`)",
        certificate.display(), date(*until)
    )]
    Expired {
        /// The certificate's file.
        certificate: PathBuf,
        /// When it ceased to be valid, since the Unix epoch.
        until: Duration,
    },
    /// The certificate's time is nearly over.
    #[error(
        "the certificate {} expires at {}; make a new one (`hearken cluster cert`) and put it in \
         its place, which needs no restart",
        certificate.display(), date(*until)
    )]
    ExpiresSoon {
        /// The certificate's file.
        certificate: PathBuf,
        /// When it ceases to be valid, since the Unix epoch.
        until: Duration,
    },
    /// The certificate's time is yet to come.
    #[error(
        "the certificate {} is valid only from {} on; is this machine's clock right?",
        certificate.display(), date(*from)
    )]
    NotYetValid {
        /// The certificate's file.
        certificate: PathBuf,
        /// When it becomes valid, since the Unix epoch.
        from: Duration,
    },
    /// The certificate does not say that it is for a node.
    #[error(
        "the certificate {} lacks the DNS name `{ANY_NODE}`, which other nodes look for; \
         `hearken cluster cert` makes one that has it",
        certificate.display()
    )]
    NotForNodes {
        /// The certificate's file.
        certificate: PathBuf,
    },
    /// The certificate is for something else than links.
    #[error(
        "the certificate {} is not for both server and client authentication, and a node needs \
         both; `hearken cluster cert` makes one that is",
        certificate.display()
    )]
    OtherPurpose {
        /// The certificate's file.
        certificate: PathBuf,
    },
    /// The certificate is another node's.
    #[error(
        "the certificate {} is for {}, but this node's name is `{node}`; make one with \
         `hearken cluster cert {node}`, or name the node as the certificate does (--node)",
        certificate.display(), list(nodes)
    )]
    OtherNode {
        /// The certificate's file.
        certificate: PathBuf,
        /// Whose it is.
        nodes: Vec<String>,
        /// Whose it should be.
        node: String,
    },
    /// The certificate is one of those that a list names.
    #[error(
        "the certificate {} was revoked; make a new one (`hearken cluster cert`)",
        certificate.display()
    )]
    Revoked {
        /// The certificate's file.
        certificate: PathBuf,
    },
    /// The certificate is refused for some other reason.
    #[error(
        "other nodes would refuse the certificate {}: {source}; make another with \
         `hearken cluster cert`",
        certificate.display()
    )]
    Refused {
        /// The certificate's file.
        certificate: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// New files are not fit to replace what is in use.
    #[error("{0} (what was read before stays in use)")]
    NotTaken(Box<TlsError>),
}

impl TlsError {
    /// Why a node's own certificate does not pass the checks of others.
    pub(super) fn refused(files: &TlsFiles, source: rustls::Error) -> Self {
        let certificate = files.certificate.clone();
        let rustls::Error::InvalidCertificate(reason) = &source else {
            return Self::Refused {
                certificate,
                source,
            };
        };
        match reason {
            // A bad signature is that of an authority with the name of a trusted one.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Self::OtherAuthority {
                    certificate,
                    ca: files.ca.clone(),
                }
            }
            CertificateError::ExpiredContext { not_after, .. } => Self::Expired {
                certificate,
                until: since_epoch(not_after),
            },
            CertificateError::NotValidYetContext { not_before, .. } => Self::NotYetValid {
                certificate,
                from: since_epoch(not_before),
            },
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::NotForNodes { certificate }
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::OtherPurpose { certificate }
            }
            CertificateError::Revoked => Self::Revoked { certificate },
            _ => Self::Refused {
                certificate,
                source,
            },
        }
    }
}

fn since_epoch(time: &UnixTime) -> Duration {
    Duration::from_secs(time.as_secs())
}

fn date(since_epoch: Duration) -> String {
    i64::try_from(since_epoch.as_secs())
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|date| date.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("second {} of the epoch", since_epoch.as_secs()))
}

fn list(nodes: &[String]) -> String {
    if nodes.is_empty() {
        return "no node".to_owned();
    }
    let quoted: Vec<String> = nodes.iter().map(|node| format!("`{node}`")).collect();
    quoted.join(", ")
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
