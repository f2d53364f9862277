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

<<<<<<< HEAD
    /// Whether it was told to begin no other event of the batch.
    pub(super) fn is_told_to_stop(&self) -> bool {
        self.told_to_stop
=======
    /// How many events a guest has begun that has returned and shows no counter.
    ///
    /// # Errors
    /// When it has not asked for all, and was not told to stop.
    pub(super) fn finished(&self) -> Result<usize, ProgressError> {
        let events = self.events.len();
        let Some(asking) = &self.asking else {
            return Ok(events);
        };
        let begun = self.at + 1;
        if begun == events || asking.told_to_stop {
            return Ok(begun);
        }
        Err(ProgressError::Unfinished {
            begun: begun as u64,
            events,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::batch::FailureKind;
    use super::*;

    /// Three events in the hands of a guest that asks.
    fn three() -> Batch {
        let mut batch = Batch::default();
        batch.asking.get_or_insert_default();
        batch.begin(Arc::default(), 2..5, None);
        batch
    }

    #[test]
    fn each_event_is_asked_for_once() {
        let mut batch = three();
        assert!(batch.is_counted());
        assert_eq!(batch.at(), 0, "the first is in hand");
        batch
            .fail(FailureKind::Again, "the first".to_owned())
            .unwrap();
        assert_eq!(batch.ask(false), Ok(true));
        assert_eq!(batch.ask(false), Ok(true));
        batch
            .fail(FailureKind::Again, "the last".to_owned())
            .unwrap();
        assert_eq!(batch.ask(false), Err(ProgressError::NoMore { events: 3 }));
        assert_eq!(batch.finished(), Ok(3));
        let failures = batch.end(3);
        let indexes: Vec<_> = failures.iter().map(|failure| failure.index).collect();
        assert_eq!(indexes, [0, 2]);
    }

    #[test]
    fn one_that_returns_too_soon_breaks_the_rules() {
        let mut batch = three();
        assert_eq!(batch.ask(false), Ok(true));
        let unfinished = ProgressError::Unfinished {
            begun: 2,
            events: 3,
        };
        assert_eq!(batch.finished(), Err(unfinished));
    }

    #[test]
    fn one_that_is_to_end_begins_no_other_event_of_its_frame() {
        let mut batch = three();
        assert_eq!(batch.ask(true), Ok(false));
        assert_eq!(batch.ask(false), Ok(false), "also when it asks again");
        assert_eq!((batch.at(), batch.finished()), (0, Ok(1)));
        batch.end(1);
        batch.begin(Arc::default(), 0..2, None);
        assert_eq!(batch.ask(false), Ok(true), "of another it does");
    }

    #[test]
    fn one_that_is_out_of_time_begins_no_other_either() {
        let mut batch = three();
        assert_eq!(batch.ask(false), Ok(true));
        batch.told_late();
        assert_eq!(batch.ask(false), Ok(false));
        assert_eq!((batch.interrupted(), batch.finished()), (Some(1), Ok(2)));
    }

    #[test]
    fn who_never_asks_has_one_event_and_finishes_it() {
        let mut batch = Batch::default();
        batch.begin(Arc::default(), 0..1, None);
        assert!(!batch.is_counted());
        assert_eq!(batch.ask(false), Err(ProgressError::NoMore { events: 1 }));
        assert_eq!(batch.finished(), Ok(1));
>>>>>>> land
    }
}
