//! Answers, and what they take of the memory for answers.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::gateway::context::Context;
use crate::gateway::endpoints::channels::{UNCOUNTED_RECEIPT, counted_by, room_of};
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;
use crate::gateway::serve::memory::Part;

/// Bytes of what is read for one answer that take no part of the memory for answers.
const SMALL_ANSWER: usize = 64 << 10;

/// The methods that only read.
const READS: [&str; 5] = ["presence", "presence_stats", "history", "info", "channels"];

/// Whether a method only reads.
pub(super) fn only_reads(method: &str) -> bool {
    READS.contains(&method)
}

/// What an answer has of the memory for answers, until it is sent. What was read counts; what
/// tells what was done hardly ever does, so that it is not answered as if it were not done,
/// however little is left.
#[derive(Debug)]
pub(super) struct Room {
    /// Bytes that the answer may have with these parts.
    bytes: usize,
    /// Of what is read, bytes that need no part.
    small: usize,
    parts: Vec<Part>,
}

impl Room {
    /// What the answer to this method needs none for.
    pub(super) fn of(method: &str) -> Self {
        match only_reads(method) {
            true => Self {
                bytes: SMALL_ANSWER,
                small: 0,
                parts: Vec::new(),
            },
            false => Self::of_batch(),
        }
    }

    /// The same of several commands, which may read and change.
    pub(super) fn of_batch() -> Self {
        Self {
            bytes: UNCOUNTED_RECEIPT,
            small: SMALL_ANSWER,
            parts: Vec::new(),
        }
    }

    /// Takes what so many more bytes need that were read.
    ///
    /// # Errors
    /// [`Rejection`] when there is no memory for them.
    pub(super) fn add(
        &mut self,
        context: &Context,
        client: &Client,
        bytes: usize,
    ) -> Result<(), Rejection> {
        match self.small.checked_sub(bytes) {
            Some(left) => self.small = left,
            None => self.parts.push(room_of(context, client, bytes)?),
        }
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }
}

/// The answer, which takes its part of the memory for answers until it is sent.
///
/// # Errors
/// [`Rejection`] when there is no memory for it.
pub(super) fn answered(
    context: &Context,
    client: &Client,
    status: StatusCode,
    answer: &impl Serialize,
    mut room: Room,
) -> Result<Response, Rejection> {
    let text = serde_json::to_vec(answer).expect("objects with string keys");
    let headers = [(header::CONTENT_TYPE, "application/json")];
    if text.len() > room.bytes {
        room.parts.push(room_of(context, client, text.len())?);
    }
    Ok((status, headers, counted_by(text, room.parts)).into_response())
}
