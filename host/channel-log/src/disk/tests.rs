mod appending;
mod changes;
mod files;
mod filing;
mod outgrowing;
mod reading;
mod starting;
mod stepped;
mod strained;

use std::path::PathBuf;
use std::sync::Arc;

use super::device::FileSystem;
use super::{DiskEngine, DiskSettings};
use crate::Engine;
use crate::conformance::{self, Bench, ManualEnvironment};

#[derive(Debug)]
struct OnDisk(tempfile::TempDir);

pub(super) fn settings(folder: PathBuf) -> DiskSettings {
    DiskSettings {
        folder,
        max_bytes: 1 << 30,
        max_channels: 1000,
    }
}

impl Bench for OnDisk {
    fn open(&mut self, environment: &Arc<ManualEnvironment>) -> Arc<dyn Engine> {
        let environment = Arc::clone(environment);
        let settings = settings(self.0.path().join("channels"));
        let engine = DiskEngine::open(environment, Arc::new(FileSystem), settings);
        Arc::new(engine.expect("the folder can be opened"))
    }

    fn survives(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_disk_conforms() {
    conformance::run(|| OnDisk(tempfile::tempdir().unwrap())).await;
}

#[test]
fn an_idle_channel_takes_little_memory() {
    // Beside it its name, of at most 255 bytes, and its places in two maps.
    assert!(size_of::<super::channel::Channel>() <= 512);
}
