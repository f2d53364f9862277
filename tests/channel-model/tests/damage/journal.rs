//! Groups of the journal that are not whole.

use std::pin::Pin;
use std::task::{Context, Waker};

use hearken_channel_log::disk::Steps;
use hearken_channel_log::{AppendError, ChannelState, Engine as _, Expected, FullBecause};
use hearken_channel_model::disk::{Damage, Disk, Faults};

use super::common::{create, name, open};
use super::{append, batch, files, last, last_file, read, span, state, without_catalogue};

/// Bytes that a disk writes together.
const SECTOR: u64 = 512;

/// Bytes with which a file of the journal begins.
const JOURNAL_HEAD: u64 = 40;

/// Files what the journal has into segments that cannot be written.
fn file_in_vain(disk: &Disk, steps: &mut Steps) {
    disk.set_faults(Faults {
        write: 1000,
        ..Faults::default()
    });
    steps.file();
    disk.set_faults(Faults::default());
}

#[test]
fn zeros_across_many_groups_cost_no_number() {
    const GROUPS: u64 = 60;
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let (orders, carts) = (name("orders"), name("carts"));
    for channel in [&orders, &carts] {
        create(&engine, &mut steps, channel);
    }
    let end = |disk: &Disk| last_file(disk, "/channels/journal").1;
    append(&engine, &mut steps, &orders, 1, 1000);
    let before = end(&disk);
    for group in 1..GROUPS {
        append(&engine, &mut steps, &orders, 2 * group + 1, 1000);
    }
    // One more, so long that the next one begins with a sector.
    let length = (end(&disk) - before) / (GROUPS - 1) - 2000;
    let rest = (SECTOR - (end(&disk) + length) % SECTOR) / 2;
    let bytes = usize::try_from(SECTOR + rest).expect("it is short");
    append(&engine, &mut steps, &orders, 2 * GROUPS + 1, bytes);
    let (journal, whole) = last_file(&disk, "/channels/journal");
    append(&engine, &mut steps, &carts, 1, 10);
    disk.kill();
    drop((engine, steps));
    // It begins where the second group says which batches it has.
    let from = before.next_multiple_of(SECTOR);
    disk.spoil(&journal, from, whole - from, Damage::Zeros);
    let (engine, mut steps) = open(&disk);
    let found = read(&engine, &mut steps, &orders);
    assert_eq!(found.whole, [1, 2]);
    assert!(last(&engine, &orders) >= 2 * GROUPS + 2, "{found:?}");
    assert_eq!(read(&engine, &mut steps, &carts).whole, [1, 2]);
}

#[test]
fn a_batch_that_was_refused_takes_no_other_ones_place() {
    let mut refused_whole = 0;
    for seed in 1..40 {
        let disk = Disk::new(seed);
        let (engine, mut steps) = open(&disk);
        let (orders, carts) = (name("orders"), name("carts"));
        for channel in [&orders, &carts] {
            create(&engine, &mut steps, channel);
        }
        append(&engine, &mut steps, &orders, 1, 10);
        append(&engine, &mut steps, &carts, 1, 10);
        disk.set_faults(Faults {
            full_inside: 1000,
            ..Faults::default()
        });
        // Both in one group, of which the first may be there when the second is refused; so
        // large that no room is made for it ahead.
        let before = last_file(&disk, "/channels/journal").1;
        let mut appends =
            [(&orders, 800, 10), (&carts, 900, 200_000)].map(|(channel, id, bytes)| {
                let batch = batch(id, bytes);
                Box::pin(engine.append(channel, batch, Expected::Any))
            });
        let mut context = Context::from_waker(Waker::noop());
        for append in &mut appends {
            let polled = Pin::new(append).poll(&mut context);
            assert!(polled.is_pending());
        }
        steps.commit();
        for append in &mut appends {
            let polled = Pin::new(append)
                .poll(&mut context)
                .map(|answer| answer.map(drop));
            let full = Err(AppendError::Full(FullBecause::Disk));
            assert_eq!(polled, std::task::Poll::Ready(full));
        }
        drop(appends);
        let written = files(&disk, "/channels/journal");
        refused_whole += u64::from(written[0].1 > before + 700);
        disk.set_faults(Faults::default());
        steps.tidy();
        append(&engine, &mut steps, &orders, 3, 10);
        steps.prove();
        disk.kill();
        drop((engine, steps));
        let (journal, end) = last_file(&disk, "/channels/journal");
        // The group before the one that proves it, with all that it says of its batch.
        for at in [50, 110, 150, 180] {
            disk.flip_at(&journal, 40 + at);
        }
        assert!(end > 40 + 180);
        let (engine, mut steps) = open(&disk);
        let found = read(&engine, &mut steps, &orders);
        assert_eq!(found.whole, [1, 2], "seed {seed}");
        assert!(last(&engine, &orders) >= 4, "seed {seed}: {found:?}");
    }
    assert!(refused_whole > 3, "{refused_whole}");
}

