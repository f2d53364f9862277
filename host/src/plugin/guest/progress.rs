//! How far a guest has come with its batch, read from where it counts in its own memory,
//! and telling it there to stop.

use wasmtime::component::WasmList;
use wasmtime::{AsContext, AsContextMut, StoreContextMut};

use super::asking::Asking;
use super::batch::{Batch, NUMBER_BYTES, Progress, ProgressError, Shown, Stop};
use super::state::Guest;

/// Takes the place where the guest shows its progress.
///
/// # Errors
/// When the place has another size, or a batch is in hand.
pub(crate) fn watch(
    mut store: StoreContextMut<'_, Guest>,
    place: WasmList<u8>,
    shown: Shown,
) -> Result<(), ProgressError> {
    let expected = match shown {
        Shown::Counter => NUMBER_BYTES,
        Shown::CounterAndStop => 2 * NUMBER_BYTES,
    };
    let bytes = place.len();
    if bytes != expected {
        return Err(ProgressError::Size { bytes, expected });
    }
    if !store.data().batch.events.is_empty() {
        return Err(ProgressError::TooLate);
    }
    let mut progress = Progress {
        place,
        shown,
        before: 0,
        told_to_stop: None,
        interrupted: None,
    };
    progress.before = progress.begun(store.as_context());
    store.data_mut().batch.progress = Some(progress);
    Ok(())
}

/// Lets a guest that was told to stop go on with another batch.
pub(crate) fn let_go_on(mut store: StoreContextMut<'_, Guest>) {
    let Some(mut progress) = store.data_mut().batch.progress.take() else {
        return;
    };
    if progress.told_to_stop.take().is_some() {
        progress.interrupted = None;
        progress.write_stop(store.as_context_mut(), Stop::GoOn);
    }
    store.data_mut().batch.progress = Some(progress);
}

/// Looks how far the guest has come, at every moment at which the host has the
/// say, and tells it if it is to stop: what the guest does from here on is on the account
/// of the event in hand.
///
/// # Errors
/// When the counter makes no sense.
pub(crate) fn observe(mut store: StoreContextMut<'_, Guest>) -> Result<(), ProgressError> {
    if store.data().batch.progress.is_none() {
        return Ok(());
    }
    look(store.as_context_mut())?;
    if store.data().meter.asked_to_end() {
        tell_to_stop(store);
    }
    Ok(())
}

/// Looks how far the guest has come.
///
/// # Errors
/// When the counter makes no sense.
pub(crate) fn look(mut store: StoreContextMut<'_, Guest>) -> Result<(), ProgressError> {
    let Some(progress) = &store.data().batch.progress else {
        return Ok(());
    };
    let begun = progress.begun(store.as_context());
    let guest = store.data_mut();
    if guest.batch.advance(begun)? {
        if guest.batch.has_an_account_of_its_own(begun) {
            guest.meter.next_event();
        }
        guest.next_event();
    }
    Ok(())
}

fn tell_to_stop(mut store: StoreContextMut<'_, Guest>) {
    let batch = &mut store.data_mut().batch;
    let stops = |progress: &Progress| {
        progress.shown == Shown::CounterAndStop && progress.told_to_stop.is_none()
    };
    if batch.events.is_empty() || !batch.progress.as_ref().is_some_and(stops) {
        return;
    }
    let Some(mut progress) = batch.progress.take() else {
        return;
    };
    let begun = progress.begun(store.as_context());
    progress.told_to_stop = Some(begun.wrapping_sub(progress.before));
    progress.write_stop(store.as_context_mut(), Stop::BeforeNext);
    store.data_mut().batch.progress = Some(progress);
}

/// Whether a guest has all but used up the deadline of its start, or of an event.
fn is_out_of_time(guest: &Guest) -> bool {
    let is_at_work = guest.is_starting || !guest.batch.events.is_empty();
    is_at_work && guest.meter.is_nearly_over()
}

/// Tells a guest that evaluates a text to fail the event in hand, or its start, at once, if that
/// has all but used up its deadline: so it can say where in the text it was, which nobody else can.
pub(crate) fn interrupt(mut store: StoreContextMut<'_, Guest>) {
    let guest = store.data_mut();
    if guest.script.is_none() || !is_out_of_time(guest) {
        return;
    }
    let at = guest.batch.at();
    let is_told = |progress: &Progress| {
        progress.shown != Shown::CounterAndStop || progress.interrupted == Some(at)
    };
    if guest.batch.progress.as_ref().is_none_or(is_told) {
        return;
    }
    let Some(mut progress) = guest.batch.progress.take() else {
        return;
    };
    let begun = progress.begun(store.as_context());
    let before = progress.before;
    (progress.told_to_stop).get_or_insert_with(|| begun.wrapping_sub(before));
    progress.interrupted = Some(at);
    progress.write_stop(store.as_context_mut(), Stop::AtOnce);
    store.data_mut().batch.progress = Some(progress);
}

/// Whether a guest that evaluates a text, and asks, is to fail the event in hand, or its start,
/// at once.
pub(crate) fn is_late(mut store: StoreContextMut<'_, Guest>) -> bool {
    let guest = store.data_mut();
    let is_late = is_out_of_time(guest);
    if is_late {
        guest.batch.told_late();
    }
    is_late
}

