//! The log without a node around it: one batch after the other, of all that is under way
//! at once, and pages as large as they get.

use std::path::Path;
use std::sync::Arc;

use hearken::clock::{Clock, SystemClock};
use hearken_bench_stopwatch::{Append, Error, LogClient};
use hearken_channel_log::disk::device::FileSystem;
use hearken_channel_log::disk::{DiskEngine, DiskSettings};
use hearken_channel_log::{
    Batch, ChannelName, Engine, Environment, Expected, LogSettings, ReadLimit,
};
use hearken_wire::{Fields, encode};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::session::Session;
use super::{Contender, PAYLOAD};

/// The most that a page may take.
const PAGE: usize = 4 << 20;

pub(super) struct InProcess;

impl Contender for InProcess {
    fn name(&self) -> &'static str {
        "hearken/in-process"
    }

    fn read(&self) -> Option<&'static str> {
        Some("hearken/in-process-read")
    }

    fn start(&self, _: Option<&Path>) -> Result<Session, String> {
        let folder = tempfile::tempdir_in(".").map_err(|error| error.to_string())?;
        let log = Log::open(folder.path()).map_err(|error| error.to_string())?;
        let engine = Arc::clone(&log.engine);
        let groups = move || engine.counters().groups;
        Ok(Session::here(log, groups, folder))
    }
}

/// The node's time of day, and time since the log was opened.
#[derive(Debug)]
struct Surroundings(Instant);

impl Environment for Surroundings {
    fn now_millis(&self) -> u64 {
        SystemClock.now_millis()
    }

    fn monotonic_millis(&self) -> u64 {
        let begun = self.0.elapsed().as_millis();
        u64::try_from(begun).unwrap_or(u64::MAX)
    }

    fn random(&self) -> u64 {
        uuid::Uuid::new_v4().as_u64_pair().0
    }
}

struct Log {
    runtime: Runtime,
    engine: Arc<DiskEngine>,
    names: Vec<ChannelName>,
    /// The channel whose turn it is.
    turn: usize,
}

impl Log {
    fn open(folder: &Path) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let settings = DiskSettings {
            folder: folder.join("channels"),
            max_bytes: 64 << 30,
            max_channels: 10_000,
        };
        let engine = DiskEngine::open(
            Arc::new(Surroundings(Instant::now())),
            Arc::new(FileSystem),
            settings,
        )?;
        Ok(Self {
            runtime,
            engine: Arc::new(engine),
            names: Vec::new(),
            turn: 0,
        })
    }

    fn create(&mut self, channels: usize) -> Result<(), Error> {
        for number in self.names.len()..channels {
            let name = ChannelName::new(&format!("bench-{number}"))?;
            let settings = LogSettings {
                max_bytes: 8 << 30,
                ..LogSettings::default()
            };
            self.runtime
                .block_on(self.engine.create(&name, &settings))?;
            self.names.push(name);
        }
        Ok(())
    }
}

/// Makes so many channels in the data of a node that does not run, with so many bytes of events
/// in all, but each with a batch of so many `events`.
///
/// # Errors
/// When one is refused.
pub(super) fn fill(data: &Path, channels: usize, events: usize, bytes: u64) -> Result<(), Error> {
    std::fs::create_dir_all(data)?;
    let mut log = Log::open(data)?;
    log.create(channels)?;
    let event = event(PAYLOAD);
    let mut batch = Batch::new();
    for _ in 0..events {
        batch.push(&event, None)?;
    }
    let batches = usize::try_from(bytes / batch.bytes() as u64)?;
    for turn in 0..batches.max(channels) {
        let name = &log.names[turn % channels];
        let appended = log.engine.append(name, batch.clone(), Expected::Any);
        log.runtime.block_on(appended)?;
    }
    Ok(())
}

/// As a node encodes what a client publishes.
fn event(payload: usize) -> Vec<u8> {
    let data = vec![b'x'; payload];
    let fields = Fields {
        event_type: "custom.bench.appended",
        id: ["0190c0de-0000-7000-8000-000000000001", ""],
        source: "/nodes/bench/clients/anonymous",
        recorded_time: 1,
        datacontenttype: "application/json",
        data: Some(&data),
        origin: "bench",
        channel: Some("bench-0"),
        ..Fields::default()
    };
    let mut encoded = Vec::new();
    encode::<&str>(&fields, [], &mut encoded);
    encoded
}

impl LogClient for Log {
    fn append(&mut self, task: Append) -> Result<u64, Error> {
        self.create(task.logs)?;
        let event = event(task.payload);
        let mut batch = Batch::new();
        for _ in 0..task.window {
            batch.push(&event, None)?;
        }
        let end = Instant::now() + task.time();
        let mut events = 0;
        while Instant::now() < end {
            let name = &self.names[self.turn % task.logs];
            self.turn += 1;
            let appended = self.engine.append(name, batch.clone(), Expected::Any);
            let appended = self.runtime.block_on(appended)?;
            events += appended.events.len() as u64;
        }
        Ok(events)
    }

    fn read(&mut self) -> Result<u64, Error> {
        let limit = ReadLimit {
            events: usize::MAX,
            bytes: PAGE,
        };
        let (mut events, mut after) = (0, 0);
        loop {
            let page = self.engine.read(&self.names[0], after, limit);
            let page = self.runtime.block_on(page)?;
            if page.events.is_empty() {
                return Ok(events);
            }
            events += page.events.len() as u64;
            after = page.next;
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.runtime.block_on(self.engine.close());
    }
}
