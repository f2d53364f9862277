//! CloudEvents in structured and batched mode.

use serde_json::value::RawValue;

use super::error::EventError;
use crate::event::cloudevent::{self, CloudEventError};
use crate::event::{Draft, json};

/// Reads one event.
pub(super) fn read(body: &[u8]) -> Result<Draft<'static>, EventError> {
    if body.is_empty() {
        return Err(EventError::Empty);
    }
    json::check(body)?;
    cloudevent::from_json(body).map_err(explain)
}

/// Reads a batch of at most `limit` events; an error names the position in the
/// batch where there is one.
pub(super) fn read_batch(
    body: &[u8],
    limit: usize,
) -> Result<Vec<Draft<'static>>, (Option<usize>, EventError)> {
    if body.is_empty() {
        return Err((None, EventError::Empty));
    }
    json::check(body).map_err(|error| (None, error.into()))?;
    let elements: Vec<&RawValue> =
        serde_json::from_slice(body).map_err(|error| (None, EventError::Syntax(error)))?;
    if elements.len() > limit {
        let events = elements.len();
        return Err((None, EventError::LongBatch { events, limit }));
    }
    let read = |(at, element): (usize, &RawValue)| {
        cloudevent::from_json(element.get().as_bytes()).map_err(|error| (Some(at), explain(error)))
    };
    elements.into_iter().enumerate().map(read).collect()
}

fn explain(error: CloudEventError) -> EventError {
    match error {
        CloudEventError::Json(error) => EventError::Syntax(error),
        error => EventError::CloudEvent(error),
    }
}
