//! What these tests share.

#![allow(dead_code, reason = "each of them uses a part of it")]

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use hearken_channel_log::conformance::{ManualEnvironment, event};
use hearken_channel_log::disk::{DiskEngine, DiskSettings, OpenError, Steps};
use hearken_channel_log::{Batch, ChannelName, Engine as _, Expected, LogSettings, ReadLimit};
use hearken_channel_model::disk::Disk;
use hearken_wire::EventRef;

pub fn open(disk: &Disk) -> (DiskEngine, Steps) {
    let opened = try_open(disk, &Arc::default());
    opened.expect("it opens, whatever is damaged")
}

pub fn try_open(
    disk: &Disk,
    environment: &Arc<ManualEnvironment>,
) -> Result<(DiskEngine, Steps), OpenError> {
    let settings = DiskSettings {
        folder: PathBuf::from("/channels"),
        max_bytes: 1 << 30,
        max_channels: 5000,
    };
    let environment = Arc::clone(environment);
    DiskEngine::open_stepped(environment, Arc::new(disk.clone()), settings)
}

/// What becomes of a future when the engine does what it has to.
pub fn done<T>(steps: &mut Steps, future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    for _ in 0..4 {
        let polled = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(value) = polled {
            return value;
        }
        steps.commit();
        steps.keep();
        steps.tidy();
    }
    panic!("the engine does not answer");
}

pub fn name(text: &str) -> ChannelName {
    ChannelName::new(text).expect("the name is valid")
}

pub fn create(engine: &DiskEngine, steps: &mut Steps, name: &ChannelName) {
    let created = done(steps, engine.create(name, &LogSettings::default()));
    created.expect("there is room");
}

/// Appends a batch of two events.
pub fn append(engine: &DiskEngine, steps: &mut Steps, name: &ChannelName, from: u64) {
    let mut batch = Batch::new();
    for id in [from, from + 1] {
        let event = event(&id.to_string(), b"some data");
        batch.push(&event, None).expect("there is room");
    }
    let appended = done(steps, engine.append(name, batch, Expected::Any));
    let appended = appended.expect("there is room");
    assert_eq!(appended.last, from + 1);
}

/// All that can be read of a channel.
pub fn numbers(engine: &DiskEngine, steps: &mut Steps, name: &ChannelName) -> Vec<u64> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = done(steps, engine.read(name, after, ReadLimit::default()));
        let page = page.expect("it can be read");
        let events = page.events.iter();
        let numbers = events.map(|event| EventRef::assume_encoded(event).sequence());
        all.extend(numbers.map(|number| number.expect("a stored event has a number")));
        if page.next >= page.last {
            return all;
        }
        after = page.next;
    }
}
