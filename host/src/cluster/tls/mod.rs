//! The security of links: TLS with certificates on both sides, beneath gRPC.
//!
//! Every node has a certificate of the cluster's certificate authority (CA). Among
//! the DNS names (subject alternative names) that it carries are
//!
//! - the name of the node, letter for letter, or the names of several that share it;
//! - [`ANY_NODE`], which whoever dials asks for: that a node of the cluster answers is
//!   what the connection shows, and which one it is [`PeerCertificate::is_for`].
//!
//! Both are asked of whoever dials as well. Where a certificate limits its use, it must
//! allow both server and client authentication. A link ends when the certificate at its
//! other end is no longer good: when it expires, when its authority is no longer one of
//! those that this node trusts, or when a revocation list names it.
//! [`certificates`](super::certificates) makes such certificates.

mod any_node;
mod credentials;
mod error;
mod explain;
mod files;
mod open;
mod peer;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::{ClientConfig, ServerConfig, Side};
use tokio::sync::watch;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

pub use any_node::ANY_NODE;
pub use error::TlsError;
pub use files::TlsFiles;
pub use peer::PeerCertificate;

use super::wire::network::{Connection, Io};
use crate::clock::Clock;
use crate::tls::follow::follow;
use crate::tls::pem::Fingerprint;
use any_node::any_node;
pub(super) use credentials::{Contents, Credentials};
use explain::Explained;
use open::{OpenConnections, Watched};

/// A connection, and who is at its other end.
#[derive(Debug)]
pub struct Secured {
    /// The connection.
    pub connection: Connection,
    /// The certificate that the other end has shown to be its own; `None` without TLS.
    pub peer: Option<PeerCertificate>,
}

impl Secured {
    /// The connection on which both sides have shown their certificates.
    fn new(
        shared: &Shared,
        credentials: &Credentials,
        stream: TlsStream<Box<dyn Io>>,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> io::Result<Self> {
        let (_, session) = stream.get_ref();
        let chain = session.peer_certificates();
        let peer = PeerCertificate::of(chain)?;
        let other_side = match &stream {
            TlsStream::Client(_) => Side::Server,
            TlsStream::Server(_) => Side::Client,
        };
        let chain = chain.unwrap_or_default().to_vec();
        let left = credentials.time_left(&chain, other_side, shared.clock.now_millis());
        let open = shared.open.add(chain, other_side, &peer);
        Ok(Self {
            connection: Connection {
                io: Box::new(Watched::new(Explained(stream), open, left)),
                local,
                remote,
            },
            peer: Some(peer),
        })
    }
}

/// Opens and takes connections between nodes that trust each other. Clones share
/// the certificates.
#[derive(Clone)]
pub struct Tls {
    shared: Arc<Shared>,
}

struct Shared {
    files: TlsFiles,
    node: String,
    clock: Arc<dyn Clock>,
    current: RwLock<Arc<Loaded>>,
    /// One at a time, so that what was read last is what stays.
    reloading: Mutex<()>,
    reloads: watch::Sender<u64>,
    open: OpenConnections,
}

/// What was read from the files.
struct Loaded {
    fingerprint: Fingerprint,
    credentials: Credentials,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Tls {
    /// Reads the certificates of the node named `node`, and checks that other nodes with
    /// certificates of the same authority will accept them.
    ///
    /// # Errors
    /// [`TlsError`] names the file, what is wrong with it, and what to do.
    pub fn load(files: TlsFiles, node: &str, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        let (fingerprint, contents) = credentials::read(&files)?;
        let loaded = Loaded::new(&files, node, &clock, fingerprint, contents)?;
        Ok(Self {
            shared: Arc::new(Shared {
                files,
                node: node.to_owned(),
                clock,
                current: RwLock::new(Arc::new(loaded)),
                reloading: Mutex::new(()),
                reloads: watch::Sender::new(0),
                open: OpenConnections::default(),
            }),
        })
    }

    /// Secures a connection that this node has opened. Callers set the deadline.
    ///
    /// With TLS 1.3 the handshake ends on this side before the other side has looked at
    /// this node's certificate: a refusal is the error of the first read.
    ///
    /// # Errors
    /// Those of the network, and all that keeps the two from trusting each other, in
    /// words for operators.
    pub async fn connect(&self, connection: Connection) -> io::Result<Secured> {
        let Connection { io, local, remote } = connection;
        let current = self.current();
        let connector = TlsConnector::from(Arc::clone(&current.client));
        let stream = connector
            .connect(any_node(), io)
            .await
            .map_err(explain::handshake)?;
        Secured::new(
            &self.shared,
            &current.credentials,
            stream.into(),
            local,
            remote,
        )
    }

    /// Secures a connection that was opened to this node. Callers set the deadline.
    ///
    /// # Errors
    /// Those of the network, and all that keeps the two from trusting each other, in
    /// words for operators.
    pub async fn accept(&self, connection: Connection) -> io::Result<Secured> {
        let Connection { io, local, remote } = connection;
        let current = self.current();
        let acceptor = TlsAcceptor::from(Arc::clone(&current.server));
        let stream = acceptor.accept(io).await.map_err(explain::handshake)?;
        Secured::new(
            &self.shared,
            &current.credentials,
            stream.into(),
            local,
            remote,
        )
    }

    /// Reads the files again, and returns whether there was something new in them.
    /// Connections that are opened from then on use it; of those that are open, those end
    /// whose other side it does not trust. Reads files, so it may block for a moment.
    ///
    /// # Errors
    /// [`TlsError`] says what is wrong with the files. What was read before stays.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let shared = &self.shared;
        let _one_at_a_time = shared
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (fingerprint, contents) = credentials::read(&shared.files)?;
        if fingerprint == self.current().fingerprint {
            return Ok(false);
        }
        let loaded = Loaded::new(
            &shared.files,
            &shared.node,
            &shared.clock,
            fingerprint,
            contents,
        )?;
        *shared
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        shared.reloads.send_modify(|reloads| *reloads += 1);
        self.end_distrusted();
        Ok(true)
    }

