//! What is appended beyond what a channel keeps: it goes as fast as it comes, and takes nothing
//! from others.

use std::sync::Arc;

use super::settings;
use super::stepped::{channel, one};
use super::strained::Strained;
use crate::conformance::ManualEnvironment;
use crate::disk::{DiskEngine, DiskSettings};
use crate::{ChannelInfo, ChannelName, Engine as _, Expected, LogSettings, MIN_LOG_BYTES};

/// Files that may be held open to write segments.
const WRITABLE: usize = 32;
/// Files that may be open beside those: the catalogue, the journal, and what is read.
const OTHERS: usize = 80;

/// Bytes that a channel may have that keeps far less.
const MOST: u64 = 1 << 20;

struct Node {
    engine: Arc<DiskEngine>,
    disk: Strained,
    _folder: tempfile::TempDir,
}

impl Node {
    /// One on which all channels together may have hardly more than [`MOST`].
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Strained::new(WRITABLE);
        let settings = DiskSettings {
            max_bytes: 2 * MOST,
            ..settings(folder.path().join("channels"))
        };
        let environment = Arc::<ManualEnvironment>::default();
        let engine = DiskEngine::open(environment, Arc::new(disk.clone()), settings).unwrap();
        Self {
            engine: Arc::new(engine),
            disk,
            _folder: folder,
        }
    }

    async fn create(&self, name: &ChannelName, settings: LogSettings) {
        self.engine.create(name, &settings).await.unwrap();
    }

    fn info(&self, name: &ChannelName) -> ChannelInfo {
        self.engine.info(name).unwrap()
    }
}

async fn append(engine: &DiskEngine, name: &ChannelName, bytes: usize) {
    let appended = engine.append(name, one(&vec![b'x'; bytes]), Expected::Any);
    appended.await.unwrap();
}

#[tokio::test]
async fn a_small_channel_stays_small_without_a_pause() {
    let node = Node::open();
    let (small, neighbour) = (channel("small"), channel("neighbour"));
    let keeping = |max_bytes| LogSettings {
        max_bytes,
        ..LogSettings::default()
    };
    node.create(&small, keeping(MIN_LOG_BYTES)).await;
    node.create(&neighbour, keeping(4 * MIN_LOG_BYTES)).await;
    let mut publishers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (engine, small) = (Arc::clone(&node.engine), small.clone());
        publishers.spawn(async move {
            for number in 0..1000 {
                append(&engine, &small, 1000 + number * 2).await;
            }
        });
    }
    let (mut most, mut most_open) = (0, 0);
    while !publishers.is_empty() {
        append(&node.engine, &neighbour, 10).await;
        most = most.max(node.info(&small).bytes);
        most_open = most_open.max(node.disk.open());
        while let Some(published) = publishers.try_join_next() {
            published.unwrap();
        }
    }
    assert!(most <= MOST, "{most} bytes");
    assert!(most_open <= WRITABLE + OTHERS, "{most_open} files");
    node.engine.enforce().await;
    let info = node.info(&small);
    assert_eq!(info.last, 4000);
    assert!(info.bytes <= MIN_LOG_BYTES, "{info:?}");
    assert!(info.bytes >= MIN_LOG_BYTES / 2, "{info:?}");
    node.engine.close().await;
}

#[tokio::test]
async fn what_is_not_kept_goes_from_the_segment_that_is_written() {
    let node = Node::open();
    let (newest, trimmed) = (channel("newest"), channel("trimmed"));
    let settings = LogSettings {
        max_events: Some(1),
        ..LogSettings::default()
    };
    node.create(&newest, settings).await;
    node.create(&trimmed, LogSettings::default()).await;
    for _ in 0..50 {
        for _ in 0..10 {
            append(&node.engine, &newest, 10_000).await;
            append(&node.engine, &trimmed, 10_000).await;
        }
        let last = node.info(&trimmed).last;
        node.engine.trim(&trimmed, last - 5).await.unwrap();
        node.engine.enforce().await;
        for name in [&newest, &trimmed] {
            let info = node.info(name);
            assert!(info.bytes <= MOST / 2, "{info:?}");
        }
    }
    assert_eq!(node.info(&newest).first, 500);
    assert_eq!(node.info(&trimmed).first, 495);
    node.engine.close().await;
}
