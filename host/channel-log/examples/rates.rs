//! How fast logs on disk are, beside a bare loop of writes and syncs on the same disk.
//!
//! `cargo run --release -p hearken-channel-log --example rates -- FOLDER [MiB] [PART]`: works
//! in a new folder inside FOLDER, which is removed at the end. Without the name of a part,
//! `appends`, `reads` or `start`, all are measured; the last starts with so many MiB in 1,000
//! channels.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hearken_channel_log::conformance::{ManualEnvironment, event};
use hearken_channel_log::disk::device::FileSystem;
use hearken_channel_log::disk::{DiskEngine, DiskSettings};
use hearken_channel_log::{Batch, ChannelName, Engine, Expected, LogSettings, ReadLimit};
use tokio::time::Instant;

/// How long each part is measured at a time,
const TIME: Duration = Duration::from_millis(1500);
/// and how often: in turn, so that what else the machine does concerns all alike.
const ROUNDS: u32 = 3;

/// Bytes of the pages that are read.
const PAGES: [usize; 4] = [64 << 10, 256 << 10, 1 << 20, 4 << 20];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or("give a folder on the disk to measure")?;
    let mebibytes: u64 = arguments.next().map_or(Ok(256), |text| text.parse())?;
    let part = arguments.next();
    let folder = Path::new(&folder).join("hearken-rates");
    fs::create_dir(&folder)?;
    let measured = measure(&folder, mebibytes, part.as_deref()).await;
    fs::remove_dir_all(&folder)?;
    measured
}

async fn measure(folder: &Path, mebibytes: u64, part: Option<&str>) -> Result<()> {
    let one = event("0190c0de-0000-7000-8000-000000000001", &[b'x'; 256]);
    let wanted = |name| part.is_none_or(|part| part == name);
    if wanted("appends") {
        all_appends(folder, &one).await?;
    }
    if wanted("reads") {
        reads(folder, &one).await?;
    }
    if wanted("start") {
        start(folder, &one, mebibytes).await?;
    }
    Ok(())
}

async fn all_appends(folder: &Path, one: &[u8]) -> Result<()> {
    for (window, events) in [(1, 1), (16, 1), (256, 1), (1, 256), (4, 256)] {
        let together = window * events;
        let (mut plain, mut own, mut many) = (0.0, Rate::default(), Rate::default());
        for _ in 0..ROUNDS {
            plain += bare(folder, &one.repeat(together))? * together as f64;
            own.add(&appends(folder, one, (window, events), 1).await?);
            many.add(&appends(folder, one, (window, events), 100).await?);
        }
        println!(
            "{window:3} appends of {events:3} events at once: bare {:8.0} events/s; 1 channel {} ({:.2} of it); 100 channels {} ({:.2} of one)",
            plain / f64::from(ROUNDS),
            own,
            own.events / plain,
            many,
            many.events / own.events,
        );
    }
    Ok(())
}

/// What was appended a second, summed over the rounds.
#[derive(Default)]
struct Rate {
    events: f64,
    /// Groups, each of which was synced once.
    groups: f64,
}

impl Rate {
    fn add(&mut self, round: &Self) {
        self.events += round.events;
        self.groups += round.groups;
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [events, groups] = [self.events, self.groups].map(|sum| sum / f64::from(ROUNDS));
        write!(f, "{events:8.0} in {groups:4.0} syncs")
    }
}

/// Writes and syncs of these bytes a second.
fn bare(folder: &Path, bytes: &[u8]) -> Result<f64> {
    let path = folder.join("bare");
    let file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .open(&path)?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 64 << 20)?;
    let (started, mut done, mut at) = (Instant::now(), 0_u32, 0);
    while started.elapsed() < TIME {
        file.write_all_at(bytes, at)?;
        file.sync_data()?;
        at = (at + bytes.len() as u64) % (60 << 20);
        done += 1;
    }
    let rate = f64::from(done) / started.elapsed().as_secs_f64();
    fs::remove_file(path)?;
    Ok(rate)
}

