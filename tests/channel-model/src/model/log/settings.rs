//! What the settings of a log have dropped, and what is dropped otherwise.

use hearken_channel_log::{Discard, LogSettings};

use super::ModelLog;

/// Below it a log has few bytes, and may drop some of what was just appended.
pub(crate) const LARGE: u64 = 1 << 28;

/// Events that a log of few bytes keeps whatever it drops, as large as they are here.
const KEPT_OF_SMALL: u64 = 20;

impl ModelLog {
    /// Whether it has few bytes.
    pub(crate) fn is_small(&self) -> bool {
        self.settings.max_bytes < LARGE
    }

    /// Whether it refuses what would have more kept.
    pub(crate) fn refuses(&self) -> bool {
        self.settings.discard == Discard::Refuse
    }

    /// Whether something may be kept that the settings would have dropped.
    pub(crate) fn keeps(&self) -> bool {
        self.may_keep
    }

    /// What would be kept is not: no more than that is sure.
    pub(super) fn drop_by_count(&mut self) {
        let most = self.settings.max_events.unwrap_or(u64::MAX);
        let most = if self.is_small() {
            most.min(KEPT_OF_SMALL)
        } else {
            most
        };
        self.drop_below((self.last + 1).saturating_sub(most));
    }

    /// What was recorded before this time may be too old, if the settings say so.
    pub(crate) fn drop_by_age(&mut self, now: u64) {
        let Some(age) = self.settings.max_age else {
            return;
        };
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let oldest = now.saturating_sub(age);
        let young = self.events.iter().find(|(_, event)| event.time >= oldest);
        let first = young.map_or(self.last + 1, |(number, _)| *number);
        self.drop_below(first);
    }

    fn drop_below(&mut self, first: u64) {
        let first = first.min(self.kept.unwrap_or(u64::MAX));
        self.droppable = self.droppable.max(first);
    }

    pub(crate) fn set_max_events(&mut self, most: Option<u64>) {
        self.settings.max_events = most;
        self.drop_by_count();
    }

    /// From there on all is kept but for what is trimmed. What may not have become so keeps
    /// nothing, and may keep what the settings would drop.
    pub(crate) fn keep(&mut self, from: Option<u64>, sure: bool, now: u64) {
        self.may_keep |= from.is_some();
        self.kept = from.filter(|_| sure);
        self.drop_by_count();
        self.drop_by_age(now);
    }

    /// The settings are those of a log that was found again, and what was trimmed and not
    /// yet removed is there again.
    pub(crate) fn lose_settings(&mut self) {
        self.settings = LogSettings::default();
        self.kept = None;
        self.trimmed = 1;
    }

    /// Checks that what lies behind a position is what was recorded since a time, of a log
    /// that is told to end with the event `last`.
    pub(crate) fn check_since(&self, time: u64, position: u64, last: u64) -> Result<(), String> {
        if position > last {
            return Err(format!("{position} is behind the last, which is {last}"));
        }
        let kept = self.droppable.max(self.may_be_trimmed);
        for (number, event) in self.events.range(kept..) {
            let is_before = *number <= position;
            if is_before && event.time >= time && !self.is_lost(*number) {
                return Err(format!(
                    "{number} was recorded since {time}, not only what is behind {position}"
                ));
            }
        }
        let next = position + 1;
        let told = kept..=last;
        match self.events.get(&next).filter(|_| told.contains(&next)) {
            Some(event) if event.time < time && !self.is_lost(next) => {
                Err(format!("{next} was recorded before {time}"))
            }
            _ => Ok(()),
        }
    }
}
