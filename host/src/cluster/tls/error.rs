//! What can be wrong with a node's certificates.

use std::path::PathBuf;
use std::time::Duration;

use rustls::CertificateError;

use super::any_node::ANY_NODE;
use super::files::TlsFiles;
use crate::tls::PemError;
use crate::tls::validity::{date, since_epoch};

/// Why a node's certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there, or not what it should be.
    #[error(transparent)]
    File(#[from] PemError),
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

fn list(nodes: &[String]) -> String {
    if nodes.is_empty() {
        return "no node".to_owned();
    }
    let quoted: Vec<String> = nodes.iter().map(|node| format!("`{node}`")).collect();
    quoted.join(", ")
}
