//! What seems damaged, and is not.

use hearken_channel_log::{AppendError, ChannelState, Engine as _, ReadError};
use hearken_channel_model::disk::{Damage, Disk};

use super::common::{create, done, name, open};
use super::{append, last_file, numbers, read, span, state, try_append};

/// A channel with three batches in a segment that is synced, and no journal.
fn with_segment() -> Disk {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    for from in [1, 3, 5] {
        append(&engine, &mut steps, &orders, from, 10);
    }
    steps.seal();
    steps.checkpoint();
    disk.kill();
    disk
}

#[test]
fn what_changes_in_memory_is_read_from_the_disk() {
    let disk = with_segment();
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    let (segment, end) = last_file(&disk, "/channels/1");
    disk.flip_in_memory(&segment, end - 3);
    let found = done(&mut steps, engine.verify(&orders));
    assert_eq!(found, Ok(Vec::new()));
    disk.flip_in_memory(&segment, end - 3);
    let found = read(&engine, &mut steps, &orders);
    assert_eq!((found.whole, found.damaged), (numbers(1..=6), Vec::new()));
    assert_eq!(state(&engine, &orders), ChannelState::Ok);
}

#[test]
fn what_can_be_read_again_is_not_damaged_any_more() {
    let disk = with_segment();
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    let (segment, end) = last_file(&disk, "/channels/1");
    disk.spoil(&segment, 0, end, Damage::Unreadable);
    let found = read(&engine, &mut steps, &orders);
    assert_eq!((found.whole, found.damaged), (Vec::new(), vec![span(1, 6)]));
    steps.keep();
    let told = done(&mut steps, engine.verify(&orders));
    assert_eq!(told, Ok(vec![span(1, 6)]));
    disk.mend(&segment);
    assert_eq!(done(&mut steps, engine.verify(&orders)), Ok(Vec::new()));
    assert_eq!(state(&engine, &orders), ChannelState::Ok);
    steps.keep();
    disk.crash();
    drop((engine, steps));
    let (engine, mut steps) = open(&disk);
    assert_eq!(state(&engine, &orders), ChannelState::Ok);
    assert_eq!(read(&engine, &mut steps, &orders).whole, numbers(1..=6));
}

#[test]
fn what_the_journal_has_too_is_not_noted_as_damaged() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let (orders, carts) = (name("orders"), name("carts"));
    for channel in [&orders, &carts] {
        create(&engine, &mut steps, channel);
    }
    // More than what stays in memory.
    for from in [1, 3, 5, 7] {
        append(&engine, &mut steps, &orders, from, 900_000);
    }
    steps.file();
    let (segment, _) = last_file(&disk, "/channels/1");
    disk.flip_at(&segment, 5000);
    let found = read(&engine, &mut steps, &orders);
    assert!(
        matches!(found.error, Some(ReadError::Storage(_))),
        "{found:?}"
    );
    assert!(matches!(
        state(&engine, &orders),
        ChannelState::Failed { .. }
    ));
    let refused = try_append(&engine, &mut steps, &orders, 9, 10);
    assert!(
        matches!(refused, Err(AppendError::StorageFailed(_))),
        "{refused:?}"
    );
    append(&engine, &mut steps, &carts, 1, 10);
    steps.seal();
    steps.checkpoint();
    append(&engine, &mut steps, &carts, 3, 10);
    steps.seal();
    steps.checkpoint();
    disk.crash();
    drop((engine, steps));
    let (engine, mut steps) = open(&disk);
    assert_eq!(state(&engine, &orders), ChannelState::Ok);
    assert_eq!(read(&engine, &mut steps, &orders).whole, numbers(1..=8));
    assert_eq!(read(&engine, &mut steps, &carts).whole, numbers(1..=4));
    append(&engine, &mut steps, &orders, 9, 10);
}
