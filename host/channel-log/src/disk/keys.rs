//! Learning after a start which keys were stored before.

use std::io;

use super::channel::Channel;
use super::core::{Core, disk_fault};
use super::format::{BATCH_HEAD, keys_of, segment_head_bytes};
use super::times;
use super::walk::{Found, Walk};
use crate::StorageFault;
use crate::dedupe::{Dedupe, Stored};

/// Bytes that are read at once.
const WINDOW: usize = 256 << 10;

/// Reads the keys of a channel that its segments hold and that are to be remembered,
/// unless that was done since the start. Keys that lie in what is damaged are not known
/// any more.
pub(super) fn learn(
    core: &Core,
    channel: &Channel,
    dedupe: &mut Dedupe,
) -> Result<(), StorageFault> {
    let (window, time) = {
        let state = channel.state();
        if state.keys_known || state.removed {
            return Ok(());
        }
        (state.settings.dedupe_millis(), state.time)
    };
    let since = core
        .environment
        .now_millis()
        .max(time)
        .saturating_sub(window);
    let learned = read(core, channel, dedupe, since, window);
    learned.map_err(|error| disk_fault(&core.folder(channel), &error))?;
    channel.state().keys_known = true;
    Ok(())
}

fn read(
    core: &Core,
    channel: &Channel,
    dedupe: &mut Dedupe,
    since: u64,
    window: u64,
) -> io::Result<()> {
    let head_bytes = segment_head_bytes(&channel.name);
    let segments = core.segments(channel)?;
    let filed = channel.state().filed;
    let from = times::segment_of(core, channel, &segments, since)?;
    for segment in &segments[from..] {
        let Some(open) = core.open_segment(channel, *segment)? else {
            continue;
        };
        let of = (core.store, channel.id);
        let start = {
            let index = open.index(of, segment.bytes)?;
            let mark = index.last(|mark| mark.time < since);
            mark.map_or(head_bytes, |mark| mark.at)
        };
        let mut walk = Walk::new(open.file.as_ref(), of, (start, segment.bytes), WINDOW);
        loop {
            let (at, head) = match walk.next()? {
                Found::Batch(at, head) => (at, head),
                Found::Bad => continue,
                Found::End => break,
            };
            if head.keys == 0 || head.time < since || head.first > filed {
                continue;
            }
            let Some(batch) = walk.batch(at, &head)? else {
                continue;
            };
            for (index, key) in keys_of(&batch[BATCH_HEAD..head.events_at()]) {
                let sequence = head.first + u64::from(index);
                let time = head.time;
                let until = time.saturating_add(window);
                dedupe.remember(channel.id, key, Stored { sequence, time }, until);
            }
        }
    }
    Ok(())
}
