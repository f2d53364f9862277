//! What a node shows to others and trusts in others, as read from its files.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, ClientConfig, ServerConfig, Side};

use super::any_node::any_node;
use super::error::TlsError;
use super::files::TlsFiles;
use super::peer::{NodesOnly, node_names};
use crate::clock::Clock;
use crate::tls::pem::{self, Fingerprint, PemFile};
use crate::tls::validity::{Time, Valid, unix_time, until};
use crate::tls::{PemError, Role, provider};

const MADE_BY: &str = "`hearken cluster ca` and `hearken cluster cert NODE` make what a node needs";

const CA: Role = Role {
    what: "the CA's certificate",
    made_by: MADE_BY,
};

const CERTIFICATE: Role = Role {
    what: "the node's certificate",
    made_by: MADE_BY,
};

const KEY: Role = Role {
    what: "the private key",
    made_by: MADE_BY,
};

const CRL: Role = Role {
    what: "the list of revoked certificates",
    made_by: MADE_BY,
};

/// The protocol within: HTTP/2, and so gRPC.
const ALPN: &[u8] = b"h2";

/// A node's certificate and key, and the authorities that it trusts.
pub(in crate::cluster) struct Credentials {
    provider: Arc<CryptoProvider>,
    certified: Arc<CertifiedKey>,
    nodes: Vec<String>,
    servers: Arc<WebPkiServerVerifier>,
    clients: Arc<dyn ClientCertVerifier>,
}

/// What is in the files, in PEM.
pub(in crate::cluster) struct Contents {
    pub(in crate::cluster) ca: Vec<u8>,
    pub(in crate::cluster) certificate: Vec<u8>,
    pub(in crate::cluster) key: Vec<u8>,
    pub(in crate::cluster) crl: Option<Vec<u8>>,
}

/// Reads the files.
pub(super) fn read(files: &TlsFiles) -> Result<(Fingerprint, Contents), TlsError> {
    let crl = files.crl.as_deref();
    let contents = Contents {
        ca: pem::read(CA, &files.ca)?,
        certificate: pem::read(CERTIFICATE, &files.certificate)?,
        key: pem::read(KEY, &files.key)?,
        crl: crl.map(|path| pem::read(CRL, path)).transpose()?,
    };
    let always = [&contents.ca, &contents.certificate, &contents.key];
    let fingerprint = Fingerprint::of(always.into_iter().chain(&contents.crl));
    Ok((fingerprint, contents))
}

impl Credentials {
    /// The credentials in the contents of the files.
    ///
    /// # Errors
    /// [`TlsError`] says what is missing in which of `files`, or what does not go
    /// together.
    pub(in crate::cluster) fn from_pem(
        files: &TlsFiles,
        contents: &Contents,
    ) -> Result<Self, TlsError> {
        let file = |role, path, contents| PemFile {
            role,
            path,
            contents,
        };
        let provider = provider();
        let roots = file(CA, &files.ca, &contents.ca).roots()?;
        let certificate = file(CERTIFICATE, &files.certificate, &contents.certificate);
        let key = file(KEY, &files.key, &contents.key);
        let certified = certificate.with_key(key)?;
        let nodes = node_names(&certified.cert[0])
            .map_err(|_| certificate.unusable(CertificateError::BadEncoding.into()))?;
        let roots = Arc::new(roots);
        let revoked = match (&files.crl, &contents.crl) {
            (Some(path), Some(crl)) => Some(file(CRL, path, crl)),
            _ => None,
        };
        let lists = revoked.map(PemFile::revocation_lists).transpose()?;
        let lists = lists.unwrap_or_default();
        let unusable = |error: VerifierBuilderError| {
            TlsError::from(PemError::Unusable {
                role: CRL,
                path: files.crl.clone().unwrap_or_default(),
                source: rustls::Error::General(error.to_string()),
            })
        };
        // An authority without a list has revoked nothing; a list that is out of date
        // still names what was revoked.
        let servers =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
                .with_crls(lists.clone())
                .allow_unknown_revocation_status()
                .build()
                .map_err(unusable)?;
        let clients = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .with_crls(lists)
            .allow_unknown_revocation_status()
            .build()
            .map_err(unusable)?;
        Ok(Self {
            servers,
            clients: Arc::new(NodesOnly(clients)),
            provider,
            certified: Arc::new(certified),
            nodes,
        })
    }

