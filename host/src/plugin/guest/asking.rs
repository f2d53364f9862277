//! Guests that cannot show the host their memory: such a guest asks before it begins an event
//! of a frame, instead of counting where the host sees it.

/// Of a guest that asks for each event of a frame but the first.
#[derive(Debug, Default)]
pub(super) struct Asking {
    told_to_stop: bool,
}

impl Asking {
    /// Another batch is in hand.
    pub(super) fn begin_batch(&mut self) {
        self.told_to_stop = false;
    }

    /// Whether it is to begin the next event: once it was told to stop, it is not.
    pub(super) fn goes_on(&mut self, is_to_stop: bool) -> bool {
        self.told_to_stop |= is_to_stop;
        !self.told_to_stop
    }

    /// Whether it was told to begin no other event of the batch.
    pub(super) fn is_told_to_stop(&self) -> bool {
        self.told_to_stop
    }
}
