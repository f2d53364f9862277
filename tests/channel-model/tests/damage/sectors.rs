//! Sectors of all files but the catalogue, with it and without.

use std::sync::Arc;

use hearken_channel_model::disk::{Damage, Disk};

use super::common::{create, name, open, try_open};
use super::{append, files, last, last_file, read, without_catalogue};

/// Bytes that a disk writes together.
const SECTOR: u64 = 512;
/// How many of them are damaged together.
const SECTORS: [u64; 3] = [1, 3, 6];
/// Bytes of a group that has nothing, and proves the one before it.
const PROOF: u64 = 36;

/// Three channels with events in segments that are synced, in segments that are not, and in two
/// files of the journal, of which the last are proven; and how many each has.
fn with_all_kinds_of_files() -> (Disk, [(&'static str, u64); 3]) {
    let disk = Disk::new(1);
    // So that the files are short.
    disk.set_room(16 << 20);
    let (engine, mut steps) = open(&disk);
    let mut channels = [("a", 0), ("b", 0), ("c", 0)];
    for (channel, _) in channels {
        create(&engine, &mut steps, &name(channel));
    }
    for (number, batches) in [
        &[(0, 10), (1, 300), (0, 700)][..],
        &[(0, 10), (1, 700), (2, 10), (0, 1200), (1, 10)],
        &[(2, 300), (0, 10), (1, 900), (2, 10)],
    ]
    .into_iter()
    .enumerate()
    {
        for (index, bytes) in batches {
            let (channel, last) = &mut channels[*index];
            append(&engine, &mut steps, &name(channel), *last + 1, *bytes);
            *last += 2;
        }
        match number {
            0 => steps.checkpoint(),
            1 => assert!(steps.file()),
            _ => {}
        }
        steps.seal();
    }
    steps.prove();
    disk.kill();
    disk.set_room(u64::MAX);
    (disk, channels)
}

/// Starts, and checks that of each channel all numbers that were given are there, or told to
/// be damaged; returns those that are given then, which are no fewer, and how many of them
/// are damaged. Nothing where the catalogue alone knew of which channel a folder is, as is told.
fn check_given<'n>(
    disk: &Disk,
    channels: [(&'n str, u64); 3],
    what: &str,
) -> Option<([(&'n str, u64); 3], usize)> {
    let mut told = 0;
    let (engine, mut steps) = match try_open(disk, &Arc::default()) {
        Ok(opened) => opened,
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains("says of which channel"), "{what}: {text}");
            assert!(what.ends_with("without the catalogue"), "{what}: {text}");
            return None;
        }
    };
    let now = channels.map(|(text, given)| {
        let channel = name(text);
        let found = read(&engine, &mut steps, &channel);
        let last = last(&engine, &channel);
        assert!(last >= given, "{what}: {channel}: {found:?}");
        let damaged = found.damaged.into_iter();
        let mut all: Vec<u64> = damaged.flat_map(|span| span.first..=span.last).collect();
        told += all.len();
        all.extend(found.whole);
        all.sort_unstable();
        assert!(all.into_iter().eq(1..=last), "{what}: {channel}");
        (text, last)
    });
    disk.kill();
    Some((now, told))
}

#[test]
fn whatever_sectors_are_damaged_what_was_given_is_there_or_told() {
    let (whole, channels) = with_all_kinds_of_files();
    let mut files = files(&whole, "/channels");
    files.retain(|(path, _)| path.extension().is_some_and(|end| end == "log"));
    let last = last_file(&whole, "/channels/journal").0;
    let places = files.iter().flat_map(|(path, written)| {
        // The group that proves the last one stays.
        let spoilt = if *path == last {
            (written - PROOF) / SECTOR
        } else {
            written.div_ceil(SECTOR)
        };
        let all = (0..spoilt).flat_map(|at| SECTORS.map(|count| (at, count)));
        let inside = all.filter(move |(at, count)| at + count <= spoilt);
        inside.map(move |(at, count)| (path, at, count))
    });
    let mut damaged = 0;
    for (path, at, sectors) in places {
        for damage in [Damage::Zeros, Damage::Unreadable] {
            for loses_catalogue in [false, true] {
                let disk = whole.copy();
                disk.spoil(path, at * SECTOR, sectors * SECTOR, damage);
                let mut what = format!("{damage:?} of {sectors} sectors from {at} of {path:?}");
                if loses_catalogue {
                    without_catalogue(&disk);
                    what += ", without the catalogue";
                }
                let Some((given, told)) = check_given(&disk, channels, &what) else {
                    continue;
                };
                damaged += told;
                // Once more, and without what the first start has noted.
                let again = check_given(&disk, given, &format!("again: {what}"));
                let (given, _) = again.expect("the catalogue is there again");
                without_catalogue(&disk);
                check_given(
                    &disk,
                    given,
                    &format!("{what}, again without the catalogue"),
                );
            }
        }
    }
    assert!(damaged > 100, "{damaged}");
}
