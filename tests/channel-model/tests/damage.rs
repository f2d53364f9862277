//! What a start, and whoever reads, make of what is damaged: it is told, it is no more than
//! it has to be, and no number is given twice.

#[path = "damage/catalogue.rs"]
mod catalogue;
mod common;
#[path = "damage/healing.rs"]
mod healing;
#[path = "damage/journal.rs"]
mod journal;
#[path = "damage/retention.rs"]
mod retention;
#[path = "damage/sectors.rs"]
mod sectors;
#[path = "damage/unreadable.rs"]
mod unreadable;

use std::path::{Path, PathBuf};

use common::done;
use hearken_channel_log::conformance::event;
use hearken_channel_log::disk::device::Device as _;
use hearken_channel_log::disk::{DiskEngine, Steps};
use hearken_channel_log::{
    AppendError, Appended, Batch, ChannelName, ChannelState, Engine as _, Expected, ReadError,
    ReadLimit, Span,
};
use hearken_channel_model::disk::Disk;
use hearken_wire::EventRef;

const CATALOGUE: &str = "/channels/channels.redb";

/// What is read of a channel from its beginning to its end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    whole: Vec<u64>,
    damaged: Vec<Span>,
    gaps: Vec<Span>,
    /// What ended it.
    error: Option<ReadError>,
}

/// Reads all. What is whole is what was appended under its number.
fn read(engine: &DiskEngine, steps: &mut Steps, channel: &ChannelName) -> Found {
    let mut found = Found::default();
    let mut after = 0;
    loop {
        match done(steps, engine.read(channel, after, ReadLimit::default())) {
            Ok(page) => {
                found.gaps.extend(page.gap);
                for event in &page.events {
                    let event = EventRef::take(event).expect("whole").0;
                    let number = event.sequence().expect("a stored event has a number");
                    assert_eq!(event.id(), format!("{number:06}"), "{channel}");
                    found.whole.push(number);
                }
                if page.next <= after {
                    return found;
                }
                after = page.next;
            }
            Err(ReadError::Damaged(span)) => {
                found.damaged.push(span);
                after = span.last;
            }
            Err(error) => {
                found.error = Some(error);
                return found;
            }
        }
    }
}

/// A batch of two events whose ids are their numbers, of so many bytes each.
fn batch(from: u64, bytes: usize) -> Batch {
    let mut batch = Batch::new();
    for number in [from, from + 1] {
        let event = event(&format!("{number:06}"), &vec![b'x'; bytes]);
        batch.push(&event, None).expect("there is room");
    }
    batch
}

fn try_append(
    engine: &DiskEngine,
    steps: &mut Steps,
    channel: &ChannelName,
    from: u64,
    bytes: usize,
) -> Result<Appended, AppendError> {
    let batch = batch(from, bytes);
    done(steps, engine.append(channel, batch, Expected::Any))
}

/// Appends two events with the numbers from this one on.
fn append(engine: &DiskEngine, steps: &mut Steps, channel: &ChannelName, from: u64, bytes: usize) {
    let appended = try_append(engine, steps, channel, from, bytes).expect("there is room");
    assert_eq!(appended.last, from + 1);
}

/// The files of a folder with something in them, and behind which byte of each there is
/// nothing but zeros.
fn files(disk: &Disk, folder: &str) -> Vec<(PathBuf, u64)> {
    let files = disk.files().into_iter();
    files.filter(|(path, _)| path.starts_with(folder)).collect()
}

/// The last of the files of a folder.
fn last_file(disk: &Disk, folder: &str) -> (PathBuf, u64) {
    files(disk, folder).pop().expect("the folder has a file")
}

fn without_catalogue(disk: &Disk) {
    let removed = disk.remove_file(Path::new(CATALOGUE));
    removed.expect("it is there");
}

fn state(engine: &DiskEngine, channel: &ChannelName) -> ChannelState {
    engine.info(channel).expect("it is there").state
}

fn last(engine: &DiskEngine, channel: &ChannelName) -> u64 {
    engine.info(channel).expect("it is there").last
}

fn numbers(numbers: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    numbers.collect()
}

fn span(first: u64, last: u64) -> Span {
    Span::new(first, last).expect("it has a number")
}
