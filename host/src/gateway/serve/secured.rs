//! What tests of encrypted connections share: a gateway with certificates in a folder, and
//! clients of it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::task::AbortOnDropHandle;

use super::tls::{HttpTls, HttpTlsFiles};
use crate::access::Access;
use crate::bus::Bus;
use crate::clock::{Clock, SystemClock};
use crate::gateway::context::Context;
use crate::gateway::test_support::{bus, gateway, guarded};
use crate::gateway::{Gateway, GatewayLimits, Stages};
use crate::tls::pem::{self, PemFile};
use crate::tls::{Role, make_host, provider};

const ANY: Role = Role {
    what: "a file of the test",
    made_by: "the test makes it",
};

/// A gateway that serves.
pub(super) struct Secured {
    pub(super) address: SocketAddr,
    pub(super) bus: Bus,
    pub(super) context: Arc<Context>,
    pub(super) tls: HttpTls,
    /// With `ca.crt` and what it has signed.
    pub(super) folder: TempDir,
    pub(super) stages: Stages,
    pub(super) ended: AbortOnDropHandle<()>,
}

/// Makes the certificate of a host, and an authority if there is none.
pub(super) fn make(folder: &Path, host: &str) {
    let now = SystemClock.now_millis();
    make_host(&[host.to_owned()], folder, folder, 30, now).unwrap();
}

/// The files of `localhost`, with or without an authority of clients.
pub(super) fn files(folder: &Path, clients: bool) -> HttpTlsFiles {
    HttpTlsFiles {
        certificate: folder.join("localhost.crt"),
        key: folder.join("localhost.key"),
        client_ca: clients.then(|| folder.join("clients.crt")),
    }
}

impl Secured {
    pub(super) async fn start(limits: GatewayLimits) -> Self {
        Self::start_with(limits, false).await
    }

    /// A gateway that takes certificates of clients by its own authority, or none.
    pub(super) async fn start_with(limits: GatewayLimits, clients: bool) -> Self {
        Self::start_as(|bus| gateway(bus, limits), clients).await
    }

    /// A gateway that asks who somebody is.
    pub(super) async fn start_guarded(access: Access) -> Self {
        Self::start_as(|bus| guarded(bus, access), false).await
    }

    /// The gateway that is made on a bus.
    pub(super) async fn start_as(gateway: impl FnOnce(&Bus) -> Gateway, clients: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), "localhost");
        let ca = folder.path().join("ca.crt");
        std::fs::copy(ca, folder.path().join("clients.crt")).unwrap();
        let tls = HttpTls::load(files(folder.path(), clients), Arc::new(SystemClock)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bus = bus();
        let mut gateway = gateway(&bus);
        gateway.tls = Some(tls.clone());
        let context = Arc::clone(&gateway.context);
        let stages = Stages::default();
        let serving = gateway.serve(listener, stages.clone(), Duration::from_secs(600));
        Self {
            address,
            bus,
            context,
            tls,
            folder,
            ended: AbortOnDropHandle::new(tokio::spawn(serving)),
            stages,
        }
    }

    /// A connection of a client that offers these protocols.
    pub(super) async fn connect(&self, offered: &[&[u8]]) -> io::Result<TlsStream<TcpStream>> {
        let ca = self.folder.path().join("ca.crt");
        self.connect_as(&ca, offered, None).await
    }

    /// The same of one that trusts `ca` and shows the certificate in a folder that is for a
    /// host.
    pub(super) async fn connect_as(
        &self,
        ca: &Path,
        offered: &[&[u8]],
        shown: Option<(&Path, &str)>,
    ) -> io::Result<TlsStream<TcpStream>> {
        let read = |path: &Path| pem::read(ANY, path).unwrap();
        let file = |path, contents| PemFile {
            role: ANY,
            path,
            contents,
        };
        let roots = read(ca);
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(file(ca, &roots).roots().unwrap());
        let mut config = match shown {
            None => builder.with_no_client_auth(),
            Some((folder, host)) => {
                let path = |ending: &str| folder.join(format!("{host}.{ending}"));
                let (certificate, key) = (read(&path("crt")), read(&path("key")));
                let pair = file(folder, &certificate)
                    .with_key(file(folder, &key))
                    .unwrap();
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair)))
            }
        };
        config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }
}
