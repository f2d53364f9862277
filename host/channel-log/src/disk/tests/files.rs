use super::stepped::{Stepped, channel};
use super::strained::Strained;
use crate::disk::filing::Waiting;
use crate::{AppendError, ChannelState, Engine as _, LogSettings};

const CHANNELS: usize = 40;

fn names() -> Vec<String> {
    (0..CHANNELS).map(|number| format!("c{number}")).collect()
}

/// A log with channels that all have something to be filed.
fn unfiled(disk: Strained) -> Stepped {
    let mut log = Stepped::open(disk);
    for name in names() {
        log.create(&name, LogSettings::default());
        log.append(&name, b"1").unwrap();
    }
    log
}

fn all_work(mut log: Stepped) {
    for _ in 0..2 {
        for name in names() {
            assert_eq!(log.numbers(&name), [1], "{name}");
            let info = log.engine.info(&channel(&name)).unwrap();
            assert_eq!(info.state, ChannelState::Ok);
        }
        log = log.again();
    }
}

#[test]
fn only_so_many_files_are_held_open_to_be_written() {
    let mut log = unfiled(Strained::new(4));
    let before = log.disk.open();
    assert!(log.steps.file());
    assert!(log.disk.open() <= before + 4);
    all_work(log);
}

#[test]
fn files_are_closed_when_no_more_can_be_opened() {
    let mut log = unfiled(Strained::new(usize::MAX));
    log.disk.allow_more_open(6);
    assert!(log.steps.file());
    log.disk.allow_more_open(usize::MAX);
    all_work(log);
}

#[test]
fn a_start_holds_only_so_many_files_open() {
    let log = unfiled(Strained::new(4));
    // Of the catalogue, the journal, and what is written.
    log.disk.allow_open(6);
    let log = log.again();
    log.disk.allow_open(usize::MAX);
    all_work(log);
}

#[test]
fn without_files_to_open_nothing_fails_for_good() {
    let mut log = unfiled(Strained::new(usize::MAX));
    log.disk.allow_more_open(0);
    assert_eq!(log.steps.filer.file(), Err(Waiting::Files));
    // There is room in the journal.
    log.append("c0", b"2").unwrap();
    log.steps.seal();
    log.disk.allow_more_open(0);
    assert_eq!(log.append("c0", b"3"), Err(AppendError::Overloaded));
    log.disk.allow_more_open(usize::MAX);
    assert_eq!(log.append("c0", b"3").unwrap().last, 3);
    log.steps.tidy();
    assert!(log.steps.file());
    assert_eq!(log.steps.core.filing.unfiled(), 0);
    assert_eq!(log.numbers("c0"), [1, 2, 3]);
    assert_eq!(log.numbers("c39"), [1]);
}
