//! The files of channels' logs, with bytes changed, moved and cut off: an engine opens them
//! or says why not, reads come to an end, and so does whatever else is done then. Run it with
//! `cargo fuzz run --fuzz-dir tests/fuzz -s none channel_files`.

#![no_main]

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use arbitrary::Arbitrary;
use hearken_channel_log::conformance::{ManualEnvironment, event, key};
use hearken_channel_log::disk::device::{Device as _, Open};
use hearken_channel_log::disk::{DiskEngine, DiskSettings, OpenError, Steps};
use hearken_channel_log::{
    Batch, ChannelName, Engine as _, Expected, LogSettings, ReadError, ReadLimit,
};
use hearken_channel_model::disk::Disk;
use libfuzzer_sys::fuzz_target;

/// Changes of files at most.
const CHANGES: usize = 16;
/// Bytes that are moved at most.
const MOVED: u16 = 4096;
/// Pages after which a channel that is read from its beginning has come to its end.
const PAGES: usize = 10_000;
/// Steps after which whoever asks has an answer.
const STEPS: usize = 8;

thread_local! {
    static GENUINE: Disk = genuine();
}

/// A change of one of the files.
#[derive(Arbitrary, Debug)]
struct Change<'a> {
    file: u8,
    at: u16,
    kind: Kind<'a>,
}

#[derive(Arbitrary, Debug)]
enum Kind<'a> {
    /// These bytes are in the place of others.
    Bytes(&'a [u8]),
    /// Bytes of the same or another file are: what has a checksum keeps it.
    Moved { file: u8, from: u16, bytes: u16 },
    /// Nothing is from there on.
    Cut,
}

fn open(disk: &Disk) -> Result<(DiskEngine, Steps), OpenError> {
    let settings = DiskSettings {
        folder: PathBuf::from("/channels"),
        max_bytes: 1 << 30,
        max_channels: 100,
    };
    let environment = Arc::new(ManualEnvironment::default());
    DiskEngine::open_stepped(environment, Arc::new(disk.clone()), settings)
}

fn done<T>(steps: &mut Steps, future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    for _ in 0..STEPS {
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        steps.commit();
        steps.keep();
        steps.tidy();
    }
    panic!("the engine does not answer");
}

fn append(engine: &DiskEngine, steps: &mut Steps, name: &ChannelName, id: u64) -> bool {
    let mut batch = Batch::new();
    for id in [id, id + 1] {
        let event = event(&id.to_string(), b"some data");
        batch.push(&event, Some(key(id))).expect("there is room");
    }
    done(steps, engine.append(name, batch, Expected::Any)).is_ok()
}

/// Two channels with events in segments, and in the journal alone.
fn genuine() -> Disk {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk).expect("the disk works");
    for name in ["orders", "carts"] {
        let name = ChannelName::new(name).expect("it is valid");
        let created = done(&mut steps, engine.create(&name, &LogSettings::default()));
        created.expect("there is room");
        for id in [1, 3, 5] {
            assert!(append(&engine, &mut steps, &name, id));
        }
        steps.file();
        if name.as_str() == "orders" {
            steps.checkpoint();
            steps.seal();
        }
        for id in [7, 9] {
            assert!(append(&engine, &mut steps, &name, id));
        }
    }
    steps.prove();
    disk.kill();
    disk
}

fn change(disk: &Disk, changes: &[Change<'_>]) {
    let files = disk.files().into_iter();
    let logs = files.filter(|(path, _)| path.extension().is_some_and(|end| end == "log"));
    let logs: Vec<(PathBuf, u64)> = logs.collect();
    let path = |file: u8| -> &Path { &logs[usize::from(file) % logs.len()].0 };
    let write = |file: u8, at: u16, bytes: &[u8]| {
        let file = disk.open(path(file), Open::Write).expect("it is there");
        if !bytes.is_empty() {
            let written = file.write_at(u64::from(at), bytes);
            assert_eq!(written.expect("there is room"), bytes.len());
            file.sync().expect("the disk works");
        }
    };
    for change in changes.iter().take(CHANGES) {
        match change.kind {
            Kind::Bytes(bytes) => write(change.file, change.at, bytes),
            Kind::Moved { file, from, bytes } => {
                let source = disk.open(path(file), Open::Read).expect("it is there");
                let mut moved = vec![0; usize::from(bytes % MOVED)];
                let read = source.read_at(u64::from(from), &mut moved);
                moved.truncate(read.expect("the disk works"));
                write(change.file, change.at, &moved);
            }
            Kind::Cut => disk.cut(path(change.file), u64::from(change.at)),
        }
    }
}

fn use_all(engine: &DiskEngine, steps: &mut Steps) {
    for info in engine.channels() {
        let name = &info.name;
        let mut after = 0;
        let mut pages = 0;
        loop {
            pages += 1;
            assert!(pages < PAGES, "reading {name} does not end");
            let next = match done(steps, engine.read(name, after, ReadLimit::default())) {
                Ok(page) => page.next,
                Err(ReadError::Damaged(span)) => span.last,
                Err(_) => break,
            };
            if next <= after {
                break;
            }
            after = next;
        }
        let _ = done(steps, engine.since(name, 1));
        let _ = done(steps, engine.verify(name));
        let _ = done(steps, engine.repair(name));
        append(engine, steps, name, 100);
    }
    steps.file();
    steps.seal();
    steps.checkpoint();
}

fuzz_target!(|changes: Vec<Change<'_>>| {
    let disk = GENUINE.with(Disk::copy);
    change(&disk, &changes);
    // What was made of it has to be readable too.
    for _ in 0..2 {
        if let Ok((engine, mut steps)) = open(&disk) {
            use_all(&engine, &mut steps);
        }
        disk.kill();
    }
});
