use super::*;
use crate::conformance::ManualEnvironment;
use crate::disk::DiskSettings;
use crate::disk::device::FileSystem;

#[tokio::test]
async fn a_read_that_panics_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let settings = DiskSettings {
        folder: folder.path().join("channels"),
        max_bytes: 1 << 30,
        max_channels: 10,
    };
    let environment = Arc::new(ManualEnvironment::default());
    let engine = DiskEngine::open(environment, Arc::new(FileSystem), settings).unwrap();
    // More often than there are threads that read.
    for number in 0..8 {
        let read = engine.reading(move |_| -> u32 { panic!("broken {number}") });
        let Err(Unread::Failed(fault)) = read.await else {
            panic!("it is answered");
        };
        assert!(fault.to_string().ends_with(&format!("broken {number}")));
    }
    assert_eq!(engine.core.fault(), None);
    assert_eq!(engine.reading(|_| 7).await, Ok(7));
}