    /// How many times new certificates have taken the place of old ones.
    #[must_use]
    pub fn reloads(&self) -> watch::Receiver<u64> {
        self.shared.reloads.subscribe()
    }

    /// Reads the files again whenever they change, which it looks for once a minute even
    /// where the system does not say so. What is wrong with them is logged, once; so is
    /// that the certificate is about to expire. Never ends.
    pub async fn run(self) {
        let tls = self.clone();
        let check = move || tls.reload_and_check();
        follow(self.shared.files.paths(), "the cluster's", check).await;
    }

    /// Takes what is new in the files, and looks whether what is in use is good still:
    /// time passes while files stay.
    fn reload_and_check(&self) -> Result<(), TlsError> {
        let shared = &self.shared;
        if self
            .reload()
            .map_err(|error| TlsError::NotTaken(Box::new(error)))?
        {
            tracing::info!(
                certificate = %shared.files.certificate.display(),
                "took new certificates; links that they vouch for stay as they are"
            );
        }
        self.end_distrusted();
        let current = self.current();
        let now = shared.clock.now_millis();
        current
            .credentials
            .check(&shared.files, &shared.node, now)?;
        current.credentials.check_renewal(&shared.files, now)
    }

    /// Ends the connections whose other side would not be let in any more.
    fn end_distrusted(&self) {
        let credentials = &self.current().credentials;
        let now = self.shared.clock.now_millis();
        self.shared.open.end_unless(|chain, side| {
            credentials
                .verify(chain, side, now)
                .map_err(explain::distrusted)
        });
    }

    fn current(&self) -> Arc<Loaded> {
        let current = self.shared.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.shared.files)
            .field("node", &self.shared.node)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    fn new(
        files: &TlsFiles,
        node: &str,
        clock: &Arc<dyn Clock>,
        fingerprint: Fingerprint,
        contents: Contents,
    ) -> Result<Self, TlsError> {
        let credentials = Credentials::from_pem(files, &contents)?;
        credentials.check(files, node, clock.now_millis())?;
        let (client, server) = credentials.configs(clock);
        Ok(Self {
            fingerprint,
            credentials,
            client: Arc::new(client),
            server: Arc::new(server),
        })
    }
}
