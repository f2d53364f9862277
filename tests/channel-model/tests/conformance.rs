//! The suite of all engines, on the simulated disk.

use std::path::PathBuf;
use std::sync::Arc;

use hearken_channel_log::Engine;
use hearken_channel_log::conformance::{self, Bench, ManualEnvironment};
use hearken_channel_log::disk::{DiskEngine, DiskSettings};
use hearken_channel_model::disk::{Disk, Faults};

#[derive(Debug)]
struct Simulated(Disk);

impl Bench for Simulated {
    fn open(&mut self, environment: &Arc<ManualEnvironment>) -> Arc<dyn Engine> {
        // What has been closed is durable, whatever becomes of the rest.
        self.0.crash();
        let settings = DiskSettings {
            folder: PathBuf::from("/channels"),
            max_bytes: 1 << 30,
            max_channels: 1000,
        };
        let environment = Arc::clone(environment);
        let engine = DiskEngine::open(environment, Arc::new(self.0.clone()), settings);
        Arc::new(engine.expect("the disk works"))
    }

    fn survives(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_simulated_disk_conforms() {
    let mut seed = 0;
    conformance::run(|| {
        seed += 1;
        let disk = Disk::new(seed);
        disk.set_faults(Faults {
            short: 100,
            ..Faults::default()
        });
        Simulated(disk)
    })
    .await;
}
