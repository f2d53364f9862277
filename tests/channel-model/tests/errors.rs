//! What the disk says, and what becomes of it.

mod common;

use std::path::Path;

use common::{append, create, done, name, numbers, open};
use hearken_channel_log::conformance::event;
use hearken_channel_log::disk::device::Device as _;
use hearken_channel_log::disk::{DiskEngine, Steps};
use hearken_channel_log::{
    AppendError, Appended, Batch, ChannelError, ChannelName, ChannelState, Engine as _, Expected,
    FullBecause,
};
use hearken_channel_model::disk::{Disk, Faults};

fn try_append(
    engine: &DiskEngine,
    steps: &mut Steps,
    name: &ChannelName,
) -> Result<Appended, AppendError> {
    let batch = Batch::of(&event("9", b"more"), None).expect("there is room");
    done(steps, engine.append(name, batch, Expected::Any))
}

const BROKEN_SYNCS: Faults = Faults {
    read: 0,
    write: 0,
    sync: 1000,
    full: 0,
    full_inside: 0,
    sync_full: 0,
    short: 0,
};

#[test]
fn after_a_sync_that_failed_nothing_is_stored_until_the_next_start() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    append(&engine, &mut steps, &orders, 1);
    disk.set_faults(BROKEN_SYNCS);
    let unknown = try_append(&engine, &mut steps, &orders);
    assert!(
        matches!(unknown, Err(AppendError::Unknown(_))),
        "{unknown:?}"
    );
    // The disk says that all is well, and is not believed.
    disk.set_faults(Faults::default());
    let syncs = disk.syncs();
    let refused = try_append(&engine, &mut steps, &orders);
    assert!(
        matches!(refused, Err(AppendError::StorageFailed(_))),
        "{refused:?}"
    );
    steps.checkpoint();
    steps.prove();
    assert_eq!(disk.syncs(), syncs);
    assert_eq!(numbers(&engine, &mut steps, &orders), [1, 2]);
    // Nobody saw what may have been stored, and it was not.
    disk.crash();
    drop((engine, steps));
    let (engine, mut steps) = open(&disk);
    assert_eq!(numbers(&engine, &mut steps, &orders), [1, 2]);
    append(&engine, &mut steps, &orders, 3);
}

#[test]
fn a_full_disk_refuses_and_has_room_again() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    disk.set_room(0);
    let full = try_append(&engine, &mut steps, &orders);
    assert_eq!(full, Err(AppendError::Full(FullBecause::Disk)));
    assert_eq!(numbers(&engine, &mut steps, &orders), []);
    disk.set_room(u64::MAX);
    append(&engine, &mut steps, &orders, 1);
    // There is room in the journal, and in no segment.
    disk.set_room(0);
    append(&engine, &mut steps, &orders, 3);
    assert!(!steps.file());
    let full = try_append(&engine, &mut steps, &orders);
    assert_eq!(full, Err(AppendError::Full(FullBecause::Disk)));
    assert_eq!(numbers(&engine, &mut steps, &orders), [1, 2, 3, 4]);
    disk.set_room(u64::MAX);
    steps.tidy();
    assert!(steps.file());
    append(&engine, &mut steps, &orders, 5);
    steps.checkpoint();
    disk.crash();
    drop((engine, steps));
    let (engine, mut steps) = open(&disk);
    assert_eq!(numbers(&engine, &mut steps, &orders), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_channel_that_fails_leaves_the_others_alone() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let (orders, carts) = (name("orders"), name("carts"));
    for channel in [&orders, &carts] {
        create(&engine, &mut steps, channel);
    }
    append(&engine, &mut steps, &orders, 1);
    disk.set_faults(Faults {
        write: 1000,
        ..Faults::default()
    });
    steps.file();
    disk.set_faults(Faults::default());
    let info = engine.info(&orders).expect("it is there");
    assert!(
        matches!(info.state, ChannelState::Failed { .. }),
        "{info:?}"
    );
    let refused = try_append(&engine, &mut steps, &orders);
    assert!(
        matches!(refused, Err(AppendError::StorageFailed(_))),
        "{refused:?}"
    );
    assert_eq!(numbers(&engine, &mut steps, &orders), [1, 2]);
    append(&engine, &mut steps, &carts, 1);
    steps.seal();
    steps.checkpoint();
    append(&engine, &mut steps, &carts, 3);
    steps.seal();
    steps.checkpoint();
    disk.crash();
    drop((engine, steps));
    // The journal has what the channel needs, and nothing else.
    let (engine, mut steps) = open(&disk);
    assert_eq!(numbers(&engine, &mut steps, &orders), [1, 2]);
    assert_eq!(numbers(&engine, &mut steps, &carts), [1, 2, 3, 4]);
    assert_eq!(
        engine.info(&orders).expect("it is there").state,
        ChannelState::Ok
    );
    append(&engine, &mut steps, &orders, 3);
}

#[test]
fn a_channel_that_failed_is_not_trimmed() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    append(&engine, &mut steps, &orders, 1);
    disk.set_faults(Faults {
        write: 1000,
        ..Faults::default()
    });
    steps.file();
    disk.set_faults(Faults::default());
    let trimmed = done(&mut steps, engine.trim(&orders, 2));
    assert!(
        matches!(trimmed, Err(ChannelError::Storage(_))),
        "{trimmed:?}"
    );
    disk.crash();
    drop((engine, steps));
    let (engine, mut steps) = open(&disk);
    assert_eq!(numbers(&engine, &mut steps, &orders), [1, 2]);
    let trimmed = done(&mut steps, engine.trim(&orders, 2));
    assert_eq!(trimmed.expect("it has not failed").first, 2);
}

#[test]
fn what_cannot_be_read_at_a_start_is_not_taken_for_missing() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    append(&engine, &mut steps, &orders, 1);
    disk.crash();
    drop((engine, steps));
    disk.set_faults(Faults {
        read: 1000,
        ..Faults::default()
    });
    let settings = hearken_channel_log::disk::DiskSettings {
        folder: "/channels".into(),
        max_bytes: 1 << 30,
        max_channels: 10,
    };
    let environment =
        std::sync::Arc::<hearken_channel_log::conformance::ManualEnvironment>::default();
    let device = std::sync::Arc::new(disk.clone());
    let opened = DiskEngine::open_stepped(environment, device, settings);
    assert!(opened.is_err());
    disk.set_faults(Faults::default());
    let (engine, mut steps) = open(&disk);
    assert_eq!(numbers(&engine, &mut steps, &orders), [1, 2]);
}

#[test]
fn logs_are_found_again_without_the_catalogue() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    append(&engine, &mut steps, &orders, 1);
    steps.checkpoint();
    append(&engine, &mut steps, &orders, 3);
    steps.checkpoint();
    append(&engine, &mut steps, &orders, 5);
    let epoch = engine.info(&orders).expect("it is there").epoch;
    disk.crash();
    drop((engine, steps));
    let removed = disk.remove_file(Path::new("/channels/channels.redb"));
    removed.expect("it is there");
    let (engine, mut steps) = open(&disk);
    assert_eq!(engine.info(&orders).expect("it is there").epoch, epoch);
    assert_eq!(numbers(&engine, &mut steps, &orders), [1, 2, 3, 4, 5, 6]);
    append(&engine, &mut steps, &orders, 7);
}
