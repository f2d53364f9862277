//! What is dropped for being old is not what is damaged.

use std::sync::Arc;
use std::time::Duration;

use hearken_channel_log::conformance::ManualEnvironment;
use hearken_channel_log::{Engine as _, LogSettings};
use hearken_channel_model::disk::Disk;

use super::common::{done, name, try_open};
use super::{append, last_file, read, span};

/// Opens a channel that keeps events for a minute, with three batches, one every 20
/// seconds, of which the head of one is damaged; drops what is too old so much later.
fn after(seconds: u64, damaged: u64) -> super::Found {
    let disk = Disk::new(1);
    let environment = Arc::new(ManualEnvironment::default());
    let (engine, mut steps) = try_open(&disk, &environment).expect("the disk works");
    let orders = name("orders");
    let settings = LogSettings {
        max_age: Some(Duration::from_mins(1)),
        ..LogSettings::default()
    };
    done(&mut steps, engine.create(&orders, &settings)).expect("there is room");
    let head = last_file(&disk, "/channels/1").1;
    for from in [1, 3, 5] {
        append(&engine, &mut steps, &orders, from, 10);
        environment.advance(Duration::from_secs(20));
    }
    steps.seal();
    steps.checkpoint();
    disk.kill();
    drop((engine, steps));
    let (segment, end) = last_file(&disk, "/channels/1");
    disk.flip_at(&segment, head + (end - head) / 3 * damaged + 20);
    environment.advance(Duration::from_secs(seconds));
    let (engine, mut steps) = try_open(&disk, &environment).expect("the disk works");
    done(&mut steps, engine.enforce());
    read(&engine, &mut steps, &orders)
}

#[test]
fn what_is_damaged_is_told_as_long_as_it_may_be_young() {
    let found = after(1, 1);
    assert_eq!(found.gaps, [span(1, 2)]);
    assert_eq!((found.damaged, found.whole), (vec![span(3, 4)], vec![5, 6]));
    // The newest: nothing behind it says how old it is.
    let found = after(1000, 2);
    assert_eq!(found.gaps, [span(1, 4)]);
    assert_eq!((found.damaged, found.whole), (vec![span(5, 6)], vec![]));
    // What is behind it is too old.
    let found = after(35, 0);
    assert_eq!(found.gaps, [span(1, 4)]);
    assert_eq!((found.damaged, found.whole), (vec![], vec![5, 6]));
}