/// A disk with a file of the journal that only `orders` needs, which has failed; it has the
/// first of these batches of `carts` too, the others are in segments alone.
fn with_pinned(of_carts: &[u64]) -> Disk {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let (orders, carts) = (name("orders"), name("carts"));
    for channel in [&orders, &carts] {
        create(&engine, &mut steps, channel);
    }
    append(&engine, &mut steps, &orders, 1, 10);
    append(&engine, &mut steps, &orders, 3, 10);
    file_in_vain(&disk, &mut steps);
    assert!(matches!(
        state(&engine, &orders),
        ChannelState::Failed { .. }
    ));
    for from in of_carts {
        append(&engine, &mut steps, &carts, *from, 10);
        steps.seal();
        steps.checkpoint();
    }
    disk.crash();
    disk
}

#[test]
fn what_only_a_failed_channel_needs_of_the_journal_is_checked() {
    let disk = with_pinned(&[1, 3]);
    let (orders, carts) = (name("orders"), name("carts"));
    let (journal, end) = files(&disk, "/channels/journal").remove(0);
    // Of the group before the last in it.
    let whole = disk.copy();
    let mut damaged = 0;
    for at in 40..end {
        let disk = whole.copy();
        disk.flip_at(&journal, at);
        let (engine, mut steps) = open(&disk);
        assert_eq!(last(&engine, &orders), 4, "byte {at}");
        let found = read(&engine, &mut steps, &orders);
        let told = found.damaged.iter().map(|span| span.last - span.first + 1);
        assert_eq!(found.whole.len() as u64 + told.sum::<u64>(), 4, "byte {at}");
        assert_eq!(read(&engine, &mut steps, &carts).whole.len(), 4);
        assert_eq!(state(&engine, &carts), ChannelState::Ok, "byte {at}");
        damaged += u64::from(!found.damaged.is_empty());
    }
    assert!(damaged > end / 4, "{damaged}");
}

#[test]
fn what_only_a_failed_channel_needs_of_the_journal_concerns_no_other() {
    let disk = with_pinned(&[1, 3]);
    let (orders, carts) = (name("orders"), name("carts"));
    let (journal, _) = files(&disk, "/channels/journal").remove(0);
    disk.cut(&journal, 60);
    let (engine, mut steps) = open(&disk);
    let found = read(&engine, &mut steps, &orders);
    assert_eq!((found.whole, found.damaged), (Vec::new(), vec![span(1, 4)]));
    assert_eq!(state(&engine, &carts), ChannelState::Ok);
    append(&engine, &mut steps, &carts, 5, 10);
}

#[test]
fn what_only_a_failed_channel_needs_of_the_journal_costs_no_other_one_its_events() {
    let disk = with_pinned(&[1, 3, 5]);
    let carts = name("carts");
    // Of three batches the second: the first is in the journal too, the last is not.
    let (segment, end) = last_file(&disk, "/channels/2");
    disk.flip_at(&segment, end * 2 / 3 - 3);
    without_catalogue(&disk);
    let (engine, mut steps) = open(&disk);
    let found = read(&engine, &mut steps, &carts);
    assert_eq!(
        (found.whole, found.damaged),
        (vec![1, 2, 5, 6], vec![span(3, 4)])
    );
    append(&engine, &mut steps, &carts, 7, 10);
}