    /// Checks the certificate as others will that trust the same authorities: its
    /// signature, its time, its uses, and that it is that of `node`.
    ///
    /// # Errors
    /// [`TlsError`] says why it would be refused.
    pub(in crate::cluster) fn check(
        &self,
        files: &TlsFiles,
        node: &str,
        now_millis: u64,
    ) -> Result<(), TlsError> {
        let now = unix_time(now_millis);
        self.verify_as_server(now)
            .and_then(|()| self.verify_as_client(now))
            .map_err(|source| TlsError::refused(files, source))?;
        if !self.nodes.iter().any(|name| name == node) {
            return Err(TlsError::OtherNode {
                certificate: files.certificate.clone(),
                nodes: self.nodes.clone(),
                node: node.to_owned(),
            });
        }
        Ok(())
    }

    /// Checks that the certificate is not about to expire.
    ///
    /// # Errors
    /// [`TlsError::ExpiresSoon`].
    pub(super) fn check_renewal(&self, files: &TlsFiles, now_millis: u64) -> Result<(), TlsError> {
        let valid = Valid::of(|time| self.verify_as_client(time));
        match valid {
            Some(valid) if valid.is_nearly_over(now_millis) => Err(TlsError::ExpiresSoon {
                certificate: files.certificate.clone(),
                until: valid.until,
            }),
            _ => Ok(()),
        }
    }

    /// How much longer the certificate of the other side of a connection is good.
    /// `None` when it does not say.
    pub(super) fn time_left(
        &self,
        chain: &[CertificateDer<'static>],
        side: Side,
        now_millis: u64,
    ) -> Option<Duration> {
        let until = until(|time| self.verify_at(chain, side, time))?;
        Some(until.saturating_sub(Duration::from_millis(now_millis)))
    }

    /// Checks whether the other side of a connection, which is its client or its
    /// server, would be let in now.
    ///
    /// # Errors
    /// Why it would not.
    pub(super) fn verify(
        &self,
        chain: &[CertificateDer<'static>],
        side: Side,
        now_millis: u64,
    ) -> Result<(), rustls::Error> {
        self.verify_at(chain, side, unix_time(now_millis))
    }

    fn verify_at(
        &self,
        chain: &[CertificateDer<'static>],
        side: Side,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let (own, between) = chain
            .split_first()
            .ok_or(rustls::Error::NoCertificatesPresented)?;
        match side {
            Side::Server => {
                let name = any_node();
                let verified = self
                    .servers
                    .verify_server_cert(own, between, &name, &[], now);
                verified.map(|_| ())
            }
            Side::Client => {
                let verified = self.clients.verify_client_cert(own, between, now);
                verified.map(|_| ())
            }
        }
    }

    fn verify_as_server(&self, now: UnixTime) -> Result<(), rustls::Error> {
        self.verify_at(&self.certified.cert, Side::Server, now)
    }

    fn verify_as_client(&self, now: UnixTime) -> Result<(), rustls::Error> {
        self.verify_at(&self.certified.cert, Side::Client, now)
    }

    /// How to dial, and how to be dialled.
    pub(super) fn configs(&self, clock: &Arc<dyn Clock>) -> (ClientConfig, ServerConfig) {
        let time = || Arc::new(Time(Arc::clone(clock)));
        let mut client = ClientConfig::builder_with_details(Arc::clone(&self.provider), time())
            .with_safe_default_protocol_versions()
            .expect("ring supports TLS 1.2 and 1.3")
            .with_webpki_verifier(Arc::clone(&self.servers))
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(
                &self.certified,
            ))));
        client.alpn_protocols = vec![ALPN.to_vec()];
        let mut server = ServerConfig::builder_with_details(Arc::clone(&self.provider), time())
            .with_safe_default_protocol_versions()
            .expect("ring supports TLS 1.2 and 1.3")
            .with_client_cert_verifier(Arc::clone(&self.clients))
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(
                &self.certified,
            ))));
        server.alpn_protocols = vec![ALPN.to_vec()];
        // A resumed session is one whose certificate is not looked at again. Links are
        // few and long, so that each may as well be checked in full.
        client.resumption = Resumption::disabled();
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        (client, server)
    }
}
