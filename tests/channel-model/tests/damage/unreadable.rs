//! Sectors that cannot be read.

use std::sync::Arc;

use hearken_channel_log::{ChannelState, Engine as _};
use hearken_channel_model::disk::{Damage, Disk};

use super::common::{create, done, name, open, try_open};
use super::{append, last, last_file, numbers, read, span, state};

/// Bytes of each of the two events of a batch, so that a sector in the middle of it is
/// read apart from the others'.
const LARGE: usize = 10_000;

#[test]
fn a_sector_of_a_segment_costs_one_batch() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    for from in [1, 3, 5] {
        append(&engine, &mut steps, &orders, from, LARGE);
    }
    steps.seal();
    steps.checkpoint();
    disk.kill();
    drop((engine, steps));
    let (engine, mut steps) = open(&disk);
    let (segment, end) = last_file(&disk, "/channels/1");
    disk.spoil(&segment, end / 2, 1, Damage::Unreadable);
    let found = read(&engine, &mut steps, &orders);
    assert_eq!(
        (found.whole, found.damaged),
        (vec![1, 2, 5, 6], vec![span(3, 4)])
    );
    let told = done(&mut steps, engine.verify(&orders));
    assert_eq!(told, Ok(vec![span(3, 4)]));
    assert_eq!(
        done(&mut steps, engine.repair(&orders)),
        Ok(vec![span(3, 4)])
    );
    append(&engine, &mut steps, &orders, 7, 10);
}

#[test]
fn what_comes_beside_a_sector_that_cannot_be_read_is_not_lost_with_it() {
    for by_a_start in [true, false] {
        let disk = Disk::new(1);
        let (engine, mut steps) = open(&disk);
        let orders = name("orders");
        create(&engine, &mut steps, &orders);
        append(&engine, &mut steps, &orders, 1, 600);
        steps.seal();
        steps.checkpoint();
        if by_a_start {
            // That writes to segments what is in the journal alone.
            append(&engine, &mut steps, &orders, 3, 10);
        }
        disk.kill();
        drop((engine, steps));
        let (segment, end) = last_file(&disk, "/channels/1");
        assert!((1024..4000).contains(&end), "{end}");
        disk.spoil(&segment, 512, 1, Damage::Unreadable);
        let (engine, mut steps) = open(&disk);
        if !by_a_start {
            append(&engine, &mut steps, &orders, 3, 10);
            steps.checkpoint();
        }
        disk.kill();
        drop((engine, steps));
        let (engine, mut steps) = open(&disk);
        let found = read(&engine, &mut steps, &orders);
        assert_eq!(
            (found.whole, found.damaged),
            (vec![3, 4], vec![span(1, 2)]),
            "by a start: {by_a_start}"
        );
    }
}

#[test]
fn a_sector_behind_what_is_synced_is_written_again() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    for from in [1, 3, 5] {
        append(&engine, &mut steps, &orders, from, LARGE);
    }
    steps.file();
    disk.kill();
    drop((engine, steps));
    let (segment, end) = last_file(&disk, "/channels/1");
    disk.spoil(&segment, end / 2, 1, Damage::Unreadable);
    let (engine, mut steps) = open(&disk);
    let found = read(&engine, &mut steps, &orders);
    assert_eq!((found.whole, found.damaged), (numbers(1..=6), Vec::new()));
    assert_eq!(state(&engine, &orders), ChannelState::Ok);
}

/// A disk with three groups of `orders` in the journal alone, and one of `carts`.
fn with_journal(proven: bool) -> Disk {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let (orders, carts) = (name("orders"), name("carts"));
    for channel in [&orders, &carts] {
        create(&engine, &mut steps, channel);
    }
    append(&engine, &mut steps, &carts, 1, 10);
    for from in [1, 3, 5] {
        append(&engine, &mut steps, &orders, from, LARGE);
    }
    if proven {
        steps.prove();
    }
    disk.kill();
    disk
}

#[test]
fn a_sector_of_the_journal_costs_one_batch() {
    let disk = with_journal(true);
    let (journal, end) = last_file(&disk, "/channels/journal");
    disk.spoil(&journal, end / 2, 1, Damage::Unreadable);
    let (engine, mut steps) = open(&disk);
    let (orders, carts) = (name("orders"), name("carts"));
    let found = read(&engine, &mut steps, &orders);
    assert_eq!(
        (found.whole, found.damaged),
        (vec![1, 2, 5, 6], vec![span(3, 4)])
    );
    assert_eq!(state(&engine, &carts), ChannelState::Ok);
    append(&engine, &mut steps, &orders, 7, 10);
}

#[test]
fn sectors_at_the_end_of_the_journal_are_not_taken_for_unwritten() {
    let disk = with_journal(false);
    let (journal, end) = last_file(&disk, "/channels/journal");
    disk.spoil(&journal, end - 9000, 9000, Damage::Unreadable);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    let found = read(&engine, &mut steps, &orders);
    assert_eq!(found.whole, numbers(1..=4));
    assert_eq!(found.damaged.first().map(|span| span.first), Some(5));
    assert!(last(&engine, &orders) >= 6);
}

#[test]
fn of_a_disk_that_is_hardly_there_nothing_is_decided() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    for from in [1, 3, 5] {
        append(&engine, &mut steps, &orders, from, 700_000);
    }
    disk.kill();
    drop((engine, steps));
    let (journal, end) = last_file(&disk, "/channels/journal");
    disk.spoil(&journal, 0, end, Damage::Unreadable);
    let refused = try_open(&disk, &Arc::default()).map(drop);
    let text = refused.expect_err("it cannot be read").to_string();
    assert!(
        text.contains("cannot be read; have the disk mended"),
        "{text}"
    );
    disk.mend(&journal);
    disk.kill();
    let (engine, mut steps) = open(&disk);
    assert_eq!(read(&engine, &mut steps, &orders).whole, numbers(1..=6));
    assert_eq!(state(&engine, &orders), ChannelState::Ok);
}
