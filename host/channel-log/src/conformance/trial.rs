//! An engine on trial.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hearken_wire::{EventRef, ExtensionKind, Fields, encode};

use crate::{
    Appended, Batch, ChannelInfo, ChannelName, DedupeKey, Engine, Environment, Expected,
    LogSettings, Page, ReadLimit,
};

/// Where engines are opened.
pub trait Bench: Debug {
    /// Opens the engine, with what the one before it left, which has been closed.
    fn open(&mut self, environment: &Arc<ManualEnvironment>) -> Arc<dyn Engine>;

    /// Whether anything outlives the engine.
    fn survives(&self) -> bool;
}

/// Time and randomness that a test moves.
#[derive(Debug)]
pub struct ManualEnvironment {
    now: AtomicU64,
    monotonic: AtomicU64,
    random: AtomicU64,
}

impl Default for ManualEnvironment {
    fn default() -> Self {
        Self {
            now: AtomicU64::new(1_700_000_000_000),
            monotonic: AtomicU64::new(0),
            random: AtomicU64::new(1),
        }
    }
}

impl ManualEnvironment {
    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).expect("tests are short");
        self.now.fetch_add(millis, Ordering::SeqCst);
        self.monotonic.fetch_add(millis, Ordering::SeqCst);
    }

    /// Sets the clock forward, while no time passes.
    pub fn set_forward(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).expect("tests are short");
        self.now.fetch_add(millis, Ordering::SeqCst);
    }

    /// Sets the clock back.
    pub fn set_back(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).expect("tests are short");
        self.now.fetch_sub(millis, Ordering::SeqCst);
    }
}

impl Environment for ManualEnvironment {
    fn now_millis(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    fn monotonic_millis(&self) -> u64 {
        self.monotonic.load(Ordering::SeqCst)
    }

    fn random(&self) -> u64 {
        // SplitMix64.
        let step = 0x9e37_79b9_7f4a_7c15_u64;
        let mut bits = self.random.fetch_add(step, Ordering::SeqCst);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

/// An encoded event with this id and data.
#[must_use]
pub fn event(id: &str, data: &[u8]) -> Vec<u8> {
    let fields = Fields {
        event_type: "custom.order.paid",
        id: [id, ""],
        source: "/nodes/test/clients/key:shop",
        subject: Some("order-7"),
        recorded_time: 7,
        datacontenttype: "application/json",
        data: Some(data),
        origin: "test",
        channel: Some("orders"),
        ..Fields::default()
    };
    let mut bytes = Vec::new();
    encode(
        &fields,
        [("extra", ExtensionKind::String, "kept")],
        &mut bytes,
    );
    bytes
}

/// The key of this number.
#[must_use]
pub fn key(number: u64) -> DedupeKey {
    let mut key = [0x5a; 16];
    key[..8].copy_from_slice(&number.to_le_bytes());
    key
}

/// An engine on trial.
#[derive(Debug)]
pub(super) struct Trial<B: Bench> {
    bench: B,
    pub(super) environment: Arc<ManualEnvironment>,
    pub(super) engine: Arc<dyn Engine>,
}

impl<B: Bench> Trial<B> {
    pub(super) fn new(mut bench: B) -> Self {
        let environment = Arc::new(ManualEnvironment::default());
        Self {
            engine: bench.open(&environment),
            bench,
            environment,
        }
    }

    pub(super) fn survives(&self) -> bool {
        self.bench.survives()
    }

    /// Closes the engine and opens it again.
    pub(super) async fn reopen(&mut self) {
        self.engine.close().await;
        self.engine = self.bench.open(&self.environment);
    }

    pub(super) async fn close(self) {
        self.engine.close().await;
    }

    pub(super) async fn create(&self, name: &ChannelName, settings: &LogSettings) -> ChannelInfo {
        let created = self.engine.create(name, settings).await;
        created.expect("the channel can be made")
    }

    pub(super) fn info(&self, name: &ChannelName) -> ChannelInfo {
        self.engine.info(name).expect("there is the channel")
    }

    /// Appends events with ids from this number on, each with so many bytes of data.
    pub(super) async fn append(
        &self,
        name: &ChannelName,
        from: u64,
        count: u64,
        data: usize,
    ) -> Appended {
        let batch = numbered(from, count, data);
        let appended = self.engine.append(name, batch, Expected::Any).await;
        appended.expect("there is room")
    }

    pub(super) async fn read(&self, name: &ChannelName, after: u64) -> Page {
        let page = self.engine.read(name, after, ReadLimit::default()).await;
        page.expect("it can be read")
    }

    /// Reads all, page by page.
    pub(super) async fn read_all(&self, name: &ChannelName, after: u64) -> Vec<Bytes> {
        let mut events = Vec::new();
        let mut next = after;
        loop {
            let page = self.read(name, next).await;
            if page.events.is_empty() {
                return events;
            }
            assert!(page.next > next, "a page with events leads on");
            next = page.next;
            events.extend(page.events);
        }
    }
}

/// Events with ids from this number on, without keys.
pub(super) fn numbered(from: u64, count: u64, data: usize) -> Batch {
    let mut batch = Batch::new();
    for number in from..from + count {
        let event = event(&number.to_string(), &vec![b'd'; data]);
        batch.push(&event, None).expect("there is room");
    }
    batch
}

/// Events with these ids, which are their keys.
pub(super) fn keyed(ids: &[u64]) -> Batch {
    let mut batch = Batch::new();
    for id in ids {
        let event = event(&id.to_string(), b"data");
        batch.push(&event, Some(key(*id))).expect("there is room");
    }
    batch
}

pub(super) fn name(text: &str) -> ChannelName {
    ChannelName::new(text).expect("the name is valid")
}

pub(super) fn sequences(events: &[Bytes]) -> Vec<u64> {
    let events = events.iter();
    let numbers = events.map(|event| EventRef::assume_encoded(event).sequence());
    numbers
        .map(|number| number.expect("a stored event has a number"))
        .collect()
}

pub(super) fn ids(events: &[Bytes]) -> Vec<u64> {
    let events = events.iter();
    let ids = events.map(|event| EventRef::assume_encoded(event).id().parse());
    ids.map(|id| id.expect("ids are numbers here")).collect()
}
