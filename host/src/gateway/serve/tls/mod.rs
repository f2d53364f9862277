//! TLS beneath HTTP.
//!
//! `files` are where the certificates are and `error` what can be wrong with them; `loaded` is
//! what was read, and `handshakes` the thread on which connections are secured.

mod error;
mod files;
mod handshakes;
mod loaded;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use error::HttpTlsError;
pub use files::HttpTlsFiles;

use crate::clock::Clock;
use crate::tls::follow::follow;
use handshakes::Handshakes;
pub(super) use loaded::HTTP2;
use loaded::Loaded;

/// Longest time that is waited for a client's certificate to expire before it is looked at
/// again.
const RECHECK: Duration = Duration::from_secs(60 * 60);

/// Secures the connections of HTTP clients. Clones share the certificates.
#[derive(Clone)]
pub struct HttpTls {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    files: watch::Sender<HttpTlsFiles>,
    current: RwLock<Arc<Loaded>>,
    /// One at a time, so that what was read last is what stays.
    reloading: Mutex<()>,
    reloads: watch::Sender<u64>,
    handshakes: Handshakes,
}

/// Files that were read and are not used yet.
pub struct OtherFiles {
    files: HttpTlsFiles,
    loaded: Loaded,
}

impl HttpTls {
    /// Reads the certificates.
    ///
    /// # Errors
    /// [`HttpTlsError`] names the file, what is wrong with it, and what to do.
    pub fn load(files: HttpTlsFiles, clock: Arc<dyn Clock>) -> Result<Self, HttpTlsError> {
        let loaded = Loaded::read(&files, &clock)?;
        Ok(Self {
            shared: Arc::new(Shared {
                clock,
                files: watch::Sender::new(files),
                current: RwLock::new(Arc::new(loaded)),
                reloading: Mutex::new(()),
                reloads: watch::Sender::new(0),
                handshakes: Handshakes::start().map_err(HttpTlsError::Thread)?,
            }),
        })
    }

    /// Reads the files again. Connections that come from then on use what is new in them, and
    /// those end whose clients show a certificate that is no longer trusted. Reads files, so it
    /// may block for a moment. Returns whether there was something new.
    ///
    /// # Errors
    /// [`HttpTlsError`] says what is wrong with the files. What was read before stays.
    pub fn reload(&self) -> Result<bool, HttpTlsError> {
        let shared = &self.shared;
        let _one_at_a_time = shared
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let files = shared.files.borrow().clone();
        let loaded = Loaded::read(&files, &shared.clock)?;
        if loaded.fingerprint() == self.current().fingerprint() {
            return Ok(false);
        }
        self.use_from_now_on(loaded);
        Ok(true)
    }

    /// Reads other files, for [`replace`](Self::replace). May block for a moment.
    ///
    /// # Errors
    /// [`HttpTlsError`] says what is wrong with the files.
    pub fn read(&self, files: HttpTlsFiles) -> Result<OtherFiles, HttpTlsError> {
        let loaded = Loaded::read(&files, &self.shared.clock)?;
        Ok(OtherFiles { files, loaded })
    }

    /// Uses other files from now on, as [`reload`](Self::reload) does.
    pub fn replace(&self, other: OtherFiles) {
        let shared = &self.shared;
        let _one_at_a_time = shared
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        shared.files.send_replace(other.files);
        self.use_from_now_on(other.loaded);
    }

    fn use_from_now_on(&self, loaded: Loaded) {
        let shared = &self.shared;
        let mut current = shared
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(loaded);
        drop(current);
        shared.reloads.send_modify(|reloads| *reloads += 1);
    }

    /// How many times new certificates have taken the place of old ones.
    #[must_use]
    pub fn reloads(&self) -> watch::Receiver<u64> {
        self.shared.reloads.subscribe()
    }

    /// Reads the files again whenever they change. What is wrong with them is logged, once; so
    /// is that the certificate is about to expire. Never ends.
    pub async fn run(self) {
        let mut files = self.shared.files.subscribe();
        loop {
            let now = files.borrow_and_update().clone();
            let tls = self.clone();
            let check = move || tls.reload_and_check();
            tokio::select! {
                () = follow(now.paths(), "HTTP's", check) => {}
                // It never fails: this holds the sender too.
                _ = files.changed() => {}
            }
        }
    }

    fn reload_and_check(&self) -> Result<(), HttpTlsError> {
        let reloaded = self.reload();
        if reloaded.map_err(|error| HttpTlsError::NotTaken(Box::new(error)))? {
            let files = self.shared.files.borrow();
            tracing::info!(
                certificate = %files.certificate.display(),
                "took new certificates for HTTP; connections stay as they are"
            );
        }
        self.current().check_renewal(self.shared.clock.now_millis())
    }

    /// Secures a connection. Callers set the deadline; the work is done apart from the threads
    /// that serve others.
    pub(super) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let acceptor = TlsAcceptor::from(self.current().server());
        self.shared.handshakes.run(acceptor.accept(stream)).await
    }

    /// Waits until a client's certificate is no longer good.
    pub(super) async fn distrusted(&self, chain: &[CertificateDer<'static>]) {
        let mut reloads = self.reloads();
        loop {
            reloads.borrow_and_update();
            let left = match self.current().trusts(chain, self.shared.clock.now_millis()) {
                Ok(left) => left.min(RECHECK),
                Err(error) => {
                    tracing::info!(%error, "ending an HTTP connection whose client's certificate is no longer good");
                    return;
                }
            };
            tokio::select! {
                // It never fails: this holds the sender too.
                _ = reloads.changed() => {}
                () = tokio::time::sleep(left) => {}
            }
        }
    }

    fn current(&self) -> Arc<Loaded> {
        let current = self.shared.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for OtherFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtherFiles")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for HttpTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTls")
            .field("files", &*self.shared.files.borrow())
            .finish_non_exhaustive()
    }
}
