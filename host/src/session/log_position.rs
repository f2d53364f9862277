//! From where a session reads a durable channel.

use hearken_channel_log::Bounds;
use hearken_session_protocol::codes::errors;

use super::history::{Position, Recovered};
use super::hub::{Reads, Subscribed};
use super::log::Log;
use super::namespace::RecoveryMode;
use super::options::SubscriptionOptions;
use super::reading::is_epoch;
use super::refused::Refused;

/// From where a session reads a durable channel, and what it is told of that.
#[derive(Clone, Debug)]
pub(super) struct LogPosition {
    pub(super) reads: Reads,
    /// Whether nothing of what it has missed is missing, if it was there before.
    pub(super) is_recovered: bool,
    /// What it is told that it is behind.
    top: Position,
}

impl LogPosition {
    /// Of a session that was behind this offset of this epoch, if it was there before.
    /// `brings_latest` says whether it gets the latest publication if it was not.
    ///
    /// # Errors
    /// When the channel was removed meanwhile.
    pub(super) fn of(
        log: &Log,
        options: SubscriptionOptions,
        recovers: Option<(u64, &str)>,
        brings_latest: bool,
    ) -> Result<Self, Refused> {
        let bounds = log.bounds().ok_or(errors::UNKNOWN_CHANNEL)?;
        let is_this = |epoch| is_epoch(log.epoch(), epoch);
        let is_cache = options.recovery_mode == RecoveryMode::Cache;
        let (after, is_recovered) = match recovers {
            Some((offset, epoch)) if is_cache => {
                let has_it = offset > 0 && offset == bounds.last && is_this(epoch);
                latest(bounds, has_it)
            }
            None if is_cache && brings_latest => latest(bounds, false),
            Some((offset, epoch)) => {
                let is_whole = is_this(epoch) && is_kept(log, bounds, offset);
                (if is_whole { offset } else { bounds.last }, is_whole)
            }
            None => (bounds.last, false),
        };
        Ok(Self {
            reads: Reads {
                after,
                last: bounds.last,
            },
            is_recovered,
            top: Position {
                offset: match is_cache {
                    true => after,
                    false => bounds.last,
                },
                epoch: log.epoch().to_string().into(),
            },
        })
    }

    /// Somebody who is subscribed so. What it has missed is pushed, however much that is.
    pub(super) fn told(self, subscribed: Subscribed) -> Subscribed {
        Subscribed {
            recovered: Some(Recovered {
                publications: Vec::new(),
                recovered: self.is_recovered,
                top: self.top.clone(),
            }),
            top: Some(self.top),
            ..subscribed
        }
    }
}

/// Behind which number somebody begins who gets the latest publication alone, unless it has
/// that, and whether there is one.
fn latest(bounds: Bounds, has_it: bool) -> (u64, bool) {
    match bounds.last.checked_sub(1) {
        Some(before) if !has_it && bounds.first <= bounds.last => (before, true),
        _ => (bounds.last, has_it),
    }
}

/// Whether all is there that follows on a number.
fn is_kept(log: &Log, bounds: Bounds, offset: u64) -> bool {
    let is_there = offset <= bounds.last
        && offset.saturating_add(1) >= bounds.first
        && offset >= log.missing();
    is_there && (offset == bounds.last || log.damaged() <= offset)
}
