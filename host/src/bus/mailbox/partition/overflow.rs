//! What a partition gives up when its mailbox is full.

use super::Partition;
use crate::bus::mailbox::segment::Segment;
use crate::bus::mailbox::shares::Shares;

impl Partition {
    /// Drops the event of a position in a segment that is counted; returns its bytes.
    pub(in crate::bus::mailbox) fn drop_one(
        &mut self,
        number: i64,
        position: u64,
        shares: &mut Shares,
    ) -> Option<usize> {
        let place = self.place(number);
        let segment = match number == self.next {
            true => &mut self.open,
            false => self.complete.get_mut(&number)?,
        };
        let (publisher, size) = segment.drop_one(position)?;
        if number != self.next || self.counted {
            shares.leave_one(place, segment, position, publisher, size);
        }
        if segment.is_empty() {
            if number == self.next {
                self.counted = false;
            } else {
                self.complete.remove(&number);
            }
        }
        Some(size)
    }

    /// The first segment with this number or a higher one that has events.
    pub(in crate::bus::mailbox) fn segment_from(&self, number: i64) -> Option<(i64, &Segment)> {
        let mut complete = self.complete.range(number..);
        let complete = complete.next().map(|(number, segment)| (*number, segment));
        let open =
            (number <= self.next && !self.open.is_empty()).then_some((self.next, &self.open));
        complete.or(open)
    }
}
