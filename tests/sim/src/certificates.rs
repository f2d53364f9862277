//! The certificates of a run whose nodes link over TLS: those that `hearken cluster ca`
//! and `hearken cluster cert` make, in a folder that goes with the run.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hearken::clock::Clock;
use hearken::cluster::certificates::{make_ca, make_node};
use hearken::cluster::tls::{Tls, TlsFiles};
use tempfile::TempDir;

use crate::node::BEGINNING;
use crate::plan::{Plan, name};

/// Since when the certificates are valid, before the begin of the run: no clock is so far
/// behind.
const BEFORE: Duration = Duration::from_secs(24 * 60 * 60);

/// For how long they are.
const DAYS: u32 = 30;

/// The certificates of all nodes of a run.
pub struct Certificates {
    folder: TempDir,
    /// Milliseconds since the begin of the run, as the run has it: certificates are looked at
    /// on threads that do not know of the simulation.
    elapsed: Arc<AtomicU64>,
}

impl Certificates {
    /// Makes those that a plan asks for.
    ///
    /// # Panics
    /// When there is no room for files.
    #[must_use]
    pub fn of(plan: &Plan) -> Option<Arc<Self>> {
        if !plan.tls {
            return None;
        }
        let folder = tempfile::tempdir().expect("room for a folder");
        let made = BEGINNING - u64::try_from(BEFORE.as_millis()).expect("a day");
        let path = folder.path();
        make_ca(path, DAYS, made).expect("room for an authority");
        for node in 0..plan.nodes.len() {
            make_node(&name(node), path, path, DAYS, made).expect("room for a certificate");
        }
        Some(Arc::new(Self {
            folder,
            elapsed: Arc::default(),
        }))
    }

    /// It is so long since the begin of the run.
    pub fn set_elapsed(&self, elapsed: Duration) {
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.elapsed.store(millis, Ordering::Relaxed);
    }

    /// What a node, whose clock is off by so many milliseconds, secures its links with.
    ///
    /// # Panics
    /// When the certificates that were made are not good.
    #[must_use]
    pub fn tls(&self, node: usize, offset: i64) -> Tls {
        let file = |file: String| -> PathBuf { self.folder.path().join(file) };
        let node = name(node);
        let files = TlsFiles {
            ca: file("ca.crt".to_owned()),
            certificate: file(format!("{node}.crt")),
            key: file(format!("{node}.key")),
            crl: None,
        };
        let clock = RunClock {
            elapsed: Arc::clone(&self.elapsed),
            offset,
        };
        Tls::load(files, &node, Arc::new(clock)).expect("the certificates are good")
    }
}

/// Tells the time of day by that of the run.
struct RunClock {
    elapsed: Arc<AtomicU64>,
    offset: i64,
}

impl Clock for RunClock {
    fn now_millis(&self) -> u64 {
        let elapsed = self.elapsed.load(Ordering::Relaxed);
        (BEGINNING + elapsed).saturating_add_signed(self.offset)
    }
}
