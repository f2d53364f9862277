//! What the node shows to HTTP's clients and trusts in them, as read from its files.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, RootCertStore, ServerConfig};

use super::error::HttpTlsError;
use super::files::{CERTIFICATE, CLIENT_CA, HttpTlsFiles, KEY};
use crate::clock::Clock;
use crate::tls::pem::{self, Fingerprint, PemFile};
use crate::tls::provider;
use crate::tls::validity::{Time, Valid, unix_time, until};

/// What the client of an HTTP/2 connection has agreed to.
pub(in crate::gateway::serve) const HTTP2: &[u8] = b"h2";

const HTTP1: &[u8] = b"http/1.1";

/// What was read.
pub(super) struct Loaded {
    fingerprint: Fingerprint,
    files: HttpTlsFiles,
    valid: Option<Valid>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    server: Arc<ServerConfig>,
}

impl Loaded {
    /// Reads the files.
    pub(super) fn read(files: &HttpTlsFiles, clock: &Arc<dyn Clock>) -> Result<Self, HttpTlsError> {
        let certificate = pem::read(CERTIFICATE, &files.certificate)?;
        let key = pem::read(KEY, &files.key)?;
        let client_ca = files.client_ca.as_deref();
        let client_ca = client_ca
            .map(|path| pem::read(CLIENT_CA, path))
            .transpose()?;
        let fingerprint = Fingerprint::of([&certificate, &key].into_iter().chain(&client_ca));
        let file = |role, path, contents| PemFile {
            role,
            path,
            contents,
        };
        let certified = file(CERTIFICATE, &files.certificate, &certificate)
            .with_key(file(KEY, &files.key, &key))?;
        let clients = match (&files.client_ca, &client_ca) {
            (Some(path), Some(client_ca)) => {
                let roots = file(CLIENT_CA, path, client_ca).roots()?;
                Some(verifier(roots)?)
            }
            _ => None,
        };
        let valid = valid(&certified);
        check(files, valid, clock.now_millis())?;
        let server = server(certified, clients.clone(), clock)?;
        Ok(Self {
            fingerprint,
            files: files.clone(),
            valid,
            clients,
            server: Arc::new(server),
        })
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// How to be dialled.
    pub(super) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// Checks that the certificate is good, and for a while still.
    pub(super) fn check_renewal(&self, now_millis: u64) -> Result<(), HttpTlsError> {
        check(&self.files, self.valid, now_millis)?;
        match self.valid {
            Some(valid) if valid.is_nearly_over(now_millis) => Err(HttpTlsError::ExpiresSoon {
                certificate: self.files.certificate.clone(),
                until: valid.until,
            }),
            _ => Ok(()),
        }
    }

    /// How long the certificate that a client has shown is good still.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn trusts(
        &self,
        chain: &[CertificateDer<'static>],
        now_millis: u64,
    ) -> Result<Duration, rustls::Error> {
        let (own, between) = chain
            .split_first()
            .ok_or(rustls::Error::NoCertificatesPresented)?;
        let clients = self.clients.as_ref();
        let clients = clients.ok_or(CertificateError::UnknownIssuer)?;
        let verify = |time| {
            let verified = clients.verify_client_cert(own, between, time);
            verified.map(|_| ())
        };
        verify(unix_time(now_millis))?;
        let until = until(verify).unwrap_or(Duration::MAX);
        let left = until.saturating_sub(Duration::from_millis(now_millis));
        // Times of certificates are whole seconds, of which the last one counts.
        Ok(left.saturating_add(Duration::from_secs(1)))
    }
}

/// Lets in clients without a certificate, and those with one of these authorities.
fn verifier(roots: RootCertStore) -> Result<Arc<dyn ClientCertVerifier>, HttpTlsError> {
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .allow_unauthenticated()
        .build()
        .map_err(|error| HttpTlsError::Unusable(rustls::Error::General(error.to_string())))
}

fn server(
    certified: CertifiedKey,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    clock: &Arc<dyn Clock>,
) -> Result<ServerConfig, HttpTlsError> {
    let time = Arc::new(Time(Arc::clone(clock)));
    let builder = ServerConfig::builder_with_details(provider(), time)
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3");
    // A resumed session is one whose certificate is not looked at again.
    let resumes = clients.is_none();
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(clients),
        None => builder.with_no_client_auth(),
    };
    let mut server = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    server.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    server.session_storage = Arc::new(NoServerSessionStorage {});
    if resumes {
        // Clients keep what a resumption needs, so that it costs the node no memory.
        server.ticketer = rustls::crypto::ring::Ticketer::new().map_err(HttpTlsError::Unusable)?;
    } else {
        server.send_tls13_tickets = 0;
    }
    Ok(server)
}

/// When the certificate is good; `None` where that cannot be told. Whose it is, is for clients
/// to judge: it is looked at as if it vouched for itself.
fn valid(certified: &CertifiedKey) -> Option<Valid> {
    let own = certified.end_entity_cert().ok()?;
    let mut roots = RootCertStore::empty();
    roots.add(own.clone()).ok()?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
    let verifier = verifier.build().ok()?;
    let name = ServerName::try_from("localhost").expect("a name");
    Valid::of(|time: UnixTime| {
        let verified = verifier.verify_server_cert(own, &[], &name, &[], time);
        verified.map(|_| ())
    })
}

fn check(files: &HttpTlsFiles, valid: Option<Valid>, now_millis: u64) -> Result<(), HttpTlsError> {
    let certificate = || files.certificate.clone();
    let now = Duration::from_millis(now_millis);
    match valid {
        Some(Valid { until, .. }) if until < now => Err(HttpTlsError::Expired {
            certificate: certificate(),
            until,
        }),
        Some(Valid { from, .. }) if now < from => Err(HttpTlsError::NotYetValid {
            certificate: certificate(),
            from,
        }),
        _ => Ok(()),
    }
}