#[test]
fn what_is_whole_where_a_file_ends_that_only_a_failed_channel_needs_is_not_lost() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    // Two batches in one group, which ends the first file.
    let mut appends = [1, 3].map(|from| {
        let batch = batch(from, 10);
        Box::pin(engine.append(&orders, batch, Expected::Any))
    });
    let mut context = Context::from_waker(Waker::noop());
    for append in &mut appends {
        assert!(Pin::new(append).poll(&mut context).is_pending());
    }
    steps.commit();
    for append in &mut appends {
        assert!(Pin::new(append).poll(&mut context).is_ready());
    }
    drop(appends);
    steps.seal();
    append(&engine, &mut steps, &orders, 5, 10);
    steps.seal();
    file_in_vain(&disk, &mut steps);
    steps.checkpoint();
    disk.crash();
    drop((engine, steps));
    let (first, end) = files(&disk, "/channels/journal").remove(0);
    disk.flip_at(&first, end - 20);
    let (engine, mut steps) = open(&disk);
    let found = read(&engine, &mut steps, &orders);
    assert_eq!(found.whole, [1, 2, 5, 6]);
    assert_eq!(found.damaged, [span(3, 4)]);
}

#[test]
fn what_is_taken_from_a_damaged_group_stays_in_the_journal_until_it_is_in_a_segment() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    append(&engine, &mut steps, &orders, 1, 10);
    // The other group in the file has nothing of any channel.
    steps.prove();
    disk.kill();
    drop((engine, steps));
    let (journal, _) = last_file(&disk, "/channels/journal");
    // What the group says of its batch, which is whole.
    disk.flip_at(&journal, JOURNAL_HEAD + 10);
    disk.fill();
    let again = |disk: &Disk| {
        disk.crash();
        let (engine, mut steps) = open(disk);
        let found = read(&engine, &mut steps, &orders);
        assert_eq!((found.whole, found.damaged), (vec![1, 2], Vec::new()));
        (engine, steps)
    };
    // There is no room for it in a segment,
    drop(again(&disk));
    let (engine, mut steps) = again(&disk);
    // or that cannot be written.
    disk.set_room(u64::MAX);
    file_in_vain(&disk, &mut steps);
    assert!(matches!(
        state(&engine, &orders),
        ChannelState::Failed { .. }
    ));
    steps.checkpoint();
    drop(again(&disk));
}

#[test]
fn without_the_catalogue_what_is_damaged_where_the_journal_begins_is_told() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let (carts, orders) = (name("carts"), name("orders"));
    for channel in [&carts, &orders] {
        create(&engine, &mut steps, channel);
    }
    append(&engine, &mut steps, &carts, 1, 10);
    let (journal, end) = last_file(&disk, "/channels/journal");
    append(&engine, &mut steps, &orders, 1, 10);
    // Nothing of it is in a segment.
    disk.kill();
    drop((engine, steps));
    without_catalogue(&disk);
    let mut told = 0;
    for at in JOURNAL_HEAD..end {
        let disk = disk.copy();
        disk.flip_at(&journal, at);
        let (engine, mut steps) = open(&disk);
        let found = read(&engine, &mut steps, &carts);
        if found.damaged.is_empty() {
            // What has changed is nothing of the batch itself.
            assert_eq!(found.whole, [1, 2], "byte {at}");
        } else {
            let last = last(&engine, &carts);
            assert!(last >= 2, "byte {at}: {found:?}");
            assert_eq!(found.damaged, [span(1, last)], "byte {at}");
            told += 1;
        }
        assert_eq!(read(&engine, &mut steps, &orders).whole, [1, 2]);
        assert_eq!(state(&engine, &orders), ChannelState::Ok, "byte {at}");
    }
    assert!(told > 100, "{told}");
}
