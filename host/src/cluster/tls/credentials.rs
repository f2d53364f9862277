//! What a node shows to others and trusts in others, as read from its files.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, ClientConfig, RootCertStore, ServerConfig, Side};

use super::any_node::any_node;
use super::error::{Role, TlsError};
use super::files::TlsFiles;
use super::peer::{NodesOnly, node_names};
use crate::clock::Clock;

/// Larger files hold no certificates: a path may name anything.
const LARGEST_FILE: u64 = 1 << 20;

/// The protocol within: HTTP/2, and so gRPC.
const ALPN: &[u8] = b"h2";

/// A certificate is to be renewed when less than this part of its life is left.
/// Automatic renewal comes well before that.
const RENEWAL: u32 = 10;

/// Tells whether files have other contents than those that were read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(blake3::Hash);

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
        ca: read_file(Role::Ca, &files.ca)?,
        certificate: read_file(Role::Certificate, &files.certificate)?,
        key: read_file(Role::Key, &files.key)?,
        crl: crl.map(|path| read_file(Role::Crl, path)).transpose()?,
    };
    let mut hasher = blake3::Hasher::new();
    let always = [&contents.ca, &contents.certificate, &contents.key];
    for file in always.into_iter().chain(&contents.crl) {
        // The lengths keep bytes from moving between files unnoticed.
        hasher.update(&(file.len() as u64).to_le_bytes());
        hasher.update(file);
    }
    Ok((Fingerprint(hasher.finalize()), contents))
}

fn read_file(role: Role, path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut contents = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut contents))
        .map_err(|source| TlsError::Read {
            role,
            path: path.to_owned(),
            source,
        })?;
    if contents.len() as u64 > LARGEST_FILE {
        return Err(TlsError::TooLarge {
            role,
            path: path.to_owned(),
            largest: LARGEST_FILE,
        });
    }
    Ok(contents)
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
        let Contents {
            ca,
            certificate,
            key,
            crl,
        } = contents;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        for authority in certificates(Role::Ca, &files.ca, ca)? {
            roots.add(authority).map_err(|source| TlsError::Unusable {
                role: Role::Ca,
                path: files.ca.clone(),
                source,
            })?;
        }
        let chain = certificates(Role::Certificate, &files.certificate, certificate)?;
        let unusable = |source| TlsError::Unusable {
            role: Role::Certificate,
            path: files.certificate.clone(),
            source,
        };
        let nodes =
            node_names(&chain[0]).map_err(|_| unusable(CertificateError::BadEncoding.into()))?;
        let key = match PrivateKeyDer::from_pem_slice(key) {
            Ok(key) => key,
            Err(pem::Error::NoItemsFound) => return Err(TlsError::NoKey(files.key.clone())),
            Err(source) => {
                return Err(TlsError::NotPem {
                    role: Role::Key,
                    path: files.key.clone(),
                    source,
                });
            }
        };
        let certified =
            CertifiedKey::from_der(chain, key, &provider).map_err(|source| match source {
                rustls::Error::InconsistentKeys(_) => TlsError::OtherKey {
                    key: files.key.clone(),
                    certificate: files.certificate.clone(),
                },
                rustls::Error::InvalidCertificate(_) => unusable(source),
                source => TlsError::Unusable {
                    role: Role::Key,
                    path: files.key.clone(),
                    source,
                },
            })?;
        let roots = Arc::new(roots);
        let lists = match (&files.crl, crl) {
            (Some(path), Some(crl)) => revocation_lists(path, crl)?,
            _ => Vec::new(),
        };
        let unusable = |error: VerifierBuilderError| TlsError::Unusable {
            role: Role::Crl,
            path: files.crl.clone().unwrap_or_default(),
            source: rustls::Error::General(error.to_string()),
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
        let Some((from, until)) = self.validity() else {
            return Ok(());
        };
        if until.saturating_sub(Duration::from_millis(now_millis))
            < until.saturating_sub(from) / RENEWAL
        {
            return Err(TlsError::ExpiresSoon {
                certificate: files.certificate.clone(),
                until,
            });
        }
        Ok(())
    }

    /// Since when and until when the certificate is valid. The verifier does not say so
    /// but where a certificate is not valid, so it is asked for both ends of time.
    fn validity(&self) -> Option<(Duration, Duration)> {
        let Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before,
            ..
        })) = self.verify_as_client(UnixTime::since_unix_epoch(Duration::ZERO))
        else {
            return None;
        };
        let until = self.until(&self.certified.cert, Side::Client)?;
        Some((Duration::from_secs(not_before.as_secs()), until))
    }

    /// Until when a chain is good, since the Unix epoch.
    fn until(&self, chain: &[CertificateDer<'static>], side: Side) -> Option<Duration> {
        let the_end = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX));
        match self.verify_at(chain, side, the_end) {
            Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
                not_after,
                ..
            })) => Some(Duration::from_secs(not_after.as_secs())),
            _ => None,
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
        let until = self.until(chain, side)?;
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

/// The lists of revoked certificates in a file, of which there is at least one.
fn revocation_lists(
    path: &Path,
    contents: &[u8],
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let found: Vec<_> = CertificateRevocationListDer::pem_slice_iter(contents)
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::NotPem {
            role: Role::Crl,
            path: path.to_owned(),
            source,
        })?;
    if found.is_empty() {
        return Err(TlsError::NoRevocationList(path.to_owned()));
    }
    Ok(found)
}

/// The certificates in a file, of which there is at least one.
fn certificates(
    role: Role,
    path: &Path,
    contents: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(contents)
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::NotPem {
            role,
            path: path.to_owned(),
            source,
        })?;
    if found.is_empty() {
        return Err(TlsError::NoCertificate {
            role,
            path: path.to_owned(),
        });
    }
    Ok(found)
}

/// The node's clock, as rustls asks for it.
struct Time(Arc<dyn Clock>);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(self.0.now_millis()))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Time")
    }
}

fn unix_time(millis: u64) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_millis(millis))
}
