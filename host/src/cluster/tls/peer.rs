//! Who is at the other end of a connection, as its certificate says.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme};
use webpki::EndEntityCert;

use super::any_node::{ANY_NODE, any_node};

/// The certificate that the other end of a connection has shown to be its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    nodes: Vec<String>,
}

impl PeerCertificate {
    /// The first certificate of the chain that a verified peer presented.
    pub(super) fn of(chain: Option<&[CertificateDer<'static>]>) -> io::Result<Self> {
        let certificate = chain
            .and_then(<[_]>::first)
            .ok_or_else(|| io::Error::other("the other side presented no certificate"))?;
        let nodes = node_names(certificate).map_err(io::Error::other)?;
        Ok(Self { nodes })
    }

    /// Whether it belongs to the node of this name. Names are compared letter for
    /// letter: `a` and `A` are two nodes, and a wildcard is none.
    #[must_use]
    pub fn is_for(&self, node: &str) -> bool {
        self.nodes.iter().any(|name| name == node)
    }

    /// The names of the nodes that it belongs to.
    #[must_use]
    pub fn nodes(&self) -> &[String] {
        &self.nodes
    }
}

/// The names of its nodes, for people.
impl fmt::Display for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.nodes.join(", "))
    }
}

/// The names of nodes that a certificate carries: its DNS names but those that say
/// only that it is for some node.
pub(super) fn node_names(certificate: &CertificateDer<'_>) -> Result<Vec<String>, webpki::Error> {
    let certificate = EndEntityCert::try_from(certificate)?;
    Ok(certificate
        .valid_dns_names()
        .filter(|name| !name.eq_ignore_ascii_case(ANY_NODE) && !name.contains('*'))
        .map(str::to_owned)
        .collect())
}

/// Lets in those who dial only with a certificate that says that it is a node's, as
/// whoever is dialled must have: an authority may sign for others than nodes too.
#[derive(Debug)]
pub(super) struct NodesOnly(pub(super) Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for NodesOnly {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.0.verify_client_cert(certificate, between, now)?;
        EndEntityCert::try_from(certificate)
            .and_then(|certificate| certificate.verify_is_valid_for_subject_name(&any_node()))
            .map_err(|_| CertificateError::NotValidForName)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