/// From its next call on the guest gets whole frames, of which it asks for each event.
///
/// # Errors
/// When a batch is in hand.
pub(crate) fn take_frames(mut store: StoreContextMut<'_, Guest>) -> Result<(), ProgressError> {
    let batch = &mut store.data_mut().batch;
    if !batch.events.is_empty() {
        return Err(ProgressError::TooLate);
    }
    batch.asking = Some(Asking::default());
    Ok(())
}

/// Whether a guest that asks is to begin the next event; from there on that is the one in hand,
/// and has an account of its own.
///
/// # Errors
/// When there is none.
pub(crate) fn next(mut store: StoreContextMut<'_, Guest>) -> Result<bool, ProgressError> {
    let guest = store.data_mut();
    let is_begun = ask(&mut guest.batch, guest.meter.asked_to_end())?;
    if is_begun {
        guest.meter.next_event();
        guest.next_event();
    }
    Ok(is_begun)
}

/// Begins the next event, unless the guest is to end, or has used up the deadline of the event
/// in hand, of which its instance dies.
fn ask(batch: &mut Batch, is_to_end: bool) -> Result<bool, ProgressError> {
    let events = batch.events.len();
    if batch.at + 1 >= events {
        return Err(ProgressError::NoMore { events });
    }
    let is_to_stop = is_to_end || batch.late.is_some();
    let goes_on = batch.asking.get_or_insert_default().goes_on(is_to_stop);
    if goes_on {
        batch.at += 1;
        batch.begin_event();
    }
    Ok(goes_on)
}

/// How many events a guest has begun that has returned and shows no counter.
///
/// # Errors
/// When it has not asked for all, and was not told to stop.
fn asked_for(batch: &Batch) -> Result<usize, ProgressError> {
    let events = batch.events.len();
    let Some(asking) = &batch.asking else {
        return Ok(events);
    };
    let begun = batch.at + 1;
    if begun == events || asking.is_told_to_stop() {
        return Ok(begun);
    }
    Err(ProgressError::Unfinished {
        begun: begun as u64,
        events,
    })
}

/// Checks, after the guest returned, that it has begun every event, unless it was told to
/// stop; returns how many it has begun.
///
/// # Errors
/// When it has not.
pub(crate) fn check_finished(store: StoreContextMut<'_, Guest>) -> Result<usize, ProgressError> {
    let batch = &store.data().batch;
    let events = batch.events.len();
    let Some(progress) = &batch.progress else {
        return asked_for(batch);
    };
    let begun = progress.begun(store.as_context());
    let begun = begun.wrapping_sub(progress.before);
    match usize::try_from(begun) {
        Ok(all) if all == events => Ok(all),
        Ok(some) if some < events && progress.told_to_stop.is_some() => Ok(some),
        _ => Err(ProgressError::Unfinished { begun, events }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::plugin::guest::batch::FailureKind;

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
        assert_eq!(ask(&mut batch, false), Ok(true));
        assert_eq!(ask(&mut batch, false), Ok(true));
        batch
            .fail(FailureKind::Again, "the last".to_owned())
            .unwrap();
        assert_eq!(
            ask(&mut batch, false),
            Err(ProgressError::NoMore { events: 3 })
        );
        assert_eq!(asked_for(&batch), Ok(3));
        let failures = batch.end(3);
        let indexes: Vec<_> = failures.iter().map(|failure| failure.index).collect();
        assert_eq!(indexes, [0, 2]);
    }

    #[test]
    fn one_that_returns_too_soon_breaks_the_rules() {
        let mut batch = three();
        assert_eq!(ask(&mut batch, false), Ok(true));
        let unfinished = ProgressError::Unfinished {
            begun: 2,
            events: 3,
        };
        assert_eq!(asked_for(&batch), Err(unfinished));
    }

    #[test]
    fn one_that_is_to_end_begins_no_other_event_of_its_frame() {
        let mut batch = three();
        assert_eq!(ask(&mut batch, true), Ok(false));
        assert_eq!(ask(&mut batch, false), Ok(false), "also when it asks again");
        assert_eq!((batch.at(), asked_for(&batch)), (0, Ok(1)));
        batch.end(1);
        batch.begin(Arc::default(), 0..2, None);
        assert_eq!(ask(&mut batch, false), Ok(true), "of another it does");
    }

    #[test]
    fn one_that_is_out_of_time_begins_no_other_either() {
        let mut batch = three();
        assert_eq!(ask(&mut batch, false), Ok(true));
        batch.told_late();
        assert_eq!(ask(&mut batch, false), Ok(false));
        assert_eq!((batch.interrupted(), asked_for(&batch)), (Some(1), Ok(2)));
    }

    #[test]
    fn who_never_asks_has_one_event_and_finishes_it() {
        let mut batch = Batch::default();
        batch.begin(Arc::default(), 0..1, None);
        assert!(!batch.is_counted());
        assert_eq!(
            ask(&mut batch, false),
            Err(ProgressError::NoMore { events: 1 })
        );
        assert_eq!(asked_for(&batch), Ok(1));
    }
}
