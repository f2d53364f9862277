//! What channels cost that nobody uses.

mod common;

use common::{append, create, done, name, open};
use hearken_channel_log::{Engine as _, ReadLimit};
use hearken_channel_model::disk::Disk;

#[test]
fn idle_channels_hold_no_file_open() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let before = disk.open_files();
    let channels: Vec<_> = (0..100).map(|number| name(&format!("c{number}"))).collect();
    for channel in &channels {
        create(&engine, &mut steps, channel);
        append(&engine, &mut steps, channel, 1);
    }
    steps.checkpoint();
    // One of the journal.
    assert_eq!(disk.open_files(), before + 1);
    for _ in 0..3 {
        steps.tidy();
    }
    for channel in &channels {
        let page = done(&mut steps, engine.read(channel, 0, ReadLimit::default()));
        assert_eq!(page.expect("it can be read").events.len(), 2);
    }
    assert!(disk.open_files() > before + 1);
    for _ in 0..3 {
        steps.tidy();
    }
    assert_eq!(disk.open_files(), before + 1);
}
