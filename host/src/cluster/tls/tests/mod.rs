//! Nodes with certificates in a folder each, connected by a pipe.

mod files;
mod links;
mod open;
mod reload;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use super::*;
use crate::cluster::certificates::certify;
use crate::tls::authority::{Authority, Pair, Validity};

const NOW: u64 = 1_800_000_000_000;
const DAY: u64 = 24 * 60 * 60 * 1000;

/// A clock that tests set.
#[derive(Default)]
struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn now_millis(&self) -> u64 {
        NOW + self.0.load(Ordering::Relaxed)
    }
}

impl TestClock {
    fn advance(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

/// An authority, and its certificate.
struct Ca {
    authority: Authority,
    certificate: String,
}

impl Ca {
    fn new() -> Self {
        let (authority, pair) = Authority::create(days(3650)).unwrap();
        Self {
            authority,
            certificate: pair.certificate,
        }
    }

    /// A list that names certificates.
    fn revoke(&self, certificates: &[&Pair]) -> String {
        self.authority.revoke(certificates, NOW)
    }

    fn certify(&self, node: &str) -> Pair {
        certify(&self.authority, node, days(100)).unwrap()
    }

    /// A node of this CA that trusts this CA.
    fn node(&self, name: &str) -> Node {
        Node::new(name, &self.certificate, &self.certify(name))
    }
}

fn days(days: u32) -> Validity {
    Validity::starting(NOW, days).unwrap()
}

/// A node's files, and what it has read from them.
struct Node {
    folder: TempDir,
    clock: Arc<TestClock>,
    tls: Tls,
}

impl Node {
    fn new(name: &str, ca: &str, pair: &Pair) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), ca, pair);
        let clock = Arc::new(TestClock::default());
        let tls = load(folder.path(), name, Arc::clone(&clock)).unwrap();
        Self { folder, clock, tls }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }
}

fn load(folder: &Path, name: &str, clock: Arc<TestClock>) -> Result<Tls, TlsError> {
    let files = TlsFiles {
        ca: folder.join("ca.crt"),
        certificate: folder.join("tls.crt"),
        key: folder.join("tls.key"),
        crl: Some(folder.join("tls.crl")).filter(|crl| crl.exists()),
    };
    Tls::load(files, name, clock)
}

fn write(folder: &Path, ca: &str, pair: &Pair) {
    fs::write(folder.join("ca.crt"), ca).unwrap();
    fs::write(folder.join("tls.crt"), &pair.certificate).unwrap();
    fs::write(folder.join("tls.key"), &pair.key).unwrap();
}

fn pipe() -> (Connection, Connection) {
    let (one, other) = tokio::io::duplex(64 * 1024);
    let (low, high) = ([127, 0, 0, 1], [127, 0, 0, 2]);
    let connection = |io, local: [u8; 4], remote: [u8; 4]| Connection {
        io: Box::new(io),
        local: (local, 7071).into(),
        remote: (remote, 7071).into(),
    };
    (connection(one, low, high), connection(other, high, low))
}

/// Both sides of the handshake of `dialler` with `acceptor`.
async fn link(dialler: &Tls, acceptor: &Tls) -> (io::Result<Secured>, io::Result<Secured>) {
    let (near, far) = pipe();
    tokio::join!(dialler.connect(near), acceptor.accept(far))
}

/// The name in the certificate at the other end.
fn peer(secured: &Secured) -> &PeerCertificate {
    secured.peer.as_ref().expect("TLS shows a certificate")
}

fn assert_says(error: &impl ToString, part: &str) {
    let error = error.to_string();
    assert!(error.contains(part), "{part:?} is not in {error:?}");
}
