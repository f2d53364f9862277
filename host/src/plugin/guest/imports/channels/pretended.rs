//! What a copy of a plugin, whose effects are not done, is told of its appends.

use hearken_channel_log::AppendError;

use crate::channel::{AppendFailure, Channel, Receipt, StoredEvent};
use crate::event::Draft;
use crate::plugin::guest::context::PluginContext;

/// As if they had been stored behind the channel's last event.
///
/// # Errors
/// When another event was expected to be the last.
pub(super) fn pretended(
    plugin: &PluginContext,
    channel: &Channel,
    drafts: &[Draft<'_>],
    expect_last: Option<u64>,
) -> Result<Receipt, AppendFailure> {
    let last = channel.bounds().map_or(0, |bounds| bounds.last);
    if expect_last.is_some_and(|expected| expected != last) {
        return Err(AppendError::Conflict { last }.into());
    }
    let numbered = (last.saturating_add(1)..).zip(drafts);
    let events = numbered.map(|(sequence, draft)| StoredEvent {
        id: draft
            .id
            .as_deref()
            .map_or_else(|| plugin.bus.new_id(), str::to_owned),
        time: plugin.bus.now_millis(),
        sequence,
        duplicate: false,
    });
    Ok(Receipt {
        epoch: channel.epoch(),
        last: last.saturating_add(drafts.len() as u64),
        events: events.collect(),
    })
}