fn open(folder: &Path) -> Result<Arc<DiskEngine>> {
    let settings = DiskSettings {
        folder: folder.join("channels"),
        max_bytes: 64 << 30,
        max_channels: 5000,
    };
    let environment = Arc::new(ManualEnvironment::default());
    let engine = DiskEngine::open(environment, Arc::new(FileSystem), settings)?;
    Ok(Arc::new(engine))
}

async fn create(engine: &DiskEngine, count: usize) -> Result<Vec<ChannelName>> {
    let mut names = Vec::with_capacity(count);
    for number in 0..count {
        let name = ChannelName::new(&format!("channel{number}"))?;
        let settings = LogSettings {
            max_bytes: 8 << 30,
            ..LogSettings::default()
        };
        engine.create(&name, &settings).await?;
        names.push(name);
    }
    Ok(names)
}

/// Events appended a second, with so many appends of so many events under way.
async fn appends(
    folder: &Path,
    one: &[u8],
    (window, events): (usize, usize),
    channels: usize,
) -> Result<Rate> {
    let engine = open(folder)?;
    let names = Arc::new(create(&engine, channels).await?);
    let started = Instant::now();
    let mut senders = Vec::new();
    for sender in 0..window {
        let (engine, names) = (Arc::clone(&engine), Arc::clone(&names));
        let mut batch = Batch::new();
        for _ in 0..events {
            batch.push(one, None)?;
        }
        senders.push(tokio::spawn(async move {
            let (mut done, mut round) = (0_u32, 0);
            while started.elapsed() < TIME {
                let name = &names[(sender + round) % names.len()];
                round += 1;
                let appended = engine.append(name, batch.clone(), Expected::Any).await;
                let appended = appended.expect("there is room");
                done += u32::try_from(appended.events.len()).expect("a batch is small");
            }
            done
        }));
    }
    let mut done = 0;
    for sender in senders {
        done += sender.await?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let rate = Rate {
        events: f64::from(done) / seconds,
        groups: engine.counters().groups as f64 / seconds,
    };
    engine.close().await;
    drop(engine);
    fs::remove_dir_all(folder.join("channels"))?;
    Ok(rate)
}

async fn fill(engine: &DiskEngine, names: &[ChannelName], one: &[u8], bytes: u64) -> Result<()> {
    let mut batch = Batch::new();
    for _ in 0..500 {
        batch.push(one, None)?;
    }
    let batches = bytes / batch.bytes() as u64 + 1;
    for number in 0..batches {
        let name = &names[usize::try_from(number)? % names.len()];
        engine.append(name, batch.clone(), Expected::Any).await?;
    }
    Ok(())
}

async fn reads(folder: &Path, one: &[u8]) -> Result<()> {
    let engine = open(folder)?;
    let names = create(&engine, 1).await?;
    fill(&engine, &names, one, 512 << 20).await?;
    for limit in PAGES.repeat(2) {
        let (started, mut after, mut bytes) = (Instant::now(), 0, 0);
        loop {
            let limit = ReadLimit {
                events: usize::MAX,
                bytes: limit,
            };
            let page = engine.read(&names[0], after, limit).await?;
            if page.events.is_empty() {
                break;
            }
            bytes += page.events.iter().map(bytes::Bytes::len).sum::<usize>();
            after = page.next;
        }
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "read {} MiB in pages of {} KiB: {:.2} GB/s",
            bytes >> 20,
            limit >> 10,
            bytes as f64 / 1e9 / seconds
        );
    }
    engine.close().await;
    drop(engine);
    fs::remove_dir_all(folder.join("channels"))?;
    Ok(())
}

async fn start(folder: &Path, one: &[u8], mebibytes: u64) -> Result<()> {
    let engine = open(folder)?;
    let names = create(&engine, 1000).await?;
    fill(&engine, &names, one, mebibytes << 20).await?;
    engine.close().await;
    drop(engine);
    let started = Instant::now();
    let engine = open(folder)?;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "start with {} channels and {mebibytes} MiB: {seconds:.3} s, {} files open in all",
        engine.channels().len(),
        fs::read_dir("/proc/self/fd")?.count(),
    );
    engine.close().await;
    Ok(())
}
