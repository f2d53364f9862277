//! One log.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use hearken_wire::EventRef;
use tokio::sync::watch;

use super::kept::Kept;
use crate::dedupe::{Dedupe, Stored};
use crate::{
    AppendError, Appended, Batch, Bounds, Cell, CellChange, CellError, CellRange, CellRow,
    ChannelInfo, ChannelName, ChannelState, Discard, Epoch, Expected, FullBecause, LogSettings,
    MAX_CELL_ROWS, Page, ReadLimit, Span, placing,
};

/// One log.
#[derive(Debug)]
pub(super) struct Log {
    id: u64,
    epoch: Epoch,
    created: u64,
    settings: LogSettings,
    kept_from: Option<u64>,
    kept: Kept,
    bounds: Bounds,
    /// When the newest was recorded.
    last_time: u64,
    tail: watch::Sender<Bounds>,
    cells: BTreeMap<String, Cell>,
}

impl Log {
    pub(super) fn new(id: u64, epoch: Epoch, created: u64, settings: LogSettings) -> Self {
        let bounds = Bounds { first: 1, last: 0 };
        Self {
            id,
            epoch,
            created,
            settings,
            kept_from: None,
            kept: Kept::default(),
            bounds,
            last_time: 0,
            tail: watch::Sender::new(bounds),
            cells: BTreeMap::new(),
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn bytes(&self) -> u64 {
        self.kept.bytes()
    }

    pub(super) fn info(&self, name: &ChannelName) -> ChannelInfo {
        ChannelInfo {
            name: name.clone(),
            epoch: self.epoch,
            first: self.bounds.first,
            last: self.bounds.last,
            bytes: self.kept.bytes(),
            state: ChannelState::Ok,
            settings: self.settings.clone(),
            kept_from: self.kept_from,
            given_up: 0,
            created: self.created,
        }
    }

    pub(super) fn tail(&self) -> watch::Receiver<Bounds> {
        self.tail.subscribe()
    }

    pub(super) fn change(&mut self, settings: LogSettings, now: u64) {
        self.settings = settings;
        self.enforce(now);
    }

    pub(super) fn keep(&mut self, from: Option<u64>, now: u64) {
        self.kept_from = from;
        self.enforce(now);
    }

    pub(super) fn append(
        &mut self,
        batch: Batch,
        expected: Expected,
        (now, age): (u64, u64),
        room: u64,
        dedupe: &mut Dedupe,
    ) -> Result<Appended, AppendError> {
        self.enforce(age);
        let Bounds { last, .. } = self.bounds;
        let time = now.max(self.last_time);
        let since = time.min(age).saturating_sub(self.settings.dedupe_millis());
        let known = |key: &_| dedupe.find(self.id, key, since);
        let nothing = batch.is_empty();
        let placed = placing::number(batch, last.saturating_add(1), time, known);
        if placed.count > 0 || nothing {
            self.check_expected(expected)?;
        }
        let bytes = placed.bytes.len() as u64;
        self.make_room(u64::from(placed.count), bytes, room)?;
        let events = placed.appended();
        let until = time.saturating_add(self.settings.dedupe_millis());
        for (index, key) in &placed.keys {
            let sequence = last + 1 + u64::from(*index);
            let stored = Stored { sequence, time };
            dedupe.remember(self.id, *key, stored, until);
        }
        self.kept.add(&placed.bytes);
        self.bounds.last += u64::from(placed.count);
        if placed.count > 0 {
            self.last_time = time;
            self.tail.send_replace(self.bounds);
            // A batch may have more events than are kept.
            self.enforce(age);
        }
        Ok(Appended {
            epoch: self.epoch,
            last: self.bounds.last,
            events,
        })
    }

    fn check_expected(&self, expected: Expected) -> Result<(), AppendError> {
        let Expected::Last { epoch, last } = expected else {
            return Ok(());
        };
        if epoch.is_some_and(|epoch| epoch != self.epoch) {
            return Err(AppendError::AnotherLog { epoch: self.epoch });
        }
        if last != self.bounds.last {
            let last = self.bounds.last;
            return Err(AppendError::Conflict { last });
        }
        Ok(())
    }

    /// Drops as many of the oldest events as so much more needs, if the settings say so
    /// and nothing keeps them.
    fn make_room(&mut self, events: u64, bytes: u64, room: u64) -> Result<(), AppendError> {
        let most = self.settings.max_bytes;
        if bytes > most {
            return Err(AppendError::TooLarge { bytes, most });
        }
        if events == 0 {
            return Ok(());
        }
        let max_events = self.settings.max_events.unwrap_or(u64::MAX);
        let (mut dropped, mut freed) = (0_usize, 0);
        let mut kept = self.kept.events().iter();
        while (self.kept.len() - dropped) as u64 + events > max_events
            || self.kept.bytes() - freed + bytes > most.min(room)
        {
            let over_node = self.kept.bytes() - freed + bytes > room;
            if self.settings.discard == Discard::Refuse {
                return Err(AppendError::Full(if over_node {
                    FullBecause::Node
                } else {
                    FullBecause::Channel
                }));
            }
            let Some(oldest) = kept.next() else {
                if over_node {
                    return Err(AppendError::Full(FullBecause::Node));
                }
                // More events than it may keep: the first of them go at once.
                break;
            };
            if self.is_kept(self.bounds.first + dropped as u64) {
                return Err(AppendError::Full(FullBecause::Kept));
            }
            freed += oldest.len() as u64;
            dropped += 1;
        }
        self.drop_oldest(dropped);
        Ok(())
    }

    fn is_kept(&self, number: u64) -> bool {
        self.kept_from.is_some_and(|from| number >= from)
    }

    /// Drops what the settings do not keep.
    pub(super) fn enforce(&mut self, now: u64) {
        let oldest = self.settings.oldest_time(now).unwrap_or_default();
        let max_events = self.settings.max_events.unwrap_or(u64::MAX);
        let (mut left, mut bytes) = (self.kept.len() as u64, self.kept.bytes());
        let mut dropped = 0;
        for (event, number) in self.kept.events().iter().zip(self.bounds.first..) {
            let over = self.settings.discard == Discard::Oldest
                && (left > max_events || bytes > self.settings.max_bytes);
            let old = EventRef::assume_encoded(event).recorded_time() < oldest;
            if !(over || old) || self.is_kept(number) {
                break;
            }
            left -= 1;
            bytes -= event.len() as u64;
            dropped += 1;
        }
        self.drop_oldest(dropped);
    }

    fn drop_oldest(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        self.kept.drop_oldest(count);
        self.bounds.first += count as u64;
        self.tail.send_replace(self.bounds);
    }

    pub(super) fn read(&self, after: u64, limit: ReadLimit) -> Page {
        let Bounds { first, last } = self.bounds;
        let from = after.saturating_add(1);
        let gap = Span::new(from, last.min(first - 1));
        let start = from.max(first);
        let skipped = usize::try_from(start - first).unwrap_or(usize::MAX);
        let mut bytes = 0_usize;
        let mut events = Vec::new();
        let kept = self.kept.events().iter().skip(skipped);
        for event in kept.take(limit.events.max(1)) {
            bytes = bytes.saturating_add(event.len());
            if bytes > limit.bytes && !events.is_empty() {
                break;
            }
            events.push(event.clone());
        }
        let next = match events.len() as u64 {
            0 => after.max(gap.map_or(0, |gap| gap.last)),
            count => start - 1 + count,
        };
        Page {
            epoch: self.epoch,
            events,
            next,
            last,
            gap,
        }
    }

    pub(super) fn since(&self, time: u64) -> u64 {
        let before = |event: &Bytes| EventRef::assume_encoded(event).recorded_time() < time;
        let older = self.kept.events().partition_point(before);
        self.bounds.first - 1 + older as u64
    }

    pub(super) fn trim(&mut self, before: u64) -> Bounds {
        let gone = before.saturating_sub(self.bounds.first);
        let gone = usize::try_from(gone).unwrap_or(usize::MAX);
        self.drop_oldest(gone.min(self.kept.len()));
        self.bounds
    }

    pub(super) fn cell(&self, key: &str) -> Option<Cell> {
        self.cells.get(key).cloned()
    }

    pub(super) fn cells(&self, range: &CellRange) -> Vec<CellRow> {
        let start = match &range.after {
            Some(after) if *after >= range.prefix => Bound::Excluded(after.as_str()),
            _ => Bound::Included(range.prefix.as_str()),
        };
        let rows = self.cells.range::<str, _>((start, Bound::Unbounded));
        let rows = rows.take_while(|(key, _)| key.starts_with(&range.prefix));
        let rows = rows.take(range.limit.min(MAX_CELL_ROWS));
        rows.map(|(key, cell)| CellRow {
            key: key.clone(),
            cell: cell.clone(),
        })
        .collect()
    }

    pub(super) fn change_cells(
        &mut self,
        changes: Vec<CellChange>,
        revision: &mut u64,
    ) -> Result<Vec<u64>, CellError> {
        // A key may be changed twice: what a change expects is looked at as it is made.
        let mut before: Vec<(String, Option<Cell>)> = Vec::with_capacity(changes.len());
        let mut versions = Vec::with_capacity(changes.len());
        for CellChange {
            key,
            value,
            version: expected,
        } in changes
        {
            let version = self.cells.get(&key).map_or(0, |cell| cell.version);
            if expected.is_some_and(|expected| expected != version) {
                for (key, cell) in before.into_iter().rev() {
                    match cell {
                        Some(cell) => drop(self.cells.insert(key, cell)),
                        None => drop(self.cells.remove(&key)),
                    }
                }
                return Err(CellError::Conflict { key, version });
            }
            *revision += 1;
            let now = value.map(|value| Cell {
                value,
                version: *revision,
            });
            versions.push(now.as_ref().map_or(0, |cell| cell.version));
            let old = match now {
                Some(cell) => self.cells.insert(key.clone(), cell),
                None => self.cells.remove(&key),
            };
            before.push((key, old));
        }
        Ok(versions)
    }
}
